"""Fuzz task files: their text, and the values in it. Nothing that a task file says may end in anything but a UserError.

Cases begin with the task files of the examples and every key of the schema, and change them a little.
"""

from __future__ import annotations

import functools
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from ruletune.config import TaskFile, parse_task, to_yaml
from ruletune.config.edit import add_rules, change_rule
from ruletune.config.load import _specified
from ruletune.config.tree import Tree
from ruletune.rules import KINDS
from tests.faults.fuzzing import BrokenPromiseError
from tests.faults.grammar import as_json, changed, changed_text, odd, odd_text

EXAMPLES = Path(__file__).parents[2] / "examples"

CODE = ("function", "snorkel")
"""Keys that name code. It would be run, so what they name is never left to chance."""

FILES = {
    "terms.txt": "prize\ncash\nfree money\n北京\n",
    "table.tsv": "spam\tfree .*\tfree cash\nham\thello\n",
    "patterns.jsonl": '{"label": "spam", "pattern": "free cash"}\n{"label": "ham", "pattern": [{"LOWER": "hi"}, {"OP": "?"}]}\n',
    "glossary.tsv": "dog\tHund | Hunde\ncat\tKatze\n",
    "pairs.tsv": "spam\tSUBJ works for OBJ\nham\tSUBJ ... OBJ\n",
    "rules.py": "def f(text):\n    return len(text) > 40\n",
    "knowledge.tsv": "MRSA\ta bacterium\nHIV\ta virus\n",
}

MORE: dict[str, dict[str, Any]] = {
    "all kinds": {
        "task": "classification",
        "labels": {"spam": "unwanted", "ham": "wanted"},
        "data": {"train": "hf:x/y"},
        "templates": ["{description} {text}"],
        "knowledge": [{"file": "knowledge.tsv", "place": "suffix"}],
        "rules": [
            {"name": "a", "regex": r"\bfree\b", "vote": "spam", "unless": {"regex": "no"}},
            {"name": "b", "keywords": ["prize", "cash"], "vote": "spam", "weight": 2},
            {"gazetteer": "terms.txt", "vote": "spam"},
            {"table": "table.tsv"},
            {"patterns": "patterns.jsonl"},
            {"field": "sender", "equals": "boss", "vote": "ham"},
            {"length": "words", "at_most": 3, "vote": "ham"},
            {"casing": "upper", "vote": "spam"},
            {"all": ["a", {"not": {"regex": "x"}}], "vote": "spam"},
            {"any": ["a", "b"], "veto": "ham"},
            {"votes": "heuristics", "labels": {"0": "spam", "1": "ham"}},
            {"span": [{"word": "free"}, {"repeat": "?"}], "vote": "spam"},
            {"regex": "loan", "prompt": "About money: {text}"},
        ],
        "tests": [{"text": "free", "expect": "spam"}],
    },
    "a pair": {
        "task": "relation",
        "labels": ["spam", "ham"],
        "data": {"train": "hf:x/y"},
        "rules": [
            {"pattern_file": "pairs.tsv"},
            {"pattern": "SUBJ met OBJ", "vote": "ham"},
            {"types": {"subject": "PER", "object": "ORG"}, "vote": "spam"},
            {"order": "subject first", "vote": "ham"},
        ],
    },
    "a writer": {
        "task": "translation",
        "data": {"train": "train.{en,de}"},
        "rules": [{"glossary": "glossary.tsv", "inflect": True}, {"regex": "dog", "require": ["Hund"]}, {"copy": "numbers"}],
    },
    "understanding": {
        "task": "understanding",
        "intents": ["play", "stop"],
        "slots": ["artist", "album"],
        "data": {"train": "seq.in"},
        "rules": [{"keywords": ["play"], "vote": "play"}, {"regex": "by (?P<entity>.+)", "vote": "artist"}],
    },
}  # fmt: skip


@functools.cache
def folder() -> Path:
    """A folder with the files that rules name."""
    path = Path(tempfile.mkdtemp(prefix="ruletune-fuzz-"))
    for name, text in FILES.items():
        (path / name).write_text(text, encoding="utf-8")
    for file in (*EXAMPLES.glob("*/*.txt"), *EXAMPLES.glob("*/*.tsv")):
        (path / file.name).write_bytes(file.read_bytes()[:2000].rpartition(b"\n")[0])
    return path


