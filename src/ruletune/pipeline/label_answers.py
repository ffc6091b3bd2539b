"""Training, weighing and measuring where the answer is a label of the text, or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.votes import Votes
from ruletune.models.checkpoints import Checkpoint
from ruletune.pipeline import findings
from ruletune.pipeline.answering import BOTH, LABELS, RULES, Measured
from ruletune.pipeline.calibrating import Calibration, before_and_after, calibrate, served
from ruletune.pipeline.deciding import answers, probabilities
from ruletune.pipeline.findings import Curve
from ruletune.pipeline.fits import Fit, Outputs
from ruletune.pipeline.guided import Guided
from ruletune.pipeline.hiding import hidden_word
from ruletune.pipeline.inputs import Inputs, LabelInputs
from ruletune.pipeline.judging import judge_rules, rule_effects
from ruletune.pipeline.prepare import Parts
from ruletune.pipeline.reliance import measure_reliance
from ruletune.pipeline.run import Run
from ruletune.pipeline.shaping import acts
from ruletune.pipeline.teaching import Weak, check_teachable, encode_parts, label_parts
from ruletune.progress import Listener
from ruletune.report.model import Effect, Guard, Reliance, Report
from ruletune.store import Workspace
from ruletune.types import Example, Label

__all__ = ["LabelAnswering"]


@dataclass(frozen=True, slots=True)
class LabelAnswering:
    """A task whose answer is a label, with its rules applied to all parts."""

    spec: TaskSpec
    parts: Parts
    weak: Weak

    @classmethod
    def of(cls, spec: TaskSpec, parts: Parts, *, listener: Listener) -> LabelAnswering:
        """Apply the rules and fit the label model.

        Raises:
            UserError: There is nothing to learn from.
        """
        weak = label_parts(spec, parts, listener=listener)
        check_teachable(spec, parts, weak)
        return cls(spec, parts, weak)

    @property
    def acts(self) -> bool:
        return self.weak.acts

    @property
    def held_at_prediction(self) -> bool:
        return acts(self.spec.rules)

    def inputs(self, checkpoint: Checkpoint, *, listener: Listener) -> LabelInputs:
        return encode_parts(self.spec, self.parts, self.weak, checkpoint, listener=listener)

    def schooling(self, checkpoint: Checkpoint, inputs: Inputs, *, workspace: Workspace, listener: Listener) -> Guided:
        return Guided(self.spec, checkpoint, inputs, workspace=workspace, listener=listener)

    def guard(self, checkpoint: Checkpoint, *, listener: Listener) -> Guard | None:
        return judge_rules(self.spec, self.parts, self.weak.votes, checkpoint, listener=listener)

    def measure(self, fits: dict[str, Fit], curve: Sequence[Curve], inputs: Inputs, guard: Guard | None) -> Measured:
        calibration = self._calibrate(fits)
        ways = self._ways(fits, calibration)
        report = self._report(ways, fits, curve, inputs, calibration)
        given = {
            name: [label for label, _ in answers(beliefs, self.spec.labels, multi=self.spec.file.multi_label)]
            for name, beliefs in ways.items()
        }
        return Measured(report, self.weak.model.to_json(), calibration.to_json(), answers=given)

    def effects(self, checkpoint: Checkpoint) -> tuple[Effect, ...]:
        return rule_effects(self.spec, self.parts, self.weak.votes, checkpoint)

    def reliance(self, run: Run) -> Reliance | None:
        tokenizer = run.tokenizer
        mask = hidden_word(tokenizer, cloze=run.cloze is not None)

        def answer(examples: Sequence[Example]) -> list[Label]:
            return [label for label, _ in answers(run.probabilities(examples), run.labels, multi=run.multi)]

        return measure_reliance(run.rules, self.parts.test, answer, mask=mask, seed=int(run.settings["seed"]))

    def _calibrate(self, fits: dict[str, Fit]) -> Calibration:
        """How far the delivered model can be believed, on the labels that are held out for it or for stopping."""
        name, fitted = list(fits.items())[-1]
        source, parts = self.parts.calibrated_on, self.parts
        if not source:
            return Calibration()
        votes = self.weak.votes[source] if name == BOTH else None
        labels, multi = self.spec.labels, self.spec.file.multi_label
        logits = _of_texts(fitted.outputs[source])
        return calibrate(logits, getattr(parts, source), votes, labels=labels, multi=multi, source=source)

    def _by_rules(self) -> np.ndarray:
        """What the rules alone say of the test part; where none names a relation, that there is none."""
        beliefs, negative = self.weak.posterior("test"), self.spec.file.negative
        if negative is not None:
            beliefs[~self.weak.votes["test"].named] = np.eye(len(self.spec.labels))[self.spec.labels.index(negative)]
        return beliefs

    def _ways(self, fits: dict[str, Fit], calibration: Calibration) -> dict[str, np.ndarray]:
        """Probabilities on the test part by way of answering, the delivered model last."""
        multi = self.spec.file.multi_label
        ways = {RULES: self._by_rules()} if self.spec.rules else {}
        ways |= {name: probabilities(_of_texts(fitted.outputs["test"]), multi=multi) for name, fitted in fits.items()}
        delivered, logits, votes = self._delivered(fits)
        ways[delivered] = served(calibration.temper(logits), votes, multi=multi)
        return ways

    def _delivered(self, fits: dict[str, Fit]) -> tuple[str, np.ndarray, Votes | None]:
        """The delivered model's name, what it says of the test part, and the votes that act on it there."""
        name, fitted = list(fits.items())[-1]
        return name, _of_texts(fitted.outputs["test"]), self.weak.votes["test"] if name == BOTH else None

    def _report(
        self,
        ways: dict[str, np.ndarray],
        fits: dict[str, Fit],
        curve: Sequence[Curve],
        inputs: Inputs,
        calibration: Calibration,
    ) -> Report:
        spec, parts, weak = self.spec, self.parts, self.weak
        multi = spec.file.multi_label
        _, logits, votes = self._delivered(fits)
        held_out = len(parts.validation) + len(parts.calibration)
        used = {RULES: len(parts.gold), LABELS: len(parts.gold) + held_out, BOTH: len(parts.gold) + held_out}
        made = findings.report(
            spec,
            parts,
            votes=weak.votes,
            label_model=weak.model,
            ways=ways,
            labels_used=used,
            curve=curve,
            losses=[point for fitted in fits.values() for point in fitted.losses],
            truncation={name: encoded.loss for name, encoded in inputs.encoded.items()},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        beliefs = before_and_after(calibration, logits, parts.test, votes, labels=spec.labels, multi=multi)
        return replace(made, **beliefs)


def _of_texts(logits: Outputs) -> np.ndarray:
    """Logits of whole texts, which is what a label is read off."""
    assert isinstance(logits, np.ndarray)
    return logits
