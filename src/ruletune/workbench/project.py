"""The files of a workbench: one task file, and the labels given by hand.

What is on disk is the truth. Every edit looks at the files first, is refused where what it was made from is there no more, and
is written only if the task file loads with it; then it is flushed to disk, under a lock that other processes respect, with what is
needed to undo it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any

from filelock import FileLock, Timeout

from ruletune.config import TaskSpec, parse_task
from ruletune.config.drafting import files_in, with_draft
from ruletune.config.edit import set_labels
from ruletune.config.entries import Entries
from ruletune.errors import Location, Problem, RuletuneError, UserError
from ruletune.labeling.corpus import needs_one_task
from ruletune.labeling.hand_labels import HandLabels
from ruletune.rules.base import references
from ruletune.store import remove_file, write_text
from ruletune.types import Example
from ruletune.workbench.journal import Change, Journal, Record, digest
from ruletune.workbench.labelling import answer_from, answer_value, parsed_labels, with_label, without_label
from ruletune.workbench.viewing import EntryView, TestResult, test_results, views

__all__ = ["ConflictError", "Project", "Snapshot"]

_LARGEST = 1 << 20
"""Bytes of a task file."""

_PATIENCE = 10.0
"""Seconds that an edit waits for another process."""

_SHOWN = 40
"""Characters of a text that the name of an edit repeats."""

_BOM = "\ufeff"

_TASK, _LABELS = "task", "labels"


class ConflictError(UserError):
    """What an edit was made from is there no more.

    Attributes:
        current: What is there now, as JSON or a view of it; ``None`` where it is gone.
    """

    current: Any = None

    @classmethod
    def at(cls, message: str, current: Any = None, *, remedy: str | None = None) -> ConflictError:
        error = cls(message, remedy=remedy)
        error.current = current
        return error


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


class Project:
    """The task file and the labels file of a workbench; safe to be used from several threads.

    Raises:
        UserError: The task file is wrong, or one of two tasks.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = RLock()
        self._names: dict[str, str] = {}
        self.hidden = self.path.parent / f".{self.path.name}.workbench"
        self._now = self._loaded(self._read(self.path))
        needs_one_task(self._now.spec, "the workbench")
        self._remember()
        self._journal = Journal.read(self._journal_path).settled(self._now.digests)

    # -- what there is

    @property
    def snapshot(self) -> Snapshot:
        """All of it, of one moment."""
        return self._now

    @property
    def spec(self) -> TaskSpec:
        return self._now.spec

    @property
    def revision(self) -> str:
        return self._now.revision

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._now.problems

    def hand_labels(self) -> HandLabels:
        """The answers given by hand."""
        return self._now.labels

    @property
    def undoable(self) -> str | None:
        """What would be undone, in words."""
        record = self._journal.last(self._now.digests)
        return None if record is None or self.problems else record.title

    @property
    def redoable(self) -> str | None:
        """What would be done again, in words."""
        record = self._journal.coming(self._now.digests)
        return None if record is None or self.problems else record.title

    def refresh(self) -> bool:
        """Look at the files, by content; whether they are other than before.

        A file that is broken, or gone, is one of the problems; what was right last stays.
        """
        with self._lock:
            before = self._now.revision
            self._look()
            return self._now.revision != before

    # -- rules

    def add(self, entry: str | Mapping[str, Any], *, position: int | None = None) -> None:
        """Put an entry into ``rules:``; default behind all others.

        Args:
            entry: As YAML, or what it says. It may name no code, and files in the task's folder only.

        Raises:
            UserError: It is wrong.
            ConflictError: The file on disk is broken.
        """
        with self._editing() as now:
            draft = with_draft(now.spec, entry)
            place = len(now.entries) if position is None else position
            name = _name_of(draft)
            self._commit(f"add the rule {name!r}", now.entries.insert(place, entry), shifts=True)

    def replace(self, position: int, known: str, entry: str | Mapping[str, Any]) -> None:
        """Put another entry in the place of one.

        Args:
            known: The hash of the entry as the caller knows it.

        Raises:
            UserError: The new one is wrong, or the old one cannot be changed here.
            ConflictError: The entry is another by now.
        """
        with self._editing() as now:
            view = self._find(now, position, known)
            if view.locked is not None:
                raise UserError(view.locked, where=Location(str(self.path), view.line))
            with_draft(now.spec, entry, position=view.position)
            self._commit(f"change the rule {view.name!r}", now.entries.replace(view.position, entry))

    def mute(self, position: int, known: str, *, muted: bool) -> None:
        """Let an entry be heard, or not."""
        with self._editing() as now:
            view = self._find(now, position, known)
            verb = "mute" if muted else "unmute"
            self._commit(f"{verb} the rule {view.name!r}", now.entries.mute(view.position, muted=muted))

    def move(self, position: int, known: str, *, to: int) -> None:
        """Give an entry another place.

        Args:
            to: Its position afterwards.
        """
        with self._editing() as now:
            view = self._find(now, position, known)
            self._commit(f"move the rule {view.name!r}", now.entries.move(view.position, to), shifts=True)

    def remove(self, position: int, known: str) -> None:
        """Take an entry out."""
        with self._editing() as now:
            view = self._find(now, position, known)
            self._commit(f"delete the rule {view.name!r}", now.entries.remove(view.position), shifts=True)

    # -- labels

    def label(self, example: Example, was: Any, answer: Any) -> None:
        """Answer a text by hand, or take that answer away.

        Args:
            example: The text, with the answer that the data has.
            was: The answer that the caller knows, as JSON: that given by hand, else that of the data, or null.
            answer: The new one, as JSON; null takes the one given by hand away.

        Raises:
            UserError: The answer makes no sense for the text.
            ConflictError: The text is answered otherwise by now.
        """
        with self._editing() as now:
            multi, given = now.spec.file.multi_label, now.labels.by_key.get(now.labels.key(example))
            current = answer_value(example if given is None else given, multi=multi)
            if was != current and not (was is None and given is None):
                raise ConflictError.at("the text was labelled otherwise meanwhile", current)
            shown = example.text if len(example.text) <= _SHOWN else f"{example.text[:_SHOWN]}…"
            text = now.texts[_LABELS]
            if answer is None:
                if given is not None and text is not None:
                    new = without_label(text, now.labels, example)
                    self._commit(f"take away the label of {shown!r}", None, labels=new)
                return
            source, path = None, now.labels_path
            if path is None:
                path = self._free_path()
                source = set_labels(now.entries.source, path.name, file=str(self.path))
            made = answer_from(now.spec, answer)
            new = with_label(now.spec, text, now.labels, example, made, path=path)
            self._commit(f"label {shown!r}", source, labels=new)

    @property
    def labels_path(self) -> Path:
        """Where labels given by hand are, or would be."""
        return self._now.labels_path or self._free_path()

    def _free_path(self) -> Path:
        """A name beside the task file that nothing has."""
        endings = ("", *(f"-{number}" for number in range(2, 1000)))
        paths = (self.path.parent / f"{self.path.stem}.labels{ending}.jsonl" for ending in endings)
        return next(path for path in paths if not path.exists())

    # -- undo

    def undo(self, revision: str) -> None:
        """Take back the newest edit.

        Args:
            revision: That the caller knows.

        Raises:
            ConflictError: There is none, or something was changed since.
        """
        self._go(revision, back=True)

    def redo(self, revision: str) -> None:
        """Do again what was undone last."""
        self._go(revision, back=False)

    def _go(self, revision: str, *, back: bool) -> None:
        with self._editing() as now:
            journal = self._journal
            record = journal.last(now.digests) if back else journal.coming(now.digests)
            if revision != now.revision or record is None:
                message = "something was changed since" if revision != now.revision else "there is nothing to do"
                raise ConflictError.at(message, remedy="look at what is there now")
            texts = dict(now.texts)
            try:
                for change in record.changes:
                    turn = change.undone if back else change.done
                    texts[change.file] = turn(texts[change.file])
            except ValueError as error:
                raise ConflictError.at(str(error)) from None
            after = self._checked(texts)
            self._save(now, after)
            self._journal = replace(journal, position=journal.position + (-1 if back else 1))
            self._journal.write(self._journal_path)

    # -- inside

    @property
    def _journal_path(self) -> Path:
        return self.hidden / "journal.json"

    def _look(self) -> None:
        """Bring the snapshot up to date. Where something is wrong, it may be mended in a file that is not watched."""
        now = self._now
        digests = self._digests(now)
        if digests == now.digests and not now.problems:
            return
        try:
            self._now = self._loaded(self._read(self.path))
            self._remember()
        except UserError as error:
            self._now = replace(now, digests=digests, problems=error.problems)
        if self._now.revision != now.revision:
            self._journal = Journal.read(self._journal_path).settled(self._now.digests)

    def _digests(self, now: Snapshot) -> dict[str, str]:
        """Of the files as they are on disk now."""
        others = {name: _digest_of(Path(name)) for name in now.digests if name not in (_TASK, _LABELS)}
        return {_TASK: digest(_text(self.path)), _LABELS: digest(_text(now.labels_path)), **others}

    def _read(self, path: Path) -> str:
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

    def _loaded(self, task: str, labels: str | None = None, *, given: bool = False) -> Snapshot:
        """What the files say.

        Args:
            labels: The text of the labels file; default as it is on disk.
            given: Take ``labels`` even where it is ``None``.

        Raises:
            UserError: One of them is wrong.
        """
        source = task.removeprefix(_BOM)
        spec, entries = self._parsed(source)
        named = spec.file.data.labels
        path = None if named is None else (spec.folder / named).expanduser()
        text = labels if given else _text(path)
        known = parsed_labels(spec, text, path or self.path)
        digests = {_TASK: digest(task), _LABELS: digest(text)}
        digests |= {str(name): _digest_of(name) for name in _named_files(spec, entries)}
        return Snapshot(spec, entries, known, {_TASK: task, _LABELS: text}, digests, path)

    def _parsed(self, source: str) -> tuple[TaskSpec, Entries]:
        """The task; the one that is there where nothing that it is made of has changed."""
        now = getattr(self, "_now", None)
        if now is not None and not now.problems and source == now.entries.source:
            others = [name for name in now.digests if name not in (_TASK, _LABELS)]
            if all(_digest_of(Path(name)) == now.digests[name] for name in others):
                return now.spec, now.entries
        return parse_task(source, path=self.path), Entries(source, str(self.path))

    @contextmanager
    def _editing(self) -> Iterator[Snapshot]:
        """Nobody else edits, and the snapshot is up to date.

        Raises:
            ConflictError: The file on disk is broken.
            RuletuneError: Another process does not let go, or the disk cannot be written.
        """
        try:
            self._hide()
            with self._lock, FileLock(self.hidden / "lock").acquire(timeout=_PATIENCE):
                self._look()
                if self._now.problems:
                    remedy = "mend it first; what you changed here is not lost"
                    message = f"the file on disk is broken: {self._now.problems[0].message}"
                    raise ConflictError.at(message, remedy=remedy)
                self._journal = Journal.read(self._journal_path).settled(self._now.digests)
                yield self._now
        except Timeout as error:
            raise RuletuneError("another process is changing the task file and does not let go") from error
        except OSError as error:
            place = error.filename or self.path
            raise RuletuneError(f"{place}: cannot write: {error.strerror or error}") from error

    def _hide(self) -> None:
        """The folder for what is needed to undo, which is nothing to be shared."""
        if not self.hidden.is_dir():
            self.hidden.mkdir(exist_ok=True)
            write_text(self.hidden / ".gitignore", "*\n")

    def _remember(self) -> None:
        """Names of entries by hash: who comes with an old hash is told what became of that entry."""
        self._names.update((view.hash, view.name) for view in self._now.views)
        while len(self._names) > 10_000:
            del self._names[next(iter(self._names))]

    def _find(self, now: Snapshot, position: int, known: str) -> EntryView:
        """The entry that a caller means.

        Raises:
            ConflictError: It is another by now, or gone.
        """
        views = now.views
        if 0 <= position < len(views) and views[position].hash == known:
            return views[position]
        same = [view for view in views if view.hash == known]
        if len(same) == 1:  # others were put in, taken out or moved
            return same[0]
        name = self._names.get(known)
        current = next((view for view in views if view.name == name), None)
        message = "the rule was changed meanwhile" if current else "the rule is there no more"
        raise ConflictError.at(message, current, remedy="look at what is there now")

    def _commit(self, title: str, source: str | None, *, labels: str | None = None, shifts: bool = False) -> None:
        """Write an edit.

        Args:
            source: The new task file, without its byte order mark; ``None``: as it is.
            labels: The new labels file; ``None``: as it is.
            shifts: Entries may have other places than before.
        """
        now = self._now
        texts = dict(now.texts)
        if source is not None:
            texts[_TASK] = (_BOM if str(now.texts[_TASK]).startswith(_BOM) else "") + source
        if labels is not None:
            texts[_LABELS] = labels
        if texts == dict(now.texts):
            return
        after = self._checked(texts)
        if shifts:
            _check_places(now, after)
        changed = [name for name in (_LABELS, _TASK) if texts[name] != now.texts[name]]
        record = Record(title, tuple(Change.between(name, now.texts[name], texts[name]) for name in changed))
        self._journal = self._journal.with_record(record)
        self._journal.write(self._journal_path)
        self._save(now, after)

    def _checked(self, texts: Mapping[str, str | None]) -> Snapshot:
        """What the files would say.

        Raises:
            UserError: They would be wrong.
        """
        return self._loaded(str(texts[_TASK]), texts[_LABELS], given=True)

    def _save(self, now: Snapshot, after: Snapshot) -> None:
        """Write what differs, the labels first: the task file names them."""
        for name, path in ((_LABELS, after.labels_path or now.labels_path), (_TASK, self.path)):
            old, new = now.texts[name], after.texts[name]
            if old == new or path is None:
                continue
            target = path.resolve()
            if _text(target) != old:
                raise ConflictError.at("the file was changed meanwhile", remedy="look at what is there now")
            if new is None:
                remove_file(target)
            else:
                write_text(target, new)
        self._now = after
        self._remember()


def _named_files(spec: TaskSpec, entries: Entries) -> list[Path]:
    """The files that rules and knowledge name: another content makes other rules of the same task file."""
    found = [path for entry in entries.values for path in files_in(entry, spec.folder)]
    return [*found, *(spec.folder / each.file for each in spec.file.knowledge)]


def _text(path: Path | None) -> str | None:
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


def _name_of(draft: TaskSpec) -> str:
    """What a new entry at the end is called."""
    entry, mine = draft.file.rules[-1], [rule for rule in draft.written if rule.entry == len(draft.file.rules)]
    return entry.name or (mine[0].name if len(mine) == 1 else entry.kind)


def _check_places(now: Snapshot, after: Snapshot) -> None:
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
