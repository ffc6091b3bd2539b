r"""Mean pooling inside a plain sequence classifier.

Sentence encoders such as MiniLM are pretrained so that the *mean* of the last hidden states stands
for the text; their first token, which ``BertForSequenceClassification`` and its relatives read,
stands for little. On question types with a linear classifier on frozen features and five labels a
class, the mean reaches 45% where the first token reaches 25% (``benchmarks/pooling.py``).

A model with another forward pass would be no plain checkpoint any more. But a transformer layer
can compute the mean itself: with zero queries, attention is uniform over the tokens that the mask
leaves, and with :math:`W_V = s I` and :math:`W_O = I` every token, the first included, receives

.. math:: \mathrm{LayerNorm}\Big(h + \frac{s}{n} \sum_j h_j\Big),

which for a large scale *s* is the normalized mean. A feed-forward block whose output weights are
zero leaves that as it is. So one such layer is put on top of the encoder, and the checkpoint stays
what ``AutoModelForSequenceClassification`` knows, one layer deeper. Fine-tuning may then turn the
uniform attention into a learned one: keys start as the identity, so that queries receive gradient.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch

__all__ = ["add_mean_pooling", "pools_by_mean", "words_end"]

_SCALE = 8.0
"""Weight of the mean against the token's own state; beyond this the result hardly changes."""

_FAMILIES = {"bert", "roberta", "xlm-roberta", "camembert", "electra"}
"""Model types whose encoder layers have BERT's parts under BERT's names."""


def pools_by_mean(source: str, model_type: str) -> bool:
    """Whether a checkpoint folder says that it was pretrained with mean pooling, in a family we can extend."""
    settings = Path(source) / "1_Pooling" / "config.json"
    if model_type not in _FAMILIES or not settings.is_file():
        return False
    try:
        return bool(json.loads(settings.read_text(encoding="utf-8")).get("pooling_mode_mean_tokens"))
    except (OSError, ValueError, AttributeError):
        return False


def words_end(layers: int) -> int:
    """Layers of a sentence encoder whose states still stand for words: two thirds.

    The upper layers were trained to make one vector of all words, and what a word was is lost on the way: on the entities of
    laptop reviews a linear classifier on frozen states of MiniLM's layers 1 to 6, with 50 sentences, reaches an F1 of
    .36, .36, .35, .34, .32 and .28 (``benchmarks/token_layers.py``).

    >>> words_end(6), words_end(12)
    (4, 8)
    """
    return max(1, round(layers * 2 / 3))


@torch.no_grad()
def add_mean_pooling(model: Any) -> None:
    """Put a mean-pooling layer on a sequence classifier of BERT's family, in place.

    The dense layer between encoder and classifier, where there is one, starts as the identity:
    its pretrained weights belong to the first token.
    """
    encoder = getattr(model, model.base_model_prefix).encoder
    layer = copy.deepcopy(encoder.layer[-1])
    attention, block = layer.attention, layer
    _identity(attention.self.query, 0.0)
    _identity(attention.self.key, 1.0)
    _identity(attention.self.value, _SCALE)
    _identity(attention.output.dense, 1.0)
    _identity(block.output.dense, 0.0)
    for norm in (attention.output.LayerNorm, block.output.LayerNorm):
        norm.weight.fill_(1.0)
        norm.bias.zero_()
    for part in layer.modules():
        if isinstance(getattr(part, "layer_idx", None), int):
            part.layer_idx = len(encoder.layer)
    encoder.layer.append(layer)
    model.config.num_hidden_layers = len(encoder.layer)
    for dense in _between(model):
        _identity(dense, 1.0)


def _between(model: Any) -> list[torch.nn.Linear]:
    """The dense layers that stand between the encoder and the last linear map."""
    pooler = getattr(getattr(model, model.base_model_prefix), "pooler", None)
    places = [getattr(pooler, "dense", None), getattr(model.classifier, "dense", None)]
    return [place for place in places if isinstance(place, torch.nn.Linear)]


def _identity(linear: torch.nn.Linear, scale: float) -> None:
    torch.nn.init.eye_(linear.weight).mul_(scale) if scale else linear.weight.zero_()
    if linear.bias is not None:
        linear.bias.zero_()
