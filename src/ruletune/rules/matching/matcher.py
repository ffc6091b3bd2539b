"""Pattern rules, compiled once and matched together.

What matching means is the reference: **regular expressions** mean what ``re.search`` means on the
whole text, **terms** what :mod:`ruletune.rules.matching.terms` says. How it is done is the plan of each condition:

- *automaton*: the expression is rewritten exactly, and one pass over the texts decides it along with all others;
- *prefilter*: the automaton finds where it may occur, and ``re`` confirms;
- *plain*: ``re`` reads every text; the plan says why.

Few texts go the plain way, where there is nothing to compile, but for expressions that might run away there and cannot in the
automaton: a text's answer does not depend on how many others come with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, assert_never

import numpy as np

from ruletune.rules.conditions import Pattern, Terms
from ruletune.rules.matching import automaton, guard
from ruletune.rules.matching.automaton import Automaton
from ruletune.rules.matching.guard import MatchTimeoutError, Overrun
from ruletune.rules.matching.rewrite import Rewritten
from ruletune.rules.matching.terms import automata, leftmost_longest
from ruletune.types import Span

__all__ = ["Matcher", "Matches", "Plan"]

_FEW = 20_000
"""Cells (texts times expressions) from which compiling an automaton pays."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a condition is matched, and why not faster."""

    engine: Literal["automaton", "prefilter", "plain"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Matches:
    """Where conditions hold.

    Attributes:
        rows, conditions: (cells,) int64, sorted by row and then by condition, each cell once.
        overruns: Cells that are unknown: the condition used up its time there.
    """

    rows: np.ndarray
    conditions: np.ndarray
    overruns: tuple[Overrun, ...] = ()


class Matcher:
    """Conditions compiled together.

    Args:
        budget: Seconds of processor time that one expression may work on a text of so many characters, where it is
            ``re`` that works; default 2 s and 1 s more for every 100,000.

    >>> matcher = Matcher([Pattern(r"\\bnot \\w+"), Terms(("good", "bad"))])
    >>> matcher.fired(["not good", "Badly", "BAD"]).tolist()
    [[True, True], [False, False], [False, True]]
    >>> matcher.spans("so not good")
    [[Span(start=3, end=11, label='')], [Span(start=7, end=11, label='')]]
    """

    def __init__(self, conditions: Sequence[Pattern | Terms], *, budget: Callable[[int], float] | None = None) -> None:
        self._budget = budget or guard.default_budget
        self._size = len(conditions)
        self._patterns: dict[int, Pattern] = {}
        terms: dict[int, Terms] = {}
        for number, condition in enumerate(conditions):
            match condition:
                case Pattern():
                    self._patterns[number] = condition
                case Terms():
                    terms[number] = condition
                case _:
                    assert_never(condition)
        self._terms = automata(terms)
        self._compiled: tuple[list[Automaton], dict[int, str]] | None = None
        self._wild: dict[frozenset[int], list[Automaton]] = {}

    @cached_property
    def _rewritten(self) -> dict[int, Rewritten | str]:
        if not automaton.available():
            return dict.fromkeys(self._patterns, "hyperscan 0.7.8 is not installed")
        return {number: automaton.rewritten_or_reason(pattern) for number, pattern in self._patterns.items()}

    def _automata(self) -> tuple[list[Automaton], dict[int, str]]:
        if self._compiled is None:
            self._compiled = automaton.build({n: e for n, e in self._rewritten.items() if isinstance(e, Rewritten)})
        return self._compiled

    @property
    def plans(self) -> tuple[Plan, ...]:
        """How each condition is matched where there are many texts. Asking compiles the automaton."""
        _, refused = self._automata()
        plans = []
        for number in range(self._size):
            rewritten = refused.get(number) or self._rewritten.get(number)
            match rewritten:
                case str():
                    plans.append(Plan("plain", rewritten))
                case Rewritten(inexact=str() as why):
                    plans.append(Plan("prefilter", why))
                case _:
                    plans.append(Plan("automaton"))
        return tuple(plans)

    def match(self, texts: Sequence[str], *, without: Collection[int] = ()) -> Matches:
        """Which conditions hold in which texts, as a list of cells.

        A condition that uses up its time on a text is reported for that text, and the matching goes on; one that
        does so too often is not tried on the rest, which is reported likewise.

        Args:
            without: Conditions that are not tried.
        """
        pieces = [cells for cells in self._cells(texts, without) if len(cells[0])]
        overruns = [overrun for cells in pieces for overrun in cells[2]]
        if not pieces:
            return Matches(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        keys = np.unique(np.concatenate([rows * self._size + numbers for rows, numbers, _ in pieces]))
        known = ~np.isin(keys, [o.row * self._size + o.condition for o in overruns]) if overruns else slice(None)
        rows, numbers = np.divmod(keys[known], self._size)
        return Matches(rows, numbers, tuple(sorted(overruns, key=lambda o: (o.row, o.condition))))

    def _cells(self, texts: Sequence[str], without: Collection[int]) -> Iterator[_Piece]:
        """Pieces of the answer; overrun cells are among the cells of their piece."""
        yield self._term_cells(texts, without)
        tried = [number for number in self._patterns if number not in without]
        if len(texts) * len(tried) < _FEW:
            decided = self._decided_elsewhere(max(map(len, texts), default=0))
            for each in decided:
                rows, numbers = each.scan(texts)
                kept = np.isin(numbers, tried)
                yield rows[kept], numbers[kept], ()
            done = {number for each in decided for number in each.numbers.tolist()}
            for number in tried:
                if number not in done:
                    yield self._searched(number, texts, range(len(texts)))
            return
        found, refused = self._automata()
        for each in found:
            rows, numbers = each.scan(texts)
            inexact = [n for n in each.numbers.tolist() if self._inexact(n)]
            sure = ~np.isin(numbers, [*inexact, *without])
            yield rows[sure], numbers[sure], ()
            for number in inexact:
                if number not in without:
                    yield self._searched(number, texts, np.unique(rows[numbers == number]).tolist())
        for number in tried:
            if number in refused or isinstance(self._rewritten[number], str):
                yield self._searched(number, texts, range(len(texts)))

    def _decided_elsewhere(self, longest: int) -> list[Automaton]:
        """An automaton for the expressions that might run away in ``re``, on texts so long, and that it decides exactly."""
        wild = frozenset(n for n, pattern in self._patterns.items() if guard.may_run_away(pattern, longest))
        if wild not in self._wild:
            usable = wild if automaton.available() else ()
            rewritten = {number: automaton.rewritten_or_reason(self._patterns[number]) for number in sorted(usable)}
            exact = {n: e for n, e in rewritten.items() if isinstance(e, Rewritten) and e.inexact is None}
            self._wild[wild] = automaton.build(exact)[0]
        return self._wild[wild]

    def _inexact(self, number: int) -> bool:
        rewritten = self._rewritten[number]
        return isinstance(rewritten, Rewritten) and rewritten.inexact is not None

    def _searched(self, number: int, texts: Sequence[str], rows: Sequence[int]) -> _Piece:
        found, overruns = guard.search(self._patterns[number], number, texts, rows, self._budget)
        cells = np.array([*found, *(overrun.row for overrun in overruns)], dtype=np.int64)
        return cells, np.full(len(cells), number, dtype=np.int64), tuple(overruns)

    def _term_cells(self, texts: Sequence[str], without: Collection[int]) -> _Piece:
        rows: list[int] = []
        numbers: list[int] = []
        for each in self._terms:
            for row, text in enumerate(texts):
                for number in each.fired(text):
                    rows.append(row)
                    numbers.append(number)
        cells = np.array(rows, dtype=np.int64), np.array(numbers, dtype=np.int64)
        kept = ~np.isin(cells[1], list(without))
        return cells[0][kept], cells[1][kept], ()

    def fired(self, texts: Sequence[str]) -> np.ndarray:
        """Which conditions hold in which texts, a boolean array of shape (texts, conditions).

        Raises:
            MatchTimeoutError: A condition used up its time.
        """
        matches = self.match(texts)
        for overrun in matches.overruns:
            raise MatchTimeoutError(overrun.condition, overrun.row, overrun.seconds)
        result = np.zeros((len(texts), self._size), dtype=bool)
        result[matches.rows, matches.conditions] = True
        return result

    def spans(self, text: str) -> list[list[Span]]:
        """For each condition the characters that it matched, in reading order and not overlapping.

        For an expression they are those of ``re.finditer``; of overlapping terms the leftmost
        counts, and of those the longest.

        Raises:
            MatchTimeoutError: A condition used up its time.
        """
        terms = self.term_spans(text)
        return [
            [Span(*edges) for edges in self.pattern_spans(number, text)] if number in self._patterns else terms[number]
            for number in range(self._size)
        ]

    def term_spans(self, text: str) -> dict[int, list[Span]]:
        """For each list of terms the characters that it matched, by the condition's number."""
        found: dict[int, list[Span]] = {number: [] for number in range(self._size) if number not in self._patterns}
        for each in self._terms:
            for number, start, end in each.hits(text):
                found[number].append(Span(start, end))
        return {number: leftmost_longest(spans) for number, spans in found.items()}

    def pattern_spans(self, number: int, text: str) -> list[tuple[int, int]]:
        """The characters that an expression matched; of its group ``entity``, where it has one and that takes part.

        Raises:
            MatchTimeoutError: It used up its time.
        """
        return guard.find(self._patterns[number], number, text, self._budget)

    def pattern_spans_of(
        self, number: int, texts: Sequence[str]
    ) -> Iterator[list[tuple[int, int]] | MatchTimeoutError]:
        """As :meth:`pattern_spans`, for each of some texts; the error, not raised, where the expression used up its time."""
        return guard.find_each(self._patterns[number], number, texts, self._budget)


_Piece = tuple[np.ndarray, np.ndarray, tuple[Overrun, ...]]
"""Rows and conditions of some cells, and which of them are overruns."""
