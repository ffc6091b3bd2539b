"""From a label as the data has it to an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ruletune.errors import nearest
from ruletune.types import Label

__all__ = ["Labels"]

_FLAGS = {"0": False, "1": True, "false": False, "true": True}


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a task, and how to read them in data.

    A value is a label's name, or its position where no label is itself a number: datasets often store
    labels so. Numbers may be text, and written as ``1``, ``1.0`` or ``+1``. Several labels are a list, a string with
    ``|`` between names, or a list of zeros and ones as long as the labels; where there is one label,
    a zero or a one.

    Null, an empty text and NaN say that nobody gave a label. So does -1, as data sets of integers have it, unless a
    label is itself -1.

    Attributes:
        names: In the order of the task file.
        multi: Several labels may hold at once.
    """

    names: tuple[str, ...]
    multi: bool = False

    def parse(self, value: object) -> Label | None:
        """The answer, or ``None`` where the data has none (null, empty text, or -1 that is no label).

        For several labels an empty list means that none of them holds.

        Raises:
            ValueError: It is no label of the task; the message is for people.

        >>> Labels(("ham", "spam")).parse(1)
        Label(names=('spam',))
        >>> Labels(("a", "b"), multi=True).parse("b|a")
        Label(names=('a', 'b'))
        >>> Labels(("ham", "spam")).parse(-1) is None, Labels(("-1", "1")).parse(-1)
        (True, Label(names=('-1',)))
        >>> Labels(("ham", "spam")).parse("spma")
        Traceback (most recent call last):
        ValueError: unknown label 'spma'; did you mean 'spam'?
        """
        if value is None or (isinstance(value, str) and not value.strip()) or value != value:
            return None
        if _is_minus_one(value) and -1.0 not in _numbers(self.names):
            return None
        if not self.multi:
            if isinstance(value, list | tuple | dict):
                raise ValueError("several labels in a task for one; set multi_label: true or choose one")
            return Label.of(self._one(value))
        if isinstance(value, str):
            value = [part for part in value.split("|") if part.strip()]
        if not isinstance(value, list | tuple):
            value = [value]
        flags = self._flags(value)
        if flags is not None:
            return Label.of(*(name for name, holds in zip(self.names, flags, strict=True) if holds))
        return Label.of(*(self._one(part) for part in value))

    def _flags(self, values: list[object] | tuple[object, ...]) -> list[bool] | None:
        """One truth value for each label, or ``None`` where these are names or positions.

        A position makes no sense where there is one label: there 0 and 1 say whether it holds, as text too.
        """
        if len(values) != len(self.names):
            return None
        if len(values) == 1 and isinstance(values[0], str):
            flag = None if values[0].strip() in self.names else _FLAGS.get(values[0].strip().lower())
            return None if flag is None else [flag]
        if all(isinstance(value, int | float) and value in (0, 1) for value in values):
            return [bool(value) for value in values]
        return None

    def _one(self, value: object) -> str:
        name = ("true" if value else "false") if isinstance(value, bool) else str(value).strip()
        if name in self.names:
            return name
        number, numbers = _number(name), _numbers(self.names)
        if numbers:
            if number in numbers:
                return numbers[number]
        elif number is not None and number.is_integer() and 0 <= number < len(self.names):
            return self.names[int(number)]
        shown = name if len(name) <= 60 else f"{name[:60]}…"
        raise ValueError(f"unknown label {shown!r}; {nearest(name[:200], self.names)}")


_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")


def _number(name: str) -> float | None:
    return float(name) if _NUMBER.fullmatch(name) else None


def _is_minus_one(value: object) -> bool:
    if isinstance(value, str):
        return _number(value.strip()) == -1
    return isinstance(value, int | float) and value == -1


@lru_cache(maxsize=8)
def _numbers(names: tuple[str, ...]) -> dict[float | None, str]:
    """The labels that are numbers: beside them a number is no position."""
    return {_number(name): name for name in reversed(names) if _number(name) is not None}
