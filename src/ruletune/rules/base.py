"""What a rule is: a named condition (:mod:`ruletune.rules.conditions`) and what follows from it
(:mod:`ruletune.rules.sayings`).

A rule that has nothing to say about a text abstains. A rule that fails is a fault, never an abstain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ruletune.errors import Location
from ruletune.rules.conditions import (
    AllOf,
    Always,
    AnyOf,
    Call,
    Casing,
    Column,
    Condition,
    Length,
    Metadata,
    Named,
    Near,
    NearQuestion,
    Not,
    Ordered,
    Pattern,
    Scope,
    Sentences,
    Similar,
    Terms,
    Typed,
    Within,
    called,
    names_label,
    parts,
)
from ruletune.rules.sayings import (
    Avoid,
    Copy,
    Glossary,
    Invented,
    Link,
    Matching,
    Prompt,
    Reply,
    Say,
    Says,
    Scored,
    Sized,
    Slots,
    Veto,
    Vote,
)

__all__ = [
    "AllOf", "Always", "AnyOf", "Avoid", "Call", "Casing", "Column", "Condition", "Copy", "Fault", "Glossary", "Invented", "Length", "Link",
    "Matching", "Metadata", "Named", "Near", "NearQuestion", "Not", "Ordered", "Pattern", "Prompt", "Reply", "Rule", "RuleTest", "Say", "Says",
    "Scope", "Scored", "Sentences", "Similar", "Sized", "Slots", "Terms", "Typed", "Veto", "Vote", "Within", "called", "heard",
    "names_label", "parts", "references",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RuleTest:
    """What a rule must do with a text, written beside it.

    Attributes:
        expect: Whether it fires, or the label that it must vote for (or veto); with an answer, whether that keeps the rule.
        fields: Other columns of the data that it reads.
        answer: An answer to the text, where answers are texts.
    """

    text: str
    expect: bool | str
    fields: tuple[tuple[str, object], ...] = ()
    where: Location | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A named condition and what follows from it.

    Attributes:
        name: Unique in its task.
        when: What must hold.
        says: What follows where it holds; ``None`` where the condition itself names the label voted for
            (:func:`names_label`), and for a helper, which says nothing itself and is there for others to refer to.
        weight: Weight of the vote where ``says`` is ``None``.
        where: The line that the rule was read from.
        kind: The key that it was written with in a task file; empty for a rule made in Python.
        unless: Exceptions: where one of them holds, the rule does not fire.
        priority: Where rules of different priority speak about a text, only those of the highest are heard.
        tests: What it must do with given texts.
        entry: Which entry of the task file's ``rules:`` it was made of, from 1; 0 for a rule made in Python.
        muted: It is checked, and not heard (:func:`heard`).
    """

    name: str
    when: Condition
    says: Says | None = None
    weight: float = 1.0
    where: Location | None = None
    kind: str = ""
    unless: tuple[Condition, ...] = ()
    priority: int = 0
    tests: tuple[RuleTest, ...] = ()
    entry: int = field(default=0, compare=False)
    muted: bool = False

    @property
    def label(self) -> str | None:
        """The label that it always speaks about; ``None`` where there is no one such label."""
        return self.says.label if isinstance(self.says, Vote | Veto) else None

    @property
    def sign(self) -> int:
        """What its firing is to a label: 1 evidence for it, -1 a veto, 0 nothing."""
        match self.says:
            case Vote():
                return 1
            case Veto():
                return -1
            case None:
                return 1 if names_label(self.when) else 0
            case _:
                return 0


def references(rule: Rule) -> list[str]:
    """Names of the other rules that a rule's condition and exceptions refer to, each once."""
    found = [part for condition in (rule.when, *rule.unless) for part in parts(condition)]
    return list(dict.fromkeys(part.rule for part in found if isinstance(part, Named)))


def heard(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules that are left without the muted ones.

    A muted rule says nothing and has no tests; where one that is heard refers to it, near or far, it stays as a condition. Helpers
    that only muted rules refer to go with them.

    >>> shouts = Rule("shouts", Casing("upper"), Vote("spam"), muted=True)
    >>> [(rule.name, rule.says) for rule in heard([shouts, Rule("asks", Named("shouts"), Vote("ham"))])]
    [('shouts', None), ('asks', Vote(label='ham', weight=1.0))]
    >>> heard([shouts])
    ()
    """
    if not any(rule.muted for rule in rules):
        return tuple(rules)
    named = {rule.name: rule for rule in rules}
    needed: set[str] = set()
    waiting = [rule.name for rule in rules if not rule.muted and _speaks(rule)]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += references(named[name])
    return tuple(_silent(rule) if rule.muted else rule for rule in rules if rule.name in needed)


def _speaks(rule: Rule) -> bool:
    return rule.says is not None or names_label(rule.when)


def _silent(rule: Rule) -> Rule:
    """Its condition alone, also where that would name a label itself."""
    when = AllOf((rule.when,)) if names_label(rule.when) else rule.when
    return replace(rule, when=when, says=None, weight=1.0, priority=0, tests=())


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that failed on some texts: how often, where first, and the first traceback."""

    rule: str
    count: int
    example_id: str
    traceback: str
