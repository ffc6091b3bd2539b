"""Training, weighing and measuring where the answer is a passage of a text that a question is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location, UserError
from ruletune.labeling.answer_model import AnswerModel, Proposals, answers_of
from ruletune.labeling.answer_table import proposals_judged
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_votes import SpanVotes
from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.extracting import Reading, edge_targets, read_edges
from ruletune.models.readout import Ragged
from ruletune.models.windows import Windows, windows
from ruletune.pipeline.answering import BOTH, RULES, Measured
from ruletune.pipeline.calibrating import Calibration
from ruletune.pipeline.embedding import embedder
from ruletune.pipeline.extract_deciding import Deciding, Ranked, margin, ranked, scoring
from ruletune.pipeline.extract_judging import WEIGHT, answer_effects, judge_answer_rules
from ruletune.pipeline.extract_run import ExtractRun
from ruletune.pipeline.findings import Curve, assemble
from ruletune.pipeline.fits import Fit, Outputs
from ruletune.pipeline.guided import Guided
from ruletune.pipeline.hiding import hidden_word
from ruletune.pipeline.inputs import Inputs
from ruletune.pipeline.prepare import Parts
from ruletune.pipeline.reliance import question_reliance
from ruletune.pipeline.run import Run
from ruletune.pipeline.span_findings import Answered, outcome
from ruletune.pipeline.span_inputs import SpanInputs, kinds_of
from ruletune.progress import Event, Listener, counted
from ruletune.report.model import Effect, Guard, Reliance
from ruletune.store import Workspace
from ruletune.types import Example, Span, Spans

__all__ = ["ExtractAnswering"]


@dataclass(frozen=True, slots=True)
class ExtractAnswering:
    """A task that asks for a passage, with its rules applied to all parts.

    Attributes:
        votes, proposals: By part of the data.
    """

    spec: TaskSpec
    parts: Parts
    rules: SpanRules
    votes: dict[str, SpanVotes]
    model: AnswerModel
    proposals: dict[str, list[Proposals]]

    @classmethod
    def of(cls, spec: TaskSpec, parts: Parts, *, listener: Listener) -> ExtractAnswering:
        """Apply the rules and fit the label model.

        Raises:
            UserError: There is nothing to learn from.
        """
        rules = SpanRules(spec.rules, labels=spec.labels, embed=embedder(spec))
        advance = counted(listener, "applying rules", sum(parts.sizes().values()))
        votes = {name: rules.apply(getattr(parts, name), progress=advance) for name in parts.names}
        model = AnswerModel.fit(votes["gold"], parts.gold)
        proposals = {name: model.proposals(votes[name], getattr(parts, name)) for name in parts.names}
        if not parts.gold and not any(each.spans for each in proposals["unlabeled"]):
            what = "no rule proposes an answer to any question" if spec.rules else "there are no rules"
            where, remedy = Location(str(spec.path)), "answer a few questions, or add rules"
            raise UserError(f"there are no questions with gold answers and {what}", where=where, remedy=remedy)
        return cls(spec, parts, rules, votes, model, proposals)

    @property
    def acts(self) -> bool:
        return any(each.spoken for several in self.proposals.values() for each in several)

    @property
    def held_at_prediction(self) -> bool:
        return any(rule.sign for rule in self.spec.rules)

    def inputs(self, checkpoint: Checkpoint, *, listener: Listener) -> SpanInputs:
        tokenizer, spec = load_tokenizer(checkpoint), self.spec
        shown: dict[str, Windows] = {}
        targets: dict[str, Ragged] = {}
        weights: dict[str, Ragged] = {}
        evidence = np.zeros(len(self.parts.unlabeled))
        for position, name in enumerate(self.parts.names):
            listener(Event("tokenizing", position, len(self.parts.names)))
            examples = getattr(self.parts, name)
            shown[name] = windows(
                examples, rendering=spec.rendering, tokenizer=tokenizer, max_length=spec.file.model.max_length
            )
            if name == "unlabeled":
                beliefs = [list(zip(p.spans, p.belief.tolist(), strict=True)) for p in self.proposals[name]]
                evidence = np.array([1.0 if p.silenced else float(p.belief.sum()) for p in self.proposals[name]])
            else:
                beliefs = [_evenly(answers_of(example)) for example in examples]
            worth = evidence if name == "unlabeled" else np.ones(len(examples))
            edges, _ = edge_targets(shown[name], beliefs)
            targets[name] = Ragged(tuple(edge.astype(np.float32) for edge in edges), axis=1)
            weights[name] = Ragged(tuple(np.full(2, worth[owner], dtype=np.float32) for owner in shown[name].owner))
        listener(Event("tokenizing", len(self.parts.names), len(self.parts.names)))
        kinds = kinds_of([frozenset(span.label for span in answers_of(example)) for example in self.parts.gold])
        return SpanInputs(shown, targets, weights, kinds, evidence)

    def schooling(self, checkpoint: Checkpoint, inputs: Inputs, *, workspace: Workspace, listener: Listener) -> Guided:
        return Guided(self.spec, checkpoint, inputs, workspace=workspace, listener=listener)

    def guard(self, checkpoint: Checkpoint, *, listener: Listener) -> Guard | None:
        return judge_answer_rules(self.spec, self.parts.gold, self.votes["gold"], checkpoint, listener=listener)

    def measure(self, fits: dict[str, Fit], curve: Sequence[Curve], inputs: Inputs, guard: Guard | None) -> Measured:
        assert isinstance(inputs, SpanInputs)
        spec, parts = self.spec, self.parts
        held_out = len(parts.gold) + len(parts.validation) + len(parts.calibration)
        weight = (WEIGHT if guard is None or guard.weight is None else guard.weight) if BOTH in fits else 0.0
        ways: dict[str, Answered] = {}
        if spec.rules:
            ways[RULES] = _answered(self.model.answers(self.proposals["test"]), len(parts.gold))
        deciding = self._usual(0.0)
        for name, fitted in fits.items():
            deciding = self._deciding(inputs, fitted, weight if name == BOTH else 0.0)
            found = self._ranked(inputs, "test", fitted.outputs["test"], deciding)
            ways[name] = _answered([each[0] for each in found], held_out)
        alone = self._usual(0.0)
        points = [
            (point.labels, [each[0][0] for each in self._ranked(inputs, "test", point.outputs, alone)])
            for point in curve
        ]
        found_out = outcome(
            spec,
            parts,
            scoring(proposals_judged),
            rules=self.rules,
            votes=self.votes,
            accuracy=self.model.accuracy,
            ways=ways,
            curve=points,
        )
        made = assemble(
            spec,
            parts,
            found_out,
            losses=[point for fitted in fits.values() for point in fitted.losses],
            truncation={name: encoded.loss for name, encoded in inputs.encoded.items()},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        calibration = Calibration().to_json() | {"answers": deciding.to_json()}
        return Measured(made, self.model.to_json(), calibration, weight)

    def _usual(self, weight: float) -> Deciding:
        known = [*self.parts.gold, *self.parts.validation]
        none = any(not answers_of(example) for example in known)
        return Deciding(weight, none, 0.0, self.spec.file.model.max_answer)

    def _deciding(self, inputs: SpanInputs, fitted: Fit, weight: float) -> Deciding:
        """With the margin of no answer that is best on the validation part, or else on the gold questions."""
        usual = self._usual(weight)
        part = next(
            (name for name in ("validation", "gold") if name in fitted.outputs and getattr(self.parts, name)), None
        )
        if not usual.none or part is None:
            return usual
        readings, examples = self._readings(inputs, part, fitted.outputs[part]), getattr(self.parts, part)
        return replace(usual, margin=margin(readings, self.proposals[part], examples, usual))

    def _readings(self, inputs: SpanInputs, part: str, logits: Outputs) -> list[Reading]:
        assert isinstance(logits, Ragged)
        longest = self.spec.file.model.max_answer
        return read_edges(inputs.windows[part], logits.arrays, getattr(self.parts, part), longest=longest)

    def _ranked(self, inputs: SpanInputs, part: str, logits: Outputs, deciding: Deciding) -> list[Ranked]:
        readings = self._readings(inputs, part, logits)
        return [ranked(*each, deciding) for each in zip(readings, self.proposals[part], strict=True)]

    def effects(self, checkpoint: Checkpoint) -> tuple[Effect, ...]:
        votes = {name: self.votes[name] for name in ("gold", "test")}
        return answer_effects(votes, self.parts.gold, self.parts.test)

    def reliance(self, run: Run) -> Reliance | None:
        """How far the model by itself, without the rules beside it, leans on the words by which rules tell what is asked for."""
        assert isinstance(run, ExtractRun)
        tokenizer, test, rows = run.tokenizer, self.parts.test, self.votes["test"]
        fired: list[set[str]] = [set() for _ in test]
        for row, rule in zip(rows.row.tolist(), rows.rule.tolist(), strict=True):
            fired[row].add(rows.rules[rule].name)
        alone, scored = run.by_itself(), scoring()

        def right(examples: Sequence[Example]) -> np.ndarray:
            given = [prediction.answer for prediction in alone.predict(examples, with_rules=False)]
            return scored.right(examples, [answer for answer in given if isinstance(answer, Spans)]).astype(float)

        mask, seed = hidden_word(tokenizer), self.spec.file.seed
        return question_reliance(self.spec.rules, fired, test, right, mask=mask, seed=seed)


def _evenly(answers: Sequence[Span]) -> list[tuple[Span, float]]:
    """Answers that are as right as each other."""
    return [(span, 1.0 / len(answers)) for span in answers]


def _answered(found: Sequence[tuple[Spans, float]], labels: int) -> Answered:
    return Answered([answer for answer, _ in found], np.array([certain for _, certain in found]), labels)
