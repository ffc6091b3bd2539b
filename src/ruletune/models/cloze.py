r"""Classification by filling in a blank: a masked language model whose label words are the answer.

For a text *x* shown through a template with a blank, the model gives every word of its vocabulary
a log-probability in the blank. With :math:`W_k` the words of label *k*, and :math:`\pi(w)` how
likely the pretrained model finds *w* in that blank whatever the text, the logit of *k* is

.. math:: \frac{1}{|W_k|} \sum_{w \in W_k} \big( \log p(w \mid x) - \log \pi(w) \big).

A word of several tokens has as many blanks; its log-probability is the mean over its tokens.
Nothing is new and untrained here, which is what a handful of labels needs.

Sources: Schick & Schütze 2021 (PET, the cloze); Gao et al. 2021 (LM-BFF, fine-tuning it); Zhao et
al. 2021 (Calibrate Before Use) and Hu et al. 2022 (KPT: the prior as a mean over texts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForMaskedLM

from ruletune.models.verbalizer import Cloze, Prompt, no_masked_head

__all__ = ["ClozeModel", "Scores", "masked_lm", "with_prior"]

_HEADS = {
    "bert": "cls", "roberta": "lm_head", "xlm-roberta": "lm_head", "camembert": "lm_head", "mpnet": "lm_head",
}  # fmt: skip
"""By model type, the module that maps a hidden state to the vocabulary. It is asked at the blanks only, which saves a
product with the whole vocabulary at every other token; for other families it is not."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What the model returns, named as in Transformers: ``logits`` of shape (examples, labels)."""

    logits: torch.Tensor


class ClozeModel(torch.nn.Module):
    """A masked language model that is asked for labels, and trains as a sequence classifier does.

    Its inputs are the masked language model's, and ``prompt``: (examples, length), whose first
    column is the position of the example's prompt. Every row of ``input_ids`` has exactly
    ``cloze.masks`` mask tokens.

    Attributes:
        mlm: A Hugging Face ``…ForMaskedLM``, perhaps wrapped by an adapter.
    """

    def __init__(self, mlm: Any, cloze: Cloze, *, mask_id: int) -> None:
        super().__init__()
        self.mlm = mlm
        self.cloze = cloze
        self._mask_id = mask_id
        most = max(len(words) for prompt in cloze.prompts for words in prompt.ids)
        shape = (len(cloze.prompts), len(cloze.prompts[0].ids), most)
        ids = np.zeros((*shape, cloze.masks), dtype=np.int64)
        share, prior = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
        for p, prompt in enumerate(cloze.prompts):
            for k, words in enumerate(prompt.ids):
                ids[p, k, : len(words)] = words
                share[p, k, : len(words)] = 1 / len(words)
                prior[p, k, : len(words)] = prompt.prior[k]
        for name, values in (("_ids", ids), ("_share", share), ("_prior", prior)):
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    @property
    def config(self) -> Any:
        """The masked language model's."""
        return self.mlm.config

    def forward(self, *, prompt: torch.Tensor, **inputs: torch.Tensor) -> Scores:
        """Logits of the labels."""
        which = prompt[:, 0]
        scores = self.word_scores(prompt=prompt, **inputs) - self._prior[which]  # type: ignore[index]
        return Scores((scores * self._share[which]).sum(dim=-1))  # type: ignore[index]

    def word_scores(self, *, prompt: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        """Log-probability of every label word in the blank, (examples, labels, words); 0 where a label has fewer words."""
        vocabulary = torch.log_softmax(self._at_blanks(inputs).float(), dim=-1)
        ids = self._ids[prompt[:, 0]]  # type: ignore[index]
        examples, labels, words, masks = ids.shape
        by_mask = ids.permute(0, 3, 1, 2).reshape(examples, masks, labels * words)
        scores = vocabulary.gather(2, by_mask).mean(dim=1).reshape(examples, labels, words)
        return scores * (self._share[prompt[:, 0]] > 0)  # type: ignore[index]

    def _at_blanks(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Logits over the vocabulary at the mask tokens, (examples, masks, vocabulary)."""
        name, inner = _HEADS.get(self._inner().config.model_type), self._inner()
        if name is None:
            logits: torch.Tensor = self.mlm(**inputs).logits
            return self._only_blanks(logits, inputs["input_ids"])
        hidden = getattr(inner, inner.base_model_prefix)(**inputs)[0]
        found: torch.Tensor = getattr(inner, name)(self._only_blanks(hidden, inputs["input_ids"]))
        return found

    def _only_blanks(self, states: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """States at the mask tokens, (examples, masks, width), in an operation whose shape does not depend on the ids."""
        blanks = ids == self._mask_id
        nth = torch.arange(1, self.cloze.masks + 1, device=ids.device)[None, :, None]
        places = (blanks[:, None] & (blanks.cumsum(dim=1)[:, None] == nth)).long().argmax(dim=2)
        return states.gather(1, places[..., None].expand(-1, -1, states.shape[2]))

    def above_encoder(self, parameter_name: str) -> bool:
        """Whether a parameter lies between the encoder and the vocabulary."""
        return f".{self._inner().base_model_prefix}." not in f".{parameter_name}"

    def _inner(self) -> Any:
        """The masked language model without an adapter around it; the adapter's layers are inside it."""
        return self.mlm.get_base_model() if hasattr(self.mlm, "get_base_model") else self.mlm

    def save_pretrained(self, folder: str) -> None:
        """Write the masked language model as a plain checkpoint."""
        self.mlm.save_pretrained(folder)


def masked_lm(name: str, source: str, *, hub: bool, labels: Sequence[str] = (), multi: bool = False) -> Any:
    """The masked language model of a checkpoint; ``labels`` and ``multi``, where given, are noted in its config.

    Raises:
        UserError: It has no head for it, or only an untrained one.
    """
    options: dict[str, Any] = {"local_files_only": not hub, "trust_remote_code": False}
    config = AutoConfig.from_pretrained(source, **options)
    if type(config) not in AutoModelForMaskedLM._model_mapping:
        raise no_masked_head(name, None)
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: position for position, label in enumerate(labels)}
        config.problem_type = "multi_label_classification" if multi else "single_label_classification"
    model, report = AutoModelForMaskedLM.from_pretrained(
        source, config=config, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **options
    )
    if report["missing_keys"]:
        raise no_masked_head(name, None)
    return model


def with_prior(cloze: Cloze, position: int, scores: np.ndarray) -> Cloze:
    """The same cloze with one prompt's prior estimated as the mean probability of its words over texts.

    Args:
        position: Of the prompt.
        scores: Log-probabilities of the words, (texts, labels, words); float32 or wider.

    Source: Hu et al. 2022, Knowledgeable Prompt-tuning (contextualized calibration).
    """
    prompt = cloze.prompts[position]
    highest = scores.max(axis=0)
    mean = highest + np.log(np.exp(scores.astype(np.float64) - highest).mean(axis=0))
    prior = tuple(tuple(float(mean[k, w]) for w in range(len(words))) for k, words in enumerate(prompt.ids))
    changed = Prompt(prompt.template, prompt.words, prompt.ids, prior)
    return replace(cloze, prompts=(*cloze.prompts[:position], changed, *cloze.prompts[position + 1 :]))
