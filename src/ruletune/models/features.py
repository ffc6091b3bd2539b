"""What the output layer reads: the text's representation inside a classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from ruletune.models.backbone import Classifier, autocast
from ruletune.models.encoding import Encoded, buckets, collate
from ruletune.models.memory import fitting

__all__ = ["extract", "features"]


def features(classifier: Classifier, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The input of the last linear layer, scaled to unit length, with gradients: (texts, width) float32.

    Transformers' sequence classifiers differ in what stands between encoder and output layer; what the
    output layer itself is given is the same thing in all of them.

    Raises:
        LookupError: The classifier has no linear output layer.
    """
    pair = classifier.readout == "pair"
    width = len(classifier.labels) * (2 if pair else 1)
    layers = [
        module
        for module in classifier.model.modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == width
    ]
    seen: list[torch.Tensor] = []
    hooks = [layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])) for layer in layers]
    try:
        classifier.model(**{name: values for name, values in batch.items() if name != "marks"})
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        raise LookupError("the classifier has no linear output layer")
    if pair:  # what the output layer sees at both markers, since the answer is read off both
        marks = batch["marks"][:, :2, None].expand(-1, -1, seen[-1].shape[-1])
        return torch.nn.functional.normalize(seen[-1].gather(1, marks).flatten(1).float(), dim=1)
    # Some heads map every token and take the first one's logits: the representation is the first token's.
    last = seen[-1] if seen[-1].ndim == 2 else seen[-1][:, 0]
    return torch.nn.functional.normalize(last.float(), dim=1)


def extract(
    classifier: Classifier,
    encoded: Encoded,
    *,
    precision: str = "auto",
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """The representation of every example, (examples, width) float32, dropout off."""
    place = next(classifier.model.parameters()).device
    classifier.model.eval()
    rows_of: list[tuple[np.ndarray, Any]] = []

    def ask(rows: np.ndarray) -> np.ndarray:
        batch = collate(encoded, rows.tolist(), pad_id=classifier.pad_id, device=place)
        return np.asarray(features(classifier, batch).cpu().numpy())

    with torch.inference_mode(), autocast(precision, place):
        for rows, found in fitting(buckets(encoded.lengths, batch_size=batch_size), ask, what="embedding"):
            rows_of.append((rows, found))
            if progress:
                progress(len(rows))
    width = rows_of[0][1].shape[1] if rows_of else 0
    result = np.zeros((len(encoded), width), dtype=np.float32)
    for rows, values in rows_of:
        result[rows] = values
    return result
