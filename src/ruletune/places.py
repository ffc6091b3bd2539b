"""Files by path or by URI: on this machine, in an object store, or wherever pyarrow or fsspec can reach.

What is elsewhere is a path, too, with the few methods that readers and writers use. So those need not know where a file is.
"""

from __future__ import annotations

import fnmatch
import io
import os
import re
import shutil
import stat
from collections.abc import Generator, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

from ruletune.errors import UserError

__all__ = ["Elsewhere", "is_pattern", "is_uri", "located", "matching", "named_below", "remove", "sync", "within"]

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_PATTERN = re.compile(r"[*?\[]")
_BY_PYARROW = ("s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
"""Schemes that pyarrow's wheels know by themselves; for all others fsspec is asked."""

_READ = 1 << 20
"""Bytes that are asked for at a time."""


def is_uri(name: str) -> bool:
    """Whether a name says where a file is by a scheme.

    >>> is_uri("s3://bucket/texts.jsonl"), is_uri("texts.jsonl"), is_uri("hf:owner/name"), is_uri("C:/texts.jsonl")
    (True, False, False, False)
    """
    return _URI.match(name) is not None


def is_pattern(name: str) -> bool:
    """Whether a name may stand for several files: it has ``*``, ``?`` or ``[``."""
    return _PATTERN.search(name) is not None


def located(name: str | os.PathLike[str], folder: Path | None = None) -> Path:
    """The path that a name stands for; a relative one is relative to ``folder``.

    >>> located("file:///tmp/a.txt").as_posix(), str(located("s3://bucket/a.txt") / "b")
    ('/tmp/a.txt', 's3://bucket/a.txt/b')
    """
    if isinstance(name, Elsewhere):
        return name
    name = os.fspath(name)
    if not is_uri(name):
        return (folder or Path()) / name
    parts = urlsplit(name)
    return Path(unquote(parts.path)) if parts.scheme == "file" else Elsewhere(name)


if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # what this system's paths are; before Python 3.12 no other class can be derived from


class Elsewhere(_Path):
    """A path on another file system, as a URI. What a method does not say here, the file system cannot do.

    Writing ends with closing: an object store shows a file when it is whole, others as far as it is written.
    """

    def __str__(self) -> str:
        return super().__str__().replace("\\", "/").replace(":/", "://", 1)

    def __fspath__(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"Elsewhere({str(self)!r})"

    def _there(self) -> tuple[Any, str]:
        """The file system, and the path that it knows this one by."""
        scheme, _, rest = str(self).partition("://")
        filesystem, pathed = _filesystem(scheme, rest.partition("/")[0])
        return filesystem, pathed(str(self))

    def _info(self) -> Any:
        filesystem, path = self._there()
        [found] = filesystem.get_file_info([path])
        return found

    def open(self, mode: str = "r", *args: Any, **options: Any) -> Any:
        """A binary file to read from or to write to.

        Raises:
            OSError: It cannot be.
            ValueError: Another mode.
        """
        filesystem, path = self._there()
        match mode:
            case "rb":
                return io.BufferedReader(filesystem.open_input_file(path), _READ)
            case "wb":
                return filesystem.open_output_stream(path, compression=None)
            case _:
                raise ValueError(f"{self}: opened for {mode!r}; what is elsewhere is read and written in binary")

    def read_bytes(self) -> bytes:
        with self.open("rb") as file:
            return bytes(file.read())

    def read_text(self, *args: Any, **options: Any) -> str:
        return self.read_bytes().decode("utf-8")

    def write_bytes(self, data: Any) -> int:
        with self.open("wb") as file:
            file.write(data)
        return len(data)

    def exists(self, **options: Any) -> bool:
        return self.is_file() or self.is_dir()

    def is_file(self, **options: Any) -> bool:
        return bool(self._info().is_file)

    def is_dir(self, **options: Any) -> bool:
        from pyarrow.fs import FileType

        return bool(self._info().type == FileType.Directory)

    def size(self) -> int:
        """Bytes in the file; 0 where nobody knows."""
        return int(self._info().size or 0)

    def stat(self, **options: Any) -> os.stat_result:
        mode = stat.S_IFREG if self.is_file() else stat.S_IFDIR
        return os.stat_result((mode, 0, 0, 0, 0, 0, self.size(), 0, 0, 0))

    def resolve(self, strict: bool = False) -> Self:
        return self

    def absolute(self) -> Self:
        return self

    def expanduser(self) -> Self:
        return self

    def is_absolute(self) -> bool:
        return True

    def files(self) -> Iterator[Self]:
        """All files below this folder, in no order."""
        from pyarrow.fs import FileSelector

        filesystem, path = self._there()
        for found in filesystem.get_file_info(FileSelector(path, recursive=True, allow_not_found=True)):
            if found.is_file:
                yield self / found.path.removeprefix(path).lstrip("/")

    def iterdir(self) -> Generator[Self, None, None]:
        from pyarrow.fs import FileSelector

        filesystem, path = self._there()
        for found in filesystem.get_file_info(FileSelector(path, allow_not_found=True)):
            yield self / found.base_name

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        filesystem, path = self._there()
        filesystem.create_dir(path, recursive=parents)

    def unlink(self, missing_ok: bool = False) -> None:
        filesystem, path = self._there()
        if not missing_ok or self.is_file():
            filesystem.delete_file(path)

    def delete(self) -> None:
        """Delete the folder with all that is in it."""
        filesystem, path = self._there()
        filesystem.delete_dir(path)

    def replace(self, target: Any) -> Any:
        """Move the file to another place on the same file system; what is there goes."""
        filesystem, path = self._there()
        filesystem.move(path, target._there()[1])
        return target


@lru_cache(maxsize=32)
def _filesystem(scheme: str, host: str) -> tuple[Any, Any]:
    """A file system for pyarrow, and a function from URIs to its paths.

    Raises:
        UserError: Nothing installed knows the scheme.
    """
    from pyarrow.fs import FileSystem, FSSpecHandler, PyFileSystem

    try:
        if scheme in _BY_PYARROW:
            filesystem, root = FileSystem.from_uri(f"{scheme}://{host}/")
            start = len(f"{scheme}://{host}")
            return filesystem, lambda uri: f"{root.rstrip('/')}{uri[start:]}"
        import fsspec

        made, _ = fsspec.core.url_to_fs(f"{scheme}://{host}")
        return PyFileSystem(FSSpecHandler(made)), lambda uri: fsspec.core.url_to_fs(uri)[1]
    except (ImportError, ValueError, NotImplementedError) as error:
        reason = (str(error).strip().splitlines() or ["unknown"])[0]
        raise UserError(f"cannot reach {scheme}://{host}: {reason}") from error


def within(folder: Path) -> Iterator[Path]:
    """All files below a folder, in no order."""
    if isinstance(folder, Elsewhere):
        yield from folder.files()
    else:
        for place, _, names in os.walk(folder):
            yield from (Path(place) / name for name in names)


def matching(pattern: str, folder: Path | None = None) -> tuple[Path, list[Path]]:
    """The folder before a pattern's first special character, and the files below it that match, in order.

    ``**`` stands for any number of folders, ``*`` and ``?`` for no slash.
    """
    whole = located(pattern, folder)
    parts = list(whole.parts)
    fixed = next((n for n, part in enumerate(parts) if is_pattern(part)), len(parts) - 1)
    root = type(whole)(*parts[:fixed]) if fixed else type(whole)()
    if not isinstance(root, Elsewhere):
        return root, sorted(path for path in root.glob("/".join(parts[fixed:])) if path.is_file())
    known = re.compile(_regex(parts[fixed:]))
    return root, sorted(path for path in root.files() if known.fullmatch("/".join(path.parts[fixed:])))


def _regex(parts: list[str]) -> str:
    """Of a pattern's parts, for names with slashes."""
    found = ""
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        if part == "**":
            found += ".*" if last else "(?:[^/]+/)*"
        else:
            one = fnmatch.translate(part).removesuffix(r"\Z").removesuffix(r"\z").replace(".*", "[^/]*")
            found += one + ("" if last else "/")
    return found


def remove(folder: Path) -> None:
    """Delete a folder with all that is in it, as far as it can be."""
    if not isinstance(folder, Elsewhere):
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.is_dir():
        folder.delete()


def sync(file: Any) -> None:
    """Let what was written to a file reach the disk, where the file is on one."""
    file.flush()
    try:
        number = file.fileno()
    except (OSError, AttributeError):  # a file elsewhere has no number
        return
    os.fsync(number)


def named_below(path: Path, root: Path) -> str:
    """How a file is called below a folder, with slashes.

    >>> named_below(Path("a/b/c.txt"), Path("a"))
    'b/c.txt'
    """
    return PurePosixPath(*path.parts[len(root.parts) :]).as_posix()
