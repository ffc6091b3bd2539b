"""Rules: one module per way of writing them, and the table that lists the ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ruletune.errors import Problem, UserError, nearest
from ruletune.rules.answers import AlwaysEntry, AnswerEntry, AnswerLengthEntry, ScoreEntry, SlotsEntry
from ruletune.rules.base import (
    Avoid,
    Call,
    Column,
    Condition,
    Fault,
    Link,
    Pattern,
    Prompt,
    Rule,
    Say,
    Terms,
    Veto,
    Vote,
    names_label,
    references,
)
from ruletune.rules.composed import AllEntry, AnyEntry, NotEntry
from ruletune.rules.copying import CopyEntry, InventedEntry
from ruletune.rules.entry import SAYINGS, RuleContext, RuleEntry
from ruletune.rules.function import FunctionEntry
from ruletune.rules.glossary import GlossaryEntry
from ruletune.rules.near import TriggerEntry
from ruletune.rules.pair import ArgumentsEntry, OrderEntry, PatternEntry, PatternFileEntry, TypesEntry
from ruletune.rules.patterns import PatternsEntry
from ruletune.rules.question import QuestionEntry, SentenceEntry
from ruletune.rules.regex import RegexEntry
from ruletune.rules.shape import ShapeEntry
from ruletune.rules.similarity import SimilarityEntry
from ruletune.rules.snorkel import SnorkelEntry
from ruletune.rules.span import SpanEntry
from ruletune.rules.structure import CasingEntry, FieldEntry, LengthEntry
from ruletune.rules.table import TableEntry
from ruletune.rules.terms import GazetteerEntry, KeywordsEntry
from ruletune.rules.votes import VotesEntry

__all__ = [
    "KINDS",
    "PAIR_KINDS",
    "READING_KINDS",
    "SAYINGS",
    "TEXT_KINDS",
    "Avoid",
    "Call",
    "Column",
    "Condition",
    "Fault",
    "Link",
    "Pattern",
    "Prompt",
    "Rule",
    "RuleContext",
    "RuleEntry",
    "Say",
    "Terms",
    "Veto",
    "Vote",
    "build_rules",
    "check_rules",
    "kind_of",
]  # fmt: skip

KINDS: dict[str, type[RuleEntry]] = {
    "regex": RegexEntry,
    "keywords": KeywordsEntry,
    "gazetteer": GazetteerEntry,
    "function": FunctionEntry,
    "table": TableEntry,
    "votes": VotesEntry,
    "field": FieldEntry,
    "length": LengthEntry,
    "casing": CasingEntry,
    "similarity": SimilarityEntry,
    "all": AllEntry,
    "any": AnyEntry,
    "not": NotEntry,
    "span": SpanEntry,
    "patterns": PatternsEntry,
    "snorkel": SnorkelEntry,
    "shape": ShapeEntry,
    "trigger": TriggerEntry,
    "pattern": PatternEntry,
    "pattern_file": PatternFileEntry,
    "types": TypesEntry,
    "arguments": ArgumentsEntry,
    "order": OrderEntry,
    "question": QuestionEntry,
    "sentence": SentenceEntry,
    "glossary": GlossaryEntry,
    "copy": CopyEntry,
    "invented": InventedEntry,
    "slots": SlotsEntry,
    "answer": AnswerEntry,
    "answer_length": AnswerLengthEntry,
    "score": ScoreEntry,
    "always": AlwaysEntry,
}

TEXT_KINDS = frozenset({"glossary", "copy", "invented", "slots", "answer", "answer_length", "score", "always"})
"""Kinds of rule that demand something of an answer that is a text."""

READING_KINDS = frozenset({"question", "sentence"})
"""Kinds of rule about a question and a text that answers it."""

PAIR_KINDS = frozenset({"pattern", "pattern_file", "types", "arguments", "order"})
"""Kinds that look at the two entities of a text."""


def _keys(entry: type[RuleEntry]) -> set[str]:
    """The keys of an entry, as they are written."""
    return {field.alias or name for name, field in entry.model_fields.items()}


_COMMON = frozenset(_keys(RuleEntry) | _keys(AllEntry) - {"all"})
"""Keys of every rule, which tell no kind."""


def kind_of(entry: Mapping[Any, Any]) -> str:
    """The kind of a rule as written: the one key that names a kind, other than the settings of that kind.

    Raises:
        ValueError: There is no such key, or more than one.

    >>> kind_of({"keywords": ["superb"], "vote": "positive"})
    'keywords'
    >>> kind_of({"question": "who", "pattern": "by (?P<answer>[A-Z]+)", "vote": "answer"})
    'question'
    """
    kinds = [kind for kind in KINDS if kind in entry]
    if len(kinds) > 1:
        # What names a kind may be a setting of another, as the pattern of a rule about questions is.
        whole = [kind for kind in kinds if set(kinds) <= _keys(KINDS[kind])]
        kinds = whole if len(whole) == 1 else kinds
    if len(kinds) > 1:
        raise ValueError(f"a rule has one kind, this one has {' and '.join(map(repr, kinds))}; write two rules")
    if not kinds:
        unknown = [str(key) for key in entry if key not in _COMMON]
        remedy = nearest(unknown[0], KINDS) if unknown else f"choose one of {', '.join(map(repr, KINDS))}"
        raise ValueError(f"the rule has no kind; {remedy}")
    return kinds[0]


def build_rules(entries: Iterable[tuple[RuleEntry, RuleContext]]) -> tuple[Rule, ...]:
    """All rules of a task file, muted ones too, in their order.

    Raises:
        UserError: Everything that is wrong with any of them, reported together.
    """
    rules: list[Rule] = []
    problems: list[Problem] = []
    texts = False
    for entry, context in entries:
        texts = context.texts
        try:
            rules += [replace(rule, entry=context.position, muted=entry.muted) for rule in entry.rules(context)]
        except UserError as error:
            problems += error.problems
    problems += check_rules(rules, texts=texts, whole=not problems)
    if problems:
        raise UserError.of(problems)
    return tuple(rules)


def check_rules(rules: Sequence[Rule], *, texts: bool, whole: bool = True) -> list[Problem]:
    """What is wrong with rules together: names that two have, references that lead nowhere or in a circle, rules in vain.

    Args:
        texts: The task's answers are texts.
        whole: These are all rules of the task, so that what they refer to must be among them.
    """
    problems: list[Problem] = []
    for name, count in Counter(rule.name for rule in rules).items():
        if count > 1:
            last = [rule for rule in rules if rule.name == name][-1]
            problems.append(Problem(f"two rules are called {name!r}", last.where, "give one of them another name"))
    return [*_references(rules, texts=texts)] if whole and not problems else problems


def _references(rules: Sequence[Rule], *, texts: bool) -> Iterator[Problem]:
    """Names that no rule has, rules that refer to themselves in a circle, rules that nobody listens to."""
    said = "require, veto or reply" if texts else "vote: LABEL (or veto, prompt)"
    named = {rule.name: references(rule) for rule in rules}
    used = {name for names in named.values() for name in names}
    for rule in rules:
        unknown = [name for name in named[rule.name] if name not in named]
        for name in unknown:
            yield Problem(f"there is no rule {name!r}", rule.where, nearest(name, named))
        if not unknown and (circle := _circle(rule.name, named)):
            yield Problem(f"rules refer to each other in a circle: {' -> '.join(circle)}", rule.where)
        if rule.says is None and not names_label(rule.when) and rule.name not in used:
            remedy = f"add {said}, or name it in another rule's all, any, not or unless"
            yield Problem(f"the rule {rule.name!r} says nothing", rule.where, remedy)


def _circle(start: str, named: Mapping[str, Sequence[str]]) -> list[str]:
    """A way from a rule back to itself, if there is one. Iterative: chains may be long."""
    ways: dict[str, list[str]] = {start: [start]}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        for name in named.get(here, ()):
            if name == start:
                return [*ways[here], start]
            if name not in ways:
                ways[name] = [*ways[here], name]
                waiting.append(name)
    return []
