"""Three values: a condition holds, does not hold, or is unknown, on each text of a batch; after Kleene."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Held", "all_of", "failure", "negated", "overrun_reason", "unknown_in"]


@dataclass(frozen=True, slots=True)
class Held:
    """One condition on a batch of texts.

    Attributes:
        holds: (texts,) bool; False where unknown.
        unknown: Row to what went wrong there. The first is told with its traceback.
    """

    holds: np.ndarray
    unknown: dict[int, str] = field(default_factory=dict)


def failure(error: Exception, *, whole: bool) -> str:
    """What is said of an exception: the traceback, or only its last line."""
    return traceback.format_exc() if whole else f"{type(error).__name__}: {error}"


def overrun_reason(seconds: float, characters: int) -> str:
    """What is said of an expression that used up its time."""
    return (
        f"worked for more than {seconds:.3g} s on one text of {characters} characters: "
        "its expression backtracks without end"
    )


def negated(held: Held) -> Held:
    """Where it does not hold."""
    holds = ~held.holds
    if held.unknown:
        holds[list(held.unknown)] = False
    return Held(holds, held.unknown)


def all_of(several: Sequence[Held]) -> Held:
    """Where all of several hold."""
    holds = np.logical_and.reduce([held.holds for held in several])
    unknown = {
        row: reason
        for row, reason in unknown_in(several)
        if all(held.holds[row] or row in held.unknown for held in several)
    }
    return Held(holds, unknown)


def unknown_in(several: Sequence[Held]) -> Iterator[tuple[int, str]]:
    """Rows at which one of several is unknown, and why; of a row that comes twice the last counts."""
    for held in reversed(several):  # the first part's reason is the one that stays
        yield from held.unknown.items()
