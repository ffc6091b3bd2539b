"""How a test of rules went."""

from __future__ import annotations

from dataclasses import dataclass

from ruletune.errors import Location

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test and how it went.

    Attributes:
        rule: The rule that is tested; ``None`` for all of them together.
        expected, got: In words.
        spoke: What each rule said about the text, in words; empty for a test of one rule.
    """

    where: Location
    text: str
    rule: str | None
    expected: str
    got: str
    passed: bool
    spoke: tuple[str, ...] = ()
