"""Training, weighing and measuring where the answer is the entities of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location, UserError
from ruletune.labeling.sequence_model import SequenceModel
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_table import fit_span_model
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.words import words
from ruletune.metrics import spans as span_metrics
from ruletune.metrics.intervals import micro_f1_interval
from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.readout import Ragged
from ruletune.models.tagging import Tagged, decode_tags, token_beliefs, token_tags
from ruletune.models.windows import Windows, windows
from ruletune.pipeline.answering import BOTH, RULES, Measured
from ruletune.pipeline.calibrating import Calibration
from ruletune.pipeline.embedding import embedder
from ruletune.pipeline.findings import Curve, assemble
from ruletune.pipeline.fits import Fit, Outputs
from ruletune.pipeline.guided import Guided
from ruletune.pipeline.inputs import Inputs
from ruletune.pipeline.prepare import Parts
from ruletune.pipeline.run import Run
from ruletune.pipeline.span_calibrating import calibrate_spans, spans_before_and_after
from ruletune.pipeline.span_findings import Answered, Scoring, outcome
from ruletune.pipeline.span_inputs import SpanInputs, kinds_of
from ruletune.pipeline.span_judging import USUAL, Say, judge_span_rules, rule_beliefs, span_effects, together
from ruletune.pipeline.span_reliance import measure_span_reliance
from ruletune.progress import Event, Listener, counted
from ruletune.report.model import Effect, Guard, Reliance
from ruletune.store import Workspace
from ruletune.types import Example, Spans

__all__ = ["TagAnswering", "forbid", "gold_spans", "heard", "scoring"]


@dataclass(frozen=True, slots=True)
class TagAnswering:
    """A task whose answer is labelled spans, with its rules applied to all parts.

    Attributes:
        votes, words: By part of the data; the words of each text as ranges of characters.
    """

    spec: TaskSpec
    parts: Parts
    rules: SpanRules
    votes: dict[str, SpanVotes]
    words: dict[str, list[list[tuple[int, int]]]]
    model: SequenceModel

    @classmethod
    def of(cls, spec: TaskSpec, parts: Parts, *, listener: Listener) -> TagAnswering:
        """Apply the rules and fit the label model.

        Raises:
            UserError: There is nothing to learn from.
        """
        rules = SpanRules(spec.rules, labels=spec.labels, embed=embedder(spec))
        advance = counted(listener, "applying rules", sum(parts.sizes().values()))
        votes = {name: rules.apply(getattr(parts, name), progress=advance) for name in parts.names}
        ranges = {name: [words(example.text) for example in getattr(parts, name)] for name in parts.names}
        if not parts.gold and not votes["unlabeled"].covered.any():
            what = "no rule finds anything in any text" if spec.rules else "there are no rules"
            where, remedy = Location(str(spec.path)), "label a few texts, or add rules"
            raise UserError(f"there are no texts with gold spans and {what}", where=where, remedy=remedy)
        learned = [*parts.gold, *parts.unlabeled]
        model = fit_span_model(
            spec,
            SpanVotes.joined([votes["gold"], votes["unlabeled"]]),
            [*ranges["gold"], *ranges["unlabeled"]],
            [example.answer if isinstance(example.answer, Spans) else None for example in learned],
        )
        return cls(spec, parts, rules, votes, ranges, model)

    @property
    def acts(self) -> bool:
        return bool(self.votes["unlabeled"].covered.any()) or any(
            bool((v.signs < 0).any()) for v in self.votes.values()
        )

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
                targets[name], weights[name], evidence = self._weak(shown[name])
            else:
                targets[name], weights[name] = _gold(shown[name], examples, spec.labels)
        listener(Event("tokenizing", len(self.parts.names), len(self.parts.names)))
        kinds = kinds_of([_labels(example) for example in self.parts.gold])
        return SpanInputs(shown, targets, weights, kinds, evidence)

    def _weak(self, shown: Windows) -> tuple[Ragged, Ragged, np.ndarray]:
        """What the rules say of unlabelled texts, token by token, and how much it is worth text by text."""
        votes, ranges = self.votes["unlabeled"], self.words["unlabeled"]
        beliefs, worth = self.model.posterior(votes, ranges), self.model.confidence(votes, ranges)
        targets, weights = token_beliefs(shown, ranges, beliefs, worth)
        evidence = np.array([float(values.mean()) if len(values) else 0.0 for values in worth])
        return _ragged(targets), _ragged(weights), evidence

    def schooling(self, checkpoint: Checkpoint, inputs: Inputs, *, workspace: Workspace, listener: Listener) -> Guided:
        return Guided(self.spec, checkpoint, inputs, workspace=workspace, listener=listener)

    def guard(self, checkpoint: Checkpoint, *, listener: Listener) -> Guard | None:
        return judge_span_rules(self, checkpoint, listener=listener)

    def measure(self, fits: dict[str, Fit], curve: Sequence[Curve], inputs: Inputs, guard: Guard | None) -> Measured:
        assert isinstance(inputs, SpanInputs)
        spec, parts = self.spec, self.parts
        held_out = len(parts.gold) + len(parts.validation) + len(parts.calibration)
        say = _say(guard) if BOTH in fits else _UNHEARD
        ways: dict[str, Answered] = {}
        if spec.rules:
            found = self.model.decode(self.votes["test"], self.words["test"])
            ways[RULES] = Answered(found, np.ones(len(found)), len(parts.gold))
        delivered, last = list(fits.items())[-1]
        calibration = self._calibrate(inputs, last, say)
        for name, fitted in fits.items():
            scores = self._scores(inputs, "test", fitted.outputs["test"], say if name == BOTH else _UNHEARD)
            if name == delivered:
                scores = [calibration.temper(values) for values in scores]
            decoded = decode_tags(inputs.windows["test"], scores, spec.labels, parts.test)
            ways[name] = _answered(decoded, held_out)
        points = []
        for point in curve:
            scores = self._scores(inputs, "test", point.outputs, _UNHEARD)
            points.append(
                (point.labels, [t.spans for t in decode_tags(inputs.windows["test"], scores, spec.labels, parts.test)])
            )
        made = assemble(
            spec,
            parts,
            outcome(
                spec,
                parts,
                scoring(spec.labels),
                rules=self.rules,
                votes=self.votes,
                accuracy=self.model.accuracy,
                ways=ways,
                curve=points,
            ),
            losses=[point for fitted in fits.values() for point in fitted.losses],
            truncation={name: encoded.loss for name, encoded in inputs.encoded.items()},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        beliefs = spans_before_and_after(
            calibration,
            inputs.windows["test"],
            self._scores(inputs, "test", last.outputs["test"], say),
            parts.test,
            labels=spec.labels,
        )
        return Measured(
            replace(made, **beliefs),
            self.model.to_json(),
            calibration.to_json(),
            rule_weight=say.votes,
            silence_weight=say.silence,
            answers={name: way.spans for name, way in ways.items()},
        )

    def _scores(self, inputs: SpanInputs, part: str, logits: Outputs, say: Say) -> list[np.ndarray]:
        """Scores of tags for each window of a part, rules counting for so much."""
        assert isinstance(logits, Ragged)
        return heard(inputs.windows[part], logits.arrays, self.votes[part], self.words[part], self.model, say)

    def _calibrate(self, inputs: SpanInputs, fitted: Fit, say: Say) -> Calibration:
        """How far the delivered model can be believed, on the texts that are held out for it or for stopping."""
        source = self.parts.calibrated_on
        if not source:
            return Calibration()
        scores = self._scores(inputs, source, fitted.outputs[source], say)
        examples = getattr(self.parts, source)
        return calibrate_spans(inputs.windows[source], scores, examples, labels=self.spec.labels, source=source)

    def effects(self, checkpoint: Checkpoint) -> tuple[Effect, ...]:
        return span_effects(self)

    def reliance(self, run: Run) -> Reliance | None:
        from ruletune.pipeline.span_run import TagRun  # it reads this module

        assert isinstance(run, TagRun)

        def answer(examples: Sequence[Example], heard: bool) -> list[Spans]:
            return run.spans(examples, rules=heard)

        return measure_span_reliance(self.rules, self.parts.test, answer, seed=self.spec.file.seed)


def _answered(decoded: Sequence[Tagged], labels: int) -> Answered:
    return Answered([each.spans for each in decoded], np.array([each.certainty for each in decoded]), labels)


def _gold(shown: Windows, examples: Sequence[Example], labels: Sequence[str]) -> tuple[Ragged, Ragged]:
    """Gold tags as targets, tokens that carry none without weight."""
    tags = token_tags(shown, gold_spans(examples), labels)
    eye = np.eye(1 + 2 * len(labels), dtype=np.float32)
    targets = [eye[np.maximum(values, 0)] for values in tags]
    return _ragged(targets), _ragged([(values >= 0).astype(np.float32) for values in tags])


def _ragged(arrays: Sequence[np.ndarray]) -> Ragged:
    return Ragged(tuple(np.asarray(array, dtype=np.float32) for array in arrays))


def _labels(example: Example) -> frozenset[str]:
    return frozenset(span.label for span in example.answer.spans) if isinstance(example.answer, Spans) else frozenset()


_UNHEARD = Say(0.0, 0.0)
"""What rules count for beside the model where they are not heard."""


def _say(guard: Guard | None) -> Say:
    if guard is None or guard.weight is None:
        return USUAL
    return Say(guard.weight, guard.silence or 0.0)


_FORBIDDEN = -1e4


def heard(
    shown: Windows,
    logits: Sequence[np.ndarray],
    votes: SpanVotes,
    words: Sequence[Sequence[tuple[int, int]]],
    model: SequenceModel,
    say: Say,
) -> list[np.ndarray]:
    """Scores of tags with what the rules say of the same texts: their beliefs as evidence, vetoes as law.

    Args:
        logits: For each window (tokens, tags).
        votes, words: Of the windows' texts.
        say: What the rules count for beside the model; 0: they are not heard at all.
    """
    if not say.votes:
        return list(logits)
    said, weights = rule_beliefs(shown, votes, words, model), say.of(shown, votes).tolist()
    mixed = [together(values, spoken, weight) for values, spoken, weight in zip(logits, said, weights, strict=True)]
    return forbid(shown, mixed, votes)


def forbid(shown: Windows, logits: Sequence[np.ndarray], votes: SpanVotes) -> list[np.ndarray]:
    """Logits in which no vetoed label can win where it is vetoed.

    Args:
        votes: On the texts of the windows.
    """
    vetoes = np.flatnonzero(votes.signs[votes.rule] < 0)
    if not len(vetoes):
        return list(logits)
    by_text: dict[int, list[int]] = {}
    for veto in map(int, vetoes):
        by_text.setdefault(int(votes.row[veto]), []).append(veto)
    held = []
    for owner, ranges, values in zip(shown.owner, shown.offsets, logits, strict=True):
        mine = by_text.get(int(owner), [])
        if mine:
            values = values.copy()
            for veto in mine:
                inside = (ranges[:, 0] < votes.end[veto]) & (ranges[:, 1] > votes.start[veto])
                first = 1 + 2 * int(votes.label[veto])
                values[inside, first : first + 2] = _FORBIDDEN
        held.append(values)
    return held


def scoring(labels: Sequence[str]) -> Scoring:
    """Strict entity scores: a span counts where both its ends and its label are right."""

    def score(examples: Sequence[Example], predicted: Sequence[Spans]) -> dict[str, Any]:
        return span_metrics.score(gold_spans(examples), predicted, labels=labels)

    return Scoring(score, _interval, _right)


def gold_spans(examples: Sequence[Example]) -> list[Spans]:
    """Gold answers; none where nobody gave one."""
    return [example.answer if isinstance(example.answer, Spans) else Spans(()) for example in examples]


def _interval(examples: Sequence[Example], predicted: Sequence[Spans], seed: int) -> tuple[float, float]:
    return micro_f1_interval(span_metrics.counts(gold_spans(examples), predicted), seed=seed)


def _right(examples: Sequence[Example], predicted: Sequence[Spans]) -> np.ndarray:
    return np.array([g == p for g, p in zip(gold_spans(examples), predicted, strict=True)], dtype=bool)
