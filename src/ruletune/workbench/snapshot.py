"""The files of a workbench at one moment: what they say, and what is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ruletune.config import TaskSpec, parse_task
from ruletune.config.drafting import files_in
from ruletune.config.entries import Entries
from ruletune.errors import Location, Problem, UserError
from ruletune.labeling.hand_labels import HandLabels
from ruletune.rules.base import references
from ruletune.workbench.journal import digest
from ruletune.workbench.labelling import parsed_labels
from ruletune.workbench.values import TestResult
from ruletune.workbench.viewing import EntryView, test_results, views

__all__ = ["BOM", "LABELS", "TASK", "Snapshot", "check_places", "digests_of", "read_task", "snapshot_of", "text_of"]

_LARGEST = 1 << 20
"""Bytes of a task file."""

BOM = "\ufeff"

TASK, LABELS = "task", "labels"
"""What the two files are called in snapshots and journals."""


@dataclass(frozen=True)
class Snapshot:
    """The files at one moment.

    Attributes:
        spec, entries, labels: As they were when nothing was wrong last.
        texts: The texts of both files; ``None`` for one that is not there.
        digests: Of both files, and of those that rules and knowledge name.
        labels_path: Where the labels are; ``None`` where the task file names no file for them.
        problems: What is wrong with the files now.
    """

    spec: TaskSpec
    entries: Entries
    labels: HandLabels
    texts: Mapping[str, str | None]
    digests: Mapping[str, str]
    labels_path: Path | None
    problems: tuple[Problem, ...] = ()

    @cached_property
    def revision(self) -> str:
        """What tells these contents from others."""
        return hashlib.sha256(repr(sorted(self.digests.items())).encode()).hexdigest()[:16]

    @cached_property
    def views(self) -> tuple[EntryView, ...]:
        return views(self.spec, self.entries)

    @cached_property
    def tests(self) -> Mapping[int, tuple[TestResult, ...]]:
        """How the tests beside the rules go, by the position of the entry."""
        return test_results(self.spec)


def read_task(path: Path) -> str:
    """The task file's text, with its byte order mark.

    Raises:
        UserError: It is gone, or is no text, or far too long.
    """
    where = Location(str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the task file: {error.strerror}", where=where) from None
    if len(data) > _LARGEST:
        raise UserError("too large for a task file", where=where)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        remedy = "save the file as UTF-8"
        raise UserError("not UTF-8", where=Location(str(path), line), remedy=remedy) from None


def snapshot_of(
    path: Path, texts: Mapping[str, str | None], *, now: Snapshot | None = None, entries: Entries | None = None
) -> Snapshot:
    """What the files say.

    Args:
        texts: The text of the task file, and of the labels file; without the latter it is read from disk.
        now: An earlier snapshot: what follows from files that are still the same is taken from it.
        entries: Of the task file, where they were read.

    Raises:
        UserError: One of them is wrong.
    """
    task = texts[TASK] or ""
    source = task.removeprefix(BOM)
    if now is not None and not now.problems and source == now.entries.source and _others(now) == _others_now(now):
        spec, entries = now.spec, now.entries
    else:
        entries = Entries(source, str(path)) if entries is None or entries.source != source else entries
        spec = parse_task(source, path=path, tree=entries.tree)
    named = spec.file.data.labels
    labels_path = None if named is None else (spec.folder / named).expanduser()
    text = texts[LABELS] if LABELS in texts else text_of(labels_path)
    known = parsed_labels(spec, text, labels_path or path)
    digests = {TASK: digest(task), LABELS: digest(text)}
    digests |= {str(name): _digest_of(name) for name in _named_files(spec, entries)}
    return Snapshot(spec, entries, known, {TASK: task, LABELS: text}, digests, labels_path)


def digests_of(now: Snapshot) -> dict[str, str]:
    """Of the same files as they are on disk now."""
    both = {TASK: digest(text_of(now.spec.path)), LABELS: digest(text_of(now.labels_path))}
    return both | _others_now(now)


def _others(now: Snapshot) -> dict[str, str]:
    return {name: value for name, value in now.digests.items() if name not in (TASK, LABELS)}


def _others_now(now: Snapshot) -> dict[str, str]:
    return {name: _digest_of(Path(name)) for name in _others(now)}


def _named_files(spec: TaskSpec, entries: Entries) -> list[Path]:
    """The files that rules and knowledge name: another content makes other rules of the same task file."""
    found = [path for entry in entries.values for path in files_in(entry, spec.folder)]
    return [*found, *(spec.folder / each.file for each in spec.file.knowledge)]


def text_of(path: Path | None) -> str | None:
    """A file's text as it is, byte order mark and line ends included; what is no UTF-8 is still told apart."""
    if path is None:
        return None
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return None


def _digest_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return ""


def check_places(now: Snapshot, after: Snapshot) -> None:
    """Names that an entry has by its place, and that another refers to, must mean the same entry as before.

    Raises:
        UserError: One of them would mean another.
    """
    used = {name for rule in now.spec.written for name in references(rule)}
    used |= {test.rule for test in now.spec.file.tests if test.rule is not None}
    before, then = _by_place(now), _by_place(after)
    for name in sorted(used & set(before)):
        if then.get(name) != before[name]:
            message = f"another rule or a test refers to {name!r}, which is called so by its place in the list"
            raise UserError(message, remedy="give it a name first")


def _by_place(snapshot: Snapshot) -> dict[str, str]:
    """The entries that are called by their place, by hash."""
    unnamed = [view for view in snapshot.views if snapshot.spec.file.rules[view.position].name is None]
    return {view.name: view.hash for view in unnamed if view.name == f"{view.kind}_{view.position + 1}"}
