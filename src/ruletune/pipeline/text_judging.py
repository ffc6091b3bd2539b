"""Rules that the gold answers speak against: they are left out, and the report says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ruletune.metrics.calibration import wilson_interval
from ruletune.metrics.texts import references_of
from ruletune.report.model import Guard
from ruletune.rules.demands import Demand, unmet
from ruletune.types import Example

__all__ = ["Verdict", "judge_demands", "without"]

_LEAST = 5
"""Gold answers of which a rule demands something, below which there is nothing to judge it by."""

_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which rules are heard.

    Attributes:
        left_out: Names of rules that gold answers mostly do not keep.
    """

    guard: Guard | None
    left_out: frozenset[str]


def judge_demands(gold: Sequence[Example], demands: Sequence[Sequence[Demand]], *, rules: int) -> Verdict:
    """Leave out rules that gold answers surely keep less than half of the time: nobody would write as they demand.

    Surely: the upper end of the 95% Wilson interval of the share that is kept lies below one half. Where there are several gold
    answers to a source, it is enough that one of them keeps the rule.

    Args:
        demands: By example.
        rules: How many rules there are.
    """
    counts: dict[str, tuple[int, int]] = {}
    for example, mine in zip(gold, demands, strict=True):
        for rule, kept in kept_by_gold(example, mine).items():
            right, judged = counts.get(rule, (0, 0))
            counts[rule] = right + kept, judged + 1
    wrong = {
        rule: (right, judged)
        for rule, (right, judged) in counts.items()
        if judged >= _LEAST and wilson_interval(right, judged)[1] < _HALF
    }
    judged = sum(judged >= _LEAST for _, judged in counts.values())
    if not judged:
        return Verdict(None, frozenset())
    named = "; ".join(f"{rule!r} is kept by {right} of {n} gold answers" for rule, (right, n) in sorted(wrong.items()))
    heard = len(wrong) < rules
    reason = (
        f"Left out, since gold answers speak against them: {named}." if wrong else "Gold answers speak against no rule."
    )
    return Verdict(Guard(heard, reason, len(gold), (), None), frozenset(wrong))


def kept_by_gold(example: Example, demands: Sequence[Demand]) -> dict[str, bool]:
    """Whether gold keeps what each rule demands; empty without a gold answer."""
    targets = references_of(example)
    kept: dict[str, bool] = {}
    for demand in demands if targets else ():
        here = any(not unmet([demand], example, target) for target in targets)
        kept[demand.rule] = kept.get(demand.rule, True) and here
    return kept


def without(demands: Sequence[Sequence[Demand]], left_out: frozenset[str]) -> list[tuple[Demand, ...]]:
    """The demands of the other rules."""
    return [tuple(demand for demand in mine if demand.rule not in left_out) for mine in demands]
