"""What each rule does: how often it speaks, alone or with others, how often it is right, whether it says anything new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.labeling.apply import FAULT, Votes
from ruletune.labeling.label_model import Cells, LabelModel
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
    Prompt,
    Require,
    Rule,
    Similar,
    Terms,
    Veto,
    Vote,
)

__all__ = ["RuleStats", "Tallies", "analyse", "kind_name", "polarity", "tally"]

_ECHO = 0.95
"""Share of a rule's votes that another casts too, from which it says nothing new."""

_FEWEST = 3
"""Votes from which that can be said of a rule."""


@dataclass(frozen=True, slots=True)
class RuleStats:
    """One rule on one set of texts. Shares are of the texts on which it did not fail, in [0, 1].

    Attributes:
        labels: The labels that it votes for, or vetoes.
        coverage: Share of texts where it fires.
        overlap: Share where it speaks about the label and another rule does too.
        conflict: Share where it votes and another votes for a different label (unless several may hold at once) or
            vetoes the label; where it vetoes a label and another votes for it.
        correct, judged: Votes that agree with gold, and vetoes of a label that is not gold, out of those on texts with gold.
        estimated: Accuracy that the label model believes in; ``None`` without one, or where the rule says nothing of labels.
        new: Of what it says, the share that no other rule says; 0 where it says nothing.
        echo: A rule that says nearly all of the same; ``None`` where there is none.
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
    new: float
    echo: str | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95% interval of the share of correct votes (Wilson score); ``None`` where none could be judged."""
        return wilson_interval(self.correct, self.judged) if self.judged else None


@dataclass(frozen=True, slots=True)
class Tallies:
    """What the rules say about each text together.

    Attributes:
        cells: What every rule says, text by text; rules that say nothing of labels left out.
        signs: (cells,) 1 a vote, -1 a veto.
        votes, vetoes: (texts, labels) how many rules vote for a label, and how many veto it.
        conflicts: (cells,) bool: another rule says the contrary.
    """

    cells: Cells
    signs: np.ndarray
    votes: np.ndarray
    vetoes: np.ndarray
    conflicts: np.ndarray


def tally(votes: Votes, *, multi: bool = False) -> Tallies:
    """Count what is said of each text. The work grows with what is said, not with texts times rules."""
    signs = votes.signs
    cells = Cells.of(votes.matrix, signs != 0)
    sign = signs[cells.rules]
    classes = len(votes.labels)
    for_, against = (cells.tally((signs == wanted).astype(np.float64), classes).astype(np.int32) for wanted in (1, -1))
    supported, vetoed = for_[cells.rows, cells.labels], against[cells.rows, cells.labels]
    elsewhere = 0 if multi else for_.sum(axis=1)[cells.rows] - supported
    conflicts = np.where(sign > 0, elsewhere + vetoed, supported) > 0
    return Tallies(cells, sign, for_, against, conflicts)


def analyse(
    votes: Votes, *, gold: np.ndarray | None = None, label_model: LabelModel | None = None, multi: bool = False
) -> tuple[RuleStats, ...]:
    """Statistics of every rule, in the rules' order.

    Args:
        gold: (texts, labels) in {0, 1}, NaN rows where unknown.
        multi: Several labels may hold at once, so that votes for different ones do not conflict.
    """
    said = tally(votes, multi=multi)
    cells, size = said.cells, len(votes.rules)
    fires = _per_rule(votes.matrix, lambda block: block >= 0)
    failed = _per_rule(votes.matrix, lambda block: block == FAULT)
    texts = np.maximum(len(votes.matrix) - failed, 1)
    speakers = np.bincount(cells.rows, minlength=len(votes.matrix))
    overlap = np.bincount(cells.rules, weights=speakers[cells.rows] > 1, minlength=size)
    conflict = np.bincount(cells.rules, weights=said.conflicts, minlength=size)
    correct, judged = _judged(said, gold, size)
    new, echoes = _redundancy(said, size, len(votes.labels))
    faults = {fault.rule: fault.count for fault in votes.faults}
    spoken = {(int(j), int(k)) for j, k in np.unique(np.stack([cells.rules, cells.labels]), axis=1).T}
    return tuple(
        RuleStats(
            rule=rule,
            labels=(rule.label,)
            if rule.label
            else tuple(name for k, name in enumerate(votes.labels) if (j, k) in spoken),
            coverage=float(fires[j] / texts[j]),
            overlap=float(overlap[j] / texts[j]),
            conflict=float(conflict[j] / texts[j]),
            correct=int(correct[j]),
            judged=int(judged[j]),
            estimated=None if label_model is None or not rule.sign else float(label_model.accuracy[j]),
            faults=faults.get(rule.name, 0),
            new=float(new[j]),
            echo=votes.rules[echoes[j]].name if j in echoes else None,
        )
        for j, rule in enumerate(votes.rules)
    )


