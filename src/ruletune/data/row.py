"""A row of a file, before anybody knows what its columns mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ruletune.errors import Location, Problem, UserError

__all__ = ["Row", "check_names"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row as the file has it: ``values``, or the ``problem`` that hinders reading it.

    Attributes:
        name: Its id where the data has none and its number does not tell it from the rows of other files.
    """

    file: str
    line: int | None
    values: dict[str, Any]
    problem: Problem | None = None
    name: str | None = None

    @property
    def where(self) -> Location:
        """The row's place, made only where somebody asks."""
        return Location(self.file, self.line)

    @classmethod
    def bad(cls, where: Location, message: str, remedy: str | None = None) -> Row:
        return cls(where.file, where.line, {}, Problem(message, where, remedy))


def check_names(names: Sequence[str], where: Location) -> None:
    """Two columns of one name would be one.

    Raises:
        UserError: There are two.
    """
    twice = sorted({name for name in names if names.count(name) > 1}, reverse=True)
    if twice == [""]:
        raise UserError("two columns have no name", where=where, remedy="name them or take them out")
    if twice:
        raise UserError(f"two columns are called {twice[0]!r}", where=where)
