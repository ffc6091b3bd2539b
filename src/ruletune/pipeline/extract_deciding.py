"""From what a model and the rules say of a question to answers: the rules as a prior, none where none is likelier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ruletune.labeling.answer_model import Proposals, answers_of
from ruletune.metrics import reading as metric
from ruletune.metrics.intervals import mean_interval
from ruletune.models.extracting import Reading
from ruletune.pipeline.span_findings import Scoring
from ruletune.types import Example, Span, Spans

__all__ = ["NO_ANSWER", "Deciding", "Ranked", "ranked", "references", "scoring", "shown"]

NO_ANSWER = Spans(())

Ranked = tuple[tuple[Spans, float], ...]
"""Answers, the likeliest first, and the probability of each; no answer is one of them where it is allowed."""

_LEAST = 1e-12
_MARGINS = np.linspace(-10.0, 10.0, 81)


@dataclass(frozen=True, slots=True)
class Deciding:
    """How answers are chosen.

    Attributes:
        weight: What the rules count for beside the model; 0: they are not heard at all.
        none: Whether a question may have no answer. Where every gold question has one, only a veto over the whole text
            leaves a question without.
        margin: What is added to the score of no answer.
        longest: Words that an answer has at most.
    """

    weight: float
    none: bool
    margin: float
    longest: int

    def to_json(self) -> dict[str, Any]:
        return {"none": self.none, "margin": self.margin, "max_answer": self.longest}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, weight: float) -> Deciding:
        return cls(weight, bool(value["none"]), float(value["margin"]), int(value["max_answer"]))


def ranked(read: Reading, said: Proposals | None, deciding: Deciding) -> Ranked:
    """The likely answers to one question.

    A passage's score is the logarithm of its probability to the model plus, by their weight, that of what the rules believe of it.
    Passages that only the rules propose are among them. Vetoes are law where rules are heard.

    Args:
        said: What the rules say; ``None``, or a weight of 0: they are not heard. Where they are silent the model answers alone.
    """
    heard = said if said is not None and deciding.weight else None
    if heard is not None and heard.silenced:
        return ((NO_ANSWER, 1.0),)
    scores: dict[Span, float] = dict(zip(read.spans, read.scores.tolist(), strict=True))
    none = read.none + deciding.margin
    if heard is not None and heard.spoken:
        scores |= {span: read.score(span) for span in heard.spans if span not in scores}
        scores = {
            span: score + deciding.weight * float(np.log(max(heard.of(span), _LEAST)))
            for span, score in scores.items()
            if heard.allowed(span)
        }
        none += deciding.weight * float(np.log(max(heard.elsewhere * heard.none, _LEAST)))
    order = sorted(scores, key=lambda span: (-scores[span], span.start, span.end))
    found = [(Spans((span,)), scores[span]) for span in order]
    if deciding.none or not found:
        found.append((NO_ANSWER, none))
    values = np.array([score for _, score in found])
    likely = np.exp(values - values.max())
    likely /= likely.sum()
    places = np.argsort(-likely, kind="stable")
    return tuple((found[place][0], float(likely[place])) for place in places)


def margin(
    readings: Sequence[Reading], said: Sequence[Proposals | None], examples: Sequence[Example], deciding: Deciding
) -> float:
    """The margin of no answer with the highest mean F1 on questions with gold answers; of equal ones the smallest."""
    best: list[tuple[Spans, float, float]] = []
    for read, proposals in zip(readings, said, strict=True):
        found = ranked(read, proposals, deciding)
        passages = [(answer, value) for answer, value in found if answer.spans]
        missing = next((value for answer, value in found if not answer.spans), 0.0)
        best.append((*(passages[0] if passages else (NO_ANSWER, 0.0)), missing))
    gap = (
        np.array([np.log(max(none, _LEAST)) - np.log(max(value, _LEAST)) for _, value, none in best]) - deciding.margin
    )
    given = metric.per_example(references(examples), shown(examples, [answer for answer, _, _ in best]))[:, 1]
    bare = np.array([not several for several in references(examples)], dtype=float)
    gain = np.array([np.where(gap + value > 0, bare, given).mean() for value in _MARGINS])
    good = _MARGINS[gain >= gain.max() - 1e-9]
    return float(good[np.argmin(np.abs(good))])


def references(examples: Sequence[Example]) -> list[list[str]]:
    """The words of the right answers to each question; none where it has no answer."""
    return [[example.text[span.start : span.end] for span in answers_of(example)] for example in examples]


def shown(examples: Sequence[Example], answers: Sequence[Spans]) -> list[str]:
    """The words of given answers; empty where there is none."""
    return [
        example.text[answer.spans[0].start : answer.spans[0].end] if answer.spans else ""
        for example, answer in zip(examples, answers, strict=True)
    ]


def scoring(judge: Any = None) -> Scoring:
    """Exact match and F1 as SQuAD measures them; an answer is right where it matches exactly."""

    def per_example(examples: Sequence[Example], answers: Sequence[Spans]) -> np.ndarray:
        return metric.per_example(references(examples), shown(examples, answers))

    return Scoring(
        score=lambda examples, answers: dict(metric.score(references(examples), shown(examples, answers))),
        interval=lambda examples, answers, seed: mean_interval(per_example(examples, answers)[:, 1], seed=seed),
        right=lambda examples, answers: per_example(examples, answers)[:, 0] > 0,
        judge=judge,
    )
