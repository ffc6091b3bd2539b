"""What pydantic finds wrong with a task file, in sentences with a line and a remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ruletune.config.part import WrongValueError
from ruletune.config.schema import TaskFile
from ruletune.config.tree import Tree
from ruletune.errors import Problem, close_match, nearest
from ruletune.rules import KINDS

__all__ = ["explain"]

_SHOWN = 60
"""Characters of a key or value that a message repeats."""

_MAPPING = "{key!r} must be a mapping of keys to values"
_LIST = "{key!r} must be a list"
_SENTENCES = {
    "missing": "the key {key!r} is missing{inside}",
    "string_type": "{key!r} must be text",
    "int_type": "{key!r} must be a whole number",
    "int_parsing": "{key!r} must be a whole number",
    "int_from_float": "{key!r} must be a whole number",
    "finite_number": "{key!r} must be a finite number",
    "float_type": "{key!r} must be a number",
    "float_parsing": "{key!r} must be a number",
    "bool_type": "{key!r} must be true or false",
    "bool_parsing": "{key!r} must be true or false",
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "greater_than": "{key!r} must be greater than {gt:.10g}",
    "greater_than_equal": "{key!r} must be {ge:.10g} or more",
    "less_than": "{key!r} must be less than {lt:.10g}",
    "less_than_equal": "{key!r} must be {le:.10g} or less",
    "too_short": "{key!r} must not be empty",
    "string_too_short": "{key!r} must not be empty",
    "invalid_key": "a key must be text",
    "string_unicode": "{key!r} has a character that is half a character (a surrogate)",
    "too_long": "{key!r} may have {max_length} at most",
}


def explain(error: ValidationError, tree: Tree) -> list[Problem]:
    """One problem for each thing that is wrong, but for rules whose kind is: others say that better."""
    return [problem for problem in (_problem(found, tree) for found in error.errors()) if problem]


def _problem(error: Any, tree: Tree) -> Problem | None:
    steps, kind, context = tuple(error["loc"]), error["type"], error.get("ctx", {})
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return None
    # pydantic names a rule's kind after its position; the file does not.
    place = steps[:2] + steps[3:] if steps[:1] == ("rules",) else steps
    where, key = tree.at(*place), _name(steps)
    match kind:
        case "extra_forbidden":
            return Problem(f"unknown key {key!r}", where, _right_key(key, steps[:-1]))
        case "literal_error":
            value = str(error["input"])[:_SHOWN]
            return Problem(f"{key!r} cannot be {value!r}", where, nearest(value, _choices(steps)))
        case "value_error":
            reason = context["error"]
            if isinstance(reason, WrongValueError):
                return Problem(str(reason), tree.at(*place, reason.key), reason.remedy)
            return Problem(str(reason), where)
        case _:
            outer = _name(steps[:-1])
            inside = "" if outer == _TOP else " from the rule" if outer == _RULE else f" from {outer!r}"
            sentence = _SENTENCES.get(kind)
            message = sentence.format(key=key, inside=inside, **context) if sentence else f"{key!r}: {error['msg']}"
            return Problem(message, where, _remedy(kind, error["input"]))


def _remedy(kind: str, value: object) -> str | None:
    if kind in ("tuple_type", "list_type") and isinstance(value, str | int | float) and len(str(value)) <= _SHOWN:
        return f"write [{json.dumps(value, ensure_ascii=False)}]"
    if kind in ("tuple_type", "list_type") and isinstance(value, dict):
        return "begin each of its entries with a dash: - key: value"
    if kind == "string_type" and isinstance(value, dict | list):
        return "put quotes around it"  # {text} alone is a mapping to YAML
    return None


_TOP, _RULE = "task file", "rule"


def _name(steps: tuple[object, ...]) -> str:
    """The innermost key; in a list of plain values, the list's."""
    named = [step for step in steps if isinstance(step, str)]
    if len(named) > 1 and named[0] == "rules":
        named = ["rules", *named[2:]] if len(named) > 2 else [_RULE]
    return named[-1][:_SHOWN] if named else _TOP


def _right_key(key: str, steps: tuple[object, ...]) -> str:
    """The nearest key of the level; else the level that has such a key; else the level's keys."""
    model = _model_at(steps)
    known = [info.alias or name for name, info in model.model_fields.items()] if model else []
    homes = _homes().get(key, ())
    if close_match(key, known) or not 0 < len(homes) < 4:
        return nearest(key, known)
    return f"it belongs to {' or '.join(repr(home) if home else 'the top level' for home in homes)}"


@cache
def _homes() -> Mapping[str, tuple[str, ...]]:
    """Key to the sections that have it, written ``training.weak``. Rules are not among them."""
    found: dict[str, tuple[str, ...]] = {}

    def walk(model: type[BaseModel], path: str) -> Iterator[tuple[str, str]]:
        for name, info in model.model_fields.items():
            yield name, path
            inner = _inner_model(info.annotation)
            if inner is not None and name != "rules":
                yield from walk(inner, f"{path}.{name}" if path else name)

    for name, path in walk(TaskFile, ""):
        found[name] = (*found.get(name, ()), path)
    return found


def _model_at(steps: tuple[object, ...]) -> type[BaseModel] | None:
    """The model that describes a place in the task file."""
    named = [step for step in steps if isinstance(step, str)]
    model: type[BaseModel] | None = TaskFile
    if named[:1] == ["rules"]:
        model = KINDS.get(named[1]) if len(named) > 1 else None
        named = named[2:]
    for step in named:
        model = _inner_model(model.model_fields[step].annotation) if model and step in model.model_fields else None
    return model


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_inner_model, get_args(annotation)) if found), None)


def _choices(steps: tuple[object, ...]) -> list[str]:
    """The values that a field with a few fixed ones can have."""
    named = [step for step in steps if isinstance(step, str)]
    model = _model_at(tuple(named[:-1]))
    fields = {info.alias or name: info.annotation for name, info in model.model_fields.items()} if model else {}
    return [str(value) for value in _literals(fields.get(named[-1]))]


def _literals(annotation: Any) -> Iterator[object]:
    """The fixed values inside a type, in lists too."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
        return
    for inner in get_args(annotation):
        yield from _literals(inner)
