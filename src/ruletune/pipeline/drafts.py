"""Texts that a model has written, with what is known about each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Draft", "Drafts"]


@dataclass(frozen=True, slots=True)
class Draft:
    """One answer.

    Attributes:
        score: Mean log-probability of its tokens, of the least likely piece where the source was answered piece by piece.
        broken: Names of the rules that it does not keep.
        others: Further answers with their scores, the best first, where more than one was asked for.
        pieces: Where the source was answered piece by piece the answer to each; else the text alone.
    """

    text: str
    score: float
    broken: tuple[str, ...] = ()
    others: tuple[tuple[str, float], ...] = ()
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drafts:
    """Answers to the examples of a part, in their order."""

    answers: tuple[Draft, ...]

    def __len__(self) -> int:
        return len(self.answers)

    def __iter__(self) -> Iterator[Draft]:
        return iter(self.answers)

    @property
    def texts(self) -> list[str]:
        return [answer.text for answer in self.answers]

    def to_json(self) -> list[dict[str, Any]]:
        return [{"text": a.text, "score": a.score, "broken": list(a.broken)} for a in self.answers]

    @classmethod
    def from_json(cls, values: Sequence[dict[str, Any]]) -> Self:
        return cls(tuple(Draft(v["text"], v["score"], tuple(v["broken"])) for v in values))
