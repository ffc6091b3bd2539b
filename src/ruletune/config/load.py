"""Read a task file and say everything that is wrong with it, with the line."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from ruletune.config.schema import TaskFile
from ruletune.errors import Location, Problem, UserError, close_match, nearest
from ruletune.knowledge import Knowledge, read_entries
from ruletune.rules import KINDS, Rule, RuleContext, build_rules, kind_of
from ruletune.rules.entry import read_text
from ruletune.tasks import TASKS, Task
from ruletune.templates import Rendering, Template, default_template

__all__ = ["TaskSpec", "load_task", "parse_task", "to_yaml", "with_seed"]

_LARGEST = 10_000_000
"""Bytes; a task file beyond it is some other file."""

_MOST_NODES = 1_000_000
"""Values after aliases are followed; more is an alias bomb."""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A task file that was found right, with everything it names read and compiled.

    Attributes:
        file: As written, defaults filled in.
        task: The kind of task.
        rules: Every rule; an entry of the file may stand for many.
        rendering: How inputs are shown.
        path, source: Where the file is, and its text.
    """

    file: TaskFile
    task: Task
    rules: tuple[Rule, ...]
    rendering: Rendering
    path: Path
    source: str

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.file.labels)

    @property
    def folder(self) -> Path:
        """What paths in the file are relative to."""
        return self.path.parent


def load_task(path: str | Path, *, check_data: bool = True) -> TaskSpec:
    """Read, validate and compile a task file.

    Args:
        check_data: Whether the data files must be there; a finished run does without them.

    Raises:
        UserError: Everything that is wrong, each with file, line and what would be right.
    """
    path = Path(path)
    where = Location(str(path))
    if path.is_file() and path.stat().st_size > _LARGEST:
        raise UserError("too large for a task file", where=where, remedy="name the task file, not the data")
    return parse_task(read_text(path, where=where), path=path, check_data=check_data)


def parse_task(source: str, *, path: Path, check_data: bool = True) -> TaskSpec:
    """As :func:`load_task`, from text; ``path`` is where it stands or would stand."""
    tree = _parse_yaml(source, path)
    lines = _Lines(tree, str(path))
    problems = list(_rule_kinds(tree, lines))
    try:
        file = TaskFile.model_validate(_plain(tree))
    except ValidationError as error:
        problems += [problem for problem in (_problem(e, lines) for e in error.errors()) if problem]
        raise UserError.of(_sorted(problems)) from None
    if problems:
        raise UserError.of(_sorted(problems))
    return _compile(file, lines, path, source, check_data=check_data)


def with_seed(spec: TaskSpec, seed: int) -> TaskSpec:
    """The same task under another seed."""
    return replace(spec, file=spec.file.model_copy(update={"seed": seed}))


def to_yaml(spec: TaskSpec) -> str:
    """The task file with every default written out."""
    value = spec.file.model_dump(mode="json", exclude_none=True)
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = 4096
    yaml.dump(value, stream)
    return stream.getvalue()


def _parse_yaml(source: str, path: Path) -> CommentedMap:
    yaml = YAML(typ="rt")
    try:
        tree = yaml.load(source)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        message = str(error.problem or "a key stands twice").splitlines()[0]
        raise UserError(message, where=Location(str(path), line), remedy="keep one of them") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Location(str(path), mark.line + 1 if mark else None)
        raise UserError(f"not valid YAML: {error.problem or error.context}", where=where) from None
    except (YAMLError, ValueError, RecursionError, AttributeError, TypeError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0:1]
        raise UserError(f"not valid YAML: {''.join(reason)}", where=Location(str(path))) from None
    if tree is None:
        raise UserError("the task file is empty", where=Location(str(path)), remedy="make one with: ruletune init")
    if not isinstance(tree, CommentedMap):
        raise UserError("a task file is a mapping of keys to values", where=Location(str(path), 1))
    return tree


