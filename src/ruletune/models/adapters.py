"""Which weights learn: all of them, the output layer only, or low-rank additions."""

from __future__ import annotations

from typing import Literal, assert_never

import torch

from ruletune.models.backbone import Classifier

__all__ = ["Adapter", "attach", "is_head", "merge"]

Adapter = Literal["full", "head", "lora"]

_HEAD = ("classifier", "score", "pooler", "pre_classifier", "out_proj")
"""Names that sequence classifiers in Transformers give to what lies above the encoder."""


def is_head(parameter_name: str) -> bool:
    """Whether a parameter belongs to the output layer rather than to the pretrained encoder.

    >>> is_head("classifier.weight"), is_head("bert.encoder.layer.0.output.dense.weight")
    (True, False)
    """
    return any(part in _HEAD for part in parameter_name.split("."))


def attach(classifier: Classifier, adapter: Adapter, *, seed: int, rank: int = 8, alpha: int = 16) -> None:
    """Choose what learns, in place; new weights depend on ``seed`` only.

    ``full``: everything. ``head``: the layers above the encoder. ``lora``: low-rank updates of
    every linear layer of the encoder, and the output layer (Hu et al. 2021, LoRA).
    """
    match adapter:
        case "full":
            return
        case "head":
            for name, parameter in classifier.model.named_parameters():
                parameter.requires_grad = is_head(name)
        case "lora":
            from peft import LoraConfig, TaskType, get_peft_model

            modules = sorted({name.split(".")[0] for name, _ in classifier.model.named_children() if is_head(name)})
            config = LoraConfig(
                task_type=TaskType.SEQ_CLS,
                r=rank,
                lora_alpha=alpha,
                lora_dropout=0.0,
                target_modules="all-linear",
                modules_to_save=modules,
            )
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                classifier.model = get_peft_model(classifier.model, config)
        case _:
            assert_never(adapter)


def merge(classifier: Classifier) -> None:
    """Fold low-rank updates into the weights, in place, so that a plain checkpoint remains."""
    if hasattr(classifier.model, "merge_and_unload"):
        classifier.model = classifier.model.merge_and_unload()
