"""Numbered lines of a UTF-8 file, compressed or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from ruletune.errors import Location, UserError

__all__ = ["LONGEST", "decode", "lines", "raw_lines", "too_long", "unreadable", "unzipped"]

LONGEST = 256 * 1024 * 1024
"""Bytes in one line; beyond it a file is taken to be something else."""


def unzipped(file: BinaryIO, path: Path) -> BinaryIO:
    """What is in a file, which may be compressed."""
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if path.suffix.lower() == ".gz" else file


def raw_lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines of a file, not decoded yet."""
    try:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST + 1), b""), start=1):
            if len(line) > LONGEST:
                raise too_long(path, number)
            yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines of a UTF-8 file, perhaps compressed, with or without a byte order mark."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    with file:
        for number, line in raw_lines(unzipped(file, path), path):
            yield number, decode(line, path, number)


def too_long(path: Path, number: int) -> UserError:
    """What is said of a line beyond :data:`LONGEST`."""
    return UserError("a line of more than 256 MB", where=Location(str(path), number))


def unreadable(path: Path, error: Exception) -> UserError:
    """What is said of a file that the system or the decompressor will not read."""
    return UserError(f"cannot read the file: {error}", where=Location(str(path)))


def decode(line: bytes, path: Path, number: int) -> str:
    """A line as text; the first may begin with a byte order mark.

    Raises:
        UserError: It is not UTF-8.
    """
    if number == 1 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _not_utf8(path, number, "it begins like UTF-16")
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, number, f"byte 0x{line[error.start]:02x} looks like {_likely(line)}") from error


def _likely(line: bytes) -> str:
    """The encoding that text which is not UTF-8 most often has: Chinese double bytes, else Western single ones."""
    high = [byte for byte in line if byte >= 0x80]
    try:
        chinese = sum("\u4e00" <= character <= "\u9fff" for character in line.decode("gb18030"))
    except UnicodeDecodeError:
        chinese = 0
    return "GB18030 (GBK)" if len(high) >= 4 and chinese * 2 >= 0.8 * len(high) else "Windows-1252 (Latin-1)"


def _not_utf8(path: Path, number: int, why: str) -> UserError:
    return UserError(f"not UTF-8: {why}", where=Location(str(path), number), remedy="save the file as UTF-8")
