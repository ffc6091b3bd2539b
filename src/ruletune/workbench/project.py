"""The files of a workbench: one task file, and the labels given by hand.

What is on disk is the truth. Every edit looks at the files first, is refused where what it was made from is there no more, and
is written only if the task file loads with it; then it is flushed to disk, under a lock that other processes respect, with what is
needed to undo it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any

from filelock import FileLock, Timeout

from ruletune.config import TaskSpec
from ruletune.config.drafting import with_draft
from ruletune.config.edit import set_labels
from ruletune.config.entries import Entries
from ruletune.errors import Location, Problem, RuletuneError, UserError
from ruletune.labeling.corpus import needs_one_task
from ruletune.labeling.hand_labels import HandLabels
from ruletune.store import remove_file, write_text
from ruletune.types import Example
from ruletune.workbench.journal import Change, Journal, Record
from ruletune.workbench.labelling import answer_from, answer_value, with_label, without_label
from ruletune.workbench.snapshot import (
    BOM,
    LABELS,
    TASK,
    Snapshot,
    check_places,
    digests_of,
    read_task,
    snapshot_of,
    text_of,
)
from ruletune.workbench.viewing import EntryView

__all__ = ["ConflictError", "Project", "Snapshot"]

_PATIENCE = 10.0
"""Seconds that an edit waits for another process."""

_SHOWN = 40
"""Characters of a text that the name of an edit repeats."""


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
        self._now = snapshot_of(self.path, {TASK: read_task(self.path)})
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

    def answer(self, example: Example) -> Any:
        """What a text is answered with: by hand, else in the data; as JSON, null where nobody answered."""
        now = self._now
        given = now.labels.by_key.get(now.labels.key(example), example)
        return answer_value(given, multi=now.spec.file.multi_label)

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
            text = now.texts[LABELS]
            if answer is None:
                if given is not None and text is not None:
                    new = without_label(text, now.labels, example)
                    self._commit(f"take away the label of {shown!r}", None, labels=new)
                return
            named, path = None, now.labels_path
            if path is None:
                path = self._free_path()
                named = Entries(set_labels(now.entries.source, path.name, file=str(self.path)), str(self.path))
            made = answer_from(now.spec, answer)
            new = with_label(now.spec, text, now.labels, example, made, path=path)
            self._commit(f"label {shown!r}", named, labels=new)

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
            after = snapshot_of(self.path, texts, now=now)
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
        digests = digests_of(now)
        if digests == now.digests and not now.problems:
            return
        try:
            self._now = snapshot_of(self.path, {TASK: read_task(self.path)}, now=now)
            self._remember()
        except UserError as error:
            self._now = replace(now, digests=digests, problems=error.problems)
        if self._now.revision != now.revision:
            self._journal = Journal.read(self._journal_path).settled(self._now.digests)

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

    def _commit(self, title: str, entries: Entries | None, *, labels: str | None = None, shifts: bool = False) -> None:
        """Write an edit.

        Args:
            entries: The new task file; ``None``: as it is.
            labels: The new labels file; ``None``: as it is.
            shifts: Entries may have other places than before.
        """
        now = self._now
        texts = dict(now.texts)
        if entries is not None:
            texts[TASK] = (BOM if str(now.texts[TASK]).startswith(BOM) else "") + entries.source
        if labels is not None:
            texts[LABELS] = labels
        if texts == dict(now.texts):
            return
        after = snapshot_of(self.path, texts, now=now, entries=entries)
        if shifts:
            check_places(now, after)
        changed = [name for name in (LABELS, TASK) if texts[name] != now.texts[name]]
        record = Record(title, tuple(Change.between(name, now.texts[name], texts[name]) for name in changed))
        self._journal = self._journal.with_record(record)
        self._journal.write(self._journal_path)
        self._save(now, after)

    def _save(self, now: Snapshot, after: Snapshot) -> None:
        """Write what differs, the labels first: the task file names them."""
        for name, path in ((LABELS, after.labels_path or now.labels_path), (TASK, self.path)):
            old, new = now.texts[name], after.texts[name]
            if old == new or path is None:
                continue
            target = path.resolve()
            if text_of(target) != old:
                raise ConflictError.at("the file was changed meanwhile", remedy="look at what is there now")
            if new is None:
                remove_file(target)
            else:
                write_text(target, new)
        self._now = after
        self._remember()


def _name_of(draft: TaskSpec) -> str:
    """What a new entry at the end is called."""
    entry, mine = draft.file.rules[-1], [rule for rule in draft.written if rule.entry == len(draft.file.rules)]
    return entry.name or (mine[0].name if len(mine) == 1 else entry.kind)
