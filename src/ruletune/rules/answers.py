"""Rules about an answer that is a text: how long it is, what it looks like, what a function makes of it, which slots it says."""

from __future__ import annotations

import inspect
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ruletune.errors import UserError
from ruletune.rules.base import Always, Call, Condition, Matching, Says, Scored, Sized, Slots
from ruletune.rules.code import Withheld
from ruletune.rules.entry import ConditionEntry, Listed, RuleContext, VotingEntry, phrases_of
from ruletune.rules.function import load_function
from ruletune.rules.regex import pattern
from ruletune.rules.sayings import Unit
from ruletune.rules.structure import Bound, Count, in_order

__all__ = ["AlwaysEntry", "AnswerEntry", "AnswerLengthEntry", "ScoreEntry", "SlotsEntry"]


class AlwaysEntry(VotingEntry):
    """``{always: true, veto: as an AI}``: demands the same of every answer."""

    kind: ClassVar[str] = "always"

    always: Literal[True] = Field(description="true; what it demands holds for every source.")

    def condition(self, context: RuleContext) -> Condition:
        return Always()


class _OfAnswers(ConditionEntry):
    def condition(self, context: RuleContext) -> Condition:
        return Always()


class AnswerEntry(_OfAnswers):
    """``answer: '[.!?]$'``: the expression must be found in the answer."""

    kind: ClassVar[str] = "answer"

    answer: str = Field(min_length=1, description="A regular expression in Python's syntax.")
    wanted: bool = Field(default=True, description="false: it must not be found.")
    ignore_case: bool = Field(default=False, description="Match without regard to case.")

    def says(self, context: RuleContext) -> Says:
        return Matching(pattern(self.answer, ignore_case=self.ignore_case, where=context.where), self.wanted)


class AnswerLengthEntry(_OfAnswers):
    """``{answer_length: words, at_most: 30}``: the answer must be as long as that."""

    kind: ClassVar[str] = "answer_length"

    answer_length: Unit = Field(description="What is counted.")
    at_least: Count | None = Field(default=None, description="Fewest.")
    at_most: Annotated[int, Field(strict=True, ge=1)] | None = Field(default=None, description="Most.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("say how long: at_least or at_most")
        in_order(self.at_least, self.at_most)
        return self

    def says(self, context: RuleContext) -> Says:
        return Sized(self.answer_length, self.at_least or 0, self.at_most)


class ScoreEntry(_OfAnswers):
    """``{score: 'scorers.py:faithfulness', at_least: 0.5}``: a function of source and answer must give as much."""

    kind: ClassVar[str] = "score"
    code: ClassVar[tuple[str, ...]] = ("score",)

    score: str = Field(
        min_length=1,
        description="module:function or file.py:function, relative to the task file. It takes the source's text, or the whole example "
        "where its first parameter is called example, and the answer; it returns a number.",
    )
    at_least: Bound | None = Field(default=None, description="Smallest number.")
    at_most: Bound | None = Field(default=None, description="Largest number.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("say what the score must be: at_least or at_most")
        in_order(self.at_least, self.at_most)
        return self

    def default_name(self, context: RuleContext) -> str:
        return self.name or self.score.rpartition(":")[2]

    def says(self, context: RuleContext) -> Says:
        if not context.allows(self.score):
            return Scored(Call(self.score, Withheld(self.score)), self.at_least, self.at_most)
        function = load_function(self.score, context)
        try:
            signature = inspect.signature(function)
            signature.bind("source", "answer")
        except TypeError:
            message = f"the function {self.score!r} must take two arguments, the source (or the example) and the answer"
            raise UserError(message, where=context.where) from None
        except ValueError:  # built-in functions may not tell
            return Scored(Call(self.score, function), self.at_least, self.at_most)
        takes_example = next(iter(signature.parameters)) == "example"
        return Scored(Call(self.score, function, takes_example), self.at_least, self.at_most)


def _names(value: object) -> object:
    """``all`` names no slot: all of them count."""
    return () if value in ("all", ["all"]) else [value] if isinstance(value, str) else value


def _key(value: object) -> str:
    """YAML may read a value as a truth value or a number, or as nothing."""
    match value:
        case None | "?":
            return ""
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def _sayings(value: object) -> object:
    if not isinstance(value, dict) or not all(isinstance(inner, dict) for inner in value.values()):
        return value
    return {
        str(name): {_key(one): [said] if isinstance(said, str | int | float) else said for one, said in values.items()}
        for name, values in value.items()
    }


class SlotsEntry(_OfAnswers):
    """``slots: all``: the value of every slot of the dialogue act must stand in the answer.

    Values that are not said as they are written (yes, no, none, dont_care, and a slot without a value) count only
    where ``say`` tells what says them.
    """

    kind: ClassVar[str] = "slots"

    slots: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        description="all, or the names of the slots that count."
    )
    ignore: Listed = Field(default=(), description="Names of slots that do not count.")
    say: Annotated[dict[str, dict[str, tuple[str, ...]]], BeforeValidator(_sayings)] = Field(
        default={},
        description="Slot to value to the phrases of which one says it. ? stands for a slot without a value, * for any "
        "value that is not named. A phrase may have a * at its edge, and {value} in it.",
    )

    def says(self, context: RuleContext) -> Says:
        known = {name: tuple(values.items()) for name, values in self.say.items()}
        for name, values in known.items():
            for value, said in values:
                phrases_of(said, what=f"say: {name}: {value or '?'}", where=context.where)
            if (self.slots and name not in self.slots) or name in self.ignore:
                message = f"the rule says how the slot {name!r} is said, and leaves it out"
                raise UserError(message, where=context.where, remedy="name it under slots, or take it out of say")
        return Slots(self.slots, self.ignore, tuple(known.items()))
