"""Many regular expressions in one tab-separated file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ruletune.errors import Location, Problem, UserError
from ruletune.rules.base import Rule, Vote
from ruletune.rules.entry import RuleContext, RuleEntry, read_text
from ruletune.rules.matching import Matcher, MatchTimeoutError
from ruletune.rules.regex import pattern

__all__ = ["TableEntry", "unmatched_exemplars"]


class TableEntry(RuleEntry):
    """``table: rules.tsv``: one regular expression a line: label, expression, and an example that it matches."""

    table: str = Field(
        min_length=1,
        description="A tab-separated file, relative to the task file: label, regular expression, exemplar text (optional).",
    )
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="The file's spelling of a label, and the task's label that it means.",
    )
    ignore_case: bool = Field(default=True, description="Match without regard to case.")

    kind: ClassVar[str] = "table"
    files: ClassVar[tuple[str, ...]] = ("table",)

    def rules(self, context: RuleContext) -> list[Rule]:
        path = context.folder / self.table
        exceptions = self.exceptions(context)
        prefix = self.name or self.lasting_name()
        for label in dict.fromkeys(self.labels.values()):
            context.label(label)
        rules: list[Rule] = []
        problems: list[Problem] = []
        for number, cells in _rows(read_text(path, where=context.where)):
            where = Location(str(path), number)
            try:
                rule = self._rule(f"{prefix}:{number}", cells, context, where)
                rules.append(replace(rule, unless=exceptions, priority=self.priority))
            except UserError as error:
                problems += error.problems
        if not rules and not problems:
            problems.append(Problem("the table has no rules", Location(str(path)), "write label TAB expression lines"))
        if problems:
            raise UserError.of(problems)
        return rules

    def lasting_name(self) -> str:
        return Path(self.table).stem

    def _rule(self, name: str, cells: list[str], context: RuleContext, where: Location) -> Rule:
        if len(cells) not in (2, 3) or not cells[1]:
            raise UserError(
                f"{len(cells)} columns",
                where=where,
                remedy="write label TAB expression, and perhaps TAB exemplar",
            )
        label = _label(cells[0].strip(), self.labels, context, where)
        condition = pattern(cells[1], ignore_case=self.ignore_case, where=where)
        return Rule(name, condition, Vote(label, self.weight), where=where, kind=self.kind)


def _rows(text: str) -> list[tuple[int, list[str]]]:
    lines = text.split("\n")
    return [(n, line.rstrip("\r").split("\t")) for n, line in enumerate(lines, start=1) if line.strip()]


def _label(written: str, spelling: dict[str, str], context: RuleContext, where: Location) -> str:
    """By the entry's own table first, then as written, then without regard to case."""
    if written in spelling:
        return context.label(spelling[written])
    if written in context.labels:
        return written
    folded = {label.casefold(): label for label in context.labels}
    return context.label(folded.get(written.casefold(), written), where=where)


def unmatched_exemplars(path: Path, *, ignore_case: bool, where: Location) -> list[int]:
    """Lines of a table whose exemplar is not matched by its own expression: often a rule gone wrong.

    Raises:
        UserError: The file cannot be read, an expression does not compile, or it does not come to an end.
    """
    lines = []
    for number, cells in _rows(read_text(path, where=where)):
        if len(cells) == 3 and cells[2].strip():
            place = Location(str(path), number)
            condition = pattern(cells[1], ignore_case=ignore_case, where=place)
            try:
                matched = Matcher([condition]).fired([cells[2]])
            except MatchTimeoutError as error:
                raise UserError(
                    f"the expression worked for more than {error.seconds:.0f} s on its own exemplar",
                    where=place,
                    remedy="write it without a repeated group inside a repetition",
                ) from None
            if not matched.any():
                lines.append(number)
    return lines
