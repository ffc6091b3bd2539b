"""The two passes over the pieces of a data source: rules are applied, and rows are written.

A pass goes piece by piece, where whoever calls reads the source and writes one file; or file by file, where each of several
files is read, and one like it written, by whoever works on it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from ruletune.data.pieces import Piece
from ruletune.data.readers import MOST_PROBLEMS, Columns, given_up
from ruletune.data.rows import data_files, format_of
from ruletune.errors import Location, Problem, UserError
from ruletune.labeling.duplicates import duplicates
from ruletune.labeling.piecework import (
    ApplyFile,
    ApplyRules,
    FileJob,
    Job,
    WriteFile,
    Writer,
    file_of,
    shard_number,
)
from ruletune.labeling.shards import Tally, shard_path
from ruletune.progress import Event, Listener
from ruletune.rules import Fault

__all__ = [
    "FILES_ONLY", "Found", "Map", "apply_files", "apply_pieces", "check", "output_names", "taken", "write_files", "write_pieces",
]  # fmt: skip

T = TypeVar("T")
R = TypeVar("R")

FILES_ONLY = ("hub", "dataset", "parallel", "slots")
"""Formats that are no files of rows: a folder of output files cannot mirror them."""

BadRow = Callable[[Problem], None]
"""Takes a bad row, which is then left out."""

_FIELDS = 1000
"""Names of columns that are remembered, for the nearest one to a name that is not there."""


class Map(Protocol):
    """Results of a function in the order of the items, as :meth:`ruletune.engine.Engine.map` gives them."""

    def __call__(self, fn: Callable[[T], R], items: Iterable[T], /) -> Iterator[R]: ...


@dataclass(slots=True)
class Found:
    """What the first pass found, over all pieces.

    Attributes:
        numbers, sizes: Of the shards, and of the texts in each.
        sources: Format and file of each.
        files: Names of the files, and the numbers of the shards of each, where the pass went file by file.
        left_out: (shard, row) of texts that are left out after all, since their id stands twice.
    """

    numbers: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    sources: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, list[int]]] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)
    left_out: frozenset[tuple[int, int]] = frozenset()

    @property
    def texts(self) -> int:
        return sum(self.sizes)

    def add(self, number: int, tally: Tally, source: tuple[str, str]) -> None:
        self.numbers.append(number)
        self.sizes.append(tally.texts)
        self.sources.append(source)
        self.problems += tally.problems
        for fault in tally.faults:
            self.fault(fault)
        if len(self.fields) < _FIELDS:
            self.fields.update(tally.fields)

    def hand_over(self, bad_rows: BadRow | None) -> None:
        """Give bad rows to whoever takes them; then they are no problem any more."""
        if bad_rows is not None:
            for problem in self.problems:
                bad_rows(problem)
            self.problems.clear()

    def fault(self, fault: Fault) -> None:
        first = self.faults.get(fault.rule)
        self.faults[fault.rule] = (
            fault if first is None else Fault(fault.rule, first.count + fault.count, first.example_id, first.traceback)
        )


def apply_pieces(
    work: ApplyRules, source: Iterator[Piece], map: Map, listener: Listener, bad_rows: BadRow | None = None
) -> Found:
    """The first pass over pieces that are cut here; bad rows go to whoever takes them."""
    found = Found()
    ahead: deque[tuple[int, float | None, tuple[str, str]]] = deque()

    def jobs() -> Iterator[Job]:
        for number, piece in enumerate(source):
            ahead.append((piece.count, piece.share, (piece.kind, piece.source)))
            # After the first bad row nothing will be written: the rest is only read, for what else is wrong.
            yield Job(number, piece, apply=not found.problems, skip_bad=bad_rows is not None, tired=tired)

    # What backtracks without end on the first piece is not tried on others. Only the first is asked, and it is worked on
    # before the others, so that the result does not depend on which process was faster.
    tired: tuple[int, ...] = ()
    todo = jobs()
    first = list(map(work, islice(todo, 1)))
    for tally in first:
        tired = tally.tired
    done = 0
    for number, tally in enumerate(chain(first, map(work, todo))):
        count, share, place = ahead.popleft()
        found.add(number, tally, place)
        found.hand_over(bad_rows)
        done += count
        listener(Event("applying rules", done, round(done / share) if share else done + count))
        if len(found.problems) >= MOST_PROBLEMS:
            break
    listener(Event("applying rules", done, done))
    return found


def apply_files(work: ApplyFile, data: str, map: Map, listener: Listener, bad_rows: BadRow | None = None) -> Found:
    """The first pass over files that are read where they are worked on; bad rows go to whoever takes them."""
    files = _files(data)
    sizes = [path.stat().st_size for _, path in files]
    found, total, done = Found(), max(sum(sizes), 1), 0
    # The first piece is worked on before all others, for what it tires, and found done by whoever works on its file.
    [begun] = map(work.begin, [FileJob(0, str(files[0][1]), _called(files, 0))])
    [tired] = [tally.tired for tally in begun] or [()]
    jobs = (FileJob(n, str(path), _called(files, n), tired) for n, (_, path) in enumerate(files))
    for number, (tallies, size) in enumerate(zip(map(work, jobs), sizes, strict=True)):
        name, path = files[number]
        source = (format_of(str(path), Path())[0], str(path))
        mine = [shard_number(number, piece) for piece in range(len(tallies))]
        for shard, tally in zip(mine, tallies, strict=True):
            found.add(shard, tally, source)
        found.hand_over(bad_rows)
        found.files.append((name, mine))
        done += size
        listener(Event("applying rules", found.texts, round(found.texts * total / done) if done else found.texts))
        if len(found.problems) >= MOST_PROBLEMS:
            break
    listener(Event("applying rules", found.texts, found.texts))
    return found


def _files(data: str) -> list[tuple[str, Path]]:
    kind, path = format_of(data, Path())
    if kind in FILES_ONLY:
        raise UserError(
            "a folder of shards is made from files, one from each",
            where=Location(data),
            remedy="name one file to write, or write the data to files first",
        )
    return data_files(data, Path()) if kind == "files" else [(path.name, path)]


def _called(files: Sequence[tuple[str, Path]], number: int) -> str:
    """What the rows of a file are called by; a file that is alone needs no name."""
    return files[number][0] if len(files) > 1 else ""


def check(found: Found, source: str, columns: Columns, folder: Path, bad_rows: BadRow | None = None) -> None:
    """Bad rows of all pieces are reported together, with ids that stand twice; or such ids are left out as well.

    Raises:
        UserError: There are such, or no rows at all.
    """
    if not found.sizes:
        raise UserError("there are no rows", where=Location(source), remedy="one row for each text")
    problems = found.problems
    if columns.id is not None:

        def where(shard: int, line: int) -> Location:
            kind, file = found.sources[shard]
            return Location(f"{file}[{line}]") if kind == "json" else Location(file, line)

        paths = [shard_path(folder, number) for number in found.numbers]
        most = MOST_PROBLEMS if bad_rows is None else found.texts
        again = duplicates(paths, texts=found.texts, most=most, where=where)
        if bad_rows is not None:
            # Paths are counted there, shards are numbered by file and piece.
            found.left_out = frozenset((found.numbers[at], row) for at, row in again)
            for problem in again.values():
                bad_rows(problem)
            return
        problems = sorted([*problems, *again.values()], key=_place)
    if len(problems) >= MOST_PROBLEMS:
        problems = [given_up(problems[MOST_PROBLEMS - 1].where), *problems[:MOST_PROBLEMS]]
    if problems:
        raise UserError.of(problems)


def _place(problem: Problem) -> tuple[str, int]:
    return (problem.where.file, problem.where.line or 0) if problem.where else ("", 0)


def taken(
    found: Found, rows: np.ndarray, take: Callable[[Sequence[tuple[int, np.ndarray]]], R], map: Map
) -> Iterator[R]:
    """What the rules say of some texts, a part after the other.

    Only these votes travel, however many texts there are: a file's shards are looked into by whoever is given the file.

    Args:
        rows: Numbers of the texts over all shards, sorted.
        take: Gives what is wanted, from shards by number and the rows of each.
    """

    def wanted() -> Iterator[tuple[int, np.ndarray]]:
        first = 0
        for number, size in zip(found.numbers, found.sizes, strict=True):
            begin, end = np.searchsorted(rows, [first, first + size])
            if begin < end:
                yield number, rows[begin:end] - first
            first += size

    grouped = groupby(wanted(), key=lambda item: file_of(item[0]) if found.files else item[0])
    yield from map(take, (tuple(items) for _, items in grouped))


def write_pieces(found: Found, rows: Writer, path: Path, map: Map, listener: Listener) -> int:
    """The second pass, into one file; how many texts have a label."""
    done = covered = 0
    with path.open("wb") as file:
        for size, (lines, labelled) in zip(found.sizes, map(rows, found.numbers), strict=True):
            file.write(lines)
            done += size
            covered += labelled
            listener(Event("writing labels", done, found.texts))
    return covered


def write_files(found: Found, rows: Writer, folder: Path, map: Map, listener: Listener) -> int:
    """The second pass, into as many files as were read; how many texts have a label."""
    names = output_names([name for name, _ in found.files])
    jobs = list(zip(names, (numbers for _, numbers in found.files), strict=True))
    sizes = dict(zip(found.numbers, found.sizes, strict=True))
    done = covered = 0
    for (_, numbers), labelled in zip(jobs, map(WriteFile(rows, folder), jobs), strict=True):
        done += sum(sizes[number] for number in numbers)
        covered += labelled
        listener(Event("writing labels", done, found.texts))
    return covered


def output_names(names: Sequence[str]) -> list[str]:
    """Names of JSONL files for data files of these names; the ending stays where two would be the same.

    >>> output_names(["a/1.parquet", "a/2.jsonl.gz"]), output_names(["1.csv", "1.tsv"])
    (['a/1.jsonl', 'a/2.jsonl'], ['1.csv.jsonl', '1.tsv.jsonl'])
    """
    bare = [Path(name.removesuffix(".gz")).with_suffix(".jsonl").as_posix() for name in names]
    return bare if len(set(bare)) == len(bare) else [f"{name}.jsonl" for name in names]
