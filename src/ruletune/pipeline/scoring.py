"""How answers that are labels are scored: labels of a text, or relations, of which one may say that there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ruletune.config import TaskSpec
from ruletune.metrics import classification, relations
from ruletune.metrics.calibration import wilson_interval
from ruletune.metrics.intervals import micro_f1_interval
from ruletune.tasks import Task
from ruletune.types import Label

__all__ = ["LabelScoring"]


@dataclass(frozen=True, slots=True)
class LabelScoring:
    """A task's metrics.

    Attributes:
        negative: The relation that is none.
    """

    task: Task
    labels: tuple[str, ...]
    multi: bool
    negative: str | None = None

    @classmethod
    def of(cls, spec: TaskSpec) -> LabelScoring:
        return cls(spec.task, spec.labels, spec.file.multi_label, spec.file.negative)

    def score(self, gold: Sequence[Label], predicted: Sequence[Label]) -> dict[str, Any]:
        """Every metric of the task by name, the main one among them."""
        if self.task.readout == "pair":
            return relations.score(gold, predicted, labels=self.labels, negative=self.negative)
        return classification.score(gold, predicted, labels=self.labels, multi=self.multi)

    def main(self, gold: Sequence[Label], predicted: Sequence[Label]) -> float | None:
        """The main metric; ``None`` where there is nothing to measure."""
        return float(self.score(gold, predicted)[self.task.metric]) if gold else None

    def interval(self, gold: Sequence[Label], predicted: Sequence[Label], *, seed: int) -> tuple[float, float]:
        """95% interval of the main metric: of an accuracy Wilson's, of F1 by drawing the texts again."""
        if self.task.readout == "pair":
            return micro_f1_interval(relations.counts(gold, predicted, negative=self.negative), seed=seed)
        right = np.array([g == p for g, p in zip(gold, predicted, strict=True)], dtype=bool)
        return wilson_interval(int(right.sum()), len(right))
