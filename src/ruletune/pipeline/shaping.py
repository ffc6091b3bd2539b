"""What rules do besides voting: vetoes hold the answer back, prompts choose how a text is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ruletune.labeling.votes import Votes
from ruletune.rules import Prompt, Rule
from ruletune.templates import Template

__all__ = ["acts", "hold_back", "templates"]


def acts(rules: Sequence[Rule]) -> bool:
    """Whether some rule is heard when a model is asked, and not only when it learns."""
    return any(rule.sign < 0 or isinstance(rule.says, Prompt) for rule in rules)


def templates(votes: Votes) -> list[Template | None]:
    """The template that each text is shown through; ``None`` for the task's own.

    Of several prompts on a text the one of the highest priority counts, and of those the first.
    """
    prompts = [(n, rule) for n, rule in enumerate(votes.rules) if isinstance(rule.says, Prompt)]
    chosen: list[Template | None] = [None] * len(votes.matrix)
    for position, rule in sorted(prompts, key=lambda prompt: (prompt[1].priority, -prompt[0])):
        assert isinstance(rule.says, Prompt)
        template = Template.parse(rule.says.template, where=rule.where, words=rule.says.words)
        for row in np.flatnonzero(votes.matrix[:, position] >= 0):
            chosen[row] = template
    return chosen


def hold_back(probability: np.ndarray, votes: Votes, *, multi: bool) -> np.ndarray:
    """Probabilities with vetoed labels at 0; of single labels the rest makes up 1 again.

    Args:
        probability: (texts, labels).

    >>> from ruletune.rules import Pattern, Veto
    >>> votes = Votes((Rule("r", Pattern("a"), Veto("x")),), ("x", "y"), np.array([[0], [-1]], dtype=np.int16))
    >>> hold_back(np.array([[0.8, 0.2], [0.8, 0.2]]), votes, multi=False).tolist()
    [[0.0, 1.0], [0.8, 0.2]]
    """
    vetoed = votes.vetoed
    if not vetoed.any():
        return probability
    held = np.where(vetoed, 0.0, probability)
    if multi:
        return held
    rest = held.sum(axis=1, keepdims=True)
    left = (~vetoed).sum(axis=1, keepdims=True)
    # A model that was sure of the vetoed label leaves nothing to scale up: what is left is then equally likely.
    even = np.where(vetoed, 0.0, 1.0 / np.maximum(left, 1))
    return np.asarray(np.where(rest > 0, held / np.where(rest > 0, rest, 1.0), even))
