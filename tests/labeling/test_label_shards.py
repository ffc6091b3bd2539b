"""A folder of shards labelled into a folder of shards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ruletune.config import load_task, skipping_bad_rows
from ruletune.errors import RuletuneError, UserError
from ruletune.labeling.stream import label_file
from ruletune.places import located, within
from tests.engine import tasks

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

ROWS = tasks.texts("one label", 60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A task, and sixty texts in three files and in one."""
    tasks.write(tmp_path, "one label")
    for n in range(3):
        tasks.write_rows(tmp_path / "in" / f"{n}" / "part.jsonl", ROWS[20 * n : 20 * n + 20])
    (tmp_path / "in" / "3.txt").touch()
    tasks.write_rows(tmp_path / "all.jsonl", ROWS)
    return tmp_path


def rows(*paths: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in paths for line in path.read_bytes().decode().splitlines()]


def test_each_file_has_one_beside_it_with_the_labels_of_all(folder: Path) -> None:
    spec = load_task(folder / "task.yaml")
    found = label_file(spec, str(folder / "in"), f"{folder}/out/", rows=7)
    names = [f"{n}/part.jsonl" for n in range(3)]
    assert sorted(p.relative_to(folder / "out").as_posix() for p in within(folder / "out")) == [*names, "3.jsonl"]
    assert (folder / "out" / "3.jsonl").read_bytes() == b""
    label_file(spec, str(folder / "all.jsonl"), folder / "one.jsonl")
    label_file(spec, str(folder / "in"), folder / "joined.jsonl", rows=7)
    several, one = rows(*(folder / "out" / name for name in names)), rows(folder / "one.jsonl")
    assert [{**row, "id": ""} for row in several] == [{**row, "id": ""} for row in one]
    assert rows(folder / "joined.jsonl") == several
    assert several[20]["id"] == "1/part.jsonl:1" and found.texts == 60


def test_an_object_store_is_read_and_written(folder: Path) -> None:
    spec, store = load_task(folder / "task.yaml"), located("memory://bucket")
    try:
        for n in range(3):
            (store / "in" / f"{n}.jsonl").write_bytes((folder / "in" / f"{n}" / "part.jsonl").read_bytes())
        label_file(spec, "memory://bucket/in", "memory://bucket/out/", rows=7)
        names = sorted(path.name for path in within(store / "out"))
        assert names == ["0.jsonl", "1.jsonl", "2.jsonl", "_SUCCESS"]
        assert not (store / ".out.partial").exists()
        label_file(spec, "memory://bucket/in/*.jsonl", "memory://bucket/one.jsonl")
        assert rows(store / "one.jsonl") == rows(*(store / "out" / name for name in names[:3]))
        with pytest.raises(UserError, match="exists already"):
            label_file(spec, "memory://bucket/in", "memory://bucket/out/")
        label_file(spec, "memory://bucket/in", "memory://bucket/out/", overwrite=True)
    finally:
        fsspec.filesystem("memory").rm("/bucket", recursive=True)


def test_what_was_done_is_not_done_again(folder: Path) -> None:
    spec = load_task(folder / "task.yaml")
    label_file(spec, str(folder / "in"), f"{folder}/whole/", rows=7)

    def cut_off(fn: Any, items: Iterable[Any]) -> Iterator[Any]:
        for number, item in enumerate(items):
            if number == 2:
                raise RuletuneError("cut off")
            yield fn(item)

    with pytest.raises(RuletuneError, match="cut off"):
        label_file(spec, str(folder / "in"), f"{folder}/out/", rows=7, map=cut_off)
    assert not (folder / "out").exists()
    with pytest.raises(UserError, match="--resume"):
        label_file(spec, str(folder / "in"), f"{folder}/out/", rows=7)
    label_file(spec, str(folder / "in"), f"{folder}/out/", rows=7, resume=True)
    for n in range(3):
        name = f"{n}/part.jsonl"
        assert (folder / "out" / name).read_bytes() == (folder / "whole" / name).read_bytes()


def test_bad_rows_of_all_files_are_told_and_nothing_is_written(folder: Path) -> None:
    (folder / "in" / "2" / "part.jsonl").write_text('{"text": 1}\n', encoding="utf-8")
    (folder / "in" / "1" / "part.jsonl").write_text('{"text": "x"}\nnot JSON\n', encoding="utf-8")
    with pytest.raises(UserError) as caught:
        label_file(load_task(folder / "task.yaml"), str(folder / "in"), f"{folder}/out/")
    assert [str(p.where).rpartition("in/")[2] for p in caught.value.problems] == ["1/part.jsonl:2", "2/part.jsonl:1"]
    assert not (folder / "out").exists() and not (folder / ".out.partial").exists()


@pytest.mark.parametrize("kind", ["one label", "entities"])
def test_after_a_bad_row_that_is_left_out_the_rest_of_its_file_is_labelled(tmp_path: Path, kind: str) -> None:
    spec = skipping_bad_rows(load_task(tasks.write(tmp_path, kind)))
    lines = tasks.texts(kind, 12)
    tasks.write_rows(tmp_path / "good" / "a.jsonl", [*lines[:1], *lines[2:]])
    tasks.write_rows(tmp_path / "bad" / "a.jsonl", [*lines[:1], {"text": 5}, *lines[2:]])
    for name in ("good", "bad"):
        label_file(spec, str(tmp_path / name), f"{tmp_path}/{name}-out/", rows=3)
    good, bad = (rows(tmp_path / f"{name}-out" / "a.jsonl") for name in ("good", "bad"))
    assert [{**row, "id": ""} for row in bad] == [{**row, "id": ""} for row in good]
    assert bad[-1]["id"] == "12" and any(row["votes"] for row in bad[3:])


def test_a_folder_without_its_slash_and_data_without_files_are_refused(folder: Path) -> None:
    spec = load_task(folder / "task.yaml")
    with pytest.raises(UserError, match=r"write .*/in/ for a folder of files"):
        label_file(spec, str(folder / "all.jsonl"), folder / "in")
    with pytest.raises(UserError, match="no data at"):
        label_file(spec, str(folder / "nothing-*.jsonl"), f"{folder}/out/")
