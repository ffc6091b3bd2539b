"""Rows that processes die over are found out; those that happened to be at hand are not."""

from __future__ import annotations

from pathlib import Path

from ruletune.labeling.journal import Journal


def die(path: Path, row: int | None = None, piece: str = "f00") -> tuple[bool, tuple[int, ...]]:
    """A process that works on a piece and dies over a row; what it knew before."""
    journal = Journal(path, piece)
    known = journal.again, tuple(journal.deadly)
    journal.__enter__()
    if row is not None:
        journal.at(row)
    return known


def test_a_row_that_two_processes_died_over_is_at_fault(tmp_path: Path) -> None:
    path = tmp_path / "7.shard"
    assert die(path) == (False, ())
    assert die(path, 5) == (True, ())
    assert die(path, 5) == (True, ())
    assert die(path, 9) == (True, (5,))
    assert die(path, 9) == (True, (5,))
    assert die(path) == (True, (5, 9))
    with Journal(path, "f00") as journal:
        assert journal.deadly == (5, 9)
    assert list(tmp_path.iterdir()) == []


def test_machines_that_go_away_blame_nobody(tmp_path: Path) -> None:
    path = tmp_path / "7.shard"
    for row in (None, 3, 8, None, 3, 4):
        assert not die(path, row)[1]
    assert Journal(path, "f00").deadly == ()


def test_what_was_written_about_other_data_or_is_damaged_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "7.shard"
    for row in (None, 5, 5):
        die(path, row)
    assert Journal(path, "f00").deadly == (5,)
    assert not Journal(path, "0ff").again
    for damaged in (b"", b"{", b"[]", b'{"piece": "f00"}', b"\xff\x00", b'{"piece": "f00", "deadly": [], "more": 1}'):
        path.with_suffix(".journal").write_bytes(damaged)
        assert not Journal(path, "f00").again


def test_an_error_is_no_death(tmp_path: Path) -> None:
    path = tmp_path / "7.shard"
    try:
        with Journal(path, "f00"):
            raise ValueError
    except ValueError:
        pass
    assert not Journal(path, "f00").again
