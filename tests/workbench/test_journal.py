"""What was done, and how it is undone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.workbench.journal import Change, Journal, Record, digest

texts = st.none() | st.text(st.sampled_from("ab\n\r你😀"), max_size=12)


@given(texts, texts)
def test_a_change_leads_from_one_text_to_the_other_and_back(before: str | None, after: str | None) -> None:
    change = Change.between("task", before, after)
    assert change.done(before) == after
    assert change.undone(after) == before
    assert len(change.removed) <= len(before or "") and len(change.added) <= len(after or "")


@pytest.mark.parametrize("other", ["", "c", None, "ab\n"])
def test_a_change_fits_one_text_only(other: str | None) -> None:
    change = Change.between("task", "ab", "abc")
    for turn in (change.done, change.undone):
        with pytest.raises(ValueError, match="changed since"):
            turn(other)


def test_a_change_is_no_longer_than_what_differs() -> None:
    long = "x" * 1_000_000
    change = Change.between("labels", f"{long}a{long}", f"{long}bc{long}")
    assert (change.start, change.removed, change.added) == (1_000_000, "a", "bc")


def record(before: str, after: str, title: str = "do it") -> Record:
    return Record(title, (Change.between("task", before, after),))


def now(text: str) -> dict[str, str]:
    return {"task": digest(text), "labels": ""}


def test_only_what_fits_the_files_is_undone_or_done_again() -> None:
    journal = Journal().with_record(record("a", "b", "first")).with_record(record("b", "c", "second"))
    assert journal.last(now("c")) == record("b", "c", "second")
    assert journal.last(now("x")) is None
    assert journal.coming(now("c")) is None
    back = Journal(journal.records, 1)
    assert back.last(now("b")) == record("a", "b", "first")
    assert back.coming(now("b")) == record("b", "c", "second")
    assert [each.title for each in back.with_record(record("b", "d", "third")).records] == ["first", "third"]


def test_a_crash_between_journal_and_file_is_seen() -> None:
    journal = Journal().with_record(record("a", "b"))
    assert journal.settled(now("a")).position == 0
    assert journal.settled(now("b")).position == 1
    assert Journal(journal.records, 0).settled(now("b")).position == 1
    assert journal.settled(now("x")) == journal


def test_it_is_kept_on_disk(tmp_path: Path) -> None:
    journal = Journal().with_record(record("a 你\r\n", "b 😀")).with_record(record("b 😀", "c"))
    journal.write(tmp_path / "journal.json")
    assert Journal.read(tmp_path / "journal.json") == journal


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b'{"format": 2, "records": [], "position": 0}',
        b'{"format": 1, "records": [], "position": 3}',
        b'{"format": 1, "records": [{"title": "x"}], "position": 0}',
        b'{"format": 1, "records": [{"title": "x", "changes": [{"file": "task", "extra": 1}]}], "position": 0}',
        b'{"format": 1, "records": 3, "position": 0}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_journal_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.json").write_bytes(content)
    assert Journal.read(tmp_path / "journal.json") == Journal()
    assert Journal.read(tmp_path / "none.json") == Journal()


def test_it_does_not_grow_without_end(tmp_path: Path) -> None:
    journal = Journal()
    for number in range(600):
        journal = journal.with_record(record(str(number), str(number + 1)))
    assert len(journal.records) == journal.position == 500
    for letter in "abc":
        journal = journal.with_record(record("", letter * 1_500_000))
    journal.write(tmp_path / "journal.json")
    assert (tmp_path / "journal.json").stat().st_size < 5_000_000
    assert json.loads((tmp_path / "journal.json").read_text("utf-8"))["position"] == journal.position
