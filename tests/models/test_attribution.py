"""Integrated gradients, for every place where an answer is read."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ruletune.errors import MissingExtraError, RuletuneError
from ruletune.models import adapters, backbone
from ruletune.models.attribution import Attributed, Score, attribute
from ruletune.models.backbone import Classifier
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import Encoded, encode
from ruletune.models.explained import edges_score, label_score, tags_score, written_score
from ruletune.models.seq2seq import encode_texts
from ruletune.models.verbalizer import Vocabulary, verbalize
from ruletune.templates import Rendering, Template
from ruletune.types import Example, Span
from tests.writer_fixtures import FAMILIES, build_writer

TEXT = "the superb film is a dull story 很好"
PAIR = Example("1", TEXT, entities=(Span(4, 10), Span(11, 15)))


def made(checkpoint: Path, readout: Any, labels: tuple[str, ...] = ("a", "b", "c"), **options: Any) -> Classifier:
    found = backbone.new(
        Checkpoint("tiny", str(checkpoint)), labels=labels, multi=options.get("multi", False), max_length=32, dropout=0.1,
        seed=0, readout=readout,
    )  # fmt: skip
    found.model.eval()
    return found


def shown(classifier: Classifier, example: Example | None = None) -> tuple[Encoded, np.ndarray]:
    example = example or Example("1", TEXT)
    encoded = encode(
        [example], rendering=Rendering(Template.parse("{text}")), tokenizer=classifier.tokenizer, max_length=32
    )
    special = set(classifier.tokenizer.all_special_ids) - {classifier.tokenizer.unk_token_id}
    return encoded, np.array([number not in special for number in encoded.columns["input_ids"][0]])


def complete(found: Attributed, hide: np.ndarray) -> None:
    """The shares add up to what hiding all words takes away, and what was not hidden has none."""
    assert found.values.shape == hide.shape
    assert (found.values[~hide] == 0).all() and np.abs(found.values[hide]).max() > 0
    assert found.values.sum() - (found.shown - found.hidden) == pytest.approx(found.delta, abs=1e-5)
    assert abs(found.delta) <= 0.05 * max(abs(found.shown - found.hidden), 0.1) + 1e-6


@pytest.mark.parametrize("multi", [False, True])
def test_a_label(checkpoint: Path, multi: bool) -> None:
    classifier = made(checkpoint, "text", multi=multi)
    encoded, hide = shown(classifier)
    logits = backbone.logits(classifier, encoded, precision="fp32")[0].astype(float)
    for label in range(3):
        found = attribute(classifier, encoded, 0, label_score(label, multi=multi), hide=hide)
        complete(found, hide)
        others = 0.0 if multi else np.log(np.exp(np.delete(logits, label)).sum())
        assert found.shown == pytest.approx(logits[label] - others, abs=1e-4)


def test_a_pair_and_tags_and_a_passage(checkpoint: Path) -> None:
    for readout, labels, example, score in (
        ("pair", ("a", "b"), PAIR, label_score(1, multi=False)),
        ("tokens", ("O", "B-x", "I-x"), None, tags_score([2, 3], [1, 2])),
        ("extract", (), None, edges_score(2, 3, np.arange(11) < 10)),
    ):
        classifier = made(checkpoint, readout, labels)
        encoded, hide = shown(classifier, example)
        complete(attribute(classifier, encoded, 0, score, hide=hide), hide)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_written_answer(tmp_path: Path, family: Any) -> None:
    classifier = backbone.load(build_writer(tmp_path / "m", family), max_length=64, readout="generate")
    encoded = encode_texts(["ein hund"], ["haus."], tokenizer=classifier.tokenizer, max_length=64, max_target=16)
    hide = np.ones(int(encoded.lengths[0]), dtype=bool)
    hide[-1] = False
    found = attribute(classifier, encoded, 0, written_score(encoded.columns["labels"][0]), hide=hide)
    assert found.values[-1] == 0 and found.shown < 0
    assert found.points == 64 or abs(found.delta) <= 0.05 * max(abs(found.shown - found.hidden), 0.1)


def test_a_cloze(masked: Path) -> None:
    vocabulary = Vocabulary.read(masked)
    assert vocabulary is not None
    template = Template.parse("{text} is {mask}")
    cloze = verbalize((template,), labels={"bad": "", "good": ""}, verbalizer={"bad": ["dull"], "good": ["great"]}, vocabulary=vocabulary)  # fmt: skip
    classifier = backbone.new(
        Checkpoint("tiny", str(masked), cloze=cloze),
        labels=("bad", "good"),
        multi=False,
        max_length=32,
        dropout=None,
        seed=0,
    )
    encoded = encode(
        [Example("1", TEXT)], rendering=Rendering(template), tokenizer=classifier.tokenizer, max_length=32, cloze=cloze
    )
    ids = encoded.columns["input_ids"][0]
    hide = np.array(
        [
            number not in classifier.tokenizer.all_special_ids or number == classifier.tokenizer.unk_token_id
            for number in ids
        ]
    )
    classifier.model.eval()
    complete(attribute(classifier, encoded, 0, label_score(1, multi=False), hide=hide), hide)


def test_low_rank_updates_that_are_not_merged_yet(checkpoint: Path) -> None:
    classifier = made(checkpoint, "text")
    adapters.attach(classifier, "lora", seed=0, rank=4, alpha=8)
    with torch.no_grad():
        for name, parameter in classifier.model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.2)
    encoded, hide = shown(classifier)
    before = backbone.logits(classifier, encoded, precision="fp32")
    complete(attribute(classifier, encoded, 0, label_score(0, multi=False), hide=hide), hide)
    assert (backbone.logits(classifier, encoded, precision="fp32") == before).all()


def test_the_same_every_time_and_the_model_stays_as_it_is(checkpoint: Path) -> None:
    classifier = made(checkpoint, "text")
    encoded, hide = shown(classifier)
    score = label_score(0, multi=False)
    first, second = (attribute(classifier, encoded, 0, score, hide=hide) for _ in range(2))
    assert (first.values == second.values).all() and first.delta == second.delta
    assert all(p.grad is None and p.requires_grad for p in classifier.model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in classifier.model.modules())


def test_nothing_to_hide(checkpoint: Path) -> None:
    classifier = made(checkpoint, "text")
    encoded, hide = shown(classifier, Example("1", ""))
    found = attribute(classifier, encoded, 0, label_score(0, multi=False), hide=hide)
    assert found.shown == found.hidden and (found.values == 0).all() and found.delta == 0


def test_others_may_ask_the_model_meanwhile(checkpoint: Path) -> None:
    classifier = made(checkpoint, "text")
    encoded, hide = shown(classifier)
    score = label_score(0, multi=False)
    expected, logits = attribute(classifier, encoded, 0, score, hide=hide), backbone.logits(classifier, encoded)
    wrong: list[str] = []

    def explaining() -> None:
        for _ in range(8):
            if (attribute(classifier, encoded, 0, score, hide=hide).values != expected.values).any():
                wrong.append("explained")

    def asking() -> None:
        for _ in range(150):
            if (backbone.logits(classifier, encoded) != logits).any():
                wrong.append("asked")

    threads = [threading.Thread(target=work) for work in (explaining, explaining, asking, asking)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_without_captum(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    classifier = made(checkpoint, "text")
    encoded, hide = shown(classifier)
    score: Score = label_score(0, multi=False)
    with pytest.raises(MissingExtraError, match=r"ruletune\[explain\]"):
        attribute(classifier, encoded, 0, score, hide=hide)


def test_an_exported_graph_has_no_gradients(checkpoint: Path) -> None:
    classifier = made(checkpoint, "text")
    encoded, hide = shown(classifier)
    graph = replace(classifier, model=object())
    with pytest.raises(RuletuneError, match="exported from"):
        attribute(graph, encoded, 0, label_score(0, multi=False), hide=hide)