def _plain(tree: CommentedMap) -> dict[Any, Any]:
    """The tree as plain Python values, refused where aliases blow it up."""
    count = 0

    def copy_of(node: Any, depth: int) -> Any:
        nonlocal count
        count += 1
        if count > _MOST_NODES or depth > 100:
            raise UserError("the task file expands to too many values", remedy="do without YAML aliases")
        if isinstance(node, dict):
            return {_scalar(key): copy_of(value, depth + 1) for key, value in node.items()}
        if isinstance(node, list):
            return [copy_of(value, depth + 1) for value in node]
        return _scalar(node)

    value = copy_of(tree, 0)
    assert isinstance(value, dict)
    return value


def _scalar(value: Any) -> Any:
    """ruamel's own scalar types as Python's; dates and the like as text."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value if value is None else str(value)


class _Lines:
    """Finds the line of a place in the tree, given as pydantic gives it."""

    def __init__(self, tree: Any, file: str) -> None:
        self._tree, self._file = tree, file

    def at(self, *steps: object) -> Location:
        node, line = self._tree, 1
        for step in steps:
            if isinstance(node, CommentedMap) and step in node:
                line = node.lc.key(step)[0] + 1
            elif isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
                line = node.lc.item(step)[0] + 1
            else:
                continue  # a tag of a union, or a key that is missing
            node = node[step]
        return Location(self._file, line)

    def keys(self, *steps: object) -> list[object]:
        node = self._tree
        for step in steps:
            if isinstance(node, CommentedMap | CommentedSeq):
                try:
                    node = node[step]
                except (KeyError, IndexError, TypeError):
                    continue
        return list(node) if isinstance(node, CommentedMap) else []


def _rule_kinds(tree: CommentedMap, lines: _Lines) -> Iterator[Problem]:
    """Rules without a kind, or with one that the task cannot use; pydantic would say it less well."""
    entries, task = tree.get("rules"), TASKS.get(str(tree.get("task")))
    if task is None and "task" in tree:
        yield Problem(f"unknown task {str(tree['task'])!r}", lines.at("task"), nearest(str(tree["task"]), TASKS))
    for position, entry in enumerate(entries if isinstance(entries, list) else []):
        where = lines.at("rules", position)
        if not isinstance(entry, dict):
            yield Problem("a rule is a mapping of keys to values", where, f"begin it with one of {', '.join(KINDS)}")
            continue
        try:
            kind = kind_of(entry)
        except ValueError as error:
            yield Problem(str(error), where)
            continue
        if task is not None and kind not in task.rule_kinds:
            allowed = ", ".join(sorted(task.rule_kinds))
            yield Problem(
                f"the task {task.name!r} cannot use a rule of kind {kind!r}", where, f"choose one of {allowed}"
            )


_SENTENCES = {
    "missing": "the key {key!r} is missing",
    "string_type": "{key!r} must be text",
    "int_type": "{key!r} must be a whole number",
    "int_parsing": "{key!r} must be a whole number",
    "int_from_float": "{key!r} must be a whole number",
    "float_type": "{key!r} must be a number",
    "float_parsing": "{key!r} must be a number",
    "bool_type": "{key!r} must be true or false",
    "bool_parsing": "{key!r} must be true or false",
    "dict_type": "{key!r} must be a mapping of keys to values",
    "model_type": "{key!r} must be a mapping of keys to values",
    "model_attributes_type": "{key!r} must be a mapping of keys to values",
    "tuple_type": "{key!r} must be a list",
    "list_type": "{key!r} must be a list",
    "greater_than": "{key!r} must be greater than {gt}",
    "greater_than_equal": "{key!r} must be {ge} or more",
    "less_than": "{key!r} must be less than {lt}",
    "less_than_equal": "{key!r} must be {le} or less",
    "too_short": "{key!r} must not be empty",
    "string_too_short": "{key!r} must not be empty",
    "too_long": "{key!r} may have {max_length} at most",
}


def _problem(error: Any, lines: _Lines) -> Problem | None:
    """A pydantic error as a sentence with a place; ``None`` where it was said already."""
    steps = tuple(error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    key = next((str(step) for step in reversed(steps) if isinstance(step, str)), "task file")
    if kind in ("union_tag_invalid", "union_tag_not_found") or (steps[:1] == ("rules",) and "discriminator" in context):
        return None
    where = lines.at(*steps)
    if kind == "extra_forbidden":
        return Problem(f"unknown key {key!r}", where, nearest(key, _valid_keys(steps[:-1])))
    if kind == "literal_error":
        choices = [str(value) for value in _literal_choices(steps)]
        remedy = nearest(str(error["input"]), choices) if choices else f"it must be {context.get('expected')}"
        return Problem(f"{key!r} cannot be {str(error['input'])!r}", where, remedy)
    if kind == "value_error":
        return Problem(str(context["error"]), where)
    if kind in _SENTENCES:
        return Problem(_SENTENCES[kind].format(key=key, **context), where)
    return Problem(f"{key!r}: {error['msg']}", where)


def _model_at(steps: tuple[object, ...]) -> type[BaseModel] | None:
    """The model that describes a place in the task file."""
    model: type[BaseModel] | None = TaskFile
    for step in steps:
        if isinstance(step, str) and step in KINDS:
            model = KINDS[step]
        elif isinstance(step, str) and model is not None and step in model.model_fields and step != "rules":
            model = _inner_model(model.model_fields[step].annotation)
    return model


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_inner_model, get_args(annotation)) if found), None)


def _valid_keys(steps: tuple[object, ...]) -> list[str]:
    model = _model_at(steps)
    return list(model.model_fields) if model else []


def _literal_choices(steps: tuple[object, ...]) -> tuple[object, ...]:
    *parents, last = [step for step in steps if isinstance(step, str)]
    model = _model_at(tuple(parents))
    annotation = model.model_fields[last].annotation if model and last in model.model_fields else None
    return get_args(annotation)


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda p: (p.where.line or 0) if p.where else 0)


def _compile(file: TaskFile, lines: _Lines, path: Path, source: str, *, check_data: bool) -> TaskSpec:
    """Everything behind the file: rules, term files, templates, data paths. Problems are reported together."""
    problems: list[Problem] = []
    labels = tuple(file.labels)
    contexts = [RuleContext(path.parent, labels, lines.at("rules", n), n + 1) for n in range(len(file.rules))]
    rules: tuple[Rule, ...] = ()
    try:
        rules = build_rules(zip(file.rules, contexts, strict=True))
    except UserError as error:
        problems += error.problems
    rendering = None
    try:
        rendering = _rendering(file, lines, path.parent)
    except UserError as error:
        problems += error.problems
    if check_data:
        problems += _missing_data(file, lines, path.parent)
    if problems or rendering is None:
        raise UserError.of(problems)
    return TaskSpec(file, TASKS[file.task], rules, rendering, path, source)


def _rendering(file: TaskFile, lines: _Lines, folder: Path) -> Rendering:
    pair = file.data.columns.text_pair is not None
    problems: list[Problem] = []
    template = default_template(pair=pair)
    if file.templates:
        where = lines.at("templates", 0)
        try:
            template = Template.parse(file.templates[0], where=where)
        except UserError as error:
            problems += error.problems
        if "text_pair" in template.fields and not pair:
            problems.append(Problem("the template shows {text_pair}", where, "name its column in data.columns"))
    knowledge = []
    for position, source in enumerate(file.knowledge):
        where = lines.at("knowledge", position)
        try:
            text = read_text(folder / source.file, where=where)
            entries = read_entries(text, where=Location(str(folder / source.file)))
            knowledge.append(Knowledge(entries, source.place, source.limit))
        except UserError as error:
            problems += error.problems
        if source.place == "field" and "knowledge" not in template.fields:
            problems.append(Problem("the template has no {knowledge}", where, "put it there, or choose another place"))
    if problems:
        raise UserError.of(problems)
    return Rendering(template, tuple(knowledge), file.name, file.description, copy.copy(file.labels))


def _missing_data(file: TaskFile, lines: _Lines, folder: Path) -> Iterator[Problem]:
    """Data files that are not there. Hub ids (``hf:``) are not looked up: checking must not use the network."""
    for part in ("train", "validation", "test", "unlabeled"):
        name = getattr(file.data, part)
        if name is None or name.startswith("hf:"):
            continue
        path = folder / name.partition("#")[0]
        if not path.exists():
            beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
            yield Problem(f"no data at {name!r}", lines.at("data", part), close_match(path.name, beside))
