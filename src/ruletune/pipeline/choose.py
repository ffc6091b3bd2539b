"""Choose what to label next."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ruletune.config import TaskSpec
from ruletune.data.sampling import next_to_label
from ruletune.errors import Location, UserError
from ruletune.labeling.corpus import hand_labels, needs_one_task, read_given, sources
from ruletune.models import checkpoints
from ruletune.pipeline.embedding import represent
from ruletune.pipeline.run import load
from ruletune.progress import Event, Listener, silent
from ruletune.types import Example, Label

__all__ = ["choose"]


def choose(
    spec: TaskSpec,
    *,
    count: int,
    data: str | None = None,
    run: Path | None = None,
    listener: Listener = silent,
) -> list[Example]:
    """Texts worth a label: far from each other and from what has one, and unsure to a trained model.

    Args:
        data: Where to choose from, relative to the working folder; default the task's texts without a label.
        run: A run folder whose model tells what it is unsure of.

    Raises:
        UserError: There is no text without a label.
    """
    needs_one_task(spec, "a choice of texts to label")
    files = sources(spec)
    labelled = [example for example in files.train if example.answer is not None]
    if data is not None:
        given = hand_labels(spec)
        pool = [given.answered(example) for example in read_given(spec, data)]
    else:
        pool = [*files.train, *files.unlabeled]
    pool = [example for example in pool if example.answer is None]
    if not pool:
        raise UserError("there is no text without a label", where=Location(data or str(spec.path)))
    checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder, where=Location(str(spec.path)))
    texts = [*pool, *labelled]
    done = 0

    def progress(number: int) -> None:
        nonlocal done
        done += number
        listener(Event("embedding texts", done, len(texts)))

    vectors = represent(spec, checkpoint, texts, view="sentence", progress=progress)
    probability = _believed(run, pool, listener) if run is not None else None
    rows = next_to_label(
        vectors[: len(pool)],
        count=min(count, len(pool)),
        labelled=vectors[len(pool) :] if labelled else None,
        probabilities=probability,
        seed=spec.file.seed,
    )
    return [pool[row] for row in rows]


def _believed(folder: Path, pool: list[Example], listener: Listener) -> np.ndarray:
    """What a trained model believes of each text, (texts, answers): of labels each, of spans that its answer is right or not."""
    run = load(folder)
    if run.task.answer is Label:
        return np.asarray(run.probabilities(pool, listener=listener))
    scores = np.array([prediction.score for prediction in run.predict(pool, listener=listener)])
    sure = np.maximum(scores, 0.5)  # what is more likely wrong than right is as unsure as can be
    return np.stack([sure, 1 - sure], axis=1)
