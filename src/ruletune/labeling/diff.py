"""What a change of the rules changes: which texts get other votes, and another label, before anything is trained."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location, UserError
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.corpus import corpus, gold_matrix, needs_label
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.span_diff import diff_spans
from ruletune.labeling.span_show import asked
from ruletune.labeling.table import fit_label_model
from ruletune.labeling.votes import ABSTAIN, FAULT, Votes, silence_lower
from ruletune.progress import Listener, counted, silent
from ruletune.report.rules import ChangedText, Diff, RuleChange
from ruletune.rules.base import AllOf, AnyOf, Call, Condition, Named, Not, Rule, Vote, names_label, references
from ruletune.types import Example, Label, Spans

__all__ = ["diff"]

_NOTHING = "nothing"
_NO_LABEL = "(none)"


def diff(
    old: TaskSpec,
    new: TaskSpec,
    *,
    count: int = 10,
    examples: Sequence[Example] | None = None,
    embed: Embed | None = None,
    listener: Listener = silent,
) -> Diff:
    """Compare the rules of two tasks on the same texts. Rules that both have are matched once.

    Args:
        count: Changed texts in the answer at most.
        examples: The texts; default those of the new task, but for its test file.

    Raises:
        UserError: The tasks are of different kinds or have different labels, or the data is wrong.
    """
    if old.task != new.task:
        remedy = "compare rules of the same task"
        raise UserError(f"{old.path} is of the task {old.task.name!r}", where=Location(str(new.path)), remedy=remedy)
    if old.labels != new.labels:
        remedy = "compare rules for the same labels, in the same order"
        raise UserError(f"{old.path} has other labels", where=Location(str(new.path)), remedy=remedy)
    texts = corpus(new) if examples is None else list(examples)
    if new.task.answer is Spans:
        progress = counted(listener, "applying rules", 2 * len(texts))
        return diff_spans(old, new, texts, differences=_differences, count=count, embed=embed, progress=progress)
    needs_label(new, "a comparison of rules")
    before, after = _votes(old, new, texts, embed, listener)
    gold = gold_matrix(texts, new.labels)
    was, now = (_labels(spec, votes, gold) for spec, votes in ((old, before), (new, after)))
    turned = _turned(before, after)
    touched = np.zeros(len(texts), dtype=bool)
    for pair in turned:
        touched[pair.rows] = True
    moved = np.array([a != b for a, b in zip(was, now, strict=True)], dtype=bool)
    first = [*np.flatnonzero(moved).tolist(), *np.flatnonzero(touched & ~moved).tolist()][:count]
    judged = {row: _named(example.answer) for row, example in enumerate(texts) if isinstance(example.answer, Label)}
    return Diff(
        rules=tuple(pair.change for pair in turned),
        texts=len(texts),
        votes=int(touched.sum()),
        labels=tuple((a, b, n) for (a, b), n in Counter((was[r], now[r]) for r in np.flatnonzero(moved)).most_common()),
        covered=(_share(before.covered), _share(after.covered)),
        right=(sum(was[row] == label for row, label in judged.items()), sum(now[r] == y for r, y in judged.items())),
        judged=len(judged),
        changed=tuple(
            ChangedText(
                id=texts[row].id,
                text=texts[row].text,
                before=was[row],
                after=now[row],
                gold=judged.get(row, ""),
                votes=tuple(pair.said(row) for pair in turned if pair.was[row] != pair.now[row]),
                asked=asked(texts[row]),
            )
            for row in first
        ),
    )


# -- both sets of rules on the same texts


def _votes(
    old: TaskSpec, new: TaskSpec, texts: Sequence[Example], embed: Embed | None, listener: Listener
) -> tuple[Votes, Votes]:
    """What the old rules say and what the new ones do."""
    shared = _shared(old.rules, new.rules)
    taken = {rule.name for rule in (*old.rules, *new.rules)}
    renamed = {rule.name: _free(f"{rule.name} (before)", taken) for rule in old.rules if rule.name not in shared}
    former = [_renamed(rule, renamed) for rule in old.rules if rule.name not in shared]
    # Muting is a matter of each set by itself.
    every = [replace(rule, priority=0) for rule in (*new.rules, *former)]
    progress = counted(listener, "applying rules", len(texts))
    votes = RuleSet(every, labels=new.labels, embed=embed).apply(texts, progress=progress)
    columns = {rule.name: n for n, rule in enumerate(every)}
    return (
        _of(old, votes, [columns[renamed.get(rule.name, rule.name)] for rule in old.rules]),
        _of(new, votes, [columns[rule.name] for rule in new.rules]),
    )


def _of(spec: TaskSpec, votes: Votes, columns: list[int]) -> Votes:
    """The votes of one task's rules."""
    matrix = votes.matrix[:, columns]
    found = Votes(spec.rules, votes.labels, matrix)
    priorities = np.array([rule.priority for rule in spec.rules], dtype=np.int16)
    if priorities.any():
        silence_lower(matrix, found.signs, priorities)
    return found


