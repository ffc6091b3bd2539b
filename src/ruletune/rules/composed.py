"""Rules made of other rules: all, any and not. A part is another rule's name, or a condition written in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, ValidationError

from ruletune.errors import Problem, UserError
from ruletune.rules.base import AllOf, AnyOf, Condition, Named, Not
from ruletune.rules.entry import ConditionEntry, RuleContext, VotingEntry, Written

__all__ = ["AllEntry", "AnyEntry", "NotEntry", "written"]

_PARTS = "Names of other rules, and conditions such as {regex: ...}."


class AllEntry(VotingEntry):
    """``all: [asks for money, {regex: '\\bbank\\b'}]``: votes where every part holds."""

    kind: ClassVar[str] = "all"

    all: tuple[Written, ...] = Field(min_length=1, description=_PARTS)

    def condition(self, context: RuleContext) -> Condition:
        return AllOf(tuple(written(part, context) for part in self.all))


class AnyEntry(VotingEntry):
    """``any: [asks for money, asks for a call]``: votes where at least one part holds."""

    kind: ClassVar[str] = "any"

    any: tuple[Written, ...] = Field(min_length=1, description=_PARTS)

    def condition(self, context: RuleContext) -> Condition:
        return AnyOf(tuple(written(part, context) for part in self.any))


def _one(value: object) -> object:
    """A list of one is that one; ``not`` of several could mean two things."""
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


class NotEntry(VotingEntry):
    """``not: greets``: votes where the other rule, or the condition, does not hold."""

    kind: ClassVar[str] = "not"

    not_: Annotated[Written, BeforeValidator(_one)] = Field(
        alias="not", description="The name of another rule, or a condition such as {regex: ...}."
    )

    def condition(self, context: RuleContext) -> Condition:
        return Not(written(self.not_, context))


def written(part: str | Mapping[Any, Any], context: RuleContext) -> Condition:
    """A condition inside another rule.

    Raises:
        UserError: It has no kind, is of one that stands for many rules, or says something itself.
    """
    from ruletune.rules import KINDS, TEXT_KINDS, kind_of

    if isinstance(part, str):
        return Named(part)
    try:
        kind = kind_of(part)
        entry = KINDS[kind].model_validate(part)
    except ValidationError as error:
        raise UserError.of([_problem(found, context) for found in error.errors()]) from None
    except ValueError as error:
        raise UserError(f"in a condition: {error}", where=context.where) from None
    if not isinstance(entry, ConditionEntry) or kind in TEXT_KINDS:
        remedy = "write it as an entry of its own, and name its rules here"
        raise UserError(f"a condition cannot be of the kind {kind!r}", where=context.where, remedy=remedy)
    own = {field.alias or name for name, field in type(entry).model_fields.items() if name not in _OF_RULES}
    extra = [key for key in part if key not in own]
    if extra:
        remedy = "say it in the rule around it, or write a rule of its own and name it here"
        raise UserError(f"a condition inside a rule has no {extra[0]!r}", where=context.where, remedy=remedy)
    return entry.condition(context)


_OF_RULES = frozenset(VotingEntry.model_fields)
"""Keys that belong to a rule and not to its condition."""


def _problem(found: object, context: RuleContext) -> Problem:
    assert isinstance(found, dict)
    key = ".".join(str(step) for step in found["loc"]) or "condition"
    match found["type"]:
        case "extra_forbidden":
            return Problem(f"unknown key {key[:60]!r} in a condition", context.where)
        case "missing":
            return Problem(f"the key {key!r} is missing from a condition", context.where)
        case _:
            return Problem(f"in a condition, {key!r}: {found['msg']}", context.where)
