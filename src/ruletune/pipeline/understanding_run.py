"""A finished run of intents and slots: predict, evaluate, explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ruletune.data import understood
from ruletune.errors import UserError, nearest
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.label_model import LabelModel
from ruletune.labeling.table import covered as covered_by
from ruletune.metrics import spans as span_metrics
from ruletune.metrics.selective import Threshold
from ruletune.metrics.understanding import JOINT, Understood, score
from ruletune.models.backbone import Classifier
from ruletune.models.scoring import Scorer
from ruletune.pipeline.calibrating import Calibration
from ruletune.pipeline.run import Run, load, needs_gold
from ruletune.pipeline.scoring import LabelScoring
from ruletune.pipeline.span_run import TagRun
from ruletune.progress import Listener, about, silent
from ruletune.tasks import CLASSIFICATION, Task
from ruletune.templates import Rendering
from ruletune.types import Example, Label, Prediction, Spans

if TYPE_CHECKING:
    from ruletune.pipeline.explaining import Asked
    from ruletune.report.explanation import Explanation

__all__ = ["UnderstandingRun"]


@dataclass(frozen=True)
class UnderstandingRun(Run):
    """A run folder of a task of intents and slots, opened.

    As a run it is that of the intents, whose predictions have the slots beside the answer; what is said of one model, its
    labels, its rules, its calibration, is said of theirs. ``intent`` and ``slots`` are runs of their own.
    """

    @cached_property
    def intent(self) -> Run:
        """The run that finds intents."""
        return load(self.folder / "intent", allow_code=self.allow_code)

    @cached_property
    def slots(self) -> TagRun:
        """The run that finds slots."""
        run = load(self.folder / "slots", allow_code=self.allow_code)
        if not isinstance(run, TagRun):
            raise UserError(f"{run.folder} is no run that finds slots", remedy="train again")
        return run

    @property
    def task(self) -> Task:
        return CLASSIFICATION

    @property
    def metric(self) -> str:
        return JOINT

    @cached_property
    def classifier(self) -> Classifier:
        return self.intent.classifier

    @cached_property
    def scorer(self) -> Scorer:
        return self.intent.scorer

    @cached_property
    def rendering(self) -> Rendering:
        return self.intent.rendering

    @cached_property
    def rules(self) -> RuleSet:
        return self.intent.rules

    @cached_property
    def calibration(self) -> Calibration:
        return self.intent.calibration

    @cached_property
    def label_model(self) -> LabelModel:
        return self.intent.label_model

    def threshold(self, max_error: float, *, confidence: float = 0.9) -> Threshold:
        remedy = f"ask one of them: {self.intent.folder} or {self.slots.folder}"
        raise UserError("no promise can be made about an intent and slots at once", remedy=remedy)

    def predict(
        self,
        examples: Sequence[Example],
        *,
        with_rules: bool = True,
        max_error: float | None = None,
        confidence: float = 0.9,
        listener: Listener = silent,
    ) -> list[Prediction]:
        """Intents as answers, each with the prediction of the slots beside it."""
        if max_error is not None:
            self.threshold(max_error, confidence=confidence)
        intents = self.intent.predict(examples, with_rules=with_rules, listener=about(listener, "intents"))
        slots = self.slots.predict(examples, with_rules=with_rules, listener=about(listener, "slots"))
        return [replace(intent, slots=found) for intent, found in zip(intents, slots, strict=True)]

    def probabilities(self, examples: Sequence[Example], *, listener: Listener = silent) -> np.ndarray:
        """Probability of every intent, (examples, intents)."""
        return self.intent.probabilities(examples, listener=listener)

    def evaluate(
        self,
        examples: Sequence[Example],
        *,
        max_error: float | None = None,
        confidence: float = 0.9,
        listener: Listener = silent,
    ) -> dict[str, Any]:
        """Joint accuracy, intent accuracy and slot F1 with ``n``, also apart for texts on which a rule of either kind votes or
        none does; under ``intent`` and ``slots`` the metrics of each task.

        Raises:
            UserError: Some example has no intent, or a promise is asked for.
        """
        if max_error is not None:
            self.threshold(max_error, confidence=confidence)
        needs_gold(examples, "texts have no intent")
        pairs = [understood.halves(example) for example in examples]
        gold = _answers([intent for intent, _ in pairs], [slots for _, slots in pairs])
        predicted = self.predict(examples, listener=listener)
        found = _answers(predicted, [p.slots for p in predicted if p.slots is not None])
        votes, span_votes = self.intent.rules.apply(examples), self.slots.span_rules.apply(examples)
        covered = covered_by(self.task, votes) | span_votes.covered
        result: dict[str, Any] = {**score(gold, found), "n": len(examples)}
        result["faults"] = {fault.rule: fault.count for fault in (*votes.faults, *span_votes.faults)}
        for name, mask in (("covered", covered), ("uncovered", ~covered)):
            rows = np.flatnonzero(mask).tolist()
            result[name] = {**score(_only(gold, rows), _only(found, rows)), "n": len(rows)}
        scoring = LabelScoring(self.task, self.labels, self.multi)
        result["intent"] = scoring.score(gold[0], found[0])
        result["slots"] = span_metrics.score(gold[1], found[1], labels=self.slots.labels)
        return result

    def _explained(self, example: Example, asked: Asked) -> Explanation:
        """Why the models answer as they do: what either run explains, side by side."""
        from ruletune.report.explanation import Explanation, Pair

        its = asked.label
        if its is not None and its not in (*self.labels, *self.slots.labels):
            raise UserError(f"unknown label {its!r}", remedy=nearest(its, (*self.labels, *self.slots.labels)))
        intent = self.intent.explain(
            example, words=asked.words, examples=asked.examples, label=its if its in self.labels else None
        )
        slots = self.slots.explain(
            example, words=asked.words, examples=asked.examples, label=its if its in self.slots.labels else None
        )
        return Explanation("intent", example.text, intent.answer, intent.score, both=Pair(intent, slots))


def _answers(intents: Sequence[Example | Prediction], slots: Sequence[Example | Prediction]) -> Understood:
    labels = [each.answer for each in intents]
    spans = [each.answer for each in slots]
    return [a for a in labels if isinstance(a, Label)], [a for a in spans if isinstance(a, Spans)]


def _only(answers: Understood, rows: Sequence[int]) -> Understood:
    return [answers[0][row] for row in rows], [answers[1][row] for row in rows]
