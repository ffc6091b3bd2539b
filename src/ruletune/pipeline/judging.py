"""Whether the rules are worth listening to, decided before training on frozen representations."""

from __future__ import annotations

from functools import partial

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.apply import Votes
from ruletune.labeling.corpus import gold_matrix
from ruletune.labeling.table import fit_label_model
from ruletune.models.backbone import embed
from ruletune.models.checkpoints import Checkpoint
from ruletune.pipeline.prepare import Parts, joined
from ruletune.progress import Event, Listener
from ruletune.report.model import Alternative, Guard
from ruletune.training.guard import compare
from ruletune.training.quick import Pool

__all__ = ["judge_rules"]

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

    features = embed(
        checkpoint, [joined(example) for example in examples], max_length=spec.file.model.max_length, progress=progress
    )
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
