"""Rules of tasks whose answer is a text, while they are written: what they demand, and whether references keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.analysis import kind_name
from ruletune.labeling.apply import RuleSet, needs_embedding
from ruletune.labeling.demanding import Demanded as Found
from ruletune.labeling.demanding import Demanding
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.incremental import essence, with_references
from ruletune.labeling.satisfaction import satisfaction
from ruletune.metrics.calibration import wilson_interval
from ruletune.metrics.texts import references_of
from ruletune.report.demands import DemandRow
from ruletune.rules.base import Rule
from ruletune.rules.demands import Demand, unmet, words_of
from ruletune.types import Answer, Example, Firing
from ruletune.workbench.bench import BUDGET, Check, Drafted, Look, own_rules, share
from ruletune.workbench.texts import Texts
from ruletune.workbench.values import Demanded, Fired, Said, Table, Totals

__all__ = ["TextBench", "TextLook"]

_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class _Column:
    """What one rule demands.

    Attributes:
        demands: By row, of the texts on which it fires.
        replies: By row, the answers that it gives.
        firings: By row.
        broken: Rows whose references do not keep all of it.
        row: Of the table of rules.
    """

    demands: Mapping[int, tuple[Demand, ...]]
    replies: Mapping[int, tuple[str, ...]]
    firings: Mapping[int, Firing]
    broken: frozenset[int]
    row: DemandRow
    compares: bool


@dataclass(frozen=True)
class TextLook:
    """All rules of a task on all texts."""

    spec: TaskSpec
    texts: Texts
    columns: tuple[tuple[Rule, _Column], ...]

    @cached_property
    def _speakers(self) -> np.ndarray:
        counts = np.zeros(len(self.texts.examples), dtype=np.int64)
        for _, column in self.columns:
            counts[list(column.firings)] += 1
        return counts

    @cached_property
    def covered(self) -> np.ndarray:
        return np.asarray(self._speakers > 0)

    @cached_property
    def wrong(self) -> np.ndarray:
        found = np.zeros(len(self.texts.examples), dtype=bool)
        for _, column in self.columns:
            found[list(column.broken)] = True
        return found

    @property
    def conflict(self) -> np.ndarray:
        """References that do not keep what is demanded: the contrary of what a rule says stands there."""
        return self.wrong

    @cached_property
    def totals(self) -> Totals:
        judged = self.texts.known & self.covered
        count, right = int(judged.sum()), int((judged & ~self.wrong).sum())
        return Totals(
            coverage=share(self.covered),
            overlap=share(self._speakers > 1),
            conflict=share(self.conflict),
            right=right / count if count else None,
            judged=count,
            interval=wilson_interval(right, count) if count else None,
            believed=None,
        )

    @cached_property
    def table(self) -> Table:
        totals = self.totals
        rows = tuple(replace(column.row, name=rule.name, where=str(rule.where or "")) for rule, column in self.columns)
        known = int(self.texts.known.sum())
        return Table(rows, len(self.texts.examples), known, totals.coverage, totals.overlap, totals.conflict)

    def fires(self, rule: str) -> np.ndarray:
        found = np.zeros(len(self.texts.examples), dtype=bool)
        for each, column in self.columns:
            if each.name == rule:
                found[list(column.firings)] = True
        return found

    def has(self, label: str) -> np.ndarray:
        return np.zeros(len(self.texts.examples), dtype=bool)

    def answer(self, row: int) -> Answer | None:
        return None

    def weak(self, row: int) -> Said | None:
        return None

    def firings(self, row: int) -> tuple[Fired, ...]:
        return tuple(
            Fired(
                rule.name, column.row.demands, None, False, tuple((s.start, s.end) for s in column.firings[row].spans)
            )
            for rule, column in self.columns
            if row in column.firings
        )

    def demands(self, row: int) -> tuple[Demanded, ...]:
        example = self.texts.examples[row]
        given = references_of(example)
        found = []
        for rule, column in self.columns:
            for demand in column.demands.get(row, ()):
                kept = any(not unmet([demand], example, each) for each in given) if given else None
                found.append(Demanded(rule.name, words_of(demand.what), kept))
            found += [Demanded(rule.name, f"replies {reply!r}", None) for reply in column.replies.get(row, ())]
        return tuple(dict.fromkeys(found))

    @property
    def shares(self) -> Mapping[str, float]:
        return {}


class TextBench:
    """Texts that remember what each rule demands of their answers."""

    def __init__(self, texts: Texts, *, embed: Embed | None = None) -> None:
        self._lock = Lock()
        self._embed = embed
        self._answers: tuple[Answer | None, ...] = ()
        self._columns: dict[object, _Column] = {}

    def look(self, spec: TaskSpec, texts: Texts) -> TextLook:
        with self._lock:
            answers = tuple(example.answer for example in texts.examples)
            if answers != self._answers:  # what references keep is known no more
                self._answers, self._columns = answers, {}
            by_name = {rule.name: rule for rule in spec.rules}
            keys = [(essence(rule, by_name), rule.says) for rule in spec.rules]
            for key, rule in zip(keys, spec.rules, strict=True):
                if key not in self._columns:
                    self._columns[key] = self._applied(rule, by_name, texts)
            others = [key for key in self._columns if key not in set(keys)]
            self._columns = {key: self._columns[key] for key in (*others[-_REMEMBERED:], *keys)}
            return TextLook(spec, texts, tuple(zip(spec.rules, (self._columns[key] for key in keys), strict=True)))

    def _applied(self, rule: Rule, by_name: dict[str, Rule], texts: Texts) -> _Column:
        """What one rule demands: looked for in all texts at once, and then worked out where it fires."""
        needed = [replace(each, priority=0) for each in with_references([rule], by_name)]
        compares, count = needs_embedding(needed), len(texts.examples)
        if rule.says is None:
            return _Column({}, {}, {}, frozenset(), _demand_row(rule, 0, 0, 0, count), compares)
        votes = RuleSet(needed, labels=(), embed=self._embed, budget=BUDGET).apply(texts.examples)
        rows = np.flatnonzero(votes.matrix[:, 0] >= 0).tolist()
        examples = [texts.examples[row] for row in rows]
        demanding = Demanding(needed, embed=self._embed)
        found = demanding.demands(examples, strict=False)
        fired: dict[int, Firing] = {}
        demands: dict[int, tuple[Demand, ...]] = {}
        for row, several, each in zip(rows, demanding.firings_of(found, examples), found.by_example, strict=True):
            fired.update((row, own) for own in several if own.rule == rule.name)
            demands[row] = tuple(demand for demand in each if demand.rule == rule.name)
        replies = dict(zip(rows, found.replies, strict=True))
        table = self._row(rule, found, examples, count)
        return _Column(demands, replies, fired, _broken(demands, texts), table, compares)

    def _row(self, rule: Rule, found: Found, examples: Sequence[Example], texts: int) -> DemandRow:
        judged = satisfaction(found, list(examples), [references_of(example) for example in examples])
        kept = next((row for row in judged.rows if row.rule == rule.name), None)
        position = [each.name for each in found.rules].index(rule.name)
        faults = [fault for fault in (*found.faults, *judged.faults) if fault.rule == rule.name]
        row = _demand_row(
            rule, int(found.fired[:, position].sum()), kept.met if kept else 0, kept.demanded if kept else 0, texts
        )  # fmt: skip
        if not faults:
            return row
        return replace(row, faults=faults[0].count, failure=faults[0].traceback.strip().splitlines()[-1])

    def draft(self, base: Look, spec: TaskSpec, texts: Texts, place: int, *, check: Check) -> Drafted:
        assert isinstance(base, TextLook)
        look = self.look(spec, texts)
        check()
        own = {rule.name for rule in own_rules(spec, place)}
        was, now = base.covered, look.covered
        matched = np.zeros(len(was), dtype=bool)
        for name in own:
            matched |= look.fires(name)
        turned = sum(
            _said(base, row) != _said(look, row)
            for row in np.flatnonzero(was & now & _touched(base, look, place)).tolist()
        )
        return Drafted(
            tuple(row for row in look.table.rows if row.name in own),
            base.totals, look.totals, int((now & ~was).sum()), int((was & ~now).sum()), turned, matched, look,
        )  # fmt: skip

    def forget(self) -> None:
        with self._lock:
            self._columns = {key: column for key, column in self._columns.items() if not column.compares}


def _demand_row(rule: Rule, fired: int, kept: int, judged: int, texts: int) -> DemandRow:
    return DemandRow(
        name=rule.name,
        where=str(rule.where or ""),
        kind=kind_name(rule),
        demands="helps others" if rule.says is None else words_of(rule.says),
        coverage=fired / texts if texts else 0.0,
        kept=kept,
        judged=judged,
    )


def _broken(demands: Mapping[int, tuple[Demand, ...]], texts: Texts) -> frozenset[int]:
    """Rows whose references do not keep all demands, though each may be kept by another of them."""
    found = set()
    for row, several in demands.items():
        example = texts.examples[row]
        given = references_of(example)
        if given and several and all(unmet(several, example, each) for each in given):
            found.add(row)
    return frozenset(found)


def _touched(before: TextLook, after: TextLook, place: int) -> np.ndarray:
    """Texts on which the rules of an entry fire, before or after."""
    found = np.zeros(len(before.texts.examples), dtype=bool)
    for look in (before, after):
        for rule, column in look.columns:
            if rule.entry == place:
                found[list(column.firings)] = True
    return found


def _said(look: TextLook, row: int) -> tuple[object, ...]:
    """What is demanded of an answer, whichever rule does."""
    demands = [demand.what for _, column in look.columns for demand in column.demands.get(row, ())]
    return *demands, *(reply for _, column in look.columns for reply in column.replies.get(row, ()))
