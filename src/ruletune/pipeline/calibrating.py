"""What gold labels that did not teach the model say about how far it can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ruletune.errors import UserError
from ruletune.labeling.corpus import gold_matrix
from ruletune.labeling.votes import Votes
from ruletune.metrics.calibration import expected_calibration_error
from ruletune.metrics.selective import Threshold, check_shares, threshold
from ruletune.metrics.temperature import fit_temperature, log_loss, tempered
from ruletune.pipeline.deciding import answers, probabilities
from ruletune.pipeline.shaping import hold_back
from ruletune.types import Example, Label

__all__ = ["Calibration", "abstention", "before_and_after", "calibrate", "served"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a model's logits become believable, and on what a promise about its answers rests.

    Attributes:
        temperature: (1,), or one for each label where several may hold.
        source: Part of the data that the labels are of; empty where there was none.
        scores: Score of the answer to each calibration text, before temperature: a promise needs scores that its
            own labels did not shape.
        correct: Whether the answer was right; with several labels, whether the whole set was.
        held_out: The logits are of the delivered model, and the texts taught it nothing. Else there are no promises.
    """

    temperature: tuple[float, ...] = (1.0,)
    source: str = ""
    scores: tuple[float, ...] = ()
    correct: tuple[bool, ...] = ()
    held_out: bool = False

    def temper(self, logits: np.ndarray) -> np.ndarray:
        """Logits (texts, labels) at this temperature."""
        return tempered(logits, np.array(self.temperature))

    def threshold(self, max_error: float, *, confidence: float = 0.9) -> Threshold:
        """From which score on to answer.

        Raises:
            UserError: A share is out of range, or the run has no calibration labels that a promise could rest on.
        """
        check_shares(max_error, confidence)
        if not self.held_out or not self.scores:
            raise UserError(
                "this run can promise nothing about its errors: it was trained without labels held out for it",
                remedy="name labelled texts in data.calibration, or set data.split.calibration, and train again",
            )
        scores, correct = np.array(self.scores), np.array(self.correct)
        return threshold(scores, correct, max_error=max_error, confidence=confidence)

    def to_json(self) -> dict[str, Any]:
        return {
            "temperature": list(self.temperature),
            "source": self.source,
            "scores": list(self.scores),
            "correct": list(self.correct),
            "held_out": self.held_out,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Calibration:
        """What :meth:`to_json` wrote; ``None``, as of runs before calibration, changes nothing."""
        if value is None:
            return cls()
        return cls(
            temperature=tuple(map(float, value["temperature"])),
            source=str(value["source"]),
            scores=tuple(map(float, value["scores"])),
            correct=tuple(map(bool, value["correct"])),
            held_out=bool(value["held_out"]),
        )


def calibrate(
    logits: np.ndarray,
    examples: Sequence[Example],
    votes: Votes | None,
    *,
    labels: Sequence[str],
    multi: bool,
    source: str,
    held_out: bool = True,
) -> Calibration:
    """Learn from held-out texts how far a model can be believed.

    Args:
        logits: (texts, labels).
        examples: The texts, each with its gold answer.
        votes: What the rules say about them where rules veto; a promise is about answers as they are served.
        source: Name of the part that the texts are.
        held_out: See :class:`Calibration`; out-of-fold logits of other models give a temperature only.
    """
    if not len(examples):
        return Calibration()
    gold = gold_matrix(examples, labels)
    temperature = fit_temperature(logits, gold, multi=multi)
    decided = answers(served(logits, votes, multi=multi), labels, multi=multi)
    return Calibration(
        temperature=tuple(map(float, temperature)),
        source=source,
        scores=tuple(score for _, score in decided),
        correct=tuple(label == example.answer for (label, _), example in zip(decided, examples, strict=True)),
        held_out=held_out,
    )


def served(logits: np.ndarray, votes: Votes | None, *, multi: bool) -> np.ndarray:
    """Probabilities as they are served: of the logits, with vetoed labels held back."""
    probability = probabilities(logits, multi=multi)
    return probability if votes is None else hold_back(probability, votes, multi=multi)


def before_and_after(
    calibration: Calibration,
    logits: np.ndarray,
    examples: Sequence[Example],
    votes: Votes | None,
    *,
    labels: Sequence[str],
    multi: bool,
) -> dict[str, Any]:
    """Fields of the report: calibration error without temperature, and the log loss without and with it."""
    if not calibration.scores or not len(examples):
        return {}
    probability = served(logits, votes, multi=multi)
    decided = answers(probability, labels, multi=multi)
    gold: list[Label | None] = [e.answer if isinstance(e.answer, Label) else None for e in examples]
    correct = np.array([label == answer for (label, _), answer in zip(decided, gold, strict=True)])
    scores = np.array([score for _, score in decided])
    matrix = gold_matrix(examples, labels)
    return {
        "uncalibrated_error": expected_calibration_error(scores, correct),
        "log_loss": log_loss(calibration.temper(logits), matrix, multi=multi),
        "uncalibrated_log_loss": log_loss(logits, matrix, multi=multi),
        "calibration_labels": len(calibration.scores),
    }


def abstention(limit: Threshold, given: np.ndarray, wrong: np.ndarray) -> dict[str, Any]:
    """How a promise fared on labelled texts.

    Args:
        given: (texts,) bool, whether an answer is given. wrong: whether it would be wrong.
    """
    answered, mistakes = int(given.sum()), int((given & wrong).sum())
    return {
        "max_error": limit.max_error,
        "confidence": limit.confidence,
        "answered": answered,
        "wrong": mistakes,
        "coverage": answered / len(given) if len(given) else 0.0,
        "error": mistakes / answered if answered else None,
        "promise": limit.sentence(),
    }
