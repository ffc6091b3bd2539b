"""Text with fields in braces: how it is read, and how an answer is made of it.

``{{`` and ``}}`` are literal braces. There are no expressions, attributes or formats, so that such a text can do nothing but
place other text.
"""

from __future__ import annotations

from collections.abc import Mapping

from ruletune.errors import Location, UserError
from ruletune.types import Example

__all__ = ["fields_in", "filled", "pieces", "values_of"]


def pieces(source: str, *, where: Location | None = None) -> list[tuple[bool, str]]:
    """Literal text and fields in turn: ``(is_field, text or field name)``.

    Raises:
        UserError: A brace without its partner.

    >>> pieces("{name} costs {{a lot}}")
    [(True, 'name'), (False, ' costs {a lot}')]
    """
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


def fields_in(template: str, *, where: Location | None = None) -> tuple[str, ...]:
    """The fields of a reply, each once.

    Raises:
        UserError: The reply is empty, a brace has no partner, or a field no name.

    >>> fields_in("{name} serves {food}. Enjoy {name}!")
    ('name', 'food')
    """
    if not template.strip():
        raise UserError("the reply is empty", where=where, remedy="write what is answered")
    fields = tuple(dict.fromkeys(text for is_field, text in pieces(template, where=where) if is_field))
    if "" in fields:
        raise UserError("a field of the reply has no name", where=where, remedy="write {name}, or {{}} for braces")
    return fields


def filled(template: str, values: Mapping[str, str]) -> str | None:
    """A template with values in its fields; ``None`` where one of them has none. Values are never read as templates.

    >>> filled("{name} serves {food}.", {"name": "Eiji", "food": "{sushi}"}), filled("{area}?", {"name": "Eiji"})
    ('Eiji serves {sushi}.', None)
    """
    parts = pieces(template)
    if any(is_field and not values.get(text) for is_field, text in parts):
        return None
    return "".join(values[text] if is_field else text for is_field, text in parts)


def values_of(example: Example) -> dict[str, str]:
    """What a reply to an example can say: its text, its columns, and the slots of its act, which come before columns of their name.

    A slot that the act has twice has no one value, and is left out.

    >>> values_of(Example("1", "hi", fields={"slots": (("area", "Soma"), ("near", "a"), ("near", "b")), "stars": 4}))
    {'text': 'hi', 'stars': '4', 'area': 'Soma'}
    """
    values = {"text": example.text}
    values |= {name: str(value) for name, value in example.fields.items() if isinstance(value, str | int | float)}
    slots = example.fields.get("slots") or ()
    assert isinstance(slots, tuple | list)
    names = [name for name, _ in slots]
    return values | {name: value for name, value in slots if value and names.count(name) == 1}
