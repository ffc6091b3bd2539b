"""From predictions to the report: scores, labels saved, cases worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.labeling.apply import Votes
from ruletune.metrics.calibration import wilson_interval
from ruletune.metrics.classification import score
from ruletune.pipeline.run import answers
from ruletune.report.model import Case, Score
from ruletune.types import Example, Label

__all__ = ["Judged", "cases", "judge", "measure"]

_CASES = 12
"""Cases of each kind that the report shows."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Predictions on a part, beside its gold answers."""

    gold: list[Label]
    predicted: list[Label]
    scores: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        return np.array([g == p for g, p in zip(self.gold, self.predicted, strict=True)], dtype=bool)


def judge(
    probability: np.ndarray, examples: Sequence[Example], labels: Sequence[str], *, multi: bool
) -> Judged:
    """Decide for each example and put the decision beside gold."""
    decided = answers(probability, labels, multi=multi)
    gold = [example.answer for example in examples]
    assert all(isinstance(answer, Label) for answer in gold)
    return Judged(
        gold,  # type: ignore[arg-type]
        [label for label, _ in decided],
        np.array([value for _, value in decided], dtype=np.float64),
    )


def measure(
    name: str, judged: Judged, *, labels: Sequence[str], multi: bool, covered: np.ndarray, labels_used: int
) -> Score:
    """One line of the comparison: metrics, interval, and both sides of the rules' coverage."""
    correct = judged.correct
    result = score(judged.gold, judged.predicted, labels=labels, multi=multi)
    metrics = {key: value for key, value in result.items() if isinstance(value, float)}
    return Score(
        name=name,
        metrics=metrics,
        interval=wilson_interval(int(correct.sum()), len(correct)),
        labels=labels_used,
        covered=_share(correct[covered]),
        uncovered=_share(correct[~covered]),
    )


def _share(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def cases(
    judged: Judged, examples: Sequence[Example], votes: Votes, posterior: np.ndarray, *, multi: bool
) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """Texts where rules and model disagree, surest disagreement first; and texts that no rule covers,
    least certain first."""
    covered = votes.covered
    by_rules = [label for label, _ in answers(posterior, votes.labels, multi=multi)]
    different = [row for row in np.flatnonzero(covered) if by_rules[row] != judged.predicted[row]]
    different.sort(key=lambda row: (-judged.scores[row], row))
    lone = sorted(np.flatnonzero(~covered), key=lambda row: (judged.scores[row], row))
    return (
        tuple(_case(row, judged, examples, votes, str(by_rules[row])) for row in different[:_CASES]),
        tuple(_case(row, judged, examples, votes, None) for row in lone[:_CASES]),
    )


def _case(row: int, judged: Judged, examples: Sequence[Example], votes: Votes, rules_say: str | None) -> Case:
    example = examples[row]
    firings = votes.firings(row, example)
    return Case(
        id=example.id,
        text=example.text,
        rules_say=rules_say,
        model_says=str(judged.predicted[row]),
        gold=str(judged.gold[row]),
        probability=float(judged.scores[row]),
        rules=tuple(firing.rule for firing in firings),
        spans=tuple((span.start, span.end) for firing in firings for span in firing.spans),
    )
