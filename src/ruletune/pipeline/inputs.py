"""What the fits of a run learn from, whatever the shape of the task's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ruletune.labeling.label_model import LabelModel
from ruletune.models.encoding import Encoded
from ruletune.training import schedule
from ruletune.training.loop import Supervision

__all__ = ["Inputs", "LabelInputs"]


class Inputs(Protocol):
    """Encoded parts with what is known about them, text by text.

    Attributes:
        encoded: By part of the data, as texts are shown where rules are heard.
        plain: The same where no rule is heard.
    """

    @property
    def encoded(self) -> dict[str, Encoded]: ...

    @property
    def plain(self) -> dict[str, Encoded]: ...

    @property
    def kinds(self) -> np.ndarray:
        """(gold texts,) int: texts of one number are alike, and are spread evenly over the parts of a cut."""

    @property
    def evidence(self) -> np.ndarray:
        """(unlabelled texts,) how much what rules say of each is worth; 0 where they say nothing."""

    def gold(self, rows: Sequence[int], *, plain: bool) -> Supervision:
        """Some gold texts with their answers."""

    def validation(self, *, plain: bool) -> Supervision | None:
        """The validation part; ``None`` where there is none."""

    def weak(self, rows: Sequence[int]) -> Supervision:
        """Some unlabelled texts with what the rules say of them."""


@dataclass(frozen=True, slots=True)
class LabelInputs:
    """Texts that have one label, or several.

    Attributes:
        gold_labels, validation_labels: (examples, labels) in {0, 1}.
        posterior: What is believed of the unlabelled texts, (texts, labels).
        weights: How much each belief counts; 0 where there is no evidence.
        votes: What rules say of the unlabelled texts, (texts, rules).
    """

    encoded: dict[str, Encoded]
    plain: dict[str, Encoded]
    gold_labels: np.ndarray
    validation_labels: np.ndarray
    posterior: np.ndarray
    weights: np.ndarray
    votes: np.ndarray
    label_model: LabelModel

    @property
    def kinds(self) -> np.ndarray:
        return np.asarray(np.unique(self.gold_labels, axis=0, return_inverse=True)[1].reshape(-1))

    @property
    def evidence(self) -> np.ndarray:
        return np.asarray(self.weights.max(axis=1, initial=0.0))

    def gold(self, rows: Sequence[int], *, plain: bool) -> Supervision:
        shown = self.plain if plain else self.encoded
        return schedule.gold_supervision(shown["gold"].take(rows), self.gold_labels[list(rows)])

    def validation(self, *, plain: bool) -> Supervision | None:
        if not len(self.validation_labels):
            return None
        shown = self.plain if plain else self.encoded
        return schedule.gold_supervision(shown["validation"], self.validation_labels)

    def weak(self, rows: Sequence[int]) -> Supervision:
        chosen = list(rows)
        shown = self.encoded["unlabeled"].take(chosen)
        return schedule.weak_supervision(shown, self.posterior[chosen], self.weights[chosen])
