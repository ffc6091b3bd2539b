"""Write text files so that they appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path

from ruletune.errors import Location, RuletuneError, UserError
from ruletune.places import Elsewhere

__all__ = ["unwritten", "write_lines"]

_STREAM = re.compile(r"/dev/(?P<name>stdout|stderr)|/(?:dev|proc/self)/fd/(?P<number>[0-9]{1,9})")
"""Names of streams that this process has open."""


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file beside its place and rename it there when it is whole.

    Links are followed. What is no regular file, a pipe or ``/dev/stdout``, is written to as it is.

    Raises:
        UserError: It cannot be written there.
        RuletuneError: The disk is full, or fails.
    """
    stream = _STREAM.fullmatch(path.as_posix())
    try:
        if isinstance(path, Elsewhere):
            path.write_bytes("".join(lines).encode("utf-8"))
        elif stream:  # not opened by its name again: that would empty a file that the stream leads to
            number = {"stdout": 1, "stderr": 2}.get(stream["name"]) or int(stream["number"])
            with os.fdopen(os.dup(number), "w", encoding="utf-8", newline="\n") as file:
                file.writelines(lines)
        elif path.exists() and not path.is_file() and not path.is_dir():
            with path.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(lines)
        else:
            _replace(Path(os.path.realpath(path)), lines)
    except OSError as error:
        raise unwritten(path, error) from error


_FAILING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What is no fault of the name that the user gave."""


def unwritten(path: Path, error: OSError) -> RuletuneError:
    """Why a file could not be written: the user's to mend, or, where the disk is full or fails, a failure of the work."""
    if error.errno in _FAILING:
        return RuletuneError(f"{path}: cannot write: {error.strerror}")
    return UserError(f"cannot write: {error.strerror}", where=Location(str(path)))


def _replace(path: Path, lines: Iterable[str]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
