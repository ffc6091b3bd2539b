"""Ids that stand twice, in one piece or in pieces far apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.errors import Location
from ruletune.labeling.duplicates import duplicates
from ruletune.labeling.shards import Shard, Tally, write_shard


def found(folder: Path, shards: list[list[str]], *, at_once: int = 1000, most: int = 1000) -> list[str]:
    paths = []
    for number, ids in enumerate(shards):
        paths.append(folder / f"{number}.shard")
        lines = range(100 * number, 100 * number + len(ids))
        shard = Shard.of(ids, lines, np.zeros((len(ids), 0), dtype=np.int16))
        write_shard(paths[-1], "", Tally(len(ids)), shard, hashed=True)
    problems = duplicates(
        paths, texts=sum(map(len, shards)), most=most, where=lambda _, line: Location("a", line), at_once=at_once
    )
    return [str(problem) for problem in problems.values()]


@given(st.lists(st.lists(st.sampled_from("abcdefg很"), max_size=4), min_size=1, max_size=5), st.integers(1, 9))
def test_every_copy_but_the_first_is_told(
    tmp_path_factory: pytest.TempPathFactory, shards: list[list[str]], at_once: int
) -> None:
    seen: set[str] = set()
    expected = []
    for number, ids in enumerate(shards):
        for row, identity in enumerate(ids):
            if identity in seen:
                expected.append(f"a:{100 * number + row}: the id {identity!r} stands twice")
            seen.add(identity)
    assert found(tmp_path_factory.getbasetemp(), shards, at_once=at_once) == expected


def test_only_so_many_are_told(tmp_path: Path) -> None:
    assert found(tmp_path, [["a"] * 50, ["a"] * 50], most=3) == [f"a:{n}: the id 'a' stands twice" for n in (1, 2, 3)]


def test_equal_hashes_are_not_equal_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ruletune.labeling.shards._digest", lambda identity: 7)
    assert found(tmp_path, [["a", "b"], ["c"]]) == []
