"""The ``check`` command: is the task file right, and do its rules do what their tests say?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ruletune.cli.console import Json, embedder_of, emit, out

if TYPE_CHECKING:
    import numpy as np

    from ruletune.config import TaskSpec
    from ruletune.labeling.checks import Outcome
    from ruletune.labeling.evaluate import Embed

__all__ = ["check"]

_SHOWN = 200
"""Characters of a test's text that a message repeats."""

_NAMED = 10
"""Rules that a line names."""


def check(task: Annotated[Path, typer.Argument(help="The task file.")], json: Json = False) -> None:
    """Say whether a task file is right: its keys, rules, templates, term files and data paths; and run its tests."""
    from ruletune.config import load_task

    checked = {half.task.name: _checked(half) for half in load_task(task).halves}
    right = all(each.right for each in checked.values())
    if json:
        parts = {name: {"ok": each.right, "task": str(task), **each.to_json()} for name, each in checked.items()}
        emit(next(iter(parts.values())) if len(parts) == 1 else {"ok": right, "task": str(task), "tasks": parts})
    else:
        for each in checked.values():
            _report(each, task)
    if not right:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Checked:
    """What was found out about a task.

    Attributes:
        kinds: Rules by kind.
        slow: Rules on the slow path, and why.
    """

    spec: TaskSpec
    kinds: dict[str, int]
    slow: dict[str, str]
    outcomes: tuple[Outcome, ...]
    notes: list[str]

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.passed]

    @property
    def right(self) -> bool:
        return not self.failed

    def to_json(self) -> dict[str, object]:
        failed = [_plain(asdict(outcome)) for outcome in self.failed]
        return {
            "labels": list(self.spec.labels),
            "rules": self.kinds,
            "slow": self.slow,
            "tests": {"passed": len(self.outcomes) - len(failed), "failed": failed},
            "notes": self.notes,
        }


def _checked(spec: TaskSpec) -> _Checked:
    from ruletune.labeling.analysis import kind_name
    from ruletune.labeling.checks import run_tests

    _check_cloze(spec)
    embed = _embed_on_demand(spec)
    kinds = dict(Counter(map(kind_name, spec.rules)))
    return _Checked(spec, kinds, _slow(spec, embed), run_tests(spec, embed=embed), _notes(spec))


def _slow(spec: TaskSpec, embed: Embed) -> dict[str, str]:
    """Rules that cannot be matched along with all others, by name, and why."""
    from ruletune.labeling.apply import RuleSet
    from ruletune.labeling.demanding import Demanding
    from ruletune.labeling.span_apply import SpanRules
    from ruletune.types import Spans, Text

    if spec.task.answer is Text:
        return Demanding(spec.rules, embed=embed).slow()
    compiled = SpanRules if spec.task.answer is Spans else RuleSet
    return compiled(spec.rules, labels=spec.labels, embed=embed).slow()


def _check_cloze(spec: TaskSpec) -> None:
    """Whether the checkpoint can fill in the templates' blanks with the label words; a hub is not asked."""
    if not spec.rendering.template.cloze:
        return
    from ruletune.errors import Location
    from ruletune.models import checkpoints
    from ruletune.models.filling import cloze_of

    checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder, where=Location(str(spec.path)))
    cloze_of(spec, checkpoint, load=False)


def _embed_on_demand(spec: TaskSpec) -> Embed:
    """Embeddings by a model that is loaded when a test needs it: a file without such a test is checked in a moment."""

    def embed(texts: Sequence[str]) -> np.ndarray:
        found = embedder_of(spec)
        assert found is not None  # it is asked for by rules that compare embeddings
        return found(texts)

    return embed


def _plain(outcome: dict[str, object]) -> dict[str, object]:
    where = outcome.pop("where")
    assert isinstance(where, dict)
    return {**where, **outcome}


def _report(found: _Checked, task: Path) -> None:
    spec, outcomes, failed = found.spec, found.outcomes, found.failed
    console = out()

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    listed = ", ".join(f"{count} {kind}" for kind, count in found.kinds.items()) or "none"
    verdict = "" if failed else " is right"
    labels = f", labels {', '.join(spec.labels)}" if spec.labels else ""
    say(f"{task}{verdict}: {spec.task.name}{labels}; rules: {listed}.")
    for outcome in failed:
        about = f"rule {outcome.rule!r}" if outcome.rule else "the rules"
        spoke = f" ({'; '.join(outcome.spoke)})" if outcome.spoke else ""
        text = outcome.text if len(outcome.text) <= _SHOWN else outcome.text[:_SHOWN] + "..."
        say(f"{outcome.where}: test failed: {about} on {text!r}: expected {outcome.expected}, got {outcome.got}{spoke}")
    if failed:
        say(f"{len(failed)} of {_tests(len(outcomes))} failed.")
    elif outcomes:
        say(f"{_tests(len(outcomes))} passed.")
    for line in _slow_lines(found.slow):
        say(line)
    for note in found.notes:
        say(f"Note: {note}")


def _tests(count: int) -> str:
    return f"{count} test{'' if count == 1 else 's'}"


def _slow_lines(slow: dict[str, str]) -> list[str]:
    """The rules on the slow path, those with one reason together."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in slow.items():
        by_reason.setdefault(reason, []).append(repr(name))
    lines = []
    for reason, names in by_reason.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        lines.append(f"Slow: {'rule' if len(names) == 1 else 'rules'} {', '.join(names[:_NAMED])}{more}: {reason}.")
    return lines


def _notes(spec: TaskSpec) -> list[str]:
    """What is allowed but probably not meant."""
    from ruletune.errors import Location
    from ruletune.rules.table import TableEntry, unmatched_exemplars

    muted = [repr(name) for name in spec.muted]
    more = f" and {len(muted) - _NAMED} more" if len(muted) > _NAMED else ""
    notes = [f"muted: {', '.join(muted[:_NAMED])}{more}"] if muted else []
    voting = [rule for rule in spec.rules if rule.sign > 0]
    silent = [label for label in spec.labels if label not in {rule.label for rule in voting}]
    if voting and silent and all(rule.label for rule in voting):
        notes.append(f"no rule votes for {', '.join(map(repr, silent))}")
    for entry in spec.file.rules:
        if isinstance(entry, TableEntry):
            path = spec.folder / entry.table
            lines = unmatched_exemplars(path, ignore_case=entry.ignore_case, where=Location(str(path)))
            if lines:
                shown = ", ".join(map(str, lines[:5])) + (", ..." if len(lines) > 5 else "")
                notes.append(f"{path}: {len(lines)} rules do not match their own exemplar (lines {shown})")
    return notes
