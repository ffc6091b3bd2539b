"""What a trained model makes of texts, as vectors: for finding the ones that it takes to be alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ruletune.models.backbone import Classifier, autocast
from ruletune.models.cloze import ClozeModel
from ruletune.models.encoding import Encoded, buckets, collate
from ruletune.models.memory import fitting

__all__ = ["vectors"]

_TOKENS = 2048
"""Tokens in a batch at most, padding included."""


def vectors(
    classifier: Classifier, encoded: Encoded, *, precision: str = "auto", progress: Callable[[int], None] | None = None
) -> np.ndarray:
    """Vectors of inputs, float32 of shape (inputs, width), rows of unit length.

    The mean of the encoder's last states over the input's tokens; of two marked entities the states at their markers side by side,
    which is what their relation is read off.
    """
    encoder = _encoder(classifier.model)
    place = next(classifier.model.parameters()).device
    found: list[np.ndarray] = [np.zeros(0, dtype=np.float32)] * len(encoded)

    def ask(rows: np.ndarray) -> np.ndarray:
        batch = collate(encoded, rows.tolist(), pad_id=classifier.pad_id, device=place)
        marks = batch.pop("marks", None)
        inputs = {name: values for name, values in batch.items() if name not in ("prompt", "labels")}
        states = encoder(**inputs).last_hidden_state.float()
        made = _at(states, marks) if marks is not None else _mean(states, inputs["attention_mask"])
        return np.asarray(torch.nn.functional.normalize(made, dim=1).cpu().numpy())

    with torch.inference_mode(), autocast(precision, place):
        batches = buckets(encoded.lengths, batch_size=64, tokens=_TOKENS)
        for rows, made in fitting(batches, ask, what="embedding"):
            for row, vector in zip(rows, made, strict=True):
                found[row] = vector
            if progress:
                progress(len(rows))
    return np.stack(found) if found else np.zeros((0, 0), dtype=np.float32)


def _mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    counted = mask.unsqueeze(-1).float()
    total: torch.Tensor = (states * counted).sum(1) / counted.sum(1).clamp(min=1)
    return total


def _at(states: torch.Tensor, marks: torch.Tensor) -> torch.Tensor:
    rows = torch.arange(len(states), device=states.device)
    return torch.cat([states[rows, marks[:, column]] for column in range(marks.shape[1])], dim=1)


def _encoder(model: Any) -> Any:
    """What is below the output layer; of a model that writes, what reads the source."""
    inner = model.mlm if isinstance(model, ClozeModel) else model
    if hasattr(inner, "get_base_model"):
        inner = inner.get_base_model()
    if getattr(inner.config, "is_encoder_decoder", False):
        return inner.get_encoder()
    return getattr(inner, inner.base_model_prefix, inner)
