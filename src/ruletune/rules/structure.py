"""Rules that look at the other columns of the data, or at the form of the text: its length and its capitals."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ruletune.rules.base import Casing, Condition, Length, Metadata
from ruletune.rules.entry import RuleContext, VotingEntry
from ruletune.rules.regex import pattern
from ruletune.rules.scopes import ScopeKey, scoped
from ruletune.rules.scripts import NO_SPACES
from ruletune.types import Example

__all__ = [
    "Bound",
    "CasingEntry",
    "Count",
    "FieldEntry",
    "LengthEntry",
    "casing_holds",
    "in_order",
    "length_holds",
    "metadata_holds",
    "value_of",
]

Bound = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=0)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]


def _texts(value: object) -> object:
    """One value as a list of one; numbers and truth values as JSON and CSV write them."""
    values = value if isinstance(value, list | tuple) else [value]
    return [str(v).lower() if isinstance(v, bool) else str(v) if isinstance(v, int | float) else v for v in values]


class FieldEntry(VotingEntry):
    """``{field: source, equals: [newswire, blog], vote: news}``: votes by another column of the data."""

    kind: ClassVar[str] = "field"

    field: str = Field(
        min_length=1, description="The column; text_pair is the second text, and question that of a qa task."
    )
    equals: Annotated[tuple[str, ...], BeforeValidator(_texts)] = Field(
        default=(), description="The value, or several of which one must be it, compared as text."
    )
    at_least: Bound | None = Field(default=None, description="Smallest value, as a number.")
    at_most: Bound | None = Field(default=None, description="Largest value, as a number.")
    matches: str | None = Field(default=None, min_length=1, description="A regular expression that the value matches.")
    ignore_case: bool = Field(default=False, description="Match without regard to case.")

    @model_validator(mode="after")
    def _tests_something(self) -> Self:
        if not self.equals and self.at_least is None and self.at_most is None and self.matches is None:
            raise ValueError("say what the field must be: equals, at_least, at_most or matches")
        in_order(self.at_least, self.at_most)
        return self

    def condition(self, context: RuleContext) -> Condition:
        matches = None
        if self.matches is not None:
            matches = pattern(self.matches, ignore_case=self.ignore_case, where=context.where)
        return Metadata(self.field, self.equals, self.at_least, self.at_most, matches)


class LengthEntry(VotingEntry):
    """``{length: words, at_most: 3, vote: greeting}``: votes by how long the text is."""

    kind: ClassVar[str] = "length"

    length: Literal["characters", "words", "lines"] = Field(description="What is counted.")
    at_least: Count | None = Field(default=None, description="Fewest.")
    at_most: Count | None = Field(default=None, description="Most.")
    scope: ScopeKey = "text"

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("say how long: at_least or at_most")
        in_order(self.at_least, self.at_most)
        return self

    def condition(self, context: RuleContext) -> Condition:
        return scoped(Length(self.length, self.at_least or 0, self.at_most), self.scope)


class CasingEntry(VotingEntry):
    """``{casing: upper, at_least: 0.6, vote: spam}``: votes by the share of capitals."""

    kind: ClassVar[str] = "casing"

    casing: Literal["upper", "lower", "title"] = Field(
        description="Share of letters that are capitals, or small; or of words that begin with a capital."
    )
    at_least: Share | None = Field(default=None, description="Smallest share; default 1 where at_most is not given.")
    at_most: Share | None = Field(default=None, description="Largest share.")
    scope: ScopeKey = "text"

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        in_order(self.at_least, self.at_most)
        return self

    def condition(self, context: RuleContext) -> Condition:
        lowest = self.at_least if self.at_least is not None else 1.0 if self.at_most is None else 0.0
        return scoped(Casing(self.casing, lowest, 1.0 if self.at_most is None else self.at_most), self.scope)


def in_order(lowest: float | None, highest: float | None) -> None:
    """Refuse bounds that nothing can keep.

    Raises:
        ValueError: The smallest is more than the largest.
    """
    if lowest is not None and highest is not None and lowest > highest:
        raise ValueError(f"at_least {lowest:g} is more than at_most {highest:g}")


def value_of(condition: Metadata, example: Example) -> object:
    """The column's value; ``None`` where it is empty or not there."""
    asked = condition.field == "question" and "question" not in example.fields
    if (condition.field == "text_pair" or asked) and example.text_pair is not None:
        return example.text_pair
    value = example.fields.get(condition.field)
    return None if value == "" else value


def metadata_holds(condition: Metadata, example: Example) -> bool:
    """Whether a value equals one of the values and keeps the bounds; ``matches`` is the matcher's affair.

    Raises:
        ValueError: A value with bounds is not a number.

    >>> metadata_holds(Metadata("stars", at_least=4), Example("1", "fine", fields={"stars": "4.5"}))
    True
    """
    value = value_of(condition, example)
    if value is None:
        return False
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    if condition.equals and shown not in condition.equals:
        return False
    if condition.at_least is None and condition.at_most is None:
        return True
    try:
        number = float(shown)
    except ValueError:
        raise ValueError(f"column {condition.field!r} holds {shown[:60]!r}, which is no number") from None
    above = condition.at_least is None or number >= condition.at_least
    return above and (condition.at_most is None or number <= condition.at_most)


_WORD = re.compile(f"{NO_SPACES}|(?:(?!{NO_SPACES})\\w)+")


def length_holds(condition: Length, text: str) -> bool:
    """Whether the text is as long as it must be.

    >>> length_holds(Length("words", at_most=3), "see you later"), length_holds(Length("words", 5), "今天天气好")
    (True, True)
    """
    match condition.unit:
        case "characters":
            length = len(text)
        case "words":
            length = sum(1 for _ in _WORD.finditer(text))
        case "lines":
            length = sum(1 for line in text.splitlines() if line.strip())
    return condition.at_least <= length and (condition.at_most is None or length <= condition.at_most)


def casing_holds(condition: Casing, text: str) -> bool:
    """Whether the share of capitals keeps its bounds.

    >>> casing_holds(Casing("upper", at_least=0.5), "WIN a PRIZE"), casing_holds(Casing("upper"), "123")
    (True, False)
    """
    if condition.style == "title":
        cased = [word[0] for word in re.findall(r"[^\W\d_]\w*", text) if word[0].isupper() or word[0].islower()]
        wanted = sum(letter.isupper() for letter in cased)
    else:
        cased = [letter for letter in text if letter.isupper() or letter.islower()]
        wanted = sum(letter.isupper() == (condition.style == "upper") for letter in cased)
    return bool(cased) and condition.at_least <= wanted / len(cased) <= condition.at_most
