"""Terminology: a file of terms and what they must become in the answer."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ruletune.errors import Location, Problem, UserError
from ruletune.rules.base import Condition, Glossary, Says, Terms
from ruletune.rules.entry import ConditionEntry, RuleContext, read_text
from ruletune.rules.inflect import with_inflections
from ruletune.rules.matching import fold
from ruletune.rules.sayings import Entry

__all__ = ["GlossaryEntry", "read_glossary"]

_SHOWN = 60


class GlossaryEntry(ConditionEntry):
    """``glossary: terms.tsv``: where a term of the file stands in the source, its target must stand in the answer."""

    kind: ClassVar[str] = "glossary"
    files: ClassVar[tuple[str, ...]] = ("glossary",)

    glossary: str = Field(
        min_length=1,
        description="A tab-separated file, relative to the task file: source term TAB target term, with ` | ` between several "
        "target terms of which one must be said; # begins a comment line.",
    )
    ignore_case: bool = Field(default=True, description="Find source terms without regard to case.")
    whole_words: bool = Field(
        default=True,
        description="Find a source term only where no letter, digit or underscore continues it; scripts without spaces excepted.",
    )
    inflect: bool = Field(default=False, description="Find the English inflections of source terms, too.")
    inflections: bool = Field(default=False, description="The English inflections of target terms count as well.")
    exact_case: bool = Field(default=False, description="A target term counts only in the capitals of the file.")

    def condition(self, context: RuleContext) -> Condition:
        forms = tuple(self._glossary(context).forms)
        return Terms(forms, ignore_case=self.ignore_case, whole_words=self.whole_words)

    def says(self, context: RuleContext) -> Says:
        return self._glossary(context)

    def default_name(self, context: RuleContext) -> str:
        return self.name or self.lasting_name()

    def lasting_name(self) -> str:
        return Path(self.glossary).stem

    def _glossary(self, context: RuleContext) -> Glossary:
        path = context.folder / self.glossary
        text = read_text(path, where=context.where)
        entries = read_glossary(
            text, where=Location(str(path)), ignore_case=self.ignore_case, inflections=self.inflections
        )
        forms: dict[str, int] = {}
        for number, entry in enumerate(entries):  # a term as it is written comes before an inflection of another
            forms[self._key(entry.term)] = number
        for number, entry in enumerate(entries):
            for form in with_inflections(entry.term) if self.inflect else ():
                forms.setdefault(self._key(form), number)
        return Glossary(entries, forms, ignore_case=not self.exact_case)

    def _key(self, term: str) -> str:
        return fold(term) if self.ignore_case else term


def read_glossary(
    text: str, *, where: Location, ignore_case: bool = True, inflections: bool = False
) -> tuple[Entry, ...]:
    """The entries of a glossary, in their order. Lines that say the same of a term count once.

    Args:
        ignore_case: Terms that differ in case alone are the same term.

    Raises:
        UserError: All lines that are wrong: not two columns, an empty term or target, a term that has another target
            elsewhere. Or there are no entries.

    >>> read_glossary("# animals\\ndog\\tHund | Hunde\\n", where=Location("terms.tsv"))[0].targets
    ('Hund', 'Hunde')
    """
    from ruletune.rules.entry import phrases_of

    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        place = Location(where.file, number)
        cells = [cell.strip() for cell in line.rstrip("\r").split("\t")]
        wrong = _wrong(cells)
        if wrong:
            problems.append(Problem(wrong, place, "write source term TAB target term, and ` | ` between targets"))
            continue
        targets = phrases_of(tuple(cells[1].split("|")), what="glossary", where=place, inflections=inflections)
        entry = Entry(cells[0], targets, place)
        first = entries.setdefault(fold(cells[0]) if ignore_case else cells[0], entry)
        if set(first.targets) != set(targets):
            line_of_first = first.where.line if first.where else None
            message = f"the term {cells[0][:_SHOWN]!r} has other targets on line {line_of_first}"
            remedy = f"write one line: {first.term} TAB {' | '.join(dict.fromkeys((*first.targets, *targets)))}"
            problems.append(Problem(message, place, remedy))
    if not entries and not problems:
        problems.append(Problem("the glossary has no entries", where, "write source term TAB target term lines"))
    if problems:
        raise UserError.of(problems)
    return tuple(entries.values())


def _wrong(cells: list[str]) -> str:
    if len(cells) != 2:
        return f"{len(cells)} column{'' if len(cells) == 1 else 's'}"
    if not cells[0]:
        return "the source term is empty"
    if any(not target.strip("* ") for target in cells[1].split("|")):
        return f"a target of {cells[0][:_SHOWN]!r} is empty"
    return ""
