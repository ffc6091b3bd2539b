"""How a stage of training goes, and what makes its updates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, assert_never

import torch

from ruletune.models.adapters import is_head

__all__ = ["Stage", "optimizer"]


@dataclass(frozen=True, slots=True)
class Stage:
    """How one stage of training goes.

    Attributes:
        epochs: Passes over the data at most; early stopping may end it sooner.
        learning_rate: Peak rate of the pretrained weights.
        head_learning_rate: Peak rate of the new output layer.
        warmup: Share of the steps in which the rate rises from zero.
        clip: Largest norm of the gradient.
        patience: Checks without a better validation loss before the stage ends.
        checks: Validation checks per epoch.
        objective: ``likelihood`` of the targets, or ``contrast``: texts of one label move together, others apart.
        anchors: Texts of the course's anchor that are added to every batch.
        label_smoothing: Share of the target spread over the vocabulary, where texts are written; a check's loss has none.
        consistency: Weight of the divergence between two passes under different dropout; 0: one pass.
        kept: Share of the weights from before the stage in those that it ends with. Between two models of which the second
            was fine-tuned from the first, the mean of their weights is often better than both: it knows what the few
            examples of the second stage taught and has not forgotten what the many of the first did (Wortsman et al. 2022,
            *Robust fine-tuning of zero-shot models*).
    """

    name: str
    epochs: int
    batch_size: int
    learning_rate: float
    head_learning_rate: float
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    weight_decay: float = 0.01
    warmup: float = 0.1
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    clip: float = 1.0
    patience: int = 3
    checks: int = 1
    precision: str = "auto"
    objective: Literal["likelihood", "contrast"] = "likelihood"
    anchors: int = 0
    label_smoothing: float = 0.0
    consistency: float = 0.0
    kept: float = 0.0


def optimizer(model: Any, stage: Stage) -> torch.optim.Optimizer:
    """Biases and norms are not decayed; the output layer has a rate of its own."""
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((is_head(name), parameter.ndim > 1), []).append(parameter)
    settings = [
        {
            "params": parameters,
            "lr": stage.head_learning_rate if head else stage.learning_rate,
            "weight_decay": stage.weight_decay if decays else 0.0,
        }
        for (head, decays), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]
    # Fused: one pass over a weight and its moments, not one for each operation.
    match stage.optimizer:
        case "adamw":
            return torch.optim.AdamW(settings, lr=stage.learning_rate, fused=True)
        case "adam":
            return torch.optim.Adam(settings, lr=stage.learning_rate, fused=True)
        case "sgd":
            return torch.optim.SGD(settings, lr=stage.learning_rate, momentum=0.9, fused=True)
        case _:
            assert_never(stage.optimizer)
