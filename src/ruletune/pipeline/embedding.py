"""What a frozen encoder makes of texts: for rules that compare them with a label's description, and for quick heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location
from ruletune.labeling.apply import needs_embedding
from ruletune.labeling.evaluate import Embed
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.embeddings import Map, View
from ruletune.pipeline.prepare import joined
from ruletune.training.quick import reduced
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
    view: View = "layers",
    progress: Callable[[int], None] | None = None,
    map: Map | None = None,
) -> np.ndarray:
    """What a frozen encoder makes of examples, (examples, width) float32.

    Of a text its embedding, or what quick heads read; of a pair of entities what
    :func:`ruletune.models.pair_states.pair_states` makes of it. What quick heads read is as wide as the examples need it:
    what is compared must be asked for together.

    Args:
        view: ``sentence`` for how far texts are from each other, ``layers`` for quick heads.
        map: Where texts are embedded; default here. Pairs of entities are always read here.
    """
    length = spec.file.model.max_length
    if spec.task.readout == "pair":
        from ruletune.models.pair_states import pair_states

        found = pair_states(checkpoint, examples, max_length=length, progress=progress)
    else:
        from ruletune.models.embeddings import embeddings

        texts = [joined(example) for example in examples]
        found = embeddings(checkpoint, texts, view=view, max_length=length, progress=progress, map=map)
    return reduced(found, seed=spec.file.seed) if view == "layers" else found
