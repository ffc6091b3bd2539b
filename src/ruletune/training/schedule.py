"""The order of stages: contrast, weak labels, gold, each a :class:`~ruletune.training.loop.Loop`.

A schedule is data, a tuple of :class:`Course`. :func:`run` goes through it step by step and can go
on from a :class:`Position` that was saved on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ruletune.models.backbone import Classifier
from ruletune.models.encoding import Encoded
from ruletune.training.loop import Loop, Snapshot, Stage, Step, Supervision

__all__ = ["Course", "Position", "gold_supervision", "hold_out", "run", "weak_supervision"]


@dataclass(frozen=True, slots=True)
class Course:
    """One stage with what it learns from and what it is checked on (``None``: it runs to its end).

    Attributes:
        anchor: Gold examples of which every batch gets some, ``stage.anchors`` in number.
    """

    stage: Stage
    data: Supervision
    validation: Supervision | None
    anchor: Supervision | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a schedule stands: the course under way and the state of its loop."""

    course: int
    snapshot: Snapshot


class Running:
    """A schedule under way. Iterate over :meth:`steps`; :meth:`position` may be asked between steps."""

    def __init__(self, classifier: Classifier, courses: Sequence[Course], *, seed: int) -> None:
        self._classifier = classifier
        self._courses = tuple(courses)
        self._seed = seed
        self._course = 0
        self._loop: Loop | None = None

    def restore(self, position: Position) -> None:
        """Go on from a saved position; the schedule must have been made from the same inputs."""
        self._course = position.course
        self._loop = self._new_loop()
        self._loop.restore(position.snapshot)

    def position(self) -> Position | None:
        return Position(self._course, self._loop.snapshot()) if self._loop else None

    def steps(self) -> Iterator[Step]:
        while self._course < len(self._courses):
            self._loop = self._loop or self._new_loop()
            yield from self._loop.run()
            self._loop = None
            self._course += 1

    def _new_loop(self) -> Loop:
        course = self._courses[self._course]
        # Every course draws from a stream of its own, whatever came before it.
        seed = self._seed * 101 + self._course
        return Loop(self._classifier, course.stage, course.data, course.validation, seed=seed, anchor=course.anchor)


def run(classifier: Classifier, courses: Sequence[Course], *, seed: int) -> Running:
    """A schedule, ready to be stepped through."""
    return Running(classifier, courses, seed=seed)


def gold_supervision(encoded: Encoded, gold: np.ndarray) -> Supervision:
    """Gold labels as targets, every example with weight 1.

    Args:
        gold: (examples, labels) in {0, 1}.
    """
    return Supervision(encoded, gold.astype(np.float32), np.ones((len(encoded), 1), dtype=np.float32))


def weak_supervision(encoded: Encoded, posterior: np.ndarray, weights: np.ndarray) -> Supervision:
    """The label model's beliefs as soft targets.

    Args:
        posterior: (examples, labels) in [0, 1].
        weights: (examples, 1 or labels), how much each belief counts.
    """
    return Supervision(encoded, posterior.astype(np.float32), weights.astype(np.float32))


def hold_out(kinds: np.ndarray, *, share: float, least: int, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Cut a stratified fold for early stopping from gold labels: (rows to learn from, rows held out).

    A fold tells something only where it has a few texts of every label: where ``share`` of the
    rarest label is less than ``least`` texts, nothing is held out.

    Args:
        kinds: (examples,) int: examples of one number have the same label.
    """
    groups = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    if not groups or min(len(group) for group in groups) * share < least:
        return list(range(len(kinds))), []
    held = sorted(int(row) for group in groups for row in rng.permutation(group)[: round(len(group) * share)])
    taken = set(held)
    return [row for row in range(len(kinds)) if row not in taken], held


def scaled(stage: Stage, examples: int, *, most_steps: int) -> Stage:
    """The stage with fewer epochs where there are so many examples that ``most_steps`` is passed."""
    per_epoch = max(1, -(-examples // stage.batch_size))
    return replace(stage, epochs=max(1, min(stage.epochs, most_steps // per_epoch)))
