"""Several files read as one source."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ruletune.data.pieces import pieces, read_piece
from ruletune.data.readers import Columns, read_all
from ruletune.errors import UserError
from ruletune.places import located
from ruletune.types import Example
from tests.conftest import Complaints

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

TEXTS = {"a.jsonl": ["one", "二"], "b/c.parquet": ["three 😀", "four"], "d.txt.gz": ["five"]}


def stored(folder: Path) -> None:
    """The texts in three formats, and files that are none of the data."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "b").mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS["a.jsonl"])
    (folder / "a.jsonl").write_bytes(lines.encode())
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": TEXTS["b/c.parquet"]}), sink)
    (folder / "b" / "c.parquet").write_bytes(sink.getvalue().to_pybytes())
    (folder / "d.txt.gz").write_bytes(gzip.compress(b"five\n"))
    for name in ("_SUCCESS", ".hidden.jsonl", "_tmp.jsonl", "notes.md"):
        (folder / name).write_bytes(b"not this\n")


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "texts" if request.param == "disk" else located("memory://shards/texts")
    stored(place)
    yield place
    if request.param == "memory":
        fsspec.filesystem("memory").rm("/shards", recursive=True)


def in_pieces(source: str) -> list[Example]:
    return [
        example
        for piece in pieces(source, Columns(label=None), folder=Path(), count=1, size=1000)
        for example in read_piece(piece, Columns(label=None)).examples
    ]


def test_a_folder_is_all_its_data_files(folder: Path) -> None:
    found = read_all(str(folder))
    assert [(e.id, e.text) for e in found] == [
        (f"{name}:{n}", text) for name, texts in TEXTS.items() for n, text in enumerate(texts, start=1)
    ]
    assert in_pieces(str(folder)) == found


def test_a_pattern_is_the_files_that_match(folder: Path) -> None:
    found = read_all(f"{folder}/**/*.parquet")
    assert [e.id for e in found] == ["b/c.parquet:1", "b/c.parquet:2"]
    assert in_pieces(f"{folder}/[ad].*") == [e for e in read_all(str(folder)) if not e.id.startswith("b/")]


def test_one_file_keeps_its_numbers(folder: Path) -> None:
    assert [e.id for e in read_all(f"{folder}/a.jsonl")] == ["1", "2"]


def test_bad_rows_are_told_with_their_file(folder: Path, complaints: Complaints) -> None:
    (folder / "e.jsonl").write_bytes(b'{"text": "good"}\n{"text": 5}\n{"words": "x"}\n')
    said = complaints(read_all, str(folder))
    assert [line.rpartition("/")[2].partition(": ")[0] for line in said] == ["e.jsonl:2", "e.jsonl:3"]


def test_ids_are_compared_over_all_files(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.jsonl").write_text('{"id": "1", "text": "same"}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"b\.jsonl:1: the id '1' stands twice"):
        read_all(str(tmp_path), Columns(id="id"))


def test_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no data at"):
        read_all(str(tmp_path / "*.jsonl"))
    with pytest.raises(UserError, match=r"no data at 'memory://nothing/a\.jsonl'"):
        read_all("memory://nothing/a.jsonl")
