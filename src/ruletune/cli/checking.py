"""The ``check`` command: is the task file right, and do its rules do what their tests say?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ruletune.cli.console import Json, embedder_of, emit, out

if TYPE_CHECKING:
    from ruletune.config import TaskSpec
    from ruletune.labeling.checks import Outcome

__all__ = ["check"]

_SHOWN = 200
"""Characters of a test's text that a message repeats."""


def check(task: Annotated[Path, typer.Argument(help="The task file.")], json: Json = False) -> None:
    """Say whether a task file is right: its keys, rules, templates, term files and data paths; and run its tests."""
    from dataclasses import asdict

    from ruletune.config import load_task
    from ruletune.labeling.analysis import kind_name
    from ruletune.labeling.apply import RuleSet
    from ruletune.labeling.checks import run_tests

    spec = load_task(task)
    kinds: dict[str, int] = {}
    for rule in spec.rules:
        kinds[kind_name(rule)] = kinds.get(kind_name(rule), 0) + 1
    embed = embedder_of(spec)
    slow = RuleSet(spec.rules, labels=spec.labels, embed=embed).slow()
    outcomes = run_tests(spec, embed=embed)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    notes = _notes(spec)
    if json:
        tests = {"passed": len(outcomes) - len(failed), "failed": [_plain(asdict(outcome)) for outcome in failed]}
        emit(
            {
                "ok": not failed,
                "task": str(task),
                "labels": list(spec.labels),
                "rules": kinds,
                "slow": slow,
                "tests": tests,
                "notes": notes,
            }
        )
    else:
        _report(spec, task, kinds, slow, outcomes, notes)
    if failed:
        raise typer.Exit(1)


def _plain(outcome: dict[str, object]) -> dict[str, object]:
    where = outcome.pop("where")
    assert isinstance(where, dict)
    return {**where, **outcome}


def _report(
    spec: TaskSpec,
    task: Path,
    kinds: dict[str, int],
    slow: dict[str, str],
    outcomes: tuple[Outcome, ...],
    notes: list[str],
) -> None:
    console = out()

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "none"
    say(f"{task} is right: {spec.task.name}, labels {', '.join(spec.labels)}; rules: {listed}.")
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in failed:
        about = f"rule {outcome.rule!r}" if outcome.rule else "the rules"
        spoke = f" ({'; '.join(outcome.spoke)})" if outcome.spoke else ""
        text = outcome.text if len(outcome.text) <= _SHOWN else outcome.text[:_SHOWN] + "..."
        say(f"{outcome.where}: test failed: {about} on {text!r}: expected {outcome.expected}, got {outcome.got}{spoke}")
    if outcomes:
        say(f"{len(outcomes) - len(failed)} of {len(outcomes)} tests passed.")
    for name, reason in slow.items():
        say(f"Slow: rule {name!r}: {reason}.")
    for note in notes:
        say(f"Note: {note}")


def _notes(spec: TaskSpec) -> list[str]:
    """What is allowed but probably not meant."""
    from ruletune.errors import Location
    from ruletune.rules.table import TableEntry, unmatched_exemplars

    notes = []
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
