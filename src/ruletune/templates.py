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

from ruletune.errors import Location, Problem, UserError, nearest
from ruletune.knowledge import Knowledge, inject
from ruletune.types import Example

__all__ = ["FIELDS", "Rendered", "Rendering", "Template", "default_template"]

FIELDS = ("text", "text_pair", "name", "description", "labels", "knowledge", "sep")

_SHOWN = 40
"""Characters of a field's name that a message repeats."""


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
        unknown = [name for name in dict.fromkeys(fields) if name not in FIELDS]
        problems = [
            Problem(f"unknown field {{{name[:_SHOWN]}}} in the template", where, nearest(name[:_SHOWN], FIELDS))
            for name in unknown
        ]
        if "text" not in fields and not unknown:
            problems.append(Problem("the template does not show the text", where, "put {text} into it"))
        if fields.count("sep") > 1:
            problems.append(Problem("the template has {sep} twice", where, "an input has two segments at most"))
        if problems:
            raise UserError.of(problems)
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

    def render(self, example: Example, *, text: str | None = None, template: Template | None = None) -> Rendered:
        """The input for an example.

        Args:
            text: A beginning of the example's text, where the whole is too long for the model. What
                stands around it stays whole, and so does knowledge about terms that lie in it;
                knowledge about what was cut away is left out.
            template: Takes the place of the rendering's own.

        >>> rendering = Rendering(default_template(pair=False), (Knowledge({"MRSA": "a bacterium"}),))
        >>> rendering.render(Example("1", "MRSA on ward 3")).first
        'MRSA on ward 3 MRSA: a bacterium'
        >>> rendering.render(Example("1", "MRSA on ward 3"), text="MRSA").first
        'MRSA MRSA: a bacterium'
        """
        injected = inject(self.knowledge, example.text, length=None if text is None else len(text))
        return (template or self.template).render(
            {
                "text": injected.text,
                "text_pair": example.text_pair or "",
                "name": self.name,
                "description": self.description,
                "labels": "; ".join(f"{label}: {d}" if d else label for label, d in self.labels.items()),
                "knowledge": injected.field,
            }
        )

    def to_json(self) -> dict[str, Any]:
        """As the run folder keeps it; :meth:`from_json` gives an equal value back."""
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
