"""A data source in pieces that several processes can read at once, and in any order.

Cutting a file up is cheap, reading rows out of it is not. So whoever goes through the file only looks for
where rows end and hands out what it read as it stands: lines of text, or a part of a Parquet file as an Arrow
stream. A piece knows how many rows and lines came before it, so that ids and messages are those of the whole.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from ruletune.data.lines import LONGEST, STRIDE, bomb, decode, raw_lines, swollen, too_long, unreadable, unzipped
from ruletune.data.parquet import arrow_rows
from ruletune.data.readers import HEAD, Answers, Columns, RowParser, check_columns
from ruletune.data.row import Row, check_names
from ruletune.data.rows import (
    data_files,
    delimited,
    ends_a_line_only,
    format_of,
    header_of,
    jsonl,
    malformed,
    next_cells,
    plain,
    rows,
)
from ruletune.errors import Location, Problem, UserError
from ruletune.places import located
from ruletune.types import Example

__all__ = ["ChangedError", "Piece", "Sheet", "pieces", "read_piece"]


_BLANK = re.compile(
    rb"\n(?:[\t\x0b\x0c\r\x1c-\x1f ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2(?:\x80[\x80-\x8a\xa8\xa9\xaf]|\x81\x9f)|\xe3\x80\x80)*(?=\n)"
)
"""A line that readers leave out, after the end of the one before: white space as ``str.strip`` knows it, in UTF-8."""


class ChangedError(UserError):
    """Something changed between two parts of the work that have to agree."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a source that follow each other, not looked into yet.

    Attributes:
        kind: The format, as :func:`ruletune.data.rows.format_of` has it.
        source: The path, or the name of a data set.
        before: Number of rows before it.
        line: Number of its first line, or row where rows are not lines.
        count: Number of its rows.
        data: Lines of text; an Arrow stream; or rows, of formats that cannot be cut up.
        header: The columns of a CSV or TSV file.
        after: Lines of such a file that are lost because the piece's last row is malformed.
        share: Share of the source that has been gone through at its end, in [0, 1]; ``None`` where unknown.
        name: Of its file among others; empty where the source is one file.
    """

    kind: str
    source: str
    before: int
    line: int
    count: int
    data: bytes | tuple[Row, ...]
    header: tuple[str, ...] = ()
    after: int = 0
    share: float | None = None
    name: str = ""

    def __str__(self) -> str:
        return f"{self.source}, rows {self.before + 1} to {self.before + self.count}"

    def fingerprint(self) -> str:
        """A hash of the rows, and of where they stand."""
        data = (
            self.data if isinstance(self.data, bytes) else repr([(row.where, row.values) for row in self.data]).encode()
        )
        digest = hashlib.blake2b(data, digest_size=16)
        digest.update(repr((self.kind, self.before, self.line, self.header, self.after)).encode())
        digest.update(self.name.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def check(self, fingerprint: str) -> None:
        """See whether it is the piece that something was made of, by its fingerprint.

        Raises:
            ChangedError: It is another by now.
        """
        if fingerprint != self.fingerprint():
            raise ChangedError(
                "the data changed since the unfinished run began",
                where=Location(self.source, self.line),
                remedy="undo the change, or begin anew with --overwrite",
            )


@dataclass(frozen=True, slots=True)
class Sheet:
    """What was read out of a piece.

    Attributes:
        examples: Of the rows that are right.
        lines: Line (or row) of each of them.
        problems: What is wrong with the other rows.
    """

    examples: list[Example]
    lines: list[int]
    problems: list[Problem]


def pieces(
    source: str, columns: Columns, *, folder: Path, count: int, size: int, answers: Answers | None = None
) -> Iterator[Piece]:
    """A data source from its beginning to its end, in constant memory where the format allows it.

    Args:
        columns: What whoever reads the pieces will look for. It is asked of the source's first rows, as :func:`read
            <ruletune.data.readers.read>` does, for a piece may have fewer rows than it takes to tell.
        count: Most rows in a piece.
        size: Bytes (characters, in formats that are not text) after which a piece ends; a row is never cut.
        answers: How whoever reads the pieces reads rows that are more than a text.

    Raises:
        UserError: The source as a whole cannot be read, or none of its first rows has a column.
    """
    kind, path = format_of(source, folder)
    match kind:
        case "jsonl" | "text":
            _checked(source, folder, columns, answers)
            yield from _from_text(path, lambda file: _lines(kind, path, file, count, size))
        case "csv" | "tsv":
            _checked(source, folder, columns, answers)
            yield from _from_text(path, lambda file: _records(kind, path, file, count, size))
        case "parquet":
            _checked(source, folder, columns, answers)
            yield from _parquet(path, count, size)
        case "files":
            for (name, file), begin, part in _shares(data_files(source, folder)):
                for piece in pieces(str(file), columns, folder=Path(), count=count, size=size, answers=answers):
                    share = None if piece.share is None else begin + piece.share * part
                    yield replace(piece, name=name, share=share)
        case _:
            yield from _rows(kind, source, _checked(source, folder, columns, answers), count, size)


def _shares(files: list[tuple[str, Path]]) -> Iterator[tuple[tuple[str, Path], float, float]]:
    """Each file with the share of all bytes that stand before it, and its own."""
    sizes = [path.stat().st_size for _, path in files]
    before, total = 0, max(sum(sizes), 1)
    for file, size in zip(files, sizes, strict=True):
        yield file, before / total, size / total
        before += size


def _checked(source: str, folder: Path, columns: Columns, answers: Answers | None) -> Iterator[Row]:
    """The rows of a source, once its first ones have shown that they have the columns."""
    stream = rows(source, folder=folder)
    head = list(islice(stream, HEAD))
    check_columns(head, columns, answers)
    return chain(head, stream)


def read_piece(piece: Piece, columns: Columns, answers: Answers | None = None) -> Sheet:
    """The examples in a piece, without gold labels.

    Ids are not compared: only who sees all pieces can tell that one stands twice.

    Args:
        answers: How rows that are more than a text are read; it reads no gold.

    Raises:
        UserError: The file is no text.
    """
    sheet, parser = Sheet([], [], []), RowParser(columns, answers)
    for number, row in enumerate(_rows_of(piece), start=piece.before + 1):
        found = parser.parse(replace(row, name=f"{piece.name}:{number}") if piece.name else row, number)
        if isinstance(found, Example):
            sheet.examples.append(found)
            sheet.lines.append(row.line or number)
        else:
            sheet.problems.append(found)
    return sheet


def _rows_of(piece: Piece) -> Iterator[Row]:
    if not isinstance(piece.data, bytes):
        return iter(piece.data)
    path = located(piece.source)
    if piece.kind == "parquet":
        return _arrow_rows(piece, path)
    # Not splitlines(): that knows more line breaks than files do.
    raw = piece.data.split(b"\n")
    lines = [line + b"\n" for line in raw[:-1]] + [line for line in raw[-1:] if line]
    numbered = ((number, decode(line, path, number)) for number, line in enumerate(lines, start=piece.line))
    match piece.kind:
        case "jsonl":
            return jsonl(numbered, path)
        case "text":
            return plain(numbered, path)
        case _:
            delimiter = "," if piece.kind == "csv" else "\t"
            return delimited(numbered, path, delimiter, piece.header, piece.line, piece.after)


def _arrow_rows(piece: Piece, path: Path) -> Iterator[Row]:
    import pyarrow as pa

    with pa.ipc.open_stream(piece.data) as stream:
        before = piece.before
        for batch in stream:
            yield from arrow_rows(batch, str(path), before)
            before += batch.num_rows


def _from_text(path: Path, cut: Callable[[BinaryIO], Iterator[Piece]]) -> Iterator[Piece]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    with file:
        yield from cut(file)


def _share(path: Path, file: BinaryIO) -> float:
    return min(1.0, file.tell() / max(path.stat().st_size, 1))


def _lines(kind: str, path: Path, file: BinaryIO, count: int, size: int) -> Iterator[Piece]:
    """Whole lines, a block of them at a time: nothing is done line by line, so that one process can feed many."""
    before, line = 0, 1
    for block in _blocks(file, path, size):
        share = _share(path, file)
        for part in _parts(block, count):
            bare = part.removeprefix(codecs.BOM_UTF8) if line == 1 else part
            lines = bare.count(b"\n") + (not bare.endswith(b"\n"))
            found = lines - len(_BLANK.findall(b"\n%b\n" % bare.removesuffix(b"\n")))
            yield Piece(kind, str(path), before, line, found, part, share=share)
            before, line = before + found, line + lines


def _blocks(file: BinaryIO, path: Path, size: int) -> Iterator[bytes]:
    """Whole lines of a file, about ``size`` bytes at a time."""
    inside = unzipped(file, path)
    line, seen, look = 1, 0, STRIDE
    try:
        while block := inside.read(size):
            seen += len(block)
            if seen > look:
                look += STRIDE
                if swollen(path, seen):
                    raise bomb(path, line)
            if not block.endswith(b"\n"):
                block += inside.readline(LONGEST + 1)
            last = len(block) - block.rfind(b"\n", 0, -1) - 1
            if last > LONGEST:
                raise too_long(path, line + block.count(b"\n", 0, -1))
            yield block
            line += block.count(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error


def _parts(block: bytes, count: int) -> Iterator[bytes]:
    """A block in parts of at most ``count`` lines."""
    if block.count(b"\n") <= count:
        yield block
        return
    lines = block.removesuffix(b"\n").split(b"\n")
    for start in range(0, len(lines), count):
        ended = start + count < len(lines) or block.endswith(b"\n")
        yield b"\n".join(lines[start : start + count]) + (b"\n" if ended else b"")


def _records(kind: str, path: Path, file: BinaryIO, count: int, size: int) -> Iterator[Piece]:
    """Only a parser can tell where a record with quotes ends; what it read is parsed again by who gets the piece."""
    held: list[bytes] = []
    at = 0
    lines = raw_lines(unzipped(file, path), path)

    def text() -> Iterator[str]:
        nonlocal at
        for number, raw in lines:
            held.append(raw)
            at = number
            yield decode(raw, path, number)

    header: tuple[str, ...] = ()
    reader = csv.reader(text(), delimiter="," if kind == "csv" else "\t", strict=True)
    before = found = length = after = 0
    line = 1
    while True:
        begin = at + 1
        try:
            cells = next_cells(reader)
        except StopIteration:
            break
        except csv.Error as error:
            lost = not ends_a_line_only(error)
            after = sum(1 for _ in lines) if lost else 0  # nobody can tell where their rows begin
            if not header:
                raise UserError.of([malformed(error, Location(str(path), begin), lost=at + after - begin)]) from error
            if lost:
                found += 1
                break
            cells = [""]  # a row all the same: who gets the piece will say what is wrong
        if cells and not header:
            header = tuple(header_of(cells, path))
            held.clear()
            line = at + 1
            continue
        found += bool(cells)
        length = length + sum(map(len, cells))
        if found == count or length >= size:
            yield Piece(kind, str(path), before, line, found, b"".join(held), header, share=_share(path, file))
            held.clear()
            before, found, length, line = before + found, 0, 0, at + 1
    if found:
        yield Piece(kind, str(path), before, line, found, b"".join(held), header, after, 1.0)


def _parquet(path: Path, count: int, size: int) -> Iterator[Piece]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    before = 0
    try:
        # A buffer makes the columns of a row group be read bit by bit, however large the group.
        with path.open("rb") as opened, pq.ParquetFile(opened, buffer_size=1 << 20) as file:
            check_names(file.schema_arrow.names, Location(str(path)))
            total = max(file.metadata.num_rows, 1)
            for group in range(file.metadata.num_row_groups):
                about = file.metadata.row_group(group)
                each = about.total_byte_size // max(about.num_rows, 1)
                for batch in file.iter_batches(batch_size=max(1, min(count, size // max(each, 1))), row_groups=[group]):
                    sink = pa.BufferOutputStream()
                    with pa.ipc.new_stream(sink, batch.schema) as stream:
                        stream.write_batch(batch)
                    data = sink.getvalue().to_pybytes()
                    share = (before + len(batch)) / total
                    yield Piece("parquet", str(path), before, before + 1, len(batch), data, share=share)
                    before += len(batch)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"not a readable Parquet file: {error}", where=Location(str(path))) from error


def _rows(kind: str, source: str, stream: Iterable[Row], count: int, size: int) -> Iterator[Piece]:
    held: list[Row] = []
    before = length = 0
    for row in chain(stream, [None]):
        if row is not None:
            held.append(row)
            length += sum(len(value) for value in row.values.values() if isinstance(value, str))
        if held and (row is None or len(held) == count or length >= size):
            yield Piece(kind, source, before, before + 1, len(held), tuple(held))
            before, length = before + len(held), 0
            held.clear()
