"""Two processes that train one model, as ``torchrun`` starts them: the same run as one process makes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from torch import distributed

import ruletune
from ruletune.config import load_task
from ruletune.errors import UserError
from ruletune.training import team
from tests.engine.training_work import without_dropout
from tests.model_fixtures import write_task

pytestmark = pytest.mark.skipif(not distributed.is_gloo_available(), reason="PyTorch was built without Gloo")


def start(arguments: list[str], *, ranks: int = 2) -> list[subprocess.Popen[str]]:
    """The command in so many processes, with what a launcher puts into their environments."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
    }
    return [
        subprocess.Popen(
            [sys.executable, "-m", "ruletune", *arguments],
            env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        for rank in range(ranks)
    ]


def ended(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each."""
    said = [process.communicate(timeout=600) for process in processes]
    return [(process.returncode, out, errors) for process, (out, errors) in zip(processes, said, strict=True)]


def test_two_processes_make_the_run_of_one(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, without_dropout(checkpoint, tmp_path / "checkpoint"))
    source = task.read_text(encoding="utf-8").replace("max_length: 32", "max_length: 32, dropout: 0")
    task.write_text(source, encoding="utf-8")
    first, second = ended(start(["train", str(task), "-o", str(tmp_path / "two"), "--json"]))
    assert first[0] == second[0] == 0, first[2] + second[2]
    assert second[1:] == ("", ""), "only the first speaks"
    alone = ruletune.fit(load_task(task), out=tmp_path / "one").report
    together = ruletune.load(tmp_path / "two").report
    assert [(p.stage, p.step) for p in together.losses] == [(p.stage, p.step) for p in alone.losses]
    assert [p.loss for p in together.losses] == pytest.approx([p.loss for p in alone.losses], rel=1e-3)
    assert together.scores == alone.scores
    assert json.loads(first[1])["run"] == str(tmp_path / "two")
    assert not (tmp_path / ".two.partial").exists()


@pytest.mark.long
def test_what_is_wrong_is_told_once(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint)
    (tmp_path / "train.jsonl").write_text('{"text": 1}\n', encoding="utf-8")
    first, second = ended(start(["train", str(task), "-o", str(tmp_path / "two")]))
    assert (first[0], second[0]) == (2, 2)
    assert "train.jsonl:1" in first[2] and "Traceback" not in first[2]
    assert second[1:] == ("", "")


def test_a_team_of_one_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (team.size(), team.rank(), team.leads()) == (1, 0, True)
    assert team.summed([1.5]) == [1.5] and team.told("a") == "a" and team.gathered("a") == ["a"]
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="start with torchrun"), team.joined():
        pass
