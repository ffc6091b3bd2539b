"""What rules say about whole texts: the value that classification rules produce and label models read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.rules.base import Fault, Rule

__all__ = ["ABSTAIN", "FAULT", "Votes", "silence_lower"]

ABSTAIN = -1
"""The rule has nothing to say about the text."""

FAULT = -2
"""The rule failed on the text: what it would have said is unknown."""


@dataclass(frozen=True, slots=True)
class Votes:
    """What every rule says about every text.

    Attributes:
        matrix: (texts, rules) int16: the position of the label that the rule votes for, or vetoes; 0 where a
            rule fires that says nothing about labels (a prompt, a helper); -1 for an abstain; -2 for a fault.
        faults: Rules that failed, with the number of texts they failed on.
    """

    rules: tuple[Rule, ...]
    labels: tuple[str, ...]
    matrix: np.ndarray
    faults: tuple[Fault, ...] = ()

    @property
    def signs(self) -> np.ndarray:
        """What each rule's firing is to a label, (rules,) int8: 1 a vote, -1 a veto, 0 nothing."""
        return np.array([rule.sign for rule in self.rules], dtype=np.int8)

    @property
    def covered(self) -> np.ndarray:
        """Texts about whose label at least one rule says something, (texts,) bool."""
        return np.asarray((self.matrix[:, self.signs != 0] >= 0).any(axis=1))

    @property
    def named(self) -> np.ndarray:
        """Texts for which rules name a label, (texts,) bool: one votes, or vetoes leave a single one, not several."""
        voted = (self.matrix[:, self.signs > 0] >= 0).any(axis=1)
        return np.asarray(voted | (self.vetoed.sum(axis=1) == len(self.labels) - 1))

    @property
    def vetoed(self) -> np.ndarray:
        """Labels that a rule says do not hold, (texts, labels) bool. Where that is all of them, the vetoes cancel out."""
        found = np.zeros((len(self.matrix), len(self.labels)), dtype=bool)
        for position in np.flatnonzero(self.signs < 0):
            rows = np.flatnonzero(self.matrix[:, position] >= 0)
            found[rows, self.matrix[rows, position]] = True
        found[found.all(axis=1)] = False
        return found

    def take(self, rows: Sequence[int] | np.ndarray) -> Votes:
        return Votes(self.rules, self.labels, self.matrix[rows], self.faults)


def silence_lower(matrix: np.ndarray, signs: np.ndarray, priorities: np.ndarray) -> None:
    """Silence votes and vetoes on texts about which a rule of higher priority speaks."""
    speaks = (matrix >= 0) & (signs != 0)
    lowest = np.iinfo(np.int16).min
    highest = np.where(speaks, priorities, lowest).max(axis=1, keepdims=True, initial=lowest)
    matrix[speaks & (priorities < highest)] = ABSTAIN
