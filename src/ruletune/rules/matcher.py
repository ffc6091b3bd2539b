"""Pattern rules, compiled once and matched together.

This is the reference engine: it defines what matching means. A faster one may take its place
behind :class:`Matcher` as long as it gives the same cells and spans.

**Regular expressions** mean what ``re.search`` means on the whole text.

**Terms** are found as literal substrings. Without regard to case, two characters are equal when
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
import signal
import threading
import time
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType
from typing import assert_never

import numpy as np
from ahocorasick_rs import AhoCorasick, MatchKind

from ruletune.rules.base import Pattern, Terms
from ruletune.rules.scripts import NO_SPACES
from ruletune.types import Span

__all__ = ["MatchTimeoutError", "Matcher", "fold"]

GIVE_UP = 5
"""Texts on which a condition may use up its time before it is not tried on the rest."""

_TICK = 0.25
"""Seconds between two looks of the watchdog."""

_NO_SPACES = re.compile(NO_SPACES)
_WORD = re.compile(r"\w")
_SURROGATE = re.compile("[\ud800-\udfff]")


class MatchTimeoutError(Exception):
    """One condition worked on one text for longer than its budget.

    Attributes:
        condition, row: Positions of the condition and of the text.
        seconds: The budget, in seconds of processor time.
    """

    def __init__(self, condition: int, row: int, seconds: float) -> None:
        super().__init__(f"condition {condition} on text {row} took more than {seconds:.1f} s")
        self.condition, self.row, self.seconds = condition, row, seconds


@dataclass(frozen=True, slots=True)
class Overrun:
    """One cell that used up its time."""

    condition: int
    row: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Matches:
    """Cells that hold, by row and condition."""

    rows: np.ndarray
    conditions: np.ndarray
    overruns: tuple[Overrun, ...] = ()


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
class _Automaton:
    """All terms of the conditions that share a case setting, in one Aho-Corasick automaton."""

    ignore_case: bool
    automaton: AhoCorasick
    owners: tuple[tuple[tuple[int, bool], ...], ...]
    """For each term, the conditions that list it and whether they want whole words."""

    def hits(self, text: str) -> Iterator[tuple[int, int, int]]:
        """(condition, start, end) of every occurrence, overlapping ones included."""
        searched = fold(text) if self.ignore_case else text
        if not text.isascii():
            searched = _SURROGATE.sub("\ufffd", searched)  # the automaton reads UTF-8, which has none
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


def _continues(edge: str, neighbour: str) -> bool:
    return _in_word(edge) and _in_word(neighbour)


def _is_whole(text: str, start: int, end: int) -> bool:
    before = start > 0 and _continues(text[start], text[start - 1])
    return not before and not (end < len(text) and _continues(text[end - 1], text[end]))


class Matcher:
    """Conditions compiled together.

    >>> matcher = Matcher([Pattern(r"\\bnot \\w+"), Terms(("good", "bad"))])
    >>> matcher.fired(["not good", "Badly", "BAD"]).tolist()
    [[True, True], [False, False], [False, True]]
    >>> matcher.spans("so not good")
    [[Span(start=3, end=11, label='')], [Span(start=7, end=11, label='')]]
    """

    def __init__(self, conditions: Sequence[Pattern | Terms], *, budget: Callable[[int], float] | None = None) -> None:
        self._budget = budget or _default_budget
        self._size = len(conditions)
        self._patterns: list[tuple[int, re.Pattern[str]]] = []
        terms: dict[bool, dict[str, dict[int, bool]]] = {}
        for position, condition in enumerate(conditions):
            match condition:
                case Pattern(regex=regex, flags=flags):
                    self._patterns.append((position, re.compile(regex, flags)))
                case Terms():
                    owners = terms.setdefault(condition.ignore_case, {})
                    for term in condition.terms:
                        key = fold(term) if condition.ignore_case else term
                        owners.setdefault(key, {})[position] = condition.whole_words
                case _:
                    assert_never(condition)
        self._automata = tuple(
            _Automaton(
                ignore_case,
                AhoCorasick(list(owners), matchkind=MatchKind.Standard),
                tuple(tuple(owner.items()) for owner in owners.values()),
            )
            for ignore_case, owners in terms.items()
        )

    def fired(self, texts: Sequence[str], *, budget: Callable[[int], float] | None = None) -> np.ndarray:
        """Which conditions hold in which texts, a boolean array of shape (texts, conditions).

        Args:
            budget: Seconds of processor time that one condition may work on a text of so many
                characters; default 2 s and 1 s more for every 100,000. It is enforced on the main
                thread of POSIX systems; elsewhere a catastrophic expression is not stopped.

        Raises:
            MatchTimeoutError: A condition passed its budget.
        """
        matches = self._match(texts, without=(), budget=budget or self._budget)
        for overrun in matches.overruns:
            raise MatchTimeoutError(overrun.condition, overrun.row, overrun.seconds)
        result = np.zeros((len(texts), self._size), dtype=bool)
        result[matches.rows, matches.conditions] = True
        return result

    def match(self, texts: Sequence[str], *, without: Collection[int] = ()) -> Matches:
        """Which conditions hold in which texts, as a list of cells.

        A condition that passes its budget on a text is reported for that text, and the matching goes on.

        Args:
            without: Conditions that are not tried.
        """
        return self._match(texts, without=without, budget=self._budget)

    def _match(self, texts: Sequence[str], *, without: Collection[int], budget: Callable[[int], float]) -> Matches:
        cells: set[tuple[int, int]] = set()
        overruns: list[Overrun] = []
        for automaton in self._automata:
            for row, text in enumerate(texts):
                cells.update((row, position) for position, _, _ in automaton.hits(text) if position not in without)
        for position, compiled in self._patterns:
            if position not in without:
                rows, late = _search(compiled, position, texts, budget)
                cells.update((row, position) for row in rows)
                overruns += late
        ordered = np.array(sorted(cells), dtype=np.int64).reshape(-1, 2)
        return Matches(ordered[:, 0], ordered[:, 1], tuple(sorted(overruns, key=lambda o: (o.row, o.condition))))

    def spans(self, text: str) -> list[list[Span]]:
        """For each condition the characters that it matched, in reading order and not overlapping.

        For an expression they are those of ``re.finditer``; of overlapping terms the leftmost
        counts, and of those the longest.

        Raises:
            MatchTimeoutError: As :meth:`fired`.
        """
        found: list[list[Span]] = [[] for _ in range(self._size)]
        for automaton in self._automata:
            for position, start, end in automaton.hits(text):
                found[position].append(Span(start, end))
        found = [_leftmost_longest(spans) for spans in found]
        at = [0, 0]
        with _watchdog(at, [text], self._budget):
            for position, compiled in self._patterns:
                at[0] = position
                found[position] = [Span(m.start(), m.end()) for m in compiled.finditer(text)]
        return found


def _search(
    compiled: re.Pattern[str], position: int, texts: Sequence[str], budget: Callable[[int], float]
) -> tuple[list[int], list[Overrun]]:
    """Texts in which an expression is found, and those on which it used up its time."""
    rows: list[int] = []
    overruns: list[Overrun] = []
    at = [position, 0]
    while at[1] < len(texts):
        try:
            with _watchdog(at, texts, budget):
                for row in range(at[1], len(texts)):
                    at[1] = row
                    if compiled.search(texts[row]):
                        rows.append(row)
                break
        except MatchTimeoutError as error:
            overruns.append(Overrun(position, error.row, error.seconds))
            at[1] = error.row + 1
            if len(overruns) == GIVE_UP:
                overruns += [Overrun(position, row, 0.0) for row in range(at[1], len(texts))]
                break
    return rows, overruns


def _leftmost_longest(spans: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _default_budget(characters: int) -> float:
    return 2.0 + characters / 100_000


@contextmanager
def _watchdog(at: list[int], texts: Sequence[str], budget: Callable[[int], float]) -> Iterator[None]:
    """Stop the matching of one (condition, text) that outlasts its budget.

    CPython's regular expressions look for signals while they backtrack, so a timer can end them.
    It looks now and then whether the work has moved on; the matching itself pays nothing. Processor
    time is what counts, so that a busy machine makes no expression look bad. A timer that is running
    already goes on: its handler is called when it is due.
    """
    if not texts or not _can_watch():
        yield
        return
    seen, since, finished = (-1, -1), 0.0, False

    def look() -> None:
        nonlocal seen, since
        now, cell = time.thread_time(), (at[0], at[1])
        if cell != seen:
            seen, since = cell, now
            return
        allowed = budget(len(texts[cell[1]]))
        if now - since > allowed:
            raise MatchTimeoutError(*cell, allowed)

    remaining, interval = signal.getitimer(signal.ITIMER_REAL)
    due = time.monotonic() + remaining if remaining else None
    previous = signal.getsignal(signal.SIGALRM)

    def on_alarm(number: int, frame: FrameType | None) -> None:
        nonlocal due
        if finished:
            return
        if due is not None and callable(previous) and time.monotonic() >= due:
            due = time.monotonic() + interval if interval else None
            previous(number, frame)
        look()

    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    try:
        yield
    finally:
        finished = True  # an alarm that is pending must not raise while the handler is put back
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        if due is not None:
            signal.setitimer(signal.ITIMER_REAL, max(due - time.monotonic(), 1e-3), interval)


def _can_watch() -> bool:
    """Python handles signals on its main thread; a handler that C code installed cannot be put back."""
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) is not None
    )
