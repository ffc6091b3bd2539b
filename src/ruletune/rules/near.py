"""A trigger and a window: what stands within a few tokens of a word that gives it away."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from ruletune.errors import UserError
from ruletune.rules import tokens
from ruletune.rules.base import Condition, Near, Pattern, Terms
from ruletune.rules.entry import RuleContext, VotingEntry

__all__ = ["Sought", "TriggerEntry", "near_spans"]

_MOST = 100
"""Tokens of a window at most."""

_Ranges = list[tuple[int, int]]

Sought = tuple[str, ...] | dict[str, Any]
"""Terms, or a condition as written."""


def _sought(value: object) -> object:
    if isinstance(value, dict):
        return value
    terms = value if isinstance(value, list | tuple) else [value]
    if not terms or not all(isinstance(term, str | int | float) and str(term).strip() for term in terms):
        raise ValueError("name the words, or write a condition such as {regex: ...}")
    return [str(term) for term in terms]


Window = Annotated[int, Field(strict=True, ge=1, le=_MOST)]


class TriggerEntry(VotingEntry):
    """``{trigger: [Mr, Mrs], right: 2, vote: PER}``: votes for what stands near a trigger."""

    kind: ClassVar[str] = "trigger"

    trigger: Annotated[Sought, BeforeValidator(_sought)] = Field(
        description="The words that give it away: terms, or a condition such as {regex: ...} or {gazetteer: ...}."
    )
    entity: dict[str, Any] | None = Field(
        default=None,
        description="What is looked for: a condition such as {shape: Xx+} or {span: [...]}; default words that begin with a capital.",
    )
    right: Window | None = Field(default=None, description="It begins among so many tokens right of the trigger.")
    left: Window | None = Field(default=None, description="It ends among so many tokens left of the trigger.")

    @model_validator(mode="after")
    def _looks_somewhere(self) -> Self:
        if self.left is None and self.right is None:
            raise ValueError("say where to look: right: 2, left: 2, or both")
        return self

    def condition(self, context: RuleContext) -> Condition:
        given = self.trigger
        if isinstance(given, tuple):
            given = {"keywords": given}
        trigger = _part("trigger", given, context)
        target = _capitals() if self.entity is None else _part("entity", self.entity, context)
        return Near(trigger, target, self.left or 0, self.right or 0)


def _part(key: str, value: dict[str, Any], context: RuleContext) -> Pattern | Terms:
    from ruletune.rules.composed import written  # a condition may be of any kind, and so are rules' kinds

    found = written(value, context)
    if not isinstance(found, Pattern | Terms):
        remedy = "write regex, keywords, gazetteer, shape or span"
        raise UserError(f"the {key} must be something that matches characters", where=context.where, remedy=remedy)
    return found


def _capitals() -> Pattern:
    """Words that begin with a capital, five at most."""
    return Pattern(tokens.compile_tokens([tokens.Token((tokens.capital(),), high=5)]))


def near_spans(
    near: Near,
    text: str,
    triggers: Sequence[tuple[int, int]],
    words: Sequence[tuple[int, int]],
    find: Callable[[str], _Ranges],
) -> _Ranges:
    """The characters near a trigger that meet the target, in reading order.

    Takes time linear in the text beside what the search takes: only text between triggers is searched, once.

    Args:
        triggers: Where the trigger matches, in reading order, not overlapping.
        words: Where the text's tokens are, in reading order.
        find: Where the target matches in a text.
    """
    if not triggers:
        return []
    starts, ends = [start for start, _ in words], [end for _, end in words]
    found = []
    edges = [(0, 0), *triggers, (len(text), len(text))]
    for number, ((_, begin), (end, _)) in enumerate(pairwise(edges)):
        if begin >= end or (number == 0 and not near.left) or (number == len(triggers) and not near.right):
            continue
        for start, stop in ((begin + a, begin + b) for a, b in find(text[begin:end])):
            after = bisect_right(ends, start) - bisect_left(starts, begin)  # tokens between the trigger and the span
            before = bisect_right(ends, end) - bisect_left(starts, stop)
            if (number > 0 and after < near.right) or (number < len(triggers) and before < near.left):
                found.append((start, stop))
    return found
