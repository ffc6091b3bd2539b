"""The forward-backward algorithm over long and short texts, held to the plain one, word by word."""

from __future__ import annotations

import time

import numpy as np
import pytest

from ruletune.labeling.forward_backward import marginals

LABELS = 3
BEGIN = np.full(LABELS, 0.01)


def _seen(words: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Likelihoods as the label model gives them, up to its limits, with some labels vetoed."""
    random = np.random.default_rng(seed)
    tags = np.exp(random.normal(0, 2 * spread, (words, 1 + 2 * LABELS)).clip(-200, 0))
    vetoed = random.random((words, LABELS)) < 0.1
    tags[:, 1::2][vetoed] = tags[:, 2::2][vetoed] = 0.0
    onward, over = np.exp(random.normal(-1, spread, (2, words, LABELS)).clip(-100, 100))
    return tags, onward, over


def _word_by_word(tags: np.ndarray, onward: np.ndarray, over: np.ndarray, lengths: list[int]) -> np.ndarray:
    """The textbook's way: one text after the other, with the full matrix of tags by tags."""
    found = []
    for start, length in zip(np.cumsum(lengths) - lengths, lengths, strict=True):
        moves = [_moves(onward[word], over[word]) * tags[word] for word in range(start, start + length)]
        ahead, behind = [np.eye(tags.shape[1])[0]], [np.ones(tags.shape[1])]
        for move in moves:
            ahead.append(ahead[-1] @ move)
            ahead[-1] /= ahead[-1].sum()
        for move in reversed(moves):
            behind.append(move @ behind[-1])
            behind[-1] /= behind[-1].max()
        both = np.array(ahead[1:]).reshape(length, -1 if length else tags.shape[1])
        both *= np.array(behind[:-1][::-1]).reshape(both.shape)
        found.append(both / both.sum(axis=1, keepdims=True))
    return np.concatenate(found)


def _moves(onward: np.ndarray, over: np.ndarray) -> np.ndarray:
    """From every tag to every tag."""
    free = np.concatenate([[1.0], np.repeat(over, 2)])
    moves = np.zeros((len(free), len(free)))
    moves[:, 0] = free * (1 - BEGIN.sum())
    moves[:, 1::2] = free[:, None] * BEGIN
    for label in range(LABELS):
        moves[[2 * label + 1, 2 * label + 2], 2 * label + 2] = onward[label]
    return moves


@pytest.mark.parametrize("spread", [1.0, 20.0])
@pytest.mark.parametrize("lengths", [[1], [3, 0, 5], [255, 256, 257, 0, 700], [2000], [20] * 40 + [900], [300] * 40])
def test_cutting_texts_changes_nothing(lengths: list[int], spread: float) -> None:
    tags, onward, over = _seen(sum(lengths), spread, seed=len(lengths))
    found = marginals(tags, onward, over, BEGIN, np.array(lengths))
    np.testing.assert_allclose(found, _word_by_word(tags, onward, over, lengths), rtol=0, atol=1e-9)


def test_no_words() -> None:
    tags, onward, over = _seen(0, 1.0, seed=0)
    assert marginals(tags, onward, over, BEGIN, np.zeros(0, dtype=np.int64)).shape == (0, 7)
    assert marginals(tags, onward, over, BEGIN, np.zeros(2, dtype=np.int64)).shape == (0, 7)


def test_one_long_text_takes_little_more_than_the_same_words_in_many() -> None:
    words = 100_000
    seen = _seen(words, 1.0, seed=0)

    def seconds(lengths: list[int]) -> float:
        began = time.process_time()
        marginals(*seen, BEGIN, np.array(lengths))
        return time.process_time() - began

    short = min(seconds([50] * (words // 50)) for _ in range(2))
    assert min(seconds([words]) for _ in range(2)) < 15 * short  # word by word it is more than 60 times as much
