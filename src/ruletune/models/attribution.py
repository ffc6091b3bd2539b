r"""Which tokens mattered: integrated gradients over the embedding layer.

Let :math:`e` be the embeddings of an input's tokens, :math:`e'` those of the same input with every word hidden behind the mask
token (padding, where there is none or it is where the model answers), and :math:`F` what is explained: how far the model prefers its answer. Token *t* is given

.. math:: a_t = (e_t - e'_t) \cdot \int_0^1 \frac{\partial F}{\partial e_t}\big(e' + \alpha (e - e')\big) \, d\alpha .

The attributions add up to :math:`F(e) - F(e')` (completeness); the integral is a sum over a few points, by how far it misses
that is returned as ``delta``. Nothing is drawn at random.

Everything happens on a twin of the model that shares its weights and has modules of its own: hooks that read and replace
embeddings are then nobody else's, and other threads may go on asking the model.

Source: Sundararajan, Taly & Yan 2017, *Axiomatic attribution for deep networks*; Gauss-Legendre points as in captum.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ruletune.errors import MissingExtraError, RuletuneError
from ruletune.models.backbone import Classifier
from ruletune.models.cloze import ClozeModel
from ruletune.models.encoding import Encoded, collate
from ruletune.models.readout import outputs

__all__ = ["Attributed", "Score", "attribute"]

Score = Callable[[torch.Tensor], torch.Tensor]
"""What is explained, from the logits of inputs: one number for each of them, (inputs,)."""

_LEAST, _MOST = 8, 64
"""Points of the integral: at least, and at most."""

_FIRST = 16
"""Points that are tried first."""

_TOKENS = 12_288
"""Tokens that one attribution runs through the model at most, forward and back; longer inputs have fewer points."""

_TOGETHER = 1024
"""Tokens in a batch at most, or one input."""

_LOGITS = 4_000_000
"""The same of a writer's logits, one for every word of the vocabulary at every token of the answer."""

_CLOSE = 0.05
"""By so much of what is explained the sum may miss it; else it is taken again over more points."""

_SMALL = 0.1
"""Of a smaller difference than this, it may miss so much of this."""


@dataclass(frozen=True, slots=True)
class Attributed:
    """How much each token of an input mattered.

    Attributes:
        values: (tokens,) float64, in the units of what is explained; 0 for tokens that were not hidden.
        hidden: What is explained, with all words hidden.
        shown: The same of the input as it is.
        delta: By how much the sum of ``values`` is larger than ``shown - hidden``.
        points: Of the integral.
    """

    values: np.ndarray
    hidden: float
    shown: float
    delta: float
    points: int


def attribute(classifier: Classifier, encoded: Encoded, row: int, score: Score, *, hide: np.ndarray) -> Attributed:
    """How much each token of one input mattered for what the model makes of it.

    Args:
        encoded: Through one template; of a model that writes also with ``labels``, the answer.
        score: What is explained.
        hide: (tokens,) bool, which of them stand for something. The others stay as they are, and have no share.

    Raises:
        MissingExtraError: captum is not installed.
        RuletuneError: The model is an exported graph.
    """
    if not isinstance(classifier.model, torch.nn.Module):
        raise RuletuneError("an exported graph has no gradients; ask the run that it was exported from")
    integrated = _integrated_gradients()
    twin = _twin(classifier.model)
    place = next(classifier.model.parameters()).device
    batch = collate(encoded, [row], pad_id=classifier.pad_id, device=place)
    ids, names = batch.pop("input_ids"), list(batch)
    extra = tuple(batch[name] for name in names)
    blank = torch.where(torch.from_numpy(hide).to(place)[None], _hidden_by(classifier), ids)

    def asked(inputs: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        shown = {"input_ids": inputs, **dict(zip(names, others, strict=True))}
        return score(outputs(twin, shown, classifier.readout).float())

    with torch.no_grad():
        both = asked(torch.cat([ids, blank]), *(torch.cat([values, values]) for values in extra)).tolist()
    tokens = ids.shape[1]
    room = _room(classifier, batch, tokens)
    method = integrated(asked, _embeddings(twin))
    most = max(_LEAST, min(_MOST, _TOKENS // tokens))
    points = min(_FIRST, most)
    while True:
        found = method.attribute(
            ids, baselines=blank, additional_forward_args=extra, n_steps=points, internal_batch_size=min(room, points)
        )
        values = found.detach().double().sum(dim=-1)[0].cpu().numpy()
        delta = float(values.sum()) - (both[0] - both[1])
        if points >= most or abs(delta) <= _CLOSE * max(abs(both[0] - both[1]), _SMALL):
            return Attributed(values, both[1], both[0], delta, points)
        points = min(2 * points, most)


def _integrated_gradients() -> Any:
    try:
        from captum.attr import LayerIntegratedGradients
    except ImportError as error:
        raise MissingExtraError("telling which words mattered", "explain") from error
    return LayerIntegratedGradients


def _hidden_by(classifier: Classifier) -> int:
    """The token that words are hidden behind: a mask where the model knows one, unless that is where it answers."""
    tokenizer = classifier.tokenizer
    mask = None if isinstance(classifier.model, ClozeModel) else tokenizer.mask_token_id
    found = (mask, tokenizer.pad_token_id, tokenizer.unk_token_id)
    return int(next((number for number in found if number is not None), 0))


def _room(classifier: Classifier, batch: Mapping[str, torch.Tensor], tokens: int) -> int:
    """Inputs that go through the model at a time."""
    room = max(1, _TOGETHER // tokens)
    if classifier.readout == "generate":
        words = int(classifier.model.get_output_embeddings().weight.shape[0])
        room = min(room, max(1, _LOGITS // (batch["labels"].shape[1] * words)))
    return room


def _twin(model: Any) -> Any:
    """A model of the same weights, which ask for no gradients, in modules of its own."""
    shared: dict[int, Any] = {id(buffer): buffer for buffer in model.buffers()}
    for parameter in model.parameters():
        shared[id(parameter)] = torch.nn.Parameter(parameter.detach(), requires_grad=False)
    return copy.deepcopy(model, shared).eval()


def _embeddings(model: Any) -> torch.nn.Module:
    """The layer that gives tokens their vectors; of a model that writes, the one that reads its source."""
    inner = model.mlm if isinstance(model, ClozeModel) else model
    if hasattr(inner, "get_base_model"):
        inner = inner.get_base_model()
    if not getattr(inner.config, "is_encoder_decoder", False) or not hasattr(inner, "get_encoder"):
        layer: torch.nn.Module = inner.get_input_embeddings()
        return layer
    encoder, decoder = inner.get_encoder(), inner.get_decoder()
    if encoder.get_input_embeddings() is decoder.get_input_embeddings():
        own = {id(p): p for p in itertools.chain(encoder.parameters(), encoder.buffers())}
        encoder.set_input_embeddings(copy.deepcopy(encoder.get_input_embeddings(), own))
    found: torch.nn.Module = encoder.get_input_embeddings()
    return found
