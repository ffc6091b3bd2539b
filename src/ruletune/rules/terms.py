"""Literal terms: keyword lists written in the task file, gazetteers kept in a file."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from ruletune.errors import Location, UserError
from ruletune.rules.base import Condition, Terms
from ruletune.rules.entry import RuleContext, VotingEntry, read_text
from ruletune.rules.inflect import inflected
from ruletune.rules.scopes import ScopeKey, scoped

__all__ = ["GazetteerEntry", "KeywordsEntry", "read_terms"]


class _TermsEntry(VotingEntry):
    ignore_case: bool = Field(default=True, description="Match without regard to case.")
    whole_words: bool = Field(
        default=True,
        description="Match only where no letter, digit or underscore continues the term; scripts without spaces excepted.",
    )

    inflect: bool = Field(
        default=False,
        description="Match the English inflections of each term, too: its plural, verb forms, comparatives.",
    )

    scope: ScopeKey = "text"

    def terms(self, terms: tuple[str, ...]) -> Condition:
        if self.inflect:
            terms = inflected(terms)
        return scoped(Terms(terms, ignore_case=self.ignore_case, whole_words=self.whole_words), self.scope)


class KeywordsEntry(_TermsEntry):
    """``keywords: [superb, a must see]``: votes where one of the terms occurs."""

    keywords: tuple[str, ...] = Field(min_length=1, description="Words or phrases.")

    @field_validator("keywords")
    @classmethod
    def _not_blank(cls, terms: tuple[str, ...]) -> tuple[str, ...]:
        if any(not term.strip() for term in terms):
            raise ValueError("a keyword is blank")
        return terms

    kind: ClassVar[str] = "keywords"

    def condition(self, context: RuleContext) -> Condition:
        return self.terms(tuple(dict.fromkeys(self.keywords)))


class GazetteerEntry(_TermsEntry):
    """``gazetteer: cities.txt``: votes where one of the file's terms occurs."""

    gazetteer: str = Field(
        min_length=1,
        description="A text file with one term a line, relative to the task file; # begins a comment line.",
    )

    kind: ClassVar[str] = "gazetteer"
    files: ClassVar[tuple[str, ...]] = ("gazetteer",)

    def condition(self, context: RuleContext) -> Condition:
        path = context.folder / self.gazetteer
        return self.terms(read_terms(read_text(path, where=context.where), where=Location(str(path))))


def read_terms(text: str, *, where: Location) -> tuple[str, ...]:
    """The terms of a gazetteer, each once, in their order.

    Raises:
        UserError: There is none.

    >>> read_terms("# cities\\nParis\\n\\n New York \\nParis\\n", where=Location("cities.txt"))
    ('Paris', 'New York')
    """
    lines = (line.strip() for line in text.splitlines())
    terms = tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not terms:
        raise UserError("the file has no terms", where=where, remedy="write one term a line")
    return terms
