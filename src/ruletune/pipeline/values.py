"""Predictions as JSON, the same on the command line and over HTTP."""

from __future__ import annotations

from typing import Any

from ruletune.labeling.values import answer_value, firing_value
from ruletune.types import Prediction, Spans, Text

__all__ = ["n_best_value", "prediction_value"]


def prediction_value(prediction: Prediction) -> dict[str, Any]:
    """A prediction as ``ruletune predict`` writes it: id, answer, score, probabilities, rules; and slots beside an intent."""
    return {
        "id": prediction.id,
        "answer": None if prediction.answer is None else answer_value(prediction.answer),
        "score": prediction.score,
        "probabilities": dict(prediction.probabilities),
        "rules": [firing_value(firing) for firing in prediction.rules],
        **({"scores": list(prediction.scores)} if isinstance(prediction.answer, Spans) else {}),
        **({"broken": list(prediction.broken)} if isinstance(prediction.answer, Text) else {}),
        **({"slots": _slots(prediction.slots)} if prediction.slots is not None else {}),
    }


def _slots(prediction: Prediction) -> dict[str, Any]:
    """What stands beside an intent: the same without what they have in common, or spans do not have."""
    row = prediction_value(prediction)
    return {key: row[key] for key in ("answer", "score", "scores", "rules") if key in row}


def n_best_value(prediction: Prediction, count: int) -> list[dict[str, Any]]:
    """The likeliest answers as JSON, the first one the prediction's own."""
    return [{"answer": answer_value(answer), "score": score} for answer, score in prediction.ranked[:count]]
