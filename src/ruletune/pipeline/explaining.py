"""What explanations of all shapes have in common: what is asked for, what rules rest on, what lies nearest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ruletune.errors import RuletuneError, UserError
from ruletune.labeling.values import answer_value
from ruletune.models.nearest import vectors
from ruletune.pipeline.keeping import shown
from ruletune.report.explanation import Attribution, Evidence, Neighbour, RuleSaid, Without
from ruletune.report.model import Report, RuleRow
from ruletune.types import Example, Firing, Label, Spans

if TYPE_CHECKING:
    from ruletune.pipeline.run import Run

__all__ = ["Asked", "attributed", "neighbours", "no_label", "said", "surroundings"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What an explanation should have.

    Attributes:
        words: Which words mattered.
        examples: So many of the nearest gold examples.
        label: The label to explain, in place of the answer.
    """

    words: bool = True
    examples: int = 3
    label: str | None = None


def attributed(
    asked: Asked, find: Callable[[], Sequence[Attribution]]
) -> tuple[tuple[Attribution, ...], tuple[str, ...]]:
    """Which words mattered, and what is to be said where that is not known."""
    if not asked.words:
        return (), ()
    try:
        return tuple(find()), ()
    except RuletuneError as error:
        return (), (f"Which words mattered is not known: {error}.",)


def neighbours(run: Run, example: Example, asked: Asked) -> tuple[tuple[Neighbour, ...], tuple[str, ...]]:
    """The nearest gold examples, and what is to be said where there are none."""
    if asked.examples < 1:
        return (), ()
    kept = run.kept
    if kept is None:
        return (), (
            "The run has no gold examples to compare with: it had none, was told not to keep them, or is an older one.",
        )
    try:
        classifier = run.classifier
    except RuletuneError as error:  # the run answers in another runtime, and has no model beside it
        return (), (f"There are no gold examples to compare with: {error}.",)
    [vector] = vectors(classifier, shown(run, [example]), precision=str(run.settings["precision"]))
    return kept.nearest(vector, asked.examples), ()


def said(
    firings: Sequence[Firing],
    reliability: Mapping[str, float],
    report: Report | None,
    without: Mapping[str, Without],
) -> tuple[RuleSaid, ...]:
    """The rules that fired, with what is known about each."""
    rows: dict[str, RuleRow] = {} if report is None else {row.name: row for row in report.rules}
    return tuple(
        RuleSaid(
            firing.rule,
            None if firing.answer is None else answer_value(firing.answer),
            tuple((span.start, span.end) for span in firing.spans),
            _says(firing),
            veto=firing.veto,
            reliability=reliability.get(firing.rule),
            kind=rows[firing.rule].kind if firing.rule in rows else "",
            where=rows[firing.rule].where if firing.rule in rows else "",
            evidence=_evidence(rows[firing.rule]) if firing.rule in rows else None,
            without=without.get(firing.rule),
        )
        for firing in firings
    )


def _evidence(row: RuleRow) -> Evidence:
    return Evidence(row.correct, row.judged, row.interval, row.coverage, row.conflict, row.faults)


def _says(firing: Firing) -> str:
    """What a rule says, in words."""
    match firing.answer:
        case Label(names=names):
            said_of = ", ".join(names)
        case Spans(spans=spans):
            said_of = ", ".join(dict.fromkeys(span.label for span in spans))
        case _:
            return "chooses how the text is shown" if firing.answer is None else str(firing.answer)
    return f"not {said_of}" if firing.veto else said_of


def surroundings(run: Run) -> tuple[Report | None, dict[str, float]]:
    """What the run's report says of its rules, and what dropping each does; nothing where it cannot be read."""
    try:
        report = run.report
    except (UserError, ValueError):
        return None, {}
    return report, {effect.rule: effect.loss for effect in report.effects}


def no_label(asked: Asked) -> None:
    """Refuse a label where there are none.

    Raises:
        UserError: One is asked for.
    """
    if asked.label is not None:
        raise UserError("answers of this task have no labels", remedy="leave the label out")
