"""Apply rules to texts: a matrix of votes, with every fault counted and none taken for an abstain."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ruletune.errors import Problem, UserError, nearest
from ruletune.rules.base import Call, Column, Fault, Pattern, Rule, Terms, called
from ruletune.rules.matcher import Matcher, MatchTimeoutError
from ruletune.types import Answer, Example, Firing, Label, Spans, Text

__all__ = ["ABSTAIN", "RuleSet", "Votes", "answer_value"]

ABSTAIN = -1
_BATCH = 1024
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Votes:
    """What every rule says about every text.

    Attributes:
        matrix: (texts, rules) int16: the position of the label voted for, or -1 for an abstain.
        faults: Rules that failed, with the number of texts they failed on.
    """

    rules: tuple[Rule, ...]
    labels: tuple[str, ...]
    matrix: np.ndarray
    faults: tuple[Fault, ...] = ()

    @property
    def covered(self) -> np.ndarray:
        """Texts about which at least one rule says something, (texts,) bool."""
        return np.asarray((self.matrix != ABSTAIN).any(axis=1))

    def take(self, rows: Sequence[int] | np.ndarray) -> Votes:
        return Votes(self.rules, self.labels, self.matrix[rows], self.faults)


@dataclass(slots=True)
class _FaultLog:
    """Counts a rule's faults and keeps the first."""

    seen: dict[str, Fault] = field(default_factory=dict)

    def add(self, rule: str, example: Example) -> None:
        first = self.seen.get(rule)
        if first is None:
            self.seen[rule] = Fault(rule, 1, example.id, traceback.format_exc())
        else:
            self.seen[rule] = Fault(rule, first.count + 1, first.example_id, first.traceback)


