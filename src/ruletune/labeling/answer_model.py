r"""The label model of questions: which of the passages that rules propose is the answer, and how likely it is none of them.

A rule proposes passages, often several, since a type of answer says no more than a shape: then its belief is shared among
them, more of it to those that stand near the words of the question: :math:`s_c \propto e^{\beta d_c}`, with :math:`d_c` from
:func:`ruletune.rules.reading.nearness` and :math:`\beta` the one of a few under which gold answers are most likely. With
:math:`q_r` the probability that the answer is among what rule *r* proposes and *N* the number of passages that could be
proposed, a passage *c* that it proposes is

.. math:: \frac{q_r s_c}{(1 - q_r) / N}

times as likely after the rule has spoken as an answer that it does not propose; a passage that overlaps with a proposed one
by at least half, with the logarithm in proportion. A rule that points at sentences proposes nothing. With :math:`\rho` the share of the text
that it points at, it makes passages inside :math:`q_r / \rho` times as likely and those outside :math:`(1 - q_r) / (1 - \rho)` times.
Before any rule speaks each passage has the probability :math:`1 / N` against 1 for everything else, so that a single rule
is believed exactly as far as it is reliable.

Reliabilities come from gold answers: the mean over questions of the largest overlap between the answer and a proposal
(F1 of characters; for sentences the share of the answer inside), drawn towards a prior. There is no expectation maximization:
proposals of rules about different questions hardly ever meet, so that votes alone say nothing about who is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ruletune.labeling.span_votes import SpanVotes
from ruletune.rules.base import (
    AllOf,
    AnyOf,
    Call,
    Column,
    Condition,
    Named,
    NearQuestion,
    Pattern,
    Rule,
    Sentences,
    Terms,
    Vote,
)
from ruletune.rules.reading import nearness
from ruletune.types import Example, Span, Spans

__all__ = ["AnswerModel", "Proposals", "answers_of", "hit", "overlap", "points"]

_PRIOR, _STRENGTH = 0.6, 4.0
"""What is believed of a rule before any gold answer, and how many of these it is worth."""
_SURE = 0.98
_ENOUGH = 0.5
"""Overlap from which one rule supports the proposal of another."""
_CHARACTERS = 25
"""Characters of the text for each passage that could be proposed."""
_FEWEST = 5
"""Passages that could be proposed in the shortest text."""
_NEARNESS = (0.0, 2.0, 4.0, 6.0, 8.0)
_USUAL = 4.0
"""What nearness counts for where no gold answer says more about it."""
_LEAST = 1e-9
_MOST = 50
"""Proposals of one rule about one question that are weighed."""
_LIKE_GOLD = 0.05
"""How likely none is taken to be at least, where gold says that there are questions without an answer."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """What the rules together say of one question.

    Attributes:
        spans: The passages that rules propose, in reading order, without those that a veto touches.
        belief: (passages,) the probability of each; what is missing from 1 is elsewhere, or nowhere.
        none: Share of what is missing that means that there is no answer.
        regions: Characters that rules point at, and how many times as likely they make passages inside and outside.
        vetoes: Characters that no answer may touch.
        spoken: Whether any rule said anything.
        length: Characters of the text.
    """

    spans: tuple[Span, ...]
    belief: np.ndarray
    none: float
    regions: tuple[tuple[tuple[tuple[int, int], ...], float, float], ...]
    vetoes: tuple[tuple[int, int], ...]
    spoken: bool
    length: int

    @property
    def elsewhere(self) -> float:
        """How likely the answer is none of the passages."""
        return float(max(0.0, 1.0 - self.belief.sum()))

    @property
    def silenced(self) -> bool:
        """Whether a veto rules out every answer."""
        return any(start <= 0 and end >= self.length for start, end in self.vetoes)

    def of(self, span: Span) -> float:
        """What the rules believe of any passage: expected overlap with the proposals, and a part of what is elsewhere.

        Passages have no normalized probabilities here: it is a score that is high for what overlaps with likely proposals.
        """
        shared = sum(p * overlap(span, proposed) for p, proposed in zip(self.belief, self.spans, strict=True))
        rest = self.elsewhere * (1.0 - self.none) / max(1.0, self.length)
        return float(shared + rest * self.place(span))

    def place(self, span: Span) -> float:
        """How many times as likely a passage is for standing where it stands."""
        factor = 1.0
        for ranges, inside, outside in self.regions:
            factor *= inside if _share(span, ranges) > _ENOUGH else outside
        return factor

    def allowed(self, span: Span) -> bool:
        """Whether no veto touches a passage."""
        return not any(start < span.end and span.start < end for start, end in self.vetoes)

    def best(self) -> tuple[Span, float] | None:
        """The proposal with the largest expected overlap with the answer, and its probability; ``None`` where there is none."""
        if not self.spans:
            return None
        worth = [
            sum(p * overlap(span, other) for p, other in zip(self.belief, self.spans, strict=True))
            for span in self.spans
        ]
        place = int(np.argmax(worth))
        return self.spans[place], float(self.belief[place])


@dataclass(frozen=True, slots=True)
class AnswerModel:
    """How far each rule is believed.

    Attributes:
        accuracy: (rules,) the probability that the answer is among what the rule proposes, or points at.
        weights: (rules,) of the votes, as the task file has them.
        nearness: What it counts for that a proposal stands near the question's words.
        none: Share of gold questions that have no answer.
        threshold: How likely some proposal must be for the rules alone to answer.
    """

    accuracy: np.ndarray
    weights: np.ndarray
    nearness: float
    none: float
    threshold: float

    @classmethod
    def fit(cls, votes: SpanVotes, examples: Sequence[Example]) -> AnswerModel:
        """Fit on the votes about questions of which some have gold answers; those without are passed over."""
        rules = votes.rules
        known = [row for row, example in enumerate(examples) if isinstance(example.answer, Spans)]
        weights = [rule.says.weight if isinstance(rule.says, Vote) else rule.weight for rule in rules]
        by_row = _by_row(votes)
        hits = np.full(len(rules), _PRIOR * _STRENGTH)
        seen = np.full(len(rules), _STRENGTH)
        pointing = points(rules)
        for row in known:
            right = answers_of(examples[row])
            for rule, spans in by_row.get(row, {}).items():
                if votes.signs[rule] <= 0 or (pointing[rule] and not right):
                    continue
                seen[rule] += 1.0
                hits[rule] += max((hit(s, g, pointing=bool(pointing[rule])) for s in spans for g in right), default=0.0)
        bare = sum(not answers_of(examples[row]) for row in known)
        none = max(_LIKE_GOLD, bare / len(known)) if bare else 0.0
        models = [cls(np.minimum(hits / seen, _SURE), np.array(weights), near, none, 0.0) for near in _NEARNESS]
        gold, asked = votes.take(known), [examples[row] for row in known]
        losses = [model.losses(gold, asked).sum() if known else abs(model.nearness - _USUAL) for model in models]
        model = models[int(np.argmin(losses))]
        return replace(model, threshold=model._threshold(gold, asked)) if bare else model

    def losses(self, votes: SpanVotes, examples: Sequence[Example]) -> np.ndarray:
        """Negative logarithm of what is believed of the gold answers, (questions,) in nats; of the likeliest of several."""
        found = []
        for each, example in zip(self.proposals(votes, examples), examples, strict=True):
            right = answers_of(example)
            believed = (
                max(map(each.of, right)) if right else max(each.elsewhere * max(each.none, _LIKE_GOLD), each.silenced)
            )
            found.append(-np.log(max(believed, _LEAST)))
        return np.array(found)

    def _threshold(self, votes: SpanVotes, examples: Sequence[Example]) -> float:
        """The belief from which answering gives the largest mean overlap on gold questions; of equal ones the middle."""
        proposals = self.proposals(votes, examples)
        certain = np.array([each.belief.sum() for each in proposals])
        right = np.array([_reward(each, example) for each, example in zip(proposals, examples, strict=True)])
        bare = np.array([not answers_of(example) for example in examples], dtype=float)
        tried = np.linspace(0.0, 1.0, 41)
        gain = np.array([np.where(certain >= limit, right, bare).mean() for limit in tried])
        best = np.flatnonzero(gain >= gain.max() - 1e-9)
        return float(tried[best].mean())

    def proposals(self, votes: SpanVotes, examples: Sequence[Example]) -> list[Proposals]:
        """What the rules together say of each question.

        Args:
            votes: On the texts of ``examples``.
        """
        by_row, pointing = _by_row(votes), points(votes.rules)
        return [self._one(by_row.get(row, {}), votes.signs, pointing, example) for row, example in enumerate(examples)]

    def _one(
        self, said: Mapping[int, Sequence[Span]], signs: np.ndarray, pointing: np.ndarray, example: Example
    ) -> Proposals:
        length = len(example.text)
        vetoes = tuple((s.start, s.end) for rule, spans in said.items() if signs[rule] < 0 for s in spans)
        proposing = {rule: spans for rule, spans in said.items() if signs[rule] > 0 and not pointing[rule]}
        regions = []
        for rule in (rule for rule in said if signs[rule] > 0 and pointing[rule]):
            ranges = tuple((span.start, span.end) for span in said[rule])
            share = min(1.0, sum(end - start for start, end in ranges) / max(1, length))
            if share < 1.0:
                q, weight = self.accuracy[rule], self.weights[rule]
                inside, outside = (q / share) ** weight, ((1.0 - q) / (1.0 - share)) ** weight
                regions.append((ranges, float(inside), float(outside)))
        empty = Proposals((), np.zeros(0), self.none, tuple(regions), vetoes, bool(said), length)
        proposing = {rule: self._nearest(example, several) for rule, several in proposing.items()}
        spans = sorted({s for several in proposing.values() for s in several}, key=lambda s: (s.start, s.end))
        spans = [span for span in spans if empty.allowed(span)]
        if not spans:
            return empty
        others = max(_FEWEST, length / _CHARACTERS, len(spans))
        scores = np.array([np.log(empty.place(span) / others) for span in spans])
        near = nearness(example.text_pair or "", example.text, [(span.start, span.end) for span in spans])
        pull = dict(zip(spans, np.exp(self.nearness * near), strict=True))
        for rule, several in proposing.items():
            heard = [span for span in several if span in pull]
            if heard:
                scores += self.weights[rule] * self._evidence(rule, heard, spans, pull, others)
        top = max(0.0, float(scores.max()))
        values = np.exp(scores - top)
        return Proposals(
            tuple(spans), values / (values.sum() + np.exp(-top)), self.none, tuple(regions), vetoes, True, length
        )

    def _nearest(self, example: Example, said: Sequence[Span]) -> Sequence[Span]:
        """What a rule proposes, without what is far from the question's words where it proposes very much."""
        if len(said) <= _MOST:
            return said
        near = nearness(example.text_pair or "", example.text, [(span.start, span.end) for span in said])
        return [said[place] for place in sorted(np.argsort(-near, kind="stable")[:_MOST].tolist())]

    def _evidence(
        self, rule: int, said: Sequence[Span], spans: Sequence[Span], pull: Mapping[Span, float], others: float
    ) -> np.ndarray:
        """Logarithm of how many times as likely a rule makes each passage, (passages,)."""
        q, whole = self.accuracy[rule], sum(pull[span] for span in said)
        ratios = np.log([q * pull[span] / whole for span in said]) - np.log((1.0 - q) / others)
        shared = np.array([[overlap(span, proposed) for proposed in said] for span in spans])
        nearest = shared.argmax(axis=1)
        best = shared[np.arange(len(spans)), nearest]
        return np.asarray(np.where(best >= _ENOUGH, best, 0.0) * ratios[nearest])

    def answers(self, proposals: Sequence[Proposals]) -> list[tuple[Spans, float]]:
        """What the rules alone answer, and how sure they are; where they propose nothing, that there is no answer."""
        found = []
        for each in proposals:
            best = each.best()
            if best is None or float(each.belief.sum()) < self.threshold:
                found.append((Spans(()), 1.0 if each.silenced else each.elsewhere))
            else:
                found.append((Spans((best[0],)), best[1]))
        return found

    def to_json(self) -> dict[str, Any]:
        """As the run folder keeps it; :meth:`from_json` gives an equal value back."""
        return {
            "kind": "answers",
            "accuracy": self.accuracy.tolist(),
            "weights": self.weights.tolist(),
            "nearness": self.nearness,
            "none": self.none,
            "threshold": self.threshold,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> AnswerModel:
        return cls(
            np.array(value["accuracy"], dtype=float),
            np.array(value["weights"], dtype=float),
            float(value["nearness"]),
            float(value["none"]),
            float(value["threshold"]),
        )


def answers_of(example: Example) -> tuple[Span, ...]:
    """The passages that are right, one as much as another; empty where there is no answer, or nobody gave one."""
    several = (example.answer, *example.alternatives)
    return tuple(span for answer in several if isinstance(answer, Spans) for span in answer.spans)


def points(rules: Sequence[Rule]) -> np.ndarray:
    """Which rules point at sentences rather than propose passages, (rules,) bool."""
    by_name = {rule.name: rule for rule in rules}

    def pointing(condition: Condition) -> bool | None:
        """``None`` where it speaks of no characters; as in :mod:`ruletune.labeling.span_apply`, the first part that does counts."""
        match condition:
            case Sentences():
                return True
            case Pattern() | Terms() | NearQuestion() | Call() | Column():
                return False
            case Named(rule=name):
                return pointing(by_name[name].when) if name in by_name else None
            case AllOf(parts=several):
                return next((found for part in several if (found := pointing(part)) is not None), None)
            case AnyOf(parts=several):
                known = [found for part in several if (found := pointing(part)) is not None]
                return all(known) if known else None
            case _:
                return None

    return np.array([bool(pointing(rule.when)) for rule in rules], dtype=bool)


def overlap(one: Span, other: Span) -> float:
    """F1 of the characters of two passages, in [0, 1].

    >>> overlap(Span(0, 4), Span(2, 4)), overlap(Span(0, 4), Span(4, 5))
    (0.6666666666666666, 0.0)
    """
    common = min(one.end, other.end) - max(one.start, other.start)
    return 2.0 * common / (one.end - one.start + other.end - other.start) if common > 0 else 0.0


def hit(said: Span, gold: Span, *, pointing: bool) -> float:
    """How far a proposal is the answer, or what is pointed at holds it, in [0, 1]."""
    return _share(gold, ((said.start, said.end),)) if pointing else overlap(said, gold)


def _share(span: Span, ranges: Sequence[tuple[int, int]]) -> float:
    """Share of a passage that lies in some ranges."""
    inside = sum(max(0, min(span.end, end) - max(span.start, start)) for start, end in ranges)
    return inside / max(1, span.end - span.start)


def _reward(proposals: Proposals, example: Example) -> float:
    """Overlap of the best proposal with gold; where there is none to make, of answering nothing."""
    best, right = proposals.best(), answers_of(example)
    if best is None:
        return float(not right)
    return max((overlap(best[0], gold) for gold in right), default=0.0)


def _by_row(votes: SpanVotes) -> dict[int, dict[int, list[Span]]]:
    """What is said, by text and rule."""
    found: dict[int, dict[int, list[Span]]] = {}
    columns = (votes.row, votes.rule, votes.start, votes.end)
    for row, rule, start, end in zip(*(column.tolist() for column in columns), strict=True):
        found.setdefault(row, {}).setdefault(rule, []).append(Span(start, end))
    return found
