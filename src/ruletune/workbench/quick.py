"""The quick tier: what training would come to, and what a model would say, from a linear head on frozen embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.table import fit_label_model
from ruletune.report.model import CurvePoint
from ruletune.training.guard import Verdict, compare, correct, folds
from ruletune.training.quick import Pool, guided_head, labels_head
from ruletune.types import Label
from ruletune.workbench.values import Confusion, Said, answer_json

__all__ = ["Quick", "quick_look"]

_FOLDS, _DRAWS = 5, 3
_POINTS = (0.125, 0.25, 0.5, 1.0)
"""Shares of the gold labels at which the learning curve is measured."""
_FEWEST = 8
"""Gold labels from which on there is a learning curve."""
_BOTH, _ALONE = "rules + labels", "labels alone"

Pause = Callable[[], None]
"""Called between two fits: waits while somebody else is in a hurry, and raises where the work is in vain."""


@dataclass(frozen=True)
class Quick:
    """What the quick tier found.

    Attributes:
        rows: The texts it looked at, (texts,).
        beliefs: What it believes of each, (texts, labels); of gold texts, while they were held out. ``None`` where there is
            nothing to learn from.
        verdict: Labels alone, rules alone and both.
    """

    spec: TaskSpec
    rows: np.ndarray
    beliefs: np.ndarray | None
    verdict: Verdict
    curve: tuple[CurvePoint, ...]
    confusion: Confusion | None

    @cached_property
    def answers(self) -> Mapping[int, Label]:
        """The answer to each text, by row."""
        if self.beliefs is None:
            return {}
        if self.spec.file.multi_label:
            chosen = self.beliefs > 0.5
        else:
            chosen = np.eye(len(self.spec.labels), dtype=bool)[self.beliefs.argmax(axis=1)]
        names = np.array(self.spec.labels, dtype=object)
        return {int(row): Label.of(*names[held]) for row, held in zip(self.rows, chosen, strict=True)}

    @cached_property
    def said(self) -> Mapping[int, Said]:
        """The answer to each text, by row, and its probability."""
        if self.beliefs is None:
            return {}
        multi = self.spec.file.multi_label
        sure = np.maximum(self.beliefs, 1 - self.beliefs).mean(axis=1) if multi else self.beliefs.max(axis=1)
        return {
            row: Said(answer_json(label, multi=multi), float(score))
            for (row, label), score in zip(self.answers.items(), sure, strict=True)
        }


def quick_look(spec: TaskSpec, rows: np.ndarray, pool: Pool, *, pause: Pause) -> Quick:
    """Look at some texts with their votes and gold.

    Args:
        rows: Their numbers, (texts,).
        pool: What is known of each.
    """
    multi, seed = spec.file.multi_label, spec.file.seed
    fit = partial(fit_label_model, spec)
    voting = np.array([rule.sign > 0 for rule in spec.rules], dtype=bool)
    verdict = compare(pool, fit, voting=voting, multi=multi, seed=seed)
    pause()
    held_out = verdict.held_out.get(_BOTH)
    of = _BOTH
    if held_out is None:
        of, held_out = _ALONE, _labels_held_out(pool, multi=multi, seed=seed, pause=pause)
    beliefs = None
    with suppress(ValueError):  # neither a gold label nor a vote: there is nothing to be said
        beliefs = guided_head(pool, fit(pool.votes, pool.gold)).probabilities(pool.features)
    if beliefs is not None and held_out is not None:
        beliefs[pool.known] = held_out
    confusion = None if multi or held_out is None else _confusion(spec, pool, held_out, of)
    return Quick(spec, rows, beliefs, verdict, _curve(pool, multi=multi, seed=seed, pause=pause), confusion)


def _labels_held_out(pool: Pool, *, multi: bool, seed: int, pause: Pause) -> np.ndarray | None:
    """What a head on the gold labels believes of each while it is held out, (gold texts, labels)."""
    known = np.flatnonzero(pool.known)
    if len(known) < 2 or len(np.unique(pool.gold[known], axis=0)) < 2:
        return None
    found = np.zeros((len(known), pool.gold.shape[1]))
    for fold in folds(pool.gold[known], _FOLDS, np.random.default_rng([seed, 0])):
        pause()
        found[fold] = labels_head(pool.without(known[fold]), multi=multi).probabilities(pool.features[known[fold]])
    return found


def _confusion(spec: TaskSpec, pool: Pool, held_out: np.ndarray, of: str) -> Confusion:
    gold = pool.gold[pool.known].argmax(axis=1)
    size = len(spec.labels)
    counts = np.bincount(gold * size + held_out.argmax(axis=1), minlength=size * size).reshape(size, size)
    return Confusion(spec.labels, tuple(tuple(row) for row in counts.tolist()), f"{of}, cross-validated")


def _curve(pool: Pool, *, multi: bool, seed: int, pause: Pause) -> tuple[CurvePoint, ...]:
    """Labels alone at growing numbers of labels, each drawn several times and judged on labels that were held out."""
    known = np.flatnonzero(pool.known)
    gold, features = pool.gold[known], pool.features[known]
    if len(known) < _FEWEST or len(np.unique(gold, axis=0)) < 2:
        return ()
    found: dict[int, list[float]] = {}
    learned = len(known) - len(known) // _FOLDS
    sizes = dict.fromkeys(max(2, round(share * learned)) for share in _POINTS)
    for draw in range(_DRAWS):
        rng = np.random.default_rng([seed, 43, draw])
        hits: dict[int, list[np.ndarray]] = {size: [] for size in sizes}
        for fold in folds(gold, _FOLDS, rng):
            rest = _spread(gold, np.setdiff1d(np.arange(len(known)), fold), rng)
            for size in sizes:
                pause()
                rows = rest[:size]
                head = labels_head(Pool(features[rows], gold[rows], pool.votes[:0]), multi=multi)
                hits[size].append(correct(head.probabilities(features[fold]), gold[fold], multi=multi))
        for size in sizes:
            found.setdefault(size, []).append(float(np.concatenate(hits[size]).mean()))
    return tuple(CurvePoint(n, float(np.mean(v)), min(v), max(v)) for n, v in sorted(found.items()))


def _spread(gold: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows in an order whose every beginning has all kinds of answers as evenly as it can."""
    kinds = np.unique(gold[rows], axis=0, return_inverse=True)[1].reshape(-1)
    drawn = rng.permutation(len(rows))
    turn = np.zeros(len(rows), dtype=np.int64)
    for kind in np.unique(kinds):
        mine = drawn[kinds[drawn] == kind]
        turn[mine] = np.arange(len(mine))
    return np.asarray(rows[np.lexsort((rng.random(len(rows)), turn))])
