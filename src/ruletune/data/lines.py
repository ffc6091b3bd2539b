"""Numbered lines of a UTF-8 file, compressed or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from ruletune.errors import Location, Problem, UserError

__all__ = [
    "LONGEST", "STRIDE", "Undecoded", "bomb", "decode", "lines", "raw_lines", "swollen", "too_long", "unreadable", "unzipped", "wrong_bytes",
]  # fmt: skip

LONGEST = 256 * 1024 * 1024
"""Bytes in one line; beyond it a file is taken to be something else."""

_SWOLLEN = 200
"""How many times its size a compressed file may have, once more than :data:`STRIDE` bytes came out of it. Text shrinks to a
twentieth at most; only what repeats itself without end shrinks further."""

STRIDE = 1 << 24
"""Bytes between two looks at how far a compressed file has grown."""

_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"PAR1": "a Parquet file",
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"\x93NUMPY": "a NumPy array",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"SQLite format 3\0": "an SQLite database",
    b"\x7fELF": "a program",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""How files begin that are no text at all, or not in UTF-8."""

_REMEDIES = {
    "UTF-16": "save the file as UTF-8",
    "compressed by gzip": "let its name end in .gz",
    "a Parquet file": "let its name end in .parquet",
}


class Undecoded(str):
    """A line that is not UTF-8: its wrong bytes are half surrogate pairs, which no other line has.

    Attributes:
        problem: What is wrong with it. Whoever makes rows of lines hands it on; the lines after it may be right.
    """

    problem: Problem


def unzipped(file: BinaryIO, path: Path) -> BinaryIO:
    """What is in a file, which may be compressed."""
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if path.suffix.lower() == ".gz" else file


def raw_lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines of a file, not decoded yet."""
    seen, look = 0, STRIDE
    try:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST + 1), b""), start=1):
            if len(line) > LONGEST:
                raise too_long(path, number)
            seen += len(line)
            if seen > look:
                look += STRIDE
                if swollen(path, seen):
                    raise bomb(path, number)
            yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error


def lines(path: Path, *, ended: bool = True) -> Iterator[tuple[int, str]]:
    """Numbered lines of a UTF-8 file, perhaps compressed, with or without a byte order mark. See :class:`Undecoded`.

    Args:
        ended: Whether lines mean something, so that a file of carriage returns alone is refused.

    Raises:
        UserError: The file cannot be read, or is no text.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    with file:
        for number, line in raw_lines(unzipped(file, path), path):
            if number == 1 and ended and not line.endswith(b"\n") and b"\r" in line.rstrip(b"\r"):
                message, remedy = "the lines end with a carriage return alone", "end every line with a line feed"
                raise UserError(message, where=Location(str(path)), remedy=remedy)
            yield number, decode(line, path, number)


def swollen(path: Path, seen: int) -> bool:
    """Whether more bytes came out of a file than any text that is compressed has."""
    return path.suffix.lower() == ".gz" and seen > _SWOLLEN * path.stat().st_size


def too_long(path: Path, number: int) -> UserError:
    """What is said of a line beyond :data:`LONGEST`."""
    return UserError("a line of more than 256 MB", where=Location(str(path), number))


def bomb(path: Path, number: int) -> UserError:
    """What is said of a compressed file in which the same stands over and over again."""
    message = f"so far the file grew to more than {_SWOLLEN} times its size; that is no text"
    return UserError(message, where=Location(str(path), number), remedy="unpack it yourself if it is")


def unreadable(path: Path, error: Exception) -> UserError:
    """What is said of a file that the system or the decompressor will not read."""
    return UserError(f"cannot read the file: {error}", where=Location(str(path)))


def decode(line: bytes, path: Path, number: int) -> str:
    """A line as text; the first may begin with a byte order mark. One that is not UTF-8 is :class:`Undecoded`.

    Raises:
        UserError: The first line begins as files do that are no text.
    """
    encoding = "utf-8-sig" if number == 1 else "utf-8"
    try:
        if number == 1 and b"\0" in line[:_LOOKED_AT]:
            _check_magic(line, path)
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        if number == 1:
            _check_magic(line, path)
        found = Undecoded(line.decode(encoding, "surrogateescape"))
        why = f"byte 0x{line[error.start]:02x} looks like {_likely(line)}"
        found.problem = Problem(f"not UTF-8: {why}", Location(str(path), number), "save the file as UTF-8")
        return found


def wrong_bytes(line: str) -> Problem | None:
    """What is wrong with a line's bytes, if anything."""
    return line.problem if isinstance(line, Undecoded) else None


def _check_magic(line: bytes, path: Path) -> None:
    for beginning, what in _MAGIC.items():
        if line.startswith(beginning):
            message = f"not UTF-8: it begins like {what}" if what == "UTF-16" else f"this is {what}, not text"
            raise UserError(message, where=Location(str(path), 1), remedy=_REMEDIES.get(what))


def _likely(line: bytes) -> str:
    """The encoding that text which is not UTF-8 most often has: Chinese double bytes, else Western single ones."""
    line = line[:_LOOKED_AT]
    high = [byte for byte in line if byte >= 0x80]
    try:
        chinese = sum("\u4e00" <= character <= "\u9fff" for character in line.decode("gb18030"))
    except UnicodeDecodeError:
        chinese = 0
    return "GB18030 (GBK)" if len(high) >= 4 and chinese * 2 >= 0.8 * len(high) else "Windows-1252 (Latin-1)"


_LOOKED_AT = 1 << 16
"""Bytes of a line that tell its encoding."""
