"""From spans to the report's figures: scores of every way of answering, texts worth a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_show import asked, shown_gold, shown_spans
from ruletune.labeling.span_table import gold_answers, span_rule_rows
from ruletune.labeling.span_votes import SpanVotes
from ruletune.pipeline.findings import Outcome
from ruletune.pipeline.prepare import Parts
from ruletune.report.model import Case, Score
from ruletune.types import Example, Spans

__all__ = ["Answered", "Scoring", "outcome", "scores_by_coverage"]

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
        judge: Which votes are right, and which are judged at all, (votes,) bool each; default: a vote is right where gold has
            the same span.
    """

    score: Callable[[Sequence[Example], Sequence[Spans]], dict[str, Any]]
    interval: Callable[[Sequence[Example], Sequence[Spans], int], tuple[float, float]]
    right: Callable[[Sequence[Example], Sequence[Spans]], np.ndarray]
    judge: Callable[[SpanVotes, Sequence[Example]], tuple[np.ndarray, np.ndarray]] | None = None


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
        rules=_rule_rows(parts, votes, accuracy, scoring),
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


def _rule_rows(parts: Parts, votes: Mapping[str, SpanVotes], accuracy: np.ndarray, scoring: Scoring) -> tuple[Any, ...]:
    """Rules over all parts together."""
    names = ("gold", "unlabeled", "validation", "test")
    together = SpanVotes.joined([votes[name] for name in names])
    examples = [
        replace(example, answer=None) if name == "unlabeled" else example
        for name in names
        for example in getattr(parts, name)
    ]
    verdict = scoring.judge(together, examples) if scoring.judge else None
    return span_rule_rows(together, gold=gold_answers(examples), accuracy=accuracy, verdict=verdict)


def scores_by_coverage(
    examples: Sequence[Example], given: Sequence[Spans], votes: SpanVotes, scoring: Scoring
) -> dict[str, Any]:
    """The task's metrics with ``n`` and faults of rules, and apart for the texts that rules cover or not."""
    everything: dict[str, Any] = {**scoring.score(examples, given), "n": len(examples)}
    everything["faults"] = {fault.rule: fault.count for fault in votes.faults}
    for name, mask in (("covered", votes.covered), ("uncovered", ~votes.covered)):
        rows = np.flatnonzero(mask).tolist()
        found = scoring.score([examples[r] for r in rows], [given[r] for r in rows])
        everything[name] = {k: v for k, v in found.items() if isinstance(v, float | int)} | {"n": len(rows)}
    return everything


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
    return Case(
        id=example.id,
        text=example.text,
        rules_say=rules_say,
        model_says=shown_spans(example, model.spans[row]),
        gold=shown_gold(example) or None,
        probability=float(model.certainty[row]),
        rules=tuple(dict.fromkeys(firing.rule for firing in firings)),
        spans=tuple(dict.fromkeys((span.start, span.end) for firing in firings for span in firing.spans)),
        asked=asked(example),
    )
