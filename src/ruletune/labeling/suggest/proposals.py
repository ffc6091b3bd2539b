"""Choose, from thousands of scored candidates, the few rules worth a person's look."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ruletune.labeling.suggest.beliefs import believe, lsa
from ruletune.labeling.suggest.candidates import Candidates, candidates, least_support
from ruletune.labeling.suggest.scoring import Evidence, Scores, evidence, score
from ruletune.rules.base import Pattern, Terms
from ruletune.rules.matching import Matcher

__all__ = ["Pool", "Proposal", "Study", "centres", "holds", "proposal_of", "propose", "study"]

_GROUP = 6
"""Words, or starts, of one rule at most."""

_NEAR = 0.35
"""Cosine similarity from which two words occur in contexts alike enough to stand in one rule."""

_SLACK = 0.05
"""How much less precise, at its lower bound, a word may be than the first of its rule."""

_EARNED = 0.03
"""What a narrower rule's lower bound must have over a wider one that it is made of."""

_LIFT = 0.3
"""Share of the way from the label's frequency to certainty that a rule must go to be worth writing."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The texts that suggestions are made from.

    Attributes:
        texts: Labelled and unlabelled.
        gold: (texts, labels) in {0, 1}; NaN rows where the label is not known.
        covered: (texts,) whether an existing rule speaks about the text.
        vectors: (texts, size) sentence embeddings; ``None`` to do without.
        rules_say: (texts, labels) the label model's posterior under the existing rules; ``None`` without rules.
        multi: Several labels may hold at once.
        seed: Everything random follows from it.
    """

    texts: tuple[str, ...]
    gold: np.ndarray
    covered: np.ndarray
    vectors: np.ndarray | None = None
    rules_say: np.ndarray | None = None
    multi: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Study:
    """What was found out about a pool before anything is proposed.

    Attributes:
        vectors: (texts, size) what the beliefs were learned from.
        accuracy: Share of left-out gold labels that the classifier behind the beliefs predicts.
    """

    candidates: Candidates
    vectors: np.ndarray
    evidence: Evidence
    accuracy: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule worth a look. Shares are of the pool's texts.

    Attributes:
        label: Position of the label that it would vote for.
        precision, low, high: Expected precision and its 90% interval.
        coverage, new_coverage: Texts that it matches; those of them that no existing rule nor earlier proposal does.
        correct, judged: Gold texts among its matches, with its label and in all.
        rows: The texts that it matches.
    """

    condition: Pattern | Terms
    label: int
    precision: float
    low: float
    high: float
    coverage: float
    new_coverage: float
    correct: int
    judged: int
    rows: np.ndarray


def study(pool: Pool) -> Study:
    """Find the candidates of a pool, and what is believed about its texts."""
    found = candidates(pool.texts, support=least_support(len(pool.texts)))
    plain = [n for n, family in enumerate(found.families) if family in ("word", "phrase", "start", "shape")]
    lexical = lsa(found.matrix[:, plain], seed=pool.seed)
    vectors = lexical if pool.vectors is None else np.hstack([pool.vectors, lexical])
    views = [lexical] if pool.vectors is None else [pool.vectors, lexical, vectors]
    beliefs = believe(views, pool.gold, multi=pool.multi, seed=pool.seed)
    basis = evidence(_with_rules(beliefs, pool), pool.gold, multi=pool.multi)
    return Study(found, vectors, basis, beliefs.accuracy)


def propose(
    pool: Pool, found: Study, *, count: int, min_precision: float, labels: Sequence[int] | None = None
) -> list[Proposal]:
    """The most useful rules, in the order in which they add to each other.

    Each step takes the candidate with the largest number of texts not yet covered, times what its lower bound has
    over the label's frequency, divided by the number of rules that its label already has: greedy set cover,
    balanced over labels.

    Args:
        labels: Positions of the labels wanted; default all.
    """
    scores = score(found.candidates.matrix, found.evidence)
    allowed = _worthwhile(scores, found, min_precision)
    if labels is not None:
        allowed &= np.isin(scores.label, list(labels))
    _drop_refinements(found.candidates, scores, allowed)
    free = ~pool.covered
    least = max(2.0, least_support(len(pool.texts)) / 2)
    places = centres(found)
    worth = np.maximum(scores.bound - found.evidence.prior[scores.label], 0.0)
    taken = np.zeros(pool.gold.shape[1])
    proposals: list[Proposal] = []
    while len(proposals) < count and allowed.any():
        fresh = np.asarray(found.candidates.matrix.T @ free.astype(np.float32))
        allowed &= fresh >= least
        gain = np.where(allowed, fresh * worth / (1 + taken[scores.label]), -1.0)
        best = int(gain.argmax())
        if gain[best] <= 0:
            break
        members = _group(best, found, scores, allowed, free, places, least)
        allowed[members] = False
        proposal = _proposal(
            _joined([found.candidates.conditions[n] for n in members]), int(scores.label[best]), pool, found, free
        )
        if proposal.precision < min_precision:
            proposal = _proposal(found.candidates.conditions[best], int(scores.label[best]), pool, found, free)
        if proposal.precision >= min_precision and proposal.new_coverage > 0:
            proposals.append(proposal)
            free[proposal.rows] = False
            taken[proposal.label] += 1
    return proposals


def holds(condition: Pattern | Terms, texts: Sequence[str]) -> np.ndarray:
    """Where a condition holds, by the rule engine, (texts,) bool."""
    return np.asarray(Matcher([condition]).fired(texts)[:, 0])


def _with_rules(beliefs: Any, pool: Pool) -> Any:
    """Beliefs multiplied by what the existing rules say, where they say anything."""
    from dataclasses import replace

    if pool.rules_say is None or not pool.covered.any():
        return beliefs
    if pool.multi:
        return replace(
            beliefs,
            probability=np.where(
                pool.covered[:, None], (beliefs.probability + pool.rules_say) / 2, beliefs.probability
            ),
        )
    product = beliefs.probability * np.maximum(pool.rules_say, 1e-6)
    product /= np.maximum(product.sum(axis=1, keepdims=True), 1e-12)
    return replace(beliefs, probability=np.where(pool.covered[:, None], product, beliefs.probability))


def _worthwhile(scores: Scores, found: Study, min_precision: float) -> np.ndarray:
    prior = found.evidence.prior[scores.label]
    return np.asarray(
        (scores.precision >= min_precision) & (scores.precision >= prior + _LIFT * (1 - prior)) & (scores.bound > prior)
    )


def _drop_refinements(found: Candidates, scores: Scores, allowed: np.ndarray) -> None:
    """A narrower candidate must be clearly more precise than the wider ones that it is made of."""
    for position in np.flatnonzero(allowed):
        for part in found.parts[position]:
            if (
                scores.label[part] == scores.label[position]
                and allowed[part]
                and (
                    scores.bound[position] < scores.bound[part] + _EARNED
                    or scores.matched[part] == scores.matched[position]
                )
            ):
                allowed[position] = False
                break


def centres(found: Study) -> np.ndarray:
    """Mean vector of the texts of each candidate, from the mean of all; (candidates, size), rows of unit length."""
    matched = np.maximum(np.asarray(found.candidates.matrix.sum(axis=0)).ravel(), 1.0)
    centres = np.asarray(found.candidates.matrix.T @ found.vectors) / matched[:, None] - found.vectors.mean(axis=0)
    return np.asarray(centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9))


def _group(
    seed: int, found: Study, scores: Scores, allowed: np.ndarray, free: np.ndarray, centres: np.ndarray, least: float
) -> list[int]:
    """The seed and others like it: the same label, as precise, in contexts alike, each with texts of its own."""
    families = np.array(found.candidates.families)
    family = "start" if families[seed] == "start" else "term"
    alike = families == "start" if family == "start" else np.isin(families, ["word", "phrase"])
    if not alike[seed]:
        return [seed]
    near = centres @ centres[seed]
    fits = (
        allowed
        & alike
        & (scores.label == scores.label[seed])
        & (near >= _NEAR)
        & (scores.bound >= scores.bound[seed] - _SLACK)
    )
    fits[seed] = False
    members, left = [seed], free.copy()
    left[found.candidates.matrix[:, [seed]].nonzero()[0]] = False
    for other in sorted(np.flatnonzero(fits), key=lambda n: (-near[n] * scores.bound[n], n))[: 10 * _GROUP]:
        rows = found.candidates.matrix[:, [other]].nonzero()[0]
        if left[rows].sum() >= max(least, 0.5 * len(rows)):
            members.append(int(other))
            left[rows] = False
        if len(members) == _GROUP:
            break
    return members


def _joined(conditions: Sequence[Pattern | Terms]) -> Pattern | Terms:
    """Several terms as one list, several starts as one alternation."""
    if len(conditions) == 1:
        return conditions[0]
    terms = [condition.terms[0] for condition in conditions if isinstance(condition, Terms)]
    if terms:
        return Terms(tuple(terms))
    cores = [c.regex.removeprefix(r"^\s*").removesuffix(r"\b") for c in conditions if isinstance(c, Pattern)]
    return Pattern(rf"^\s*(?:{'|'.join(cores)})\b", int(re.IGNORECASE))


def _proposal(condition: Pattern | Terms, label: int, pool: Pool, found: Study, free: np.ndarray) -> Proposal:
    return proposal_of(condition, label, holds(condition, pool.texts), free, found)


def proposal_of(condition: Pattern | Terms, label: int, held: np.ndarray, free: np.ndarray, found: Study) -> Proposal:
    """What is expected of a condition that holds where ``held`` says, as a rule for ``label``."""
    scores = score(held[:, None].astype(np.float64), found.evidence, label=label)
    return Proposal(
        condition,
        label,
        precision=float(scores.precision[0]),
        low=float(scores.low[0]),
        high=float(scores.high[0]),
        coverage=float(held.mean()),
        new_coverage=float((held & free).mean()),
        correct=int(scores.correct[0]),
        judged=int(scores.judged[0]),
        rows=np.flatnonzero(held),
    )
