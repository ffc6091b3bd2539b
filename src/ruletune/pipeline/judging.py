"""Whether the rules are worth listening to, decided before training on frozen representations."""

from __future__ import annotations

from functools import partial

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.corpus import gold_matrix
from ruletune.labeling.label_model import LabelModel
from ruletune.labeling.table import covered, fit_label_model
from ruletune.labeling.votes import Votes
from ruletune.models.checkpoints import Checkpoint
from ruletune.pipeline.embedding import represent
from ruletune.pipeline.prepare import Parts
from ruletune.progress import Listener, counted
from ruletune.report.model import Alternative, Effect, Guard
from ruletune.training.guard import compare, sighted
from ruletune.training.quick import Pool, guided_beliefs, guided_head, leave_one_out
from ruletune.training.self_training import confidence

__all__ = ["judge_rules", "rule_effects", "weak_beliefs"]

_EFFECT_TEXTS = 600
"""Texts learned from and judged by where each rule is dropped in turn: a fit a rule should take a fraction of a second."""

_LEAST_TEXTS, _MORE = 600, 1.6
"""Unlabelled texts that are looked at, at least, and for each text that training reads; more change little and cost time."""


def judge_rules(
    spec: TaskSpec, parts: Parts, votes: dict[str, Votes], checkpoint: Checkpoint, *, listener: Listener
) -> Guard | None:
    """Compare labels alone, rules alone and both on the gold labels; ``None`` where there is nothing to compare.

    The test and validation parts are not looked at.
    """
    if not spec.file.training.guard or not spec.rules or not parts.gold:
        return None
    pool, _ = _pool(spec, parts, votes, checkpoint, listener=listener)
    verdict = compare(
        pool,
        partial(fit_label_model, spec),
        voting=votes["gold"].signs > 0,
        multi=spec.file.multi_label,
        seed=spec.file.seed,
    )
    return Guard(
        rules=verdict.rules,
        reason=verdict.reason,
        labels=verdict.gold,
        alternatives=tuple(Alternative(a.name, a.accuracy, a.error) for a in verdict.alternatives),
        agreement=verdict.agreement[0] if verdict.agreement else None,
    )


def weak_beliefs(
    spec: TaskSpec,
    parts: Parts,
    votes: dict[str, Votes],
    model: LabelModel,
    checkpoint: Checkpoint,
    *,
    listener: Listener,
) -> tuple[np.ndarray, np.ndarray]:
    """What the model is to learn of the unlabelled texts, (texts, labels), and how much each counts, (texts, 1).

    The label model's beliefs; or, where there are gold labels of every label and a linear head on frozen representations can
    tell them apart, the votes weighed against what that head makes of each text: a rule is then believed more on some texts
    than on others, and texts that no rule covers have something to teach, too.
    """
    matrix = votes["unlabeled"].matrix
    # Of nearly every pair of entities types rule out something. Where that leaves several relations the belief in each of them
    # is the same, which is no example of anything.
    worth = np.where(covered(spec.task, votes["unlabeled"])[:, None], model.confidence(matrix), 0.0)
    gold = gold_matrix(parts.gold, spec.labels)
    told = votes["unlabeled"].signs > 0
    if (
        spec.file.training.weak.targets == "votes"
        or spec.file.multi_label
        or not (len(gold) and gold.any(axis=0).all())
        or not (matrix[:, told] >= 0).any()
    ):
        return model.posterior(matrix), worth
    pool, rows = _pool(spec, parts, votes, checkpoint, listener=listener)
    if not sighted(pool, seed=spec.file.seed):
        return model.posterior(matrix), worth
    there = ~pool.known
    found = guided_beliefs(guided_head(pool, model), model, pool.features[there], pool.votes[there])
    beliefs, weights = model.posterior(matrix), np.zeros((len(matrix), 1))
    beliefs[rows], weights[rows] = found, confidence(found)
    return beliefs, weights


def _pool(
    spec: TaskSpec,
    parts: Parts,
    votes: dict[str, Votes],
    checkpoint: Checkpoint,
    *,
    listener: Listener,
) -> tuple[Pool, np.ndarray]:
    """All gold texts, then unlabelled ones, drawn at random, somewhat more than training will read; and which of these."""
    most = spec.file.training.weak.max_texts
    most = None if most is None else max(_LEAST_TEXTS, round(_MORE * most))
    rng = np.random.default_rng([spec.file.seed, 23])
    rows = np.sort(rng.permutation(len(parts.unlabeled))[:most])
    examples = [*parts.gold, *(parts.unlabeled[row] for row in rows)]
    progress = counted(listener, "weighing rules against labels", len(examples))
    features = represent(spec, checkpoint, examples, progress=progress)
    matrix = np.concatenate([votes["gold"].matrix, votes["unlabeled"].matrix[rows]])
    return Pool(features, gold_matrix(examples, spec.labels), matrix), rows


def rule_effects(spec: TaskSpec, parts: Parts, votes: dict[str, Votes], checkpoint: Checkpoint) -> tuple[Effect, ...]:
    """What dropping each rule does, on frozen embeddings; judged on the test part, by which nothing is chosen.

    Empty where several labels may hold at once, or where there is nothing to judge by.
    """
    voting = votes["gold"].signs > 0
    if spec.file.multi_label or not voting.any() or not parts.test or not parts.unlabeled:
        return ()
    rng = np.random.default_rng([spec.file.seed, 29])
    rows, held = (np.sort(rng.permutation(len(part))[:_EFFECT_TEXTS]) for part in (parts.unlabeled, parts.test))
    learned = [*parts.gold, *(parts.unlabeled[row] for row in rows)]
    judged = [parts.test[row] for row in held]
    vectors = represent(spec, checkpoint, [*learned, *judged])
    matrix = np.concatenate([votes["gold"].matrix, votes["unlabeled"].matrix[rows]])
    pool = Pool(vectors[: len(learned)], gold_matrix(learned, spec.labels), matrix)
    if not pool.known.any() and not (matrix[:, voting] >= 0).any():
        return ()
    against = Pool(vectors[len(learned) :], gold_matrix(judged, spec.labels), votes["test"].matrix[held])
    losses = leave_one_out(pool, partial(fit_label_model, spec), held=against, voting=voting)
    names = [rule.name for rule in votes["gold"].rules]
    found = [Effect(name, float(loss)) for name, loss in zip(names, losses, strict=True) if not np.isnan(loss)]
    return tuple(sorted(found, key=lambda effect: -effect.loss))
