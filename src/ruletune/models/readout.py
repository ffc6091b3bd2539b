r"""Where in a model's outputs the answer to a task stands.

Every task is a choice, or many: a label of the text, a tag for every token, the position of an answer's first and last
token. So all outputs are logits whose last axis is what is chosen from, and one loss does for all of them:

======== ================================ ============================ ===========
readout  Transformers model               outputs                      chosen from
======== ================================ ============================ ===========
text     ``…ForSequenceClassification``   (texts, labels)              labels
pair     ``…ForTokenClassification``      (texts, labels)              labels
tokens   ``…ForTokenClassification``      (texts, tokens, tags)        tags
extract  ``…ForQuestionAnswering``        (texts, 2, tokens)           tokens
generate ``…ForSeq2SeqLM``                (texts, tokens, vocabulary)  tokens
======== ================================ ============================ ===========

A relation is read where its two entities are marked: with :math:`h_s, h_o` the states at the two markers, the logits are
:math:`W_s h_s + W_o h_o + b`, a linear map of both states together (Baldini Soares et al. 2019, *Matching the Blanks*, "entity
start"). A token classifier with twice as many outputs as labels, the first half read at the one marker and the second at
the other, computes just that, and so it stays a plain checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
import torch

from ruletune.models.seq2seq import teacher_forced
from ruletune.tasks import Readout

__all__ = ["Ragged", "Readout", "Targets", "outputs"]

_NEVER = -1e4
"""Logit of a position that is padding: finite, so that a target of 0 times it is 0."""


@dataclass(frozen=True, slots=True)
class Ragged:
    """Arrays, one a text, that are as long as the text is along one axis.

    Attributes:
        arrays: All of one number of axes.
        axis: The axis along which they differ.
    """

    arrays: tuple[np.ndarray, ...]
    axis: int = 0

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Some of them as one array, filled up with zeros behind the shorter ones.

        >>> Ragged((np.ones(1), np.ones(3)))[[0, 1]].tolist()
        [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
        """
        chosen = [self.arrays[int(row)] for row in rows]
        width = max((array.shape[self.axis] for array in chosen), default=0)
        shape = list(chosen[0].shape)
        shape[self.axis] = width
        result = np.zeros((len(chosen), *shape), dtype=np.float32)
        for row, array in enumerate(chosen):
            result[row][tuple(slice(size) for size in array.shape)] = array
        return result

    def take(self, rows: Sequence[int] | np.ndarray) -> Ragged:
        return Ragged(tuple(self.arrays[int(row)] for row in rows), self.axis)

    def joined(self, other: Ragged) -> Ragged:
        """These arrays, and then the others."""
        return Ragged((*self.arrays, *other.arrays), self.axis)


Targets = np.ndarray | Ragged
"""What a model should answer, or how much each answer counts, text by text."""


def outputs(model: Any, batch: Mapping[str, torch.Tensor], readout: Readout) -> torch.Tensor:
    """The logits of a batch, as the table above has them.

    Args:
        batch: The model's inputs; for a pair also ``marks``, (texts, 2 or more), the positions of the two markers; for a
            text to be written ``labels``, (texts, tokens), its tokens, padded with -100.
    """
    match readout:
        case "text" | "tokens":
            logits: torch.Tensor = model(**batch).logits
            return logits
        case "pair":
            marks = batch["marks"]
            states = model(**{name: values for name, values in batch.items() if name != "marks"}).logits
            half = states.shape[-1] // 2
            rows = torch.arange(states.shape[0], device=states.device)
            pair: torch.Tensor = states[rows, marks[:, 0], :half] + states[rows, marks[:, 1], half:]
            return pair
        case "extract":
            found = model(**batch)
            edges = torch.stack([found.start_logits, found.end_logits], dim=1)
            return edges.masked_fill(batch["attention_mask"][:, None] == 0, _NEVER)
        case "generate":
            return teacher_forced(model, batch)
        case _:
            assert_never(readout)
