"""A run's figures in other tools, read back from where those keep them; a tool that fails costs a warning and nothing else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from ruletune.cli import main
from ruletune.config import load_task
from ruletune.errors import MissingExtraError, UserError
from ruletune.pipeline import tracking
from ruletune.pipeline.fit import fit
from ruletune.progress import Event, silent
from tests.model_fixtures import write_task
from tests.report.samples import binary
from tests.tiny_runs import tiny_run

QUICK = "  weak: {epochs: 1}\n  gold: {epochs: 2}\n  baselines: false\n  contrast: {use: never}\n"


def command(*arguments: object) -> int:
    """The command in this process; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ruletune", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@pytest.fixture
def quick(tmp_path: Path, checkpoint: Path) -> Path:
    task = write_task(tmp_path, checkpoint, test=20)
    text = task.read_text("utf-8")
    start, end = text.index("  weak:"), text.index("\nrules:")
    task.write_text(text[:start] + QUICK + text[end:], "utf-8")
    return task


def track(name: str, out: Path, quick: Path) -> None:
    """A run of a few steps, told to a tracker as training tells it."""
    spec = load_task(quick)
    with tracking.tracking(spec, [name], out=out, listener=silent) as tracked:
        for step in (1, 2, 3):
            values = {"loss": 1.0 / step, "learning_rate": 1e-3}
            tracked.listen(Event("rules + labels: weak", step, 3, values=values))
        tracked.listen(Event("scoring", 1, 1))
        report = out.parent / "report.html"
        report.write_text("<p>report</p>", "utf-8")
        tracked.finish(binary(), [report])
    assert tracked.warnings == []


