"""A source in pieces holds what the source holds, wherever it is cut."""

from __future__ import annotations

import gzip
import json
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.data.pieces import Piece, Sheet, pieces, read_piece
from ruletune.data.readers import Columns, read_all
from ruletune.errors import UserError
from tests.conftest import Complaints, Write


def cut(path: Path, columns: Columns | None = None, *, count: int = 3, size: int = 1 << 20) -> list[Piece]:
    return list(pieces(str(path), columns or Columns(label=None), folder=Path(), count=count, size=size))


def sheets(path: Path, columns: Columns | None = None, *, count: int = 3, size: int = 1 << 20) -> list[Sheet]:
    columns = columns or Columns(label=None)
    return [read_piece(piece, columns) for piece in cut(path, columns, count=count, size=size)]


def assert_the_same(path: Path, *, count: int, size: int) -> None:
    """Pieces read one by one against the whole file."""
    found = sheets(path, count=count, size=size)
    problems: list[str] = []
    try:
        whole = read_all(str(path), Columns(label=None), on_bad=lambda problem: problems.append(str(problem)))
    except UserError as error:
        assert "there are no rows" in str(error)
        whole = []
    assert list(chain.from_iterable(sheet.examples for sheet in found)) == whole
    assert [str(problem) for sheet in found for problem in sheet.problems] == problems
    for piece, sheet in zip(cut(path, count=count, size=size), found, strict=True):
        assert len(sheet.examples) + len(sheet.problems) == piece.count
        assert piece.share is None or 0 <= piece.share <= 1


LINES = st.lists(
    st.one_of(
        st.sampled_from(["", " ", "\t", "\u3000", "\u00a0\u2003", "\x1c", "\u0085 ", "\u200b", "\ufeff", "\r", "[1]", "{"]),
        st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=6),
        st.text(max_size=8).map(lambda text: json.dumps({"text": text}, ensure_ascii=False)),
    ),
    max_size=20,
)  # fmt: skip


@given(LINES, st.booleans(), st.booleans(), st.integers(1, 7), st.integers(1, 60))
@pytest.mark.parametrize("name", ["a.jsonl", "a.txt", "a.txt.gz"])
def test_lines(
    name: str,
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    ended: bool,
    mark: bool,
    count: int,
    size: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    text = "\n".join(lines) + ("\n" if ended else "")
    data = text.encode("utf-8-sig" if mark else "utf-8")
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert_the_same(path, count=count, size=size)


CELLS = st.one_of(
    st.sampled_from(["", "a", 'say ""x""', "one,two", "line\nbreak", "\r\n", "很好"]).map(lambda cell: f'"{cell}"'),
    st.sampled_from(["", "a", "b c", "é", '"open', '"5" disk"', "a\rb"]),
)


@given(st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=12), st.integers(1, 5), st.integers(1, 40))
def test_records(tmp_path_factory: pytest.TempPathFactory, records: list[list[str]], count: int, size: int) -> None:
    path = tmp_path_factory.getbasetemp() / "records.csv"
    path.write_text("text,other\n" + "".join(",".join(cells) + "\n" for cells in records), encoding="utf-8", newline="")
    assert_the_same(path, count=count, size=size)


@pytest.mark.parametrize("content", ['"5" disk"\n' * 4, '"open\na\nb\n', "a\rb\nc\n", "text\ra\r", '\n\n"a"b\nc'])
def test_a_header_that_is_none(content: str, write: Write, complaints: Complaints) -> None:
    path = write("a.csv", content)
    assert complaints(cut, path) == complaints(read_all, str(path))


