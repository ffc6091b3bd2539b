"""Sentence embeddings for rules that compare a text with a label's description."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location
from ruletune.labeling.apply import needs_embedding
from ruletune.labeling.evaluate import Embed

__all__ = ["embedder"]


def embedder(spec: TaskSpec) -> Embed | None:
    """The embeddings of the task's checkpoint; ``None`` where no rule needs them, and then no model is loaded."""
    if not needs_embedding(spec.rules):
        return None
    from ruletune.models import checkpoints
    from ruletune.models.embeddings import embeddings as remembered

    checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder, where=Location(str(spec.path)))

    def embeddings(texts: Sequence[str]) -> np.ndarray:
        return remembered(checkpoint, list(texts), max_length=spec.file.model.max_length)

    return embeddings
