r"""Losses on logits, with soft targets and a weight for every example.

Both take targets in [0, 1] rather than class numbers, since a rule's evidence is a probability.
With :math:`w_i` the weight of example *i*, :math:`y_{ik}` its target and :math:`p_{ik}` the model's
probability of label *k*:

cross-entropy
    :math:`-\sum_i w_i \sum_k y_{ik} \log p_{ik} \,/\, \sum_i w_i`, with *p* the softmax of the logits.

binary cross-entropy
    :math:`-\sum_i \sum_k w_{ik} [y_{ik} \log p_{ik} + (1 - y_{ik}) \log (1 - p_{ik})] \,/\, \sum_i \sum_k w_{ik}`,
    with *p* the logistic function of the logits, each label on its own.

sequence cross-entropy
    the first, over the tokens *t* of texts that are written, a text's weight on each of its tokens:
    :math:`-\sum_i w_i \sum_t \log p_{it}(y_{it}) \,/\, \sum_i w_i n_i`. Smoothed by :math:`\epsilon`, a token's target is
    :math:`1 - \epsilon` on itself and :math:`\epsilon` spread over the vocabulary (Szegedy et al. 2016).

contrast
    on representations :math:`e_i` of unit length: pairs of one label are drawn to the cosine 1, others to 0, both kinds
    counting the same, :math:`\tfrac12 \mathrm{mean}_{y_i = y_j} (1 - e_i^\top e_j)^2 + \tfrac12 \mathrm{mean}_{y_i \ne y_j}
    (e_i^\top e_j)^2`. It is SetFit's loss (Tunstall et al. 2022), over all pairs of a batch rather than over pairs
    that are encoded one by one: a batch of *n* texts costs *n* passes and gives :math:`n (n - 1) / 2` pairs.

divergence
    between two passes over the same texts under different dropout, the symmetric Kullback-Leibler divergence of
    their answers (R-Drop, Liang et al. 2021).
"""

from __future__ import annotations

import torch
from torch.nn import functional

from ruletune.models.corruption import IGNORED

__all__ = ["binary_cross_entropy", "contrast", "cross_entropy", "divergence", "objective", "sequence_cross_entropy"]


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean cross-entropy against soft targets; the last axis is what is chosen from.

    Args:
        logits, targets: (examples, labels), or with more axes between, such as (examples, tokens, tags). Targets sum to 1
            along the last axis wherever there is weight.
        weights: As many as there are choices: (examples,) or (examples, 1), (examples, tokens); not negative.

    >>> uniform = cross_entropy(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), torch.ones(1))
    >>> round(uniform.item(), 4)  # ln 2
    0.6931
    """
    labels = logits.shape[-1]
    losses = functional.cross_entropy(logits.reshape(-1, labels), targets.reshape(-1, labels), reduction="none")
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


def sequence_cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, *, smoothing: float = 0.0
) -> torch.Tensor:
    """Weighted mean cross-entropy over the tokens of texts.

    Args:
        logits: (examples, tokens, vocabulary).
        labels: (examples, tokens), :data:`~ruletune.models.corruption.IGNORED` where there is no token.
        weights: (examples,) or (examples, 1), of each token of the example; not negative.
        smoothing: Share of a token's target that is spread over the vocabulary.

    >>> logits = torch.zeros(1, 2, 4)
    >>> round(sequence_cross_entropy(logits, torch.tensor([[1, -100]]), torch.ones(1)).item(), 4)  # ln 4
    1.3863
    """
    losses = functional.cross_entropy(
        logits.float().flatten(0, 1),
        labels.flatten(),
        reduction="none",
        ignore_index=IGNORED,
        label_smoothing=smoothing,
    )
    counted = ((labels != IGNORED) * weights.reshape(-1, 1)).flatten()
    return (losses * counted).sum() / counted.sum().clamp(min=torch.finfo(losses.dtype).tiny)


def objective(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, *, multi: bool) -> torch.Tensor:
    """The task's loss: independent labels where several may hold at once, else one of them."""
    loss = binary_cross_entropy if multi else cross_entropy
    return loss(logits.float(), targets, weights)


def contrast(representations: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """How far cosines are from 1 within a label and from 0 between labels.

    Args:
        representations: (examples, width), rows of unit length.
        targets: (examples, labels); two examples belong together where their most likely label is the same.

    >>> contrast(torch.eye(2), torch.eye(2)).item()  # two labels at right angles
    0.0
    """
    label = targets.argmax(dim=1)
    same = label[:, None] == label[None, :]
    itself = torch.eye(len(label), dtype=torch.bool, device=label.device)
    cosine = representations @ representations.T
    together, apart = same & ~itself, ~same
    near = ((1 - cosine) ** 2 * together).sum() / together.sum().clamp(min=1)
    far = (cosine**2 * apart).sum() / apart.sum().clamp(min=1)
    return (near + far) / 2


def divergence(first: torch.Tensor, second: torch.Tensor, *, multi: bool) -> torch.Tensor:
    """Mean symmetric Kullback-Leibler divergence between the answers of two passes, in nats.

    Args:
        first, second: Logits, (examples, labels).
    """
    if multi:  # every label is a choice between yes and no
        first, second = (torch.stack([values, torch.zeros_like(values)], dim=-1) for values in (first, second))
    one, other = functional.log_softmax(first, dim=-1), functional.log_softmax(second, dim=-1)
    return ((one.exp() - other.exp()) * (one - other)).sum(dim=-1).mean() / 2
