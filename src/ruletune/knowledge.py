"""What a domain knows about its terms, injected into the input where a term occurs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, assert_never

from ruletune.errors import Location, Problem, UserError
from ruletune.rules.base import Terms
from ruletune.rules.matching import Matcher, fold

__all__ = ["Injected", "Knowledge", "Place", "inject", "read_entries"]

Place = Literal["prefix", "suffix", "insert", "field"]

_SHOWN = 60
"""Characters of a term that a message repeats."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Terms with what they mean, and where the meaning goes.

    A term occurs where a keyword rule would find it: as a whole word and in any case, without
    boundaries in scripts that have none. Of terms that overlap in a text the longest counts.

    Attributes:
        entries: Term to text.
        place: ``prefix`` and ``suffix``: before or after the text, as ``term: meaning``.
            ``insert``: in brackets behind the term. ``field``: where the template has ``{knowledge}``.
        limit: Entries injected into one text at most, in the order of the text.
        separator: What divides entries from each other and, as prefix or suffix, from the text.

    >>> Knowledge({"MRSA": "a resistant bacterium"}).find("Tested for mrsa.")
    [(15, 'MRSA', 'a resistant bacterium')]
    """

    entries: Mapping[str, str]
    place: Place = "suffix"
    limit: int = 3
    separator: str = " "
    _matcher: Matcher = dataclasses.field(init=False, repr=False, compare=False)
    _terms: Mapping[str, str] = dataclasses.field(init=False, repr=False, compare=False)

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
        """As the run folder keeps it; :meth:`from_json` gives an equal value back."""
        return {
            "entries": dict(self.entries),
            "place": self.place,
            "limit": self.limit,
            "separator": self.separator,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Knowledge:
        return cls(dict(value["entries"]), value["place"], value["limit"], value["separator"])


@dataclass(frozen=True, slots=True)
class Injected:
    """A text with what is known about its terms.

    Attributes:
        text: With prefixes, suffixes and inserted meanings.
        field: For ``{knowledge}`` in the template.
        pieces: What ``text`` is made of, each piece with the place in the original text where it begins; ``None`` for
            what was put in.
    """

    text: str
    field: str = ""
    pieces: tuple[tuple[str, int | None], ...] = dataclasses.field(default=(), compare=False)


def inject(sources: Iterable[Knowledge], text: str, *, length: int | None = None) -> Injected:
    """Put what the sources know into a text.

    Terms are looked up in the text as it is, never in what another source put there.

    Args:
        length: Characters of the text that are kept. Terms are looked up in the whole text, so
            that half a word left at the cut is not taken for a term; those that end beyond the
            cut bring nothing in.

    >>> inject([Knowledge({"Paris": "in France"}, place="insert")], "To paris, now!").text
    'To paris (in France), now!'
    """
    kept = text if length is None else text[:length]
    before, after, fields = "", "", []
    inserted: list[tuple[int, str]] = []
    for source in sources:
        found = [entry for entry in source.find(text) if entry[0] <= len(kept)]
        if not found:
            continue
        listed = source.separator.join(f"{term}: {meaning}" for _, term, meaning in found)
        match source.place:
            case "prefix":
                before += listed + source.separator
            case "suffix":
                after += source.separator + listed
            case "insert":
                inserted += [(end, meaning) for end, _, meaning in found]
            case "field":
                fields.append(listed)
            case _:
                assert_never(source.place)
    pieces = [(before, None), *_insert(kept, inserted), (after, None)]
    shown = tuple(piece for piece in pieces if piece[0])
    return Injected("".join(words for words, _ in shown), " ".join(fields), shown)


def _insert(text: str, inserted: list[tuple[int, str]]) -> list[tuple[str, int | None]]:
    """The pieces of ``text`` with each meaning in brackets at its place."""
    pieces: list[tuple[str, int | None]] = []
    done = 0
    for end, meaning in sorted(inserted, key=lambda item: item[0]):
        pieces += [(text[done:end], done), (f" ({meaning})", None)]
        done = end
    return [*pieces, (text[done:], done)]


_Entry = tuple[int | None, object, object]
"""Line (``None`` where the format does not tell), term and meaning, as found."""


def read_entries(text: str, *, where: Location) -> dict[str, str]:
    """The entries of a knowledge file, in its order.

    The file's ending says how it is read: ``.json`` is one object, term to meaning; ``.jsonl`` has
    an object with ``term`` and ``text`` on each line; every other file has ``term TAB meaning``
    lines, where a line without a TAB that begins with ``#`` is a comment.

    Raises:
        UserError: Every bad line and every term that stands twice, together.

    >>> read_entries("# wards\\nMRSA\\ta resistant bacterium\\n", where=Location("terms.tsv"))
    {'MRSA': 'a resistant bacterium'}
    """
    problems: list[Problem] = []
    entries: dict[str, str] = {}
    seen: dict[str, int | None] = {}
    for line, term, meaning in _read(text, where, problems):
        place = Location(where.file, line)
        wrong = _wrong("term", term) or _wrong("text", meaning)
        if wrong or not isinstance(term, str) or not isinstance(meaning, str):
            problems.append(Problem(wrong or "not an entry", place, "write a term and what it means"))
            continue
        term, meaning = term.strip(), meaning.strip()
        if fold(term) in seen:
            first = seen[fold(term)]
            at = "" if first is None else f" on line {first}"
            problems.append(Problem(f"the term {term[:_SHOWN]!r} stands{at} already", place, "keep one of them"))
            continue
        seen[fold(term)] = line
        entries[term] = meaning
    if problems:
        raise UserError.of(sorted(problems, key=lambda problem: (problem.where and problem.where.line) or 0))
    if not entries:
        raise UserError("the file has no entries", where=where, remedy="write term TAB meaning, one a line")
    return entries


def _read(text: str, where: Location, problems: list[Problem]) -> Iterator[_Entry]:
    match where.file.lower().rpartition(".")[2]:
        case "json":
            yield from _json_object(text, where, problems)
        case "jsonl" | "ndjson":
            yield from _json_lines(text, where, problems)
        case _:
            yield from _tab_lines(text, where, problems)


def _wrong(what: str, value: object) -> str | None:
    """What is wrong with a term or its text."""
    if not isinstance(value, str):
        return f"the {what} is {type(value).__name__}, not text" if value is not None else f"there is no {what}"
    if not value.strip():
        return f"the {what} is blank"
    if any("\ud800" <= character <= "\udfff" for character in value) or "\0" in value:
        return f"the {what} holds something that is no character"
    return None


def _tab_lines(text: str, where: Location, problems: list[Problem]) -> Iterator[_Entry]:
    for number, line in _lines(text):
        cells = line.split("\t")
        if len(cells) == 2:
            yield number, cells[0], cells[1]
        elif len(cells) > 1 or not line.startswith("#"):
            found = "no TAB" if len(cells) == 1 else f"{len(cells) - 1} TABs"
            problems.append(Problem(f"{found} on this line", Location(where.file, number), "write term TAB meaning"))


def _json_lines(text: str, where: Location, problems: list[Problem]) -> Iterator[_Entry]:
    for number, line in _lines(text):
        place = Location(where.file, number)
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append(Problem(f"not JSON: {_reason(error)}", place))
            continue
        if isinstance(value, dict):
            yield number, value.get("term"), value.get("text")
        else:
            problems.append(Problem("not an object", place, 'write {"term": ..., "text": ...}'))


def _json_object(text: str, where: Location, problems: list[Problem]) -> Iterator[_Entry]:
    try:
        value = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        remedy = "JSON lines belong in a file that ends in .jsonl" if line and line > 1 else None
        problems.append(Problem(f"not JSON: {_reason(error)}", Location(where.file, line), remedy))
        return
    if text.lstrip().startswith("{"):
        yield from ((None, term, meaning) for term, meaning in value)
    else:
        problems.append(Problem("not one object of terms", where, 'write {"term": "what it means", ...}'))


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, counted from 1. Only line feeds end a line: other separators may be text."""
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.removesuffix("\r")
        if line.strip():
            yield number, line
