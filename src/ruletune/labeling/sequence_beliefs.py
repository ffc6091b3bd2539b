"""The label model over words, fitted: what it believes of words, and which entities it finds.

The model itself is described in :mod:`ruletune.labeling.sequence_model`, which fits it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ruletune.labeling.forward_backward import marginals
from ruletune.labeling.observations import Observations
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.tags import spans_of, tags_of, viterbi
from ruletune.types import Spans

__all__ = ["SequenceModel", "beliefs_of", "known_tags"]

_SURE = 200.0
"""Evidence beyond this, as a logarithm, counts as this."""

_UNCOVERED = 0.1
"""What a belief about a word is worth in a text where no rule votes: probably no entity, but nobody looked.

A tagger trained on such beliefs came out the same with 0, 0.1, 0.3 and 1, within what draws differ by.
"""

_TOGETHER = 512
"""Texts that are decoded at once."""

_ARRAYS = (
    "precision",
    "begins",
    "onward",
    "over",
    "recall",
    "begin",
    "length",
    "accuracy",
    "weights",
    "signs",
    "links",
)


@dataclass(frozen=True, slots=True)
class SequenceModel:
    """A fitted label model over words.

    Attributes:
        kind: ``hmm`` or ``majority``.
        labels: Names of the labels by position.
        precision, begins, onward, over, recall: (rules, labels) what each rule is worth; see
            :mod:`ruletune.labeling.sequence_model`.
        begin: (labels,) chance that an entity begins at a word that continues none.
        length: (labels,) chance that an entity goes on to the next word.
        accuracy: (rules,) probability that a rule is right: that its vote begins in an entity of its label, that the
            label it vetoes does not hold, that words it links belong together (or do not, where it parts them).
        weights: (rules,) the rules' own weights.
        signs: (rules,) 1 a vote, -1 a veto, 0 neither.
        links: (rules,) 1 links, -1 parts, 0 neither.
    """

    kind: str
    labels: tuple[str, ...]
    precision: np.ndarray
    begins: np.ndarray
    onward: np.ndarray
    over: np.ndarray
    recall: np.ndarray
    begin: np.ndarray
    length: np.ndarray
    accuracy: np.ndarray
    weights: np.ndarray
    signs: np.ndarray
    links: np.ndarray

    def posterior(
        self,
        votes: SpanVotes,
        words: Sequence[Sequence[tuple[int, int]]],
        *,
        gold: Sequence[Spans | None] | None = None,
    ) -> list[np.ndarray]:
        """Beliefs, for each text (words, 1 + 2 labels) float64: O, B of the first label, I of it, B of the second ...

        Rows sum to 1. A vetoed label has probability 0.

        Args:
            words: For each text, the half-open ranges of its words; see :func:`ruletune.labeling.words.words`.
            gold: Answers that are known, ``None`` elsewhere: they are believed.
        """
        seen = Observations.of(votes, words)
        beliefs = beliefs_of(self, seen)
        for row, tags in known_tags(gold, words, self.labels):
            beliefs[row] = np.eye(beliefs.shape[1])[tags]
        return np.split(beliefs, np.cumsum(seen.lengths)[:-1]) if len(words) else []

    def decode(
        self,
        votes: SpanVotes,
        words: Sequence[Sequence[tuple[int, int]]],
        *,
        beliefs: Sequence[np.ndarray] | None = None,
    ) -> list[Spans]:
        """The most probable entities, in characters: the best valid sequence of tags by each word's beliefs.

        Args:
            beliefs: What :meth:`posterior` says of the texts, where that is known already.
        """
        beliefs = self.posterior(votes, words) if beliefs is None else beliefs
        found = [Spans(())] * len(words)
        for rows in _alike([len(ranges) for ranges in words]):
            with np.errstate(divide="ignore"):
                scores = np.log(np.stack([beliefs[row] for row in rows]))
            tags = viterbi(scores, len(self.labels))
            for row, sequence in zip(rows, tags, strict=True):
                if sequence.any():
                    found[row] = spans_of(sequence, words[row], self.labels)
        return found

    def confidence(self, votes: SpanVotes, words: Sequence[Sequence[tuple[int, int]]]) -> list[np.ndarray]:
        """How much a word's belief is worth as a training target, for each text (words,) in [0, 1].

        The belief's distance from knowing nothing, :math:`(\\max_t q_t - 1/T) / (1 - 1/T)` for *T* tags; a tenth of it
        in a text where no rule votes.
        """
        chance = 1.0 / (1 + 2 * len(self.labels))
        worth = np.where(votes.covered, 1.0, _UNCOVERED)
        return [
            np.clip((beliefs.max(axis=1, initial=0.0) - chance) / (1 - chance), 0.0, 1.0) * factor
            for beliefs, factor in zip(self.posterior(votes, words), worth, strict=True)
        ]

    def without(self, rule: int) -> SequenceModel:
        """The model as if there were no such rule: its silence, too, says nothing. Its votes are the caller's to take away."""
        recall = self.recall.copy()
        recall[rule] = 0.0
        return replace(self, recall=recall)

    def to_json(self) -> dict[str, Any]:
        arrays = {name: getattr(self, name).tolist() for name in _ARRAYS}
        return {"kind": self.kind, "labels": list(self.labels), **arrays}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SequenceModel:
        labels = tuple(value["labels"])
        arrays = {name: np.array(value[name], dtype=np.float64) for name in _ARRAYS}
        for name in ("precision", "begins", "onward", "over", "recall"):
            arrays[name] = arrays[name].reshape(-1, len(labels))  # no rules leave no trace of the labels
        for name in ("signs", "links"):
            arrays[name] = arrays[name].astype(np.int8)
        return cls(value["kind"], labels, **arrays)


