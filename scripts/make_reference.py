#!/usr/bin/env python
"""Write docs/task-file.md from the task file's schema; with --check, only say whether it is up to date."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ruletune.config.schema import TaskFile
from ruletune.rules import KINDS
from ruletune.rules.entry import TestEntry, Written
from ruletune.rules.near import Sought
from ruletune.tasks import TASKS
from ruletune.templates import FIELDS

TARGET = Path(__file__).resolve().parent.parent / "docs" / "task-file.md"

_INTRODUCTION = """\
# The task file

<!-- Written by scripts/make_reference.py from the schema; change that, then run: make docs -->

A task file says what is to be learned, from which data, and what you know about it. It is YAML 1.2 in UTF-8.
`ruletune init DATA` writes one with comments; `ruletune check TASK` says everything that is wrong with one, with the
line and what would be right.

```yaml
task: classification
labels:
  positive: praises the film
  negative: advises against it
data:
  train: train.jsonl
  unlabeled: pool.jsonl
rules:
  - {name: praise, keywords: [superb, a must see], vote: positive}
  - {name: negated praise, regex: '\\bnot (very )?(good|funny)\\b', ignore_case: true, vote: negative}
```

- Only `task`, `labels` and `data.train` are required. A key left out has its default; so has one with nothing
  behind it, unless `null` is among its values.
- Paths are relative to the task file.
- A key that is not in these tables is an error. So is a key that stands twice.
- Labels are text: `1` and `true` name the labels "1" and "true".
- Write regular expressions in single quotes: there a backslash is only a backslash. Put quotes around a text with `: `
  or ` #` in it, and around one that begins with `{`, `[`, `@`, `*`, `&`, `!`, `%` or a backtick.
"""

_TEMPLATES = """
A template is text with fields in braces: {fields}. `{{{{` and `}}}}` are literal braces. There are no expressions.
`{{text}}` must be among them. `{{sep}}` divides the input into the tokenizer's first and second segment. `{{labels}}` lists
the labels with their descriptions. Without a template the model is shown `{{text}}`, or `{{text}}{{sep}}{{text_pair}}` where
`data.columns.text_pair` is set. `{{mask}}` is a blank that a masked language model fills in with the words of `verbalizer`
([clozes](cloze.md)): all templates have one, or none. Answers through several templates are averaged. What is in a text is never read as a template. A text too long for the model loses its
end; what the template puts around it stays whole.
"""

_LEADS = {
    "rules": "A rule votes for a label where it matches and abstains everywhere else. Its kind is the key that says what it\n"
    "matches: {kinds}.\n",
}


def reference() -> str:
    """The whole page."""
    fields = ", ".join(f"`{{{name}}}`" for name in FIELDS)
    parts = [_INTRODUCTION, "\n## Top level\n", _table(TaskFile, "")]
    for name, info in TaskFile.model_fields.items():
        if name == "templates":
            parts += ["\n## `templates`\n", _TEMPLATES.format(fields=fields)]
        elif name == "rules":
            parts += _rules()
        elif (model := _model(info.annotation)) is not None:
            parts += _section(model, name)
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _section(model: type[BaseModel], path: str) -> Iterator[str]:
    """A table for a model, then one for each model inside."""
    yield f"\n## `{path}`\n"
    yield _sentence(model)
    yield _table(model, path)
    for name, info in model.model_fields.items():
        inner = _model(info.annotation)
        if inner is not None:
            yield from _section(inner, f"{path}.{name}")


def _rules() -> Iterator[str]:
    yield "\n## `rules`\n"
    yield _LEADS["rules"].format(kinds=", ".join(f"`{kind}`" for kind in KINDS))
    for task in TASKS.values():
        kinds = ", ".join(f"`{kind}`" for kind in KINDS if kind in task.rule_kinds)
        yield f"The task `{task.name}` can use {kinds}.\n"
    for kind, entry in KINDS.items():
        yield f"\n### `{kind}`\n"
        yield _sentence(entry)
        yield _table(entry, f"rules.{kind}", first=kind)
        for name, info in entry.model_fields.items():
            inner = _model(info.annotation)
            if inner is not None and inner is not TestEntry:
                yield f"\n### `rules.{kind}.{name}`\n"
                yield _sentence(inner)
                yield _table(inner, f"rules.{kind}.{name}")
    yield "\n### `rules.tests`\n"
    yield _sentence(TestEntry)
    yield _table(TestEntry, "rules.tests", first="text")


def _sentence(model: type[BaseModel]) -> str:
    text = " ".join((model.__doc__ or "").split("\n\n")[0].split()).replace("``", "`")
    return text + "\n"


def _table(model: type[BaseModel], path: str, *, first: str | None = None) -> str:
    fields = {info.alias or name: info for name, info in model.model_fields.items()}
    rows = [_row(name, fields[name], path) for name in sorted(fields, key=lambda name: name != first)]
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _row(name: str, info: FieldInfo, path: str) -> str:
    cells = [f"`{name}`", _type(name, info, path), _default(info), info.description or ""]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(name: str, info: FieldInfo, path: str) -> str:
    if name in ("rules", "templates") and not path:
        return f"list, see [`{name}`](#{name})"
    if name == "labels" and not path:
        return "mapping or list of names"
    inner = _model(info.annotation)
    if inner is TestEntry:
        return "list of mappings, see [`rules.tests`](#rulestests)"
    if inner is not None:
        place = f"{path}.{name}" if path else name
        listed = "list of mappings" if get_origin(info.annotation) is tuple else "mapping"
        return f"{listed}, see [`{place}`](#{place.replace('.', '')})"
    return _kind(info.annotation, info.metadata)


def _kind(annotation: Any, metadata: list[Any]) -> str:
    """A type in words, with its limits."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        extras = [extra for part in inside[1:] for extra in getattr(part, "metadata", [part])]
        return _kind(inside[0], [*extras, *metadata])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if origin is tuple:
        word, _, limits = _kind(inside[0], []).partition(" (")
        return f"list of {word}s" + (f" ({limits}" if limits else "")
    if origin is dict:
        return "mapping of text to text" if inside[1] is str else "mapping"
    if annotation == Written:
        return "name or condition"
    if annotation == Sought:
        return "list of texts, or a condition"
    if annotation == bool | str:
        return "true, false or text"
    if type(None) in inside:
        [member] = [part for part in inside if part is not type(None)]
        return f"{_kind(member, metadata)}, or null"
    word = {str: "text", bool: "true or false", int: "whole number", float: "number"}[annotation]
    limits = ", ".join(limit for limit in map(_limit, metadata) if limit)
    return f"{word} ({limits})" if limits else word


def _limit(limit: object) -> str | None:
    match limit:
        case Gt(gt=value):
            return f"> {value}"
        case Ge(ge=value):
            return f">= {value}"
        case Lt(lt=value):
            return f"< {value}"
        case Le(le=value):
            return f"<= {value}"
        case _:
            return None


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "see there"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is dict:
        return None
    return next((found for found in map(_model, get_args(annotation)) if found), None)


def main(arguments: list[str]) -> int:
    page = reference()
    if "--check" in arguments:
        if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == page:
            return 0
        print(f"{TARGET} is out of date; run: make docs", file=sys.stderr)
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
