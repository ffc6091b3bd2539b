"""Run folders: whole or absent.

Work goes on in a hidden sibling, ``.NAME.partial``, which survives a kill and can be resumed. When
all of it is there it is flushed to disk and renamed to its place in one step. Only one process
may work on a run folder at a time.

In an object store a file appears whole, but a folder file by file: there ``_SUCCESS`` is written last, and nobody is kept
from working on the same folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ruletune.errors import RuletuneError, UserError
from ruletune.places import Elsewhere, named_below, remove, sync, within

__all__ = [
    "OtherRunError", "Workspace", "disk_error", "open_workspace", "read_json", "remove_file", "write_bytes", "write_json", "write_text",
]  # fmt: skip

FORMAT = 1
"""Version of the run folder's layout, stored in ``ruletune.json``."""


class OtherRunError(UserError):
    """The unfinished run was begun from something else, so that it cannot be gone on with."""


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step: a reader sees the old text or the new one, never a part. Who may read it stays as it was."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """The same for bytes."""
    if isinstance(path, Elsewhere):  # there it appears when it is whole
        path.write_bytes(content)
        return
    temporary = path.with_name(f".{path.name}.{threading.get_native_id()}.tmp")  # threads write, too
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.is_file():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_file(path: Path) -> None:
    """Take a file away so that a power cut does not bring it back."""
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_json(path: Path, value: object) -> None:
    """Replace a file with a value as JSON, in one step."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file of a run folder.

    Raises:
        UserError: The file is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path.parent} is not a run folder: it has no {path.name}") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: damaged: {error}") from error


class Workspace:
    """The unfinished run: finished parts by name, and a folder that becomes the run folder."""

    def __init__(self, target: Path, partial: Path) -> None:
        self.target = target
        self.partial = partial
        self.files = partial / "run"
        self.parts = partial / "parts"

    def has(self, part: str) -> bool:
        return (self.parts / f"{part}.json").is_file()

    def get(self, part: str) -> Any:
        """A finished part of an earlier attempt."""
        return read_json(self.parts / f"{part}.json")

    def put(self, part: str, value: Mapping[str, object]) -> None:
        """Record that a part is finished; after this a resumed run does not do it again."""
        write_json(self.parts / f"{part}.json", value)

    def path(self, name: str) -> Path:
        """Where intermediate files go that the finished run does not keep."""
        return self.parts / name

    def discard(self) -> None:
        """Forget the unfinished run: it cannot be gone on with."""
        remove(self.partial)

    def publish_file(self, name: str) -> Path:
        """Flush one file of the run to disk and move it to the run's place: the run is this file."""
        file = self.files / name
        with file.open("rb") as written:
            sync(written)
        file.replace(self.target)
        _sync_folder(self.target.parent)
        remove(self.partial)
        return self.target

    def publish(self) -> Path:
        """Flush the run to disk and move it to its place; the old run goes only when the new one is there."""
        if isinstance(self.target, Elsewhere):
            return self._publish_elsewhere(self.target)
        for folder, _, names in os.walk(self.files):
            for name in names:
                with (Path(folder) / name).open("rb") as file:
                    os.fsync(file.fileno())
            _sync_folder(Path(folder))
        old = self.partial / "old"
        if self.target.exists():
            self.target.rename(old)
        try:
            self.files.rename(self.target)
        except OSError:
            if old.exists():
                old.rename(self.target)
            raise
        _sync_folder(self.target.parent)
        remove(self.partial)
        return self.target

    def _publish_elsewhere(self, target: Elsewhere) -> Path:
        """Folders cannot be renamed there: the files are moved, and then it is said that they are all there."""
        remove(target)
        for file in list(within(self.files)):
            place = target / named_below(file, self.files)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
        (target / _WHOLE).write_bytes(b"")
        remove(self.partial)
        return target


_WHOLE = "_SUCCESS"
"""What is there once all files of a folder in an object store are, as Hadoop and Spark have it."""


@contextmanager
def open_workspace(
    target: Path, *, identity: Mapping[str, object], resume: bool, overwrite: bool, replaces: bool = False
) -> Iterator[Workspace]:
    """Work on the run folder ``target``, or on a file that is made the same way.

    Args:
        identity: What the run is made from (task file, data fingerprints, seed). A run resumes
            only with the identity that it was begun with.
        resume: Go on with the unfinished run if there is one.
        overwrite: Replace a run that exists, finished or not.
        replaces: A finished run may exist: it stays until the new one takes its place. An unfinished one is
            still not touched without being told to.

    Raises:
        UserError: The run exists, finished or not, is being worked on, or was begun from something else.
        RuletuneError: The disk is full or may not be written.
    """
    target = target.absolute()
    partial = target.with_name(f".{target.name}.partial")
    if target.exists() and not overwrite and not replaces:
        remedy = "name another folder, or say --overwrite"
        raise UserError(f"{target} exists already", remedy=remedy)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with nullcontext() if isinstance(target, Elsewhere) else _only(target):
            workspace = _begin(Workspace(target, partial), identity, resume=resume, overwrite=overwrite)
            yield workspace
    except Exception as error:
        if (reason := disk_error(error)) is None:
            raise
        place = getattr(error, "filename", None) or target
        raise RuletuneError(f"{place}: cannot write the run: {reason}") from error


_BY_RUST = re.compile(r"([^:()]+) \(os error \d+\)")


def disk_error(error: BaseException) -> str | None:
    """What the system says is wrong with a file or its disk, in its words; ``None`` where the error says something else.

    >>> disk_error(OSError(28, "No space left on device")), disk_error(ValueError("no number"))
    ('No space left on device', None)
    """
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):  # of many files
        return str(error.args[0][0][-1])
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if type(error).__name__ == "SafetensorError" and (found := _BY_RUST.search(str(error))):
        return found[1].strip()
    return None


@contextmanager
def _only(target: Path) -> Iterator[None]:
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(
            f"another process is working on {target}", remedy="wait for it, or name another folder"
        ) from error
    try:
        yield
    finally:
        # The file stays: to remove it would let two later processes hold locks on different files.
        lock.release()


def _begin(workspace: Workspace, identity: Mapping[str, object], *, resume: bool, overwrite: bool) -> Workspace:
    old = workspace.partial / "old"
    if old.exists() and not workspace.target.exists():
        old.rename(workspace.target)  # a crash came between the two renames of publish()
    elif old.exists():
        remove(old)  # it came behind them: the new run is there
    begun = workspace.partial / "identity.json"
    if resume and begun.is_file():
        changed = [name for name, value in read_json(begun).items() if identity.get(name) != value]
        if changed:
            raise OtherRunError(
                f"the unfinished run of {workspace.target} was begun with another {', '.join(changed)}",
                remedy="undo the change, or begin anew with --overwrite",
            )
        # A crash may have come while the run's files were being put together.
        remove(workspace.files)
    elif begun.is_file() and not overwrite:
        raise UserError(
            f"there is an unfinished run of {workspace.target}",
            remedy="go on with --resume, or begin anew with --overwrite",
        )
    else:
        remove(workspace.partial)
    workspace.files.mkdir(parents=True, exist_ok=True)
    workspace.parts.mkdir(parents=True, exist_ok=True)
    write_json(begun, dict(identity))
    return workspace


def _sync_folder(folder: Path) -> None:
    """Make a rename in the folder survive a power cut, where the system can."""
    if os.name != "posix" or isinstance(folder, Elsewhere):
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