def _per_rule(matrix: np.ndarray, test: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """How many cells of each rule pass a test, without a mask of the whole matrix."""
    counts = np.zeros(matrix.shape[1], dtype=np.int64)
    for start in range(0, len(matrix), 1 << 16):
        counts += np.count_nonzero(test(matrix[start : start + (1 << 16)]), axis=0)
    return counts


def _judged(said: Tallies, gold: np.ndarray | None, size: int) -> tuple[np.ndarray, np.ndarray]:
    if gold is None:
        return np.zeros(size), np.zeros(size)
    cells = said.cells
    truth = gold[cells.rows, cells.labels]
    known = ~np.isnan(truth)
    right = np.where(said.signs > 0, truth == 1, truth == 0) & known
    return np.bincount(cells.rules, weights=right, minlength=size), np.bincount(cells.rules[known], minlength=size)


def _redundancy(said: Tallies, size: int, classes: int) -> tuple[np.ndarray, dict[int, int]]:
    """Of what each rule says, the share that it alone says; and the rule that says nearly all of the same."""
    cells = said.cells
    keys = (cells.rows.astype(np.int64) * classes + cells.labels) * 2 + (said.signs > 0)
    unique, statement, times = np.unique(keys, return_inverse=True, return_counts=True)
    spoken = np.bincount(cells.rules, minlength=size)
    alone = np.bincount(cells.rules, weights=times[statement] == 1, minlength=size)
    echoes: dict[int, int] = {}
    mine = np.zeros(len(unique), dtype=bool)
    # Only a rule that hardly ever speaks alone can be another's echo: the rest need no comparison.
    for j in map(int, np.flatnonzero((spoken >= _FEWEST) & (alone <= (1 - _ECHO) * spoken))):
        own = statement[cells.rules == j]
        mine[own] = True
        together = np.bincount(cells.rules[mine[statement]], minlength=size)
        mine[own] = False
        # Of two rules that say the same the later one is the echo; one that says less is no model for one that says more.
        model = (spoken > spoken[j]) | ((spoken == spoken[j]) & (np.arange(size) < j))
        together[~model] = 0
        best = int(together.argmax())
        if together[best] >= _ECHO * spoken[j]:
            echoes[j] = best
    return alone / np.maximum(spoken, 1), echoes


def polarity(rule: Rule, labels: Sequence[str]) -> str:
    """What a rule says, in words.

    >>> polarity(Rule("r", Pattern("a"), Veto("spam")), ("spam",))
    'vetoes spam'
    """
    match rule.says:
        case Veto(label=label):
            return f"vetoes {label}"
        case Prompt():
            return "prompts"
        case Require(phrase=phrase):
            return f"requires {phrase}"
        case Vote() | None:
            return ", ".join(labels) if rule.sign else "helps others"


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
        case Length():
            return "length"
        case Casing():
            return "casing"
        case Similar():
            return "similarity"
        case Named() | AllOf():
            return "all"
        case AnyOf():
            return "any"
        case Not():
            return "not"
