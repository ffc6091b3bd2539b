"""Task files of two tasks over the same texts: their intents, and their slots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from ruletune.config.part import WrongValueError
from ruletune.config.schema import named_labels, named_vote
from ruletune.config.tree import Tree
from ruletune.errors import Problem, UserError
from ruletune.rules import KINDS, SAYINGS, Prompt, Rule, RuleContext, Veto, Vote, kind_of
from ruletune.rules.base import Link, names_label, references
from ruletune.rules.code import Allow
from ruletune.rules.entry import ConditionEntry
from ruletune.tasks import CLASSIFICATION, NER

__all__ = ["halves_of", "joined_rules"]

_Half = Literal["intents", "slots"]
_TASKS: dict[_Half, str] = {"intents": CLASSIFICATION.name, "slots": NER.name}

_OF_INTENTS = ("tests", "verbalizer", "multi_label")
"""Keys of a task file that only intents have a use for."""

_OF_A_VOICE = (*SAYINGS, "verbalizer", "tests")
"""Keys of a rule that go with what it says."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A rule as written, what it stands for, and whose it is: ``None`` where it is there for others to refer to.

    Attributes:
        rules: None where something is wrong with it that its half reports.
    """

    position: int
    written: Any
    rules: tuple[Rule, ...]
    half: _Half | None


def halves_of(
    tree: Tree, folder: Path, problems: list[Problem], *, allow: Allow | None = None
) -> tuple[Tree, Tree] | None:
    """A task file of intents and slots as two files, of classification and of ner, that know the lines of the one.

    A rule belongs to the half that has the label it speaks about. Where a rule refers to one of the other half, that is there
    too, as a condition that says nothing itself. Rules without a name get the one that their place in the file gives them.

    Args:
        folder: What paths in the file are relative to.
        problems: Gets what is wrong beyond what is wrong with either half.
        allow: Which code may run; ``None``: all of it.

    Returns:
        Nothing where the file does not say which intents and slots there are.
    """
    names = {half: _names(tree, half, problems) for half in _TASKS}
    intents, slots = names["intents"], names["slots"]
    if "labels" in tree.values:
        remedy = "name them under 'intents' and 'slots'"
        problems.append(Problem("a task of intents and slots has no 'labels'", tree.at("labels"), remedy))
    if not intents or not slots:
        return None
    for name in (name for name in slots if name in intents):
        remedy = "rename one of them, so that rules can tell which they mean"
        problems.append(Problem(f"{name!r} is an intent and a slot", tree.at("slots", name), remedy))
    entries = [
        entry
        for position, written in enumerate(_listed(tree.values.get("rules")))
        if (entry := _entry(position, written, tree, folder, names, problems, allow)) is not None
    ]
    problems += _twice(entries)
    return _half(tree, "intents", entries), _half(tree, "slots", entries)


def joined_rules(intents: Sequence[dict[str, Any]], slots: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules of both halves as one list; of a rule that stands in both, what it says is kept.

    >>> joined_rules([{"name": "a", "regex": "x", "vote": "Play"}], [{"name": "a", "regex": "x"}])
    [{'name': 'a', 'regex': 'x', 'vote': 'Play'}]
    """
    joined = list(intents)
    places = {rule["name"]: place for place, rule in enumerate(joined) if "name" in rule}
    for rule in slots:
        place = places.get(rule.get("name"))
        if place is None:
            joined.append(rule)
        elif any(rule.get(key) for key in SAYINGS):
            joined[place] = rule
    return joined


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(tree: Tree, half: _Half, problems: list[Problem]) -> dict[str, str]:
    """Names and descriptions of the intents, or of the slots."""
    value = tree.values.get(half)
    if not isinstance(value, list | dict) or not value:
        what = f"{half!r} must name the {half}" if half in tree.values else f"the key {half!r} is missing"
        remedy = "write a list of names, or a mapping of names to descriptions"
        problems.append(Problem(what, tree.at(half), remedy))
        return {}
    try:
        return named_labels(value)
    except WrongValueError as error:
        problems.append(Problem(str(error), tree.at(half, error.key), error.remedy))
        return {}


