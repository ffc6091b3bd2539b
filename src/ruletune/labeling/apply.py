"""Apply rules to texts: a matrix of what they say, with every fault told apart from an abstain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ruletune.errors import Problem, UserError, nearest
from ruletune.labeling.evaluate import Conditions, Embed, Holding
from ruletune.labeling.held import Held, failure
from ruletune.labeling.triggers import Triggers
from ruletune.labeling.votes import ABSTAIN, FAULT, Votes, silence_lower
from ruletune.rules.base import (
    Call,
    Column,
    Condition,
    Fault,
    Link,
    Metadata,
    Pattern,
    Prompt,
    Rule,
    Sentences,
    Similar,
    Terms,
    Veto,
    Vote,
    called,
    names_label,
    parts,
    references,
)
from ruletune.rules.demands import words_of
from ruletune.types import Example, Firing, Label, Span

__all__ = [
    "RuleSet",
    "check_faults",
    "check_fields",
    "fields_of",
    "needs_embedding",
]

_BATCH = 8192

_SHOWN = 5
"""Texts that a message names."""

_Troubles = dict[Problem, dict[str, None]]
"""What is wrong, and the ids of the texts that have it, each once."""


@dataclass(slots=True)
class _Log:
    """What went wrong so far.

    Attributes:
        faults: By rule, how often it failed and its first failure.
        tired: By number of a matched condition, on how many texts it used up its time.
        troubles: Mistakes that will be raised, and the ids of the texts that show them.
    """

    faults: dict[str, Fault] = field(default_factory=dict)
    tired: Counter[int] = field(default_factory=Counter)
    troubles: _Troubles = field(default_factory=dict)

    def fault(self, rule: str, example: Example, reason: str, *, count: int) -> None:
        first = self.faults.get(rule)
        if first is None:
            self.faults[rule] = Fault(rule, count, example.id, reason)
        else:
            self.faults[rule] = Fault(rule, first.count + count, first.example_id, first.traceback)


def needs_embedding(rules: Sequence[Rule]) -> bool:
    """Whether some condition compares sentence embeddings, so that a :class:`RuleSet` needs ``embed``."""
    conditions = [condition for rule in rules for condition in (rule.when, *rule.unless)]
    return any(_compares(part) for condition in conditions for part in parts(condition))


def _compares(condition: Condition) -> bool:
    return isinstance(condition, Similar) or (isinstance(condition, Sentences) and condition.by == "meaning")


class RuleSet:
    """Rules compiled once, to be applied many times.

    Args:
        labels: The task's; none where answers are texts: there a rule fires or does not.
        embed: Makes sentence embeddings, for rules that compare them.
        budget: Seconds of processor time that one expression may work on a text of so many characters; beyond
            it the text is a fault of the rule. Default 2 s and 1 s more for every 100,000.

    Raises:
        UserError: A rule speaks of a label that is not among ``labels``, or says nothing that can be used.

    >>> from ruletune.rules.base import Terms, Vote
    >>> rules = RuleSet((Rule("praise", Terms(("superb",)), Vote("good")),), labels=("bad", "good"))
    >>> rules.apply([Example("1", "Superb!"), Example("2", "Hm.")]).matrix.tolist()
    [[1], [-1]]
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        labels: Sequence[str],
        embed: Embed | None = None,
        budget: Callable[[int], float] | None = None,
    ) -> None:
        self.rules = tuple(rules)
        self.labels = tuple(labels)
        self._index = {label: position for position, label in enumerate(labels)}
        problems = [problem for rule in self.rules for problem in self._wrong(rule)]
        if problems:
            raise UserError.of(problems)
        self._conditions = Conditions(self.rules, embed=embed, budget=budget)
        self._says = [self._index.get(rule.label or "", 0) for rule in self.rules]
        self._signs = np.array([rule.sign for rule in self.rules], dtype=np.int8)
        conditions = [condition for rule in self.rules for condition in (rule.when, *rule.unless)]
        self._reads_fields = any(isinstance(part, Metadata) for condition in conditions for part in parts(condition))
        self._priorities = np.array([rule.priority for rule in self.rules], dtype=np.int16)

    def _wrong(self, rule: Rule) -> Iterator[Problem]:
        if rule.label is not None and rule.label not in self._index:
            verb = "vetoes" if isinstance(rule.says, Veto) else "votes for"
            message = f"rule {rule.name!r} {verb} the unknown label {rule.label!r}"
            yield Problem(message, rule.where, nearest(rule.label, self.labels))
        if isinstance(rule.when, Column) and rule.says is not None:
            yield Problem(f"rule {rule.name!r}: a column of votes says itself which label it means", rule.where)
        heard = any(rule.name in references(other) for other in self.rules) if rule.says is None else True
        if not heard and not names_label(rule.when):
            yield Problem(f"rule {rule.name!r} votes for no label", rule.where)
        if self.labels and not isinstance(rule.says, Vote | Veto | Prompt | Link | None):
            yield Problem(f"rule {rule.name!r} {words_of(rule.says)}, and the answer is a label", rule.where)
        if isinstance(rule.says, Link):
            yield Problem(f"rule {rule.name!r} links words, and the answer is a label", rule.where)

    def apply(
        self,
        examples: Sequence[Example],
        *,
        progress: Callable[[int], None] | None = None,
        whole: bool = True,
        strict: bool = True,
        tired: Counter[int] | None = None,
        each: Callable[[int], None] | None = None,
    ) -> Votes:
        """What all rules say about all examples.

        Args:
            progress: Told how many texts were done since it was last told.
            whole: These are all the texts there are: a rule that fails on every one of them is an error. A caller
                that goes through the texts piece by piece says ``False``, and calls :func:`check_fields` and
                :func:`check_faults` at the end.
            strict: Without it, columns that are not there or malformed count as abstains, as they must where
                a model is asked about texts that have no other columns; and no rule's failing is an error.
            tired: On how many texts each matched condition, by its number, used up its time; kept by a caller that
                goes on with other texts. One that did so too often is not tried any more, and is a fault.
            each: Told the position of a text before any rule sees it; then texts are gone through one by one, slowly.

        Raises:
            UserError: A column is missing or malformed on any text; a rule fails on every text, or returns
                what is no label.
        """
        matrix = np.full((len(examples), len(self.rules)), ABSTAIN, dtype=np.int16)
        log = _Log() if tired is None else _Log(tired=tired)
        if whole and strict and examples and self._reads_fields:
            check_fields(self.rules, fields_of(examples))
        size = _BATCH if each is None else 1
        for start in range(0, len(examples), size):
            if each is not None:
                each(start)
            batch = examples[start : start + size]
            self._fill(batch, matrix[start : start + size], log)
            if progress:
                progress(len(batch))
        if strict:
            _raise_any(log.troubles)
        votes = Votes(self.rules, self.labels, matrix, tuple(log.faults.values()))
        if whole and strict:
            check_faults(self.rules, votes.faults, texts=len(examples))
        return votes

    def _fill(self, examples: Sequence[Example], matrix: np.ndarray, log: _Log, *, mute: bool = True) -> None:
        holding = self._conditions.on(examples, log.tired)
        for position, rule in enumerate(self.rules):
            column = matrix[:, position]
            if isinstance(rule.when, Pattern | Terms) and not rule.unless:
                number = self._conditions.matched[rule.when]  # the road that most rules take
                column[holding.rows(number)] = self._says[position]
                unknown = holding.failed.get(number, {})
            elif rule.says is None and names_label(rule.when) and self.labels:
                unknown = self._named(rule, holding, column, log.troubles)
            else:
                held = holding.rule(rule.name)
                column[held.holds] = self._says[position]
                unknown = held.unknown
            if unknown:
                rows = sorted(unknown)
                column[rows] = FAULT
                log.fault(rule.name, examples[rows[0]], unknown[rows[0]], count=len(rows))
        if mute and self._priorities.any():
            silence_lower(matrix, self._signs, self._priorities)

    def _named(self, rule: Rule, holding: Holding, column: np.ndarray, troubles: _Troubles) -> dict[int, str]:
        """Fill in the labels that a condition names itself; the rows where it fails, and why."""
        unknown: dict[int, str] = {}
        match rule.when:
            case Similar() as similar:
                positions = [self._index[label] for label, _ in similar.descriptions]
                nearest_label = holding.nearest(similar)
                found = nearest_label >= 0
                column[found] = np.array(positions)[nearest_label[found]]
            case Column() | Call():
                for row, example in enumerate(holding.examples):
                    try:
                        column[row], trouble = self._label_of(rule, example)
                    except Exception as error:  # a user's function may raise anything
                        unknown[row] = failure(error, whole=not unknown)
                        continue
                    if trouble:
                        troubles.setdefault(trouble, {})[example.id] = None
        if rule.unless:
            held = holding.excepted(Held(column >= 0, unknown), rule)
            column[~held.holds] = ABSTAIN
            return held.unknown
        return unknown

    def _label_of(self, rule: Rule, example: Example) -> tuple[int, Problem | None]:
        if isinstance(rule.when, Column):
            return self._column_vote(rule, rule.when, example)
        assert isinstance(rule.when, Call)
        result = called(rule.when, example)
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

    def slow(self) -> dict[str, str]:
        """Rules that cannot be matched along with all others, by name, and why."""
        return self._conditions.slow()

    def firings(self, example: Example) -> tuple[Firing, ...]:
        """The rules that say something about one example, with the characters that triggered them.

        Rules that fail say nothing here, and helpers never do.
        """
        return self._firings(example, self.apply_one(example)[0])

    def firings_of(self, votes: Votes, examples: Sequence[Example]) -> list[tuple[Firing, ...]]:
        """The same for each example, from what was found about all of them."""
        return [self._firings(example, said) for example, said in zip(examples, votes.matrix, strict=True)]

    def _firings(self, example: Example, said: np.ndarray) -> tuple[Firing, ...]:
        fired = [n for n in np.flatnonzero(said >= 0).tolist() if self._speaks(self.rules[n])]
        return tuple(
            Firing(
                self.rules[position].name,
                Label.of(self.labels[said[position]]) if self._signs[position] else None,
                spans,
                veto=self._signs[position] < 0,
            )
            for position, spans in zip(fired, self.triggers(example, fired), strict=True)
        )

    def _speaks(self, rule: Rule) -> bool:
        return rule.says is not None or (names_label(rule.when) and bool(self.labels))

    def triggers(self, example: Example, positions: Sequence[int]) -> list[tuple[Span, ...]]:
        """What of a text made each of some rules fire, by position; the text is searched once."""
        if not positions:
            return []
        found = Triggers(self._conditions, example)
        return [found.of(self.rules[position].when) for position in positions]

    def spans(self, name: str, example: Example) -> tuple[Span, ...]:
        """What of a text meets a rule's condition, in reading order, whatever its exceptions and other rules say."""
        return Triggers(self._conditions, example).of(self._conditions.by_name[name].when)

    def apply_one(self, example: Example, *, mute: bool = True) -> np.ndarray:
        """What the rules say about one example, (1, rules); votes and columns that are not there abstain here.

        Args:
            mute: Whether rules of lower priority are silenced by those of higher, as :meth:`apply` has it.
        """
        said = np.full((1, len(self.rules)), ABSTAIN, dtype=np.int16)
        self._fill([example], said, _Log(), mute=mute)
        return said

    def without(self, said: np.ndarray, position: int) -> np.ndarray:
        """What rules say if one of them says nothing, (texts, rules): those that it silenced are heard.

        Args:
            said: What they say before any is silenced, as :meth:`apply_one` gives it with ``mute=False``.
            position: Of the rule; it stays in its place.
        """
        left = said.copy()
        left[:, position] = ABSTAIN
        if self._priorities.any():
            silence_lower(left, self._signs, self._priorities)
        return left