@pytest.mark.parametrize("groups", [2, 7, 100])
def test_parquet(tmp_path: Path, groups: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    texts = [f"text {n} 很好" if n % 5 else None for n in range(20)]
    pq.write_table(pa.table({"text": texts, "tags": [[n, n + 1] for n in range(20)]}), path, row_group_size=groups)
    assert_the_same(path, count=3, size=1 << 20)
    assert len(cut(path, count=100, size=1)) == 20, "large rows are not put together"
    assert cut(path)[-1].share == 1.0


def test_parquet_that_python_cannot_hold(tmp_path: Path, complaints: Complaints) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    when = pa.array([2**60 if n in (1, 7) else n for n in range(10)], pa.timestamp("ms"))
    pq.write_table(pa.table({"text": ["a"] * 10, "when": when}), path)
    assert_the_same(path, count=3, size=1 << 20)
    assert [len(sheet.problems) for sheet in sheets(path)] == [1, 0, 1, 0]
    pq.write_table(pa.table([["a"], ["b"]], names=["text", "text"]), path)
    assert complaints(cut, path) == ["a.parquet: two columns are called 'text'"]


def test_a_column_that_the_first_row_lacks(write: Write, complaints: Complaints) -> None:
    path = write("a.jsonl", '{"body": "a"}\n' + '{"text": "b"}\n' * 5)
    assert [str(p) for sheet in sheets(path) for p in sheet.problems] == [f"{path}:1: no text in column 'text'"]
    assert len(complaints(sheets, path, Columns(text="txt"))) == 1


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json"])
def test_a_column_that_a_whole_piece_of_long_rows_lacks(name: str, write: Write, complaints: Complaints) -> None:
    rows = [{"text": f"{n} " + "x" * 6000} | ({"key": f"k{n}"} if n == 99 else {}) for n in range(1, 120)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    content = json.dumps(rows) if name == "a.json" else lines
    path = write(name, gzip.compress(content.encode()) if name.endswith(".gz") else content)
    found = sheets(path, Columns(label=None, id="key"), count=1000, size=1 << 16)
    assert len(found) > 5
    ids = [example.id for sheet in found for example in sheet.examples]
    assert ids == [example.id for example in read_all(str(path), Columns(label=None, id="key"))]
    assert ids[97:100] == ["98", "k99", "100"]
    [complaint] = complaints(sheets, path, Columns(label=None, id="kex"), size=1 << 16)
    assert "no column 'kex'; did you mean 'key'?" in complaint


def test_a_piece_may_be_read_again(write: Write) -> None:
    [piece] = cut(write("a.json", '[{"text": "a", "n": 1}]'))
    before = piece.fingerprint()
    assert read_piece(piece, Columns()) == read_piece(piece, Columns())
    assert piece.fingerprint() == before


def test_formats_that_cannot_be_cut(write: Write) -> None:
    path = write("a.json", json.dumps([{"text": "a"}, {"text": 1}, {"text": "很好"}, {"text": "d"}]))
    assert [piece.count for piece in cut(path, count=3)] == [3, 1]
    [first, second] = sheets(path)
    assert [example.id for example in [*first.examples, *second.examples]] == ["1", "3", "4"]
    assert [str(problem) for problem in first.problems] == [f"{path}[2]: column 'text' holds int, not text"]


def test_a_long_row_is_a_piece_of_its_own(write: Write) -> None:
    rows = ["a", "b" * 1_000_000, "c"]
    path = write("a.jsonl", "".join(json.dumps({"text": row}) + "\n" for row in rows))
    found = sheets(path, size=1000, count=100)
    assert [len(example.text) for sheet in found for example in sheet.examples] == [1, 1_000_000, 1]
    assert len(found) == 2
    assert_the_same(path, size=1000, count=100)


def test_mistakes_of_the_whole_file(write: Write, complaints: Complaints) -> None:
    assert cut(write("empty.jsonl", "")) == [] == cut(write("header.csv", "text,label\n"))
    assert complaints(sheets, write("a.csv", "txt\na\n")) == [
        "a.csv:2: no column 'text'; did you mean 'txt'? Or set data.columns.text in the task file"
    ]
    latin = write("b.jsonl", '{"text": "a"}\n{"text": "b"}\n{"text": "café"}\n'.encode("latin-1"))
    assert_the_same(latin, count=2, size=1 << 20)
    for count in (1, 2, 5):
        [complaint] = [str(problem) for sheet in sheets(latin, count=count) for problem in sheet.problems]
        assert ":3: not UTF-8: byte 0xe9" in complaint
    table = write("c.csv", "text\na\ncafé\nb\n".encode("latin-1"))
    assert_the_same(table, count=1, size=1 << 20)
    assert [len(sheet.examples) for sheet in sheets(table, count=1)] == [1, 0, 1]
    [complaint] = complaints(sheets, write("d.txt", "a\n".encode("utf-16")))
    assert complaint.startswith("d.txt:1: not UTF-8: it begins like UTF-16")
    whole = gzip.compress(b'{"text": "a"}\n' * 1000)
    [complaint] = complaints(sheets, write("e.jsonl.gz", whole[:-20]))
    assert complaint.startswith("e.jsonl.gz: cannot read the file")
    [complaint] = complaints(sheets, write("f.parquet", b"PAR1 nothing"))
    assert complaint.startswith("f.parquet: not a readable Parquet file")
    [complaint] = complaints(cut, Path("/nowhere/a.jsonl"))
    assert "no data at" in complaint


def test_a_line_without_end(write: Write, complaints: Complaints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ruletune.data.pieces.LONGEST", 100)
    path = write("a.txt", "x" * 100 + "\n" + "y" * 99 + "\n")
    assert sum(piece.count for piece in cut(path)) == 2
    assert complaints(cut, write("b.txt", "short\n" + "x" * 102 + "\n"), size=4) == [
        "b.txt:2: a line of more than 256 MB"
    ]


def test_fingerprints_tell_pieces_apart(write: Write) -> None:
    same = cut(write("a.txt", "one\ntwo\nthree\n"), count=1)
    assert len({piece.fingerprint() for piece in same}) == 3
    again = cut(write("a.txt", "one\ntwo\nthree\n"), count=1)
    assert [piece.fingerprint() for piece in again] == [piece.fingerprint() for piece in same]
    moved = cut(write("a.txt", "\none\ntwo\nthree\n"), count=2)
    assert moved[1].fingerprint() not in {piece.fingerprint() for piece in same}
    rows = cut(write("a.json", '[{"text": "a"}]'))
    assert rows[0].fingerprint() == cut(write("a.json", '[ {"text": "a"} ]'))[0].fingerprint()
