"""What each rule does: how often it speaks, alone or with others, and how often it is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from ruletune.labeling.apply import ABSTAIN, Votes
from ruletune.labeling.label_model import LabelModel
from ruletune.metrics.calibration import wilson_interval
from ruletune.rules.base import (
    AllOf,
    AnyOf,
    Call,
    Casing,
    Column,
    Length,
    Metadata,
    Named,
    Not,
    Pattern,
    Rule,
    Similar,
    Terms,
)

__all__ = ["RuleStats", "analyse", "kind_name"]


@dataclass(frozen=True, slots=True)
class RuleStats:
    """One rule on one set of texts. Shares are of all texts, in [0, 1].

    Attributes:
        labels: The labels that it votes for (its polarity).
        coverage: Share of texts where it votes.
        overlap: Share where it votes and another rule does too.
        conflict: Share where it votes and another votes for a different label.
        correct, judged: Votes that agree with gold, out of the votes on texts with gold.
        estimated: Accuracy that the label model believes in; ``None`` without one.
    """

    rule: Rule
    labels: tuple[str, ...]
    coverage: float
    overlap: float
    conflict: float
    correct: int
    judged: int
    estimated: float | None
    faults: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """95% interval of the share of correct votes (Wilson score); ``None`` where none could be judged."""
        return wilson_interval(self.correct, self.judged) if self.judged else None


def analyse(
    votes: Votes, *, gold: np.ndarray | None = None, label_model: LabelModel | None = None
) -> tuple[RuleStats, ...]:
    """Statistics of every rule, in the rules' order.

    Args:
        gold: (texts, labels) in {0, 1}, NaN rows where unknown.
    """
    matrix, texts = votes.matrix, max(len(votes.matrix), 1)
    fired = matrix != ABSTAIN
    several = fired.sum(axis=1) > 1
    faults = {fault.rule: fault.count for fault in votes.faults}
    stats = []
    for position, rule in enumerate(votes.rules):
        mine, column = fired[:, position], matrix[:, position]
        others = fired & (matrix != column[:, None])
        correct, judged = _judged(mine, column, gold)
        voted = np.unique(column[mine])
        stats.append(
            RuleStats(
                rule=rule,
                labels=(rule.label,) if rule.label else tuple(votes.labels[k] for k in voted) if rule.sign else (),
                coverage=float(mine.sum() / texts),
                overlap=float((mine & several).sum() / texts),
                conflict=float((mine & others.any(axis=1)).sum() / texts),
                correct=correct,
                judged=judged,
                estimated=None if label_model is None else float(label_model.accuracy[position]),
                faults=faults.get(rule.name, 0),
            )
        )
    return tuple(stats)


def _judged(mine: np.ndarray, column: np.ndarray, gold: np.ndarray | None) -> tuple[int, int]:
    if gold is None:
        return 0, 0
    rows = np.flatnonzero(mine & ~np.isnan(gold).any(axis=1))
    return int(gold[rows, column[rows]].sum()), len(rows)


def kind_name(rule: Rule) -> str:
    """How a rule is written, in a word: the task file's key, or the like for a rule made in Python.

    >>> kind_name(Rule("r", Pattern("a")))
    'regex'
    """
    if rule.kind:
        return rule.kind
    match rule.when:
        case Pattern():
            return "regex"
        case Terms():
            return "terms"
        case Call():
            return "function"
        case Column():
            return "votes"
        case Metadata():
            return "field"
        case Named() | AllOf() | AnyOf() | Not():
            return "composed"
        case Length() | Casing() | Similar():
            return type(rule.when).__name__.lower().replace("similar", "similarity")
        case _:
            assert_never(rule.when)
