"""Models as ONNX graphs: what is traced, under which names, and the same in 8-bit integers.

Everything but a writer is one graph, ``model``: padded inputs in, the logits of :mod:`ruletune.models.readout` out. A writer is
three, so that no step computes again what an earlier one has:

=========== ============================================================ ===============================================
graph       inputs                                                       outputs
=========== ============================================================ ===============================================
``encoder`` ``input_ids``, ``attention_mask``                            ``states``
``cross``   ``states``                                                   of every decoder layer, keys and values of the source
``decoder`` new tokens, ``attention_mask``, the above, keys and values   ``logits``, keys and values of the new tokens
            of the tokens that are written
=========== ============================================================ ===============================================

Integers are symmetric, and activations are quantized as they come. Products have one scale for all activations and one for each
output channel of the weights: with one scale for a whole matrix MiniLM's embeddings keep a cosine of .970 to the exact ones, with one
a channel .994. That is the fastest, but no single scale holds what lies inside feed-forward layers, where few values are up to a
thousand times the others. So the products that come out of these, and all of a writer, one other token of which makes another text,
have a scale for every 32 values of weights and activations.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import DynamicCache, EncoderDecoderCache

from ruletune.errors import MissingExtraError, RuletuneError
from ruletune.models.backbone import Classifier
from ruletune.models.readout import outputs

__all__ = ["OPSET", "WRITER", "graph_file", "needs_onnx", "quantize", "write_graphs"]

OPSET = 18
"""Version of the operators that graphs are made of."""

_TEXTS, _TOKENS = 3, 7
"""Shape of the example that is traced. Tracing takes 0 and 1 for constants, and two axes of one length for the same."""

_WRITTEN, _NEW = 4, 2

WRITER = ("encoder", "cross", "decoder")
"""The graphs of a model that writes."""

_BLOCK = 32
"""Values that have a scale of their own: of 32 and 128 this keeps more answers, and is as fast."""

_HIDDEN = 64
"""Outputs from which on a product makes states; with fewer it makes logits of labels."""

_IN_INTEGERS = 4
"""ONNX Runtime's level of accuracy at which it quantizes activations as well, by the same blocks."""

Axes = dict[int, Any]


def graph_file(graph: str, precision: str) -> str:
    """The name of a graph's file, as other users of ONNX name theirs.

    >>> graph_file("model", "fp32"), graph_file("decoder", "int8")
    ('model.onnx', 'decoder_int8.onnx')
    """
    return f"{graph}.onnx" if precision == "fp32" else f"{graph}_{precision}.onnx"


def needs_onnx(*modules: str) -> None:
    """Refuse to go on without the packages that read and write graphs.

    Raises:
        MissingExtraError: One is not installed.
    """
    if any(find_spec(module) is None for module in modules):
        raise MissingExtraError("ONNX", "onnx")


def write_graphs(classifier: Classifier, folder: Path) -> tuple[str, ...]:
    """Write a classifier's graphs in 32-bit floats, and say which there are.

    Raises:
        RuletuneError: The model has something that no graph can have.
    """
    needs_onnx("onnx", "onnxscript")
    folder.mkdir(parents=True, exist_ok=True)
    model = classifier.model.to("cpu").eval()
    with _attention_in_full(model):
        graphs = _writer_graphs(model) if classifier.readout == "generate" else {"model": _chooser_graph(classifier)}
        for name, (module, inputs, axes, results) in graphs.items():
            _write(module.eval(), inputs, axes, results, folder / graph_file(name, "fp32"))
    return tuple(graphs)


def quantize(folder: Path, graphs: Sequence[str]) -> None:
    """Write 8-bit variants of graphs beside them."""
    needs_onnx("onnx", "onnxruntime")
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        for graph in graphs:
            model = onnx.load(folder / graph_file(graph, "fp32"))
            quantize_dynamic(
                _in_blocks(model, _products(model, all_of_them=graph in WRITER)),
                folder / graph_file(graph, "int8"),
                per_channel=True,
                weight_type=QuantType.QInt8,
            )


