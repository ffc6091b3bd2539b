"""A finished run whose answers are entities: predict, evaluate, explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ruletune.errors import UserError
from ruletune.labeling.apply import answer_value, firing_value
from ruletune.labeling.sequence_model import SequenceModel
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.words import words
from ruletune.models import backbone
from ruletune.models.tagging import decode_tags
from ruletune.models.windows import windows
from ruletune.pipeline.embedding import embedder
from ruletune.pipeline.run import Run
from ruletune.pipeline.span_findings import scores_by_coverage
from ruletune.pipeline.tag_answers import certainty, heard, scoring
from ruletune.progress import Listener, counted, silent
from ruletune.types import Example, Prediction, Spans

__all__ = ["TagRun"]


@dataclass(frozen=True)
class TagRun(Run):
    """A run folder of a task that asks for entities, opened."""

    @cached_property
    def span_rules(self) -> SpanRules:
        """The rules, compiled."""
        return SpanRules(self.spec.rules, labels=self.labels, embed=embedder(self.spec))

    @cached_property
    def sequence_model(self) -> SequenceModel:
        """How far each rule is believed."""
        return SequenceModel.from_json(self.settings["label_model"])

    def predict(
        self,
        examples: Sequence[Example],
        *,
        with_rules: bool = True,
        max_error: float | None = None,
        confidence: float = 0.9,
        listener: Listener = silent,
    ) -> list[Prediction]:
        if max_error is not None:
            self.threshold(max_error, confidence=confidence)
        predictions = []
        for example, (spans, scores) in zip(examples, self._decoded(examples, listener), strict=True):
            fired = self.span_rules.firings(example) if with_rules else ()
            certain = tuple(float(score) for score in scores)
            predictions.append(Prediction(example.id, spans, certainty(scores), {}, fired, certain))
        return predictions

    def _decoded(self, examples: Sequence[Example], listener: Listener) -> list[tuple[Spans, np.ndarray]]:
        classifier = self.classifier
        shown = windows(
            examples, rendering=self.rendering, tokenizer=classifier.tokenizer, max_length=classifier.max_length
        )
        progress = counted(listener, "predicting", len(shown.encoded))
        precision = str(self.settings["precision"])
        logits = backbone.token_logits(classifier, shown.encoded, precision=precision, progress=progress)
        weight = float(self.settings.get("rule_weight", 0.0)) if self.settings.get("rules_act") else 0.0
        if not weight:  # then the rules need not even be loaded
            return decode_tags(shown, logits.arrays, self.labels, examples)
        votes = self.span_rules.apply(examples, strict=False)
        ranges = [words(example.text) for example in examples]
        held = heard(shown, logits.arrays, votes, ranges, self.sequence_model, weight)
        return decode_tags(shown, held, self.labels, examples)

    def probabilities(self, examples: Sequence[Example], *, listener: Listener = silent) -> np.ndarray:
        raise UserError("spans have no table of probabilities", remedy="predict gives the probability of every span")

    def evaluate(
        self,
        examples: Sequence[Example],
        *,
        max_error: float | None = None,
        confidence: float = 0.9,
        listener: Listener = silent,
    ) -> dict[str, Any]:
        if max_error is not None:
            self.threshold(max_error, confidence=confidence)
        bare = [example.id for example in examples if example.answer is None]
        if bare:
            shown = ", ".join(map(repr, bare[:5]))
            raise UserError(f"{len(bare)} texts have no spans (ids {shown}{', ...' if len(bare) > 5 else ''})")
        decided = [spans for spans, _ in self._decoded(examples, listener)]
        votes = self.span_rules.apply(examples)
        return scores_by_coverage(examples, decided, votes, scoring(self.labels))

    def explain(self, example: Example) -> dict[str, Any]:
        [prediction] = self.predict([example])
        votes = self.span_rules.apply([example], strict=False)
        reliability = dict(zip((rule.name for rule in self.spec.rules), self.sequence_model.accuracy, strict=True))
        believed = self.sequence_model.decode(votes, [words(example.text)])[0] if prediction.rules else None
        assert isinstance(prediction.answer, Spans)
        return {
            "text": example.text,
            "answer": answer_value(prediction.answer),
            "score": prediction.score,
            "scores": list(prediction.scores),
            "model": {},
            "label_model": None if believed is None else answer_value(believed),
            "rules": [firing_value(f) | {"reliability": float(reliability[f.rule])} for f in prediction.rules],
        }
