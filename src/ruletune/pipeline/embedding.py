"""What a frozen encoder makes of texts: for rules that compare them with a label's description, and for quick heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location
from ruletune.labeling.apply import needs_embedding
from ruletune.labeling.evaluate import Embed
from ruletune.models.checkpoints import Checkpoint
from ruletune.pipeline.prepare import joined
from ruletune.types import Example

__all__ = ["embedder", "represent"]


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


def represent(
    spec: TaskSpec,
    checkpoint: Checkpoint,
    examples: Sequence[Example],
    *,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Frozen representations of examples, (examples, width) float32 of unit length: of a text its embedding, of a pair of
    entities what :func:`ruletune.models.pair_states.pair_states` makes of it.
    """
    length = spec.file.model.max_length
    if spec.task.readout == "pair":
        from ruletune.models.pair_states import pair_states

        return pair_states(checkpoint, examples, max_length=length, progress=progress)
    from ruletune.models.embeddings import embeddings

    return embeddings(checkpoint, [joined(example) for example in examples], max_length=length, progress=progress)
