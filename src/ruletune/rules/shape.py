"""Shapes: how words look, by their capitals, small letters and digits."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from ruletune.errors import UserError
from ruletune.rules import tokens
from ruletune.rules.base import Condition, Pattern
from ruletune.rules.entry import RuleContext, VotingEntry

__all__ = ["ShapeEntry"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class ShapeEntry(VotingEntry):
    """``shape: [Xx+ Xx+, XX+]``: votes where words of one of these shapes follow each other."""

    kind: ClassVar[str] = "shape"

    shape: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        min_length=1,
        description="Words with a space between them: X a capital, x a small letter, d a digit, + behind them: or more.",
    )

    def condition(self, context: RuleContext) -> Condition:
        try:
            return Pattern("|".join(tokens.shapes(written) for written in self.shape))
        except ValueError as error:
            raise UserError(str(error), where=context.where) from None