@functools.cache
def sources() -> tuple[str, ...]:
    """Task files as they are written."""
    paths = sorted(EXAMPLES.glob("*/task.yaml"))
    return (
        *(path.read_text(encoding="utf-8") for path in paths),
        *(json.dumps(value, indent=1) for value in MORE.values()),
    )


@functools.cache
def values() -> tuple[Any, ...]:
    """The same as values."""
    plain = YAML(typ="safe", pure=True)
    return tuple(plain.load(source) for source in sources())


@functools.cache
def keys() -> tuple[str, ...]:
    """Every key of a task file, as ``docs/task-file.md`` has them."""

    def names(model: type[BaseModel]) -> Iterator[str]:
        for name, info in model.model_fields.items():
            yield info.alias or name
            for inner in _models(info.annotation):
                yield from names(inner)

    found = {name for model in (TaskFile, *KINDS.values()) for name in names(model)}
    return tuple(sorted(found - set(CODE)))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    from typing import get_args

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def safe(value: Any) -> Any:
    """Values in which nothing names code."""
    if isinstance(value, dict):
        return {key: ("rules.py:f" if key in CODE else safe(inner)) for key, inner in value.items()}
    return [safe(inner) for inner in value] if isinstance(value, list) else value


def task_values(rng: random.Random) -> str:
    """A task file as values, without its text: the schema, the rules and their files."""
    value = safe(changed(rng.choice(values()), rng, keys=keys(), donors=values()))
    if not isinstance(value, dict):
        value = {"task": value}
    tree = Tree(value, "task.yaml", CommentedMap())
    if value.get("task") == "understanding":
        return task_text(rng, as_json(value))
    spec = _specified(tree, "", folder() / "task.yaml", check_data=False)
    if rng.random() < 0.02:
        to_yaml(spec)
    return f"a task of {spec.task.name}"


def task_text(rng: random.Random, source: str | None = None) -> str:
    """A task file as text: changed as text, or as values that are written in JSON, which is YAML."""
    if source is None:
        kind = rng.random()
        source = rng.choice(sources())
        if kind < 0.6:
            source = changed_text(_part(source, rng), rng)
        else:
            source = as_json(safe(changed(rng.choice(values()), rng, keys=keys(), donors=values())))
    if any(name in source for name in CODE) or "rules.py" in source:
        return "names code"
    spec = parse_task(source, path=folder() / "task.yaml", check_data=False)
    return f"a task of {spec.task.name}"


def _part(source: str, rng: random.Random) -> str:
    """A task file with some of its lines: the parser is slow, and a few are enough."""
    lines = source.split("\n")
    keep = rng.choice((8, 15, 30, len(lines)))
    start = rng.randrange(max(1, len(lines) - keep + 1))
    return "\n".join([*lines[: min(12, start)], *lines[start : start + keep]])


def edits(rng: random.Random) -> str:
    """Rules that are added to a task file, or changed in it: the text must say the same as before, but for them."""
    source = rng.choice(sources()) if rng.random() < 0.3 else _part(rng.choice(sources()), rng)
    if rng.random() < 0.5:
        source = changed_text(source, rng)
    if any(name in source for name in CODE):
        return "names code"
    entry = {"name": odd_text(rng), "keywords": [odd_text(rng), "a"], "vote": odd_text(rng)}
    if rng.random() < 0.5:
        found = add_rules(source, [entry], file="task.yaml")
    else:
        position = rng.randrange(4)
        key = rng.choice(("keywords", "regex", "unless", "vote", "name", "tests"))
        if rng.random() < 0.5:
            found = change_rule(source, position, file="task.yaml", extend={key: [odd_text(rng)]})
        else:
            found = change_rule(source, position, file="task.yaml", replace={key: odd_text(rng)})
    if found.count("\n") < source.count("\n") - 40:
        raise BrokenPromiseError("an edit lost lines")
    return "edited"


CASES = {"task values": task_values, "task text": task_text, "edits of rules": edits}
__all__ = ["CASES", "odd"]
