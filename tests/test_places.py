"""Files elsewhere are read and written as files here are."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from ruletune.errors import UserError
from ruletune.places import Elsewhere, is_pattern, located, matching, named_below, remove, within

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

NAMES = ("a/x-1.jsonl", "a/x-2.jsonl", "a/b/x-3.jsonl", "a/y 很.txt")


@pytest.fixture
def memory() -> Iterator[str]:
    """A folder in memory with some files."""
    store = fsspec.filesystem("memory")
    for name in NAMES:
        located(f"memory://places/{name}").write_bytes(name.encode())
    yield "memory://places"
    if store.exists("/places"):
        store.rm("/places", recursive=True)


def test_what_a_name_stands_for() -> None:
    assert located("a.txt", Path("folder")) == Path("folder/a.txt")
    assert located("file:///tmp/a%20b.txt") == Path("/tmp/a b.txt")
    assert str(located("s3://bucket/folder/a.txt")) == "s3://bucket/folder/a.txt"
    assert located("s3://bucket/a.tar.gz").suffixes == [".tar", ".gz"]
    assert not isinstance(located("hf:owner/name"), Elsewhere)
    assert is_pattern("part-*.csv") and is_pattern("[ab].csv") and not is_pattern("{en,de}.csv")


def test_it_reads_writes_moves_and_deletes(memory: str) -> None:
    path = located(f"{memory}/a/x-1.jsonl")
    assert isinstance(path, Elsewhere)
    assert (path.exists(), path.is_file(), path.is_dir(), path.parent.is_dir()) == (True, True, False, True)
    assert path.stat().st_size == len("a/x-1.jsonl")
    with path.open("rb") as file:
        assert file.read(2) == b"a/" and file.readline() == b"x-1.jsonl"
    other = path.with_name("z").with_suffix(".tmp")
    other.write_bytes("很\n".encode())
    other.replace(path)
    assert path.read_text() == "很\n" and not other.exists()
    other.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        (path.parent / "nothing").read_bytes()
    with pytest.raises(ValueError, match="binary"):
        path.open("w")
    remove(path.parent)
    assert not path.parent.exists()
    remove(path.parent)


def test_it_crosses_to_another_process(memory: str) -> None:
    path = located(f"{memory}/a/x-1.jsonl")
    again = copy.copy(path)  # by the road that a process takes, too
    assert str(again) == str(path) and again.read_bytes() == b"a/x-1.jsonl"


@pytest.mark.parametrize("here", [True, False])
def test_patterns_mean_the_same_everywhere(memory: str, tmp_path: Path, here: bool) -> None:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    base = str(tmp_path) if here else memory

    def found(pattern: str) -> list[str]:
        return [named_below(path, located(base)) for path in matching(f"{base}/{pattern}")[1]]

    assert found("a/*.jsonl") == ["a/x-1.jsonl", "a/x-2.jsonl"]
    assert found("a/x-?.jsonl") == ["a/x-1.jsonl", "a/x-2.jsonl"]
    assert found("**/x-[23].jsonl") == ["a/b/x-3.jsonl", "a/x-2.jsonl"]
    assert found("a/*很*") == ["a/y 很.txt"]
    assert found("b/*") == []
    assert {named_below(path, located(base)) for path in within(located(base))} == set(NAMES)


def test_what_nobody_knows_is_told() -> None:
    with pytest.raises(UserError, match="cannot reach nowhere://a: "):
        located("nowhere://a/b.txt").exists()