def _entry(
    position: int,
    written: Any,
    tree: Tree,
    folder: Path,
    names: Mapping[_Half, dict[str, str]],
    problems: list[Problem],
    allow: Allow | None,
) -> _Entry | None:
    """An entry of the list of rules; ``None`` where it is wrong in a way that neither half would see."""
    everything = names["intents"] | names["slots"]
    context = RuleContext(folder, tuple(everything), tree.at("rules", position), position + 1, everything, allow=allow)
    try:
        kind = kind_of(written) if isinstance(written, dict) else ""
        if kind not in CLASSIFICATION.rule_kinds | NER.rule_kinds:
            return _Entry(position, written, (), "intents")  # said of any task
        named = named_vote(written)
        if kind == "similarity" and not any(key in named for key in ("vote", "veto", "label")):
            return _Entry(position, named | {"name": context.name(named.get("name"), kind)}, (), "intents")
        entry = KINDS[kind].model_validate(named)
        rules = tuple(entry.rules(context))
    except UserError as error:
        problems += error.problems
        return None
    except (ValidationError, ValueError):  # the half says it, in better words
        return _Entry(position, written, (), "intents")
    if isinstance(entry, ConditionEntry):
        named = named | {"name": rules[0].name}
    spoken = {_spoken(rule, names) for rule in rules}
    if "unknown" in spoken:
        remedy = "say vote: and the name of one of them"
        problems.append(Problem("the rule does not say whether it is about an intent or a slot", context.where, remedy))
        return None
    if len(spoken) > 1:
        remedy = "write an entry for each"
        problems.append(Problem("the entry has rules about intents and rules about slots", context.where, remedy))
        return None
    [found] = spoken or {"helper"}
    if found == "helper" and any(named.get(key) for key in SAYINGS):
        found = "intents"  # what it says makes no sense in either half
    return _Entry(position, named, rules, None if found == "helper" else found)  # type: ignore[arg-type]


def _spoken(rule: Rule, names: Mapping[_Half, dict[str, str]]) -> Literal["intents", "slots", "helper", "unknown"]:
    """What a rule speaks about."""
    match rule.says:
        case Vote(label=label) | Veto(label=label):
            return "intents" if label in names["intents"] else "slots"
        case Link():
            return "slots"
        case Prompt():
            return "intents"
        case None:
            return "unknown" if names_label(rule.when) else "helper"
        case _:
            return "intents"  # which refuses it


def _twice(entries: Sequence[_Entry]) -> Iterator[Problem]:
    """Rules of different halves that have one name; within a half it is noticed anyway."""
    owners: dict[str, _Entry] = {}
    for entry in entries:
        for rule in entry.rules:
            first = owners.setdefault(rule.name, entry)
            if first.half != entry.half:
                yield Problem(f"two rules are called {rule.name!r}", rule.where, "give one of them another name")


def _half(tree: Tree, half: _Half, entries: Sequence[_Entry]) -> Tree:
    """One of the two files."""
    left_out = ("intents", "slots", "labels", *(_OF_INTENTS if half == "slots" else ()))
    values = {key: value for key, value in tree.values.items() if key not in left_out}
    chosen = _chosen(half, entries)
    moved: dict[tuple[object, ...], tuple[object, ...]] = {("labels",): (half,)}
    moved |= {("rules", place): ("rules", entry.position) for place, entry in enumerate(chosen)}
    rules = [entry.written if entry.half == half else _silent(entry) for entry in chosen]
    values |= {"task": _TASKS[half], "labels": tree.values[half]}
    if isinstance(values.get("rules"), list):
        values["rules"] = rules
    return tree.part(values, moved)


def _silent(entry: _Entry) -> Any:
    """A rule without what it says: others can refer to it."""
    if not isinstance(entry.written, dict):
        return entry.written
    return {key: value for key, value in entry.written.items() if key not in _OF_A_VOICE}


def _chosen(half: _Half, entries: Sequence[_Entry]) -> list[_Entry]:
    """The rules of a half, and those that they refer to; the intents also take what nobody refers to."""
    found = _closed([entry for entry in entries if entry.half == half], entries)
    if half == "intents":
        known = found | _closed([entry for entry in entries if entry.half == "slots"], entries)
        found |= {entry.position for entry in entries if entry.position not in known}
    return [entry for entry in entries if entry.position in found]


def _closed(chosen: Sequence[_Entry], entries: Sequence[_Entry]) -> set[int]:
    """Positions of entries and of all that they refer to, near or far."""
    named = {entry.rules[0].name: entry for entry in entries if entry.rules and "name" in entry.written}
    found: set[int] = set()
    waiting = list(chosen)
    while waiting:
        entry = waiting.pop()
        if entry.position in found:
            continue
        found.add(entry.position)
        waiting += [named[name] for rule in entry.rules for name in references(rule) if name in named]
    return found
