"""Which weights learn: all of them, the output layer only, or low-rank additions."""

from __future__ import annotations

from typing import Any, Literal, assert_never

import torch

from ruletune.errors import UserError
from ruletune.models.backbone import Classifier
from ruletune.models.cloze import ClozeModel
from ruletune.models.readout import Readout

__all__ = ["Adapter", "attach", "is_head", "merge"]

Adapter = Literal["full", "head", "lora"]

_HEAD = ("classifier", "score", "pooler", "pre_classifier", "out_proj", "qa_outputs")
"""Names that models in Transformers give to what lies above the encoder."""


_LORA: dict[Readout, str] = {
    "text": "SEQ_CLS", "pair": "TOKEN_CLS", "tokens": "TOKEN_CLS", "extract": "QUESTION_ANS", "generate": "SEQ_2_SEQ_LM",
}  # fmt: skip
"""What the peft library calls the kinds of model."""


def is_head(parameter_name: str) -> bool:
    """Whether a parameter belongs to the output layer rather than to the pretrained encoder.

    >>> is_head("classifier.weight"), is_head("bert.encoder.layer.0.output.dense.weight")
    (True, False)
    """
    return any(part in _HEAD for part in parameter_name.split("."))


def attach(classifier: Classifier, adapter: Adapter, *, seed: int, rank: int = 8, alpha: int = 16) -> None:
    """Choose what learns, in place; new weights depend on ``seed`` only.

    ``full``: everything. ``head``: the layers above the encoder. ``lora``: low-rank updates of
    every linear layer of the encoder, and the output layer (Hu et al. 2021, LoRA). The head of a
    masked language model is pretrained: its word embeddings, which are the encoder's too, belong to
    the encoder, and low-rank updates are all that ``lora`` trains. So it is with a model that writes: its output layer is
    pretrained, and is what ``head`` trains.

    Raises:
        UserError: The output layer alone cannot learn, since it is the table of word vectors too.
    """
    model = classifier.model
    match adapter:
        case "full":
            return
        case "head" if classifier.readout == "generate":
            _output_layer_only(model)
        case "head":
            cloze = isinstance(model, ClozeModel)
            for name, parameter in model.named_parameters():
                parameter.requires_grad = model.above_encoder(name) if cloze else is_head(name)
        case "lora":
            low_rank = _low_rank(model, classifier.readout, seed=seed, rank=rank, alpha=alpha)
            if isinstance(model, ClozeModel):
                model.mlm = low_rank
            else:
                classifier.model = low_rank
        case _:
            assert_never(adapter)


def _output_layer_only(model: Any) -> None:
    output = model.get_output_embeddings().weight
    if output is model.get_input_embeddings().weight:
        raise UserError(
            "model.adapter: the output layer of this checkpoint is its table of word vectors too, and cannot learn alone",
            remedy="say full or lora",
        )
    for parameter in model.parameters():
        parameter.requires_grad = parameter is output


def _low_rank(model: Any, readout: Readout, *, seed: int, rank: int, alpha: int) -> Any:
    from peft import LoraConfig, get_peft_model

    inner = model.mlm if isinstance(model, ClozeModel) else model
    written = readout == "generate"  # nothing of such a model is new: every linear layer has an update, and no copy
    modules = [] if written else sorted({name for name, _ in inner.named_children() if is_head(name)})
    config = LoraConfig(
        task_type=None if inner is not model else _LORA[readout],
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
        modules_to_save=modules or None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(inner, config)


def merge(classifier: Classifier) -> None:
    """Fold low-rank updates into the weights, in place, so that a plain checkpoint remains."""
    model = classifier.model
    if isinstance(model, ClozeModel):
        if hasattr(model.mlm, "merge_and_unload"):
            model.mlm = model.mlm.merge_and_unload()
    elif hasattr(model, "merge_and_unload"):
        classifier.model = model.merge_and_unload()
