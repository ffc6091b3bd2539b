"""One entry of ``rules:`` that is being written: read within its task, without reading the task anew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ruletune.config.load import STAND_IN, TaskSpec, context_of, unfitting, unusable_rules
from ruletune.config.messages import explain
from ruletune.config.schema import TaskFile
from ruletune.config.tree import Tree, read_tree
from ruletune.errors import Problem, UserError
from ruletune.rules import KINDS, RuleEntry, check_rules, kind_of
from ruletune.rules.base import heard
from ruletune.rules.contradictions import text_problems
from ruletune.tasks import TASKS
from ruletune.types import Text

__all__ = ["DRAFT", "files_in", "unsafe", "with_draft"]

DRAFT = "draft"
"""The file that places in a draft are said to be in; lines are counted from its own first."""


def with_draft(spec: TaskSpec, written: str | Mapping[str, Any], *, position: int | None = None) -> TaskSpec:
    """The task with a draft in the place of one of its entries, or behind them all.

    The rules of the draft are those whose ``entry`` is its place, counted from 1. No function is called or imported: an
    entry that names code is refused, and so is one that names a file outside the task's folder.

    Args:
        written: The entry as YAML, or as a value.
        position: Of the entry that it takes the place of, from 0.

    Raises:
        UserError: Everything that is wrong with the draft, or with the rules now that it is among them.
    """
    entries = list(spec.file.rules)
    if position is not None and not 0 <= position < len(entries):
        raise UserError(f"there is no rule at the position {position}")
    place = len(entries) if position is None else position
    tree = _tree(spec, written)
    entry = _entry(spec, tree)
    made = entry.rules(context_of(spec.file, entry, tree, 0, spec.folder, position=place))
    entries[place : place + 1] = [entry]
    written_rules = (
        *(rule for rule in spec.written if rule.entry <= place),
        *(replace(rule, entry=place + 1, muted=entry.muted) for rule in made),
        *(rule for rule in spec.written if rule.entry > place + 1),
    )
    rules, texts = heard(written_rules), TASKS[spec.file.task].answer is Text
    problems = [*check_rules(written_rules, texts=texts), *unfitting(spec.file, made)]
    problems += text_problems(rules) if texts else ()
    if problems:
        raise UserError.of(problems)
    file = spec.file.model_copy(update={"rules": tuple(entries)})
    return replace(spec, file=file, rules=rules, written=written_rules)


def _tree(spec: TaskSpec, written: str | Mapping[str, Any]) -> Tree:
    """A task of nothing but the draft, whose places are lines of the draft."""
    source = written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)
    found = read_tree(source, file=DRAFT)
    return found.part({"task": spec.file.task, "rules": [found.values]}, {("rules", 0): ()})


def _entry(spec: TaskSpec, tree: Tree) -> RuleEntry:
    problems = [*unusable_rules(tree), *unsafe(tree.values["rules"][0], spec.folder)]
    if problems:
        raise UserError.of(replace(problem, where=problem.where or tree.at("rules", 0)) for problem in problems)
    values = {"data": {"train": STAND_IN}, **tree.values}
    if spec.labels:
        values |= {"labels": dict(spec.file.labels), "multi_label": spec.file.multi_label}
    try:
        [entry] = TaskFile.model_validate(values).rules
    except ValidationError as error:
        raise UserError.of(explain(error, tree)) from None
    return entry  # type: ignore[no-any-return]


def unsafe(entry: Mapping[Any, Any], folder: Path) -> Iterator[Problem]:
    """What an entry that somebody sends may not have: code, and files outside the task's folder; in its conditions neither.

    >>> [problem.message for problem in unsafe({"function": "os:remove", "vote": "x"}, Path("tasks"))]
    ["a rule of kind 'function' names code"]
    """
    for kind, key, name, code in _names(entry):
        if code:
            yield Problem(f"a rule of kind {kind!r} names code", remedy="write it into the task file by hand")
        elif not _inside(name, folder):
            message = f"{key!r} names a file outside the folder of the task"
            yield Problem(message, remedy="copy the file beside the task file")


def files_in(entry: Mapping[Any, Any], folder: Path) -> Iterator[Path]:
    """The files that an entry and the conditions in it name: terms, tables, and Python files.

    >>> [str(path) for path in files_in({"gazetteer": "towns.txt", "vote": "x"}, Path("tasks"))]
    ['tasks/towns.txt']
    """
    for _, _, name, code in _names(entry):
        if isinstance(name, str) and "\0" not in name:
            path = name.rpartition(":")[0] if code and ".py:" in name else name
            if not code or path.endswith(".py"):
                yield folder / path


def _names(entry: Mapping[Any, Any]) -> Iterator[tuple[str, str, object, bool]]:
    """What an entry and the conditions in it name outside the task file: the kind, the key, the name, whether that is code."""
    for part in _conditions(entry):
        try:
            kind = KINDS[kind_of(part)]
        except ValueError:
            continue  # what it is, is said elsewhere
        for key in (*kind.code, *kind.files):
            if key in part or key in kind.code:
                yield kind.kind, key, part.get(key), key in kind.code


def _conditions(part: Mapping[Any, Any]) -> Iterator[Mapping[Any, Any]]:
    """An entry, and all conditions that are written inside it."""
    waiting: list[Any] = [part]
    while waiting:
        match waiting.pop():
            case Mapping() as found:
                yield found
                waiting += found.values()
            case list() | tuple() as several:
                waiting += several


def _inside(name: object, folder: Path) -> bool:
    if not isinstance(name, str) or "\0" in name:
        return not isinstance(name, str)  # what is no name is said elsewhere
    try:
        return (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a circle of links
        return False
