"""Rules about what an answer takes over from its source, and about what it must not make up."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from ruletune.rules.base import Always, Condition, Copy, Invented, Pattern, Says
from ruletune.rules.entry import ConditionEntry, Listed, RuleContext
from ruletune.rules.regex import pattern
from ruletune.rules.sayings import Thing

__all__ = ["CopyEntry", "InventedEntry"]


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


_Things = Annotated[tuple[Thing, ...], BeforeValidator(_several)]

_KINDS = "numbers, names, urls, emails, code or pattern, or a list of these."
_PATTERN = "For the kind pattern: a regular expression; its matches are the things."


class _ThingsEntry(ConditionEntry):
    pattern: str | None = Field(default=None, min_length=1, description=_PATTERN)
    ignore_case: bool = Field(default=False, description="Match the pattern without regard to case.")
    ignore: Listed = Field(default=(), description="Things that do not count.")

    def condition(self, context: RuleContext) -> Condition:
        return Always()

    def things(self) -> tuple[Thing, ...]:
        raise NotImplementedError

    @model_validator(mode="after")
    def _has_pattern(self) -> Self:
        if not self.things():
            raise ValueError(
                f"say what must not be {self.kind}" if self.kind == "invented" else "say what is to be copied"
            )
        if ("pattern" in self.things()) != (self.pattern is not None):
            raise ValueError(f"for things of your own, write {self.kind}: pattern, and pattern: EXPRESSION")
        return self

    def compiled(self, context: RuleContext) -> Pattern | None:
        if self.pattern is None:
            return None
        return pattern(self.pattern, ignore_case=self.ignore_case, where=context.where)


class CopyEntry(_ThingsEntry):
    """``copy: numbers``: every number of the source must stand in the answer."""

    kind: ClassVar[str] = "copy"

    copy_: _Things = Field(alias="copy", description=_KINDS)
    most: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="So many things are enough, the first of the source; default all."
    )
    exact: bool = Field(
        default=False, description="A number counts only as it is written; else 1,000, 1000 and 1.000 are the same."
    )

    def things(self) -> tuple[Thing, ...]:
        return self.copy_

    def says(self, context: RuleContext) -> Says:
        return Copy(self.copy_, self.compiled(context), self.ignore, self.most, self.exact)


class InventedEntry(_ThingsEntry):
    """``invented: numbers``: no number may stand in the answer that does not stand in the source."""

    kind: ClassVar[str] = "invented"

    invented: _Things = Field(description=_KINDS)

    def things(self) -> tuple[Thing, ...]:
        return self.invented

    def says(self, context: RuleContext) -> Says:
        return Invented(self.invented, self.compiled(context), self.ignore)
