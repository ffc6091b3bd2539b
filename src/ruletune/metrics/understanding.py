"""How far texts are understood: their intents, their slots, and both at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ruletune.metrics.spans import counts
from ruletune.types import Label, Spans

__all__ = ["JOINT", "both_right", "score"]

JOINT = "joint_accuracy"
"""Name of the main metric."""

Understood = tuple[Sequence[Label], Sequence[Spans]]
"""Intents and slots of some texts, in one order."""


def both_right(gold: Understood, found: Understood) -> np.ndarray:
    """Of which texts the intent and every slot are right, and no slot too many, (texts,) bool."""
    intents = [truth == answer for truth, answer in zip(gold[0], found[0], strict=True)]
    slots = [set(truth.spans) == set(answer.spans) for truth, answer in zip(gold[1], found[1], strict=True)]
    return np.array([a and b for a, b in zip(intents, slots, strict=True)], dtype=bool)


def score(gold: Understood, found: Understood) -> dict[str, float]:
    """Shares in [0, 1]; 0 of no texts.

    Returns:
        ``joint_accuracy``, texts of which the intent and all slots are right; ``intent_accuracy``; ``slot_f1``, micro over
        slots that count where both ends and the name are right.

    Source: Hakkani-Tür et al. 2016, *Multi-domain joint semantic frame parsing using bi-directional RNN-LSTM*, who call the
    joint accuracy that of semantic frames.

    >>> from ruletune.types import Span
    >>> jazz = Spans((Span(5, 9, "genre"),))
    >>> scores = score(([Label.of("Play")] * 2, [jazz, jazz]), ([Label.of("Play")] * 2, [jazz, Spans(())]))
    >>> scores["joint_accuracy"], scores["intent_accuracy"], round(scores["slot_f1"], 3)
    (0.5, 1.0, 0.667)
    """
    right = both_right(gold, found)
    intents = [truth == answer for truth, answer in zip(gold[0], found[0], strict=True)]
    hits, answered, wanted = counts(gold[1], found[1]).sum(axis=0).tolist()
    return {
        JOINT: float(right.mean()) if len(right) else 0.0,
        "intent_accuracy": sum(intents) / len(intents) if intents else 0.0,
        "slot_f1": 2 * hits / (answered + wanted) if answered + wanted else 0.0,
    }
