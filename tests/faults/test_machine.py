"""What the machine does to the work: disks that are full or read-only, folders that go away, clocks that are set back, kills."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import ruletune
from ruletune import cli
from ruletune.config import load_task
from ruletune.errors import RuletuneError, UserError
from ruletune.pipeline import fits
from ruletune.progress import Event
from ruletune.types import Example
from ruletune.workbench.project import Project
from tests.faults import kills

posix = pytest.mark.skipif(os.name != "posix", reason="no limits on the size of files")


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file may become larger: whoever writes, also outside of Python, fails as on a full disk, with another number."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))  # Python ignores SIGXFSZ
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a task and its run."""
    folder = tmp_path_factory.mktemp("trained")
    kills.write_tiny_task(folder)
    ruletune.fit(load_task(folder / "task.yaml"), out=folder / "run")
    return folder


@pytest.fixture
def labelling(tmp_path: Path) -> Path:
    kills.write_texts(tmp_path)
    return tmp_path


def command(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["ruletune", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


# -- a full disk


@posix
@pytest.mark.parametrize("size", [pytest.param(20_000, marks=pytest.mark.long), 60_000])
def test_training_on_a_full_disk_is_gone_on_with(trained: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "_SAVE_EVERY", 0.0)
    spec, out = load_task(trained / "task.yaml"), trained / f"run{size}"
    with small_disk(size), pytest.raises(RuletuneError, match="cannot write the run: File too large") as caught:
        ruletune.fit(spec, out=out)
    assert caught.value.exit_code == 1 and not out.exists()
    run = ruletune.fit(spec, out=out, resume=True)
    assert (run.folder / "metrics.json").read_bytes() == (trained / "run" / "metrics.json").read_bytes()
    name = "model/model.safetensors"
    assert (run.folder / name).read_bytes() == (trained / "run" / name).read_bytes()


@posix
def test_labelling_predicting_and_voting_on_a_full_disk(
    trained: Path, labelling: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts, task = labelling / "texts.jsonl", labelling / "task.yaml"
    commands: dict[str, tuple[object, ...]] = {
        "weak.jsonl": ("label", task, texts),
        "answers.jsonl": ("predict", trained / "run", texts),
        "votes.npz": ("rules", "export", task, texts),
    }
    for name, words in commands.items():
        out = labelling / name
        out.write_text("earlier", "utf-8")
        with small_disk(3_000 if name == "votes.npz" else 30_000):
            assert command(*words, "--out", out, monkeypatch=monkeypatch) == 1, name
        said = capsys.readouterr().err
        assert "File too large" in said and "Traceback" not in said
        assert out.read_text("utf-8") == "earlier"
        again = () if name == "votes.npz" else ("--resume",)
        assert command(*words, "--out", out, *again, monkeypatch=monkeypatch) == 0, name
        assert out.stat().st_size > 1_000
        assert not list(labelling.glob(f".{name}*.tmp")) and not list(labelling.glob(f".{name}.partial"))


@posix
def test_an_export_on_a_full_disk(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxscript")
    out = trained / "exported"
    with small_disk(50_000):
        assert command("export", trained / "run", "--out", out, monkeypatch=monkeypatch) == 1
    said = capsys.readouterr().err
    assert "File too large" in said and "Traceback" not in said
    assert not out.exists() and not (trained / ".exported.partial").exists()


@posix
def test_the_workbench_on_a_full_disk(labelling: Path) -> None:
    project = Project(labelling / "task.yaml")
    project.label(Example("1", "first"), None, "ham")
    labels, task = project.labels_path.read_bytes(), (labelling / "task.yaml").read_bytes()
    long = "x" * 10_000
    with small_disk(5_000):
        with pytest.raises(RuletuneError, match=r"cannot write: File too large"):
            project.label(Example("2", long), None, "ham")
        with pytest.raises(RuletuneError, match=r"cannot write: File too large"):
            project.add({"keywords": [long], "vote": "spam"})
    assert project.labels_path.read_bytes() == labels and (labelling / "task.yaml").read_bytes() == task
    project.label(Example("2", long), None, "ham")
    assert len(Project(labelling / "task.yaml").hand_labels()) == 2
    assert not list(labelling.rglob("*.tmp"))


# -- folders that cannot be written, or go away


def test_a_read_only_place(labelling: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere: what the system would say is said here for everybody."""
    spec, plain = load_task(labelling / "task.yaml"), Path.mkdir

    def mkdir(path: Path, *arguments: Any, **named: Any) -> None:
        if ".partial" in str(path):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        plain(path, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    from ruletune.labeling.stream import label_file

    with pytest.raises(RuletuneError, match="Read-only file system") as caught:
        label_file(spec, str(labelling / "texts.jsonl"), str(labelling / "weak.jsonl"))
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("gone", [".gone.partial", pytest.param(".gone.partial/parts", marks=pytest.mark.long)])
def test_the_unfinished_run_is_deleted_under_way(trained: Path, gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "_SAVE_EVERY", 0.0)

    def delete(event: Event) -> None:
        if event.name == "rules + labels: weak" and event.done == 2 and (trained / gone).exists():
            shutil.rmtree(trained / gone)

    spec, out = load_task(trained / "task.yaml"), trained / "gone"
    try:
        with pytest.raises(RuletuneError, match=r"cannot write the run: No such file") as caught:
            ruletune.fit(spec, out=out, listener=delete)
        assert caught.value.exit_code == 1 and not isinstance(caught.value, UserError)
        assert not out.exists()
    finally:
        shutil.rmtree(trained / ".gone.partial", ignore_errors=True)


def test_the_workbench_folder_is_deleted_under_way(labelling: Path) -> None:
    project = Project(labelling / "task.yaml")
    project.add({"keywords": ["x"], "vote": "spam"})
    shutil.rmtree(labelling)
    for edit in (
        lambda: project.add({"keywords": ["y"], "vote": "spam"}),
        lambda: project.label(Example("1", "first"), None, "ham"),
    ):
        with pytest.raises(RuletuneError) as caught:
            edit()
        assert "No such file" in str(caught.value) or "broken" in str(caught.value)


def test_a_command_that_knows_no_better_says_what_the_system_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failure: Exception

    def app(**_: object) -> None:
        raise failure

    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(sys, "argv", ["ruletune"])
    cases: list[tuple[Exception, str]] = [
        (OSError(errno.ENOSPC, "No space left on device", "a.jsonl"), "a.jsonl: No space left on device\n"),
        (shutil.Error([("a", "b", "[Errno 28] No space left")]), "[Errno 28] No space left\n"),
        (MemoryError(), "memory ran out; end what else uses it, or give smaller pieces of work\n"),
    ]
    for error, said in cases:
        failure = error
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert (ended.value.code, capsys.readouterr().err) == (1, said)
    failure = ValueError("a defect")
    with pytest.raises(ValueError, match="a defect"):
        cli.main()


# -- clocks


@pytest.fixture
def backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set back an hour whenever it is looked at."""
    now = [time.time()]

    def earlier() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", earlier)


@pytest.mark.usefixtures("backwards")
def test_a_clock_that_is_set_back_changes_nothing(trained: Path, labelling: Path) -> None:
    out = trained / "backwards"
    seen: list[Event] = []
    run = ruletune.fit(load_task(trained / "task.yaml"), out=out, listener=seen.append)
    assert (run.folder / "metrics.json").read_bytes() == (trained / "run" / "metrics.json").read_bytes()
    assert all(0 <= event.done <= event.total for event in seen)
    project = Project(labelling / "task.yaml")
    for number in range(3):
        project.add({"name": f"r{number}", "keywords": ["x"], "vote": "spam"})
        os.utime(labelling / "task.yaml", (0, 1_000_000 - number))
    assert [view.name for view in Project(labelling / "task.yaml").snapshot.views][-3:] == ["r0", "r1", "r2"]
    assert project.undoable == "add the rule 'r2'"


# -- two at a time, and kills


def test_a_second_process_on_a_run_folder_leaves_the_first_alone(trained: Path) -> None:
    """The lock is of the open file, so that a second attempt of this process is refused as another process is."""
    spec, out = load_task(trained / "task.yaml"), trained / "twice"
    refused: list[str] = []

    def second(event: Event) -> None:
        if event.name == "rules + labels: weak" and not refused:
            with pytest.raises(UserError, match="another process is working on") as caught:
                ruletune.fit(spec, out=out, overwrite=True)
            refused.append(str(caught.value))

    run = ruletune.fit(spec, out=out, listener=second)
    assert refused
    assert (run.folder / "metrics.json").read_bytes() == (trained / "run" / "metrics.json").read_bytes()


@posix
@pytest.mark.parametrize(("name", "wanted"), [("saving", 8), pytest.param("workbench", 4, marks=pytest.mark.long)])
def test_killed_at_some_moments(name: str, wanted: int) -> None:
    """In a process of its own, for a fork of one with threads may hang. The long form: ``python -m tests.faults.kills``."""
    words = ("-m", "tests.faults.kills", "--only", name, "--moments", str(wanted), "--no-record")
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{name}: {wanted} moments" in done.stderr


@posix
def test_what_is_lost_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"a"', "utf-8")
    with pytest.raises(AssertionError, match="cut off"):
        kills.whole(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n', "utf-8")
    (tmp_path / "b.json").write_text('{"a": ', "utf-8")
    with pytest.raises(json.JSONDecodeError):
        kills.whole(tmp_path)
