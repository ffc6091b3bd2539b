"""What differs between answers of one shape and of another: how texts are taught, weighed and measured.

A run goes through the same stages for every task (:mod:`ruletune.pipeline.fit`). Where a stage has to know what an
answer looks like it asks the value made here: :mod:`ruletune.pipeline.label_answers` for labels,
:mod:`ruletune.pipeline.tag_answers` for entities, :mod:`ruletune.pipeline.extract_answers` for answers to questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ruletune.models.checkpoints import Checkpoint
from ruletune.pipeline.fits import Fit
from ruletune.pipeline.inputs import Inputs
from ruletune.progress import Listener
from ruletune.report.model import Effect, Guard, Reliance, Report
from ruletune.store import Workspace
from ruletune.types import Answer

if TYPE_CHECKING:
    from ruletune.pipeline.findings import Curve
    from ruletune.pipeline.run import Run

__all__ = ["BOTH", "LABELS", "RULES", "ZERO", "Answering", "Measured", "Schooling"]

RULES, LABELS, BOTH = "rules alone", "labels alone", "rules + labels"
ZERO = "zero-shot"
"""Names of the ways of answering, in tables and reports."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out of a run's fits.

    Attributes:
        label_model, calibration: As the run folder keeps them.
        rule_weight: What the rules count for beside the model when it answers; 0 where they only taught it.
        silence_weight: The same in texts in which no rule votes.
        answers: To the test part, by way of answering; of labels and of entities.
    """

    report: Report
    label_model: dict[str, Any]
    calibration: dict[str, Any]
    rule_weight: float = 0.0
    silence_weight: float = 0.0
    answers: Mapping[str, Sequence[Answer]] = field(default_factory=dict)


class Schooling(Protocol):
    """The fits of one run. Each is made from nothing but its arguments, and remembered."""

    @property
    def inputs(self) -> Inputs:
        """What they learn from."""

    def untrained(self, *, taught_by_rules: bool, score_on: tuple[str, ...]) -> dict[str, Fit]:
        """What the checkpoint answers before it has learned anything; nothing where it cannot answer yet."""

    def labels_alone(self, name: str, rows: list[int], *, seed: int, keep: bool, score_on: tuple[str, ...]) -> Fit:
        """On the gold labels in ``rows`` and nothing else."""

    def rules_and_labels(self, name: str, *, seed: int, keep: bool, score_on: tuple[str, ...]) -> Fit:
        """On everything."""


class Answering(Protocol):
    """The rules applied to a task's parts, and what follows from it."""

    @property
    def acts(self) -> bool:
        """Whether the rules have a part in the model."""

    @property
    def held_at_prediction(self) -> bool:
        """Whether some rule is heard when the model is asked, and not only when it learns."""

    def inputs(self, checkpoint: Checkpoint, *, listener: Listener) -> Inputs:
        """What the model gets to see of every part, and what is known about it."""

    def schooling(
        self, checkpoint: Checkpoint, inputs: Inputs, *, workspace: Workspace, listener: Listener
    ) -> Schooling:
        """The fits."""

    def guard(self, checkpoint: Checkpoint, *, listener: Listener) -> Guard | None:
        """Whether the rules deserve to be heard, by the gold labels; ``None`` where there is nothing to compare."""

    def measure(self, fits: dict[str, Fit], curve: Sequence[Curve], inputs: Inputs, guard: Guard | None) -> Measured:
        """The report on the test part, given what was said of the rules before."""

    def effects(self, checkpoint: Checkpoint) -> tuple[Effect, ...]:
        """What dropping each rule does."""

    def reliance(self, run: Run) -> Reliance | None:
        """How far the finished model leans on the words that trigger rules."""
