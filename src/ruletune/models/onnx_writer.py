"""A model that writes, run by ONNX Runtime, behind what :mod:`ruletune.models.generating` asks of one of Transformers'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, DynamicCache, EncoderDecoderCache, GenerationConfig, GenerationMixin
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

from ruletune.errors import RuletuneError
from ruletune.models.backbone import Classifier, load_tokenizer, loading
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.onnx_graphs import WRITER, graph_file
from ruletune.models.onnx_scorer import session
from ruletune.models.seq2seq import marks

__all__ = ["OnnxWriter", "open_exported"]


def open_exported(folder: Path, *, precision: str, max_length: int) -> Classifier:
    """A writer whose graphs are in ``folder / "onnx"``, its configuration and tokenizer beside them.

    Raises:
        UserError: ONNX Runtime is not installed.
        RuletuneError: A file is missing or damaged.
    """
    tokenizer = load_tokenizer(Checkpoint(folder.name, str(folder)))
    with loading(f"the model in {folder}"):
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        ids = marks(GenerationConfig.from_pretrained(str(folder), local_files_only=True), config)
    return Classifier(OnnxWriter(folder / "onnx", precision, config, ids), tokenizer, (), False, max_length, "generate")


class OnnxWriter(GenerationMixin):  # type: ignore[misc]
    """Encoder and decoder as three graphs (:mod:`ruletune.models.onnx_graphs`), with what is written remembered between steps.

    It generates, encodes and scores as a Transformers model does; it cannot train.
    """

    main_input_name = "input_ids"
    base_model_prefix = "model"
    _is_stateful = False

    def __init__(self, folder: Path, precision: str, config: Any, ids: GenerationConfig) -> None:
        self.config, self.generation_config = config, ids
        self.device, self.dtype = torch.device("cpu"), torch.float32
        self._encode, self._cross, self._decode = (session(folder / graph_file(graph, precision)) for graph in WRITER)
        inputs = {each.name: each.shape for each in self._decode.get_inputs()}
        self._layers = sum(name.startswith("written_keys_") for name in inputs)
        shape = inputs["written_keys_0"]
        self._heads, self._width = int(shape[1]), int(shape[3])

    def eval(self) -> OnnxWriter:
        """Itself: there is no other mode."""
        return self

    def parameters(self) -> Any:
        """There are none: whoever needs gradients needs the run itself.

        Raises:
            RuletuneError: Always.
        """
        raise RuletuneError("an export for ONNX Runtime has no weights that PyTorch could look at")

    buffers = get_input_embeddings = parameters

    def can_generate(self) -> bool:
        return True

    def get_experts_implementation(self) -> dict[str, str]:
        """How mixtures of experts are computed; the search asks every model."""
        return {}

    def get_encoder(self) -> Any:
        return self._encoded

    def _encoded(self, *, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> BaseModelOutput:
        [states] = self._encode.run(None, _arrays({"input_ids": input_ids, "attention_mask": attention_mask}))
        return BaseModelOutput(last_hidden_state=torch.from_numpy(states))

    def __call__(self, **inputs: Any) -> Seq2SeqLMOutput:
        return self.forward(**inputs)

    def forward(
        self,
        encoder_outputs: Any = None,
        attention_mask: torch.Tensor | None = None,
        decoder_input_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
        **_: Any,
    ) -> Seq2SeqLMOutput:
        """Logits of the tokens that follow, (texts, new tokens, vocabulary); the cache has the new tokens afterwards."""
        assert decoder_input_ids is not None and attention_mask is not None
        cache = past_key_values if past_key_values is not None else EncoderDecoderCache(DynamicCache(), DynamicCache())
        if not cache.get_seq_length():
            self._read(encoder_outputs[0], cache)
        source = self._parts(cache.cross_attention_cache, "source")
        written = self._parts(cache.self_attention_cache, "written")
        if not written:
            nothing = torch.zeros((decoder_input_ids.shape[0], self._heads, 0, self._width))
            written = {f"written_{name}": nothing for name in self._names()}
        inputs = {"tokens": decoder_input_ids, "attention_mask": attention_mask, **source, **written}
        logits, *new = self._decode.run(None, _arrays(inputs))
        for layer in range(self._layers):
            keys, values = (torch.from_numpy(new[2 * layer + part]) for part in (0, 1))
            cache.self_attention_cache.update(keys, values, layer)
        return Seq2SeqLMOutput(logits=torch.from_numpy(logits), past_key_values=cache)

    def _read(self, states: torch.Tensor, cache: Any) -> None:
        """Fill the cache with what the decoder's layers make of the source."""
        memory = self._cross.run(None, _arrays({"states": states}))
        for layer in range(self._layers):
            keys, values = (torch.from_numpy(memory[2 * layer + part]) for part in (0, 1))
            cache.cross_attention_cache.update(keys, values, layer)
            cache.is_updated[layer] = True

    def _names(self) -> list[str]:
        return [f"{part}_{layer}" for layer in range(self._layers) for part in ("keys", "values")]

    def _parts(self, cache: Any, what: str) -> dict[str, torch.Tensor]:
        parts = [part for layer in cache.layers if layer.is_initialized for part in (layer.keys, layer.values)]
        return {f"{what}_{name}": part for name, part in zip(self._names(), parts, strict=False)}

    def prepare_inputs_for_generation(
        self,
        input_ids: torch.Tensor,
        encoder_outputs: Any = None,
        attention_mask: torch.Tensor | None = None,
        past_key_values: Any = None,
        **_: Any,
    ) -> dict[str, Any]:
        """What a step of the search passes on: of the tokens, those that the cache has not."""
        seen = 0 if past_key_values is None else int(past_key_values.get_seq_length())
        return {
            "decoder_input_ids": input_ids[:, seen:],
            "encoder_outputs": encoder_outputs,
            "attention_mask": attention_mask,
            "past_key_values": past_key_values,
        }


def _arrays(tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Tensors as the arrays that they are in memory."""
    return {name: tensor.contiguous().numpy() for name, tensor in tensors.items()}
