"""Apply rules to texts where the answer is spans: what every rule says, and of which characters.

The same rules as for labels say more here: every match of an expression or a term is a vote for a span, over the match or
over the group named ``entity`` (or ``answer``) where the expression has one. Conditions on a whole text (``all``, ``unless``, ``field``,
...) decide whether the rule speaks at all; what it speaks of are the spans of its first part that has any. Of
overlapping matches of one rule the longest counts. A veto whose condition speaks of no characters is one over the whole
text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import itemgetter

import numpy as np

from ruletune.errors import Problem, UserError, nearest
from ruletune.labeling.apply import check_faults, check_fields, fields_of
from ruletune.labeling.evaluate import Conditions, Embed, Holding
from ruletune.labeling.finding import Finder, has_spans
from ruletune.labeling.held import Held, failure, overrun_reason
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.votes import ABSTAIN, FAULT
from ruletune.rules.base import (
    Call,
    Column,
    Fault,
    Link,
    Metadata,
    Pattern,
    Rule,
    Veto,
    Vote,
    called,
    names_label,
    parts,
)
from ruletune.rules.matching import MatchTimeoutError
from ruletune.types import Example, Firing, Span

__all__ = ["SpanRules"]

_BATCH = 8192

_SHOWN = 5
"""Texts that a message names."""

_Found = tuple[int, int, int]
"""Start, end and label of something that a rule says."""

_Cell = tuple[int, int, int, int, int]
"""The row of the text, start, end, the rule's position and label."""


