r"""Label model for named entities: what span votes of many rules say together, over words.

The tag of a word (O, or B or I of a label) is hidden, what the rules say is seen; tags follow each other as in a
hidden Markov model that no invalid sequence leaves. Entities begin with a chance :math:`\\beta_k` where none goes
on, and go on with :math:`\\kappa_k`. Given the tags, rules are taken to be independent. For each rule *j* and label
*k* the model has

- ``precision``: how often a word is in an entity of label *k* where a vote for it begins, and ``begins``: how often
  the entity then begins there, too;
- ``onward`` and ``over``: how often an entity goes on where the vote for it does, and is over where the vote is;
- ``recall``: how many of the entities' beginnings its votes hold: what its silence says.

A vote is one piece of evidence, however many words it holds: where it begins, it speaks for an entity; further words,
and the one after, only say how far the entity reaches. A vote says of a word what it would say alone, so that two
votes on one beginning count as :math:`\\mathrm{logit}\\, p_1 + \\mathrm{logit}\\, p_2`, as in
:mod:`ruletune.labeling.label_model`; that no rule speaks is judged by the share of beginnings in all words. Of the
rules that are silent, only the one whose silence says most is heard, since rules are silent together.

Expectation-maximization finds the parameters a posteriori: rules are believed 0.8 before anything is seen, votes on
unlabelled texts count for so much at most, so that rules do not convince each other, and gold counts more. Vetoes set
the probability of a label to 0. Links change the chance that the entity of the word before goes on.

Sources: Nguyen et al. 2017, *Aggregating and predicting sequence labels from crowd annotations* (HMM-Crowd);
Safranchik et al. 2020, *Weakly supervised sequence tagging from noisy rules* (linking rules).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ruletune.labeling.observations import Events, Observations
from ruletune.labeling.sequence_beliefs import SequenceModel, beliefs_of, known_tags
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.tags import spans_of, tags_of, viterbi
from ruletune.types import Spans

__all__ = [
    "SEQUENCE_MODELS", "SequenceModel", "fit_majority", "fit_sequence_model", "spans_of", "tags_of", "viterbi",
]  # fmt: skip

_PRIOR_PRECISION = 0.8
_PRIOR_BOUNDARY = 0.9
_PRIOR_RECALL = 0.5
_PRIOR_BEGIN = 0.03
_PRIOR_ONWARD = 0.4
"""What is believed before anything is seen: people write rules that mostly hold and mostly know where to end."""

_PRIOR_STRENGTH = 20.0
"""Votes that a belief about a rule counts as beforehand; entities, for its recall and for how long entities are."""

_PRIOR_WORDS = 200.0
"""Words that the belief how often entities begin counts as beforehand."""

_GOLD_WEIGHT = 3.0
"""Votes that a vote on a gold text counts as: its tags are known, the others' are guessed from the same votes."""

_UNLABELED_CAP = 30.0
"""Votes that a rule's votes on unlabelled texts count as together, at most; for recall, entities."""

_UNLABELED_WORDS = 1000.0
"""Words that all words of unlabelled texts count as together, at most."""

_CERTAIN = 0.98
"""No rule is believed beyond this, nor below its complement: rules are correlated, which the model does not see."""


def fit_majority(
    votes: SpanVotes,
    words: Sequence[Sequence[tuple[int, int]]],
    *,
    gold: Sequence[Spans | None] | None = None,
    weights: Sequence[float] | None = None,
) -> SequenceModel:
    """Majority vote, word by word: every rule votes for B or I of its label, and I wins where they are equal.

    Accuracies are only reported.

    Args:
        words: For each text, the half-open ranges of its words.
        gold: Answers that are known, ``None`` elsewhere.
        weights: (rules,) the rules' own; default 1.
    """
    model = _unfitted("majority", votes, weights)
    seen = Observations.of(votes, words)
    return replace(model, accuracy=_Sums.of(model, seen, *_told(model, seen, words, gold)).accuracy())