def fields_of(examples: Iterable[Example]) -> set[str]:
    """The columns that rules can read: those that at least one row has."""
    there: set[str] = set()
    for example in examples:
        there.update(example.fields)
        if example.text_pair is not None:
            there |= {"text_pair", "question"}
    return there


def check_fields(rules: Iterable[Rule], there: Collection[str]) -> None:
    """A column that a rule reads and that no row has is a mistake in the rule.

    Args:
        there: The columns that some row has, as :func:`fields_of` finds them.

    Raises:
        UserError: There is one.
    """
    problems = []
    for rule in rules:
        conditions = [part for condition in (rule.when, *rule.unless) for part in parts(condition)]
        for name in dict.fromkeys(part.field for part in conditions if isinstance(part, Metadata)):
            if name not in there:
                remedy = nearest(name, there) if there else "the data has no other columns"
                message = f"rule {rule.name!r} reads the column {name!r}, which is not there"
                problems.append(Problem(message, rule.where, remedy))
    if problems:
        raise UserError.of(problems)


def check_faults(rules: Sequence[Rule], faults: Sequence[Fault], *, texts: int) -> None:
    """A rule that failed on every text is broken.

    Raises:
        UserError: There is one.
    """
    where = {rule.name: rule.where for rule in rules}
    problems = []
    for fault in faults:
        if fault.count == texts > 0:
            last = fault.traceback.strip().splitlines()[-1]
            problems.append(Problem(f"rule {fault.rule!r} fails on every text: {last}", where[fault.rule]))
    if problems:
        raise UserError.of(problems)


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
