from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ruletune.errors import RuletuneError, UserError
from ruletune.store import Workspace, open_workspace, read_json, write_json, write_text

WHO: dict[str, object] = {"task file": "a"}


def test_a_run_appears_whole(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "run", identity=WHO, resume=False, overwrite=False) as workspace:
        (workspace.files / "one.txt").write_text("1")
        assert not (tmp_path / "run").exists()
        workspace.publish()
    assert (tmp_path / "run" / "one.txt").read_text() == "1"


def test_what_fails_leaves_no_run_and_can_be_resumed(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        open_workspace(tmp_path / "run", identity=WHO, resume=False, overwrite=False) as workspace,
    ):
        workspace.put("part", {"x": 1})
        raise ZeroDivisionError
    assert not (tmp_path / "run").exists()
    with open_workspace(tmp_path / "run", identity=WHO, resume=True, overwrite=False) as workspace:
        assert workspace.has("part") and workspace.get("part") == {"x": 1}


@pytest.mark.parametrize("failing", [1, 2])
def test_a_failed_publication_keeps_the_old_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    target = tmp_path / "run"
    target.mkdir()
    (target / "old.txt").write_text("old")
    rename, calls = Path.rename, 0

    def failing_rename(self: Path, other: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(28, "No space left on device")
        return rename(self, other)

    with (
        pytest.raises(RuletuneError, match="No space left"),
        open_workspace(target, identity=WHO, resume=False, overwrite=True) as workspace,
    ):
        (workspace.files / "new.txt").write_text("new")
        monkeypatch.setattr(Path, "rename", failing_rename)
        workspace.publish()
    assert (target / "old.txt").read_text() == "old"


def test_an_old_run_that_a_crash_left_aside_comes_back(tmp_path: Path) -> None:
    aside = tmp_path / ".run.partial" / "old"
    aside.mkdir(parents=True)
    (aside / "precious.txt").write_text("x")
    with open_workspace(tmp_path / "run", identity=WHO, resume=False, overwrite=True):
        assert (tmp_path / "run" / "precious.txt").read_text() == "x"


def _hold(target: Path, ready: str, done: str) -> None:
    with open_workspace(target, identity=WHO, resume=False, overwrite=True):
        Path(ready).touch()
        while not Path(done).exists():
            pass


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    ready, done = tmp_path / "ready", tmp_path / "done"
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path / "run", str(ready), str(done)))
    process.start()
    try:
        while not ready.exists() and process.is_alive():
            pass
        with (
            pytest.raises(UserError, match="another process is working on"),
            open_workspace(tmp_path / "run", identity=WHO, resume=True, overwrite=True),
        ):
            pass
    finally:
        done.touch()
        process.join()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write into a read-only folder")
def test_a_read_only_folder_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with (
        pytest.raises(RuletuneError, match="cannot write the run"),
        open_workspace(tmp_path / "run", identity=WHO, resume=False, overwrite=False),
    ):
        pass


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"x": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "half")
    assert read_json(path) == {"x": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_file_that_several_threads_write_is_one_of_theirs(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: write_json(path, [number] * 5000), range(200)))
    assert len(set(read_json(path))) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_damaged_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(UserError, match=r"metrics\.json: damaged"):
        read_json(tmp_path / "metrics.json")
    with pytest.raises(UserError, match="not a run folder"):
        read_json(tmp_path / "ruletune.json")


def test_parts_are_named_by_file(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "run", tmp_path / "partial")
    assert not workspace.has("nothing")
