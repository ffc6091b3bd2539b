"""A thousand damaged files of weights: each loads, or is refused in a sentence. None is loaded by half."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ruletune.errors import RuletuneError
from ruletune.models import backbone
from ruletune.models.weights import check_folder, check_weights
from tests.faults.grammar import changed, changed_bytes
from tests.model_fixtures import build_checkpoint


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Weights with a header that lies, is cut, or is something else."""
    length = struct.unpack("<Q", data[:8])[0]
    head, body = data[8 : 8 + length], data[8 + length :]
    kind = rng.random()
    if kind < 0.2:
        return (
            struct.pack("<Q", rng.choice((0, 1, 2, length - 1, length + 1, len(data), 2**31, 2**62, 2**64 - 1)))
            + data[8:]
        )
    if kind < 0.65:
        header = changed(json.loads(head), rng, keys=("dtype", "shape", "data_offsets", "a", "__metadata__"))
        try:
            head = json.dumps(header).encode()
        except (ValueError, TypeError):
            head = b"null"
        return struct.pack("<Q", len(head)) + head + body
    if kind < 0.8:
        return data[: rng.randrange(len(data))]
    if kind < 0.95:
        head = changed_bytes(head, rng)
        return struct.pack("<Q", len(head)) + head + body
    return rng.randbytes(rng.randrange(200))


def test_a_thousand_damaged_files(tmp_path: Path) -> None:
    """What passes our look is read by the library, which never fails in a way that :func:`backbone.loading` does not know."""
    path = tmp_path / "model.safetensors"
    save_file({f"layer.{n}.weight": torch.zeros(3, n + 1) for n in range(4)}, str(path))
    data, rng, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(1000):
        path.write_bytes(mutated(data, rng))
        try:
            check_weights(path)
            with backbone.loading("the model"):
                load_file(str(path))
        except RuletuneError as error:
            refused += 1
            assert 10 < len(str(error)) < 1000 and "\n" not in str(error)
    assert refused > 800


def test_headers_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    tensor = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    many = ("{" + ",".join(f'"{n}":{tensor}' for n in range(100_001)) + "}").encode()
    for header in (
        many,
        b'{"__metadata__":{"a":"' + b"x" * (17 << 20) + b'"}}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"[]",
        b"{}x",
    ):
        path.write_bytes(struct.pack("<Q", len(header)) + header)
        with pytest.raises(RuletuneError, match="damaged weights"):
            check_weights(path)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A trained model's folder."""
    made = backbone.new(
        backbone.Checkpoint("tiny", str(build_checkpoint(tmp_path / "checkpoint"))), labels=("a", "b"), multi=False, max_length=16, dropout=None, seed=0
    )  # fmt: skip
    backbone.save(made, tmp_path / "model")
    return tmp_path / "model"


def test_a_model_is_not_loaded_by_half(model: Path) -> None:
    """A tensor that is missing would be made up, and the answers with it."""
    backbone.load(model, max_length=16)
    path = model / "model.safetensors"
    tensors = load_file(str(path))
    del tensors["classifier.weight"]
    save_file(tensors, str(path), metadata={"format": "pt"})
    with pytest.raises(RuletuneError, match=r"'classifier\.weight' is missing"):
        backbone.load(model, max_length=16)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RuletuneError, match="damaged weights"):
        backbone.load(model, max_length=16)


def test_weights_that_are_pickled_or_elsewhere_are_refused(model: Path) -> None:
    weights = model / "model.safetensors"
    index = model / "model.safetensors.index.json"
    for value in (
        {"weight_map": {"a": "../x.safetensors"}},
        {"weight_map": {"a": "/etc/passwd"}},
        {"weight_map": 3},
        [],
        {"weight_map": {"a": 3}},
    ):
        index.write_text(json.dumps(value), encoding="utf-8")
        with pytest.raises(RuletuneError, match=r"outside of its folder|damaged"):
            check_folder(model)
    index.unlink()
    (model / "adapter_config.json").write_text('{"base_model_name_or_path": "somebody/else"}', encoding="utf-8")
    with pytest.raises(RuletuneError, match="an adapter names another model"):
        backbone.load(model, max_length=16)
    (model / "adapter_config.json").unlink()
    weights.rename(model / "pytorch_model.bin")
    with pytest.raises(RuletuneError, match="its weights are a pickle"):
        backbone.load(model, max_length=16)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_damaged_settings_of_a_model(name: str, model: Path) -> None:
    """Cut, nested, of other types: a sentence, or a model."""
    path, rng = model / name, random.Random(1)
    data = path.read_bytes()
    for content in (
        b"",
        b"{",
        b"[]",
        b"3",
        b"null",
        b"[" * 100_000,
        data[: len(data) // 2],
        *(changed_bytes(data, rng) for _ in range(6)),
    ):
        path.write_bytes(content)
        try:
            backbone.load(model, max_length=16)
        except RuletuneError as error:
            assert len(str(error)) < 2000


def test_code_that_a_model_carries_is_not_run(model: Path) -> None:
    """``auto_map`` asks for it."""
    settings = json.loads((model / "config.json").read_text(encoding="utf-8"))
    settings["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForSequenceClassification": "evil.Model"}
    (model / "config.json").write_text(json.dumps(settings | {"model_type": "evil"}), encoding="utf-8")
    (model / "evil.py").write_text(
        f"open({str(model / 'ran')!r}, 'w').close()\nclass Config: ...\nclass Model: ...\n", encoding="utf-8"
    )
    with pytest.raises(RuletuneError):
        backbone.load(model, max_length=16)
    assert not (model / "ran").exists()
