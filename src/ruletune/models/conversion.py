"""T5 from ONNX files with eight-bit weights into a plain Hugging Face folder, once.

The folder stands in the cache. It is written aside and renamed, by one process at a time, and carries the hashes of its
files: one that was cut short or changed is made again. A weight of the original is a matrix of bytes with one scale and
one zero point, :math:`w = (q - z) s`; the converted one is that in float32, with nothing lost.

The nodes' names say which weight is whose: ``/enc/block.0/layer.0/SelfAttention/q/MatMul_quant`` reads the transposed
``encoder.block.0.layer.0.SelfAttention.q.weight``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from safetensors.numpy import save_file

from ruletune.errors import MissingExtraError, RuletuneError
from ruletune.models.cache import cache_folder
from ruletune.models.checkpoints import digest

__all__ = ["converted", "tensors"]

_FORMAT = 1
"""Raised whenever the same sources would give another folder."""

_MANIFEST = "manifest.json"

_SENTINELS = 100

_CONFIG: dict[str, object] = {
    "architectures": ["T5ForConditionalGeneration"],
    "model_type": "t5",
    "vocab_size": 32128,
    "d_model": 512,
    "d_kv": 64,
    "d_ff": 1024,
    "num_layers": 8,
    "num_decoder_layers": 8,
    "num_heads": 6,
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "dropout_rate": 0.1,
    "layer_norm_epsilon": 1e-6,
    "feed_forward_proj": "gated-gelu",
    "is_encoder_decoder": True,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    # The output layer has weights of its own, and what it reads is not scaled.
    "tie_word_embeddings": False,
    "dtype": "float32",
}

_GENERATION: dict[str, object] = {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}

_TOKENIZER: dict[str, object] = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_input_names": ["input_ids", "attention_mask"],
    "model_max_length": 512,
    "eos_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "additional_special_tokens": [f"<extra_id_{number}>" for number in range(_SENTINELS)],
}


def converted(name: str, source: Path, sha256: Mapping[str, str]) -> Path:
    """The folder with the converted checkpoint, made now where it is not there whole.

    Args:
        name: Short name of the checkpoint.
        source: Folder with ``encoder.onnx``, ``decoder.onnx`` and ``tokenizer.json``, verified by the caller.
        sha256: Digests of these files, which the folder's name is made of.

    Raises:
        MissingExtraError: The folder is to be made, and ONNX files cannot be read.
        RuletuneError: The cache folder cannot be written.
    """
    key = hashlib.sha256(json.dumps([_FORMAT, sorted(sha256.items())]).encode()).hexdigest()[:12]
    place = cache_folder() / "checkpoints" / f"{name}-{key}"
    if _whole(place):
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{place}.lock"):
            if not _whole(place):  # another process may have made it while this one waited
                _make(source, place)
    except OSError as error:
        raise RuletuneError(
            f"cannot write the converted checkpoint {name!r} to {place.parent}: {error.strerror or error}; "
            "make room (350 MB), or name another folder in RULETUNE_CACHE"
        ) from error
    return place


def _whole(place: Path) -> bool:
    """Whether every file that the folder's manifest names is there as it was written."""
    try:
        hashes = json.loads((place / _MANIFEST).read_text(encoding="utf-8"))["sha256"]
        return "model.safetensors" in hashes and all(digest(place / file) == known for file, known in hashes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _make(source: Path, place: Path) -> None:
    """Write the folder aside and rename it; called by one process at a time."""
    for left in place.parent.glob(f".{place.name}.*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    aside = place.parent / f".{place.name}.{os.getpid()}"
    aside.mkdir()
    try:
        save_file(tensors(source), aside / "model.safetensors", metadata={"format": "pt"})
        shutil.copyfile(source / "tokenizer.json", aside / "tokenizer.json")
        files = {"config": _CONFIG, "generation_config": _GENERATION, "tokenizer_config": _TOKENIZER}
        for name, value in files.items():
            _write(aside / f"{name}.json", value)
        _write(aside / _MANIFEST, {"sha256": {path.name: digest(path) for path in sorted(aside.iterdir())}})
        for path in (*aside.iterdir(), aside):
            _sync(path)
        if place.exists():
            place.rename(aside.with_name(f"{aside.name}.old"))
        aside.rename(place)
        _sync(place.parent)
    finally:
        for left in place.parent.glob(f".{place.name}.*"):
            shutil.rmtree(left, ignore_errors=True)


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8", newline="\n")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def tensors(source: Path) -> dict[str, np.ndarray]:
    """The weights in ``encoder.onnx`` and ``decoder.onnx`` under the names of Transformers' T5, float32.

    Encoder and decoder share one table of word vectors, ``shared.weight``.

    Raises:
        MissingExtraError: ``onnx`` is not installed.
        RuletuneError: The files do not hold such a model.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("reading the packaged checkpoint that writes texts", "text") from None
    found: dict[str, np.ndarray] = {}
    for file in ("encoder.onnx", "decoder.onnx"):
        found |= dict(_weights(onnx.load(source / file).graph, onnx.numpy_helper.to_array))
    table = found.pop("encoder.embed_tokens.weight", None)
    if table is None or "lm_head.weight" not in found or not np.array_equal(table, found.get("shared.weight", 0)):
        raise RuletuneError(f"{source}: these ONNX files hold no T5 model with one table of word vectors")
    return found


def _weights(graph: Any, read: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Name and value of every weight: a table and a norm have their names themselves, a matrix has that of its node."""
    stored = {tensor.name: tensor for tensor in graph.initializer}

    def exact(name: str) -> np.ndarray:
        quantized, scale, zero = (read(stored[f"{name}_{kind}"]) for kind in ("quantized", "scale", "zero_point"))
        return np.asarray((quantized.astype(np.float32) - np.float32(zero)) * np.float32(scale))

    for name, tensor in stored.items():
        if name.endswith("layer_norm.weight"):
            yield _renamed(name), read(tensor).astype(np.float32)
        elif name.endswith(".weight_quantized"):
            yield _renamed(name.removesuffix("_quantized")), exact(name.removesuffix("_quantized"))
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            path = node.name.removeprefix("/").removesuffix("/MatMul_quant").replace("/", ".")
            yield _renamed(f"{path}.weight"), np.ascontiguousarray(exact(node.input[1].removesuffix("_quantized")).T)


def _renamed(name: str) -> str:
    """What Transformers calls a weight that the exporting program called ``enc...`` or ``m...``."""
    return name.replace("enc.", "encoder.", 1) if name.startswith("enc.") else name.removeprefix("m.")
