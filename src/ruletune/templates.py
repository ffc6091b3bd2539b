"""How an input is shown to the model: a template with fields, and knowledge put into it.

A template is text with fields in braces, ``"{description} {text}"``; ``{{`` and ``}}`` are literal
braces. There are no expressions, attributes or formats, so a template can do nothing but place
text. What stands before and after ``{text}`` is the prefix and suffix of the prompt literature.
``{sep}`` divides the input into the tokenizer's first and second segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ruletune.errors import Location, UserError, nearest
from ruletune.knowledge import Knowledge
from ruletune.types import Example

__all__ = ["FIELDS", "Rendered", "Rendering", "Template", "default_template"]

FIELDS = ("text", "text_pair", "name", "description", "labels", "knowledge", "sep")


@dataclass(frozen=True, slots=True)
class Rendered:
    """An input as the tokenizer takes it: one segment, or two."""

    first: str
    second: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: literal text and fields in turn.

    Attributes:
        source: As written.
        parts: ``(is_field, text or field name)`` in order.
    """

    source: str
    parts: tuple[tuple[bool, str], ...]

    @classmethod
    def parse(cls, source: str, *, where: Location | None = None) -> Template:
        """Parse a template.

        Raises:
            UserError: A brace without its partner, an unknown field, no ``{text}``, or ``{sep}`` twice.

        >>> Template.parse("Review: {txet}")
        Traceback (most recent call last):
        ruletune.errors.UserError: unknown field {txet} in the template; did you mean 'text'?
        """
        parts = tuple(_scan(source, where))
        fields = [name for is_field, name in parts if is_field]
        for name in fields:
            if name not in FIELDS:
                raise UserError(f"unknown field {{{name}}} in the template", where=where, remedy=nearest(name, FIELDS))
        if "text" not in fields:
            raise UserError("the template does not show the text", where=where, remedy="put {text} into it")
        if fields.count("sep") > 1:
            raise UserError("the template has {sep} twice", where=where, remedy="an input has two segments at most")
        return cls(source, parts)

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(name for is_field, name in self.parts if is_field)

    def render(self, values: Mapping[str, str]) -> Rendered:
        """Put values into the fields. A missing value is empty; values are never read as templates.

        >>> Template.parse("{{review}} {text}{sep}{description}").render({"text": "{sep}", "description": "d"})
        Rendered(first='{review} {sep}', second='d')
        """
        segments: list[list[str]] = [[]]
        for is_field, text in self.parts:
            if is_field and text == "sep":
                segments.append([])
            else:
                segments[-1].append(values.get(text, "") if is_field else text)
        first, *rest = ("".join(segment) for segment in segments)
        return Rendered(first.strip(), rest[0].strip() if rest else None)


def _scan(source: str, where: Location | None) -> list[tuple[bool, str]]:
    parts: list[tuple[bool, str]] = []
    literal: list[str] = []
    position = 0
    while position < len(source):
        character = source[position]
        if source[position : position + 2] in ("{{", "}}"):
            literal.append(character)
            position += 2
        elif character == "{":
            end = source.find("}", position)
            if end < 0:
                raise _unbalanced("{", position, where)
            if literal:
                parts.append((False, "".join(literal)))
                literal = []
            parts.append((True, source[position + 1 : end].strip()))
            position = end + 1
        elif character == "}":
            raise _unbalanced("}", position, where)
        else:
            literal.append(character)
            position += 1
    if literal:
        parts.append((False, "".join(literal)))
    return parts


def _unbalanced(brace: str, position: int, where: Location | None) -> UserError:
    return UserError(
        f"the template has a {brace!r} without its partner at character {position + 1}",
        where=where,
        remedy="write {{ or }} for a brace that is meant literally",
    )


def default_template(*, pair: bool) -> Template:
    """What is shown where the task file has no template: the text, or both texts as two segments."""
    return Template.parse("{text}{sep}{text_pair}" if pair else "{text}")


@dataclass(frozen=True, slots=True)
class Rendering:
    """Everything that turns an example into an input. It is saved with the model and used again at prediction.

    Attributes:
        labels: Name to description.
    """

    template: Template
    knowledge: tuple[Knowledge, ...] = ()
    name: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def render(self, example: Example, *, text: str | None = None) -> Rendered:
        """The input for an example; ``text`` stands in for its own text where that had to be shortened.

        Knowledge is looked up in the text as given, so that what was cut away brings nothing in.
        """
        shown = example.text if text is None else text
        found: dict[str, list[str]] = {"prefix": [], "suffix": [], "field": []}
        inserts: list[tuple[int, str]] = []
        for source in self.knowledge:
            entries = source.find(shown)
            if source.place == "insert":
                inserts += [(end, meaning) for end, _, meaning in entries]
            else:
                found[source.place] += [f"{term}: {meaning}" for _, term, meaning in entries]
        for end, meaning in sorted(inserts, reverse=True):
            shown = f"{shown[:end]} ({meaning}){shown[end:]}"
        shown = " ".join([*found["prefix"], shown, *found["suffix"]])
        return self.template.render(
            {
                "text": shown,
                "text_pair": example.text_pair or "",
                "name": self.name,
                "description": self.description,
                "labels": "; ".join(f"{label}: {d}" if d else label for label, d in self.labels.items()),
                "knowledge": " ".join(found["field"]),
            }
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "template": self.template.source,
            "knowledge": [source.to_json() for source in self.knowledge],
            "name": self.name,
            "description": self.description,
            "labels": dict(self.labels),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Rendering:
        return cls(
            Template.parse(value["template"]),
            tuple(Knowledge.from_json(source) for source in value["knowledge"]),
            value["name"],
            value["description"],
            dict(value["labels"]),
        )
