"""``ruletune label``, as it is called: what it prints, and what becomes of it when it is cut off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_cli import light_modules, run

TASK = """
task: classification
labels: [ham, spam]
data: {train: train.csv}
rules:
  - {name: free, regex: free, vote: spam}
  - {name: thanks, keywords: [thanks, 谢谢], vote: ham}
"""

SLOW = """
import os, pathlib, time

def slow(text):
    folder = pathlib.Path(__file__).parent
    if (folder / "hold").exists():
        (folder / f"pid-{os.getpid()}").touch()
        while (folder / "hold").exists() and text.endswith("9999"):
            time.sleep(0.01)
    return text.endswith("0")
"""

PROGRAM = """
from ruletune.cli import main
from ruletune.engine.local import LocalEngine

if __name__ == "__main__":
    LocalEngine.__init__.__kwdefaults__["patience"] = -1  # more than one job means other processes, from the start
    main()
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")


@pytest.fixture
def task(tmp_path: Path) -> Path:
    (tmp_path / "train.csv").write_text("text,label\nfree prize,spam\nthanks a lot,ham\n", encoding="utf-8")
    (tmp_path / "texts.jsonl").write_text(
        "".join(json.dumps({"text": text}) + "\n" for text in ["free", "谢谢", "lunch"]), encoding="utf-8"
    )
    (tmp_path / "task.yaml").write_text(TASK, encoding="utf-8")
    return tmp_path / "task.yaml"


@pytest.fixture
def slow(task: Path) -> Path:
    """A task with a function rule that waits at every ten thousandth text while there is a file called hold."""
    (task.parent / "slow.py").write_text(SLOW, encoding="utf-8")
    task.write_text(TASK + "  - {function: 'slow.py:slow', vote: ham}\n", encoding="utf-8")
    (task.parent / "many.txt").write_text("".join(f"free text {n}\n" for n in range(20_000)), encoding="utf-8")
    (task.parent / "program.py").write_text(PROGRAM, encoding="utf-8")
    return task


def command(task: Path, *options: str) -> list[str]:
    data, out = task.parent / "many.txt", task.parent / "weak.jsonl"
    return [sys.executable, str(task.parent / "program.py"), "label", str(task), str(data), "-o", str(out), *options]


def workers(folder: Path, count: int, process: subprocess.Popen[str]) -> list[int]:
    """Processes that apply the slow rule, once there are so many."""
    deadline = time.monotonic() + 60
    while len(found := list(folder.glob("pid-*"))) < count:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    return [int(path.name.removeprefix("pid-")) for path in found]


def started(task: Path, *options: str) -> subprocess.Popen[str]:
    # A group of its own, as a shell gives it: Ctrl-C reaches all of the group.
    return subprocess.Popen(
        command(task, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        start_new_session=True,
    )  # fmt: skip


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_votes_and_beliefs(task: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    texts, out = task.parent / "texts.jsonl", task.parent / "weak.jsonl"
    assert run(monkeypatch, "label", task, texts, "-o", out, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"output": str(out), "n": 3, "covered": 2, "faults": {}}
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["label"] for row in rows] == ["spam", "ham", None]
    for row in rows:
        assert set(row) == {"id", "votes", "label", "probability"}
        assert (row["label"] is None) == (not row["votes"])
    assert run(monkeypatch, "label", task, texts, "-o", out) == 0, "a finished file is replaced"
    assert "3 texts in" in capsys.readouterr().out


def test_faults_are_told(task: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (task.parent / "odd.py").write_text("def odd(text):\n    return 1 / (text != 'free')\n", encoding="utf-8")
    task.write_text(TASK + "  - {function: 'odd.py:odd', vote: ham}\n", encoding="utf-8")
    texts, out = task.parent / "texts.jsonl", task.parent / "weak.jsonl"
    assert run(monkeypatch, "label", task, texts, "-o", out) == 0
    assert "rule 'odd' failed on 1 texts, first on '1': ZeroDivisionError" in capsys.readouterr().out
    assert run(monkeypatch, "label", task, texts, "-o", out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["faults"] == {"odd": 1}


def test_the_input_is_not_replaced(
    task: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = task.parent / "texts.jsonl"
    before = texts.read_bytes()
    assert run(monkeypatch, "label", task, texts, "-o", texts) == 2
    assert "would replace the input" in capsys.readouterr().err
    assert texts.read_bytes() == before
    assert run(monkeypatch, "label", task, texts, "-o", task.parent / "o.jsonl", "--jobs", 0) == 2


def test_nothing_slow_is_loaded(task: Path) -> None:
    assert light_modules("label", str(task), str(task.parent / "texts.jsonl"), "-o", str(task.parent / "o")) == set()


@posix
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_command_is_gone_on_with(
    slow: Path, jobs: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = slow.parent
    assert run(monkeypatch, *command(slow)[2:]) == 0
    expected = (folder / "weak.jsonl").read_bytes()
    assert expected.count(b"\n") == 20_000
    (folder / "weak.jsonl").unlink()

    (folder / "hold").touch()
    process = started(slow, "--jobs", jobs)
    pids = workers(folder, int(jobs), process)
    while not list(folder.glob(".weak.jsonl.partial/parts/*.shard")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "interrupted; nothing is lost: go on with the same command and --resume"
    assert "Traceback" not in said
    assert all(map(gone, pids)) and not (folder / "weak.jsonl").exists()

    (folder / "hold").unlink()
    assert run(monkeypatch, *command(slow)[2:]) == 2
    assert "go on with --resume" in capsys.readouterr().err
    assert run(monkeypatch, *command(slow, "--resume")[2:]) == 0
    assert (folder / "weak.jsonl").read_bytes() == expected
    assert not (folder / ".weak.jsonl.partial").exists()


@posix
def test_a_worker_that_is_killed_is_told(slow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = slow.parent
    (folder / "hold").touch()
    process = started(slow, "--jobs", "2")
    # The parent is among them: it looks at the gold texts.
    os.kill(next(pid for pid in workers(folder, 2, process) if pid != process.pid), signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "a worker process was killed before its work was done (SIGKILL); if memory ran out, try fewer --jobs" in said
    (folder / "hold").unlink()
    assert run(monkeypatch, *command(slow, "--resume")[2:]) == 0
    assert (folder / "weak.jsonl").read_bytes().count(b"\n") == 20_000


@posix
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_disk_that_is_full(slow: Path, jobs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        command(slow, "--jobs", jobs), capture_output=True, text=True, encoding="utf-8", check=False,
        preexec_fn=small_files,
    )  # fmt: skip
    assert done.returncode == 1
    assert "cannot write" in done.stderr and "File too large" in done.stderr and "Traceback" not in done.stderr
    assert not (slow.parent / "weak.jsonl").exists()
    assert run(monkeypatch, *command(slow, "--resume")[2:]) == 0
    assert (slow.parent / "weak.jsonl").read_bytes().count(b"\n") == 20_000
