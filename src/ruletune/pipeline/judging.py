"""Whether the rules are worth listening to, decided before training on frozen representations."""

from __future__ import annotations

from functools import partial

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.apply import Votes
from ruletune.labeling.corpus import gold_matrix
from ruletune.labeling.table import fit_label_model
from ruletune.models.checkpoints import Checkpoint
from ruletune.pipeline.embedding import represent
from ruletune.pipeline.prepare import Parts
from ruletune.progress import Event, Listener
from ruletune.report.model import Alternative, Effect, Guard
from ruletune.training.guard import compare
from ruletune.training.quick import Pool, leave_one_out

__all__ = ["judge_rules", "rule_effects"]

_EFFECT_TEXTS = 600
"""Texts learned from and judged by where each rule is dropped in turn: a fit a rule should take a fraction of a second."""

_TEXTS = 2000
"""Unlabelled texts that are looked at; more change little and cost time."""


def judge_rules(
    spec: TaskSpec, parts: Parts, votes: dict[str, Votes], checkpoint: Checkpoint, *, listener: Listener
) -> Guard | None:
    """Compare labels alone, rules alone and both on the gold labels; ``None`` where there is nothing to compare.

    The test and validation parts are not looked at.
    """
    if not spec.file.training.guard or not spec.rules or not parts.gold:
        return None
    rng = np.random.default_rng([spec.file.seed, 23])
    rows = np.sort(rng.permutation(len(parts.unlabeled))[:_TEXTS])
    examples = [*parts.gold, *(parts.unlabeled[row] for row in rows)]
    done = 0

    def progress(count: int) -> None:
        nonlocal done
        done += count
        listener(Event("weighing rules against labels", done, len(examples)))

    features = represent(spec, checkpoint, examples, progress=progress)
    matrix = np.concatenate([votes["gold"].matrix, votes["unlabeled"].matrix[rows]])
    verdict = compare(
        Pool(features, gold_matrix(examples, spec.labels), matrix),
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
