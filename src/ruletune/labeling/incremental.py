"""Rules that change while their texts stay: only what changed is matched again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ruletune.labeling.apply import RuleSet, needs_embedding
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.votes import Votes, silence_lower
from ruletune.rules.base import Fault, Rule, Vote, names_label, references
from ruletune.types import Example

__all__ = ["RulePool", "by_itself", "essence", "with_references"]

_Column = tuple[np.ndarray, Fault | None]
"""What one rule says, (texts,) int16, and how it failed."""


class RulePool:
    """Texts that remember what each rule said about them.

    A rule is applied again where it, or a rule that it refers to, is not what it was; renamed rules and rules in
    another order are recognized. Which rules silence which by their priorities is worked out anew each time.

    Args:
        embed: Makes sentence embeddings, for rules that compare them.
        budget: As of :class:`~ruletune.labeling.apply.RuleSet`.
        remember: Rules that are remembered beside those of the last update, the latest ones; each takes two bytes a text.

    >>> from ruletune.rules.base import Pattern, Vote
    >>> pool = RulePool([Example("1", "free prize")], labels=("ham", "spam"))
    >>> pool.update([Rule("a", Pattern("free"), Vote("spam"))]).matrix.tolist()
    [[1]]
    >>> pool.update([Rule("a", Pattern("free"), Vote("spam")), Rule("b", Pattern("x"), Vote("ham"))]).matrix.tolist()
    [[1, -1]]
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
        self.examples = tuple(examples)
        self.labels = tuple(labels)
        self._embed, self._budget, self._remember = embed, budget, remember
        self._columns: dict[object, _Column] = {}
        self._compared: set[object] = set()
        self._matrix = np.zeros((len(self.examples), 0), dtype=np.int16)
        self._keys: list[object] = []

    def update(self, rules: Sequence[Rule]) -> Votes:
        """What the rules say about the texts; the same as applying all of them.

        The matrix is the pool's own and is written anew by the next update.

        Raises:
            UserError: A rule is wrong.
        """
        keys = self._known(rules)
        if len(keys) != self._matrix.shape[1] or any(rule.priority for rule in rules):
            self._matrix = np.empty((len(self.examples), len(keys)), dtype=np.int16)
            self._keys = [None] * len(keys)
        for n, key in enumerate(keys):
            if self._keys[n] != key:
                self._matrix[:, n] = self._columns[key][0]
        self._keys = keys
        votes = Votes(tuple(rules), self.labels, self._matrix, self._faults(rules, keys))
        priorities = np.array([rule.priority for rule in rules], dtype=np.int16)
        if priorities.any():
            silence_lower(self._matrix, votes.signs, priorities)
            self._keys = [None] * len(keys)
        return votes

    def _known(self, rules: Sequence[Rule]) -> list[object]:
        """The keys of rules whose columns are there, after those that were not have been applied."""
        by_name = {rule.name: rule for rule in rules}
        keys = [essence(rule, by_name) for rule in rules]
        fresh = [n for n, key in enumerate(keys) if key not in self._columns]
        if fresh:
            self._apply([rules[n] for n in fresh], [keys[n] for n in fresh], by_name)
        # In the order of their last use; those of today come last and stay in any case.
        others = [key for key in self._columns if key not in set(keys)]
        kept = others[-self._remember :] if self._remember else []
        self._columns = {key: self._columns[key] for key in (*kept, *keys)}
        return keys

    def _faults(self, rules: Sequence[Rule], keys: Sequence[object]) -> tuple[Fault, ...]:
        return tuple(
            Fault(rule.name, fault.count, fault.example_id, fault.traceback)
            for rule, key in zip(rules, keys, strict=True)
            if (fault := self._columns[key][1]) is not None
        )

    def _apply(self, fresh: Sequence[Rule], keys: Sequence[object], by_name: dict[str, Rule]) -> None:
        """Apply rules, with those that they refer to beside them."""
        needed = [replace(by_itself(rule, self.labels), priority=0) for rule in with_references(fresh, by_name)]
        votes = RuleSet(needed, labels=self.labels, embed=self._embed, budget=self._budget).apply(self.examples)
        faults = {fault.rule: fault for fault in votes.faults}
        for n, (rule, key) in enumerate(zip(fresh, keys, strict=True)):
            self._columns[key] = (votes.matrix[:, n].copy(), faults.get(rule.name))
            if needs_embedding(with_references([rule], by_name)):
                self._compared.add(key)

    def forget_compared(self) -> None:
        """Forget what was said by rules that compare embeddings: ``embed`` knows better now."""
        for key in self._compared:
            self._columns.pop(key, None)
        self._compared.clear()
        self._keys = [None] * len(self._keys)


def by_itself(rule: Rule, labels: Sequence[str]) -> Rule:
    """A rule that may be applied by itself: a helper, that nobody may be there to listen to, is given something to say."""
    helps = rule.says is None and not names_label(rule.when) and bool(labels)
    return replace(rule, says=Vote(labels[0])) if helps else rule


def with_references(rules: Sequence[Rule], by_name: dict[str, Rule]) -> list[Rule]:
    """Rules, and behind them all that they refer to, each once."""
    needed = {rule.name: rule for rule in rules}
    waiting = list(rules)
    while waiting:
        for name in references(waiting.pop()):
            if name not in needed and name in by_name:
                needed[name] = by_name[name]
                waiting.append(by_name[name])
    return list(needed.values())


def essence(rule: Rule, by_name: dict[str, Rule]) -> object:
    """What a rule's votes follow from: its condition, exceptions and say, and those of the rules that it refers to."""
    seen: dict[str, object] = {}
    waiting = references(rule)
    while waiting:
        name = waiting.pop()
        if name not in seen and name in by_name:
            other = by_name[name]
            seen[name] = (other.when, other.unless)
            waiting += references(other)
    return (rule.when, rule.unless, rule.label, rule.sign, tuple(sorted(seen.items(), key=lambda item: item[0])))
