"""How a rule is written: what must hold for it to fire.

A condition is data wherever it can be, because data can be compiled together, checked, shown
and moved to another machine; only :class:`Call` is opaque.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from ruletune.types import Example

__all__ = [
    "AllOf", "Always", "AnyOf", "Call", "Casing", "Column", "Condition", "Length", "Metadata", "Named", "Near",
    "NearQuestion", "Not", "Ordered", "Pattern", "Scope", "Sentences", "Similar", "Terms", "Typed", "Within", "called", "names_label", "parts",
]  # fmt: skip

Scope = Literal["before", "between", "after", "pair"]
"""A part of a text with two entities, as :mod:`ruletune.rules.scopes` has them."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression with the meaning of Python's ``re.search`` on the text.

    Attributes:
        regex: Source in the syntax of :mod:`re`.
        flags: Flags of :mod:`re`, or-ed together.
    """

    regex: str
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """Any of several literal terms: a keyword list or a gazetteer.

    Attributes:
        terms: Not empty, none of them blank.
        ignore_case: Compare without regard to case.
        whole_words: A term counts only where it is not part of a longer word. Scripts written
            without spaces (Chinese, Japanese, Thai, ...) have no such boundary: a term's edge
            that is a character of one needs none. :mod:`ruletune.rules.matching.terms` says it exactly.
    """

    terms: tuple[str, ...]
    ignore_case: bool = True
    whole_words: bool = True

    def __hash__(self) -> int:
        """Of the first terms: lists of thousands are looked up for every text."""
        return hash((len(self.terms), self.terms[:4], self.ignore_case, self.whole_words))


@dataclass(frozen=True, slots=True)
class Call:
    """A Python function of the user's.

    Attributes:
        path: As written in the task file, ``module:function`` or ``file.py:function``.
        function: Takes the text, or the whole :class:`Example` where its parameter is called
            ``example``. Returns a truth value where the rule says the label, else a label's
            name or ``None``.
    """

    path: str
    function: Callable[..., object]
    takes_example: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A vote that the data already carries: entry ``position`` of the list in column ``field``.

    The entry is a label's name or its position in ``labels``; -1 and null abstain.

    Attributes:
        size: Number of entries that every list must have; ``None`` where longer lists are welcome.
    """

    field: str
    position: int
    labels: tuple[str, ...]
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """A test of another column of the data. A row where the column is empty does not pass it.

    Attributes:
        field: The column; ``text_pair`` is the second text.
        equals: Values that pass, compared as text.
        at_least, at_most: Bounds that the value, read as a number, must keep.
        matches: A regular expression that the value, as text, must match somewhere.
    """

    field: str
    equals: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    matches: Pattern | None = None


@dataclass(frozen=True, slots=True)
class Length:
    """How long the text is: in characters, in words, or in lines that are not blank.

    A character of a script written without spaces (Chinese, Japanese, Thai, ...) counts as a word.
    """

    unit: Literal["characters", "words", "lines"]
    at_least: int = 0
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class Casing:
    """How the text is capitalized.

    Attributes:
        style: ``upper``: share of the letters that are capitals, of those that have a case. ``title``: share
            of the words that begin with a capital, of those that begin with a letter that has a case.
            ``lower``: share of the letters that are small.
        at_least, at_most: Bounds of the share, in [0, 1]. A text without such letters passes neither.
    """

    style: Literal["upper", "lower", "title"]
    at_least: float = 0.0
    at_most: float = 1.0


@dataclass(frozen=True, slots=True)
class Similar:
    """The text resembles a label's description: cosine similarity of their sentence embeddings.

    Attributes:
        label: Whose description; ``None`` for the label whose description is nearest.
        at_least: The similarity from which it counts, in [-1, 1].
        descriptions: (label, description) of the task.
    """

    label: str | None
    at_least: float
    descriptions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Near:
    """Something stands near a trigger: what of the text between triggers meets ``target`` within a few tokens of one.

    Attributes:
        trigger, target: What is looked for. A target never reaches into a trigger.
        left, right: It ends among so many tokens left of a trigger, or begins among so many right of one.
    """

    trigger: Pattern | Terms
    target: Pattern | Terms
    left: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class Within:
    """A condition on the text that must hold in a part of it: before, between or behind its two entities, or in all of it
    with signs in the entities' places. The part is a text of its own; a text without two entities has none, and nothing
    holds in it.
    """

    scope: Scope
    part: Pattern | Terms | Length | Casing


@dataclass(frozen=True, slots=True)
class Typed:
    """Of what types the two entities are.

    Attributes:
        subject, object: Types, of which the entity must have one; ``""`` is an entity whose type the data does not name. None
            at all: any entity will do.
        unknown: Also where the data does not name a type.
    """

    subject: tuple[str, ...] = ()
    object: tuple[str, ...] = ()
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Ordered:
    """Which of the two entities begins first."""

    first: Literal["subject", "object"]


@dataclass(frozen=True, slots=True)
class NearQuestion:
    """Matches of an expression in whose sentence stand words of the question.

    Attributes:
        least: How many different ones, little words aside.
    """

    pattern: Pattern
    least: int


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences of the text that resemble the question most.

    Attributes:
        by: What is compared: words (:func:`ruletune.rules.reading.likeness`), or sentence embeddings.
        at_least: The likeness from which a sentence counts, in [0, 1]; at 0 it must still be more than none.
        top: How many sentences count.
    """

    by: Literal["words", "meaning"]
    at_least: float = 0.0
    top: int = 1


@dataclass(frozen=True, slots=True)
class Named:
    """Another rule fires, by its name. Where that rule fails, whether it fires is unknown."""

    rule: str


@dataclass(frozen=True, slots=True)
class Always:
    """It holds for every text."""


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition = (
    Pattern
    | Terms
    | Call
    | Column
    | Metadata
    | Length
    | Casing
    | Similar
    | Near
    | Within
    | Typed
    | Ordered
    | NearQuestion
    | Sentences
    | Named
    | Always
    | AllOf
    | AnyOf
    | Not
)


def parts(condition: Condition) -> Iterator[Condition]:
    """A condition and everything that it is made of.

    >>> len(list(parts(Not(AllOf((Named("a"), Pattern("b")))))))
    4
    """
    yield condition
    match condition:
        case AllOf(parts=inner) | AnyOf(parts=inner):
            for part in inner:
                yield from parts(part)
        case Not(part=part) | NearQuestion(pattern=part):
            yield from parts(part)
        case Near(trigger=trigger, target=target):
            yield from (trigger, target)


def names_label(condition: Condition) -> bool:
    """Whether a condition that holds tells which label it speaks for."""
    match condition:
        case Column() | Call():
            return True
        case Similar(label=label):
            return label is None
        case _:
            return False


def called(condition: Call, example: Example) -> object:
    """The raw result of a function rule on one example; whatever it raises goes through."""
    return condition.function(example if condition.takes_example else example.text)
