"""Errors that people read: what is wrong, where, and what would be right.

A :class:`UserError` is the user's to mend (exit code 2); any other :class:`RuletuneError` is a
failure of the work itself (exit code 1). Everything else that escapes is a bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "CutOffError",
    "Location",
    "MissingExtraError",
    "Problem",
    "RuletuneError",
    "UserError",
    "close_match",
    "nearest",
]

_SHOWN = 20
"""Problems printed in full; beyond it a count says how many more there are."""

_LISTED = 12
"""Choices that a remedy lists."""

_LONGEST = 1200
"""Characters of a message, and of a remedy. Names and values in them may be of any length; their edges tell most."""

_COMPARED = 200
"""Characters of a word that are compared with what it may have been meant to be."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file, lines counted from 1.

    >>> str(Location("task.yaml", 14))
    'task.yaml:14'
    """

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in one sentence without a final stop.

    >>> str(Problem("unknown label 'spma'", Location("task.yaml", 14), "did you mean 'spam'?"))
    "task.yaml:14: unknown label 'spma'; did you mean 'spam'?"
    """

    message: str
    where: Location | None = None
    remedy: str | None = None

    def __post_init__(self) -> None:
        for name, said in (("message", self.message), ("remedy", self.remedy)):
            if said is not None and len(said) > _LONGEST:
                object.__setattr__(self, name, f"{said[: _LONGEST // 2]} … {said[-_LONGEST // 4 :]}")

    def __str__(self) -> str:
        prefix = f"{self.where}: " if self.where else ""
        suffix = f"; {self.remedy}" if self.remedy else ""
        return f"{prefix}{self.message}{suffix}"


class RuletuneError(Exception):
    """The work failed, through no fault in the input. Exit code 1."""

    exit_code = 1


class CutOffError(RuletuneError):
    """The work was cut off from outside: a process died, or a machine went away. Begun anew, it may succeed."""


class UserError(RuletuneError):
    """The input is wrong: one or more problems, all found before anything was written.

    >>> raise UserError("no examples", where=Location("train.csv"), remedy="add rows")
    Traceback (most recent call last):
    ruletune.errors.UserError: train.csv: no examples; add rows
    """

    exit_code = 2

    def __init__(self, message: str, *, where: Location | None = None, remedy: str | None = None) -> None:
        self.problems: tuple[Problem, ...] = (Problem(message, where, remedy),)
        super().__init__(str(self.problems[0]))

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> UserError:
        """One error that reports several problems together.

        Raises:
            ValueError: There is no problem to report.
        """
        found = tuple(problems)
        if not found:
            raise ValueError("an error needs at least one problem")
        error = cls(found[0].message, where=found[0].where, remedy=found[0].remedy)
        error.problems = found
        return error

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        hidden = len(self.problems) - len(lines)
        return "\n".join([*lines, f"... and {hidden} more"] if hidden else lines)


class MissingExtraError(UserError):
    """An optional dependency is not installed; the message says how to install it."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional dependency", remedy=f"pip install 'ruletune[{extra}]'")


def close_match(word: str, choices: Iterable[str]) -> str | None:
    """A remedy that names the closest choice, or nothing where none is close.

    >>> close_match("tain.csv", ["train.csv", "notes.txt"])
    "did you mean 'train.csv'?"
    """
    folded = {choice[:_COMPARED].casefold(): choice for choice in choices}
    close = difflib.get_close_matches(word[:_COMPARED].casefold(), folded, n=1)
    return f"did you mean {folded[close[0]]!r}?" if close else None


def nearest(word: str, choices: Iterable[str]) -> str:
    """A remedy that names the closest choice, or what there is to choose from where none is close.

    >>> nearest("spma", ["ham", "spam"])
    "did you mean 'spam'?"
    >>> nearest("xyz", ["ham", "spam"])
    "choose one of 'ham', 'spam'"
    """
    known = list(choices)
    close = close_match(word, known)
    if close or not known:
        return close or "there is nothing to choose from"
    listed = ", ".join(map(repr, known[:_LISTED]))
    return f"choose one of {listed}{', ...' if len(known) > _LISTED else ''}"