def fit_sequence_model(
    votes: SpanVotes,
    words: Sequence[Sequence[tuple[int, int]]],
    *,
    gold: Sequence[Spans | None] | None = None,
    weights: Sequence[float] | None = None,
    iterations: int = 30,
    tolerance: float = 1e-3,
) -> SequenceModel:
    """The probabilistic model; see the module.

    Args:
        words: For each text, the half-open ranges of its words; see :func:`ruletune.labeling.words.words`.
        gold: Answers that are known, ``None`` elsewhere; drawn as texts come, since they tell how often entities begin.
        weights: (rules,) the rules' own; default 1.
        iterations, tolerance: EM ends when no parameter moves by more than ``tolerance``.
    """
    model = _unfitted("hmm", votes, weights)
    seen = Observations.of(votes, words)
    for _ in range(iterations):
        found = _Sums.of(model, seen, *_told(model, seen, words, gold)).maximized()
        moved = max(
            float(np.abs(getattr(found, name) - getattr(model, name)).max(initial=0.0))
            for name in ("precision", "begins", "onward", "over", "recall", "begin", "length")
        )
        model = found
        if moved < tolerance:
            break
    return replace(model, accuracy=_Sums.of(model, seen, *_told(model, seen, words, gold)).accuracy())


SEQUENCE_MODELS: dict[str, Callable[..., SequenceModel]] = {"majority": fit_majority, "hmm": fit_sequence_model}


def _unfitted(kind: str, votes: SpanVotes, weights: Sequence[float] | None) -> SequenceModel:
    """What is believed before any vote is looked at."""
    rules, labels = len(votes.rules), len(votes.labels)
    # A rule that never votes for a label does not miss it either.
    voted = np.zeros((rules, labels))
    spoken = votes.signs[votes.rule] > 0
    voted[votes.rule[spoken], votes.label[spoken]] = 1.0
    boundary = np.full((rules, labels), _PRIOR_BOUNDARY)
    return SequenceModel(
        kind,
        votes.labels,
        precision=np.full((rules, labels), _PRIOR_PRECISION),
        begins=boundary,
        onward=boundary,
        over=boundary,
        recall=voted * _PRIOR_RECALL,
        begin=np.full(labels, _PRIOR_BEGIN / max(labels, 1)),
        length=np.full(labels, _PRIOR_ONWARD),
        accuracy=np.full(rules, _PRIOR_PRECISION),
        weights=np.ones(rules) if weights is None else np.asarray(weights, dtype=np.float64),
        signs=votes.signs,
        links=votes.links,
    )