class RuleSet:
    """Rules compiled once, to be applied many times.

    >>> from ruletune.rules.base import Terms, Vote
    >>> rules = RuleSet((Rule("praise", Terms(("superb",)), Vote("good")),), labels=("bad", "good"))
    >>> rules.apply([Example("1", "Superb!"), Example("2", "Hm.")]).matrix.tolist()
    [[1], [-1]]
    """

    def __init__(self, rules: Sequence[Rule], *, labels: Sequence[str]) -> None:
        self.rules = tuple(rules)
        self.labels = tuple(labels)
        self._index = {label: position for position, label in enumerate(labels)}
        self._patterns: list[int] = []
        self._others: list[int] = []
        conditions: list[Pattern | Terms] = []
        for position, rule in enumerate(self.rules):
            match rule.when:
                case Pattern() | Terms():
                    self._patterns.append(position)
                    conditions.append(rule.when)
                case Call() | Column():
                    self._others.append(position)
        self._matcher = Matcher(conditions)

    def apply(self, examples: Sequence[Example], *, progress: Callable[[int], None] | None = None) -> Votes:
        """Votes of all rules on all examples.

        Raises:
            UserError: A rule takes too long on a text, fails on every text, or votes for a label
                that the task does not have; a column of votes is missing or malformed.
        """
        matrix = np.full((len(examples), len(self.rules)), ABSTAIN, dtype=np.int16)
        faults = _FaultLog()
        for start in range(0, len(examples), _BATCH):
            batch = examples[start : start + _BATCH]
            self._apply_patterns(batch, matrix[start : start + _BATCH])
            self._apply_others(batch, matrix[start : start + _BATCH], faults)
            if progress:
                progress(len(batch))
        for fault in faults.seen.values():
            if fault.count == len(examples) > 0:
                raise _always_fails(self._rule(fault.rule), fault)
        return Votes(self.rules, self.labels, matrix, tuple(faults.seen.values()))

    def _rule(self, name: str) -> Rule:
        return next(rule for rule in self.rules if rule.name == name)

    def _apply_patterns(self, examples: Sequence[Example], matrix: np.ndarray) -> None:
        try:
            fired = self._matcher.fired([example.text for example in examples])
        except MatchTimeoutError as error:
            rule, example = self.rules[self._patterns[error.condition]], examples[error.row]
            raise UserError(
                f"rule {rule.name!r} worked for more than {error.seconds:.0f} s on one text (id {example.id!r}, "
                f"{len(example.text)} characters): its expression backtracks without end",
                where=rule.where,
                remedy="write it without a repeated group inside a repetition",
            ) from None
        for column, position in enumerate(self._patterns):
            says = self.rules[position].says
            assert says is not None  # a pattern cannot name a label itself
            matrix[fired[:, column], position] = self._index[says.label]

    def _apply_others(self, examples: Sequence[Example], matrix: np.ndarray, faults: _FaultLog) -> None:
        problems: list[Problem] = []
        for position in self._others:
            rule = self.rules[position]
            for row, example in enumerate(examples):
                if isinstance(rule.when, Column):
                    vote, problem = self._column_vote(rule, rule.when, example)
                else:
                    vote, problem = self._call_vote(rule, example, faults)
                matrix[row, position] = vote
                if problem:
                    problems.append(problem)
        if problems:
            raise UserError.of(problems)

    def _call_vote(self, rule: Rule, example: Example, faults: _FaultLog) -> tuple[int, Problem | None]:
        assert isinstance(rule.when, Call)
        try:
            result = called(rule.when, example)
            if rule.says is not None:
                return (self._index[rule.says.label] if result else ABSTAIN), None
        except Exception:  # a user's function may raise anything, a truth value too
            faults.add(rule.name, example)
            return ABSTAIN, None
        if result is None or (isinstance(result, str) and result in self._index):
            return (ABSTAIN if result is None else self._index[result]), None
        remedy = nearest(str(result)[:80], self.labels)
        message = f"rule {rule.name!r} returned {str(result)[:80]!r}, which is no label, for the text {example.id!r}"
        return ABSTAIN, Problem(message, rule.where, f"{remedy} or return None to abstain")

    def _column_vote(self, rule: Rule, column: Column, example: Example) -> tuple[int, Problem | None]:
        values = example.fields.get(column.field)
        if not isinstance(values, list | tuple):
            what = "has no list" if column.field in example.fields else "has no column"
            return ABSTAIN, Problem(f"text {example.id!r} {what} {column.field!r} of votes", rule.where)
        if column.position >= len(values):
            message = f"text {example.id!r} has {len(values)} votes in {column.field!r}, fewer than there are rules"
            return ABSTAIN, Problem(message, rule.where)
        value = values[column.position]
        if value is None or (value == ABSTAIN and not isinstance(value, bool)):
            return ABSTAIN, None
        if isinstance(value, str) and value in self._index:
            return self._index[value], None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(self.labels):
            return value, None
        message = (
            f"rule {rule.name!r} votes {value!r} on the text {example.id!r}, which is no label and no position of one"
        )
        return ABSTAIN, Problem(message, rule.where, nearest(str(value), self.labels))

    def firings(self, example: Example) -> tuple[Firing, ...]:
        """The rules that say something about one example, with the characters that triggered them.

        A function that fails says nothing here.
        """
        spans = dict(zip(self._patterns, self._matcher.spans(example.text), strict=True))
        votes = self.apply_one(example)
        return tuple(
            Firing(self.rules[p].name, Label.of(self.labels[votes[0, p]]), tuple(spans.get(p, ())))
            for p in map(int, np.flatnonzero(votes[0] != ABSTAIN))
        )

    def apply_one(self, example: Example) -> np.ndarray:
        """Votes on one example, (1, rules). A function that fails, and votes that are not there, abstain here."""
        votes = np.full((1, len(self.rules)), ABSTAIN, dtype=np.int16)
        self._apply_patterns([example], votes)
        for position in self._others:
            rule = self.rules[position]
            if not isinstance(rule.when, Column):
                votes[0, position] = self._call_vote(rule, example, _FaultLog())[0]
            elif rule.when.field in example.fields:
                votes[0, position] = self._column_vote(rule, rule.when, example)[0]
        return votes


def _always_fails(rule: Rule, fault: Fault) -> UserError:
    last = fault.traceback.strip().splitlines()[-1]
    return UserError(f"rule {rule.name!r} fails on every text: {last}", where=rule.where)


def answer_value(answer: Answer) -> object:
    """An answer as JSON: a label's name or a list of names, spans as objects, a text as a string."""
    match answer:
        case Label(names=(name,)):
            return name
        case Label(names=names):
            return list(names)
        case Spans(spans=spans):
            return [{"start": span.start, "end": span.end, "label": span.label} for span in spans]
        case Text(text=text):
            return text
