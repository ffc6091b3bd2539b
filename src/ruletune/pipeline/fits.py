"""One training from start to finish: resumable, and remembered when it is done.

A run consists of several fits: labels alone, points of the learning curve, rules + labels. Each
leaves its predictions and losses in the workspace, so that a resumed run repeats none of them, and
the one under way saves its position every half minute.
"""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from ruletune.models import adapters, backbone
from ruletune.models.backbone import Classifier
from ruletune.models.encoding import Encoded
from ruletune.models.readout import Ragged, Targets
from ruletune.pipeline.drafts import Drafts
from ruletune.pipeline.together import ask_together
from ruletune.progress import Event, Listener
from ruletune.report.model import LossPoint
from ruletune.store import Workspace
from ruletune.training import schedule, team
from ruletune.training.loop import Snapshot, Step
from ruletune.training.views import through_all

__all__ = ["Ask", "Fit", "Outputs", "asking", "fit", "interrupts_between_steps"]

_SAVE_EVERY = 30.0
"""Seconds between two saved positions. When they fall does not change what comes out."""


Outputs = Targets | Drafts
"""What a model makes of a part of the data: logits, or texts."""

Ask = Callable[[Classifier, str, Encoded, Callable[[int], None]], Outputs]
"""Asks a model about a part of the data, given its name and its texts; the last argument is told how many are done."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A finished training.

    Attributes:
        outputs: By part of the data: logits, (examples, labels); or, where tokens are chosen or labelled, for every row of
            the part's input (tokens, tags) or (2, tokens); or texts, one an example.
        model: Folder of the trained model where it was kept.
    """

    outputs: dict[str, Outputs]
    losses: tuple[LossPoint, ...]
    model: Path | None


def fit(
    name: str,
    *,
    make: Callable[[], Classifier],
    courses: Sequence[schedule.Course],
    score_on: dict[str, Encoded],
    workspace: Workspace,
    listener: Listener,
    seed: int,
    keep: bool,
    ask: Ask,
    most_points: int = 400,
) -> Fit:
    """Train, or remember having trained, and score the parts in ``score_on``.

    Args:
        make: Gives the pretrained model under a new output layer, adapter attached.
        courses: None at all: the model is asked as it is.
        keep: Keep the trained model (merged into a plain checkpoint).
    """
    part, model = _slug(name), workspace.path(f"{_slug(name)}.model")
    if workspace.has(part):
        return _remembered(workspace, part, model if keep else None)
    classifier = make()
    losses = _train(name, classifier, courses, workspace=workspace, listener=listener, seed=seed)
    adapters.merge(classifier)
    outputs: dict[str, Outputs] = {}
    for label, encoded in score_on.items():
        progress = _counter(f"{name}: scoring {label}", len(encoded), listener)
        outputs[label] = ask(classifier, label, encoded, progress)
    if keep:
        shutil.rmtree(model, ignore_errors=True)
        backbone.save(classifier, model)
    thinned = _thin(losses, most_points)
    texts = {label: values for label, values in outputs.items() if isinstance(values, Drafts)}
    logits = {label: values for label, values in outputs.items() if not isinstance(values, Drafts)}
    _save_logits(workspace.path(f"{part}.logits.safetensors"), logits)
    workspace.put(
        part,
        {
            "losses": [[point.stage, point.part, point.step, point.loss] for point in thinned],
            "texts": {label: values.to_json() for label, values in texts.items()},
        },
    )
    _forget_position(workspace, part)
    return Fit(outputs, thinned, model if keep else None)


def asking(precision: str) -> Ask:
    """Asks for logits."""

    def ask(classifier: Classifier, part: str, encoded: Encoded, progress: Callable[[int], None]) -> Targets:
        scored = backbone.logits if classifier.readout in ("text", "pair") else backbone.token_logits
        return ask_together(partial(scored, precision=precision), classifier, encoded, progress)

    return ask


def _train(
    name: str,
    classifier: Classifier,
    courses: Sequence[schedule.Course],
    *,
    workspace: Workspace,
    listener: Listener,
    seed: int,
) -> list[LossPoint]:
    part = _slug(name)
    running = schedule.run(classifier, through_all(courses), seed=seed)
    losses: list[LossPoint] = []
    saved = _load_position(workspace, part)
    if saved is not None:
        position, losses = saved
        running.restore(position)
    last_save = time.monotonic()
    with interrupts_between_steps() as interrupted:
        for step in running.steps():
            losses += _points(name, step)
            [asked] = team.summed([float(interrupted())])  # what stops one stops all, after the same step
            if team.leads() and (asked or time.monotonic() - last_save > _SAVE_EVERY):
                _save_position(workspace, part, running.position(), losses)
                last_save = time.monotonic()
            if asked:
                raise KeyboardInterrupt
            listener(Event(f"{name}: {step.stage}", step.step, step.total, f"loss {step.loss:.3f}", _values(step)))
    return losses


