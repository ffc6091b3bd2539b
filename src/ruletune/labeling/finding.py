"""Of which characters a condition speaks, in the texts of a batch."""

from __future__ import annotations

from collections.abc import Mapping

from ruletune.labeling.evaluate import Conditions, Holding
from ruletune.rules.base import (
    AllOf,
    AnyOf,
    Call,
    Column,
    Condition,
    Named,
    Near,
    NearQuestion,
    Pattern,
    Rule,
    Sentences,
    Terms,
)
from ruletune.types import Span

__all__ = ["Finder", "has_spans"]


class Finder:
    """Where in the texts of a batch conditions hold; each text is searched once for each condition that asks."""

    def __init__(self, conditions: Conditions, holding: Holding) -> None:
        self._conditions, self._holding, self._examples = conditions, holding, holding.examples
        self._terms: dict[int, dict[int, list[Span]]] = {}

    def spans(self, condition: Condition, row: int) -> list[tuple[int, int]]:
        """The characters of the first part that has any, in reading order; of ``any``, those of every part."""
        match condition:
            case Pattern():
                number = self._conditions.matched[condition]
                return self._conditions.matcher.pattern_spans(number, self._examples[row].text)
            case Terms():
                if row not in self._terms:  # all lists of terms are looked up at once
                    self._terms[row] = self._conditions.matcher.term_spans(self._examples[row].text)
                return [(span.start, span.end) for span in self._terms[row][self._conditions.matched[condition]]]
            case Near():
                return self._holding.near(condition, row)
            case NearQuestion():
                return self._conditions.near_question(condition, self._examples[row])
            case Sentences():
                return self._holding.sentences(condition)[row]
            case Named(rule=name):
                return self.spans(self._conditions.by_name[name].when, row)
            case AnyOf(parts=several):
                return sorted({span for part in several for span in self.spans(part, row)})
            case AllOf(parts=several):
                return next((spans for part in several if (spans := self.spans(part, row))), [])
            case _:
                return []


def has_spans(condition: Condition, by_name: Mapping[str, Rule]) -> bool:
    """Whether a condition speaks of characters, and not only of the whole text."""
    match condition:
        case Pattern() | Terms() | Near() | NearQuestion() | Sentences() | Call() | Column():
            return True
        case AllOf(parts=several) | AnyOf(parts=several):
            return any(has_spans(part, by_name) for part in several)
        case Named(rule=name):
            return name in by_name and has_spans(by_name[name].when, by_name)
        case _:
            return False