def _shared(old: Sequence[Rule], new: Sequence[Rule]) -> set[str]:
    """Names of the rules that are the same in both, with all that they refer to."""
    there = {rule.name: rule for rule in new}
    found = {rule.name for rule in old if rule.name in there and not _differences(rule, there[rule.name])}
    while True:
        lost = {rule.name for rule in old if rule.name in found and not found.issuperset(references(rule))}
        if not lost:
            return found
        found -= lost


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def _renamed(rule: Rule, names: Mapping[str, str]) -> Rule:
    def inside(condition: Condition) -> Condition:
        match condition:
            case Named(rule=name):
                return Named(names.get(name, name))
            case AllOf(parts=several):
                return AllOf(tuple(map(inside, several)))
            case AnyOf(parts=several):
                return AnyOf(tuple(map(inside, several)))
            case Not(part=part):
                return Not(inside(part))
            case _:
                return condition

    return replace(rule, name=names[rule.name], when=inside(rule.when), unless=tuple(map(inside, rule.unless)))


# -- what is written otherwise


def _differences(first: Rule, second: Rule) -> tuple[str, ...]:
    """What two rules differ in, in words; where they are written and how they are tested is no matter."""
    found = {
        "condition": _essence(first.when) != _essence(second.when),
        "says": _weightless(first) != _weightless(second),
        "weight": _weight(first) != _weight(second),
        "unless": list(map(_essence, first.unless)) != list(map(_essence, second.unless)),
        "priority": first.priority != second.priority,
    }
    return tuple(word for word, differs in found.items() if differs)


def _weight(rule: Rule) -> float:
    return rule.says.weight if isinstance(rule.says, Vote) else rule.weight


def _weightless(rule: Rule) -> object:
    says = replace(rule.says, weight=1.0) if isinstance(rule.says, Vote) else rule.says
    return says, says is None and names_label(rule.when)


def _essence(condition: Condition) -> object:
    """A condition as a value that is equal for functions with the same source, wherever their files are."""
    match condition:
        case AllOf(parts=several) | AnyOf(parts=several):
            return type(condition).__name__, [_essence(part) for part in several]
        case Not(part=part):
            return "not", _essence(part)
        case Call(path=path, function=function):
            inner = getattr(function, "function", function)  # a labelling function of Snorkel's is held in another
            try:
                return path.rpartition(":")[2], inspect.getsource(getattr(inner, "_f", inner))
            except (OSError, TypeError):  # not a function with a source: it is its own
                return path, function
        case _:
            return condition


# -- what is said otherwise


@dataclass(frozen=True, slots=True)
class _Pair:
    """A rule before and after.

    Attributes:
        was, now: (texts,) what it says: a position in ``words``, -1 for an abstain, -2 for a fault.
        rows: Texts of which it says something else.
    """

    change: RuleChange
    was: np.ndarray
    now: np.ndarray
    rows: np.ndarray
    words: tuple[str, ...]

    def said(self, row: int) -> tuple[str, str, str]:
        return self.change.name, self._word(int(self.was[row])), self._word(int(self.now[row]))

    def _word(self, value: int) -> str:
        return {ABSTAIN: _NOTHING, FAULT: "failed"}.get(value) or self.words[value]


def _turned(before: Votes, after: Votes) -> list[_Pair]:
    """Every rule that is written otherwise, or says something else of some text."""
    old = {rule.name: n for n, rule in enumerate(before.rules)}
    new = {rule.name: n for n, rule in enumerate(after.rules)}
    labels = after.labels
    words = (*labels, *(f"not {label}" for label in labels), "fires")
    found = []
    for name in dict.fromkeys([*new, *old]):
        was, now = _column(before, old.get(name)), _column(after, new.get(name))
        differs = was != now
        if name not in old or name not in new:
            parts: tuple[str, ...] = ()
            kind = "added" if name in new else "removed"
        else:
            parts = _differences(before.rules[old[name]], after.rules[new[name]])
            kind = "changed" if parts else "same"
        if kind == "same" and not differs.any():
            continue
        gained, lost, other = (
            int(np.count_nonzero(differs & mask))
            for mask in ((was < 0) & (now >= 0), (was >= 0) & (now < 0), (was >= 0) & (now >= 0))
        )
        change = RuleChange(name, kind, parts, gained, lost, other)
        found.append(_Pair(change, was, now, np.flatnonzero(differs), words))
    return found


def _column(votes: Votes, position: int | None) -> np.ndarray:
    """What a rule says, as a position among: each label, each label vetoed, firing without a label."""
    if position is None:
        return np.full(len(votes.matrix), ABSTAIN, dtype=np.int16)
    column = votes.matrix[:, position]
    sign, size = int(votes.signs[position]), len(votes.labels)
    shift = {1: 0, -1: size, 0: 2 * size}[sign]
    return np.where(column >= 0, column + shift, column)


def _labels(spec: TaskSpec, votes: Votes, gold: np.ndarray) -> list[str]:
    """What the rules and the label model make of each text."""
    posterior = fit_label_model(spec, votes.matrix, gold).posterior(votes.matrix)
    if spec.file.multi_label:
        chosen = [_named(Label.of(*(spec.labels[k] for k in np.flatnonzero(row > 0.5)))) for row in posterior]
    else:
        chosen = [spec.labels[k] for k in posterior.argmax(axis=1)]
    return [label if spoke else _NOTHING for label, spoke in zip(chosen, votes.covered, strict=True)]


def _named(label: Label) -> str:
    return str(label) or _NO_LABEL


def _share(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
