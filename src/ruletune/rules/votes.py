"""Votes that the data already carries, one list a text, as WRENCH has them."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from ruletune.rules.base import Column, Rule
from ruletune.rules.entry import RuleContext, RuleEntry

__all__ = ["VotesEntry"]


class VotesEntry(RuleEntry):
    """``votes: weak_labels``: each entry of a list in the data is one rule's vote."""

    votes: str = Field(
        min_length=1,
        description="The column that holds a list of votes: a label or its position; -1 or null where the rule abstains.",
    )
    names: tuple[str, ...] = Field(default=(), description="Names of the rules, in the order of the list.")
    count: int | None = Field(default=None, ge=1, description="How many rules there are, where names are not given.")

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if bool(self.names) == (self.count is not None):
            raise ValueError("give either names or count")
        if len(set(self.names)) != len(self.names):
            raise ValueError("two of the names are equal")
        return self

    kind: ClassVar[str] = "votes"

    def rules(self, context: RuleContext) -> list[Rule]:
        exceptions = self.exceptions(context)
        prefix = self.name or self.votes
        names = self.names or tuple(f"{prefix}:{n}" for n in range(1, (self.count or 0) + 1))
        return [
            Rule(
                name,
                Column(self.votes, position, context.labels, size=len(names)),
                weight=self.weight,
                where=context.where,
                kind=self.kind,
                unless=exceptions,
                priority=self.priority,
            )
            for position, name in enumerate(names)
        ]
