"""Training in a process of its own: its events, its end, stopping it and going on, failures; and what its run says of texts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ruletune.errors import UserError
from ruletune.workbench import trainee
from ruletune.workbench.live import Live
from ruletune.workbench.training import TrainingJob
from ruletune.workbench.values import Training
from tests.model_fixtures import checkpoint, write_task  # noqa: F401 - a fixture
from tests.workbench.projects import Fixed, News


@pytest.fixture
def project(tmp_path: Path, checkpoint: Path) -> Fixed:  # noqa: F811
    task = write_task(tmp_path, checkpoint)
    return Fixed(task, task.read_text("utf-8"))


class Told:
    """Collects the states that a job tells."""

    def __init__(self) -> None:
        self.states: list[Training] = []
        self._more = threading.Condition()

    def __call__(self, state: Training) -> None:
        with self._more:
            self.states.append(state)
            self._more.notify_all()

    def wait(self, test: Callable[[Training], bool]) -> Training:
        with self._more:
            assert self._more.wait_for(lambda: bool(self.states) and test(self.states[-1]), timeout=300), self.states[
                -1:
            ]
            return self.states[-1]


def job_of(project: Fixed, told: Told) -> TrainingJob:
    folder = project.path.parent
    return TrainingJob(folder / "runs", folder / ".hidden", stem="task", listener=told)


@pytest.mark.slow
@pytest.mark.long
def test_a_run_from_start_to_end_and_what_it_says_of_texts(project: Fixed) -> None:
    with Live(project) as live:
        news = News(live)
        assert live.report is None and live.training.state == "idle"
        assert live.train().state == "running"
        with pytest.raises(UserError, match="already"):
            live.train()
        news.wait(lambda: live.training.state not in ("running", "idle"), seconds=300)
        state = live.training
        assert state.state == "done" and state.message and state.log
        assert live.report is not None and live.report.name == "report.html" and "task-1" in str(live.report)
        first = live.texts(limit=3).rows
        news.wait(lambda: all(row.model is not None for row in live.texts(limit=3).rows))
        assert [row.id for row in first] == [row.id for row in live.texts(limit=3).rows]
        stages = {told["stage"] for what, told in news.told if what == "training"}
        assert len(stages) > 3


@pytest.mark.slow
def test_a_stopped_run_is_gone_on_with_and_a_changed_task_begins_anew(project: Fixed) -> None:
    told = Told()
    job = job_of(project, told)
    job.start(project.spec)
    told.wait(lambda state: state.stage not in ("starting", "", "reading data", "applying rules"))
    job.stop()
    state = told.wait(lambda state: state.state != "running")
    assert state.state == "stopped" and "Nothing is lost" in state.message
    assert job.newest() is None
    project.write(project.spec.source.replace("learning_rate: 0.002", "learning_rate: 0.003"))
    job.start(project.spec)
    assert told.wait(lambda state: state.state != "running").state == "done"
    run = job.newest()
    assert run is not None and "0.003" in (run / "task.yaml").read_text("utf-8")
    job.close()


def test_what_is_wrong_is_said(project: Fixed) -> None:
    told = Told()
    job = job_of(project, told)
    (project.path.parent / "train.jsonl").write_text('{"text": "a", "label": "nonsense"}\n', encoding="utf-8")
    job.start(project.spec)
    state = told.wait(lambda state: state.state != "running")
    assert state.state == "failed" and "nonsense" in state.message
    job.close()


def test_closing_ends_the_process(project: Fixed) -> None:
    told = Told()
    job = job_of(project, told)
    job.start(project.spec)
    began = time.monotonic()
    job.close()
    assert job.state.state in ("stopped", "failed") and time.monotonic() - began < 120


def test_only_finished_runs_of_this_task_count(project: Fixed) -> None:
    job = job_of(project, Told())
    runs = project.path.parent / "runs"
    for name in ("task-2", "task-10", "task-11", "other-12", "task-x"):
        (runs / name).mkdir(parents=True)
        if name != "task-11":
            (runs / name / "ruletune.json").write_text("{}", encoding="utf-8")
    newest = job.newest()
    assert newest is not None and newest.name == "task-10"
    assert job.stop().state == "idle"


def test_the_process_speaks_json(project: Fixed, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot.yaml"
    snapshot.write_text("task: nonsense\n", encoding="utf-8")
    assert trainee.main(str(snapshot), str(project.path), str(tmp_path / "run")) == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "nonsense" in lines[-1]["error"]
    assert trainee.main(str(tmp_path / "missing"), str(project.path), str(tmp_path / "run")) == 2
