"""A finished run whose answers are entities: predict, evaluate, explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ruletune.errors import UserError
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

if TYPE_CHECKING:
    from ruletune.pipeline.explaining import Asked
    from ruletune.report.explanation import Explanation

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
        decoded = self.decoded(shown, scores, examples)
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
        return [each.spans for each in self.decoded(*self._scores(examples, silent, rules=rules), examples)]

    def decoded(self, shown: Windows, scores: Sequence[np.ndarray], examples: Sequence[Example]) -> list[Tagged]:
        """The entities of each text by scores of tags, at the calibration's temperature."""
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
        shown, logits = self.read_windows(examples, listener=listener)
        if not rules or not self.say.votes:  # then the rules need not even be loaded
            return shown, logits
        if votes is None:
            votes = self.span_rules.apply(examples, strict=False)
        return shown, self.heard(shown, logits, examples, votes)

    def read_windows(
        self, examples: Sequence[Example], *, listener: Listener = silent
    ) -> tuple[Windows, list[np.ndarray]]:
        """Texts as windows, and what the model alone says of each: logits of tags, (tokens, tags)."""
        scorer = self.scorer
        shown = windows(examples, rendering=self.rendering, tokenizer=scorer.tokenizer, max_length=scorer.max_length)
        progress = counted(listener, "predicting", len(shown.encoded))
        return shown, list(token_logits(scorer, shown.encoded, progress=progress).arrays)

    @cached_property
    def say(self) -> Say:
        """What the rules count for beside the model when it answers."""
        acts = bool(self.settings.get("rules_act"))
        return Say(
            *(float(self.settings.get(name, 0.0)) if acts else 0.0 for name in ("rule_weight", "silence_weight"))
        )

    def heard(
        self,
        shown: Windows,
        logits: Sequence[np.ndarray],
        examples: Sequence[Example],
        votes: SpanVotes,
        model: SequenceModel | None = None,
    ) -> list[np.ndarray]:
        """Scores of tags with what the rules say.

        Args:
            model: How far each rule is believed; default the run's own.
        """
        ranges = [words(example.text) for example in examples]
        return heard(shown, logits, votes, ranges, model or self.sequence_model, self.say)

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
        decided = [each.spans for each in self.decoded(shown, scores, examples)]
        votes = self.span_rules.apply(examples)
        everything = scores_by_coverage(examples, decided, votes, scoring(self.labels))
        if limit is not None:
            wrong = np.array(
                [example.answer != spans for example, spans in zip(examples, decided, strict=True)], dtype=bool
            )
            given = np.array(self._given(limit, shown, scores, examples), dtype=bool)
            everything["abstention"] = abstention(limit, given, wrong)
        return everything

    def _explained(self, example: Example, asked: Asked) -> Explanation:
        from ruletune.pipeline.explain_spans import explain_spans

        return explain_spans(self, example, asked)
