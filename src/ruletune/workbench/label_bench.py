"""Rules of tasks whose answer is a label, while they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.analysis import Tallies, polarity, tally
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.corpus import gold_matrix
from ruletune.labeling.distinct import Distinct, distinct
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.incremental import RulePool, by_itself, with_references
from ruletune.labeling.label_model import LabelModel
from ruletune.labeling.table import covered, fit_label_model, rule_rows, table_of
from ruletune.labeling.votes import Votes
from ruletune.metrics.calibration import wilson_interval
from ruletune.rules.base import Rule, names_label
from ruletune.types import Example, Label
from ruletune.workbench.bench import BUDGET, Check, Drafted, Look, gold_has, own_rules, share
from ruletune.workbench.texts import Texts
from ruletune.workbench.values import Demanded, Fired, Said, Table, Totals, answer_json

__all__ = ["LabelBench", "LabelLook"]

_REMEMBERED = 64
"""Drafts whose votes are remembered: a letter that is typed and taken back costs nothing."""


class Triggers:
    """Finds what of a text makes rules fire; rules of later sets stand for those of the same name in earlier ones."""

    def __init__(self, sets: Sequence[RuleSet]) -> None:
        self._sets = tuple(sets)
        self._of = {rule.name: (each, n) for each in sets for n, rule in enumerate(each.rules)}

    def with_set(self, rules: RuleSet) -> Triggers:
        return Triggers((*self._sets, rules))

    def spans(self, example: Example, names: Sequence[str]) -> dict[str, tuple[tuple[int, int], ...]]:
        """The characters, by rule; each set searches the text once."""
        found = {}
        for each in self._sets:
            mine = {name: self._of[name][1] for name in names if self._of[name][0] is each}
            for name, spans in zip(mine, each.triggers(example, list(mine.values())), strict=True):
                found[name] = tuple((span.start, span.end) for span in spans)
        return found


@dataclass(frozen=True)
class LabelLook:
    """All rules of a task on all texts.

    Attributes:
        gold: (texts, labels) in {0, 1}, NaN rows where unknown.
        rows: The different rows of votes and gold; what the label model says is worked out for these.
        beliefs: (different rows, labels).
    """

    spec: TaskSpec
    texts: Texts
    votes: Votes
    gold: np.ndarray
    model: LabelModel
    rows: Distinct
    beliefs: np.ndarray
    covered: np.ndarray
    triggers: Triggers

    @classmethod
    def of(cls, spec: TaskSpec, texts: Texts, votes: Votes, gold: np.ndarray, triggers: Triggers) -> LabelLook:
        rows = distinct(votes.matrix, gold)
        model = fit_label_model(spec, votes.matrix, gold, different=rows)
        few = votes.take(rows.first)
        beliefs = model.posterior(few.matrix)
        return cls(
            spec, texts, votes, gold, model, rows, beliefs, covered(spec.task, few)[rows.inverse], triggers
        )  # fmt: skip

    @property
    def multi(self) -> bool:
        return self.spec.file.multi_label

    @cached_property
    def said(self) -> Tallies:
        return tally(self.votes, multi=self.multi)

    @cached_property
    def chosen(self) -> np.ndarray:
        """The weak labels of the different rows, (different rows, labels) bool."""
        if self.multi:
            return np.asarray(self.beliefs > 0.5)
        return np.asarray(np.eye(len(self.spec.labels), dtype=bool)[self.beliefs.argmax(axis=1)])

    @cached_property
    def conflict(self) -> np.ndarray:
        found = np.zeros(len(self.votes.matrix), dtype=bool)
        found[self.said.cells.rows[self.said.conflicts]] = True
        return found

    @cached_property
    def known(self) -> np.ndarray:
        return np.asarray(~np.isnan(self.gold).any(axis=1))

    @cached_property
    def right(self) -> np.ndarray:
        """Texts whose weak label is the gold one, (texts,) bool."""
        judged = np.flatnonzero(self.known & self.covered)
        found = np.zeros(len(self.gold), dtype=bool)
        found[judged] = (self.chosen[self.rows.inverse[judged]] == (self.gold[judged] > 0.5)).all(axis=1)
        return found

    @property
    def wrong(self) -> np.ndarray:
        return np.asarray(self.known & self.covered & ~self.right)

    @cached_property
    def totals(self) -> Totals:
        judged, right = int((self.known & self.covered).sum()), int(self.right.sum())
        sure = np.where(self.chosen, self.beliefs, 1 - self.beliefs).mean(axis=1)
        sure = (sure if self.multi else self.beliefs.max(axis=1, initial=0.0))[self.rows.inverse][self.covered]
        return Totals(
            coverage=share(self.covered),
            overlap=share(self.said.speakers > 1),
            conflict=share(self.conflict),
            right=right / judged if judged else None,
            judged=judged,
            interval=wilson_interval(right, judged) if judged else None,
            believed=float(sure.mean()) if len(sure) else None,
        )

    @cached_property
    def table(self) -> Table:
        found = table_of(self.spec, self.votes, self.gold, model=self.model, said=self.said)
        return Table(found.rows, found.texts, found.gold, found.coverage, found.overlap, found.conflict)

    def fires(self, rule: str) -> np.ndarray:
        column = self._column.get(rule)
        return np.zeros(len(self.gold), dtype=bool) if column is None else np.asarray(self.votes.matrix[:, column] >= 0)

    @cached_property
    def _column(self) -> dict[str, int]:
        return {rule.name: n for n, rule in enumerate(self.votes.rules)}

    def has(self, label: str) -> np.ndarray:
        if label not in self.spec.labels:
            return np.zeros(len(self.gold), dtype=bool)
        weak = self.chosen[self.rows.inverse, self.spec.labels.index(label)] & self.covered
        return np.where(self.known, gold_has(self.texts, label), weak)

    def answer(self, row: int) -> Label | None:
        """The weak label of a text."""
        if not self.covered[row]:
            return None
        return Label.of(*(self.spec.labels[k] for k in np.flatnonzero(self.chosen[self.rows.inverse[row]])))

    def weak(self, row: int) -> Said | None:
        label = self.answer(row)
        if label is None:
            return None
        beliefs, chosen = self.beliefs[self.rows.inverse[row]], self.chosen[self.rows.inverse[row]]
        sure = np.where(chosen, beliefs, 1 - beliefs).mean() if self.multi else beliefs.max()
        return Said(answer_json(label, multi=self.multi), float(sure))

    def firings(self, row: int) -> tuple[Fired, ...]:
        said = self.votes.matrix[row]
        fired = [(self.votes.rules[n], int(said[n])) for n in np.flatnonzero(said >= 0).tolist()]
        fired = [(rule, value) for rule, value in fired if rule.says is not None or names_label(rule.when)]
        spans = self.triggers.spans(self.texts.examples[row], [rule.name for rule, _ in fired])
        found = []
        for rule, value in fired:
            label = self.votes.labels[value] if rule.sign else None
            says = polarity(rule, (label,) if label else ())
            found.append(Fired(rule.name, says, label, rule.sign < 0, spans[rule.name]))
        return tuple(found)

    def demands(self, row: int) -> tuple[Demanded, ...]:
        return ()

    @cached_property
    def shares(self) -> Mapping[str, float]:
        counts = np.bincount(self.rows.inverse[self.covered], minlength=len(self.chosen)) @ self.chosen
        total = max(int(self.covered.sum()), 1)
        return {label: float(count / total) for label, count in zip(self.spec.labels, counts, strict=True)}


class LabelBench:
    """Texts that remember what each rule said about them."""

    def __init__(self, texts: Texts, labels: Sequence[str], *, embed: Embed | None = None) -> None:
        self._lock = Lock()
        self._embed = embed
        self._labels = tuple(labels)
        self._pool = RulePool(texts.examples, labels=labels, embed=embed, budget=BUDGET, remember=_REMEMBERED)

    def look(self, spec: TaskSpec, texts: Texts) -> LabelLook:
        gold = gold_matrix(texts.examples, spec.labels)
        return LabelLook.of(spec, texts, self._votes(spec.rules), gold, Triggers([self._compiled(spec.rules)]))

    def _votes(self, rules: Sequence[Rule]) -> Votes:
        with self._lock:
            votes = self._pool.update(rules)
            return replace(votes, matrix=votes.matrix.copy())  # the pool writes on it

    def _compiled(self, rules: Sequence[Rule]) -> RuleSet:
        return RuleSet(rules, labels=self._labels, embed=self._embed, budget=BUDGET)

    def draft(self, base: Look, spec: TaskSpec, texts: Texts, place: int, *, check: Check) -> Drafted:
        assert isinstance(base, LabelLook)
        votes = self._votes(spec.rules)
        check()
        own = own_rules(spec, place)
        needed = with_references(own, {rule.name: rule for rule in spec.rules})
        triggers = base.triggers.with_set(self._compiled([by_itself(rule, self._labels) for rule in needed]))
        look = LabelLook.of(spec, texts, votes, base.gold, triggers)
        check()
        rows = rule_rows(votes, gold=base.gold, label_model=look.model, multi=look.multi, said=look.said)
        gained, lost, turned = _moved(base, look)
        matched = np.zeros(len(base.gold), dtype=bool)
        for rule in own:
            matched |= look.fires(rule.name)
        mine = {rule.name for rule in own}
        return Drafted(
            tuple(row for row in rows if row.name in mine),
            base.totals, look.totals, gained, lost, turned, matched, look,
        )  # fmt: skip

    def forget(self) -> None:
        with self._lock:
            self._pool.forget_compared()


def _moved(before: LabelLook, after: LabelLook) -> tuple[int, int, int]:
    """How many texts have a weak label only after, only before, or another one."""
    both = before.covered & after.covered
    size = len(after.chosen)
    pairs, counts = np.unique(before.rows.inverse[both] * size + after.rows.inverse[both], return_counts=True)
    other = (before.chosen[pairs // max(size, 1)] != after.chosen[pairs % max(size, 1)]).any(axis=1)
    gained, lost = after.covered & ~before.covered, before.covered & ~after.covered
    return int(gained.sum()), int(lost.sum()), int(counts[other].sum())
