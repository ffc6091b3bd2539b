"""Parts of a text with two entities, as texts that rules are matched on, and the way back to the text's own characters.

======== ====================================================================================
before   what stands before the first of the two entities
between  what stands between them
after    what stands behind the second
pair     the whole text, with a sign in the place of each entity: :data:`SUBJECT`, :data:`OBJECT`
======== ====================================================================================

First and second go by where the entities stand; which of them is the subject makes no difference. Between entities that
overlap there is nothing, and such a text has no pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ruletune.rules.base import Casing, Condition, Length, Ordered, Pattern, Scope, Terms, Typed, Within
from ruletune.types import Example, Span

__all__ = ["OBJECT", "SUBJECT", "ScopeKey", "View", "in_order", "is_typed", "scoped", "stretch", "view"]

SUBJECT, OBJECT = "\x02", "\x03"
"""What stands for an entity: no letter, no white space, and ASCII, so that a text of ASCII stays one."""

ScopeKey = Annotated[
    Literal["text", "before", "between", "after"],
    Field(
        description="relation: what is looked at: the whole text, or as a text of its own what stands before both entities, "
        "between them, or after both.",
    ),
]


def scoped(condition: Pattern | Terms | Length | Casing, scope: Scope | Literal["text"]) -> Condition:
    """A condition that must hold in the text, or in a part of it."""
    return condition if scope == "text" else Within(scope, condition)


@dataclass(frozen=True, slots=True)
class View:
    """A part of a text, or a text with something put in the places of other things.

    Attributes:
        pieces: (start in the view, start in the text, length) of what is the text's own, in reading order.
    """

    text: str
    pieces: tuple[tuple[int, int, int], ...]

    def back(self, span: Span) -> Iterator[Span]:
        """What a range of the view covers of the text, less the entities.

        >>> seen = view(Example("1", "Ann, head of Acme", entities=(Span(0, 3), Span(13, 17))), "pair")
        >>> list(seen.back(Span(0, len(seen.text))))
        [Span(start=3, end=13, label='')]
        """
        for here, there, length in self.pieces:
            start, end = max(span.start, here), min(span.end, here + length)
            if start < end:
                yield Span(start - here + there, end - here + there)


def view(example: Example, scope: Scope) -> View | None:
    """A part of an example's text; ``None`` where it has no such part.

    >>> view(Example("1", "Ann, head of Acme", entities=(Span(0, 3), Span(13, 17))), "between").text
    ', head of '
    """
    if len(example.entities) != 2:
        return None
    text, (first, second) = example.text, sorted(example.entities, key=lambda span: (span.start, span.end))
    match scope:
        case "before":
            return _slice(text, 0, first.start)
        case "between":
            return _slice(text, first.end, max(first.end, second.start))
        case "after":
            end = max(first.end, second.end)
            return _slice(text, end, len(text))
        case "pair":
            return _with_signs(text, first, second, subject_first=first == example.entities[0])


def _slice(text: str, start: int, end: int) -> View:
    return View(text[start:end], ((0, start, end - start),))


def _with_signs(text: str, first: Span, second: Span, *, subject_first: bool) -> View | None:
    if second.start < first.end:
        return None
    if SUBJECT in text or OBJECT in text:  # they mean nothing in a text, and an entity here
        text = text.replace(SUBJECT, " ").replace(OBJECT, " ")
    signs = (SUBJECT, OBJECT) if subject_first else (OBJECT, SUBJECT)
    cuts = ((0, first.start), (first.end, second.start), (second.end, len(text)))
    before, between, after = (text[start:end] for start, end in cuts)
    starts = (0, len(before) + 1, len(before) + len(between) + 2)
    pieces = tuple((here, start, end - start) for here, (start, end) in zip(starts, cuts, strict=True))
    return View(f"{before}{signs[0]}{between}{signs[1]}{after}", pieces)


def is_typed(condition: Typed, example: Example) -> bool:
    """Whether both entities have one of their types.

    >>> pair = Example("1", "Ann at Acme", entities=(Span(0, 3, "PERSON"), Span(7, 11)))
    >>> is_typed(Typed(subject=("PERSON",)), pair), is_typed(Typed(object=("ORG",)), pair)
    (True, False)
    >>> is_typed(Typed(object=("ORG",), unknown=True), pair)
    True
    """
    if len(example.entities) != 2:
        return False
    subject, other = (entity.label for entity in example.entities)
    pairs = ((condition.subject, subject), (condition.object, other))
    return all(not wanted or label in wanted or (condition.unknown and not label) for wanted, label in pairs)


def in_order(condition: Ordered, example: Example) -> bool:
    """Whether the entity that is to begin first does."""
    if len(example.entities) != 2:
        return False
    subject, other = ((entity.start, entity.end) for entity in example.entities)
    return subject < other if condition.first == "subject" else other < subject


def stretch(example: Example) -> str:
    """What a text is compared with a description by: of one with two entities, from the first of them to the last.

    >>> stretch(Example("1", "In May Ann joined Acme, they say.", entities=(Span(18, 22), Span(7, 10))))
    'Ann joined Acme'
    """
    if not example.entities:
        return example.text
    start, end = min(span.start for span in example.entities), max(span.end for span in example.entities)
    return example.text[start:end]
