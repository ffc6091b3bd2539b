"""Votes on ranges of characters, seen word by word: what the label model of sequences counts and weighs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.labeling.span_votes import SpanVotes

__all__ = ["Events", "Observations"]


@dataclass(frozen=True, slots=True)
class Events:
    """Things that rules say at words: (events,) int64 each.

    Attributes:
        word: The word's number, counted through all texts.
        rule: Position of the rule.
        label: Position of the label.
    """

    word: np.ndarray
    rule: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.word)

    def take(self, which: np.ndarray) -> Events:
        return Events(self.word[which], self.rule[which], self.label[which])

    def tally(self, values: np.ndarray, words: int, labels: int) -> np.ndarray:
        """Sum of the events' values by word and label, (words, labels)."""
        cells = self.word * labels + self.label
        return np.asarray(np.bincount(cells, weights=values, minlength=words * labels).reshape(words, labels))


@dataclass(frozen=True, slots=True)
class Observations:
    """What rules say of the words of texts. Words are counted through all texts.

    Where votes of one rule overlap, the longest is heard, of equal ones the first.

    Attributes:
        lengths: (texts,) number of words of each.
        begins: A rule's vote begins at the word.
        continues: A rule's vote holds the word and the one before.
        ends: A rule's vote ended with the word before, which is of the same text.
        vetoes: The word holds no entity of the label.
        links: A rule says of the word and the one before that they belong to one entity, or that they do not; the
            label is of no meaning.
        share: (links,) how much of a rule's say it is: one that parts the ends of a longer range is spread over it.
        spoken: (n,) the words that some rule's vote holds, in order.
        speaks: (n, rules) bool, which rules' votes hold them.
    """

    lengths: np.ndarray
    begins: Events
    continues: Events
    ends: Events
    vetoes: Events
    links: Events
    share: np.ndarray
    spoken: np.ndarray
    speaks: np.ndarray

    @property
    def words(self) -> int:
        return int(self.lengths.sum())

    @property
    def firsts(self) -> np.ndarray:
        """Which words are the first of their text, (words,) bool."""
        first = np.zeros(self.words, dtype=bool)
        first[(np.cumsum(self.lengths) - self.lengths)[self.lengths > 0]] = True
        return first

    @classmethod
    def of(cls, votes: SpanVotes, words: Sequence[Sequence[tuple[int, int]]]) -> Observations:
        """Observations from votes on characters; a vote that cuts a word holds it whole.

        Args:
            words: For each text, the ranges of its words, in order.

        Raises:
            ValueError: The votes are on another number of texts.
        """
        if len(words) != votes.texts:
            raise ValueError(f"votes on {votes.texts} texts, words of {len(words)}")
        lengths = np.array([len(ranges) for ranges in words], dtype=np.int64)
        first, last = _words_of(votes, words, lengths)
        signs, links = votes.signs[votes.rule], votes.links[votes.rule]
        held = last > first
        voting = _longest(first, last, votes.rule, np.flatnonzero(held & (signs > 0)))
        vetoing, linking = np.flatnonzero(held & (signs < 0)), np.flatnonzero(held & (links != 0))
        rule, label = votes.rule.astype(np.int64), votes.label.astype(np.int64)
        after = voting[last[voting] < np.cumsum(lengths)[votes.row[voting]]]  # the text goes on
        held_words, owner = _inside(first[voting], last[voting])
        spoken, at = np.unique(held_words, return_inverse=True)
        speaks = np.zeros((len(spoken), len(votes.rules)), dtype=bool)
        speaks[at, rule[voting][owner]] = True
        from_, to = _with_neighbours(first[linking], last[linking], votes.row[linking], lengths)
        spread, spreading = _inside(from_ + 1, to)
        parted = (links[linking] < 0)[spreading]
        return cls(
            lengths,
            begins=Events(first[voting], rule[voting], label[voting]),
            continues=_events(first[voting] + 1, last[voting], rule[voting], label[voting]),
            ends=Events(last[after], rule[after], label[after]),
            vetoes=_events(first[vetoing], last[vetoing], rule[vetoing], label[vetoing]),
            links=Events(spread, rule[linking][spreading], label[linking][spreading]),
            share=np.where(parted, 1.0 / np.maximum((to - from_)[spreading] - 1, 1), 1.0),
            spoken=spoken,
            speaks=speaks,
        )


def _words_of(
    votes: SpanVotes, words: Sequence[Sequence[tuple[int, int]]], lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The half-open range of words, counted through all texts, that each vote overlaps by a character or more."""
    flat = np.array([edge for ranges in words for pair in ranges for edge in pair], dtype=np.int64).reshape(-1, 2)
    text = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    # One axis for all texts: each begins beyond the last character of the one before.
    stride = int(max(flat.max(initial=0), votes.end.max(initial=0))) + 2
    base = votes.row.astype(np.int64) * stride
    first = np.searchsorted(text * stride + flat[:, 1], base + votes.start, side="right")
    last = np.searchsorted(text * stride + flat[:, 0], base + votes.end, side="left")
    return first, np.where(votes.end > votes.start, last, first)


def _with_neighbours(
    first: np.ndarray, last: np.ndarray, row: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ranges of words, those of one word with the words beside it, as far as the text has any."""
    end = np.cumsum(lengths)[row] if len(row) else np.zeros(0, dtype=np.int64)
    alone = last - first == 1
    start = end - lengths[row] if len(row) else end
    return np.where(alone, np.maximum(first - 1, start), first), np.where(alone, np.minimum(last + 1, end), last)


def _longest(first: np.ndarray, last: np.ndarray, rule: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Of the votes of one rule that overlap, the longest; positions in their order of old."""
    order = which[np.lexsort((first[which], rule[which]))]
    reach = np.maximum.accumulate(last[order] + rule[order].astype(np.int64) * (last.max(initial=0) + 1))
    begin = first[order] + rule[order].astype(np.int64) * (last.max(initial=0) + 1)
    clash = np.unique(rule[order[1:]][begin[1:] < reach[:-1]])  # few rules do that
    dropped: list[int] = []
    for one in clash.tolist():
        mine = which[rule[which] == one]
        taken = bytearray(int(last[mine].max()))
        for vote in mine[np.lexsort((first[mine], first[mine] - last[mine]))].tolist():
            low, high = int(first[vote]), int(last[vote])
            if 1 in taken[low:high]:
                dropped.append(vote)
            else:
                taken[low:high] = b"\x01" * (high - low)
    return np.setdiff1d(which, np.array(dropped, dtype=np.int64))


def _inside(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The words of half-open ranges, one after the other, and the number of the range that each is of."""
    size = np.maximum(last - first, 0)
    owner = np.repeat(np.arange(len(size)), size)
    return np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size) + first[owner], owner


def _events(first: np.ndarray, last: np.ndarray, rule: np.ndarray, label: np.ndarray) -> Events:
    word, owner = _inside(first, last)
    return Events(word, rule[owner], label[owner])