def test_tensorboard(tmp_path: Path, quick: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed (pip install 'ruletune[tracking]')")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    track("tensorboard", tmp_path / "first", quick)
    events = EventAccumulator(str(tmp_path / "tensorboard" / "first"))
    events.Reload()
    losses = events.Scalars("rules + labels: weak/loss")
    assert [event.step for event in losses] == [1, 2, 3]
    assert [event.value for event in losses] == pytest.approx([1.0, 0.5, 1 / 3])
    assert events.Scalars("rules + labels/accuracy")[0].value == pytest.approx(0.8123)
    assert "settings/text_summary" in events.Tags()["tensors"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # mlflow 3.17 asks sqlalchemy 2.1 in an old way
def test_mlflow(tmp_path: Path, quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed (pip install 'ruletune[tracking]')")
    pytest.importorskip("sqlalchemy", reason="mlflow's local store needs sqlalchemy")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.chdir(tmp_path)
    track("mlflow", tmp_path / "first", quick)
    client = mlflow.MlflowClient()
    [run] = client.search_runs([client.get_experiment_by_name("ruletune").experiment_id])
    assert run.info.run_name == "first"
    assert run.info.status == "FINISHED"
    assert run.data.params["task"] == "classification"
    assert run.data.params["training.batch_size"] == "8"
    history = client.get_metric_history(run.info.run_id, "rules _ labels: weak/loss")
    assert [(point.step, point.value) for point in history] == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert run.data.metrics["rules _ labels/accuracy"] == pytest.approx(0.8123)
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["report.html"]


def test_wandb_offline(tmp_path: Path, quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed (pip install 'ruletune[tracking]')")
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("CACHE", "CONFIG", "DATA", "ARTIFACT"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / name.lower()))
    track("wandb", tmp_path / "first", quick)
    [folder] = [
        path for path in (tmp_path / "wandb").iterdir() if path.name.startswith("offline-run-") and path.is_dir()
    ]
    [log] = folder.glob("*.wandb")
    for _ in range(300):  # a process of its own writes the file
        if b"rules + labels: weak/loss" in log.read_bytes():
            break
        time.sleep(0.1)
    written = log.read_bytes()
    assert b"rules + labels: weak/loss" in written
    assert b"training.batch_size" in written


@pytest.mark.slow
def test_a_run_tells_its_steps_and_is_none_the_worse_for_it(tmp_path: Path, quick: Path, checkpoint: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed (pip install 'ruletune[tracking]')")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    plain = fit(load_task(quick), out=tmp_path / "plain")
    assert command("train", quick, "--out", tmp_path / "tracked", "--track", "tensorboard", "--json") == 0
    events = EventAccumulator(str(tmp_path / "tensorboard" / "tracked"))
    events.Reload()
    scalars = events.Tags()["scalars"]
    assert {"rules + labels: weak/loss", "rules + labels: gold/learning_rate"} <= set(scalars)
    accuracy = plain.metrics["scores"]["rules + labels"]["accuracy"]
    assert events.Scalars("rules + labels/accuracy")[0].value == pytest.approx(accuracy)
    assert not (tmp_path / "tensorboard" / "plain").exists()


class _Failing:
    """A tracker that works for so many calls."""

    def __init__(self, calls: int) -> None:
        self.left, self.told = calls, list[str]()

    def _tell(self, what: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise ConnectionError("the server is away\nfor long")
        self.told.append(what)

    def start(self, name: str, parameters: Mapping[str, str]) -> None:
        self._tell("start")

    def step(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        self._tell("step")

    def finish(self, figures: Mapping[str, float], files: Sequence[Path]) -> None:
        self._tell("finish")

    def abort(self) -> None:
        self._tell("abort")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], _Failing]:
    def install(calls: int) -> _Failing:
        made = _Failing(calls)
        monkeypatch.setitem(tracking.TRACKERS, "mlflow", tracking._Kind("json", lambda out: made))
        return made

    return install


def test_a_tracker_that_fails_does_not_end_training(
    tmp_path: Path, quick: Path, failing: Callable[[int], _Failing]
) -> None:
    tracker = failing(3)
    heard: list[Event] = []
    run = fit(load_task(quick), out=tmp_path / "run", report_to=["mlflow"], listener=heard.append)
    assert tracker.told == ["start", "step", "step"]
    [warning] = [w for w in run.report.warnings if "Tracking" in w]
    assert warning == "Tracking with mlflow failed and was given up: the server is away"
    assert any(event.name == "tracking with mlflow" for event in heard)


def test_a_wrong_task_is_not_tracked(tmp_path: Path, quick: Path, failing: Callable[[int], _Failing]) -> None:
    tracker = failing(100)
    (tmp_path / "train.jsonl").write_text("", "utf-8")
    with pytest.raises(UserError):
        fit(load_task(quick, check_data=False), out=tmp_path / "run", report_to=["mlflow"])
    assert tracker.told == []


def test_an_interrupted_run_is_told(tmp_path: Path, quick: Path, failing: Callable[[int], _Failing]) -> None:
    tracker = failing(100)

    def interrupt(event: Event) -> None:
        if event.values and event.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(load_task(quick), out=tmp_path / "run", report_to=["mlflow"], listener=interrupt)
    assert tracker.told == ["start", "step", "abort"]


def test_unknown_and_missing_trackers_are_named(quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load_task(quick)
    with pytest.raises(UserError, match="did you mean 'tensorboard'"):
        fit(spec, out=tmp_path / "run", report_to=["tensorbord"])
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ruletune\[tracking\]"):
        fit(spec, out=tmp_path / "run", report_to=["wandb"])
    assert not (tmp_path / "run").exists()


def test_the_task_file_names_trackers(
    tmp_path: Path, checkpoint: Path, masked: Path, failing: Callable[[int], _Failing]
) -> None:
    tracker = failing(1000)
    tiny_run("understanding", tmp_path / "a", checkpoint=checkpoint, masked=masked, writer=tmp_path)
    assert tracker.told == []
    task = tmp_path / "a" / "task.yaml"
    task.write_text(task.read_text("utf-8").replace("training:\n", "training:\n  report_to: [mlflow]\n"), "utf-8")
    fit(load_task(task), out=tmp_path / "a" / "second")
    assert (tracker.told[0], tracker.told[-1]) == ("start", "finish")
    assert tracker.told.count("step") > 2
