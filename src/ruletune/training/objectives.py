r"""Losses on logits, with soft targets and a weight for every example.

Both take targets in [0, 1] rather than class numbers, since a rule's evidence is a probability.
With :math:`w_i` the weight of example *i*, :math:`y_{ik}` its target and :math:`p_{ik}` the model's
probability of label *k*:

cross-entropy
    :math:`-\sum_i w_i \sum_k y_{ik} \log p_{ik} \,/\, \sum_i w_i`, with *p* the softmax of the logits.

binary cross-entropy
    :math:`-\sum_i \sum_k w_{ik} [y_{ik} \log p_{ik} + (1 - y_{ik}) \log (1 - p_{ik})] \,/\, \sum_i \sum_k w_{ik}`,
    with *p* the logistic function of the logits, each label on its own.
"""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["binary_cross_entropy", "cross_entropy", "objective"]


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean cross-entropy against soft targets.

    Args:
        logits: (examples, labels).
        targets: (examples, labels), rows sum to 1.
        weights: (examples,) or (examples, 1), not negative.

    >>> uniform = cross_entropy(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), torch.ones(1))
    >>> round(uniform.item(), 4)  # ln 2
    0.6931
    """
    losses = functional.cross_entropy(logits, targets, reduction="none")
    weights = weights.reshape(losses.shape)
    return (losses * weights).sum() / weights.sum().clamp(min=torch.finfo(losses.dtype).tiny)


def binary_cross_entropy(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean of each label's own binary cross-entropy.

    Args:
        logits, targets: (examples, labels).
        weights: (examples, labels), or (examples, 1) to weigh whole examples.
    """
    losses = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    weights = weights.reshape(len(losses), -1).expand_as(losses)
    return (losses * weights).sum() / weights.sum().clamp(min=torch.finfo(losses.dtype).tiny)


def objective(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, *, multi: bool) -> torch.Tensor:
    """The task's loss: independent labels where several may hold at once, else one of them."""
    loss = binary_cross_entropy if multi else cross_entropy
    return loss(logits.float(), targets, weights)
