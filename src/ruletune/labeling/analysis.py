"""What each rule does: how often it speaks, alone or with others, how often it is right, whether it says anything new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ruletune.labeling.label_model import Cells, LabelModel
from ruletune.labeling.votes import FAULT, Votes
from ruletune.metrics.calibration import wilson_interval
from ruletune.rules.base import (
    AllOf,
    Always,
    AnyOf,
    Call,
    Casing,
    Column,
    Length,
    Metadata,
    Named,
    Near,
    NearQuestion,
    Not,
    Ordered,
    Pattern,
    Rule,
    Sentences,
    Similar,
    Terms,
    Typed,
    Vote,
    Within,
)
from ruletune.rules.demands import words_of

__all__ = ["RuleStats", "Tallies", "analyse", "kind_name", "polarity", "tally"]

_ECHO = 0.95
"""Share of a rule's votes that another casts too, from which it says nothing new."""

_FEWEST = 3
"""Votes from which that can be said of a rule."""

_MOST_PAIRS = 5e7
"""Pairs of rules that speak about one text, over all texts, up to which every pair is looked at."""

_FEW_RULES = 1000
"""Rules up to which a table of all pairs is small."""


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
        faults: Texts on which it failed.
        new: Of what it says, the share that no other rule says; 0 where it says nothing.
        redundant: Others say nearly all of what it says (95% of three votes or more), even if all rules with an ``echo``
            were dropped.
        echo: One other rule that says nearly all of it; ``None`` where there is none.
        echo_share: Of what it says, the share that ``echo`` says.
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
    redundant: bool
    echo: str | None
    echo_share: float

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
        speakers: (texts,) how many rules say something.
        conflicts: (cells,) bool: another rule says the contrary.
    """

    cells: Cells
    signs: np.ndarray
    votes: np.ndarray
    vetoes: np.ndarray
    speakers: np.ndarray
    conflicts: np.ndarray


def tally(votes: Votes, *, multi: bool = False) -> Tallies:
    """Count what is said of each text. The work grows with what is said, not with texts times rules."""
    signs = votes.signs
    cells = Cells.of(votes.matrix, None if signs.all() else signs != 0)
    sign = signs[cells.rules]
    classes = len(votes.labels)
    for_, against = (_tallied(cells, sign == wanted, classes) for wanted in (1, -1))
    supported, vetoed = for_[cells.rows, cells.labels], against[cells.rows, cells.labels]
    voters = for_.sum(axis=1)
    elsewhere = 0 if multi else voters[cells.rows] - supported
    conflicts = np.where(sign > 0, elsewhere + vetoed, supported) > 0
    return Tallies(cells, sign, for_, against, voters + against.sum(axis=1), conflicts)


def _tallied(cells: Cells, which: np.ndarray, classes: int) -> np.ndarray:
    """How many of some cells there are by text and label, (texts, classes)."""
    places = cells.rows[which].astype(np.int64) * classes + cells.labels[which]
    return np.bincount(places, minlength=cells.shape[0] * classes).reshape(-1, classes)


def analyse(
    votes: Votes,
    *,
    gold: np.ndarray | None = None,
    label_model: LabelModel | None = None,
    multi: bool = False,
    said: Tallies | None = None,
) -> tuple[RuleStats, ...]:
    """Statistics of every rule, in the rules' order.

    Args:
        gold: (texts, labels) in {0, 1}, NaN rows where unknown.
        multi: Several labels may hold at once, so that votes for different ones do not conflict.
        said: :func:`tally` of the votes, where it is known already.
    """
    said = said or tally(votes, multi=multi)
    cells, size = said.cells, len(votes.rules)
    fires, failed = _counts(votes, cells)
    texts = np.maximum(len(votes.matrix) - failed, 1)
    overlap = np.bincount(cells.rules, weights=said.speakers[cells.rows] > 1, minlength=size)
    conflict = np.bincount(cells.rules, weights=said.conflicts, minlength=size)
    correct, judged = _judged(said, gold, size)
    new, redundant, echoes = _redundancy(said, size)
    faults = {fault.rule: fault.count for fault in votes.faults}
    spoken = np.bincount(
        cells.rules.astype(np.int64) * len(votes.labels) + cells.labels, minlength=size * len(votes.labels)
    )
    polarity = spoken.reshape(size, len(votes.labels)) > 0
    return tuple(
        RuleStats(
            rule=rule,
            labels=(rule.label,) if rule.label else tuple(votes.labels[k] for k in np.flatnonzero(polarity[j])),
            coverage=float(fires[j] / texts[j]),
            overlap=float(overlap[j] / texts[j]),
            conflict=float(conflict[j] / texts[j]),
            correct=int(correct[j]),
            judged=int(judged[j]),
            estimated=None if label_model is None or not rule.sign else float(label_model.accuracy[j]),
            faults=faults.get(rule.name, 0),
            new=float(new[j]),
            redundant=bool(redundant[j]),
            echo=votes.rules[echoes[j][0]].name if j in echoes else None,
            echo_share=echoes[j][1] if j in echoes else 0.0,
        )
        for j, rule in enumerate(votes.rules)
    )


def _counts(votes: Votes, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """On how many texts each rule fires, and on how many it fails. The matrix is read only for what the cells leave out."""
    size = len(votes.rules)
    fires = np.bincount(cells.rules, minlength=size)
    for quiet in np.flatnonzero(votes.signs == 0):
        fires[quiet] = np.count_nonzero(votes.matrix[:, quiet] >= 0)
    failed = np.zeros(size, dtype=np.int64)
    names = {fault.rule for fault in votes.faults}
    for position, rule in enumerate(votes.rules):
        if rule.name in names:
            failed[position] = np.count_nonzero(votes.matrix[:, position] == FAULT)
    return fires, failed


def _judged(said: Tallies, gold: np.ndarray | None, size: int) -> tuple[np.ndarray, np.ndarray]:
    if gold is None:
        return np.zeros(size), np.zeros(size)
    cells = said.cells
    known = np.flatnonzero(~np.isnan(gold).any(axis=1)[cells.rows])
    rules = cells.rules[known]
    right = gold[cells.rows[known], cells.labels[known]] == (said.signs[known] > 0)
    return np.bincount(rules, weights=right, minlength=size), np.bincount(rules, minlength=size)


def _redundancy(said: Tallies, size: int) -> tuple[np.ndarray, np.ndarray, dict[int, tuple[int, float]]]:
    """What each rule adds: the share that it alone says, whether that is next to nothing, and its echo with its share.

    Of two rules that say exactly the same, the later one has the echo.
    """
    spoken = np.bincount(said.cells.rules, minlength=size)
    shared = _shared(said, said.votes, said.vetoes)
    times = np.bincount(said.cells.rules[shared], minlength=size)
    new = np.where(spoken > 0, 1 - times / np.maximum(spoken, 1), 0.0)
    redundant = (spoken >= _FEWEST) & (times >= _ECHO * spoken)
    if not redundant.any():
        return new, redundant, {}
    echoes = _echoes(said, shared, redundant)
    if echoes and redundant.sum() > len(echoes):
        # What only echoes of a rule say as well is lost if they are dropped: it is that rule's own.
        left = np.ones(size, dtype=bool)
        left[list(echoes)] = False
        kept, classes = left[said.cells.rules], said.votes.shape[1]
        tables = (_tallied(said.cells, kept & (said.signs == sign), classes) for sign in (1, -1))
        times = np.bincount(said.cells.rules[kept & _shared(said, *tables)], minlength=size)
        redundant &= ~left | (times >= _ECHO * spoken)
    return new, redundant, echoes


def _shared(said: Tallies, votes: np.ndarray, vetoes: np.ndarray) -> np.ndarray:
    """Cells that another rule says as well, by the tables of what is said, (cells,) bool."""
    rows, labels = said.cells.rows, said.cells.labels
    return np.asarray(np.where(said.signs > 0, votes[rows, labels], vetoes[rows, labels]) > 1)


def _echoes(said: Tallies, shared: np.ndarray, redundant: np.ndarray) -> dict[int, tuple[int, float]]:
    """For redundant rules, the other rule that says most of the same, if that is enough, and how much it is."""
    cells = said.cells
    pairs = float(np.square(said.speakers, dtype=np.float64).sum())
    step = (
        int(np.ceil(pairs / _MOST_PAIRS)) or 1
    )  # where every rule fires everywhere, some of the texts tell it as well
    kept = cells.rows % step == 0
    spoken = np.bincount(cells.rules[kept], minlength=len(redundant))
    echoes: dict[int, tuple[int, float]] = {}
    for j, other, count in _together(said, np.flatnonzero(shared & kept), redundant):
        share = count / spoken[j]
        broader = spoken[other] > spoken[j] or (spoken[other] == spoken[j] and other < j)
        if broader and share >= _ECHO and share > echoes.get(j, (0, 0.0))[1]:
            echoes[j] = other, float(share)
    return echoes


def _together(said: Tallies, cells: np.ndarray, wanted: np.ndarray) -> list[tuple[int, int, int]]:
    """How often one rule says the same as another: (rule, other, texts) where the rule is wanted.

    Cells of a text are neighbours: each is compared with the next of its text, then with the one after, and so on.
    """
    rows, rules = said.cells.rows[cells], said.cells.rules[cells].astype(np.int64)
    statements = said.cells.labels[cells] * said.signs[cells] + np.where(said.signs[cells] < 0, -1, 0)
    size = len(wanted)
    found = np.zeros((2, 0), dtype=np.int64)
    left = np.arange(len(cells))
    for distance in range(1, size):
        left = left[left < len(cells) - distance]
        left = left[rows[left] == rows[left + distance]]
        if not len(left):
            break
        same = left[statements[left] == statements[left + distance]]
        first, second = rules[same], rules[same + distance]
        pairs = np.concatenate([(first * size + second)[wanted[first]], (second * size + first)[wanted[second]]])
        keys, counts = _counted(pairs, size)
        found = np.concatenate([found, np.stack([keys, counts])], axis=1)
    keys, where = np.unique(found[0], return_inverse=True)
    totals = np.bincount(where, weights=found[1], minlength=len(keys)).astype(np.int64)
    return [(key // size, key % size, count) for key, count in zip(keys.tolist(), totals.tolist(), strict=True)]


def _counted(pairs: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs there are and how often; by counting while the table of all pairs is small, else by sorting."""
    if size <= _FEW_RULES:
        counts = np.bincount(pairs)
        keys = np.flatnonzero(counts)
        return keys, counts[keys]
    keys, counts = np.unique(pairs, return_counts=True)
    return keys, counts


def polarity(rule: Rule, labels: Sequence[str]) -> str:
    """What a rule says, in words.

    >>> from ruletune.rules.base import Veto
    >>> polarity(Rule("r", Pattern("a"), Veto("spam")), ("spam",))
    'vetoes spam'
    """
    if rule.says is None or isinstance(rule.says, Vote):
        return ", ".join(labels) if rule.sign else "helps others"
    return words_of(rule.says)


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
        case Near():
            return "trigger"
        case NearQuestion():
            return "question"
        case Sentences():
            return "sentence"
        case Always():
            return "always"
        case Named() | AllOf():
            return "all"
        case AnyOf():
            return "any"
        case Not():
            return "not"
        case Within(part=part):
            return kind_name(replace(rule, when=part))
        case Typed():
            return "types"
        case Ordered():
            return "order"