def _told(
    model: SequenceModel,
    seen: Observations,
    words: Sequence[Sequence[tuple[int, int]]],
    gold: Sequence[Spans | None] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Beliefs with gold in the place of guesses, (words, tags), and which words are gold, (words,) bool."""
    beliefs = beliefs_of(model, seen)
    known = np.zeros(len(beliefs), dtype=bool)
    for row, tags in known_tags(gold, words, model.labels):
        beliefs[row] = np.eye(beliefs.shape[1])[tags]
        known[row] = True
    return beliefs, known


@dataclass(frozen=True, slots=True)
class _Sums:
    """What is expected of every word, for the parameters to be counted from.

    Attributes:
        known: (words,) which are gold.
        first, goes_on: (words, labels) an entity begins at the word; goes on to it.
        before: (words, labels) an entity holds the word before.
    """

    model: SequenceModel
    seen: Observations
    known: np.ndarray
    first: np.ndarray
    goes_on: np.ndarray
    before: np.ndarray

    @classmethod
    def of(cls, model: SequenceModel, seen: Observations, beliefs: np.ndarray, known: np.ndarray) -> _Sums:
        first, goes_on = beliefs[:, 1::2], beliefs[:, 2::2]
        before = np.zeros_like(first)
        before[1:] = (first + goes_on)[:-1]
        before[seen.firsts] = 0.0
        return cls(model, seen, known, first, goes_on, before)

    def maximized(self) -> SequenceModel:
        """The model whose parameters are most probable a posteriori."""
        begins, continues, ends = self.seen.begins, self.seen.continues, self.seen.ends
        first, inside = _at(self.first, begins), _at(self.first + self.goes_on, begins)
        onward, over = _at(self.goes_on, continues), _at(self.before - self.goes_on, ends)
        begin, length = self._lengths()
        return replace(
            self.model,
            precision=self._believed(begins, inside, np.ones(len(begins)), _PRIOR_PRECISION),
            begins=self._believed(begins, first, inside, _PRIOR_BOUNDARY),
            onward=self._believed(continues, onward, _at(self.before, continues), _PRIOR_BOUNDARY),
            over=self._believed(ends, over, _at(self.before, ends), _PRIOR_BOUNDARY),
            recall=self._recall(first),
            begin=begin,
            length=length,
        )

    def _counts(self, events: Events) -> np.ndarray:
        """Votes that each event counts as, (events,)."""
        known = self.known[events.word]
        guessed = np.bincount(events.rule[~known], minlength=len(self.model.weights))
        counts = np.minimum(1.0, _UNLABELED_CAP / np.maximum(guessed, 1))[events.rule]
        return np.where(known, _GOLD_WEIGHT, counts)

    def _believed(self, events: Events, right: np.ndarray, tried: np.ndarray, mean: float) -> np.ndarray:
        """A share a posteriori for every rule and label, (rules, labels)."""
        counts, (rules, labels) = self._counts(events), self.model.precision.shape
        cells = events.rule * labels + events.label
        agreed = np.bincount(cells, counts * right, rules * labels)
        total = np.bincount(cells, counts * tried, rules * labels)
        found = (_PRIOR_STRENGTH * mean + agreed) / (_PRIOR_STRENGTH + total)
        return np.asarray(np.clip(found, 1 - _CERTAIN, _CERTAIN).reshape(rules, labels))

    def _recall(self, first: np.ndarray) -> np.ndarray:
        rules, labels = self.model.recall.shape
        events = self.seen.begins
        guessed = self.first[~self.known].sum(axis=0)
        unlabeled = np.minimum(1.0, _UNLABELED_CAP / np.maximum(guessed, 1e-9))
        counts = np.where(self.known[events.word], _GOLD_WEIGHT, unlabeled[events.label])
        caught = np.bincount(events.rule * labels + events.label, counts * first, rules * labels).reshape(rules, labels)
        total = unlabeled * guessed + _GOLD_WEIGHT * self.first[self.known].sum(axis=0)
        found = (_PRIOR_STRENGTH * _PRIOR_RECALL + caught) / (_PRIOR_STRENGTH + total)
        return np.where(self.model.recall > 0, np.clip(found, 1e-6, _CERTAIN), 0.0)

    def _lengths(self) -> tuple[np.ndarray, np.ndarray]:
        unlabeled = min(1.0, _UNLABELED_WORDS / max(int((~self.known).sum()), 1))
        counts = np.where(self.known, _GOLD_WEIGHT, unlabeled)
        free = (1 - self.goes_on.sum(axis=1)) @ counts
        labels = len(self.model.labels)
        begin = (_PRIOR_WORDS * _PRIOR_BEGIN / max(labels, 1) + counts @ self.first) / (_PRIOR_WORDS + free)
        goes_on = _PRIOR_STRENGTH * _PRIOR_ONWARD + counts @ self.goes_on
        length = goes_on / (_PRIOR_STRENGTH + counts @ self.before)
        return begin, np.clip(length, 1 - _CERTAIN, _CERTAIN)

    def accuracy(self) -> np.ndarray:
        """How often each rule is right, (rules,)."""
        model, seen = self.model, self.seen
        agreed, total = np.zeros(len(model.weights)), np.zeros(len(model.weights))
        inside = self.first + self.goes_on
        vetoes = seen.vetoes.take(self.known[seen.vetoes.word])  # nothing else can tell
        goes_on, before = self.goes_on[seen.links.word].sum(axis=1), self.before[seen.links.word].sum(axis=1)
        joined = np.where(model.links[seen.links.rule] > 0, goes_on, before - goes_on)
        for events, right, tried in (
            (seen.begins, _at(inside, seen.begins), np.ones(len(seen.begins))),
            (vetoes, 1 - _at(inside, vetoes), np.ones(len(vetoes))),
            (seen.links, joined, before),
        ):
            counts = self._counts(events)
            agreed += np.bincount(events.rule, counts * right, len(agreed))
            total += np.bincount(events.rule, counts * tried, len(total))
        found = (_PRIOR_STRENGTH * _PRIOR_PRECISION + agreed) / (_PRIOR_STRENGTH + total)
        return np.asarray(np.clip(found, 1 - _CERTAIN, _CERTAIN))


def _at(values: np.ndarray, events: Events) -> np.ndarray:
    return np.asarray(values[events.word, events.label])