@contextmanager
def interrupts_between_steps() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C back until the step under way is whole, so that what is saved then is exact.

    A second Ctrl-C ends at once, and the position saved before stays. Python handles signals on its main thread only;
    elsewhere nothing is held back.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, previous if previous is not None else signal.SIG_DFL)


def _values(step: Step) -> dict[str, float]:
    """What trackers are told of an update."""
    values = {"loss": step.loss, "learning_rate": step.learning_rate}
    return values if step.validation is None else values | {"validation_loss": step.validation}


def _points(name: str, step: Step) -> list[LossPoint]:
    stage = f"{name}: {step.stage}"
    points = [LossPoint(stage, "train", step.step, step.loss)]
    if step.validation is not None:
        points.append(LossPoint(stage, "validation", step.step, step.validation))
    return points


def _thin(losses: list[LossPoint], most: int) -> tuple[LossPoint, ...]:
    """Every validation point, and so many training points that a plot can show."""
    training = sum(point.part == "train" for point in losses)
    every = max(1, -(-training // most))
    kept, seen = [], 0
    for point in losses:
        if point.part == "train":
            seen += 1
            if seen % every:
                continue
        kept.append(point)
    return tuple(kept)


def _save_position(
    workspace: Workspace, part: str, position: schedule.Position | None, losses: list[LossPoint]
) -> None:
    """Both halves in one file, written aside and renamed, so that a kill leaves the old one or the new one."""
    if position is None:
        return
    path = workspace.path(f"{part}.position.safetensors")
    temporary = path.with_suffix(".tmp")
    values = {
        "course": position.course,
        "values": position.snapshot.values,
        "losses": [[point.stage, point.part, point.step, point.loss] for point in losses],
    }
    save_file(position.snapshot.tensors, temporary, metadata={"values": json.dumps(values)})
    temporary.replace(path)


def _load_position(workspace: Workspace, part: str) -> tuple[schedule.Position, list[LossPoint]] | None:
    path = workspace.path(f"{part}.position.safetensors")
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            values = json.loads(file.metadata()["values"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (no mapping)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None  # damaged: this fit begins anew, which costs time and changes nothing
    losses = [LossPoint(*entry) for entry in values["losses"]]
    return schedule.Position(values["course"], Snapshot(tensors, values["values"])), losses


def _forget_position(workspace: Workspace, part: str) -> None:
    workspace.path(f"{part}.position.safetensors").unlink(missing_ok=True)


def _save_logits(path: Path, logits: dict[str, Targets]) -> None:
    """Numbers as they are; arrays of different lengths one behind the other, with their lengths."""
    tensors: dict[str, np.ndarray] = {}
    for part, values in logits.items():
        if isinstance(values, np.ndarray):
            tensors[part] = np.ascontiguousarray(values)
            continue
        lengths = [array.shape[values.axis] for array in values.arrays]
        tensors[f"{part}.lengths"] = np.array([values.axis, *lengths], dtype=np.int64)
        if values.arrays:
            tensors[f"{part}.values"] = np.concatenate(values.arrays, axis=values.axis)
    temporary = path.with_suffix(".tmp")
    save_arrays(tensors, temporary)
    temporary.replace(path)


def _load_logits(path: Path) -> dict[str, Targets]:
    tensors = load_arrays(path)
    logits: dict[str, Targets] = {}
    for name, values in tensors.items():
        part, _, kind = name.rpartition(".")
        if kind == "lengths":
            axis, *lengths = (int(value) for value in values)
            joined = tensors.get(f"{part}.values")
            arrays = () if joined is None else np.split(joined, np.cumsum(lengths)[:-1], axis=axis)
            logits[part] = Ragged(tuple(arrays), axis)
        elif kind != "values":
            logits[name] = values
    return logits


def _remembered(workspace: Workspace, part: str, model: Path | None) -> Fit:
    kept = workspace.get(part)
    outputs: dict[str, Outputs] = dict(_load_logits(workspace.path(f"{part}.logits.safetensors")))
    outputs |= {label: Drafts.from_json(values) for label, values in kept["texts"].items()}
    return Fit(outputs, tuple(LossPoint(*entry) for entry in kept["losses"]), model)


def _counter(name: str, total: int, listener: Listener) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        listener(Event(name, done, total))

    return advance


def _slug(name: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in name)
