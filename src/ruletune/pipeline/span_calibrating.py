"""What gold spans that did not teach a tagger say about how far it can be believed.

One temperature divides the scores of all tags, whoever they come from, so that the best sequence of tags stays what it
was. A promise is about whole answers: every entity of the text found, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ruletune.metrics.calibration import expected_calibration_error
from ruletune.metrics.temperature import fit_temperature, log_loss
from ruletune.models.tagging import decode_tags, token_tags
from ruletune.models.windows import Windows
from ruletune.pipeline.calibrating import Calibration
from ruletune.types import Example, Spans

__all__ = ["calibrate_spans", "spans_before_and_after"]

_TOKENS = 50_000
"""Tokens that a temperature is fitted on, at most."""


def calibrate_spans(
    shown: Windows, scores: Sequence[np.ndarray], examples: Sequence[Example], *, labels: Sequence[str], source: str
) -> Calibration:
    """Learn from held-out texts how far a tagger can be believed.

    Args:
        scores: Of each window (tokens, tags), as they are decoded.
        examples: The texts, each with its gold answer.
        source: Name of the part that the texts are.
    """
    if not examples:
        return Calibration()
    values, gold = _tokens(shown, scores, examples, labels)
    decoded = decode_tags(shown, scores, labels, examples)
    return Calibration(
        temperature=(float(fit_temperature(values, gold, multi=False)[0]),),
        source=source,
        scores=tuple(each.certainty for each in decoded),
        correct=tuple(each.spans == example.answer for each, example in zip(decoded, examples, strict=True)),
        held_out=True,
    )


def spans_before_and_after(
    calibration: Calibration,
    shown: Windows,
    scores: Sequence[np.ndarray],
    examples: Sequence[Example],
    *,
    labels: Sequence[str],
) -> dict[str, Any]:
    """Fields of the report: calibration error without temperature, and the log loss of tags without and with it."""
    if not calibration.scores or not examples:
        return {}
    values, gold = _tokens(shown, scores, examples, labels)
    decoded = decode_tags(shown, scores, labels, examples)
    correct = np.array([each.spans == example.answer for each, example in zip(decoded, examples, strict=True)])
    return {
        "uncalibrated_error": expected_calibration_error(np.array([each.certainty for each in decoded]), correct),
        "log_loss": log_loss(calibration.temper(values), gold, multi=False),
        "uncalibrated_log_loss": log_loss(values, gold, multi=False),
        "calibration_labels": len(calibration.scores),
    }


def _tokens(
    shown: Windows, scores: Sequence[np.ndarray], examples: Sequence[Example], labels: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of tokens, and their gold tags, (tokens, tags) each; a token once, whatever windows it is in."""
    answers = [example.answer if isinstance(example.answer, Spans) else Spans(()) for example in examples]
    size = 1 + 2 * len(labels)
    values, gold = [np.zeros((0, size))], [np.zeros(0, dtype=np.int64)]
    for window, (logits, tags) in enumerate(zip(scores, token_tags(shown, answers, labels), strict=True)):
        mine = shown.tokens(window)
        mine = mine[tags[mine] >= 0]
        values.append(np.asarray(logits, dtype=np.float64)[mine])
        gold.append(tags[mine])
    every, known = np.concatenate(values), np.concatenate(gold)
    kept = np.linspace(0, len(known) - 1, min(len(known), _TOKENS)).astype(np.int64)
    return every[kept], np.eye(size)[known[kept]]
