"""Rules: one module per way of writing them, and the table that lists the ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from ruletune.errors import Problem, UserError, nearest
from ruletune.rules.base import Call, Column, Condition, Fault, Pattern, Rule, Terms, Vote
from ruletune.rules.entry import RuleContext, RuleEntry
from ruletune.rules.function import FunctionEntry
from ruletune.rules.regex import RegexEntry
from ruletune.rules.table import TableEntry
from ruletune.rules.terms import GazetteerEntry, KeywordsEntry
from ruletune.rules.votes import VotesEntry

__all__ = [
    "KINDS", "Call", "Column", "Condition", "Fault", "Pattern", "Rule", "RuleContext", "RuleEntry", "Terms", "Vote",
    "build_rules", "kind_of",
]  # fmt: skip

KINDS: dict[str, type[RuleEntry]] = {
    "regex": RegexEntry,
    "keywords": KeywordsEntry,
    "gazetteer": GazetteerEntry,
    "function": FunctionEntry,
    "table": TableEntry,
    "votes": VotesEntry,
}


def kind_of(entry: Mapping[object, object]) -> str:
    """The kind of a rule as written: the one key that names a kind.

    Raises:
        ValueError: There is no such key, or more than one.

    >>> kind_of({"keywords": ["superb"], "vote": "positive"})
    'keywords'
    """
    kinds = [kind for kind in KINDS if kind in entry]
    if len(kinds) > 1:
        raise ValueError(f"a rule has one kind, this one has {' and '.join(map(repr, kinds))}; write two rules")
    if not kinds:
        common = {"name", "weight", "vote"}
        unknown = [str(key) for key in entry if key not in common]
        remedy = nearest(unknown[0], KINDS) if unknown else f"choose one of {', '.join(map(repr, KINDS))}"
        raise ValueError(f"the rule has no kind; {remedy}")
    return kinds[0]


def build_rules(entries: Iterable[tuple[RuleEntry, RuleContext]]) -> tuple[Rule, ...]:
    """All rules of a task file, in their order.

    Raises:
        UserError: Everything that is wrong with any of them, reported together.
    """
    rules: list[Rule] = []
    problems: list[Problem] = []
    for entry, context in entries:
        try:
            rules += entry.rules(context)
        except UserError as error:
            problems += error.problems
    for name, count in Counter(rule.name for rule in rules).items():
        if count > 1:
            last = [rule for rule in rules if rule.name == name][-1]
            problems.append(Problem(f"two rules are called {name!r}", last.where, "give one of them another name"))
    if problems:
        raise UserError.of(problems)
    return tuple(rules)
