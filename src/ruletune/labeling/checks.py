"""Unit tests of rules: what they must say about given texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from ruletune.config import TaskSpec
from ruletune.config.schema import Test
from ruletune.data.pairs import marked_example
from ruletune.errors import Location, UserError, nearest
from ruletune.labeling.apply import RuleSet, needs_embedding
from ruletune.labeling.demand_checks import run_demand_tests
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.label_model import LabelModel
from ruletune.labeling.outcome import Outcome
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.votes import ABSTAIN, FAULT, Votes
from ruletune.rules import Rule, Vote
from ruletune.rules.base import RuleTest, names_label, references
from ruletune.types import Example, Spans, Text

__all__ = ["Outcome", "run_tests"]


def run_tests(spec: TaskSpec, *, embed: Embed | None = None) -> tuple[Outcome, ...]:
    """Run the tests of a task file: those beside each rule, then those of the file, in their order.

    A test of one rule looks at what that rule says, whatever others of higher priority do. A test of all of them looks at
    the votes' weighted majority, vetoes and priorities heard. No data is read, so there is no label model: where nothing is said,
    or there is a tie, the rules do not decide. A rule that fails passes no test of its own.

    Args:
        embed: Makes sentence embeddings; called for tests of rules that compare them, and for no other.

    Raises:
        UserError: A test is about a rule that there is not.
    """
    if spec.task.answer is Text:
        return run_demand_tests(spec, embed=embed)
    alone = _Alone(spec, embed)
    outcomes = [outcome for rule in spec.rules for outcome in _own(alone, rule)]
    muted = set(spec.muted)
    together: RuleSet | None = None
    for test, where in zip(spec.file.tests, spec.test_places, strict=True):
        if test.rule in muted:
            continue
        if test.rule is not None:
            outcomes.append(_one(alone, test, where))
            continue
        if together is None:
            together = RuleSet(spec.rules, labels=spec.labels, embed=embed)
        outcomes.append(_together(together, test, where, multi=spec.file.multi_label, pairs=alone.pairs))
    return tuple(outcomes)


class _Alone:
    """What single rules say. Only those that are tested are compiled, and embeddings are made only for rules that need them."""

    def __init__(self, spec: TaskSpec, embed: Embed | None) -> None:
        self.labels = spec.labels
        self._spans = spec.task.answer is Spans
        self.pairs = spec.task.readout == "pair"
        self.by_name = {rule.name: rule for rule in spec.rules}
        self._embed = embed
        tested = [test.rule for test in spec.file.tests if test.rule is not None]
        wanted = [rule.name for rule in spec.rules if rule.tests] + [name for name in tested if name in self.by_name]
        self._needed = {name: self._closure(name) for name in dict.fromkeys(wanted)}
        self._sets: dict[bool, tuple[RuleSet | SpanRules, Mapping[str, int]]] = {}

    def _closure(self, name: str) -> tuple[Rule, ...]:
        """A rule and all that it refers to."""
        found = {name: self.by_name[name]}
        waiting = [name]
        while waiting:
            for other in references(found[waiting.pop()]):
                if other not in found:
                    found[other] = self.by_name[other]
                    waiting.append(other)
        return tuple(found.values())

    def say(self, rule: Rule, example: Example) -> int:
        """The position of the label that a rule speaks about; 0 where it fires without one; or an abstain, or a fault."""
        compares = needs_embedding(self._needed[rule.name])
        if compares not in self._sets:
            names = {
                r.name for several in self._needed.values() if needs_embedding(several) == compares for r in several
            }
            self._sets[compares] = self._compiled([r for r in self.by_name.values() if r.name in names])
        compiled, positions = self._sets[compares]
        return int(compiled.apply_one(example, mute=False)[0, positions[rule.name]])

    def _compiled(self, rules: list[Rule]) -> tuple[RuleSet | SpanRules, Mapping[str, int]]:
        # A helper is refused where nobody refers to it, as here, where only it is tested: it is given something to say.
        speaking = [
            replace(rule, says=Vote(self.labels[0])) if rule.says is None and not names_label(rule.when) else rule
            for rule in rules
        ]
        compiled: RuleSet | SpanRules
        if self._spans:
            compiled = SpanRules(speaking, labels=self.labels, embed=self._embed)
        else:
            compiled = RuleSet(speaking, labels=self.labels, embed=self._embed)
        return compiled, {rule.name: n for n, rule in enumerate(rules)}


def _own(alone: _Alone, rule: Rule) -> Iterator[Outcome]:
    for test in rule.tests:
        place = test.where or rule.where
        said = alone.say(rule, _example(test.text, dict(test.fields), pairs=alone.pairs, where=place))
        if isinstance(test.expect, str):
            passed = said >= 0 and rule.sign != 0 and alone.labels[said] == test.expect
        else:
            passed = said != FAULT and test.expect == (said >= 0)
        where = test.where or rule.where or Location("task")
        yield Outcome(where, test.text, rule.name, _expected(test, rule), _words(rule, said, alone.labels), passed)


def _expected(test: RuleTest, rule: Rule) -> str:
    if isinstance(test.expect, str):
        return f"{'vetoes' if rule.sign < 0 else 'votes for'} {test.expect!r}"
    return "fires" if test.expect else "says nothing"


def _one(alone: _Alone, test: Test, where: Location) -> Outcome:
    """A test of the file that is about one rule."""
    assert test.rule is not None
    rule = alone.by_name.get(test.rule)
    if rule is None:
        remedy = nearest(test.rule, alone.by_name) if alone.by_name else "there are no rules"
        raise UserError(f"there is no rule {test.rule!r}", where=where, remedy=remedy)
    said = alone.say(rule, _example(test.text, test.fields, pairs=alone.pairs, where=where))
    label = alone.labels[said] if said >= 0 and rule.sign else None
    verb = "vetoes" if rule.sign < 0 else "votes for"
    expected = "says nothing" if test.expect is None else f"{verb} {test.expect!r}"
    passed = said != FAULT and label == test.expect
    return Outcome(where, test.text, test.rule, expected, _words(rule, said, alone.labels), passed)


def _together(rules: RuleSet, test: Test, where: Location, *, multi: bool, pairs: bool) -> Outcome:
    said = rules.apply_one(_example(test.text, test.fields, pairs=pairs, where=where))
    decided = _decided(rules, said, multi=multi)
    spoke = tuple(
        f"{rule.name} {_words(rule, int(value), rules.labels)}"
        for rule, value in zip(rules.rules, said[0], strict=True)
        if value != ABSTAIN and (rule.sign or value == FAULT)
    )
    expected, got = (", ".join(map(repr, labels)) or "no decision" for labels in (_listed(test.expect), decided))
    passed = test.expect in decided if test.expect is not None else not decided
    return Outcome(where, test.text, None, expected, got, passed, spoke)


def _listed(label: str | None) -> tuple[str, ...]:
    return () if label is None else (label,)


def _decided(rules: RuleSet, said: np.ndarray, *, multi: bool) -> tuple[str, ...]:
    """The label that most votes are for, by weight, of those that are not vetoed; none where there is a tie.

    Where several labels may hold, all that a rule votes for and none vetoes.
    """
    signs = np.array([rule.sign for rule in rules.rules], dtype=np.int8)
    if not (said[0, signs != 0] >= 0).any():
        return ()
    if multi:
        vetoed = Votes(rules.rules, rules.labels, said).vetoed[0]
        voted = {int(value) for value in said[0, signs > 0] if value >= 0}
        return tuple(label for k, label in enumerate(rules.labels) if k in voted and not vetoed[k])
    weights = np.array([rule.says.weight if isinstance(rule.says, Vote) else rule.weight for rule in rules.rules])
    even = np.full(len(rules.labels), 1 / len(rules.labels))
    model = LabelModel("majority", False, even, np.full(len(weights), 0.8), weights, signs)
    beliefs = model.posterior(said)[0]
    best = np.flatnonzero(np.isclose(beliefs, beliefs.max()))
    return (rules.labels[int(best[0])],) if len(best) == 1 else ()


def _words(rule: Rule, said: int, labels: tuple[str, ...]) -> str:
    if said == FAULT:
        return "failed"
    if said == ABSTAIN:
        return "says nothing"
    if not rule.sign:
        return "fires"
    return f"{'vetoes' if rule.sign < 0 else 'votes for'} {labels[said]!r}"


def _example(text: str, fields: dict[str, object], *, pairs: bool, where: Location | None) -> Example:
    if pairs:
        return marked_example("test", text, fields=fields, where=where)
    pair = fields.get("text_pair")
    return Example("test", text, str(pair) if pair is not None else None, fields=fields)
