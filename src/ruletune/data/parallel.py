"""Two files of text whose lines belong together: sources in one, targets in the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from ruletune.data.lines import lines, wrong_bytes
from ruletune.data.row import Row
from ruletune.errors import Location, UserError

__all__ = ["parallel"]


def parallel(source: Path, target: Path) -> Iterator[Row]:
    """Pairs of lines as the columns ``text`` and ``target``; a pair of blank lines is left out, half a pair is an error.

    Raises:
        UserError: The files have different numbers of lines.
    """
    ours, theirs = lines(source), lines(target)
    for number, (left, right) in enumerate(zip_longest(ours, theirs), start=1):
        if left is None or right is None:
            more = number + sum(1 for _ in (ours if right is None else theirs))
            counts = (more, number - 1) if right is None else (number - 1, more)
            raise UserError(
                f"{counts[0]} lines, and {counts[1]} in {target}",
                where=Location(str(source)),
                remedy="each line of one file has its line in the other",
            )
        text, written = left[1].strip(), right[1].strip()
        if problem := wrong_bytes(left[1]) or wrong_bytes(right[1]):
            yield Row(str(source), number, {}, problem)
        elif text and written:
            yield Row(str(source), number, {"text": text, "target": written})
        elif text or written:
            blank, other = (target, source) if text else (source, target)
            message = f"a blank line beside a text in {other.name}"
            yield Row.bad(Location(str(blank), number), message, "write both, or take both out")
