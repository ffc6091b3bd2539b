"""What rules say about ranges of characters: the value that span rules produce and label models read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ruletune.rules.base import Fault, Link, Rule
from ruletune.types import Firing, Span, Spans

__all__ = ["SpanVotes"]


@dataclass(frozen=True, slots=True)
class SpanVotes:
    """What every rule says about every text, as ranges of characters.

    A rule may say several things about a text. The votes are sorted by row, start, end and rule.

    Attributes:
        labels: Names of the labels that entities can have.
        texts: Number of texts, those without votes as well.
        row, rule, start, end, label: (votes,) int32 each: the text, the rule, the half-open range of characters in
            that text, and the label's position in ``labels`` (of no meaning for a rule that only links).
        faults: Rules that failed, with the number of texts they failed on.
    """

    rules: tuple[Rule, ...]
    labels: tuple[str, ...]
    texts: int
    row: np.ndarray
    rule: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray
    faults: tuple[Fault, ...] = ()

    @property
    def signs(self) -> np.ndarray:
        """What each rule's firing is to a label, (rules,) int8: 1 a vote, -1 a veto, 0 neither."""
        return np.array([rule.sign for rule in self.rules], dtype=np.int8)

    @property
    def links(self) -> np.ndarray:
        """What each rule says of the characters of its ranges, (rules,) int8.

        1: they belong to one entity. -1: no entity holds both ends. 0: nothing.
        """
        says = (rule.says for rule in self.rules)
        return np.array([(1 if each.together else -1) if isinstance(each, Link) else 0 for each in says], dtype=np.int8)

    @property
    def covered(self) -> np.ndarray:
        """Texts in which at least one rule votes for an entity, (texts,) bool."""
        found = np.zeros(self.texts, dtype=bool)
        found[self.row[self.signs[self.rule] > 0]] = True
        return found

    @property
    def table(self) -> np.ndarray:
        """(votes, 5) int32: row, rule, start, end and label of each."""
        return np.stack([self.row, self.rule, self.start, self.end, self.label], axis=1)

    @classmethod
    def of(cls, rules: tuple[Rule, ...], labels: tuple[str, ...], texts: int, table: np.ndarray) -> SpanVotes:
        """From such a table."""
        row, rule, start, end, label = (np.ascontiguousarray(column) for column in table.T)
        return cls(rules, labels, texts, row, rule, start, end, label)

    @classmethod
    def joined(cls, several: Sequence[SpanVotes]) -> SpanVotes:
        """The votes of the same rules on one list of texts after another; faults of a rule are added up."""
        first = several[0]
        offsets = np.cumsum([0, *(votes.texts for votes in several)])
        columns = {
            name: np.concatenate([getattr(votes, name) for votes in several])
            for name in ("rule", "start", "end", "label")
        }
        row = np.concatenate([votes.row + offset for votes, offset in zip(several, offsets[:-1], strict=True)])
        faults: dict[str, Fault] = {}
        for fault in (fault for votes in several for fault in votes.faults):
            known = faults.get(fault.rule)
            faults[fault.rule] = fault if known is None else replace(known, count=known.count + fault.count)
        return cls(
            first.rules, first.labels, int(offsets[-1]), row.astype(np.int32), **columns, faults=tuple(faults.values())
        )

    def firings(self) -> list[tuple[Firing, ...]]:
        """Of each text, the rules that say something about it, with the spans that they speak of."""
        signs = self.signs.tolist()
        said: list[dict[int, list[Span]]] = [{} for _ in range(self.texts)]
        columns = (self.row, self.rule, self.start, self.end, self.label)
        for row, rule, start, end, label in zip(*(column.tolist() for column in columns), strict=True):
            said[row].setdefault(rule, []).append(Span(start, end, self.labels[label]))
        return [
            tuple(_firing(self.rules[rule].name, spans, signs[rule]) for rule, spans in by_rule.items())
            for by_rule in said
        ]

    def silenced(self, rule: int) -> SpanVotes:
        """The votes without those of one rule, which stays in its place and says nothing."""
        kept = self.rule != rule
        columns = {name: getattr(self, name)[kept] for name in ("row", "rule", "start", "end", "label")}
        return replace(self, **columns)

    def take(self, rows: Sequence[int] | np.ndarray) -> SpanVotes:
        """The votes on some texts, in the order of ``rows``, which becomes their numbering; a row may come twice.

        Args:
            rows: Numbers of texts, or (texts,) bool.
        """
        chosen = np.asarray(rows)
        wanted = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen.astype(np.int64)
        first = np.searchsorted(self.row, wanted, side="left")
        count = np.searchsorted(self.row, wanted, side="right") - first
        row = np.repeat(np.arange(len(wanted), dtype=np.int32), count)
        at = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
        return SpanVotes(
            self.rules,
            self.labels,
            len(wanted),
            row,
            self.rule[at],
            self.start[at],
            self.end[at],
            self.label[at],
            self.faults,
        )


def _firing(rule: str, spans: Sequence[Span], sign: int) -> Firing:
    bare = tuple(Span(span.start, span.end) for span in spans)
    return Firing(rule, Spans(tuple(spans)) if sign else None, bare, veto=sign < 0)
