"""Rules about spans that change while their texts stay: only what changed is matched again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ruletune.labeling.apply import needs_embedding
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.incremental import essence, with_references
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_votes import SpanVotes
from ruletune.rules.base import Fault, Rule
from ruletune.types import Example

__all__ = ["SpanPool"]


@dataclass(frozen=True, slots=True)
class _Column:
    """What one rule says of all texts."""

    row: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray
    fault: Fault | None
    compares: bool


class SpanPool:
    """Texts that remember what each rule said about them, as :class:`ruletune.labeling.incremental.RulePool` does for labels.

    Rules of different priority silence each other word by word, so a set with priorities is applied as a whole.

    >>> from ruletune.rules.base import Pattern, Vote
    >>> pool = SpanPool([Example("1", "To Paris")], labels=("LOC",))
    >>> votes = pool.update([Rule("towns", Pattern("Paris"), Vote("LOC"))])
    >>> votes.start.tolist(), votes.end.tolist()
    ([3], [8])
    """

    def __init__(
        self,
        examples: Sequence[Example],
        *,
        labels: Sequence[str],
        embed: Embed | None = None,
        budget: Callable[[int], float] | None = None,
        remember: int = 0,
    ) -> None:
        self.examples, self.labels = tuple(examples), tuple(labels)
        self._embed, self._budget, self._remember = embed, budget, remember
        self._columns: dict[object, _Column] = {}

    def update(self, rules: Sequence[Rule]) -> SpanVotes:
        """What the rules say about the texts; the same as applying all of them.

        Raises:
            UserError: A rule is wrong.
        """
        if len({rule.priority for rule in rules}) > 1:
            return self._compiled(rules).apply(self.examples)
        by_name = {rule.name: rule for rule in rules}
        keys = [essence(rule, by_name) for rule in rules]
        fresh = {key: rule for key, rule in zip(keys, rules, strict=True) if key not in self._columns}
        if fresh:
            self._apply(list(fresh.values()), list(fresh), by_name)
        mine = set(keys)
        others = [key for key in self._columns if key not in mine]
        kept = others[-self._remember :] if self._remember else []
        self._columns = {key: self._columns[key] for key in (*kept, *keys)}
        return self._votes(rules, [self._columns[key] for key in keys])

    def _compiled(self, rules: Sequence[Rule]) -> SpanRules:
        return SpanRules(rules, labels=self.labels, embed=self._embed, budget=self._budget)

    def _votes(self, rules: Sequence[Rule], columns: Sequence[_Column]) -> SpanVotes:
        empty = np.zeros(0, dtype=np.int32)
        row = np.concatenate([empty, *(column.row for column in columns)])
        start = np.concatenate([empty, *(column.start for column in columns)])
        end = np.concatenate([empty, *(column.end for column in columns)])
        label = np.concatenate([empty, *(column.label for column in columns)])
        rule = np.repeat(np.arange(len(columns), dtype=np.int32), [len(column.row) for column in columns])
        order = np.lexsort((label, rule, end, start, row))
        faults = tuple(
            replace(column.fault, rule=rule.name) for rule, column in zip(rules, columns, strict=True) if column.fault
        )
        return SpanVotes(
            tuple(rules), self.labels, len(self.examples), row[order], rule[order], start[order], end[order], label[order], faults
        )  # fmt: skip

    def _apply(self, fresh: Sequence[Rule], keys: Sequence[object], by_name: dict[str, Rule]) -> None:
        needed = [replace(rule, priority=0) for rule in with_references(fresh, by_name)]
        votes = self._compiled(needed).apply(self.examples)
        faults = {fault.rule: fault for fault in votes.faults}
        for n, (rule, key) in enumerate(zip(fresh, keys, strict=True)):
            mine = votes.rule == n
            compares = needs_embedding(with_references([rule], by_name))
            self._columns[key] = _Column(
                votes.row[mine], votes.start[mine], votes.end[mine], votes.label[mine], faults.get(rule.name), compares
            )  # fmt: skip

    def forget_compared(self) -> None:
        """Forget what was said by rules that compare embeddings: ``embed`` knows better now."""
        self._columns = {key: column for key, column in self._columns.items() if not column.compares}
