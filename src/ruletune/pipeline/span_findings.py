"""From spans to the report's figures: scores of every way of answering, texts worth a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_show import shown_spans
from ruletune.labeling.span_table import span_rule_rows
from ruletune.labeling.span_votes import SpanVotes
from ruletune.pipeline.findings import Outcome
from ruletune.pipeline.prepare import Parts
from ruletune.report.model import Case, Score
from ruletune.types import Example, Spans

__all__ = ["Answered", "Scoring", "outcome"]

_CASES = 12
"""Cases of each kind that the report shows."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One way's answers to the test part.

    Attributes:
        certainty: (texts,) how sure each answer is, in [0, 1].
        labels: Texts with gold answers that this way used.
    """

    spans: Sequence[Spans]
    certainty: np.ndarray
    labels: int


@dataclass(frozen=True, slots=True)
class Scoring:
    """How answers of a task are scored.

    Attributes:
        score: The task's metrics of answers to examples with gold ones.
        interval: 95% interval of the main metric, drawn with a seed.
        right: (texts,) bool, whether each answer is right as a whole.
    """

    score: Callable[[Sequence[Example], Sequence[Spans]], dict[str, Any]]
    interval: Callable[[Sequence[Example], Sequence[Spans], int], tuple[float, float]]
    right: Callable[[Sequence[Example], Sequence[Spans]], np.ndarray]


def outcome(
    spec: TaskSpec,
    parts: Parts,
    scoring: Scoring,
    *,
    rules: SpanRules,
    votes: Mapping[str, SpanVotes],
    accuracy: np.ndarray,
    ways: Mapping[str, Answered],
    curve: Sequence[tuple[int, Sequence[Spans]]],
) -> Outcome:
    """What was found on the test part.

    Args:
        votes: By part of the data.
        accuracy: (rules,) what the label model believes of each rule.
        ways: Name to answers, the delivered model last.
        curve: Answers of labels alone by number of texts with gold answers.
    """
    test, covered = parts.test, votes["test"].covered
    metric, seed = spec.task.metric, spec.file.seed
    scores = tuple(
        _score(name, way, test, covered, scoring, metric=metric, seed=seed) for name, way in ways.items() if test
    )
    delivered = list(ways.values())[-1] if test else None
    detail = scoring.score(test, delivered.spans) if delivered else {}
    different, lone = _cases(test, ways, covered, rules) if delivered else ((), ())
    points = sorted((size, float(scoring.score(test, spans)[metric])) for size, spans in curve) if test else []
    known = votes["unlabeled"].covered if parts.unlabeled else covered
    return Outcome(
        scores=scores,
        points=points,
        confusion=(),
        per_label=detail.get("per_label", {}),
        certainty=delivered.certainty if delivered else np.zeros(0),
        correct=scoring.right(test, delivered.spans) if delivered else np.zeros(0, dtype=bool),
        rules=_rule_rows(parts, votes, accuracy),
        rule_coverage=float(known.mean()) if len(known) else 0.0,
        disagreements=different,
        uncovered=lone,
        faults={name: part.faults for name, part in votes.items()},
    )


def _score(
    name: str, way: Answered, test: Sequence[Example], covered: np.ndarray, scoring: Scoring, *, metric: str, seed: int
) -> Score:
    def part(mask: np.ndarray) -> float | None:
        rows = np.flatnonzero(mask).tolist()
        if not rows:
            return None
        return float(scoring.score([test[r] for r in rows], [way.spans[r] for r in rows])[metric])

    found = scoring.score(test, way.spans)
    return Score(
        name=name,
        metrics={key: value for key, value in found.items() if isinstance(value, float)},
        interval=scoring.interval(test, way.spans, seed),
        labels=way.labels,
        covered=part(covered),
        uncovered=part(~covered),
    )


def _rule_rows(parts: Parts, votes: Mapping[str, SpanVotes], accuracy: np.ndarray) -> tuple[Any, ...]:
    """Rules over all parts together."""
    names = ("gold", "unlabeled", "validation", "test")
    together = SpanVotes.joined([votes[name] for name in names])
    gold: list[Spans | None] = []
    for name in names:
        answers = [example.answer if name != "unlabeled" else None for example in getattr(parts, name)]
        gold += [answer if isinstance(answer, Spans) else None for answer in answers]
    return span_rule_rows(together, gold=gold, accuracy=accuracy)


def _cases(
    test: Sequence[Example], ways: Mapping[str, Answered], covered: np.ndarray, rules: SpanRules
) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """Texts where rules and model disagree, surest disagreement first; and texts that no rule covers, least certain first."""
    by_rules, model = next(iter(ways.values())), list(ways.values())[-1]
    rows = [row for row in map(int, np.flatnonzero(covered)) if by_rules.spans[row] != model.spans[row]]
    rows.sort(key=lambda row: (-model.certainty[row], row))
    lone = sorted(map(int, np.flatnonzero(~covered)), key=lambda row: (model.certainty[row], row))
    return (
        tuple(_case(row, test, model, rules, shown_spans(test[row], by_rules.spans[row])) for row in rows[:_CASES]),
        tuple(_case(row, test, model, rules, None) for row in lone[:_CASES]),
    )


def _case(row: int, test: Sequence[Example], model: Answered, rules: SpanRules, rules_say: str | None) -> Case:
    example = test[row]
    firings = rules.firings(example)
    gold = example.answer
    return Case(
        id=example.id,
        text=example.text,
        rules_say=rules_say,
        model_says=shown_spans(example, model.spans[row]),
        gold=shown_spans(example, gold) if isinstance(gold, Spans) else None,
        probability=float(model.certainty[row]),
        rules=tuple(dict.fromkeys(firing.rule for firing in firings)),
        spans=tuple(dict.fromkeys((span.start, span.end) for firing in firings for span in firing.spans)),
    )