def _products(model: Any, *, all_of_them: bool) -> list[str]:
    """Products with weights that need a scale for every block: those that narrow, as out of a feed-forward layer, or all."""
    shapes = {weights.name: tuple(weights.dims) for weights in model.graph.initializer if len(weights.dims) == 2}
    products = [node for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in shapes]
    return [
        node.name for node in products if all_of_them or shapes[node.input[1]][0] > shapes[node.input[1]][1] >= _HIDDEN
    ]


def _in_blocks(model: Any, products: Sequence[str]) -> Any:
    """A graph some of whose products with weights are of 8-bit integers, with a scale for every block of values."""
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    others = [node.name for node in model.graph.node if node.op_type == "MatMul" and node.name not in products]
    how = DefaultWeightOnlyQuantConfig(bits=8, block_size=_BLOCK, is_symmetric=True, accuracy_level=_IN_INTEGERS)
    quantizer = MatMulNBitsQuantizer(model, algo_config=how, nodes_to_exclude=others)
    quantizer.process()
    return quantizer.model.model


_Traced = tuple[torch.nn.Module, dict[str, torch.Tensor], dict[str, Axes], list[str]]
"""What is traced, its inputs in their order, which of their axes may have any length, and the names of its outputs."""


class _Chooser(torch.nn.Module):
    """A classifier's logits as a function of its inputs in their order."""

    def __init__(self, classifier: Classifier, names: Sequence[str]) -> None:
        super().__init__()
        self.model, self.readout, self.names = classifier.model, classifier.readout, tuple(names)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return outputs(self.model, dict(zip(self.names, inputs, strict=True)), self.readout)


def _chooser_graph(classifier: Classifier) -> _Traced:
    tokenizer, model = classifier.tokenizer, classifier.model
    texts, tokens = torch.export.Dim("texts"), torch.export.Dim("tokens")
    whole: Axes = {0: texts, 1: tokens}
    ids = torch.full((_TEXTS, _TOKENS), int(tokenizer.unk_token_id or 0))
    cloze = getattr(model, "cloze", None)
    if cloze is not None:
        ids[:, 1 : 1 + cloze.masks] = int(tokenizer.mask_token_id)
    inputs, axes = {"input_ids": ids}, {"input_ids": whole}
    for name in tokenizer.model_input_names:
        if name != "input_ids":
            inputs[name] = torch.full((_TEXTS, _TOKENS), int(name == "attention_mask"))
            axes[name] = whole
    if classifier.readout == "pair":
        inputs["marks"], axes["marks"] = torch.tensor([[1, 3]] * _TEXTS), {0: texts}
    if cloze is not None:
        inputs["prompt"], axes["prompt"] = torch.zeros((_TEXTS, 1), dtype=torch.long), {0: texts}
    return _Chooser(classifier, list(inputs)), inputs, axes, ["logits"]


