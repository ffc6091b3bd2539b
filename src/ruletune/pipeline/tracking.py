"""A run's figures for TensorBoard, MLflow or Weights & Biases, beside the report.

Losses, learning rates and validation losses come from the same events that progress bars are drawn from, so that training knows
nothing of it. What is measured at the end, the settings and the report follow. A tracker that fails is left out from there on,
with a warning: a day of training is worth more than a curve of it.

Everything stays on this machine unless the tool itself is configured otherwise (``MLFLOW_TRACKING_URI``, ``WANDB_MODE``,
``WANDB_API_KEY``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from ruletune.config import TaskSpec
from ruletune.errors import MissingExtraError, UserError, nearest
from ruletune.pipeline.findings import metrics as found
from ruletune.pipeline.findings import settings_of
from ruletune.progress import Event, Listener
from ruletune.report.model import Report

__all__ = ["TRACKERS", "Tracker", "Tracking", "figures", "tracking"]

_PROJECT = "ruletune"
"""What runs are grouped under."""


class Tracker(Protocol):
    """Somewhere that a run's figures go."""

    def start(self, name: str, parameters: Mapping[str, str]) -> None:
        """A run begins."""

    def step(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """An update was made; ``values`` by name, steps from 1 in every stage."""

    def finish(self, figures: Mapping[str, float], files: Sequence[Path]) -> None:
        """The run is there: what was measured, and the report."""

    def abort(self) -> None:
        """The run failed or was interrupted."""


class _TensorBoard:
    """Event files in ``tensorboard/NAME`` beside the run folder."""

    def __init__(self, out: Path) -> None:
        self._folder = out.parent / "tensorboard" / out.name

    def start(self, name: str, parameters: Mapping[str, str]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(self._folder))
        rows = "\n".join(f"    {key}: {value}" for key, value in parameters.items())
        self._writer.add_text("settings", rows)

    def step(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        for key, value in values.items():
            self._writer.add_scalar(f"{stage}/{key}", value, step)

    def finish(self, figures: Mapping[str, float], files: Sequence[Path]) -> None:
        for key, value in figures.items():
            self._writer.add_scalar(key, value)
        self._writer.add_text("report", "\n".join(f"    {file}" for file in files))
        self._writer.close()

    def abort(self) -> None:
        self._writer.close()


class _MLflow:
    """A run in MLflow's store: where ``MLFLOW_TRACKING_URI`` says, else in the working folder."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def start(self, name: str, parameters: Mapping[str, str]) -> None:
        from mlflow import MlflowClient

        self._client: Any = MlflowClient()
        known = self._client.get_experiment_by_name(_PROJECT)
        experiment = self._client.create_experiment(_PROJECT) if known is None else known.experiment_id
        self._run = self._client.create_run(experiment, run_name=name).info.run_id
        for key, value in parameters.items():
            self._client.log_param(self._run, _mlflow_key(key), value[:6000])

    def step(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        for key, value in values.items():
            self._client.log_metric(self._run, _mlflow_key(f"{stage}/{key}"), value, step=step)

    def finish(self, figures: Mapping[str, float], files: Sequence[Path]) -> None:
        for key, value in figures.items():
            self._client.log_metric(self._run, _mlflow_key(key), value)
        for file in files:
            self._client.log_artifact(self._run, str(file))
        self._client.set_terminated(self._run)

    def abort(self) -> None:
        self._client.set_terminated(self._run, status="FAILED")


def _mlflow_key(name: str) -> str:
    """A name in the characters that MLflow takes.

    >>> _mlflow_key("rules + labels: weak/loss")
    'rules _ labels: weak/loss'
    """
    return "".join(c if c.isalnum() or c in "_-. :/" else "_" for c in name)[:250]


class _WandB:
    """A run of Weights & Biases; offline, in ``wandb/`` beside the run folder, unless its own settings say otherwise."""

    def __init__(self, out: Path) -> None:
        self._folder = out.parent

    def start(self, name: str, parameters: Mapping[str, str]) -> None:
        import wandb

        self._folder.mkdir(parents=True, exist_ok=True)
        chosen = "WANDB_MODE" in os.environ or "WANDB_API_KEY" in os.environ
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", _PROJECT),
            name=name,
            config=dict(parameters),
            dir=str(self._folder),
            mode=None if chosen else "offline",
            settings=wandb.Settings(console="off", silent=True, disable_code=True),
        )

    def step(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        self._run.log({f"{stage}/{key}": value for key, value in values.items()} | {f"{stage}/step": step})

    def finish(self, figures: Mapping[str, float], files: Sequence[Path]) -> None:
        import wandb

        self._run.summary.update(dict(figures))
        artifact = wandb.Artifact("report", type="report")
        for file in files:
            artifact.add_file(str(file))
        self._run.log_artifact(artifact)
        self._run.finish()

    def abort(self) -> None:
        self._run.finish(exit_code=1)


@dataclass(frozen=True, slots=True)
class _Kind:
    module: str
    make: Callable[[Path], Tracker]


TRACKERS: dict[str, _Kind] = {
    "tensorboard": _Kind("tensorboard", _TensorBoard),
    "mlflow": _Kind("mlflow", _MLflow),
    "wandb": _Kind("wandb", _WandB),
}


@dataclass(slots=True)
class Tracking:
    """The trackers of a run that still work. They are started with the first figure, when the task and its data are known to be
    right.

    Attributes:
        parameters: What the run is made with.
        warnings: What failed, for the report.
    """

    name: str
    parameters: Mapping[str, str]
    listener: Listener
    trackers: dict[str, Tracker] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    _started: bool = False

    def listen(self, event: Event) -> None:
        """Tell the listener, and the trackers where there is something to be tracked."""
        self.listener(event)
        if event.values:
            self._start()
            self._each(lambda tracker: tracker.step(event.name, event.done, event.values))

    def warn(self, warning: str) -> None:
        """Something for the report that whoever listens should know now, without a final stop."""
        self.listener(Event("note", 0, 1, warning))
        if f"{warning}." not in self.warnings:
            self.warnings.append(f"{warning}.")

    def finish(self, report: Report, files: Sequence[Path]) -> None:
        self._start()
        self._each(lambda tracker: tracker.finish(figures(report), files))

    def abort(self) -> None:
        if self._started:
            self._each(lambda tracker: tracker.abort())

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._each(lambda tracker: tracker.start(self.name, self.parameters))

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self.trackers.items()):
            try:
                tell(tracker)
            except Exception as error:  # a tool of others, perhaps with a network behind it: anything may come
                del self.trackers[name]
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                self.warnings.append(f"Tracking with {name} failed and was given up: {reason}")
                self.listener(Event(f"tracking with {name}", 0, 1, f"given up: {reason}"))


@contextmanager
def tracking(spec: TaskSpec, names: Sequence[str], *, out: Path, listener: Listener) -> Iterator[Tracking]:
    """Track what is done inside; the caller tells when the run is there.

    Args:
        names: Of :data:`TRACKERS`.
        out: The run folder; local figures go beside it, since it appears only when it is whole.

    Raises:
        UserError: There is no tracker of a name, or it is not installed.
    """
    parameters = {"task": spec.file.task, **settings_of(spec)}
    made = Tracking(out.name, parameters, listener, {name: _tracker(name, out) for name in dict.fromkeys(names)})
    try:
        yield made
    except BaseException:
        made.abort()
        raise


def _tracker(name: str, out: Path) -> Tracker:
    kind = TRACKERS.get(name)
    if kind is None:
        raise UserError(f"there is no tracker {name!r}", remedy=nearest(name, TRACKERS))
    if find_spec(kind.module) is None:
        raise MissingExtraError(f"tracking with {name}", "tracking")
    return kind.make(out.absolute())


def figures(report: Report) -> dict[str, float]:
    """What was measured, by ``way/metric``, and further numbers of ``metrics.json`` by their names there."""
    values = found(report)
    flat = {
        f"{way}/{name}": float(value)
        for way, scores in values["scores"].items()
        for name, value in scores.items()
        if isinstance(value, int | float)
    }
    single = ("calibration_error", "log_loss", "rule_coverage")
    return flat | {name: float(values[name]) for name in single if values[name] is not None}