def _alike(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The rows of texts of one length, which are decoded together, some at a time."""
    by_length: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        by_length.setdefault(length, []).append(row)
    for rows in by_length.values():
        for start in range(0, len(rows), _TOGETHER):
            yield rows[start : start + _TOGETHER]


def known_tags(
    gold: Sequence[Spans | None] | None, words: Sequence[Sequence[tuple[int, int]]], labels: Sequence[str]
) -> list[tuple[slice, np.ndarray]]:
    """Where the words of texts with a gold answer are, and their tags."""
    if gold is None:
        return []
    ends = np.cumsum([len(ranges) for ranges in words])
    return [
        (slice(int(end) - len(ranges), int(end)), tags_of(answer, ranges, labels))
        for answer, ranges, end in zip(gold, words, ends, strict=True)
        if answer is not None
    ]


def beliefs_of(model: SequenceModel, seen: Observations) -> np.ndarray:
    """What is believed of every word, (words, tags)."""
    vetoed = np.zeros((seen.words, len(model.labels)), dtype=bool)
    vetoed[seen.vetoes.word, seen.vetoes.label] = True
    if model.kind == "majority":
        return _majority(model, seen, vetoed)
    tags = _said_of_tags(model, seen)
    onward, over = _said_of_length(model, seen)
    tags -= tags.max(axis=1, keepdims=True)
    likelihood = np.exp(np.maximum(tags, -_SURE))
    likelihood[:, 1::2][vetoed] = 0.0
    likelihood[:, 2::2][vetoed] = 0.0
    return marginals(likelihood, onward, over, model.begin, seen.lengths)


def _majority(model: SequenceModel, seen: Observations, vetoed: np.ndarray) -> np.ndarray:
    beliefs = np.zeros((seen.words, 1 + 2 * len(model.labels)))
    for first, events in ((1, seen.begins), (2, seen.continues)):
        tally = events.tally(model.weights[events.rule], seen.words, len(model.labels))
        beliefs[:, first::2] = np.where(vetoed, 0.0, tally)
    beliefs[:, 2::2] *= 1 + 1e-9  # of equal ones, the longer entity
    beliefs[:, 0] = beliefs.sum(axis=1) <= 0
    return np.asarray(beliefs / beliefs.sum(axis=1, keepdims=True))


def _said_of_tags(model: SequenceModel, seen: Observations) -> np.ndarray:
    """Logarithm of how likely what is seen at a word is under each tag, up to a number for each word, (words, tags)."""
    words, labels = seen.words, len(model.labels)
    tags = np.zeros((words, 1 + 2 * labels))
    events = seen.begins
    weight, precision = model.weights[events.rule], model.precision[events.rule, events.label]
    begins = model.begins[events.rule, events.label]
    say = weight * _logit(precision)
    tags[:, 1::2] = events.tally(say + weight * np.log(2 * begins), words, labels)
    tags[:, 2::2] = events.tally(say + weight * np.log(2 * (1 - begins)), words, labels)
    # Once for all votes on a beginning: it is no longer any word, but a candidate that may well be one or may not.
    heard = np.minimum(events.tally(weight, words, labels), 1.0)
    share = 1.0 / (1.0 + (model.begin * model.length / (1 - model.length)).sum())
    first = model.begin * share
    inside = first * model.length / (1 - model.length)
    odds = np.log(max(1 - first.sum() - inside.sum(), 0.01))
    tags[:, 1::2] += heard * (odds + np.log(0.5 / first))
    tags[:, 2::2] += heard * (odds + np.log(0.5 / inside))
    tags[:, 1::2] += _silence(model, seen)
    linked = seen.links.take(model.links[seen.links.rule] > 0)
    joined = np.bincount(linked.word, model.weights[linked.rule] * _logit(model.accuracy)[linked.rule], words)
    tags[:, 1::2] -= joined[:, None]
    return tags


def _silence(model: SequenceModel, seen: Observations) -> np.ndarray:
    """What it says against a beginning that rules are silent: the loudest silence, (words, labels)."""
    missed = np.log1p(-model.recall) * model.weights[:, None].clip(0.0, 1.0)
    found = np.tile(missed.min(axis=0, initial=0.0), (seen.words, 1))
    for label in range(len(model.labels)):
        loudest = np.zeros(len(seen.spoken))
        for rule in np.flatnonzero(missed[:, label]):
            np.minimum(loudest, np.where(seen.speaks[:, rule], 0.0, missed[rule, label]), out=loudest)
        found[seen.spoken, label] = loudest
    return found


def _said_of_length(model: SequenceModel, seen: Observations) -> tuple[np.ndarray, np.ndarray]:
    """How likely what is seen is where the entity of the word before goes on, and where it is over, (words, labels)."""
    words, labels = seen.words, len(model.labels)
    signs = model.links[seen.links.rule] * seen.share * model.weights[seen.links.rule]
    linked = np.bincount(seen.links.word, signs * _logit(model.accuracy)[seen.links.rule], words)
    chance = 1.0 / (1.0 + np.exp(-np.clip(_logit(model.length) + linked[:, None], -_SURE, _SURE)))
    onward, over = np.log(chance), np.log1p(-chance.clip(None, 1 - 1e-12))
    for events, goes_on in (
        (seen.continues, model.onward[seen.continues.rule, seen.continues.label]),
        (seen.ends, 1 - model.over[seen.ends.rule, seen.ends.label]),
    ):
        weight, base = model.weights[events.rule], model.length[events.label]
        onward += events.tally(weight * np.log(goes_on / base), words, labels)
        over += events.tally(weight * np.log((1 - goes_on) / (1 - base)), words, labels)
    return np.exp(onward.clip(-_SURE / 2, _SURE / 2)), np.exp(over.clip(-_SURE / 2, _SURE / 2))


def _logit(probability: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(probability) - np.log1p(-probability))
