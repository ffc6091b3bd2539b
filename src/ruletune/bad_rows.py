"""Rows that were left out because they are wrong: how many, why, and where.

Bad rows are an error unless the user says otherwise. Then they come here, and whoever reports a result says what it
was made without.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ruletune.errors import Problem

__all__ = ["BadRows", "Reason", "reason_of"]

_FIRST = 3
"""Places that are named for each reason."""

_REASONS = 50
"""Reasons that are told apart in one source; further ones are counted together."""

_NAMED = 6
"""Reasons that a sentence names."""

_LISTED = 100_000
"""Bad rows of one source that a list of them has in full."""

_OTHER = "something else"

_VARIES = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\[[^]]*\]|(?<![\w-])(?:0x[0-9a-f]+|[-+]?\d[\d.,]*)""")
"""What differs between messages that say the same of two rows: what is quoted, places, and numbers."""


def reason_of(problem: Problem) -> str:
    """What problems of one kind have in common.

    >>> reason_of(Problem("unknown label 'spma'; did you mean 'spam'?"))
    'unknown label …'
    >>> reason_of(Problem("3 fields in a row of a table with 2 columns"))
    '… fields in a row of a table with … columns'
    """
    return _VARIES.sub("…", problem.message[:500]).partition(";")[0].strip()


@dataclass(slots=True)
class Reason:
    """Why rows were left out.

    Attributes:
        first: The first places, as ``file:line``.
    """

    what: str
    count: int = 0
    first: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Source:
    count: int = 0
    reasons: dict[str, Reason] = field(default_factory=dict)
    listed: list[Problem] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        self.count += 1
        if len(self.listed) < _LISTED:
            self.listed.append(problem)
        what = reason_of(problem)
        if what not in self.reasons and len(self.reasons) >= _REASONS:
            what = _OTHER
        reason = self.reasons.setdefault(what, Reason(what))
        reason.count += 1
        if len(reason.first) < _FIRST and problem.where is not None:
            reason.first.append(str(problem.where))


@dataclass(slots=True)
class BadRows:
    """Bad rows by the source that they stand in, in bounded memory.

    >>> from ruletune.errors import Location
    >>> bad = BadRows()
    >>> bad.of("a.csv")(Problem("unknown label 'spma'", Location("a.csv", 7)))
    >>> bad.sentences()
    ['1 bad row of a.csv was left out: unknown label … (1, first a.csv:7).']
    """

    _sources: dict[str, _Source] = field(default_factory=dict)

    def of(self, source: str) -> Callable[[Problem], None]:
        """Takes the bad rows of a source. A source that is read again begins anew, so that none counts twice."""
        self._sources[source] = _Source()
        return self._sources[source].add

    def take_over(self, other: BadRows) -> None:
        """Have what another process left out; what is known of a source here already is forgotten."""
        self._sources.update(other._sources)

    @property
    def count(self) -> int:
        return sum(source.count for source in self._sources.values())

    def problems(self, source: str | None = None) -> Iterator[Problem]:
        """What is wrong with each row, of one source or of all; of very many the first of each source."""
        for name, found in self._sources.items():
            if source in (None, name):
                yield from found.listed

    def sentences(self) -> list[str]:
        """One for each source of which rows were left out, for people."""
        return [_sentence(name, found) for name, found in self._sources.items() if found.count]

    def to_json(self) -> dict[str, object]:
        """``count``, and ``reasons`` with the same and the first places, by source."""
        return {
            "count": self.count,
            "sources": {
                name: {
                    "count": found.count,
                    "reasons": [
                        {"reason": reason.what, "count": reason.count, "first": list(reason.first)}
                        for reason in _by_count(found)
                    ],
                }
                for name, found in self._sources.items()
                if found.count
            },
        }

    def rows(self) -> Iterator[dict[str, object]]:
        """The list of them: file, line, reason and message; where not all are listed, a last one for each source says so."""
        for found in self._sources.values():
            for problem in found.listed:
                yield {
                    "file": problem.where.file if problem.where else None,
                    "line": problem.where.line if problem.where else None,
                    "reason": reason_of(problem),
                    "message": problem.message,
                    "remedy": problem.remedy,
                }
            if hidden := found.count - len(found.listed):
                message = f"and {hidden} more"
                yield {"file": None, "line": None, "reason": _OTHER, "message": message, "remedy": None}


def _by_count(found: _Source) -> list[Reason]:
    return sorted(found.reasons.values(), key=lambda reason: -reason.count)


def _sentence(name: str, found: _Source) -> str:
    reasons = _by_count(found)
    said = [f"{r.what} ({r.count}, first {', '.join(_lines(r.first))})" for r in reasons]
    more = f"; and {len(said) - _NAMED} further reasons" if len(said) > _NAMED else ""
    rows = "1 bad row" if found.count == 1 else f"{found.count} bad rows"
    were = "was" if found.count == 1 else "were"
    return f"{rows} of {name} {were} left out: {'; '.join(said[:_NAMED])}{more}."


def _lines(places: list[str]) -> list[str]:
    """Places of one file: after the first one, the lines are enough."""
    if not places:
        return ["in no known place"]
    [first, *others] = places
    file, colon, line = first.rpartition(":")
    if not colon or not line.isdecimal():
        return places
    return [first, *(place.removeprefix(f"{file}:") for place in others)]
