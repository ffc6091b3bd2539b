"""A setting tried on a fold of the gold labels, by whichever process is asked to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ruletune.config import TaskSpec, parse_task, with_seed
from ruletune.labeling.corpus import gold_matrix
from ruletune.metrics.temperature import losses
from ruletune.models.checkpoints import Checkpoint
from ruletune.pipeline.clozing import fill_in, take_off_prior
from ruletune.pipeline.deciding import answers, probabilities
from ruletune.pipeline.guided import Guided
from ruletune.pipeline.prepare import Parts
from ruletune.pipeline.teaching import encode_parts, label_parts
from ruletune.progress import Event, Listener, silent
from ruletune.store import Workspace

__all__ = ["Held", "HeldOut", "OutOfTimeError", "applied"]


class OutOfTimeError(Exception):
    """The budget is used up."""


@dataclass(frozen=True, slots=True)
class Held:
    """A setting to be trained on all gold labels but a fold.

    Attributes:
        name: Of the training; what is done of it is remembered under it.
        fold: Rows of the gold labels that are held out.
        until: Second since the epoch at which it is given up.
    """

    name: str
    settings: dict[str, Any]
    fold: np.ndarray
    until: float | None

    def __str__(self) -> str:
        return self.name


class HeldOut:
    """Trains a setting and judges it on the fold that was held out: the loss on each text, and whether its answer is right.

    It goes to another process as the task's source; there nobody listens.

    Args:
        heard: Whether rules teach.
    """

    def __init__(
        self,
        spec: TaskSpec,
        parts: Parts,
        checkpoint: Checkpoint,
        workspace: Workspace,
        *,
        heard: bool,
        listener: Listener = silent,
    ) -> None:
        self._spec, self._parts, self._checkpoint = spec, parts, checkpoint
        self._workspace, self._heard, self._listener = workspace, heard, listener
        self._gold = gold_matrix(parts.gold, spec.labels)

    def __reduce__(self) -> tuple[Callable[..., HeldOut], tuple[Any, ...]]:
        spec, place = self._spec, self._workspace
        source = (spec.source, spec.path, spec.file.seed)
        return _rebuilt, (*source, self._parts, self._checkpoint, place.target, place.partial, self._heard)

    def __call__(self, held: Held) -> tuple[np.ndarray, np.ndarray]:
        task, out = applied(self._spec, held.settings), set(held.fold.tolist())
        parts = replace(
            self._parts,
            gold=tuple(example for row, example in enumerate(self._parts.gold) if row not in out),
            test=tuple(self._parts.gold[row] for row in held.fold),
        )
        quiet = _timed(silent, held.until)
        weak = label_parts(task, parts, listener=quiet)
        checkpoint = take_off_prior(
            task, fill_in(task, self._checkpoint), parts.unlabeled or parts.gold, listener=quiet
        )
        inputs = encode_parts(task, parts, weak, checkpoint, listener=quiet)
        listener = _timed(self._listener, held.until)
        guided = Guided(task, checkpoint, inputs, workspace=self._workspace, listener=listener)
        seed, multi = task.file.seed, task.file.multi_label
        if self._heard:
            fitted = guided.rules_and_labels(held.name, seed=seed, keep=False, score_on=("test",))
        else:
            everything = list(range(len(parts.gold)))
            fitted = guided.labels_alone(held.name, everything, seed=seed, keep=False, score_on=("test",))
        logits = np.asarray(fitted.outputs["test"], dtype=np.float64)
        loss = losses(logits, self._gold[held.fold], multi=multi)
        decided = answers(probabilities(logits, multi=multi), task.labels, multi=multi)
        right = [label == example.answer for (label, _), example in zip(decided, parts.test, strict=True)]
        return (loss.mean(axis=1) if multi else loss), np.array(right, dtype=float)


def _rebuilt(
    source: str,
    path: Path,
    seed: int,
    parts: Parts,
    checkpoint: Checkpoint,
    target: Path,
    partial: Path,
    heard: bool,
) -> HeldOut:
    spec = with_seed(parse_task(source, path=path, check_data=False), seed)
    return HeldOut(spec, parts, checkpoint, Workspace(target, partial), heard=heard)


def _timed(listener: Listener, until: float | None) -> Listener:
    """Tells, and gives up when time is."""

    def tell(event: Event) -> None:
        if until is not None and time.time() > until:
            raise OutOfTimeError
        listener(event)

    return tell


def applied(spec: TaskSpec, settings: dict[str, Any]) -> TaskSpec:
    """The task under other settings."""
    file = spec.file
    training: Any = file.training
    rendering = spec.rendering
    for name, value in settings.items():
        path = name.split(".")
        if path[0] == "templates":
            if value != "all":
                file = file.model_copy(update={"templates": (file.templates[value],)})
                rendering = replace(rendering, template=rendering.templates[value], others=())
        elif len(path) == 2:
            training = training.model_copy(update={path[1]: value})
        else:
            part = getattr(training, path[1]).model_copy(update={path[2]: value})
            training = training.model_copy(update={path[1]: part})
    return replace(spec, file=file.model_copy(update={"training": training}), rendering=rendering)
