"""What a stage of training learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ruletune.models.encoding import Encoded
from ruletune.models.readout import Ragged, Targets

__all__ = ["Supervision"]


@dataclass(frozen=True, slots=True)
class Supervision:
    """Encoded examples with soft targets, shaped as the model's outputs, and how much each of them counts.

    Attributes:
        targets: (examples, labels), or for every example (tokens, tags) or (2, tokens); (examples, 0) where the targets are
            the ``labels`` of the encoded examples, texts to be written.
        weights: (examples, 1), or (examples, labels) where each label is a question of its own; for every example (tokens,),
            or of (2, tokens) targets (examples, 2).
    """

    encoded: Encoded
    targets: Targets
    weights: Targets

    def __len__(self) -> int:
        return len(self.encoded)

    def take(self, rows: list[int]) -> Supervision:
        return Supervision(self.encoded.take(rows), _taken(self.targets, rows), _taken(self.weights, rows))

    def joined(self, other: Supervision) -> Supervision:
        """These examples, and then the others."""
        return Supervision(
            self.encoded.joined(other.encoded),
            _together(self.targets, other.targets),
            _together(self.weights, other.weights),
        )


def _taken(values: Targets, rows: list[int]) -> Targets:
    return values.take(rows) if isinstance(values, Ragged) else values[rows]


def _together(first: Targets, second: Targets) -> Targets:
    if isinstance(first, Ragged):
        assert isinstance(second, Ragged)
        return first.joined(second)
    assert isinstance(second, np.ndarray)
    return np.concatenate([first, np.broadcast_to(second, (len(second), *first.shape[1:]))])
