"""Beliefs about the tags of words from scores of tags and of how entities go on: the forward-backward algorithm.

All texts take a step at once. A text that is much longer than the others would go on stepping alone, so it is cut into
pieces, which take their steps at once as well. What is seen in a piece changes the state linearly, labels + 1 numbers:
once it is known what it makes of each of them, going from piece to piece gives the states at the cuts.

Sources: Rabiner 1989, *A tutorial on hidden Markov models and selected applications in speech recognition*; Ladner and
Fischer 1980, *Parallel prefix computation*, for the pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["marginals"]

_PIECE = 256
"""Words that a piece has at least: a step costs about as much as the arithmetic for so many words."""

_TOGETHER = 32
"""Texts that are worth a step of their own. Where fewer are left, what is left of them is cut."""


def marginals(
    tags: np.ndarray, onward: np.ndarray, over: np.ndarray, begin: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """The probability of every tag of every word, given all words of its text.

    An entity either goes on to the next word or is over there; where none goes on, another begins or none does,
    whatever was before. That takes labels + 1 numbers a word, not tags squared.

    Args:
        tags: (words, 1 + 2 labels) relative likelihood of what is seen at the word under each tag; that of O is not 0.
        onward: (words, labels) relative likelihood that the entity of the word before goes on.
        over: (words, labels) relative likelihood that it is over, not 0.
        begin: (labels,) probability that an entity begins where none goes on.
        lengths: (texts,) numbers of words; texts follow each other.

    Returns:
        (words, 1 + 2 labels), rows sum to 1.
    """
    seen = _Seen(tags, onward, over, np.concatenate([[1.0 - begin.sum()], begin]))
    pieces, of_text = _pieces(lengths)
    begins = np.cumsum(pieces) - pieces
    opening, closing = _at_cuts(seen, begins, pieces, of_text)
    order, where = _steps(begins, pieces)
    ahead = np.empty_like(tags)
    state = opening[order]
    for at in where:
        found = seen.forward(state[: len(at)], at)
        ahead[at] = found / found.sum(axis=1, keepdims=True)
        state = _held(ahead[at])
    behind, later = closing[:0], begins[:0]
    for at in reversed(where):
        following, behind = seen.backward(behind, later), closing[order[: len(at)]]
        behind[: len(later)] = following
        ahead[at] *= np.concatenate([behind[:, :1], np.repeat(behind[:, 1:], 2, axis=1)], axis=1)
        later = at
    return np.asarray(ahead / ahead.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is seen at each word, as :func:`marginals` is given it; ``fresh`` is (1 + labels,) what is where none goes on.

    A state is 1 + labels numbers: outside of entities, in one of each label.
    """

    tags: np.ndarray
    onward: np.ndarray
    over: np.ndarray
    fresh: np.ndarray

    def forward(self, state: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Tags of the words ``at`` in proportion, (words, ..., tags), from states at the words before."""
        tags, onward, over = (_spread(part[at], state.ndim) for part in (self.tags, self.onward, self.over))
        inside = state[..., 1:]
        free = state[..., 0] + (inside * over).sum(axis=-1)
        found = np.empty((*state.shape[:-1], tags.shape[-1]))
        found[..., 0] = free * self.fresh[0]
        found[..., 1::2] = free[..., None] * self.fresh[1:]
        found[..., 2::2] = inside * onward
        found *= tags
        return found

    def backward(self, behind: np.ndarray, at: np.ndarray) -> np.ndarray:
        """How likely what is seen from the words ``at`` on is, (words, 1 + labels), by the state at the words before."""
        tags = self.tags[at]
        free = tags[:, 0] * self.fresh[0] * behind[:, 0]
        free += (tags[:, 1::2] * self.fresh[1:] * behind[:, 1:]).sum(axis=1)
        found = np.empty_like(behind)
        found[:, 0] = free
        found[:, 1:] = self.over[at] * free[:, None] + self.onward[at] * tags[:, 2::2] * behind[:, 1:]
        return np.asarray(found / found.max(axis=1, keepdims=True))

    def maps(self, begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """What pieces make of states, (pieces, state before, state after), each piece up to a factor of its own."""
        order, where = _steps(begins, lengths)
        states = len(self.fresh)
        made = np.tile(np.eye(states), (len(lengths), 1, 1))
        scale = np.zeros((len(lengths), states))
        for at in where:
            found = self.forward(made[: len(at)], at)
            total = found.sum(axis=-1)
            made[: len(at)] = _held(found / total[..., None])
            scale[: len(at)] += np.log(total)
        back = np.argsort(order)
        made, scale = made[back], scale[back]
        return np.asarray(made * np.exp(scale - scale.max(axis=1, keepdims=True))[..., None])


def _pieces(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of the pieces of all texts, in order, and the number of the text that each is of."""
    longest = np.sort(lengths)[::-1]
    most = max(_PIECE, int(longest[_TOGETHER]) if len(longest) > _TOGETHER else 0)
    counts = np.maximum(-(-lengths // most), 1)
    of_text = np.repeat(np.arange(len(lengths)), counts)
    last = np.cumsum(counts) - 1
    pieces = np.full(len(of_text), most, dtype=np.int64)
    pieces[last] = lengths - (counts - 1) * most
    return pieces, of_text


def _at_cuts(seen: _Seen, begins: np.ndarray, pieces: np.ndarray, of_text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The state before each piece, and how likely by the state at its end what follows it is, (pieces, 1 + labels) each."""
    opening = np.zeros((len(pieces), len(seen.fresh)))
    opening[:, 0] = 1.0
    closing = np.ones_like(opening)
    goes_on = np.flatnonzero(of_text[1:] == of_text[:-1])  # pieces that another of their text follows
    cut = np.union1d(goes_on, goes_on + 1)
    made = dict(zip(cut.tolist(), seen.maps(begins[cut], pieces[cut]), strict=True))
    for piece in goes_on.tolist():
        after = opening[piece] @ made[piece]
        opening[piece + 1] = after / after.sum()
    for piece in reversed(goes_on.tolist()):
        following = made[piece + 1] @ closing[piece + 1]
        closing[piece] = following / following.max()
    return opening, closing


def _steps(begins: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, Sequence[np.ndarray]]:
    """The order of texts, the longest first, and for each step the words that it takes, of texts in that order."""
    order = np.argsort(-lengths, kind="stable")
    steps = int(lengths.max(initial=0))
    # At each step, the texts that are long enough come first in the order.
    active = len(lengths) - np.searchsorted(np.sort(lengths), np.arange(steps), side="right")
    offsets = begins[order]
    return order, [offsets[:count] + step for step, count in enumerate(active)]


def _held(tags: np.ndarray) -> np.ndarray:
    """The states that tags leave."""
    return np.concatenate([tags[..., :1], tags[..., 1::2] + tags[..., 2::2]], axis=-1)


def _spread(values: np.ndarray, dimensions: int) -> np.ndarray:
    """(words, n) values with axes in the middle, to meet an array of so many dimensions."""
    return values.reshape(len(values), *(1,) * (dimensions - 2), values.shape[1])
