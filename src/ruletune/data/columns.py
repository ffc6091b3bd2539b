"""Which columns of the data mean what, and what a row holds once that is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from ruletune.types import Answer, Span

__all__ = ["Columns", "Parsed", "RowAnswers"]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of the data mean what. A column that is not named stays in ``Example.fields``."""

    text: str = "text"
    text_pair: str | None = None
    label: str | None = "label"
    id: str | None = None
    spans: str = "spans"
    tokens: str = "tokens"
    tags: str = "tags"
    question: str = "question"
    answers: str = "answers"
    subject: str = "subject"
    object: str = "object"
    target: str = "target"
    history: str = "history"
    act: str = "act"
    facts: str = "facts"


@dataclass(frozen=True, slots=True)
class Parsed:
    """What the columns of a row say.

    Attributes:
        text, text_pair: Not looked at yet: they may be no texts.
        used: Columns that have been read.
        fields: Further columns, or other values of some.
    """

    text: object
    text_pair: object = None
    answer: Answer | None = None
    alternatives: tuple[Answer, ...] = ()
    entities: tuple[Span, ...] = ()
    used: tuple[str, ...] = ()
    fields: Mapping[str, object] | None = None


class RowAnswers(Protocol):
    """How a task reads a row whose answer is not a label of the text."""

    def parse_row(self, values: Mapping[str, object], columns: Columns, *, file: str) -> Parsed:
        """What the row says.

        Args:
            file: Where the row is from; names of tags may stand in a file beside it.

        Raises:
            ValueError: Something is wrong with the row; the message is for people.
        """

    def missing(self, known: Collection[str], columns: Columns) -> list[tuple[str, str]]:
        """Columns that are needed and not there: the setting under ``data.columns``, and the column's name."""
