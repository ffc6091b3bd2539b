"""What of a text made a condition hold, for whoever looks at it; the text is searched once for all of them."""

from __future__ import annotations

from contextlib import suppress

from ruletune.labeling.evaluate import Conditions
from ruletune.rules.base import AllOf, AnyOf, Condition, Named, Near, Within
from ruletune.rules.matching import MatchTimeoutError
from ruletune.rules.scopes import view
from ruletune.types import Example, Span

__all__ = ["Triggers"]


class Triggers:
    """What each expression and term list of a task matched in a text; nothing where one of them works without end."""

    def __init__(self, conditions: Conditions, example: Example) -> None:
        self._conditions, self._text = conditions, example.text
        self._matched: dict[Condition, list[Span]] = {}
        with suppress(MatchTimeoutError):
            self._matched = _searched(conditions, example)

    def of(self, condition: Condition) -> tuple[Span, ...]:
        """What of the text made a condition hold, in reading order."""
        match condition:
            case AllOf(parts=several) | AnyOf(parts=several):
                found = {span for part in several for span in self.of(part)}
            case Named(rule=name):
                return self.of(self._conditions.by_name[name].when)
            case Near():
                with suppress(MatchTimeoutError):
                    return tuple(Span(*edges) for edges in self._conditions.near(condition, self._text))
                return ()
            case _:
                found = set(self._matched.get(condition, ()))
        return tuple(sorted(found, key=lambda span: (span.start, span.end)))


def _searched(conditions: Conditions, example: Example) -> dict[Condition, list[Span]]:
    spans = conditions.matcher.spans(example.text)
    found: dict[Condition, list[Span]] = dict(zip(conditions.matched, spans, strict=True))
    for scope, scoped in conditions.scoped.items():
        seen = view(example, scope)
        if seen is not None:
            for part, within in zip(scoped.numbers, scoped.matcher.spans(seen.text), strict=True):
                found[Within(scope, part)] = [own for span in within for own in seen.back(span)]
    return found
