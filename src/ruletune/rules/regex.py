"""Regular expressions, with the meaning of Python's ``re.search``."""

from __future__ import annotations

import re
import warnings
from typing import ClassVar

from pydantic import Field

from ruletune.errors import Location, UserError
from ruletune.rules.base import Condition, Pattern
from ruletune.rules.entry import RuleContext, VotingEntry
from ruletune.rules.scopes import ScopeKey, scoped

__all__ = ["RegexEntry", "pattern"]


class RegexEntry(VotingEntry):
    """``regex: '\\bnot (good|great)\\b'``: votes where the expression matches somewhere in the text."""

    regex: str = Field(min_length=1, description="A regular expression in Python's syntax.")
    ignore_case: bool = Field(default=False, description="Match without regard to case.")
    scope: ScopeKey = "text"

    kind: ClassVar[str] = "regex"

    def condition(self, context: RuleContext) -> Condition:
        return scoped(pattern(self.regex, ignore_case=self.ignore_case, where=context.where), self.scope)


def pattern(source: str, *, ignore_case: bool, where: Location) -> Pattern:
    """A regular expression that is known to compile.

    Raises:
        UserError: It does not; the message points at the place.

    >>> pattern("a(b", ignore_case=True, where=Location("task.yaml", 7))
    Traceback (most recent call last):
    ruletune.errors.UserError: task.yaml:7: bad regular expression 'a(b': missing ), unterminated subpattern at position 1
    """
    flags = int(re.IGNORECASE) if ignore_case else 0
    try:
        with warnings.catch_warnings():
            # Python warns of syntax that may change its meaning one day: "[[" and the like.
            warnings.simplefilter("error", FutureWarning)
            re.compile(source, flags)
    except (re.error, FutureWarning, RecursionError, OverflowError, ValueError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        shown = source if len(source) <= 80 else f"{source[:80]}…"
        raise UserError(f"bad regular expression {shown!r}: {reason}", where=where) from error
    return Pattern(source, flags)
