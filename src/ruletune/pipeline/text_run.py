"""A finished run that writes: predict, evaluate, explain, and talk."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ruletune.data.texts import Texts
from ruletune.errors import UserError
from ruletune.labeling.corpus import columns_of, labels_of
from ruletune.labeling.demanding import Demanded, Demanding
from ruletune.labeling.satisfaction import satisfaction
from ruletune.models.generating import stream
from ruletune.pipeline.drafts import Draft
from ruletune.pipeline.embedding import embedder
from ruletune.pipeline.run import Run, needs_gold
from ruletune.pipeline.text_findings import covered_by, scores_of
from ruletune.pipeline.text_judging import without
from ruletune.pipeline.writing import Writing, avoided, show, source_of, write
from ruletune.progress import Listener, counted, silent
from ruletune.rules.demands import Demand, unmet
from ruletune.types import Example, Firing, Prediction, Text

if TYPE_CHECKING:
    from ruletune.pipeline.explaining import Asked
    from ruletune.report.explanation import Explanation

__all__ = ["TextRun"]

_ACT = re.compile(r"\w+\s*\(.*\)\s*")
"""What looks like a dialogue act."""


@dataclass(frozen=True)
class TextRun(Run):
    """A run folder of a task whose answer is a text, opened."""

    @cached_property
    def demanding(self) -> Demanding:
        """The rules, compiled."""
        return Demanding(self.spec.rules, embed=embedder(self.spec))

    @cached_property
    def writing(self) -> Writing:
        """How answers are written."""
        return replace(Writing.of(self.spec), precision=str(self.settings["precision"]))

    @cached_property
    def heard_writing(self) -> Writing:
        """The same as far as rules are heard in it."""
        return self.writing if self.settings.get("rules_act") else self.writing.unheard()

    @cached_property
    def left_out(self) -> frozenset[tuple[str, str]]:
        """Rules, and terms of glossaries, that gold answers spoke against."""
        return frozenset((rule, term) for rule, term in self.settings["calibration"]["left_out"])

    def demanded(self, examples: Sequence[Example]) -> Demanded:
        """What the rules that are heard demand."""
        return without(self.demanding.demands(examples, strict=False), self.left_out)

    def demands(self, examples: Sequence[Example]) -> list[tuple[Demand, ...]]:
        """The same, by answer."""
        return self.demanded(examples).by_example

    def firings(self, examples: Sequence[Example]) -> list[tuple[Firing, ...]]:
        return self.demanding.firings_of(self.demanding.demands(examples, strict=False), examples)

    def predict(
        self,
        examples: Sequence[Example],
        *,
        with_rules: bool = True,
        max_error: float | None = None,
        confidence: float = 0.9,
        listener: Listener = silent,
        several: int = 1,
    ) -> list[Prediction]:
        """A text for each example, with what rules it breaks.

        Args:
            with_rules: Whether rules are heard while texts are written.
            several: Answers to each, the best first; in ``ranked``.
        """
        if max_error is not None:
            remedy = "leave --max-error out; a prediction names the rules that it breaks"
            raise UserError("no promise can be made about how often a text is wrong", remedy=remedy)
        everything = self.demanding.demands(examples, strict=False)
        demands, firings = (
            without(everything, self.left_out).by_example,
            self.demanding.firings_of(everything, examples),
        )
        found = self.written(examples, demands, with_rules=with_rules, several=several, listener=listener)
        predictions = []
        for example, draft, fired in zip(examples, found, firings, strict=True):
            ranked = ((draft.text, draft.score), *draft.others)
            predictions.append(
                Prediction(
                    example.id,
                    Text(draft.text),
                    math.exp(draft.score),
                    {},
                    fired,
                    ranked=tuple((Text(text), math.exp(score)) for text, score in ranked),
                    broken=draft.broken,
                )
            )
        return predictions

    def written(
        self,
        examples: Sequence[Example],
        demands: Sequence[tuple[Demand, ...]],
        *,
        with_rules: bool,
        several: int = 1,
        listener: Listener = silent,
    ) -> list[Draft]:
        """Answers that keep what is demanded of each, as far as rules are heard."""
        writing = self.heard_writing if with_rules else self.writing.unheard()
        classifier = self.classifier
        shown = show(examples, demands, writing, classifier.tokenizer)
        progress = counted(listener, "writing", len(shown.encoded))
        return list(write(classifier, examples, demands, writing, shown=shown, several=several, progress=progress))

    def reply(self, example: Example) -> Iterator[str]:
        """An answer, piece by piece as it is written: the likeliest word each time, and no phrase that a rule forbids.

        What rules demand beside that is not looked at; :meth:`predict` looks at it.
        """
        [demands] = self.demands([example])
        return stream(
            self.classifier,
            source_of(example, demands, self.writing),
            avoid=avoided(example, demands, self.writing),
            max_target=self.writing.max_target,
            precision=self.writing.precision,
        )

    def broken(self, example: Example, answer: str) -> tuple[str, ...]:
        """Names of the rules that an answer does not keep."""
        return tuple(dict.fromkeys(demand.rule for demand in unmet(self.demands([example])[0], example, answer)))

    def turn(self, said: str, before: Sequence[tuple[str, str]] = (), *, facts: str = "") -> Example:
        """What somebody says as an example; in a dialogue with what was said before, and it may be a dialogue act.

        Args:
            before: (speaker, text) of the turns before.

        Raises:
            UserError: It is blank.
        """
        answers, columns = labels_of(self.spec, labelled=False), columns_of(self.spec, "")
        assert isinstance(answers, Texts)
        values: dict[str, object] = {columns.text: said}
        if answers.dialogue:
            values |= {columns.facts: facts, columns.history: [{"speaker": who, "text": text} for who, text in before]}
            if _ACT.fullmatch(said):
                values |= {columns.act: said, columns.text: None}
        try:
            parsed = answers.parse_row(values, columns, file="")
        except ValueError as error:
            raise UserError(str(error)) from None
        return Example("1", str(parsed.text), fields=dict(parsed.fields or {}))

    def example(self, text: str, text_pair: str | None = None, *, identity: str = "1") -> Example:
        return replace(self.turn(text), id=identity)

    def probabilities(self, examples: Sequence[Example], *, listener: Listener = silent) -> np.ndarray:
        raise UserError("texts have no table of probabilities", remedy="predict gives the score of every text")

    def evaluate(
        self,
        examples: Sequence[Example],
        *,
        max_error: float | None = None,
        confidence: float = 0.9,
        listener: Listener = silent,
    ) -> dict[str, Any]:
        needs_gold(examples, "sources have no gold answer")
        found = self.predict(examples, max_error=max_error, confidence=confidence, listener=listener)
        answers = [p.answer.text if isinstance(p.answer, Text) else "" for p in found]
        demanded = self.demanded(examples)
        result: dict[str, Any] = {**scores_of(self.spec, examples, answers, demanded), "n": len(examples)}
        result["faults"] = {fault.rule: fault.count for fault in demanded.faults}
        covered = covered_by(demanded)
        for name, mask in (("covered", covered), ("uncovered", ~covered)):
            rows = np.flatnonzero(mask).tolist()
            part = replace(demanded, by_example=[demanded.by_example[row] for row in rows])
            scores = scores_of(self.spec, [examples[row] for row in rows], [answers[row] for row in rows], part)
            result[name] = {**scores, "n": len(rows)}
        judged = satisfaction(demanded, examples, [[answer] for answer in answers])
        result["per_rule"] = {row.rule: {"demanded": row.demanded, "kept": row.met} for row in judged.rows}
        return result

    def _explained(self, example: Example, asked: Asked) -> Explanation:
        from ruletune.pipeline.explain_texts import explain_text

        return explain_text(self, example, asked)
