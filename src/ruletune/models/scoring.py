"""The one thing that predicting asks of a model: logits of padded batches, whatever runs it.

PyTorch is one runtime (:class:`ruletune.models.backbone.TorchScorer`), ONNX Runtime another
(:class:`ruletune.models.onnx_scorer.OnnxScorer`). Order, padding and the mean over templates are here, once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from ruletune.models import memory
from ruletune.models.encoding import Encoded, buckets, padded
from ruletune.models.readout import Ragged, Readout

__all__ = ["Batch", "Scorer", "logits", "token_logits"]

Batch = Mapping[str, np.ndarray]
"""The model's inputs by name, int64 of shape (texts, length), padded on the right."""


class Scorer(Protocol):
    """A model that chooses, ready to be asked."""

    @property
    def tokenizer(self) -> Any:
        """A fast Hugging Face tokenizer."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What is chosen from, by output position; none where it is the text's tokens."""

    @property
    def max_length(self) -> int:
        """Input length in tokens, special tokens included."""

    @property
    def readout(self) -> Readout:
        """Where in the outputs the answer stands."""

    @property
    def most_tokens(self) -> int | None:
        """Tokens in a batch at most, padding included, where more of them would be slower."""

    @property
    def most_padding(self) -> int | None:
        """Tokens of padding in a batch at most, where more of them would be slower than one batch more."""

    def score(self, batches: Iterable[Batch]) -> Iterator[np.ndarray]:
        """The logits of each batch, float32; :mod:`ruletune.models.readout` has their shapes.

        What a runtime sets up for prediction is in force until the last batch is answered.
        """


def logits(
    scorer: Scorer,
    encoded: Encoded,
    *,
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Output logits of every example, float32 of shape (examples, labels); through several templates, their mean.

    For a model that chooses a label of the whole text; :func:`token_logits` has the others.
    """
    result = np.zeros((len(encoded), len(scorer.labels)), dtype=np.float32)
    views = encoded.each()
    for view in views:
        for rows, values in answered(
            scorer, view, batch_size=batch_size, progress=progress if view is views[-1] else None
        ):
            result[rows] += values
    return result / len(views)


def token_logits(
    scorer: Scorer,
    encoded: Encoded,
    *,
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> Ragged:
    """Output logits token by token: of every tag, (tokens, tags), or for every edge of an answer, (2, tokens); float32."""
    axis = 1 if scorer.readout == "extract" else 0
    found: list[np.ndarray] = [np.zeros(0)] * len(encoded)
    lengths = encoded.lengths
    for rows, values in answered(scorer, encoded, batch_size=batch_size, progress=progress):
        for row, value in zip(rows, values, strict=True):
            found[row] = np.ascontiguousarray(value[: lengths[row]] if axis == 0 else value[:, : lengths[row]])
    return Ragged(tuple(found), axis)


def answered(
    scorer: Scorer, encoded: Encoded, *, batch_size: int = 64, progress: Callable[[int], None] | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and what the model answers about them, batch by batch; like lengths go together, the longest first."""
    parts = list(
        buckets(encoded.lengths, batch_size=batch_size, tokens=scorer.most_tokens, padding=scorer.most_padding)
    )
    while parts:
        done = 0
        try:
            for values in scorer.score(_padded(scorer, encoded, parts)):
                rows = parts[done]
                done += 1
                yield rows, values
                if progress:
                    progress(len(rows))
        except Exception as error:
            if not memory.ran_out(error):
                raise
        parts = _halved(parts[done:], encoded, batch_size)


def _padded(scorer: Scorer, encoded: Encoded, parts: list[np.ndarray]) -> Iterator[Batch]:
    pad = int(scorer.tokenizer.pad_token_id or 0)
    return (padded(encoded, rows.tolist(), pad_id=pad) for rows in parts)


def _halved(parts: list[np.ndarray], encoded: Encoded, batch_size: int) -> list[np.ndarray]:
    """What is left in batches of half as many tokens as the first, which did not fit into memory; none where all is done."""
    if not parts:
        return []
    texts = memory.half(len(parts[0]), what="predicting")
    rest = np.concatenate(parts)
    lengths = encoded.lengths[rest]
    smaller = buckets(lengths, batch_size=batch_size, tokens=texts * max(1, int(lengths[0])))
    return [rest[rows] for rows in smaller]
