"""What pretraining hides from the model: pure functions from token ids to (input, what is to be said).

Every function takes its random generator; :data:`IGNORED` stands where nothing is to be said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["IGNORED", "Vocabulary", "infill", "mask", "spans"]

IGNORED = -100
"""The target at positions that the loss leaves out, as cross-entropy in torch has it."""

_MEAN_SPAN = 3.0
"""Mean length of a hidden span in tokens, of T5 and BART alike."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What corruption has to know of a tokenizer.

    Attributes:
        size: Tokens in the vocabulary; a random token is one of them, and no special one.
        special: Ids that are never hidden (padding, separators, the mask).
        mask: The mask token, where there is one.
        sentinels: T5's ``<extra_id_0>``, ``<extra_id_1>``, ... in this order, where there are some.
        end: The token that ends a sequence-to-sequence target.
    """

    size: int
    special: frozenset[int]
    mask: int | None = None
    sentinels: tuple[int, ...] = ()
    end: int | None = None


def mask(
    ids: Sequence[int],
    *,
    vocabulary: Vocabulary,
    share: float,
    rng: np.random.Generator,
    words: Sequence[int | None] | None = None,
) -> tuple[list[int], list[int]]:
    """Hide a share of the tokens: 80% become the mask, 10% a random token, 10% stay; (input, targets).

    At least one token is hidden where there is one that may be.

    Args:
        words: The word that each token belongs to; words are then hidden as a whole.

    Source: Devlin et al. 2019, BERT, section 3.1; drawn anew in every epoch as in Liu et al. 2019, RoBERTa, section 4.1.
    """
    assert vocabulary.mask is not None
    free = [position for position, token in enumerate(ids) if token not in vocabulary.special]
    units: dict[int, list[int]] = {}
    for position in free:
        word = words[position] if words is not None else None
        units.setdefault(-1 - position if word is None else word, []).append(position)
    wanted = max(1, round(share * len(free)))
    hidden: list[int] = []
    for unit in rng.permutation(len(units)):
        if len(hidden) >= wanted:
            break
        hidden += list(units.values())[unit] if words is not None else [free[unit]]
    changed, targets = list(ids), [IGNORED] * len(ids)
    for position in hidden:
        targets[position] = ids[position]
        fate = rng.random()
        if fate < 0.8:
            changed[position] = vocabulary.mask
        elif fate < 0.9:
            changed[position] = _any_token(vocabulary, rng)
    return changed, targets


def spans(
    ids: Sequence[int], *, vocabulary: Vocabulary, share: float, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Replace spans by sentinels; the target is each sentinel with what it hides: (input, target).

    Source: Raffel et al. 2020, T5, section 3.1.4 and figure 2.

    >>> vocabulary = Vocabulary(100, frozenset({1}), sentinels=(99, 98), end=1)
    >>> source, target = spans([10, 11, 12, 13, 1], vocabulary=vocabulary, share=0.25, rng=np.random.default_rng(0))
    >>> len(source), target[0], target[-1]
    (5, 99, 1)
    """
    assert vocabulary.end is not None
    body = [token for token in ids if token not in vocabulary.special]
    source: list[int] = []
    target: list[int] = []
    position = 0
    chosen = _intervals(len(body), share=share, most=len(vocabulary.sentinels), rng=rng)
    for sentinel, (start, end) in zip(vocabulary.sentinels, chosen, strict=False):
        source += [*body[position:start], sentinel]
        target += [sentinel, *body[start:end]]
        position = end
    source += [*body[position:], vocabulary.end]
    if len(chosen) < len(vocabulary.sentinels):
        target.append(vocabulary.sentinels[len(chosen)])
    return source, [*target, vocabulary.end]


def infill(
    ids: Sequence[int], *, vocabulary: Vocabulary, share: float, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Replace each hidden span by one mask token; the target is the whole text: (input, target).

    Source: Lewis et al. 2020, BART, section 2.2 (text infilling). Spans have at least one token here.
    """
    assert vocabulary.mask is not None
    free = [position for position, token in enumerate(ids) if token not in vocabulary.special]
    source, position = [], 0
    for start, end in _intervals(len(free), share=share, most=len(free), rng=rng):
        source += [*ids[position : free[start]], vocabulary.mask]
        position = free[end - 1] + 1
    return [*source, *ids[position:]], list(ids)


def _intervals(length: int, *, share: float, most: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Disjoint spans, in order and never touching, that cover about ``share`` of ``length`` tokens."""
    hidden = max(1, round(share * length))
    if length == 0 or hidden >= length:
        return [(0, length)] if length else []
    number = max(1, min(round(hidden / _MEAN_SPAN), length - hidden, most, hidden))
    lengths = _parts(hidden, number, rng)
    gaps = np.sort(rng.choice(length - hidden + 1, size=number, replace=False))
    starts = gaps + np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return [(int(start), int(start + size)) for start, size in zip(starts, lengths, strict=True)]


def _parts(total: int, number: int, rng: np.random.Generator) -> np.ndarray:
    """``total`` as the sum of ``number`` positive integers, each way equally likely."""
    cuts = np.sort(rng.choice(np.arange(1, total), size=number - 1, replace=False))
    return np.diff(np.concatenate([[0], cuts, [total]])).astype(np.int64)


def _any_token(vocabulary: Vocabulary, rng: np.random.Generator) -> int:
    token = int(rng.integers(vocabulary.size))
    while token in vocabulary.special:
        token = (token + 1) % vocabulary.size
    return token
