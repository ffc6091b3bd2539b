"""Suggest rules with the help of the task's pretrained encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location
from ruletune.labeling.suggest.task import Suggestions, suggest_rules
from ruletune.models import checkpoints
from ruletune.models.embeddings import embeddings
from ruletune.progress import Event, Listener, silent

__all__ = ["suggest"]


def suggest(
    spec: TaskSpec,
    *,
    rule: str | None = None,
    count: int = 20,
    labels: Sequence[str] = (),
    min_precision: float = 0.7,
    limit: int = 5000,
    listener: Listener = silent,
) -> Suggestions:
    """As :func:`ruletune.labeling.suggest.task.suggest_rules`, with sentence embeddings of the task's checkpoint.

    Raises:
        UserError: There is nothing to learn from, or no such rule, label or checkpoint.
    """
    checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder, where=Location(str(spec.path)))
    known: dict[str, np.ndarray] = {}

    def vectors(texts: Sequence[str]) -> np.ndarray:
        """Each text is embedded once in a run."""
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        done = 0

        def advance(number: int) -> None:
            nonlocal done
            done += number
            listener(Event("embedding texts", done, len(fresh)))

        if fresh:
            found = embeddings(checkpoint, fresh, max_length=spec.file.model.max_length, progress=advance)
            known.update(zip(fresh, found, strict=True))
        return np.stack([known[text] for text in texts])

    return suggest_rules(
        spec,
        embed=vectors,
        rule=rule,
        count=count,
        labels=labels,
        min_precision=min_precision,
        limit=limit,
        listener=listener,
    )
