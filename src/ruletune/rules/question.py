"""Rules for questions: what kind of answer a question asks for, and which sentences of the text are about it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ruletune.errors import UserError, nearest
from ruletune.rules.base import AllOf, AnyOf, Condition, Metadata, NearQuestion, Pattern, Sentences
from ruletune.rules.entry import RuleContext, VotingEntry
from ruletune.rules.reading import ANSWER_TYPES
from ruletune.rules.regex import pattern

__all__ = ["QuestionEntry", "SentenceEntry"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class QuestionEntry(VotingEntry):
    """``{question: '\\bwho\\b', type: person, vote: answer}``: votes for passages of a type where the question asks for it."""

    kind: ClassVar[str] = "question"

    question: str = Field(
        min_length=1, description="A regular expression that the question matches, whatever its capitals."
    )
    type: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), description=f"What the answer is, one or several of {', '.join(ANSWER_TYPES)}."
    )
    pattern: str | None = Field(
        default=None,
        min_length=1,
        description="A regular expression for the answer instead; its group 'answer', where it has one, is the answer.",
    )
    near: Annotated[int, Field(strict=True, ge=0, le=100)] = Field(
        default=0, description="Only passages whose sentence has so many of the question's words, little ones aside."
    )

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if self.type and self.pattern is not None:
            raise ValueError("a rule looks for a type or for a pattern, not for both; write two rules")
        if self.near and not self.type and self.pattern is None:
            raise ValueError("'near' goes with a type or a pattern")
        return self

    def condition(self, context: RuleContext) -> Condition:
        unknown = [name for name in self.type if name not in ANSWER_TYPES]
        if unknown:
            message = f"unknown type of answer {unknown[0][:40]!r}"
            raise UserError(message, where=context.where, remedy=nearest(unknown[0][:40], ANSWER_TYPES))
        asked = Metadata("question", matches=pattern(self.question, ignore_case=True, where=context.where))
        sought = [Pattern(ANSWER_TYPES[name]) for name in dict.fromkeys(self.type)]
        if self.pattern is not None:
            sought.append(pattern(self.pattern, ignore_case=False, where=context.where))
        if not sought:
            return asked
        found: list[Condition] = [NearQuestion(each, self.near) if self.near else each for each in sought]
        return AllOf((asked, found[0] if len(found) == 1 else AnyOf(tuple(found))))


class SentenceEntry(VotingEntry):
    """``{sentence: words, vote: answer}``: says that the answer stands in the sentence that resembles the question most."""

    kind: ClassVar[str] = "sentence"

    sentence: Literal["words", "meaning"] = Field(
        description="What is compared: the words, rare ones counting more, or sentence embeddings."
    )
    at_least: Annotated[float, Field(strict=True, ge=0, le=1)] = Field(
        default=0.0, description="Smallest likeness: share of the question's words, or cosine similarity."
    )
    top: Annotated[int, Field(strict=True, ge=1, le=100)] = Field(default=1, description="How many sentences.")

    def condition(self, context: RuleContext) -> Condition:
        return Sentences(self.sentence, self.at_least, self.top)
