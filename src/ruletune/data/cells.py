"""What is in one cell of a row: a text, or an id."""

from __future__ import annotations

import math
from decimal import Decimal
from uuid import UUID

__all__ = ["identity", "text_of"]


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
    if "\0" in value:
        raise ValueError(f"the text in column {column!r} has a NUL character")
    _check_surrogates(value, f"the text in column {column!r}")
    return value


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
    _check_surrogates(found, f"the id in column {column!r}")
    return None if found.isspace() else found


def _check_surrogates(text: str, what: str) -> None:
    """Half a surrogate pair cannot be written as UTF-8, nor tokenized."""
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{what} has half a surrogate pair, which is no character") from None
