"""Outputs of every kind of model have what is chosen from on their last axis, and padding changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ruletune.models import adapters, backbone
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import Encoded, Loss, collate
from ruletune.models.readout import Ragged, Readout
from ruletune.training.loop import Loop, Stage, Supervision

LENGTHS = (7, 3, 5)


def encoded(**columns: list[list[int]]) -> Encoded:
    ids = [[2, *range(5, 3 + length), 3] for length in LENGTHS]
    mask = [[1] * length for length in LENGTHS]
    return Encoded({"input_ids": ids, "attention_mask": mask, **columns}, Loss(3, 0, 0, 7))


def made(checkpoint: Path, readout: Readout, labels: tuple[str, ...]) -> backbone.Classifier:
    return backbone.new(
        Checkpoint("tiny", str(checkpoint)),
        labels=labels,
        multi=False,
        max_length=16,
        dropout=None,
        seed=0,
        readout=readout,
    )


@pytest.mark.parametrize(("readout", "labels"), [("tokens", ("O", "B-x", "I-x")), ("extract", ())])
def test_batched_as_one_by_one(checkpoint, readout, labels):
    classifier = made(checkpoint, readout, labels)
    together = backbone.token_logits(classifier, encoded(), precision="fp32", batch_size=3)
    alone = backbone.token_logits(classifier, encoded(), precision="fp32", batch_size=1)
    for length, one, other in zip(LENGTHS, together.arrays, alone.arrays, strict=True):
        assert one.shape == ((length, 3) if readout == "tokens" else (2, length))
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_pair_is_read_at_its_two_markers(checkpoint):
    classifier = made(checkpoint, "pair", ("a", "b"))
    texts = encoded(marks=[[1, 4], [1, 0], [2, 3]])
    found = backbone.logits(classifier, texts, precision="fp32")
    assert found.shape == (3, 2)
    classifier.model.eval()
    with torch.inference_mode():
        batch = collate(encoded(), [0], pad_id=0, device=torch.device("cpu"))
        states = classifier.model(**batch).logits[0]
    np.testing.assert_allclose(found[0], (states[1, :2] + states[4, 2:]).numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("readout", "labels"),
    [("pair", ("Cause-Effect(e1,e2)", "Other")), ("tokens", ("O", "B-x", "I-x")), ("extract", ())],
)
def test_saved_and_loaded_answers_the_same(checkpoint, tmp_path, readout, labels):
    classifier = made(checkpoint, readout, labels)
    backbone.save(classifier, tmp_path / "model")
    again = backbone.load(tmp_path / "model", max_length=16, readout=readout)
    assert again.labels == labels
    texts = encoded(marks=[[1, 2]] * 3) if readout == "pair" else encoded()
    ask = backbone.logits if readout == "pair" else backbone.token_logits
    first, second = (ask(made, texts, precision="fp32") for made in (classifier, again))
    for one, other in zip(getattr(first, "arrays", first), getattr(second, "arrays", second), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("adapter", ["full", "head", "lora"])
@pytest.mark.parametrize(("readout", "labels"), [("tokens", ("O", "B-x", "I-x")), ("extract", ())])
def test_every_adapter_learns(checkpoint, readout, labels, adapter):
    classifier = made(checkpoint, readout, labels)
    adapters.attach(classifier, adapter, seed=0, rank=2, alpha=4)
    if readout == "tokens":
        targets = Ragged(tuple(np.eye(3, dtype=np.float32)[np.arange(length) % 3] for length in LENGTHS))
        weights = Ragged(tuple(np.ones(length, dtype=np.float32) for length in LENGTHS))
    else:
        targets = Ragged(tuple(np.eye(length, dtype=np.float32)[[1, 2]] for length in LENGTHS), axis=1)
        weights = np.ones((3, 2), dtype=np.float32)
    data = Supervision(encoded(), targets, weights)
    stage = Stage("gold", epochs=8, batch_size=2, learning_rate=5e-3, head_learning_rate=2e-2, patience=99)
    steps = list(Loop(classifier, stage, data, data, seed=0).run())
    checks = [step.validation for step in steps if step.validation is not None]
    assert checks[-1] < checks[0]


def test_padding_has_no_weight():
    ragged = Ragged((np.ones((2, 3)), np.ones((4, 3))))
    assert ragged[[0, 1]].shape == (2, 4, 3)
    assert ragged[[0, 1]][0, 2:].sum() == 0
    assert ragged.take([1]).joined(ragged)[[0, 1, 2]].shape == (3, 4, 3)
