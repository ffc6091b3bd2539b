"""What a domain knows about its terms, injected into the input where a term occurs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ruletune.rules.base import Terms
from ruletune.rules.matcher import Matcher, fold

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
    """

    text: str
    field: str = ""


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
    inserted: list[tuple[int, str]] = []
    shown, fields = kept, []
    for source in sources:
        found = [entry for entry in source.find(text) if entry[0] <= len(kept)]
        if not found:
            continue
        listed = source.separator.join(f"{term}: {meaning}" for _, term, meaning in found)
        match source.place:
            case "insert":
                inserted += [(end, meaning) for end, _, meaning in found]
            case "field":
                fields.append(listed)
            case "prefix":
                shown = ...
    return Injected(shown, " ".join(fields))
