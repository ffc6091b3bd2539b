"""A finished run that answers questions about texts: predict, evaluate, explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ruletune.errors import UserError
from ruletune.labeling.answer_model import AnswerModel
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_votes import SpanVotes
from ruletune.models.extracting import Reading, read_edges
from ruletune.models.scoring import token_logits
from ruletune.models.windows import Windows, windows
from ruletune.pipeline.embedding import embedder
from ruletune.pipeline.extract_deciding import Deciding, Ranked, ranked, scoring
from ruletune.pipeline.run import Run, needs_gold
from ruletune.pipeline.span_findings import scores_by_coverage
from ruletune.progress import Listener, counted, silent
from ruletune.types import Example, Firing, Prediction

if TYPE_CHECKING:
    from ruletune.pipeline.explaining import Asked
    from ruletune.report.explanation import Explanation

__all__ = ["ExtractRun"]


@dataclass(frozen=True)
class ExtractRun(Run):
    """A run folder of a task that asks for passages, opened. An example's ``text_pair`` is the question."""

    @cached_property
    def span_rules(self) -> SpanRules:
        """The rules, compiled."""
        return SpanRules(self.spec.rules, labels=self.labels, embed=embedder(self.spec))

    @cached_property
    def answer_model(self) -> AnswerModel:
        """How far each rule is believed."""
        return AnswerModel.from_json(self.settings["label_model"])

    @cached_property
    def deciding(self) -> Deciding:
        """How answers are chosen."""
        weight = float(self.settings.get("rule_weight", 0.0)) if self.settings.get("rules_act") else 0.0
        return Deciding.from_json(self.settings["calibration"]["answers"], weight=weight)

    def by_itself(self) -> ExtractRun:
        """The same model, answering without its rules."""
        return replace(self, settings={**self.settings, "rules_act": False})

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
        """One answer to each question, with its probability and the likely alternatives in ``ranked``, itself included."""
        if max_error is not None:
            self.threshold(max_error, confidence=confidence)
        votes = self.span_rules.apply(examples, strict=False) if with_rules else None
        firings = [()] * len(examples) if votes is None else votes.firings()
        predictions = []
        for example, found, fired in zip(examples, self._ranked(examples, listener, votes=votes), firings, strict=True):
            answer, certain = found[0]
            scores = (certain,) * len(answer.spans)
            predictions.append(Prediction(example.id, answer, certain, {}, fired, scores, found))
        return predictions

    def _ranked(
        self, examples: Sequence[Example], listener: Listener, *, votes: SpanVotes | None = None
    ) -> list[Ranked]:
        """The likely answers to each question.

        Args:
            votes: What the rules say of the examples, where that is known.
        """
        deciding = self.deciding
        _, readings = self.readings(examples, listener=listener)
        if not deciding.weight:  # then the rules need not even be loaded
            return [ranked(read, None, deciding) for read in readings]
        if votes is None:
            votes = self.span_rules.apply(examples, strict=False)
        said = self.answer_model.proposals(votes, examples)
        return [ranked(*each, deciding) for each in zip(readings, said, strict=True)]

    def readings(self, examples: Sequence[Example], *, listener: Listener = silent) -> tuple[Windows, list[Reading]]:
        """Texts as windows, and what the model alone says of each question.

        Raises:
            UserError: Some text comes without a question.
        """
        bare = [example.id for example in examples if not example.text_pair]
        if bare:
            shown = ", ".join(map(repr, bare[:5]))
            raise UserError(
                f"{len(bare)} texts come without a question (ids {shown}{', ...' if len(bare) > 5 else ''})",
                remedy="give JSONL, CSV or SQuAD JSON with questions, or one text with --question; in Python, Example(id, text, question)",
            )
        scorer = self.scorer
        seen = windows(examples, rendering=self.rendering, tokenizer=scorer.tokenizer, max_length=scorer.max_length)
        progress = counted(listener, "predicting", len(seen.encoded))
        logits = token_logits(scorer, seen.encoded, progress=progress)
        return seen, read_edges(seen, logits.arrays, examples, longest=self.deciding.longest)

    def probabilities(self, examples: Sequence[Example], *, listener: Listener = silent) -> np.ndarray:
        raise UserError(
            "passages have no table of probabilities", remedy="predict gives the probability of every answer"
        )

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
        remedy = "where the text does not answer, write an empty list of answers"
        needs_gold(examples, "questions have no gold answer", remedy=remedy)
        decided = [found[0][0] for found in self._ranked(examples, listener)]
        return scores_by_coverage(examples, decided, self.span_rules.apply(examples), scoring())

    def _explained(self, example: Example, asked: Asked) -> Explanation:
        from ruletune.pipeline.explain_passages import explain_passage

        return explain_passage(self, example, asked)
