"""What was changed in the files of a workbench, so that it can be undone and done again; kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ruletune.store import write_text

__all__ = ["Change", "Journal", "Record", "digest"]

_FORMAT = 1

_MOST = 500
"""Records that are kept."""

_LARGEST = 4_000_000
"""Characters of text in all records; beyond it the oldest are forgotten."""


def digest(text: str | None) -> str:
    """What tells a file's text from others; empty where there is no file.

    >>> digest("a")[:8], digest(None)
    ('ca978112', '')
    """
    return "" if text is None else hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """One file's text before and after: from ``start`` on, ``removed`` gave way to ``added``.

    Attributes:
        file: Which file of the workbench.
        before, after: Digests of the whole text; empty where there was, or is, no file.

    >>> change = Change.between("task", "a: 1\\n", "a: 12\\n")
    >>> change.removed, change.added, change.done("a: 1\\n"), change.undone("a: 12\\n")
    ('', '2', 'a: 12\\n', 'a: 1\\n')
    """

    file: str
    start: int
    removed: str
    added: str
    before: str
    after: str

    @classmethod
    def between(cls, file: str, before: str | None, after: str | None) -> Change:
        """The change from one text to another; ``None`` is no file."""
        old, new = before or "", after or ""
        start = _common(old, new)
        end = _common(old[start:][::-1], new[start:][::-1])
        return cls(
            file, start, old[start : len(old) - end], new[start : len(new) - end], digest(before), digest(after)
        )  # fmt: skip

    def done(self, text: str | None) -> str | None:
        """The text after the change, from that before.

        Raises:
            ValueError: It is another text.
        """
        return _put(text, self.start, self.removed, self.added, self.before, self.after)

    def undone(self, text: str | None) -> str | None:
        """The text before the change, from that after.

        Raises:
            ValueError: It is another text.
        """
        return _put(text, self.start, self.added, self.removed, self.after, self.before)


def _common(first: str, second: str) -> int:
    """How many characters two texts begin with that are the same, by bisection: comparing slices is fast."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _put(text: str | None, start: int, old: str, new: str, before: str, after: str) -> str | None:
    if digest(text) != before:
        raise ValueError("the file was changed since")
    whole = text or ""
    made = whole[:start] + new + whole[start + len(old) :] if after else None
    if digest(made) != after:
        raise ValueError("the journal is damaged")
    return made


@dataclass(frozen=True, slots=True)
class Record:
    """Something that a person did, in words, and what it changed."""

    title: str
    changes: tuple[Change, ...]

    def size(self) -> int:
        return sum(len(change.removed) + len(change.added) for change in self.changes)


@dataclass(frozen=True, slots=True)
class Journal:
    """Records in the order in which they were done.

    Attributes:
        position: How many of them are done; those behind can be done again.
    """

    records: tuple[Record, ...] = ()
    position: int = 0

    @classmethod
    def read(cls, path: Path) -> Journal:
        """The journal in a file; an empty one where it is missing or damaged: it is a convenience, not the user's work."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["format"] != _FORMAT:
                return cls()
            records = tuple(_record(value) for value in found["records"])
            position = int(found["position"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return cls()
        return cls(records, position) if 0 <= position <= len(records) else cls()

    def write(self, path: Path) -> None:
        value = {"format": _FORMAT, "position": self.position, "records": [asdict(record) for record in self.records]}
        write_text(path, json.dumps(value, ensure_ascii=False) + "\n")

    def settled(self, now: Mapping[str, str]) -> Journal:
        """The journal as the files are, where a crash came between writing the one and the others.

        Args:
            now: Digests by file.
        """
        last = self.records[self.position - 1] if self.position else None
        if last is not None and all(now.get(change.file) == change.before for change in last.changes):
            return replace(self, position=self.position - 1)
        coming = self.records[self.position] if self.position < len(self.records) else None
        if coming is not None and all(now.get(change.file) == change.after for change in coming.changes):
            return replace(self, position=self.position + 1)
        return self

    def with_record(self, record: Record) -> Journal:
        """One more record; those that were undone are forgotten, and the oldest ones where there are too many."""
        records = [*self.records[: self.position], record][-_MOST:]
        size = sum(each.size() for each in records)
        while size > _LARGEST and records:
            size -= records.pop(0).size()
        return Journal(tuple(records), len(records))

    def last(self, now: Mapping[str, str]) -> Record | None:
        """What can be undone: the newest record, if the files are as it left them."""
        record = self.records[self.position - 1] if self.position else None
        fits = record is not None and all(now.get(change.file) == change.after for change in record.changes)
        return record if fits else None

    def coming(self, now: Mapping[str, str]) -> Record | None:
        """What can be done again."""
        record = self.records[self.position] if self.position < len(self.records) else None
        fits = record is not None and all(now.get(change.file) == change.before for change in record.changes)
        return record if fits else None


def _record(value: Mapping[str, Any]) -> Record:
    changes: Sequence[Mapping[str, Any]] = value["changes"]
    made = tuple(Change(**change) for change in changes)
    if any(type(each.start) is not int or not isinstance(each.removed + each.added, str) for each in made):
        raise ValueError("no record")
    return Record(str(value["title"]), made)
