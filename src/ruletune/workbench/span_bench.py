"""Rules of tasks whose answer is spans, or a passage, while they are written.

The label model goes over all words, which takes its time: here it is fitted on the gold texts and some others, and texts
get their weak answers when somebody looks at them. Where rules speak is counted on all texts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.analysis import polarity
from ruletune.labeling.answer_model import AnswerModel
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.sequence_model import SequenceModel
from ruletune.labeling.span_incremental import SpanPool
from ruletune.labeling.span_table import fit_span_model, gold_answers, meetings, span_rule_rows, verdict_on
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.words import words
from ruletune.metrics.calibration import wilson_interval
from ruletune.report.model import RuleRow
from ruletune.types import Answer, Example, Firing, Spans
from ruletune.workbench.bench import BUDGET, Check, Drafted, Look, gold_has, own_rules, share
from ruletune.workbench.texts import Texts
from ruletune.workbench.values import Demanded, Fired, Said, Table, Totals, answer_json

__all__ = ["SpanBench", "SpanLook"]

_GOLD, _OTHERS = 300, 200
"""Gold texts and others that the label model is fitted on."""

_COMPARED = 300
"""Texts touched by a draft whose weak answers are compared, at most."""

_REMEMBERED = 64

_Words = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Corpus:
    """Texts, and what follows from them alone.

    Attributes:
        sample: Rows that label models are fitted on, in order.
    """

    texts: Texts
    gold: list[Spans | None]
    sample: np.ndarray
    _words: dict[int, _Words] = field(default_factory=dict)

    def words(self, row: int) -> _Words:
        if row not in self._words:
            self._words[row] = words(self.texts.examples[row].text)
        return self._words[row]

    def examples(self, rows: np.ndarray) -> list[Example]:
        return [self.texts.examples[row] for row in rows.tolist()]


@dataclass(frozen=True)
class _Model:
    """The task's label model, of entities or of answers to questions."""

    spec: TaskSpec
    fitted: SequenceModel | AnswerModel

    @classmethod
    def fit(cls, spec: TaskSpec, votes: SpanVotes, corpus: _Corpus) -> _Model:
        rows = corpus.sample
        if spec.task.readout == "extract":
            return cls(spec, AnswerModel.fit(votes.take(rows), corpus.examples(rows)))
        ranges = [corpus.words(row) for row in rows.tolist()]
        return cls(spec, fit_span_model(spec, votes.take(rows), ranges, [corpus.gold[row] for row in rows.tolist()]))

    def answers(self, votes: SpanVotes, corpus: _Corpus, rows: np.ndarray) -> list[tuple[Spans, float]]:
        """The answers to some texts, and how far each is believed."""
        few = votes.take(rows)
        if isinstance(self.fitted, AnswerModel):
            return self.fitted.answers(self.fitted.proposals(few, corpus.examples(rows)))
        ranges = [corpus.words(row) for row in rows.tolist()]
        beliefs = self.fitted.posterior(few, ranges)
        found = self.fitted.decode(few, ranges, beliefs=beliefs)
        sure = [float(each.max(axis=1).mean()) if len(each) else 1.0 for each in beliefs]
        return list(zip(found, sure, strict=True))


