"""Rules of tasks whose answer is a text, while they are written: what they demand, and whether references keep it."""

from __future__ import annotations

from collections.abc import Mapping
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
from ruletune.types import Answer, Firing
from ruletune.workbench.bench import BUDGET, Check, Drafted, Look, own_rules, share
from ruletune.workbench.texts import Texts
from ruletune.workbench.values import Demanded, Fired, Said, Table, Totals

__all__ = ["TextBench", "TextLook"]

_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class _Applied:
    """What one rule demands, whatever the references are.

    Attributes:
        demands: By row, of the texts on which it fires.
        replies: By row, the answers that it gives.
        firings: By row.
        found: The same in the order of ``demands``; ``None`` for a rule that only helps others.
    """

    demands: Mapping[int, tuple[Demand, ...]]
    replies: Mapping[int, tuple[str, ...]]
    firings: Mapping[int, Firing]
    found: Found | None
    compares: bool


@dataclass(frozen=True, slots=True)
class _Column:
    """What one rule demands, and whether references keep it.

    Attributes:
        broken: Rows whose references do not keep all of it.
        row: Of the table of rules.
    """

    applied: _Applied
    broken: frozenset[int]
    row: DemandRow


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
            counts[list(column.applied.firings)] += 1
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
                found[list(column.applied.firings)] = True
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
                rule.name,
                column.row.demands,
                None,
                False,
                tuple((s.start, s.end) for s in column.applied.firings[row].spans),
            )
            for rule, column in self.columns
            if row in column.applied.firings
        )

    def demands(self, row: int) -> tuple[Demanded, ...]:
        example = self.texts.examples[row]
        given = references_of(example)
        found = []
        for rule, column in self.columns:
            for demand in column.applied.demands.get(row, ()):
                kept = any(not unmet([demand], example, each) for each in given) if given else None
                found.append(Demanded(rule.name, words_of(demand.what), kept))
            found += [Demanded(rule.name, f"replies {reply!r}", None) for reply in column.applied.replies.get(row, ())]
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
        self._applied: dict[object, _Applied] = {}
        self._columns: dict[object, _Column] = {}

    def look(self, spec: TaskSpec, texts: Texts) -> TextLook:
        with self._lock:
            answers = tuple(example.answer for example in texts.examples)
            if answers != self._answers:  # what references keep is known no more; what rules demand is
                self._answers, self._columns = answers, {}
            by_name = {rule.name: rule for rule in spec.rules}
            keys = [(essence(rule, by_name), rule.says) for rule in spec.rules]
            for key, rule in zip(keys, spec.rules, strict=True):
                if key not in self._applied:
                    self._applied[key] = self._apply(rule, by_name, texts)
                if key not in self._columns:
                    self._columns[key] = _judged(rule, self._applied[key], texts)
            kept = [*[key for key in self._applied if key not in set(keys)][-_REMEMBERED:], *keys]
            self._applied = {key: self._applied[key] for key in kept}
            self._columns = {key: self._columns[key] for key in kept if key in self._columns}
            return TextLook(spec, texts, tuple(zip(spec.rules, (self._columns[key] for key in keys), strict=True)))

    def _apply(self, rule: Rule, by_name: dict[str, Rule], texts: Texts) -> _Applied:
        """What one rule demands: looked for in all texts at once, and then worked out where it fires."""
        needed = [replace(each, priority=0) for each in with_references([rule], by_name)]
        compares = needs_embedding(needed)
        if rule.says is None:
            return _Applied({}, {}, {}, None, compares)
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
        return _Applied(demands, dict(zip(rows, found.replies, strict=True)), fired, found, compares)

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
            self._applied = {key: applied for key, applied in self._applied.items() if not applied.compares}
            self._columns = {key: column for key, column in self._columns.items() if key in self._applied}


def _judged(rule: Rule, applied: _Applied, texts: Texts) -> _Column:
    """Whether references keep what a rule demands."""
    size = len(texts.examples)
    row = DemandRow(
        name=rule.name,
        where=str(rule.where or ""),
        kind=kind_name(rule),
        demands="helps others" if rule.says is None else words_of(rule.says),
        coverage=len(applied.firings) / size if size else 0.0,
        kept=0,
        judged=0,
    )
    if applied.found is None:
        return _Column(applied, frozenset(), row)
    examples = [texts.examples[place] for place in applied.demands]
    found = satisfaction(applied.found, examples, [references_of(example) for example in examples])
    name = applied.found.rules[0].name  # the rule may have got another since
    kept = next((each for each in found.rows if each.rule == name), None)
    if kept is not None:
        row = replace(row, kept=kept.met, judged=kept.demanded)
    faults = [fault for fault in (*applied.found.faults, *found.faults) if fault.rule == name]
    if faults:
        row = replace(row, faults=faults[0].count, failure=faults[0].traceback.strip().splitlines()[-1])
    return _Column(applied, _broken(applied.demands, texts), row)


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
                found[list(column.applied.firings)] = True
    return found


def _said(look: TextLook, row: int) -> tuple[object, ...]:
    """What is demanded of an answer, whichever rule does."""
    demands = [demand.what for _, column in look.columns for demand in column.applied.demands.get(row, ())]
    return *demands, *(reply for _, column in look.columns for reply in column.applied.replies.get(row, ()))
