"""Sets of characters, as Python's :mod:`re` understands classes, categories and case.

A set is a sorted array of *flips*: the code points at which membership changes. ``[a-c]`` is
``[97, 100]``; a set that begins with code point 0 has 0 as its first flip.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np

__all__ = ["ALL", "Flips", "complement", "contains", "ignoring_case", "named", "of_ranges", "union"]

_END = 0x110000

Flips = tuple[int, ...]

ALL: Flips = (0, _END)


def of_ranges(ranges: Iterable[tuple[int, int]]) -> Flips:
    """The set of all characters in some ranges, both ends included.

    >>> of_ranges([(97, 98), (99, 99), (48, 57)])
    (48, 58, 97, 100)
    """
    flips: list[int] = []
    for low, high in sorted(ranges):
        if flips and low <= flips[-1]:
            flips[-1] = max(flips[-1], high + 1)
        else:
            flips += [low, high + 1]
    return tuple(flips)


def _ranges(flips: Flips) -> list[tuple[int, int]]:
    return [(flips[n], flips[n + 1] - 1) for n in range(0, len(flips), 2)]


def union(sets: Sequence[Flips]) -> Flips:
    return of_ranges(pair for flips in sets for pair in _ranges(flips))


def complement(flips: Flips) -> Flips:
    """
    >>> complement((97, 100))
    (0, 97, 100, 1114112)
    """
    inner = list(flips)
    inner = inner[1:] if inner[:1] == [0] else [0, *inner]
    inner = inner[:-1] if inner[-1:] == [_END] else [*inner, _END]
    return tuple(inner)


def contains(flips: Flips, codes: np.ndarray) -> np.ndarray:
    """Which code points are in the set, bool of the same shape."""
    return np.asarray(np.searchsorted(np.asarray(flips, dtype=np.int64), codes, side="right") % 2 == 1)


@cache
def _every() -> str:
    return "".join(map(chr, range(_END)))


@cache
def named(category: str, *, ascii_only: bool) -> Flips:
    r"""The set of ``\w``, ``\d`` or ``\s``, asked of :mod:`re` itself.

    >>> named(r"\d", ascii_only=True)
    (48, 58)
    """
    found = re.finditer(f"{category}+", _every(), re.ASCII if ascii_only else re.UNICODE)
    return tuple(edge for match in found for edge in match.span())


@cache
def _case_tables() -> tuple[np.ndarray, np.ndarray, dict[int, tuple[int, ...]], Callable[[int], int]]:
    """Code points with a lower case of their own, those lower cases, and lower cases that are equal to each other.

    These are the tables that :mod:`re` compiles from; they have no public name.
    """
    import _sre  # type: ignore[import-not-found]
    from re import _casefix  # type: ignore[attr-defined]

    lower = _sre.unicode_tolower
    lowered = np.fromiter(map(lower, range(_END)), dtype=np.int64, count=_END)
    changed = np.flatnonzero(lowered != np.arange(_END))
    return changed, lowered[changed], dict(_casefix._EXTRA_CASES), lower


def _lower(code: int, *, ascii_only: bool) -> tuple[int, ...]:
    """The lower cases that a literal stands for."""
    if ascii_only:
        return (code + 32,) if 65 <= code <= 90 else (code,)
    _, _, equal, lower = _case_tables()
    low = lower(code)
    return (low, *equal.get(low, ()))


def ignoring_case(
    ranges: Iterable[tuple[int, int]], categories: Sequence[Flips], *, negate: bool, ascii_only: bool
) -> Flips:
    """What a class matches without regard to case: the characters whose lower case is in it.

    Source: CPython's ``re._compiler._optimize_charset``, which lowers the class's own members, and its matcher,
    which lowers the character before it looks.
    """
    lowered = [
        (low, low) for first, last in ranges for c in range(first, last + 1) for low in _lower(c, ascii_only=ascii_only)
    ]
    wanted = union([of_ranges(lowered), *categories])
    if negate:
        wanted = complement(wanted)
    if ascii_only:
        capitals, small = np.arange(65, 91), np.arange(97, 123)
    else:
        capitals, small, _, _ = _case_tables()
    return _preimage(wanted, capitals, small)


def _preimage(wanted: Flips, changed: np.ndarray, lowered: np.ndarray) -> Flips:
    """The characters whose lower case is wanted: the wanted ones that are their own, and those lowered to one."""
    inside = changed[contains(wanted, lowered)]
    outside = changed[~contains(wanted, lowered)]
    added = union([wanted, of_ranges((int(c), int(c)) for c in inside)])
    return complement(union([complement(added), of_ranges((int(c), int(c)) for c in outside)]))