class SpanRules:
    """Rules that speak of spans, compiled once.

    Args:
        embed: Makes sentence embeddings, for conditions that compare them.
        budget: Seconds that one expression may work on a text of so many characters.

    Raises:
        UserError: A rule speaks of a label that is not among ``labels``, or says nothing that can be used.

    >>> from ruletune.rules.base import Terms, Vote
    >>> rules = SpanRules((Rule("towns", Terms(("Paris", "Paris Nord")), Vote("LOC")),), labels=("LOC",))
    >>> [answer] = [firing.answer for firing in rules.firings(Example("1", "To Paris Nord!"))]
    >>> answer
    Spans(spans=(Span(start=3, end=13, label='LOC'),))
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        labels: Sequence[str],
        embed: Embed | None = None,
        budget: Callable[[int], float] | None = None,
    ) -> None:
        self.rules, self.labels = tuple(rules), tuple(labels)
        self._index = {label: position for position, label in enumerate(labels)}
        problems = [problem for rule in self.rules for problem in self._wrong(rule)]
        if problems:
            raise UserError.of(problems)
        self._conditions = Conditions(self.rules, embed=embed, budget=budget)
        conditions = [condition for rule in self.rules for condition in (rule.when, *rule.unless)]
        self._silencing = len({rule.priority for rule in self.rules}) > 1
        self._reads_fields = any(isinstance(part, Metadata) for condition in conditions for part in parts(condition))

    def _wrong(self, rule: Rule) -> Iterable[Problem]:
        if rule.label is not None and rule.label not in self._index:
            yield Problem(
                f"rule {rule.name!r} speaks of the unknown label {rule.label!r}",
                rule.where,
                nearest(rule.label, self.labels),
            )
        if not isinstance(rule.says, Vote | Veto | Link | None):
            yield Problem(f"rule {rule.name!r} says nothing about spans", rule.where, "it can vote, veto or link")
        # A veto on no characters is one on all of them; a vote and a link are of none then.
        speaks = (rule.says is not None and rule.sign >= 0) or names_label(rule.when)
        if speaks and not has_spans(rule.when, {each.name: each for each in self.rules}):
            remedy = "it needs a part that matches characters: regex, keywords, gazetteer, span or a function"
            yield Problem(f"rule {rule.name!r} does not say of which characters it speaks", rule.where, remedy)

    def apply(
        self,
        examples: Sequence[Example],
        *,
        progress: Callable[[int], None] | None = None,
        strict: bool = True,
        whole: bool = True,
        tired: Counter[int] | None = None,
        each: Callable[[int], None] | None = None,
    ) -> SpanVotes:
        """What all rules say about all examples.

        Args:
            progress: Told how many texts were done since it was last told.
            strict: Without it, columns that are not there count as silence, and no rule's failing is an error.
            whole: These are all examples there are; else whoever has them all looks for columns that no example has, with
                :func:`ruletune.labeling.apply.check_fields`, and for rules that fail on every text.
            tired, each: As :meth:`ruletune.labeling.apply.RuleSet.apply` takes them.

        Raises:
            UserError: A column is missing or malformed; a rule fails on every text, or gives what is no span.
        """
        if strict and whole and examples and self._reads_fields:
            check_fields(self.rules, fields_of(examples))
        said = _Said()
        tired = Counter() if tired is None else tired
        size = _BATCH if each is None else 1
        for start in range(0, len(examples), size):
            if each is not None:
                each(start)
            batch = examples[start : start + size]
            self._fill(batch, start, said, tired)
            if progress:
                progress(len(batch))
        if strict:
            said.raise_troubles()
        votes = said.votes(self.rules, self.labels, len(examples))
        if strict and whole:
            check_faults(self.rules, votes.faults, texts=len(examples))
        return votes

    def apply_one(self, example: Example, *, mute: bool = True) -> np.ndarray:
        """For each rule the label that it speaks of first, as :meth:`RuleSet.apply_one` has it, (1, rules).

        Args:
            mute: Whether rules of lower priority are silenced by those of higher.
        """
        said = np.full((1, len(self.rules)), ABSTAIN, dtype=np.int16)
        found = _Said()
        self._fill([example], 0, found, Counter(), mute=mute)
        found.raise_troubles()
        votes = found.votes(self.rules, self.labels, 1)
        for rule, label in zip(votes.rule[::-1].tolist(), votes.label[::-1].tolist(), strict=True):
            said[0, rule] = label
        failed = {fault.rule for fault in votes.faults}
        said[0, [rule.name in failed for rule in self.rules]] = FAULT
        return said

    def without(self, examples: Sequence[Example], votes: SpanVotes, position: int) -> SpanVotes:
        """What the rules say of examples if one of them says nothing: those that it silenced are heard.

        Args:
            votes: What they say with it.
            position: Of the rule, which stays in its place.
        """
        if len({rule.priority for rule in self.rules}) < 2:
            return votes.silenced(position)
        said = _Said()
        self._fill(examples, 0, said, Counter(), gone=position)
        return said.votes(self.rules, self.labels, len(examples))

    def slow(self) -> dict[str, str]:
        """Rules that cannot be matched along with all others, by name, and why."""
        return self._conditions.slow()

    def firings(self, example: Example) -> tuple[Firing, ...]:
        """The rules that say something about one example: the spans that they speak of."""
        [found] = self.apply([example], strict=False).firings()
        return found

    def _fill(
        self,
        examples: Sequence[Example],
        offset: int,
        said: _Said,
        tired: Counter[int],
        *,
        mute: bool = True,
        gone: int | None = None,
    ) -> None:
        holding = self._conditions.on(examples, tired)
        finder = Finder(self._conditions, holding)
        cells: list[_Cell] = []
        for position, rule in enumerate(self.rules):
            if position == gone or (rule.says is None and not names_label(rule.when)):
                continue
            unknown = self._rule(position, rule, holding, finder, cells, said)
            if unknown:
                rows = sorted(unknown)
                said.fault(rule.name, examples[rows[0]].id, unknown[rows[0]], count=len(rows))
        said.add(offset, self._heard(cells) if mute and self._silencing else cells)

    def _rule(
        self,
        position: int,
        rule: Rule,
        holding: Holding,
        finder: Finder,
        cells: list[_Cell],
        said: _Said,
    ) -> dict[int, str]:
        """Add what a rule says; the rows where it fails, and why."""
        if isinstance(rule.when, Call | Column):
            everywhere = Held(np.ones(len(holding.examples), dtype=bool))
            held = holding.excepted(everywhere, rule)
        else:
            held = holding.rule(rule.name)
        unknown = dict(held.unknown)
        label = self._index.get(rule.label or "", 0)
        whole = rule.sign < 0 and not has_spans(rule.when, self._conditions.by_name)
        if isinstance(rule.when, Pattern):
            self._matched(position, rule.when, held, label, holding.examples, cells, unknown)
            return unknown
        for row in map(int, np.flatnonzero(held.holds)):
            example = holding.examples[row]
            try:
                if isinstance(rule.when, Call):
                    found = self._called(rule, rule.when, example)
                elif isinstance(rule.when, Column):
                    found = self._column(rule, rule.when, example)
                elif whole:
                    found = [(0, len(example.text), label)]
                else:
                    found = [(start, end, label) for start, end in finder.spans(rule.when, row)]
            except _WrongError as error:
                said.trouble(Problem(f"rule {rule.name!r} {error.args[0]}", rule.where, error.args[1]), example.id)
                continue
            except MatchTimeoutError as error:
                unknown[row] = overrun_reason(error.seconds, len(example.text))
                continue
            except Exception as error:  # a user's function may raise anything
                unknown[row] = failure(error, whole=not unknown)
                continue
            cells += [(row, start, end, position, label) for start, end, label in _longest(found)]
        return unknown

    def _matched(
        self,
        position: int,
        condition: Pattern,
        held: Held,
        label: int,
        examples: Sequence[Example],
        cells: list[_Cell],
        unknown: dict[int, str],
    ) -> None:
        """Add what one expression matches: the road that most rules take."""
        rows = np.flatnonzero(held.holds).tolist()
        texts = [examples[row].text for row in rows]
        found = self._conditions.matcher.pattern_spans_of(self._conditions.matched[condition], texts)
        for row, spans in zip(rows, found, strict=True):
            if isinstance(spans, MatchTimeoutError):
                unknown[row] = overrun_reason(spans.seconds, len(examples[row].text))
            else:
                apart = spans if _apart(spans) else [each[:2] for each in _longest([(*span, label) for span in spans])]
                cells += [(row, start, end, position, label) for start, end in apart]

    def _called(self, rule: Rule, condition: Call, example: Example) -> list[_Found]:
        """What a function gives: nothing, or (start, end), (start, end, label) or spans, one after the other."""
        result = called(condition, example)
        if result is None or result is False:
            return []
        if isinstance(result, str | bytes) or not isinstance(result, Iterable):
            raise _WrongError(
                f"returned a value of type {type(result).__name__!r}", "return None, or a list of (start, end)"
            )
        return [self._span(one, rule.label, example) for one in result]

    def _column(self, rule: Rule, column: Column, example: Example) -> list[_Found]:
        """What the data carries: for each rule a list of [start, end, label]."""
        if column.field not in example.fields:
            raise _WrongError(f"reads the column {column.field!r} of votes, which is not there", None)
        values = example.fields[column.field]
        if not isinstance(values, list | tuple) or len(values) <= column.position:
            raise _WrongError(
                f"reads the column {column.field!r}, which has no list of votes for it",
                "write for every rule a list of [start, end, label]",
            )
        mine = values[column.position]
        if mine is None or mine == -1:
            return []
        if not isinstance(mine, list | tuple):
            raise _WrongError(f"votes {mine!r:.80}, which is no list of spans", "write [[start, end, label], ...]")
        return [self._span(one, None, example) for one in mine]

    def _span(self, value: object, label: str | None, example: Example) -> _Found:
        """One span, however it is written."""
        if isinstance(value, Span):
            value = (value.start, value.end, value.label) if value.label else (value.start, value.end)
        if isinstance(value, dict):
            value = [value.get(key) for key in ("start", "end", "label") if key in value]
        remedy = "write (start, end), or (start, end, label)"
        if not isinstance(value, list | tuple) or len(value) not in (2, 3):
            raise _WrongError(f"gives {value!r:.80}, which is no span", remedy)
        start, end, named = value[0], value[1], value[2] if len(value) == 3 else label
        if not _whole(start) or not _whole(end) or not 0 <= int(start) < int(end) <= len(example.text):
            raise _WrongError(f"gives {value!r:.80}, which is no range of the text's characters", remedy)
        if named is None or (named not in self._index and label is None):
            raise _WrongError(
                f"gives a span of the label {named!r:.80}, which is none", nearest(str(named), self.labels)
            )
        if named not in self._index:
            raise _WrongError(f"gives a span of the unknown label {named!r:.80}", nearest(str(named), self.labels))
        return int(start), int(end), self._index[named]

    def _heard(self, cells: list[_Cell]) -> list[_Cell]:
        """What is left where only rules of the highest priority are heard about the same characters of a text."""
        kept: list[_Cell] = []
        for _, several in groupby(sorted(cells, key=itemgetter(0)), key=itemgetter(0)):
            found = list(several)
            priorities = {rule: self.rules[rule].priority for _, _, _, rule, _ in found}
            taken: list[tuple[int, int]] = []  # what rules of higher priority speak of, merged
            for priority in sorted(set(priorities.values()), reverse=True):
                mine = [cell for cell in found if priorities[cell[3]] == priority]
                starts = [start for start, _ in taken]
                for cell in mine:
                    place = bisect_left(starts, cell[2]) - 1
                    if place < 0 or taken[place][1] <= cell[1]:
                        kept.append(cell)
                taken = _merged([*taken, *((start, end) for _, start, end, _, _ in mine)])
        return kept


class _WrongError(ValueError):
    """What a rule gives is no answer: what it is, and what would be right."""


class _Said:
    """What was said so far, and what went wrong."""

    def __init__(self) -> None:
        self._tables = [np.empty((0, 5), dtype=np.int32)]
        self._faults: dict[str, Fault] = {}
        self._troubles: dict[Problem, list[str]] = {}

    def add(self, offset: int, cells: list[_Cell]) -> None:
        """What was said of some texts, whose rows are counted from ``offset``."""
        table = np.array(cells, dtype=np.int32).reshape(-1, 5)
        table[:, 0] += offset
        self._tables.append(table)

    def fault(self, rule: str, example: str, reason: str, *, count: int) -> None:
        first = self._faults.get(rule)
        self._faults[rule] = (
            Fault(rule, count, example, reason)
            if first is None
            else Fault(rule, first.count + count, first.example_id, first.traceback)
        )

    def trouble(self, problem: Problem, example: str) -> None:
        self._troubles.setdefault(problem, []).append(example)

    def raise_troubles(self) -> None:
        problems = []
        for problem, ids in self._troubles.items():
            more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            texts = f"{'text' if len(ids) == 1 else 'texts'} {', '.join(map(repr, ids[:_SHOWN]))}{more}"
            problems.append(Problem(f"{problem.message} ({texts})", problem.where, problem.remedy))
        if problems:
            raise UserError.of(problems)

    def votes(self, rules: tuple[Rule, ...], labels: tuple[str, ...], texts: int) -> SpanVotes:
        row, start, end, rule, label = np.concatenate(self._tables).T
        order = np.lexsort((label, rule, end, start, row))
        row, start, end, rule, label = (column[order] for column in (row, start, end, rule, label))
        return SpanVotes(rules, labels, texts, row, rule, start, end, label, tuple(self._faults.values()))


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order, those that meet as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _apart(spans: Iterable[tuple[int, int]]) -> bool:
    """Whether none is empty and each begins behind the one before, as matches of one expression mostly do."""
    behind = 0
    for start, end in spans:
        if start < behind or end <= start:
            return False
        behind = end
    return True


def _whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _longest(found: list[_Found]) -> list[_Found]:
    """Spans of one rule that do not overlap: the longest first, and of these the leftmost. Empty matches are none."""
    ordered = sorted({span for span in found if span[1] > span[0]})
    if _apart(span[:2] for span in ordered):
        return ordered
    kept: list[_Found] = []
    for span in sorted(ordered, key=lambda span: (span[0] - span[1], span)):
        place = bisect_left(kept, span)
        before, after = kept[place - 1 : place] if place else [], kept[place : place + 1]
        if all(other[1] <= span[0] for other in before) and all(span[1] <= other[0] for other in after):
            kept.insert(place, span)
    return kept
