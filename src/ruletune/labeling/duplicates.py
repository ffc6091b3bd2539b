"""Ids that stand twice in more rows than fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ruletune.data.readers import twice
from ruletune.errors import Location, Problem
from ruletune.labeling.shards import read_digests, read_ids

__all__ = ["duplicates"]

_AT_ONCE = 4_000_000
"""Hashes that are compared at once."""


def duplicates(
    paths: Sequence[Path], *, texts: int, most: int, where: Callable[[int, int], Location], at_once: int = _AT_ONCE
) -> dict[tuple[int, int], Problem]:
    """Rows of the shards whose id another row before them has, in order, as (shard, row); no more than ``most``.

    Hashes are compared, a share of them at a time; what they bring up is looked at again as it stands.

    Args:
        where: The place of a row, given the position of its shard and its line.
    """
    parts = texts // at_once + 1
    pairs: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for part in range(parts):
        pairs += _pairs(paths, part, parts, most)
    pairs = sorted(pairs)[:most]
    wanted = {place for pair in pairs for place in pair}
    found: dict[tuple[int, int], tuple[str, int]] = {}
    for number in sorted({number for number, _ in wanted}):
        ids, lines = read_ids(paths[number])
        for at, row in wanted:
            if at == number:
                found[at, row] = ids[row], int(lines[row])
    return {
        later: twice(found[later][0], where(later[0], found[later][1]))
        for later, first in pairs
        if found[later][0] == found[first][0]
    }


def _pairs(paths: Sequence[Path], part: int, parts: int, most: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(shard, row) of a hash that was there before, and where it first was; of those hashes that fall into a part."""
    hashes, numbers, rows = [], [], []
    for number, path in enumerate(paths):
        digests = read_digests(path)
        mine = np.flatnonzero(digests % parts == part)
        hashes.append(digests[mine])
        rows.append(mine.astype(np.int32))
        numbers.append(np.full(len(mine), number, dtype=np.int32))
    digests, number_of, row_of = np.concatenate(hashes), np.concatenate(numbers), np.concatenate(rows)
    order = np.argsort(digests, kind="stable")  # equal hashes stay in the order of the rows
    again = np.flatnonzero(digests[order][1:] == digests[order][:-1]) + 1
    starts = np.flatnonzero(np.concatenate([[True], digests[order][1:] != digests[order][:-1]]))
    firsts = starts[np.searchsorted(starts, again, side="right") - 1]
    keep = np.argsort(order[again], kind="stable")[:most]

    def place(position: int) -> tuple[int, int]:
        return int(number_of[order[position]]), int(row_of[order[position]])

    return [(place(later), place(first)) for later, first in zip(again[keep], firsts[keep], strict=True)]
