"""What is explained of an answer: one number that is the higher the more the model prefers it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ruletune.models.attribution import Score

__all__ = ["edges_score", "label_score", "tags_score", "written_score"]


def label_score(label: int, *, multi: bool) -> Score:
    """The log-odds of a label of the text, by its position: its logit against all others, or alone where several may hold.

    >>> label_score(0, multi=False)(torch.tensor([[2.0, 0.5]])).tolist()
    [1.5]
    """

    def score(logits: torch.Tensor) -> torch.Tensor:
        if multi or logits.shape[-1] == 1:
            return logits[:, label]
        return _odds(logits, label)

    return score


def tags_score(tokens: Sequence[int], tags: Sequence[int]) -> Score:
    """The log-odds of the tags of some tokens, in the mean over these."""
    rows = torch.tensor(list(tokens))

    def score(logits: torch.Tensor) -> torch.Tensor:
        odds = [_odds(logits[:, int(row)], tag) for row, tag in zip(rows, tags, strict=True)]
        return torch.stack(odds, dim=1).mean(dim=1)

    return score


def edges_score(first: int, last: int, allowed: np.ndarray) -> Score:
    """The log-probability of a passage: of its first and of its last token.

    Args:
        allowed: (tokens,) bool, which of the input's tokens may be an edge.
    """

    def score(logits: torch.Tensor) -> torch.Tensor:
        barred = torch.from_numpy(~allowed).to(logits.device)
        likely = logits.masked_fill(barred, -1e4).log_softmax(dim=-1)
        return likely[:, 0, first] + likely[:, 1, last]

    return score


def written_score(answer: Sequence[int]) -> Score:
    """The log-probability of an answer given the source: the sum over its tokens."""
    tokens = torch.tensor(list(answer))

    def score(logits: torch.Tensor) -> torch.Tensor:
        wanted = tokens.to(logits.device)[None, :, None].expand(len(logits), -1, -1)
        return (logits.gather(2, wanted)[..., 0] - logits.logsumexp(dim=-1)).sum(dim=1)

    return score


def _odds(logits: torch.Tensor, chosen: int) -> torch.Tensor:
    others = [n for n in range(logits.shape[-1]) if n != chosen]
    return logits[:, chosen] - logits[:, others].logsumexp(dim=-1)
