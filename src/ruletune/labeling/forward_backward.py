"""Beliefs about the tags of words from scores of tags and of how entities go on: the forward-backward algorithm.

Source: Rabiner 1989, *A tutorial on hidden Markov models and selected applications in speech recognition*.
"""

from __future__ import annotations

import numpy as np

__all__ = ["marginals"]


def marginals(
    tags: np.ndarray, onward: np.ndarray, over: np.ndarray, begin: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """The probability of every tag of every word, given all words of its text.

    An entity either goes on to the next word or is over there; where none goes on, another begins or none does,
    whatever was before. That takes labels + 1 numbers a word, not tags squared. All texts take a step at once, the
    longer ones more of them, so that none is padded.

    Args:
        tags: (words, 1 + 2 labels) relative likelihood of what is seen at the word under each tag; that of O is not 0.
        onward: (words, labels) relative likelihood that the entity of the word before goes on.
        over: (words, labels) relative likelihood that it is over, not 0.
        begin: (labels,) probability that an entity begins where none goes on.
        lengths: (texts,) numbers of words; texts follow each other.

    Returns:
        (words, 1 + 2 labels), rows sum to 1.
    """
    order = np.argsort(-lengths, kind="stable")
    steps = int(lengths.max(initial=0))
    # At each step, the texts that are long enough come first in the order.
    active = len(lengths) - np.searchsorted(np.sort(lengths), np.arange(steps), side="right")
    offsets = (np.cumsum(lengths) - lengths)[order]
    where = [offsets[:count] + step for step, count in enumerate(active)]
    fresh = np.concatenate([[1.0 - begin.sum()], begin])
    ahead = np.empty_like(tags)
    state = np.zeros((len(lengths), tags.shape[1]))
    state[:, 0] = 1.0
    for at in where:
        state = _forward(state[: len(at)], tags[at], onward[at], over[at], fresh)
        ahead[at] = state
    behind = np.ones((0, 1 + len(begin)))
    for step in range(steps - 1, -1, -1):
        at = where[step]
        following = np.ones((len(at), 1 + len(begin)))
        if len(behind):
            later = where[step + 1]
            following[: len(later)] = _backward(behind, tags[later], onward[later], over[later], fresh)
        behind = following
        ahead[at] *= np.concatenate([behind[:, :1], np.repeat(behind[:, 1:], 2, axis=1)], axis=1)
    return np.asarray(ahead / ahead.sum(axis=1, keepdims=True))


def _forward(
    state: np.ndarray, tags: np.ndarray, onward: np.ndarray, over: np.ndarray, fresh: np.ndarray
) -> np.ndarray:
    inside = state[:, 1::2] + state[:, 2::2]
    free = state[:, 0] + (inside * over).sum(axis=1)
    found = np.empty_like(tags)
    found[:, 0] = free * fresh[0]
    found[:, 1::2] = free[:, None] * fresh[1:]
    found[:, 2::2] = inside * onward
    found *= tags
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _backward(
    behind: np.ndarray, tags: np.ndarray, onward: np.ndarray, over: np.ndarray, fresh: np.ndarray
) -> np.ndarray:
    """What is seen from here on, by whether the word before is outside (column 0) or in an entity of a label."""
    free = tags[:, 0] * fresh[0] * behind[:, 0] + (tags[:, 1::2] * fresh[1:] * behind[:, 1:]).sum(axis=1)
    found = np.empty_like(behind)
    found[:, 0] = free
    found[:, 1:] = over * free[:, None] + onward * tags[:, 2::2] * behind[:, 1:]
    return np.asarray(found / found.max(axis=1, keepdims=True))
