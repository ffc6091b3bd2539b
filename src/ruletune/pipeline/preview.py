"""What a task would come to, in seconds: rules and labels weighed on frozen embeddings, nothing trained but a linear head."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ruletune.config import TaskSpec
from ruletune.engine import Engine
from ruletune.errors import Location, UserError
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.corpus import gold_matrix, needs_label
from ruletune.labeling.table import RuleTable, fit_label_model, table_of
from ruletune.models import checkpoints
from ruletune.pipeline.embedding import embedder, represent
from ruletune.pipeline.prepare import prepare
from ruletune.progress import Listener, counted, silent
from ruletune.training.guard import Verdict, compare
from ruletune.training.quick import Pool, guided_beliefs, guided_head

__all__ = ["Preview", "preview"]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a quick look found.

    Attributes:
        verdict: Labels alone, rules alone and both, cross-validated on the gold labels.
        table: What each rule does, on gold and unlabelled texts.
        labels: Share of the unlabelled texts that the quick model gives each label.
    """

    verdict: Verdict
    table: RuleTable
    labels: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """The result for programs."""
        return {
            "texts": self.table.texts,
            "gold": self.table.gold,
            "coverage": self.table.coverage,
            "overlap": self.table.overlap,
            "conflict": self.table.conflict,
            "use_rules": self.verdict.rules,
            "reason": self.verdict.reason,
            "agreement": self.verdict.agreement[0] if self.verdict.agreement else None,
            "estimates": {a.name: {"accuracy": a.accuracy, "error": a.error} for a in self.verdict.alternatives},
            "labels": self.labels,
        }


def preview(spec: TaskSpec, *, listener: Listener = silent, engine: Engine | None = None) -> Preview:
    """Look at a task before training it. The validation and test parts are held out as in training, and not looked at.

    Args:
        engine: Where texts are embedded, which takes nearly all of the time; default this process.

    Raises:
        UserError: The task or its data is wrong, or there is neither a gold label nor a vote.
    """
    needs_label(spec, "a preview")
    checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder, where=Location(str(spec.path)))
    parts = prepare(spec, listener=listener)
    examples = [*parts.gold, *parts.unlabeled]

    rules = RuleSet(spec.rules, labels=spec.labels, embed=embedder(spec))
    votes = rules.apply(examples, progress=counted(listener, "applying rules", len(examples)))
    gold = gold_matrix(examples, spec.labels)
    progress = counted(listener, "embedding texts", len(examples))
    spread = engine.map if engine is not None and engine.workers > 1 else None
    features = represent(spec, checkpoint, examples, progress=progress, map=spread)
    pool = Pool(features, gold, votes.matrix)
    voting, multi, fit = votes.signs > 0, spec.file.multi_label, partial(fit_label_model, spec)
    verdict = compare(pool, fit, voting=voting, multi=multi, seed=spec.file.seed)
    try:
        model = fit(votes.matrix, gold)
        head = guided_head(pool, model)
    except ValueError as error:
        raise UserError(str(error), where=Location(str(spec.path)), remedy="label a few texts, or add rules") from error
    rest = ~pool.known
    probability = guided_beliefs(head, model, pool.features[rest], pool.votes[rest])
    chosen = probability > 0.5 if multi else np.eye(len(spec.labels))[probability.argmax(axis=1)]
    shares = chosen.mean(axis=0) if len(chosen) else np.zeros(len(spec.labels))
    return Preview(verdict, table_of(spec, votes, gold), dict(zip(spec.labels, map(float, shares), strict=True)))
