"""Rules that the gold answers speak against: they are left out, and the report says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ruletune.metrics.calibration import wilson_interval
from ruletune.metrics.texts import references_of
from ruletune.report.model import Guard
from ruletune.rules.base import Glossary, Rule
from ruletune.rules.demands import Demand, unmet
from ruletune.types import Example

__all__ = ["Verdict", "judge_demands", "kept_by_gold", "without"]

_LEAST = 5
"""Gold answers of which a rule demands something, below which there is nothing to judge it by."""

_HALF = 0.5


Source = tuple[str, str]
"""A rule's name; of a glossary also the term, for one wrong entry does not speak against the others."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which rules are heard.

    Attributes:
        left_out: Rules, and terms of glossaries, that gold answers mostly do not keep.
    """

    guard: Guard | None
    left_out: frozenset[Source]


def judge_demands(gold: Sequence[Example], demands: Sequence[Sequence[Demand]], *, rules: Sequence[Rule]) -> Verdict:
    """Leave out rules that gold answers surely keep less than half of the time: nobody would write as they demand.

    Surely: the upper end of the 95% Wilson interval of the share that is kept lies below one half. Where there are several gold
    answers to a source, it is enough that one of them keeps the rule.

    Args:
        demands: By example.
    """
    terms = glossaries(rules)
    counts: dict[Source, tuple[int, int]] = {}
    for example, mine in zip(gold, demands, strict=True):
        for demand, kept in kept_by_gold(example, mine):
            source = _source(demand, terms)
            right, judged = counts.get(source, (0, 0))
            counts[source] = right + kept, judged + 1
    wrong = {
        source: (right, judged)
        for source, (right, judged) in counts.items()
        if judged >= _LEAST and wilson_interval(right, judged)[1] < _HALF
    }
    judged = sum(judged >= _LEAST for _, judged in counts.values())
    if not judged:
        return Verdict(None, frozenset())
    named = "; ".join(
        f"{_words(source)} is kept by {right} of {n} gold answers" for source, (right, n) in sorted(wrong.items())
    )
    heard = any((rule.name, "") not in wrong for rule in rules)
    reason = (
        f"Left out, since gold answers speak against it: {named}." if wrong else "Gold answers speak against no rule."
    )
    return Verdict(Guard(heard, reason, len(gold), (), None), frozenset(wrong))


def glossaries(rules: Sequence[Rule]) -> frozenset[str]:
    """Names of the rules that demand many terms."""
    return frozenset(rule.name for rule in rules if isinstance(rule.says, Glossary))


def _source(demand: Demand, terms: frozenset[str]) -> Source:
    return demand.rule, demand.entry if demand.rule in terms else ""


def _words(source: Source) -> str:
    rule, term = source
    return f"{term!r} of {rule!r}" if term else repr(rule)


def kept_by_gold(example: Example, demands: Sequence[Demand]) -> list[tuple[Demand, bool]]:
    """Whether gold keeps each demand; empty without a gold answer."""
    targets = references_of(example)
    if not targets:
        return []
    return [(demand, any(not unmet([demand], example, target) for target in targets)) for demand in demands]


def without(
    demands: Sequence[Sequence[Demand]], left_out: frozenset[Source], rules: Sequence[Rule]
) -> list[tuple[Demand, ...]]:
    """The demands of what is not left out."""
    terms = glossaries(rules)
    return [tuple(demand for demand in mine if _source(demand, terms) not in left_out) for mine in demands]
