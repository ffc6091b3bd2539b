"""From examples to token ids: rendering, truncation that spares the scaffold, batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ruletune.templates import Rendering, Template
from ruletune.types import Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Encoded", "Loss", "buckets", "collate", "encode"]


@dataclass(frozen=True, slots=True)
class Loss:
    """What truncation cost: texts cut, tokens left out, and the longest input before it was cut."""

    texts: int
    truncated: int
    tokens_lost: int
    longest: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of examples, in their order, not yet padded.

    Attributes:
        columns: The model's inputs by name (``input_ids``, ``attention_mask``, perhaps
            ``token_type_ids``), each a list of int lists, one per example.
        loss: What truncation cost.
    """

    columns: dict[str, list[list[int]]]
    loss: Loss

    def __len__(self) -> int:
        return len(self.columns["input_ids"])

    @property
    def lengths(self) -> np.ndarray:
        return np.array([len(ids) for ids in self.columns["input_ids"]], dtype=np.int64)

    def take(self, rows: Sequence[int]) -> Encoded:
        """The examples in ``rows``; the truncation figures stay those of the whole."""
        return Encoded({name: [values[r] for r in rows] for name, values in self.columns.items()}, self.loss)


def encode(
    examples: Sequence[Example],
    *,
    rendering: Rendering,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    templates: Sequence[Template | None] | None = None,
) -> Encoded:
    """Render and tokenize examples; inputs longer than ``max_length`` tokens lose the end of their text.

    Only the example's own text is cut: template words, knowledge and a second text keep their
    place, so that a suffix with the question survives a long document. Where the scaffold alone
    is too long, the tokenizer cuts the longer segment.

    Args:
        templates: One an example, in place of the rendering's own where not ``None``.
    """
    chosen = templates or [None] * len(examples)
    if not examples:
        return Encoded({"input_ids": [], "attention_mask": []}, Loss(0, 0, 0, 0))
    rendered = [rendering.render(e, template=template) for e, template in zip(examples, chosen, strict=True)]
    columns = _tokenize(tokenizer, [(r.first, r.second) for r in rendered], None)
    lengths = [len(ids) for ids in columns["input_ids"]]
    too_long = [row for row, length in enumerate(lengths) if length > max_length]
    if too_long:
        shorter = [
            rendering.render(
                examples[row],
                text=_cut(tokenizer, examples[row].text, lengths[row] - max_length),
                template=chosen[row],
            )
            for row in too_long
        ]
        cut = _tokenize(tokenizer, [(r.first, r.second) for r in shorter], max_length)
        for name, values in cut.items():
            for row, value in zip(too_long, values, strict=True):
                columns[name][row] = value
    loss = Loss(
        texts=len(examples),
        truncated=len(too_long),
        tokens_lost=sum(lengths[row] - len(columns["input_ids"][row]) for row in too_long),
        longest=max(lengths),
    )
    return Encoded(columns, loss)


def _tokenize(
    tokenizer: PreTrainedTokenizerBase, inputs: list[tuple[str, str | None]], max_length: int | None
) -> dict[str, list[list[int]]]:
    firsts = [first for first, _ in inputs]
    seconds = [second or "" for _, second in inputs] if inputs[0][1] is not None else None
    batch: Any = tokenizer(
        firsts,
        seconds,
        truncation=max_length is not None,
        max_length=max_length,
        padding=False,
        verbose=False,
    )
    return {name: list(batch[name]) for name in tokenizer.model_input_names if name in batch}


def _cut(tokenizer: PreTrainedTokenizerBase, text: str, surplus: int) -> str:
    """``text`` without its last ``surplus`` tokens, cut at a token's end."""
    offsets: Any = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    ends = [end for _, end in offsets["offset_mapping"]]
    keep = len(ends) - surplus
    return text[: ends[keep - 1]] if keep > 0 else ""


def collate(encoded: Encoded, rows: Sequence[int], *, pad_id: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Rows padded on the right to the longest of them; tensors of shape (rows, length)."""
    width = max(len(encoded.columns["input_ids"][row]) for row in rows)
    batch = {}
    for name, values in encoded.columns.items():
        fill = pad_id if name == "input_ids" else 0
        padded = np.full((len(rows), width), fill, dtype=np.int64)
        for position, row in enumerate(rows):
            padded[position, : len(values[row])] = values[row]
        batch[name] = torch.from_numpy(padded).to(device)
    return batch


def buckets(
    lengths: np.ndarray, *, batch_size: int, rng: np.random.Generator | None = None, pool: int = 32
) -> Iterator[np.ndarray]:
    """Batches of rows with like lengths, so that little of a batch is padding.

    Without ``rng`` rows go from long to short, for prediction. With it, rows are shuffled, cut
    into pools of ``pool`` batches, sorted by length within a pool, and the batches shuffled:
    every epoch sees other batches, each of them even in length.
    """
    if rng is None:
        order = np.argsort(-lengths, kind="stable")
        yield from (order[start : start + batch_size] for start in range(0, len(order), batch_size))
        return
    order = rng.permutation(len(lengths))
    span = batch_size * pool
    batches = []
    for start in range(0, len(order), span):
        block = order[start : start + span]
        block = block[np.argsort(lengths[block], kind="stable")]
        batches += [block[first : first + batch_size] for first in range(0, len(block), batch_size)]
    yield from (batches[position] for position in rng.permutation(len(batches)))
