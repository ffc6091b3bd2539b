"""All expressions in one automaton: Hyperscan over an alphabet of bytes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from ruletune.rules.conditions import Pattern
from ruletune.rules.matching.alphabet import Alphabet, AlphabetFullError, alphabet_for
from ruletune.rules.matching.rewrite import Rewritten, UnsupportedError, rewrite

__all__ = ["Automaton", "available", "build", "rewritten_or_reason"]

_RELEASE = "0.7.8"

_BLOCK = 1 << 22
"""Characters scanned at once, a last long text aside: memory stays flat however many texts there are."""


@cache
def available() -> bool:
    """Whether the release of Hyperscan that was found right is installed; with none or another everything goes the plain way.

    On random sets of expressions over random bytes, each in a process of its own, 0.9.1 crashed on 488 of 7,685 sets and
    lost matches, though asked where matches begin; not asked, it lost 17 of 18.6 million cells of public texts. 0.7.8
    did none of this, not asked.
    """
    try:
        return version("hyperscan") == _RELEASE
    except PackageNotFoundError:
        return False


def rewritten_or_reason(pattern: Pattern) -> Rewritten | str:
    """The expression for the automaton, or why there is none."""
    try:
        return rewrite(pattern)
    except UnsupportedError as error:
        return str(error)


@dataclass(frozen=True, slots=True)
class Automaton:
    """Expressions that share an alphabet.

    Attributes:
        numbers: (expressions,) the caller's number of each.
    """

    alphabet: Alphabet
    database: Any
    numbers: np.ndarray

    def scan(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Cells where an expression occurs: rows, and the caller's numbers; in no order, perhaps repeated."""
        rows: list[np.ndarray] = []
        numbers: list[np.ndarray] = []
        for start, stop in _blocks(texts):
            data, ends = self.alphabet.encode(texts[start:stop])
            found: list[int] = []

            # Called for every match: one small integer costs half of what a pair would.
            def on_match(
                number: int, begin: int, end: int, flags: int, context: Any, append: Any = found.append
            ) -> None:
                append(number << 32 | end)

            self.database.scan(data, match_event_handler=on_match)
            if found:
                cells = np.array(found, dtype=np.int64)
                # The last character of a match lies in its text, or is the divider behind it.
                rows.append(start + np.searchsorted(ends, (cells & 0xFFFFFFFF) - 1))
                numbers.append(self.numbers[cells >> 32])
        if not rows:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        return np.concatenate(rows), np.concatenate(numbers)


def _blocks(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Ranges of texts of about a block's length each."""
    ends = np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1)
    if not len(ends):
        return []
    last = np.flatnonzero(np.diff(ends // _BLOCK)) + 1
    return list(itertools.pairwise([0, *last.tolist(), len(texts)]))


def build(expressions: dict[int, Rewritten]) -> tuple[list[Automaton], dict[int, str]]:
    """Automata for numbered expressions, as few as will do, and why some could not be compiled.

    Expressions whose words end by different rules, or that tell too many characters apart, cannot share one.
    """
    automata: list[Automaton] = []
    refused: dict[int, str] = {}
    by_ascii = {number: e for number, e in expressions.items() if e.boundaries}
    others = {number: e for number, e in expressions.items() if not e.boundaries}
    waiting = [group for group in (by_ascii, others) if group]
    while waiting:
        group = waiting.pop()
        try:
            automata.append(_compile(group))
        except (AlphabetFullError, _CompileError) as error:
            if len(group) > 1:
                numbers = list(group)
                half = len(numbers) // 2
                waiting += [{n: group[n] for n in part} for part in (numbers[:half], numbers[half:])]
            else:
                full = isinstance(error, AlphabetFullError)
                refused[next(iter(group))] = "it tells too many characters apart" if full else f"the automaton: {error}"
    return automata, refused


class _CompileError(Exception):
    pass


def _compile(group: dict[int, Rewritten]) -> Automaton:
    import hyperscan

    alphabet = alphabet_for(list(group.values()))
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=[alphabet.spell(expression) for expression in group.values()],
            ids=list(range(len(group))),
            elements=len(group),
            flags=[0] * len(group),
        )
    except hyperscan.error as error:
        raise _CompileError(str(error)) from None
    return Automaton(alphabet, database, np.fromiter(group, dtype=np.int64, count=len(group)))
