"""Literal terms, found by one Aho-Corasick automaton for all lists that share a case setting.

Terms are found as literal substrings. Without regard to case, two characters are equal when
their Unicode case foldings are equal single characters (``ſ`` is ``s``); one that folds to several
goes by its lower case where that is a single character (``ẞ`` is ``ß``, not ``ss``), else it equals
only itself (``İ``). So offsets in the folded text are offsets in the text. With ``whole_words`` an
occurrence counts unless, at one of its two edges, the term's own outermost character and its
neighbour in the text both belong to words: letters, digits, the underscore, and the marks that combine
with them (accents, vowel signs). So ``c++`` is found in ``c++11``, ``cafe`` is not found in a decomposed
``café``. Characters of scripts written without spaces (Chinese, Japanese kana, Thai, Lao, Khmer,
Burmese) belong to no word in this sense: they need no boundary and make none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ahocorasick_rs import AhoCorasick, MatchKind

from ruletune.rules.conditions import Terms
from ruletune.rules.scripts import NO_SPACES
from ruletune.types import Span

__all__ = ["TermAutomaton", "automata", "continues", "fold", "leftmost_longest"]

_NO_SPACES = re.compile(NO_SPACES)
_WORD = re.compile(r"\w")
_SURROGATE = re.compile("[\ud800-\udfff]")


@lru_cache(maxsize=1 << 16)
def _fold_character(character: str) -> str:
    folded = character.casefold()
    if len(folded) == 1:
        return folded
    lowered = character.lower()
    return lowered if len(lowered) == 1 else character


def fold(text: str) -> str:
    """Text without case, character by character, so that offsets stay.

    >>> fold("İSTANBUL Straße") == "İstanbul straße"
    True
    """
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


@dataclass(frozen=True, slots=True)
class TermAutomaton:
    """All terms of the conditions that share a case setting, in one Aho-Corasick automaton."""

    ignore_case: bool
    automaton: AhoCorasick
    owners: tuple[tuple[tuple[int, bool], ...], ...]
    """For each term, the conditions that list it and whether they want whole words."""

    conditions: int
    """How many conditions there are."""

    def _read(self, text: str) -> str:
        """The text as the automaton reads it; offsets stay."""
        searched = fold(text) if self.ignore_case else text
        if not text.isascii():
            searched = _SURROGATE.sub("\ufffd", searched)  # the automaton reads UTF-8, which has none
        return searched

    def fired(self, text: str) -> set[int]:
        """The conditions of which a term occurs. One occurrence is enough: the rest are passed over."""
        found: set[int] = set()
        for term, start, end in self.automaton.find_matches_as_indexes(self._read(text), overlapping=True):
            whole = None
            for condition, whole_words in self.owners[term]:
                if condition in found:
                    continue
                if whole_words and whole is None:
                    whole = _is_whole(text, start, end)
                if not whole_words or whole:
                    found.add(condition)
            if len(found) == self.conditions:
                break
        return found

    def hits(self, text: str) -> Iterator[tuple[int, int, int]]:
        """(condition, start, end) of every occurrence, overlapping ones included."""
        searched = self._read(text)
        for term, start, end in self.automaton.find_matches_as_indexes(searched, overlapping=True):
            whole = None
            for condition, whole_words in self.owners[term]:
                if whole_words and whole is None:
                    whole = _is_whole(text, start, end)
                if not whole_words or whole:
                    yield condition, start, end


@lru_cache(maxsize=1 << 16)
def _in_word(character: str) -> bool:
    """Whether a character belongs to a word that is written with spaces around it."""
    if _NO_SPACES.match(character):
        return False
    return bool(_WORD.match(character)) or unicodedata.category(character).startswith("M")


def continues(edge: str, neighbour: str) -> bool:
    return _in_word(edge) and _in_word(neighbour)


def _is_whole(text: str, start: int, end: int) -> bool:
    before = start > 0 and continues(text[start], text[start - 1])
    return not before and not (end < len(text) and continues(text[end - 1], text[end]))


def automata(conditions: Mapping[int, Terms]) -> tuple[TermAutomaton, ...]:
    """One automaton for each case setting among numbered term lists."""
    terms: dict[bool, dict[str, dict[int, bool]]] = {}
    for position, condition in conditions.items():
        owners = terms.setdefault(condition.ignore_case, {})
        for term in condition.terms:
            owners.setdefault(fold(term) if condition.ignore_case else term, {})[position] = condition.whole_words
    return tuple(
        TermAutomaton(
            ignore_case,
            AhoCorasick(list(owners), matchkind=MatchKind.Standard),
            tuple(tuple(owner.items()) for owner in owners.values()),
            len({condition for owner in owners.values() for condition in owner}),
        )
        for ignore_case, owners in terms.items()
    )


def leftmost_longest(spans: list[Span]) -> list[Span]:
    """Of overlapping spans the leftmost, and of those the longest."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept
