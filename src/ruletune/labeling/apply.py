"""Apply rules to texts: a matrix of votes, with every fault counted and none taken for an abstain."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

import numpy as np

from ruletune.errors import Problem, UserError, nearest
from ruletune.rules.base import Call, Column, Fault, Pattern, Rule, Terms, called
from ruletune.rules.matcher import Matcher, MatchTimeoutError
from ruletune.types import Answer, Example, Firing, Label, Spans, Text

__all__ = ["ABSTAIN", "RuleSet", "Votes", "answer_value"]

ABSTAIN = -1
_BATCH = 1024

_SHOWN = 5
"""Texts that a message names."""

_Troubles = dict[Problem, dict[str, None]]
"""What is wrong, and the ids of the texts that have it, each once."""


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

    Raises:
        UserError: A rule votes for a label that is not among ``labels``.

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
        self._calls: list[int] = []
        self._columns: list[tuple[int, Column]] = []
        conditions: list[Pattern | Terms] = []
        problems = []
        for position, rule in enumerate(self.rules):
            if rule.says is not None and rule.says.label not in self._index:
                message = f"rule {rule.name!r} votes for the unknown label {rule.says.label!r}"
                problems.append(Problem(message, rule.where, nearest(rule.says.label, self.labels)))
            match rule.when:
                case Pattern() | Terms():
                    self._patterns.append(position)
                    conditions.append(rule.when)
                    if rule.says is None:
                        problems.append(Problem(f"rule {rule.name!r} votes for no label", rule.where))
                case Call():
                    self._calls.append(position)
                case Column():
                    self._columns.append((position, rule.when))
                case _:
                    assert_never(rule.when)
        if problems:
            raise UserError.of(problems)
        self._matcher = Matcher(conditions)

    def apply(self, examples: Sequence[Example], *, progress: Callable[[int], None] | None = None) -> Votes:
        """Votes of all rules on all examples.

        Raises:
            UserError: A column of votes is missing or malformed on any text; a rule takes too long
                on a text, fails on every text, or returns what is no label.
        """
        matrix = np.full((len(examples), len(self.rules)), ABSTAIN, dtype=np.int16)
        faults = _FaultLog()
        self._apply_columns(examples, matrix)
        for start in range(0, len(examples), _BATCH):
            batch = examples[start : start + _BATCH]
            self._apply_patterns(batch, matrix[start : start + _BATCH])
            self._apply_calls(batch, matrix[start : start + _BATCH], faults)
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
            raise _endless(self.rules[self._patterns[error.condition]], examples[error.row], error) from None
        for column, position in enumerate(self._patterns):
            says = self.rules[position].says
            assert says is not None  # a pattern cannot name a label itself
            matrix[fired[:, column], position] = self._index[says.label]

    def _apply_columns(self, examples: Sequence[Example], matrix: np.ndarray) -> None:
        troubles: _Troubles = {}
        for position, column in self._columns:
            for row, example in enumerate(examples):
                matrix[row, position], trouble = self._column_vote(self.rules[position], column, example)
                if trouble:
                    troubles.setdefault(trouble, {})[example.id] = None
        _raise_any(troubles)

    def _apply_calls(self, examples: Sequence[Example], matrix: np.ndarray, faults: _FaultLog) -> None:
        troubles: _Troubles = {}
        for position in self._calls:
            for row, example in enumerate(examples):
                matrix[row, position], trouble = self._call_vote(self.rules[position], example, faults)
                if trouble:
                    troubles.setdefault(trouble, {})[example.id] = None
        _raise_any(troubles)

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
        if not isinstance(result, str):
            message = f"rule {rule.name!r} returned a value of type {type(result).__name__!r}"
            return ABSTAIN, Problem(message, rule.where, "return a label's name, or None to abstain")
        message = f"rule {rule.name!r} returned {result[:80]!r}, which is no label"
        return ABSTAIN, Problem(message, rule.where, f"{nearest(result, self.labels)} or return None to abstain")

    def _column_vote(self, rule: Rule, column: Column, example: Example) -> tuple[int, Problem | None]:
        if column.field not in example.fields:
            remedy = nearest(column.field, example.fields) if example.fields else None
            return ABSTAIN, Problem(f"there is no column {column.field!r} of votes", rule.where, remedy)
        values = example.fields[column.field]
        if not isinstance(values, list | tuple):
            message = f"the column {column.field!r} holds no list of votes but {type(values).__name__}"
            return ABSTAIN, Problem(message, rule.where, "a list needs a format that has lists: JSONL or Parquet")
        if len(values) <= column.position or column.size not in (None, len(values)):
            expected = column.position + 1 if column.size is None else column.size
            message = f"the column {column.field!r} holds {len(values)} votes, for {expected} rules"
            return ABSTAIN, Problem(message, rule.where, "give as many names, or the count")
        value = values[column.position]
        if value is None or (value == ABSTAIN and not isinstance(value, bool)):
            return ABSTAIN, None
        if isinstance(value, str) and value in self._index:
            return self._index[value], None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(self.labels):
            return value, None
        message = f"rule {rule.name!r} votes {value!r:.80}, which is no label and no position of one"
        return ABSTAIN, Problem(message, rule.where, nearest(str(value), self.labels))

    def firings(self, example: Example) -> tuple[Firing, ...]:
        """The rules that say something about one example, with the characters that triggered them.

        A function that fails says nothing here.

        Raises:
            UserError: An expression takes too long.
        """
        votes = self.apply_one(example)
        try:
            spans = dict(zip(self._patterns, self._matcher.spans(example.text), strict=True))
        except MatchTimeoutError as error:
            raise _endless(self.rules[self._patterns[error.condition]], example, error) from None
        return tuple(
            Firing(self.rules[p].name, Label.of(self.labels[votes[0, p]]), tuple(spans.get(p, ())))
            for p in map(int, np.flatnonzero(votes[0] != ABSTAIN))
        )

    def apply_one(self, example: Example) -> np.ndarray:
        """Votes on one example, (1, rules). A function that fails, and votes that are not there, abstain here."""
        votes = np.full((1, len(self.rules)), ABSTAIN, dtype=np.int16)
        self._apply_patterns([example], votes)
        for position in self._calls:
            votes[0, position] = self._call_vote(self.rules[position], example, _FaultLog())[0]
        for position, column in self._columns:
            votes[0, position] = self._column_vote(self.rules[position], column, example)[0]
        return votes


def _raise_any(troubles: _Troubles) -> None:
    """One error for everything that is wrong, each thing said once."""
    if not troubles:
        return
    problems = []
    for problem, found in troubles.items():
        ids = list(found)
        more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
        texts = f"{'text' if len(ids) == 1 else 'texts'} {', '.join(map(repr, ids[:_SHOWN]))}{more}"
        problems.append(Problem(f"{problem.message} ({texts})", problem.where, problem.remedy))
    raise UserError.of(problems)


def _endless(rule: Rule, example: Example, error: MatchTimeoutError) -> UserError:
    return UserError(
        f"rule {rule.name!r} worked for more than {error.seconds:.3g} s on one text (id {example.id!r}, "
        f"{len(example.text)} characters): its expression backtracks without end",
        where=rule.where,
        remedy="write it without a repeated group inside a repetition",
    )


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
