"""Unit tests of rules where answers are texts: whether they fire, and whether a given answer keeps them."""

from __future__ import annotations

from ruletune.config import TaskSpec
from ruletune.data.acts import Slot, read_acts
from ruletune.errors import Location, UserError
from ruletune.labeling.demanding import Demanded, Demanding
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.outcome import Outcome
from ruletune.rules.base import Reply, Rule, RuleTest
from ruletune.rules.demands import met, words_of
from ruletune.types import Example

__all__ = ["run_demand_tests"]


def run_demand_tests(spec: TaskSpec, *, embed: Embed | None = None) -> tuple[Outcome, ...]:
    """Run the tests beside each rule, in their order.

    A test without an answer asks whether the rule fires: whether it demands or replies something. One with an answer asks whether
    that keeps the rule; it fails in any case where the rule does not fire. A rule that fails passes no test.
    """
    if not any(rule.tests for rule in spec.rules):
        return ()
    demanding = Demanding(spec.rules, embed=embed)
    return tuple(
        _outcome(demanding, position, rule, test) for position, rule in enumerate(spec.rules) for test in rule.tests
    )


def _outcome(demanding: Demanding, position: int, rule: Rule, test: RuleTest) -> Outcome:
    fields = dict(test.fields)
    if "act" in fields and "slots" not in fields:
        fields["slots"] = _slots(fields["act"], test.where or rule.where)
    example = Example("test", test.text, fields=fields)
    found = demanding.demands([example], strict=False)
    fires = bool(found.fired[0, position])
    if test.answer is None:
        expected, got = ("fires" if test.expect else "does not fire"), ("fires" if fires else "does not fire")
    else:
        expected = f"the answer {test.answer!r} {'keeps' if test.expect else 'breaks'} it"
        got = _verdict(found, rule, example, test.answer) if fires else "it does not fire"
        got = f"the answer {test.answer!r} {got} it" if got in ("keeps", "breaks") else got
    if any(fault.rule == rule.name for fault in found.faults):
        got = "failed"
    where = test.where or rule.where or Location("task")
    spoke = tuple(words_of(demand.what) for demand in found.by_example[0] if demand.rule == rule.name)
    return Outcome(where, test.text, rule.name, expected, got, expected == got, spoke if expected != got else ())


def _verdict(found: Demanded, rule: Rule, example: Example, answer: str) -> str:
    if isinstance(rule.says, Reply):
        return "keeps" if answer in found.replies[0] else "breaks"
    try:
        kept = all(met(demand, example, answer) for demand in found.by_example[0] if demand.rule == rule.name)
    except Exception as error:  # a user's function may raise anything
        return f"failed: {type(error).__name__}: {error}"
    return "keeps" if kept else "breaks"


def _slots(act: object, where: Location | None) -> tuple[Slot, ...]:
    """The slots of a dialogue act, as the data's are read."""
    try:
        return tuple(slot for each in read_acts(act) for slot in each.slots)
    except ValueError as error:
        raise UserError(f"in a test: {error}", where=where) from None
