"""Asking any runtime for logits: order, padding, templates and batches are the same for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ruletune.models.encoding import Encoded, Loss
from ruletune.models.readout import Readout
from ruletune.models.scoring import Batch, logits, token_logits


@dataclass
class Counting:
    """A runtime that adds up the ids of a text, or gives them back."""

    readout: Readout = "text"
    labels: tuple[str, ...] = ("sum", "length")
    max_length: int = 16
    most_tokens: int | None = None
    most_padding: int | None = None
    tokenizer: Any = field(default_factory=lambda: SimpleNamespace(pad_token_id=0))
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def score(self, batches: Iterable[Batch]) -> Iterator[np.ndarray]:
        for batch in batches:
            ids = batch["input_ids"]
            assert ids.dtype == np.int64
            self.shapes.append(ids.shape)
            if self.readout == "text":
                yield np.stack([ids.sum(axis=1), batch["attention_mask"].sum(axis=1)], axis=1).astype(np.float32)
            elif self.readout == "tokens":
                yield np.stack([ids, ids + 1], axis=2).astype(np.float32)
            else:
                yield np.stack([ids, ids + 1], axis=1).astype(np.float32)


def encoded(*texts: list[int]) -> Encoded:
    columns = {"input_ids": list(texts), "attention_mask": [[1] * len(text) for text in texts]}
    return Encoded(columns, Loss(len(texts), 0, 0, 0))


TEXTS = ([5], [1, 2, 3], [7, 7], [4, 4, 4, 4])


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_rows_come_back_in_their_order(batch_size: int) -> None:
    found = logits(Counting(), encoded(*TEXTS), batch_size=batch_size)
    assert found.tolist() == [[5, 1], [6, 3], [14, 2], [16, 4]]
    assert found.dtype == np.float32


def test_through_several_templates_the_mean_counts() -> None:
    both = replace(encoded([1], [2]), others=(encoded([3], [4]),))
    told: list[int] = []
    assert logits(Counting(), both, progress=told.append)[:, 0].tolist() == [2, 3]
    assert sum(told) == 2


def test_tokens_lose_their_padding() -> None:
    tags = token_logits(Counting(readout="tokens"), encoded(*TEXTS))
    assert [array.tolist() for array in tags.arrays[:2]] == [[[5, 6]], [[1, 2], [2, 3], [3, 4]]]
    edges = token_logits(Counting(readout="extract"), encoded(*TEXTS))
    assert (edges.axis, edges.arrays[2].tolist()) == (1, [[7, 7], [8, 8]])


def test_a_runtime_says_how_many_tokens_it_likes() -> None:
    counting = Counting(most_tokens=4)
    logits(counting, encoded(*TEXTS))
    assert counting.shapes == [(1, 4), (1, 3), (2, 2)]
    sparing = Counting(most_padding=1)
    logits(sparing, encoded(*TEXTS))
    assert sparing.shapes == [(2, 4), (2, 2)]


def test_nothing_is_nothing() -> None:
    assert logits(Counting(), encoded()).shape == (0, 2)
    assert len(token_logits(Counting(readout="tokens"), encoded())) == 0
