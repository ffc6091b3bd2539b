"""What a workbench asks of the rules, whatever the shape of the answers: a look at all of them, and at a draft among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.checks import run_tests
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.outcome import Outcome
from ruletune.report.demands import DemandRow
from ruletune.report.model import RuleRow
from ruletune.rules.base import Rule
from ruletune.types import Answer, Label, Spans
from ruletune.workbench.texts import Texts
from ruletune.workbench.values import Demanded, Fired, Said, Table, TestResult, Totals

__all__ = ["BUDGET", "Bench", "Check", "Drafted", "Look", "gold_has", "own_rules", "share", "tested"]

Check = Callable[[], None]
"""Called between two steps of a trial; raises where nobody waits for it any more."""


def BUDGET(characters: int) -> float:  # noqa: N802 - a constant that depends on the text
    """Seconds that an expression may work on a text while somebody types; a rule that is trained with may take longer."""
    return 0.25 + characters / 400_000


class Look(Protocol):
    """All rules of a task on all texts. Arrays are (texts,) bool."""

    @property
    def spec(self) -> TaskSpec: ...

    @property
    def totals(self) -> Totals: ...

    @property
    def table(self) -> Table: ...

    @property
    def covered(self) -> np.ndarray:
        """Texts that have a weak answer."""

    @property
    def conflict(self) -> np.ndarray:
        """Texts on which rules contradict each other, or which break what rules demand of their references."""

    @property
    def wrong(self) -> np.ndarray:
        """Texts whose weak answer is not the gold one."""

    def fires(self, rule: str) -> np.ndarray: ...

    def has(self, label: str) -> np.ndarray:
        """Texts whose gold answer has a label, or whose weak one has where there is no gold."""

    def answer(self, row: int) -> Answer | None:
        """The weak answer to a text; ``None`` where no rule speaks."""

    def weak(self, row: int) -> Said | None:
        """The same as JSON, with what is believed of it."""

    def firings(self, row: int) -> tuple[Fired, ...]: ...

    def demands(self, row: int) -> tuple[Demanded, ...]: ...

    @property
    def shares(self) -> Mapping[str, float]:
        """Share of the weak labels that is each label."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a draft does.

    Attributes:
        rows: Its rules.
        matched: (texts,) bool, where it fires.
        look: What shows the texts that it fires on.
        approximate: Some figures are of a sample.
    """

    rows: tuple[RuleRow | DemandRow, ...]
    before: Totals
    after: Totals
    gained: int
    lost: int
    turned: int
    matched: np.ndarray
    look: Look
    approximate: bool = False


class Bench(Protocol):
    """Texts that remember what rules said about them."""

    def look(self, spec: TaskSpec, texts: Texts) -> Look:
        """All rules of a task; only what changed since the last look is matched.

        Raises:
            UserError: A rule is wrong.
        """

    def draft(self, base: Look, spec: TaskSpec, texts: Texts, place: int, *, check: Check) -> Drafted:
        """A task with a draft, whose rules are of the entry at ``place`` counted from 1, against the task without it.

        Raises:
            UserError: A rule is wrong.
            SupersededError: ``check`` says that nobody waits.
        """

    def forget(self) -> None:
        """Forget what rules said that compare embeddings: more texts have one now."""


def own_rules(spec: TaskSpec, place: int) -> list[Rule]:
    """The rules of an entry."""
    return [rule for rule in spec.rules if rule.entry == place]


def tested(spec: TaskSpec, place: int | None, *, embed: Embed | None) -> tuple[TestResult, ...]:
    """The tests beside the rules of one entry, or of all.

    Raises:
        UserError: A test cannot be run.
    """
    mine = [rule.entry == place or place is None for rule in spec.rules]
    rules = [rule if own else replace(rule, tests=()) for rule, own in zip(spec.rules, mine, strict=True)]
    file = spec.file.model_copy(update={"tests": ()})
    outcomes = run_tests(replace(spec, file=file, rules=tuple(rules), test_places=()), embed=embed)
    tests = [test for rule in rules for test in rule.tests]
    return tuple(_result(outcome, test.expect) for outcome, test in zip(outcomes, tests, strict=True))


def _result(outcome: Outcome, expect: object) -> TestResult:
    return TestResult(outcome.text, expect, outcome.passed, outcome.got, outcome.where.line or 0)


def gold_has(texts: Texts, label: str) -> np.ndarray:
    """Texts whose gold answer has a label, (texts,) bool."""
    return np.array([_has(example.answer, label) for example in texts.examples], dtype=bool)


def _has(answer: object, label: str) -> bool:
    match answer:
        case Label(names=names):
            return label in names
        case Spans(spans=spans):
            return any(span.label == label for span in spans)
        case _:
            return False


def share(values: np.ndarray | Sequence[bool]) -> float:
    """Of truth values that hold; 0 where there are none."""
    return float(np.mean(values)) if len(values) else 0.0
