"""Rows that say of a text what it is for and what is in it: an intent, and slots."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from ruletune.data.columns import Columns, Parsed
from ruletune.data.labels import Labels
from ruletune.data.spans import SpanLabels
from ruletune.types import Example, Spans

__all__ = ["SLOTS", "Understood", "halves"]

SLOTS = "slots"
"""The field of an example that holds its slots, beside the answer, which is its intent."""


@dataclass(frozen=True, slots=True)
class Understood:
    """The intents and the slots of a task, and how to read them in data.

    A row is a text as :class:`~ruletune.data.spans.SpanLabels` reads it, with the intent in the column of labels. It has both
    answers or neither; a text without slots has an empty list of them.
    """

    intents: Labels
    slots: SpanLabels

    def missing(self, known: Collection[str], columns: Columns) -> list[tuple[str, str]]:
        return self.slots.missing(known, columns)

    def parse_row(self, values: Mapping[str, object], columns: Columns, *, file: str) -> Parsed:
        found = self.slots.parse_row(values, columns, file=file)
        column = columns.label
        if not self.slots.labelled or column is None or not isinstance(found.text, str):
            return found
        intent = self.intents.parse(values.get(column))
        if intent is not None and found.answer is None:
            raise ValueError("the text has an intent and no slots; write an empty list where there are none")
        if intent is None and found.answer is not None:
            raise ValueError(f"the text has slots and no intent in column {column!r}")
        slots = {} if found.answer is None else {SLOTS: found.answer}
        return replace(found, answer=intent, used=(*found.used, column), fields={**(found.fields or {}), **slots})


def halves(example: Example) -> tuple[Example, Example]:
    """A text twice: with its intent as the answer, and with its slots. One without an intent has no slots either.

    >>> intent, slots = halves(Example("1", "play jazz", answer=None))
    >>> intent.answer, slots.answer
    (None, None)
    """
    fields = {name: value for name, value in example.fields.items() if name != SLOTS}
    slots = example.fields.get(SLOTS)
    found = slots if example.answer is not None and isinstance(slots, Spans) else None
    return replace(example, fields=fields), replace(example, fields=fields, answer=found)
