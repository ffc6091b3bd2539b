"""Texts that kill the process that works on them, found out by those who try again.

A library that rules or a model call may end the process, and the same text will end the next one. A piece whose process died is
therefore gone through text by text, and the text at hand is written down before anything else sees it: one that two processes died
over is at fault, and is left out. Three attempts find the first such text of a piece, and two more each that follows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ruletune.data.pieces import Piece, Sheet
from ruletune.errors import Location, Problem
from ruletune.places import Elsewhere

__all__ = ["Journal", "without"]


@dataclass(slots=True)
class _Page:
    """What is on disk.

    Attributes:
        piece: Fingerprint of the piece that is worked on.
        deadly: Rows that two processes died over.
        suspect: The row that the process before died over.
        at: The row at hand.
    """

    piece: str
    deadly: list[int]
    suspect: int | None = None
    at: int | None = None


class Journal:
    """Beside a shard while it is made. Only a process that dies leaves it behind.

    Args:
        path: Of the shard; the journal is named after it.
        piece: Fingerprint of its piece; what was written about another one does not count.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, Journal(Path(folder, "0.shard"), "f00") as journal:
    ...     journal.again, journal.deadly
    (False, ())
    """

    def __init__(self, path: Path, piece: str) -> None:
        self._path = path.with_suffix(".journal")
        left = self._read(piece)
        self.again = left is not None
        """Whether a process died over this piece, so that :meth:`at` is to be told of every text."""
        self._page = left or _Page(piece, [])
        if self._page.at is not None:
            if self._page.at == self._page.suspect:
                self._page.deadly.append(self._page.at)
            self._page.suspect, self._page.at = self._page.at, None

    @property
    def deadly(self) -> Sequence[int]:
        """Rows that are at fault."""
        return tuple(self._page.deadly)

    def at(self, row: int) -> None:
        """This row is about to be worked on."""
        self._page.at = row
        self._write()

    def past(self) -> None:
        """No row by itself is worked on any more."""
        self._page.at = None
        self._write()

    def __enter__(self) -> Self:
        self._write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._path.unlink(missing_ok=True)

    def _read(self, piece: str) -> _Page | None:
        try:
            page = _Page(**json.loads(self._path.read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return page if page.piece == piece else None

    def _write(self) -> None:
        written = json.dumps(asdict(self._page)).encode()
        if isinstance(self._path, Elsewhere):  # there a file appears when it is whole
            self._path.write_bytes(written)
            return
        # Not flushed to disk: it is processes that die here, not machines.
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(written)
        temporary.replace(self._path)


def without(sheet: Sheet, deadly: Sequence[int], piece: Piece, *, doing: str) -> Sheet:
    """A piece without the rows, by line, that processes died over: they are problems now.

    Args:
        doing: What the processes did, such as ``applies the rules to``.
    """
    if not deadly:
        return sheet
    rows = list(zip(sheet.examples, sheet.lines, strict=True))
    problems = [
        Problem(
            f"a process that {doing} text {example.id!r} dies",
            Location(f"{piece.source}[{line}]") if piece.kind == "json" else Location(piece.source, line),
            "find out what does it, or leave the text out with --skip-bad",
        )
        for example, line in rows
        if line in deadly
    ]
    left = [(example, line) for example, line in rows if line not in deadly]
    return Sheet([example for example, _ in left], [line for _, line in left], [*sheet.problems, *problems])