class _Encoder(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.encoder = model.get_encoder()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return states


class _Cross(torch.nn.Module):
    """What the decoder's layers make of the source, once for all of its tokens."""

    def __init__(self, model: Any, start: int) -> None:
        super().__init__()
        self.model, self.start = model, start

    def forward(self, states: torch.Tensor) -> tuple[torch.Tensor, ...]:
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        first = torch.full((states.shape[0], 1), self.start, dtype=torch.long)
        # Of the step itself nothing is left in the graph: nothing asks for its outputs.
        self.model(encoder_outputs=(states,), decoder_input_ids=first, past_key_values=cache, use_cache=True)
        return tuple(part for layer in cache.cross_attention_cache.layers for part in (layer.keys, layer.values))


class _Decoder(torch.nn.Module):
    """One step of the decoder, by one token or several."""

    def __init__(self, model: Any, layers: int, width: int) -> None:
        super().__init__()
        self.model, self.layers, self.width = model, layers, width

    def forward(self, tokens: torch.Tensor, attention: torch.Tensor, *past: torch.Tensor) -> tuple[torch.Tensor, ...]:
        source, written = past[: 2 * self.layers], past[2 * self.layers :]
        cache = EncoderDecoderCache(_cache(written), _cache(source))
        # The states themselves are not read again; what is asked of them is their shape.
        states = torch.zeros((attention.shape[0], attention.shape[1], self.width))
        found = self.model(
            encoder_outputs=(states,),
            attention_mask=attention,
            decoder_input_ids=tokens,
            past_key_values=cache,
            use_cache=True,
        )
        before = written[0].shape[2]
        new = [
            part[:, :, before:] for layer in cache.self_attention_cache.layers for part in (layer.keys, layer.values)
        ]
        return (found.logits, *new)


def _cache(parts: Sequence[torch.Tensor]) -> DynamicCache:
    cache = DynamicCache()
    for layer in range(len(parts) // 2):
        cache.update(parts[2 * layer], parts[2 * layer + 1], layer)
    return cache


def _writer_graphs(model: Any) -> dict[str, _Traced]:
    texts, source = torch.export.Dim("texts"), torch.export.Dim("source")
    written, new = torch.export.Dim("written"), torch.export.Dim("new")
    mask = torch.ones((_TEXTS, _TOKENS), dtype=torch.long)
    ids = torch.full((_TEXTS, _TOKENS), int(model.config.eos_token_id))
    with torch.no_grad():
        states = model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
        cross = _Cross(model, int(model.config.eos_token_id))
        memory = cross(states)
    layers, heads, width = len(memory) // 2, memory[0].shape[1], memory[0].shape[3]
    names = [f"{part}_{layer}" for layer in range(layers) for part in ("keys", "values")]
    past = {f"source_{name}": part for name, part in zip(names, memory, strict=True)}
    past |= {f"written_{name}": torch.zeros((_TEXTS, heads, _WRITTEN, width)) for name in names}
    both: dict[str, Axes] = {"input_ids": {0: texts, 1: source}, "attention_mask": {0: texts, 1: source}}
    inputs = {"tokens": torch.full((_TEXTS, _NEW), int(model.config.eos_token_id)), "attention_mask": mask, **past}
    axes: dict[str, Axes] = {"tokens": {0: texts, 1: new}, "attention_mask": {0: texts, 1: source}}
    axes |= {name: {0: texts, 2: source if name.startswith("source") else written} for name in past}
    return {
        "encoder": (_Encoder(model), {"input_ids": ids, "attention_mask": mask}, both, ["states"]),
        "cross": (cross, {"states": states}, {"states": {0: texts, 1: source}}, [f"source_{name}" for name in names]),
        "decoder": (
            _Decoder(model, layers, states.shape[2]), inputs, axes, ["logits", *(f"new_{name}" for name in names)],
        ),
    }  # fmt: skip


def _write(
    module: torch.nn.Module,
    inputs: Mapping[str, torch.Tensor],
    axes: Mapping[str, Axes],
    results: list[str],
    file: Path,
) -> None:
    shapes = tuple(axes[name] for name in inputs)
    with _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                module,
                tuple(inputs.values()),
                dynamo=True,
                input_names=list(inputs),
                output_names=results,
                dynamic_shapes=_by_argument(module, shapes),
                opset_version=OPSET,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error).strip().splitlines()[0]
            raise RuletuneError(f"the model cannot be made an ONNX graph: {reason}") from error
        assert program is not None
        program.save(str(file))


def _by_argument(module: torch.nn.Module, shapes: tuple[Axes, ...]) -> tuple[Any, ...]:
    """Shapes as the module's signature groups its arguments."""
    match module:
        case _Chooser():
            return (shapes,)
        case _Decoder():
            return (shapes[0], shapes[1], shapes[2:])
        case _:
            return shapes


@contextmanager
def _attention_in_full(model: Any) -> Iterator[None]:
    """Attention spelled out for the time of tracing: what is fused for PyTorch is not one operator elsewhere."""
    inner = getattr(model, "mlm", model)
    before = inner.config._attn_implementation
    inner.set_attn_implementation("eager")
    try:
        yield
    finally:
        inner.set_attn_implementation(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Tracers warn of what does not concern who exports."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
