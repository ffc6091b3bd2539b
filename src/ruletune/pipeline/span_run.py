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
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.words import words
from ruletune.metrics.selective import Threshold
from ruletune.models.scoring import token_logits
from ruletune.models.tagging import Tagged, decode_tags
from ruletune.models.windows import Windows, windows
from ruletune.pipeline.calibrating import abstention
from ruletune.pipeline.embedding import embedder
from ruletune.pipeline.run import Run, needs_gold
from ruletune.pipeline.span_findings import scores_by_coverage
from ruletune.pipeline.span_judging import Say
from ruletune.pipeline.tag_answers import heard, scoring
from ruletune.progress import Listener, counted, silent
from ruletune.types import Example, Firing, Prediction, Spans

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

    def firings(self, examples: Sequence[Example]) -> list[tuple[Firing, ...]]:
        return self.span_rules.apply(examples, strict=False).firings()

    def predict(
        self,
        examples: Sequence[Example],
        *,
        with_rules: bool = True,
        max_error: float | None = None,
        confidence: float = 0.9,
        listener: Listener = silent,
    ) -> list[Prediction]:
        limit = None if max_error is None else self.threshold(max_error, confidence=confidence)
        votes = self.span_rules.apply(examples, strict=False) if with_rules else None
        shown, scores = self._scores(examples, listener, votes=votes)
        given = self._given(limit, shown, scores, examples)
        firings = [()] * len(examples) if votes is None else votes.firings()
        decoded = self._decoded(shown, scores, examples)
        predictions = []
        for example, found, answers, fired in zip(examples, decoded, given, firings, strict=True):
            certain = tuple(float(score) for score in found.scores) if answers else ()
            answer = found.spans if answers else None
            predictions.append(Prediction(example.id, answer, found.certainty, {}, fired, certain))
        return predictions

    def spans(self, examples: Sequence[Example], *, rules: bool = True) -> list[Spans]:
        """The entities found, and nothing else.

        Args:
            rules: Whether rules that are heard when the model answers are heard.
        """
        return [each.spans for each in self._decoded(*self._scores(examples, silent, rules=rules), examples)]

    def _decoded(self, shown: Windows, scores: Sequence[np.ndarray], examples: Sequence[Example]) -> list[Tagged]:
        tempered = [self.calibration.temper(values) for values in scores]
        return decode_tags(shown, tempered, self.labels, examples)

    def _given(
        self, limit: Threshold | None, shown: Windows, scores: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> list[bool]:
        """Which answers are given. Scores before temperature count, as they did when the threshold was found."""
        if limit is None:
            return [True] * len(examples)
        sure = [each.certainty for each in decode_tags(shown, scores, self.labels, examples)]
        return [bool(passes) for passes in limit.passes(np.array(sure, dtype=np.float64))]

    def _scores(
        self, examples: Sequence[Example], listener: Listener, *, rules: bool = True, votes: SpanVotes | None = None
    ) -> tuple[Windows, list[np.ndarray]]:
        """Texts as windows, and scores of tags for each of them.

        Args:
            votes: What the rules say of the examples, where that is known.
        """
        scorer = self.scorer
        shown = windows(examples, rendering=self.rendering, tokenizer=scorer.tokenizer, max_length=scorer.max_length)
        progress = counted(listener, "predicting", len(shown.encoded))
        logits = token_logits(scorer, shown.encoded, progress=progress)
        acts = rules and bool(self.settings.get("rules_act"))
        say = Say(*(float(self.settings.get(name, 0.0)) if acts else 0.0 for name in ("rule_weight", "silence_weight")))
        if not say.votes:  # then the rules need not even be loaded
            return shown, list(logits.arrays)
        if votes is None:
            votes = self.span_rules.apply(examples, strict=False)
        ranges = [words(example.text) for example in examples]
        return shown, heard(shown, logits.arrays, votes, ranges, self.sequence_model, say)

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
        limit = None if max_error is None else self.threshold(max_error, confidence=confidence)
        needs_gold(examples, "texts have no spans")
        shown, scores = self._scores(examples, listener)
        decided = [each.spans for each in self._decoded(shown, scores, examples)]
        votes = self.span_rules.apply(examples)
        everything = scores_by_coverage(examples, decided, votes, scoring(self.labels))
        if limit is not None:
            wrong = np.array(
                [example.answer != spans for example, spans in zip(examples, decided, strict=True)], dtype=bool
            )
            given = np.array(self._given(limit, shown, scores, examples), dtype=bool)
            everything["abstention"] = abstention(limit, given, wrong)
        return everything

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
