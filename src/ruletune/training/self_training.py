"""Weak labels from a model and the rules together, for texts that rules cover and for those that none covers.

After a first pass the model knows more than the rules that taught it: it has read the gold labels, and what the texts
themselves look like. Its belief about a text is then the prior that the rules' votes on that text are weighed against,
and all there is where no rule speaks (Karamanolakis et al. 2021, ASTRA: a student's answers as one more source).
"""

from __future__ import annotations

import numpy as np

from ruletune.labeling.label_model import LabelModel

__all__ = ["beliefs", "chosen", "confidence"]


def beliefs(
    student: np.ndarray, votes: np.ndarray, label_model: LabelModel, *, trust: float
) -> tuple[np.ndarray, np.ndarray]:
    """What model and rules say of each text: beliefs (texts, labels), and how much each counts (texts, 1).

    Args:
        student: (texts, labels) the model's probabilities.
        votes: (texts, rules) what the rules say.
        trust: The student's odds are taken to this power: a model is surer than it has a right to be of texts that
            it resembles itself in.
    """
    if label_model.multi:
        # Without disagreement there is nothing that rules and model could settle between them.
        return student, np.ones((len(student), 1))
    prior = np.clip(student, 1e-6, 1.0) ** trust
    prior /= prior.sum(axis=1, keepdims=True)
    informed = label_model.informed(votes, prior)
    together = informed.posterior(votes, prior=prior) if label_model.kind != "majority" else prior
    return together, confidence(together)


def confidence(values: np.ndarray) -> np.ndarray:
    """Distance of beliefs from knowing nothing, (texts, 1) in [0, 1].

    >>> confidence(np.array([[0.5, 0.5], [1.0, 0.0]])).ravel().tolist()
    [0.0, 1.0]
    """
    chance = 1.0 / values.shape[1]
    best = values.max(axis=1, keepdims=True, initial=0.0)
    return np.asarray(np.clip((best - chance) / (1 - chance), 0.0, 1.0))


def chosen(values: np.ndarray, weights: np.ndarray, *, most: int, rng: np.random.Generator) -> list[int]:
    """At most ``most`` rows, drawn by their weights, rare labels more often than they occur (their square root).

    A model that leans to one label gives itself ever more texts of it; drawn evenly, it cannot. Drawn evenly,
    it would also forget how rare a label is, which the square root half keeps.
    """
    label = values.argmax(axis=1)
    mass = np.bincount(label, weights=weights[:, 0], minlength=values.shape[1])
    chance = weights[:, 0] / np.sqrt(np.maximum(mass, 1e-12))[label]
    there = int((chance > 0).sum())
    if there <= most:
        return [int(row) for row in np.flatnonzero(chance > 0)]
    return sorted(int(row) for row in rng.choice(len(chance), size=most, replace=False, p=chance / chance.sum()))
