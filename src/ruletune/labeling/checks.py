"""Unit tests of rules: what they must say about given texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ruletune.config import TaskSpec
from ruletune.config.schema import Test
from ruletune.errors import Location
from ruletune.labeling.apply import ABSTAIN, FAULT, RuleSet
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.label_model import LabelModel
from ruletune.rules import Rule, Vote
from ruletune.rules.base import RuleTest
from ruletune.types import Example

__all__ = ["Outcome", "run_tests"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test and how it went.

    Attributes:
        rule: The rule that is tested; ``None`` for all of them together.
        expected, got: In words.
        spoke: What each rule said about the text, in words.
    """

    where: Location
    text: str
    rule: str | None
    expected: str
    got: str
    passed: bool
    spoke: tuple[str, ...] = ()


def run_tests(spec: TaskSpec, *, embed: Embed | None = None) -> tuple[Outcome, ...]:
    """Run the tests of a task file: those beside each rule, then those of all rules together.

    A rule's own test looks at what that rule says, whatever others of higher priority do. The others look at the
    votes' weighted majority, vetoes and priorities heard; where nothing is said, or there is a tie, the rules do not decide.
    """
    rules = RuleSet(spec.rules, labels=spec.labels, embed=embed)
    outcomes = [outcome for n, rule in enumerate(spec.rules) for outcome in _own(rules, n, rule)]
    for position, test in enumerate(spec.file.tests):
        outcomes.append(_together(spec, rules, test, spec.test_places[position]))
    return tuple(outcomes)


def _own(rules: RuleSet, position: int, rule: Rule) -> Iterator[Outcome]:
    for test in rule.tests:
        said = int(rules.apply_one(_example(test.text, dict(test.fields)), mute=False)[0, position])
        got = _words(rules, rule, said)
        label = rules.labels[said] if said >= 0 and rule.sign else None
        passed = said != FAULT and (
            test.expect == label if isinstance(test.expect, str) else test.expect == (said >= 0)
        )
        yield Outcome(
            test.where or rule.where or Location("task"), test.text, rule.name, _expected(test, rule), got, passed
        )


def _expected(test: RuleTest, rule: Rule) -> str:
    if isinstance(test.expect, str):
        return f"{'vetoes' if rule.sign < 0 else 'votes for'} {test.expect!r}"
    return "fires" if test.expect else "says nothing"


def _together(spec: TaskSpec, rules: RuleSet, test: Test, where: Location) -> Outcome:
    example = _example(test.text, test.fields)
    if test.rule is not None:
        position = next(n for n, rule in enumerate(spec.rules) if rule.name == test.rule)
        rule, said = spec.rules[position], rules.apply_one(example, mute=False)[0]
        label = spec.labels[said[position]] if said[position] >= 0 and rule.sign else None
        expected = "nothing" if test.expect is None else repr(test.expect)
        passed = said[position] != FAULT and label == test.expect
        return Outcome(where, test.text, test.rule, expected, _words(rules, rule, int(said[position])), passed)
    said = rules.apply_one(example)
    decided = _decided(spec, said)
    spoke = tuple(
        f"{rule.name} {_words(rules, rule, int(value))}"
        for rule, value in zip(spec.rules, said[0], strict=True)
        if value != ABSTAIN and (rule.sign or value == FAULT)
    )
    shown = ["no decision" if label is None else repr(label) for label in (test.expect, decided)]
    return Outcome(where, test.text, None, shown[0], shown[1], decided == test.expect, spoke)


def _decided(spec: TaskSpec, said: np.ndarray) -> str | None:
    """The label that most votes are for, by weight; ``None`` where there is none or a tie."""
    signs = np.array([rule.sign for rule in spec.rules], dtype=np.int8)
    if not (said[0, signs != 0] >= 0).any():
        return None
    weights = np.array([rule.says.weight if isinstance(rule.says, Vote) else rule.weight for rule in spec.rules])
    even = np.full(len(spec.labels), 1 / len(spec.labels))
    model = LabelModel("majority", False, even, np.full(len(weights), 0.8), weights, signs)
    beliefs = model.posterior(said)[0]
    best = np.flatnonzero(np.isclose(beliefs, beliefs.max()))
    return spec.labels[int(best[0])] if len(best) == 1 else None


def _words(rules: RuleSet, rule: Rule, said: int) -> str:
    if said == FAULT:
        return "failed"
    if said == ABSTAIN:
        return "says nothing"
    if not rule.sign:
        return "fires"
    return f"{'vetoes' if rule.sign < 0 else 'votes for'} {rules.labels[said]!r}"


def _example(text: str, fields: dict[str, object]) -> Example:
    pair = fields.get("text_pair")
    return Example("test", text, str(pair) if pair is not None else None, fields=fields)
