"""A rule for free: a text that resembles a label's description votes for that label."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from ruletune.errors import UserError
from ruletune.rules.base import Condition, Similar
from ruletune.rules.entry import SAYINGS, RuleContext, VotingEntry

__all__ = ["SimilarityEntry"]


class SimilarityEntry(VotingEntry):
    """``similarity: 0.4``: votes for the label whose description the text resembles most, from that similarity on."""

    kind: ClassVar[str] = "similarity"

    similarity: Annotated[float, Field(strict=True, ge=-1, le=1)] = Field(
        description="Smallest cosine similarity between the sentence embeddings of the text and the description."
    )
    label: str | None = Field(
        default=None,
        description="The label whose description is meant; default the one voted for, and without one the nearest.",
    )

    @model_validator(mode="after")
    def _one_label(self) -> Self:
        said = next((key for key in SAYINGS if key not in ("vote", "link") and getattr(self, key) is not None), None)
        if self.label is None and said is not None:
            raise ValueError(f"with {said!r}, say which label's description is meant: label: NAME")
        return self

    def condition(self, context: RuleContext) -> Condition:
        described = tuple(
            (label, context.descriptions[label]) for label in context.labels if context.descriptions.get(label)
        )
        wanted = self.label or self.vote
        if wanted is not None:
            context.label(wanted)
        missing = [label for label in ([wanted] if wanted else context.labels) if label not in dict(described)]
        if missing:
            raise UserError(
                f"a similarity rule needs a description of {', '.join(map(repr, missing))}",
                where=context.where,
                remedy="write labels: {name: description}",
            )
        return Similar(wanted, self.similarity, described)