@dataclass(frozen=True)
class SpanLook:
    """All rules of a task on all texts."""

    spec: TaskSpec
    corpus: _Corpus
    votes: SpanVotes
    model: _Model
    overlap: np.ndarray
    conflict: np.ndarray
    _known: dict[int, tuple[Spans, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: TaskSpec, corpus: _Corpus, votes: SpanVotes) -> SpanLook:
        overlap, conflict = _met(votes)
        return cls(spec, corpus, votes, _Model.fit(spec, votes, corpus), overlap, conflict)

    @cached_property
    def covered(self) -> np.ndarray:
        return self.votes.covered

    def answers(self, rows: np.ndarray) -> list[tuple[Spans, float]]:
        """The weak answers to some texts; those that were asked for before are known."""
        fresh = np.array([row for row in rows.tolist() if row not in self._known], dtype=np.int64)
        if len(fresh):
            self._known.update(zip(fresh.tolist(), self.model.answers(self.votes, self.corpus, fresh), strict=True))
        return [self._known[row] for row in rows.tolist()]

    @cached_property
    def _judged(self) -> np.ndarray:
        """Texts with gold that rules speak of; those of the sample, so that nobody waits for thousands."""
        known = self.corpus.texts.known
        rows = self.corpus.sample
        return np.asarray(rows[known[rows] & self.covered[rows]])

    @cached_property
    def wrong(self) -> np.ndarray:
        rows = np.flatnonzero(self.corpus.texts.known & self.covered)
        found = np.zeros(self.votes.texts, dtype=bool)
        found[rows] = [
            not self._right(row, answer) for row, (answer, _) in zip(rows.tolist(), self.answers(rows), strict=True)
        ]
        return found

    def _right(self, row: int, answer: Spans) -> bool:
        example = self.corpus.texts.examples[row]
        return _ordered(answer) == _ordered(example.answer) or _ordered(answer) in map(_ordered, example.alternatives)

    @cached_property
    def totals(self) -> Totals:
        rows = self._judged
        right = sum(
            self._right(row, answer) for row, (answer, _) in zip(rows.tolist(), self.answers(rows), strict=True)
        )
        sample = self.corpus.sample[self.covered[self.corpus.sample]]
        sure = [score for _, score in self.answers(sample)]
        return Totals(
            coverage=share(self.covered),
            overlap=share(self.overlap),
            conflict=share(self.conflict),
            right=right / len(rows) if len(rows) else None,
            judged=len(rows),
            interval=wilson_interval(right, len(rows)) if len(rows) else None,
            believed=float(np.mean(sure)) if sure else None,
        )

    @cached_property
    def table(self) -> Table:
        verdict = verdict_on(self.spec, self.votes, self.corpus.texts.examples)
        rows = self.rows(self.votes, self.corpus.gold, verdict)
        gold = sum(answer is not None for answer in self.corpus.gold)
        totals = self.totals
        return Table(rows, self.votes.texts, gold, totals.coverage, totals.overlap, totals.conflict)

    def rows(
        self,
        votes: SpanVotes,
        gold: Sequence[Spans | None],
        verdict: tuple[np.ndarray, np.ndarray],
        only: Collection[str] | None = None,
    ) -> tuple[RuleRow, ...]:
        accuracy = self.model.fitted.accuracy
        return span_rule_rows(votes, gold=gold, accuracy=accuracy, verdict=verdict, only=only)

    def fires(self, rule: str) -> np.ndarray:
        found = np.zeros(self.votes.texts, dtype=bool)
        for position, each in enumerate(self.votes.rules):
            if each.name == rule:
                found[self.votes.row[self.votes.rule == position]] = True
        return found

    def has(self, label: str) -> np.ndarray:
        """Where there is no gold, texts in which a rule votes for the label."""
        voted = np.zeros(self.votes.texts, dtype=bool)
        if label in self.votes.labels:
            mine = self.votes.label == self.votes.labels.index(label)
            voted[self.votes.row[mine & (self.votes.signs[self.votes.rule] > 0)]] = True
        return np.where(self.corpus.texts.known, gold_has(self.corpus.texts, label), voted)

    def answer(self, row: int) -> Answer | None:
        return _ordered(self.answers(np.array([row]))[0][0]) if self.covered[row] else None

    def weak(self, row: int) -> Said | None:
        if not self.covered[row]:
            return None
        [(answer, score)] = self.answers(np.array([row]))
        return Said(answer_json(answer), score)

    def firings(self, row: int) -> tuple[Fired, ...]:
        [found] = self.votes.take([row]).firings()
        by_name = {rule.name: rule for rule in self.votes.rules}
        return tuple(_fired(firing, polarity(by_name[firing.rule], _labels(firing))) for firing in found)

    def demands(self, row: int) -> tuple[Demanded, ...]:
        return ()

    @cached_property
    def shares(self) -> Mapping[str, float]:
        voting = self.votes.signs[self.votes.rule] > 0
        counts = np.bincount(self.votes.label[voting], minlength=len(self.votes.labels))
        total = max(int(counts.sum()), 1)
        return {label: float(count / total) for label, count in zip(self.votes.labels, counts, strict=True)}


class SpanBench:
    """Texts that remember what each rule found in them."""

    def __init__(self, texts: Texts, labels: Sequence[str], *, seed: int, embed: Embed | None = None) -> None:
        self._lock = Lock()
        self._seed = seed
        self._pool = SpanPool(texts.examples, labels=labels, embed=embed, budget=BUDGET, remember=_REMEMBERED)
        self._words: dict[int, _Words] = {}

    def look(self, spec: TaskSpec, texts: Texts) -> SpanLook:
        corpus = _Corpus(texts, gold_answers(texts.examples), _sample(texts, self._seed), self._words)
        return SpanLook.of(spec, corpus, self._votes(spec))

    def _votes(self, spec: TaskSpec) -> SpanVotes:
        with self._lock:
            return self._pool.update(spec.rules)

    def draft(self, base: Look, spec: TaskSpec, texts: Texts, place: int, *, check: Check) -> Drafted:
        assert isinstance(base, SpanLook)
        votes = self._votes(spec)
        check()
        touched = _touched(base.votes, place) | _touched(votes, place)
        rows = np.flatnonzero(touched)
        few = replace(votes.take(rows), texts=len(rows))
        overlap, conflict = base.overlap.copy(), base.conflict.copy()
        overlap[rows], conflict[rows] = _met(few)
        check()
        look = SpanLook(spec, base.corpus, votes, _Model.fit(spec, votes, base.corpus), overlap, conflict)
        check()
        gained, lost, turned = _moved(base, look, rows, self._seed)
        matched = np.zeros(votes.texts, dtype=bool)
        for rule in own_rules(spec, place):
            matched |= look.fires(rule.name)
        return Drafted(
            _own_rows(look, few, rows, place),
            base.totals, look.totals, gained, lost, turned, matched, look, approximate=len(rows) > _COMPARED,
        )  # fmt: skip

    def forget(self) -> None:
        with self._lock:
            self._pool.forget_compared()


def _own_rows(look: SpanLook, few: SpanVotes, rows: np.ndarray, place: int) -> tuple[RuleRow, ...]:
    """The rows of the rule table that are of the draft: it speaks of none but these texts."""
    gold = [look.corpus.gold[row] for row in rows.tolist()]
    known = np.array([answer is not None for answer in gold], dtype=bool)
    examples = look.corpus.examples(rows[known])
    verdict = np.zeros(len(few.row), dtype=bool), np.zeros(len(few.row), dtype=bool)
    for whole, part in zip(verdict, verdict_on(look.spec, few.take(known), examples), strict=True):
        whole[known[few.row]] = part
    own = {rule.name for rule in own_rules(look.spec, place)}
    # Shares are of all texts, though the votes are of some.
    return look.rows(replace(few, texts=look.votes.texts), gold, verdict, own)


def _sample(texts: Texts, seed: int) -> np.ndarray:
    order = np.random.default_rng([seed, 47]).permutation(len(texts.examples))
    known = texts.known[order]
    return np.sort(np.concatenate([order[known][:_GOLD], order[~known][:_OTHERS]]))


def _met(votes: SpanVotes) -> tuple[np.ndarray, np.ndarray]:
    """Texts in which rules speak of the same characters, and those in which they contradict each other there, (texts,) bool."""
    found = np.zeros((2, votes.texts), dtype=bool)
    for n, which in enumerate(meetings(votes)):
        found[n, votes.row[which]] = True
    return found[0], found[1]


def _touched(votes: SpanVotes, place: int) -> np.ndarray:
    """Texts of which the rules of an entry say something, (texts,) bool."""
    own = np.array([rule.entry == place for rule in votes.rules], dtype=bool)
    found = np.zeros(votes.texts, dtype=bool)
    if own.any():
        found[votes.row[own[votes.rule]]] = True
    return found


def _moved(before: SpanLook, after: SpanLook, rows: np.ndarray, seed: int) -> tuple[int, int, int]:
    """How many texts have an answer only after, only before, or another one; of many, estimated by some."""
    chosen = rows
    if len(rows) > _COMPARED:
        chosen = np.sort(np.random.default_rng([seed, 53]).choice(rows, _COMPARED, replace=False))
    scale = len(rows) / max(len(chosen), 1)
    counts = [0, 0, 0]
    for (was, _), (now, _) in zip(before.answers(chosen), after.answers(chosen), strict=True):
        if bool(was.spans) != bool(now.spans):
            counts[0 if now.spans else 1] += 1
        elif was != now:
            counts[2] += 1
    gained, lost, turned = (round(count * scale) for count in counts)
    return gained, lost, turned


def _ordered(answer: Answer | None) -> Answer | None:
    """Spans in the order of the text, however they were given."""
    if not isinstance(answer, Spans):
        return answer
    return Spans(tuple(sorted(answer.spans, key=lambda span: (span.start, span.end))))


def _labels(firing: Firing) -> tuple[str, ...]:
    spans = firing.answer.spans if isinstance(firing.answer, Spans) else ()
    return tuple(dict.fromkeys(span.label for span in spans))


def _fired(firing: Firing, says: str) -> Fired:
    labels = _labels(firing)
    spans = tuple((span.start, span.end) for span in firing.spans)
    return Fired(firing.rule, says, labels[0] if len(labels) == 1 else None, firing.veto, spans)
