"""What a domain knows about its terms, injected into the input where a term occurs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ruletune.errors import Location, Problem, UserError
from ruletune.rules.base import Terms
from ruletune.rules.matcher import Matcher, fold

__all__ = ["Knowledge", "Place", "read_entries"]

Place = Literal["prefix", "suffix", "insert", "field"]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Terms with what they mean, and where the meaning goes.

    Attributes:
        entries: Term to text.
        place: ``prefix`` and ``suffix``: before or after the text, as ``term: meaning``.
            ``insert``: in brackets behind the term. ``field``: where the template has ``{knowledge}``.
        limit: Entries injected into one text at most, in the order of the text.

    >>> Knowledge({"MRSA": "a resistant bacterium"}).find("Tested for mrsa.")
    [(15, 'MRSA', 'a resistant bacterium')]
    """

    entries: Mapping[str, str]
    place: Place = "suffix"
    limit: int = 3
    _matcher: Matcher = field(init=False, repr=False, compare=False)
    _terms: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_matcher", Matcher([Terms(tuple(self.entries))] if self.entries else []))
        object.__setattr__(self, "_terms", {fold(term): term for term in self.entries})

    def find(self, text: str) -> list[tuple[int, str, str]]:
        """(end of the first occurrence, term, meaning) of the entries whose term occurs, in reading order."""
        found: dict[str, int] = {}
        for spans in self._matcher.spans(text):
            for span in spans:
                found.setdefault(self._terms[fold(text[span.start : span.end])], span.end)
        first = sorted(found.items(), key=lambda item: item[1])[: self.limit]
        return [(end, term, self.entries[term]) for term, end in first]

    def to_json(self) -> dict[str, Any]:
        return {"entries": dict(self.entries), "place": self.place, "limit": self.limit}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Knowledge:
        return cls(dict(value["entries"]), value["place"], value["limit"])


def read_entries(text: str, *, where: Location) -> dict[str, str]:
    """The entries of a knowledge file: ``term TAB meaning`` lines, a JSON object, or JSON lines
    with ``term`` and ``text``.

    Raises:
        UserError: Every bad line and every term that stands twice, together.

    >>> read_entries("MRSA\\ta resistant bacterium\\n", where=Location("terms.tsv"))
    {'MRSA': 'a resistant bacterium'}
    """
    entries: dict[str, str] = {}
    seen: dict[str, int] = {}
    problems: list[Problem] = []
    for line, term, meaning, problem in _rows(text, where):
        place = Location(where.file, line)
        if problem:
            problems.append(Problem(problem, place, "write term TAB meaning"))
        elif fold(term) in seen:
            problems.append(Problem(f"the term {term!r} stands on line {seen[fold(term)]} already", place))
        else:
            seen[fold(term)] = line or 0
            entries[term] = meaning
    if problems:
        raise UserError.of(problems)
    if not entries:
        raise UserError("the file has no entries", where=where, remedy="write term TAB meaning, one a line")
    return entries


def _rows(text: str, where: Location) -> Iterator[tuple[int | None, str, str, str | None]]:
    """(line, term, meaning, problem) of every entry as written."""
    whole = _json_object(text)
    if whole is not None:
        for term, meaning in whole.items():
            good = term.strip() and isinstance(meaning, str) and meaning.strip()
            yield None, term, str(meaning), None if good else f"the entry {term!r} has no text"
        return
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip("\r")
        if not line.strip():
            continue
        term, meaning = _json_line(line) if line.lstrip().startswith("{") else _tab_line(line)
        yield number, term, meaning, None if term and meaning else "no term and meaning on this line"


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and set(value) != {"term", "text"} else None


def _json_line(line: str) -> tuple[str, str]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return "", ""
    term, meaning = (value.get("term"), value.get("text")) if isinstance(value, dict) else (None, None)
    return (term.strip(), meaning.strip()) if isinstance(term, str) and isinstance(meaning, str) else ("", "")


def _tab_line(line: str) -> tuple[str, str]:
    term, _, meaning = line.partition("\t")
    return term.strip(), meaning.strip()
