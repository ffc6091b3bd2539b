"""The entries of a task file as the workbench shows them: as written, what they say, how their tests go."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruletune.config import TaskSpec
from ruletune.config.drafting import unsafe
from ruletune.config.entries import Entries
from ruletune.errors import UserError
from ruletune.labeling.analysis import polarity
from ruletune.labeling.apply import needs_embedding
from ruletune.labeling.checks import run_tests
from ruletune.labeling.evaluate import Embed
from ruletune.rules import KINDS
from ruletune.rules.base import Call, Rule, parts, references
from ruletune.types import Text
from ruletune.workbench.values import TestResult

__all__ = ["EntryView", "entry_hash", "test_results", "views"]


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry of ``rules:``.

    Attributes:
        hash: Of its source, its comments included.
        name: Its own, or the one that its place gives it.
        says: What follows from it, in words.
        written: Its source as if it stood alone.
        entry: What it says, as JSON.
        locked: Why it cannot be changed here, if it cannot.
        movable: It can be muted, moved and taken out.
        rules: Names of the rules that it stands for.
    """

    position: int
    hash: str
    name: str
    kind: str
    says: str
    labels: tuple[str, ...]
    muted: bool
    line: int
    written: str
    entry: Mapping[str, Any]
    locked: str | None
    movable: bool
    rules: tuple[str, ...]


def entry_hash(written: str) -> str:
    """What tells an entry's source from others."""
    return hashlib.sha256(written.encode("utf-8")).hexdigest()[:16]


def views(spec: TaskSpec, entries: Entries) -> tuple[EntryView, ...]:
    """All entries in their order."""
    by_entry: dict[int, list[Rule]] = {}
    for rule in spec.written:
        by_entry.setdefault(rule.entry, []).append(rule)
    return tuple(
        _view(spec, entries, position, by_entry.get(position + 1, [])) for position in range(len(spec.file.rules))
    )


def _view(spec: TaskSpec, entries: Entries, position: int, rules: Sequence[Rule]) -> EntryView:
    entry, written = spec.file.rules[position], entries.written(position)
    name = entry.name or entry.lasting_name() or (rules[0].name if len(rules) == 1 else f"{entry.kind}_{position + 1}")
    fixed = entries.locked(position)
    labels = tuple(dict.fromkeys(rule.label for rule in rules if rule.label is not None))
    said = list(dict.fromkeys(polarity(rule, (rule.label,) if rule.label else ()) for rule in rules))
    return EntryView(
        position=position,
        hash=entry_hash(written),
        name=name,
        kind=entry.kind,
        says=said[0] if len(rules) == 1 else f"{len(rules)} rules: {', '.join(labels)}".rstrip(": "),
        labels=labels,
        muted=entry.muted,
        line=entries.line(position),
        written=written,
        entry=_plain(entries.values[position]),
        locked=fixed or _unsafe(entries.values[position], spec.folder),
        movable=fixed is None,
        rules=tuple(rule.name for rule in rules),
    )


def _unsafe(value: Mapping[str, Any], folder: Path) -> str | None:
    """Why an entry is not to be changed by what is sent over HTTP."""
    if KINDS[next(kind for kind in KINDS if kind in value)].code:
        return "it runs Python code: change it in the file"
    found = next(unsafe(value, folder), None)
    return None if found is None else f"{found.message}: change it in the file"


def _plain(value: Any) -> Any:
    """A value as JSON has it; YAML has numbers that are none."""
    match value:
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case bool() | None:
            return value
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else str(value)
        case _:
            return str(value)


def test_results(spec: TaskSpec, *, embed: Embed | None = None) -> dict[int, tuple[TestResult, ...]]:
    """How the tests beside the rules go, by the position of the entry. Where ``ok`` is ``None``, a test was not run; ``got`` says
    why.

    Args:
        embed: Makes sentence embeddings; without it tests that need them are not run.
    """
    found: dict[int, list[TestResult]] = {}
    named = {rule.name: rule for rule in spec.rules}
    for rule in spec.written:
        if rule.tests:
            found.setdefault(rule.entry - 1, []).extend(_results(spec, rule, named, embed))
    return {position: tuple(results) for position, results in found.items()}


def _results(spec: TaskSpec, rule: Rule, named: Mapping[str, Rule], embed: Embed | None) -> Iterator[TestResult]:
    reason = "not run: the rule is muted" if rule.muted else _not_run(spec, rule, named, embed)
    outcomes: Sequence[Any] = ()
    if reason is None:
        alone = tuple(replace(each, tests=rule.tests if each.name == rule.name else ()) for each in spec.rules)
        file = spec.file.model_copy(update={"tests": ()})
        try:
            outcomes = run_tests(replace(spec, file=file, rules=alone, test_places=()), embed=embed)
        except UserError as error:
            reason = error.problems[0].message
    for number, test in enumerate(rule.tests):
        line = test.where.line or 0 if test.where else 0
        if reason is not None:
            yield TestResult(test.text, test.expect, None, reason, line)
        else:
            yield TestResult(test.text, test.expect, outcomes[number].passed, outcomes[number].got, line)


def _not_run(spec: TaskSpec, rule: Rule, named: Mapping[str, Rule], embed: Embed | None) -> str | None:
    """Why a rule's tests are not run here, if they are not: user's code sees no text that came over HTTP."""
    needed, waiting = [rule], list(references(rule))
    while waiting:
        other = named.get(waiting.pop())
        if other is not None and other not in needed:
            needed.append(other)
            waiting += references(other)
    inside = [part for each in needed for when in (each.when, *each.unless) for part in parts(when)]
    code = KINDS[rule.kind].code if rule.kind in KINDS else ()
    if not code and any(isinstance(part, Call) for part in inside):
        return "not run here: it calls a function"
    if embed is None and spec.task.answer is not Text and needs_embedding(needed):
        return "not run yet: it needs the model"
    return None
