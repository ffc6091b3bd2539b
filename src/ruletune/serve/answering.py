"""From what requests ask to what they are answered: a run, asked in batches, in the model's thread."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, assert_never

from ruletune.errors import RuletuneError
from ruletune.pipeline.reference import answers_of
from ruletune.pipeline.values import n_best_value, prediction_value
from ruletune.rules.base import Call, parts
from ruletune.serve.batching import key_of
from ruletune.serve.schema import Options, Reasons
from ruletune.tasks import UNDERSTANDING
from ruletune.types import Example, Prediction

if TYPE_CHECKING:
    from ruletune.pipeline.run import Run

__all__ = ["Answered", "Answerer", "Asked", "Seen", "halves"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One text, and what is wanted of it: an answer, or the reasons for one."""

    example: Example
    options: Options | Reasons = field(default_factory=Options)

    @property
    def key(self) -> Hashable:
        """Equal where the answer is, but for its id."""
        example = self.example
        known = (example.text, example.text_pair, example.entities, sorted(example.fields.items()))
        return key_of(known, self.options)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one text was like, for those who watch.

    Attributes:
        part: ``intent`` or ``slots`` where a run has both, else empty.
        rules: Names of the rules that fired; ``None`` where nobody looked.
        answers: Labels of the answer; ``None`` where it was held back.
    """

    part: str
    rules: tuple[str, ...] | None
    answers: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to one text as JSON, without its id; and what there was to see."""

    value: dict[str, Any]
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True)
class Answerer:
    """A run as the worker asks it."""

    run: Run

    def __call__(self, asked: Sequence[Asked]) -> list[Answered | Exception]:
        """Answers in the order of what is asked; an exception for what cannot be answered."""
        found: list[Answered | Exception] = [RuletuneError("not answered")] * len(asked)
        groups: dict[Options | Reasons, list[int]] = {}
        for number, each in enumerate(asked):
            groups.setdefault(each.options, []).append(number)
        for options, numbers in groups.items():
            examples = [asked[number].example for number in numbers]
            match options:
                case Reasons():
                    answers = self._explained(examples, options)
                case Options():
                    answers = self._predicted(examples, options)
                case _:
                    assert_never(options)
            for number, answer in zip(numbers, answers, strict=True):
                found[number] = answer
        return found

    def cost(self, example: Example) -> int:
        """Tokens of an input, as far as that can be told without a tokenizer: of most scripts four characters are one."""
        length = sum(_tokens(text) for text in (example.text, example.text_pair or ""))
        if self.run.task.readout in ("extract", "tokens"):  # long texts are read in windows
            return length
        return min(length, self._longest)

    @cached_property
    def _longest(self) -> int:
        """Tokens that the model reads."""
        return max(int(half.settings["max_length"]) for half in halves(self.run).values())

    @property
    def repeatable(self) -> bool:
        """Whether equal inputs have equal answers: nobody knows what a Python function reads."""
        return not any(
            isinstance(part, Call)
            for run in halves(self.run).values()
            for rule in run.spec.rules
            for condition in (rule.when, *rule.unless)
            for part in parts(condition)
        )

    def _predicted(self, examples: Sequence[Example], options: Options) -> list[Answered | Exception]:
        try:
            predictions = self._predict(examples, options)
        except Exception as error:
            if len(examples) == 1:
                return [error]
            # One input that cannot be answered must not cost the others theirs.
            return [self._predicted([example], options)[0] for example in examples]
        return [_answered(prediction, options) for prediction in predictions]

    def _predict(self, examples: Sequence[Example], options: Options) -> list[Prediction]:
        several: dict[str, Any] = {"several": options.n_best} if self.run.task.readout == "generate" else {}
        return self.run.predict(
            examples,
            with_rules=options.with_rules,
            max_error=options.max_error,
            confidence=options.confidence,
            **several,
        )

    def _explained(self, examples: Sequence[Example], reasons: Reasons) -> list[Answered | Exception]:
        found: list[Answered | Exception] = []
        for example in examples:
            try:
                said = self.run.explain(example, words=reasons.words, examples=reasons.examples, label=reasons.label)
                found.append(Answered(said.to_json()))
            except Exception as error:
                found.append(error)
        return found


def halves(run: Run) -> dict[str, Run]:
    """The runs of which a run consists: of intents and slots two, else itself under an empty name."""
    if run.settings["task"] != UNDERSTANDING:
        return {"": run}
    from ruletune.pipeline.understanding_run import UnderstandingRun

    assert isinstance(run, UnderstandingRun)
    return {"intent": run.intent, "slots": run.slots}


def _tokens(text: str) -> int:
    """A guess: characters beyond Latin are often tokens of their own."""
    return 2 + (len(text) // 4 if text.isascii() else len(text) // 2)


def _answered(prediction: Prediction, options: Options) -> Answered:
    value = prediction_value(prediction)
    del value["id"]
    if options.max_error is not None:
        value["abstained"] = prediction.abstained
    if options.n_best > 1:
        value["n_best"] = n_best_value(prediction, options.n_best)
    if prediction.slots is None:
        return Answered(value, (_seen("", prediction, options),))
    alone = replace(prediction, slots=None)
    return Answered(value, (_seen("intent", alone, options), _seen("slots", prediction.slots, options)))


def _seen(part: str, prediction: Prediction, options: Options) -> Seen:
    rules = tuple(dict.fromkeys(firing.rule for firing in prediction.rules)) if options.with_rules else None
    return Seen(part, rules, None if prediction.answer is None else answers_of(prediction.answer))
