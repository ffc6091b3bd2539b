"""What every entry of a task file's ``rules:`` list has in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ruletune.errors import Location, UserError, close_match, nearest
from ruletune.rules.base import Rule, Vote

__all__ = ["RuleContext", "RuleEntry", "VotingEntry", "read_text"]

_SHOWN = 1000
"""Characters of a path that a message repeats."""


@dataclass(frozen=True, slots=True)
class RuleContext:
    """Where an entry stands.

    Attributes:
        folder: The task file's folder; paths in the entry are relative to it.
        labels: The task's labels.
        where: The entry's line in the task file.
        position: Its place in the list, from 1; part of the default name.
    """

    folder: Path
    labels: tuple[str, ...]
    where: Location
    position: int

    def name(self, given: str | None, kind: str) -> str:
        """The rule's own name, or one from its kind and place."""
        return given or f"{kind}_{self.position}"

    def label(self, name: str, *, where: Location | None = None) -> str:
        """A label of the task.

        Raises:
            UserError: There is no such label.
        """
        if name not in self.labels:
            raise UserError(f"unknown label {name!r}", where=where or self.where, remedy=nearest(name, self.labels))
        return name


class RuleEntry(BaseModel):
    """One entry of ``rules:``. Its kind is the key that names what it matches."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    name: str | None = Field(
        default=None,
        min_length=1,
        description="Name in tables and reports; default: the kind and the place in the list.",
    )
    weight: float = Field(
        default=1.0,
        gt=0,
        le=100,
        description="How much the vote counts among the rules; 1 is an ordinary vote.",
    )

    def rules(self, context: RuleContext) -> list[Rule]:
        """The rules that this entry stands for.

        Raises:
            UserError: The entry, or a file that it names, is wrong.
        """
        raise NotImplementedError


class VotingEntry(RuleEntry):
    """An entry whose rule votes for one label."""

    vote: str = Field(description="The label that the rule votes for where it matches.")

    def says(self, context: RuleContext) -> Vote:
        return Vote(context.label(self.vote), self.weight)


def read_text(path: Path, *, where: Location) -> str:
    """A UTF-8 file that a rule names, with or without a byte order mark.

    Raises:
        UserError: It is missing, unreadable, or not UTF-8 (with the line of the first bad byte).
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # a NUL in the name is a ValueError
        missing = isinstance(error, FileNotFoundError) and path.parent.is_dir()
        remedy = close_match(path.name, [entry.name for entry in path.parent.iterdir()]) if missing else None
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"cannot read {str(path)[-_SHOWN:]!r}: {reason}", where=where, remedy=remedy) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(
            f"not UTF-8: byte 0x{data[error.start]:02x}",
            where=Location(str(path), line),
            remedy="save the file as UTF-8",
        ) from error
