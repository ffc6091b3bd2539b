"""What is in one cell of a row: a text, an id, or JSON."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from uuid import UUID

__all__ = ["STRICT_JSON", "check_characters", "identity", "json_of", "text_of"]


def text_of(value: object, column: str) -> str:
    """The value where it is a text, else a :class:`ValueError` that says why it is none.

    >>> text_of(" ", "title")
    Traceback (most recent call last):
    ValueError: the text in column 'title' is blank
    """
    if value is None:
        raise ValueError(f"no text in column {column!r}")
    if not isinstance(value, str):
        raise ValueError(f"column {column!r} holds {type(value).__name__}, not text")
    if not value or value.isspace():
        raise ValueError(f"the text in column {column!r} is blank")
    check_characters(value, f"the text in column {column!r}")
    return value


def json_of(text: str) -> object:
    """What a text says as JSON.

    Raises:
        ValueError: It is none, or a key of an object stands twice; the message is for people.

    >>> json_of('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ValueError: the key 'a' stands twice
    """
    try:
        return STRICT_JSON.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(error.msg) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        if "integer string conversion" in str(error):
            raise ValueError("it has a whole number of more than 4300 digits") from None
        raise


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for n, name in enumerate(names) if name in names[:n])
        raise ValueError(f"the key {twice[:_SHOWN]!r} stands twice")
    return value


STRICT_JSON = json.JSONDecoder(object_pairs_hook=_object)
"""Reads JSON whose objects have no key twice: of two values one would be lost."""

_SHOWN = 60
"""Characters of a key that a message repeats."""


def identity(value: object, column: str) -> str | None:
    """A text or a number; null and blank are none. A whole number is the same id however it is stored.

    Raises:
        ValueError: It is no id; the message is for people.

    >>> identity(7.0, "id"), identity("", "id")
    ('7', None)
    """
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            raise ValueError(f"column {column!r} holds {value}, not an id")
        value = int(value) if value == int(value) else value
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal | UUID):
        raise ValueError(f"column {column!r} holds {type(value).__name__}, not an id")
    found = str(value)
    check_characters(found, f"the id in column {column!r}")
    return None if found.isspace() else found


def check_characters(text: str, what: str) -> None:
    """Refuse what is no character of a text: NUL, and half a surrogate pair, which cannot be written as UTF-8, nor tokenized.

    Raises:
        ValueError: There is such.
    """
    if "\0" in text:
        raise ValueError(f"{what} has a NUL character")
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{what} has half a surrogate pair, which is no character") from None
