"""Training models that write: the loss, its weights, and the loop around it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ruletune.errors import UserError
from ruletune.models import adapters, backbone
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import collate
from ruletune.models.generating import encode_texts, generate
from ruletune.training import loop as loops
from ruletune.training.loop import Loop, Stage, Supervision
from ruletune.training.objectives import sequence_cross_entropy
from tests.writer_fixtures import FAMILIES, SOME_FAMILIES, Family, build_writer

STAGE = Stage("gold", epochs=4, batch_size=4, learning_rate=2e-3, head_learning_rate=2e-3, precision="fp32")
PAIRS = [("hund", "katze"), ("ein haus", "haus und hund"), ("und", "er"), ("katze und hund", "ein er.")] * 3


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Family, Path]:
    return {family: build_writer(tmp_path_factory.mktemp(family), family) for family in FAMILIES}


def made(folder: Path, adapter: adapters.Adapter = "full", *, dropout: float = 0.1) -> backbone.Classifier:
    classifier = backbone.new(
        Checkpoint("tiny", str(folder)),
        labels=(),
        multi=False,
        max_length=32,
        dropout=dropout,
        seed=3,
        readout="generate",
    )
    adapters.attach(classifier, adapter, seed=3)
    return classifier


def supervision(classifier: backbone.Classifier, pairs: list[tuple[str, str]] = PAIRS) -> Supervision:
    sources, targets = [source for source, _ in pairs], [target for _, target in pairs]
    encoded = encode_texts(sources, targets, tokenizer=classifier.tokenizer, max_length=32, max_target=32)
    return Supervision(encoded, np.zeros((len(pairs), 0)), np.ones((len(pairs), 1)))


def weights(classifier: backbone.Classifier) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in classifier.model.named_parameters()}


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_a_model_of_every_family_learns_to_write(folders: dict[Family, Path], family: Family) -> None:
    classifier = made(folders[family], dropout=0.0)
    data = supervision(classifier, PAIRS[:4])
    stage = replace(STAGE, epochs=150, learning_rate=1e-2, schedule="constant")
    steps = list(Loop(classifier, stage, data, None, seed=5).run())
    assert steps[-1].loss < 0.3 * steps[0].loss
    answers = generate(classifier, data.encoded, max_target=30, precision="fp32")
    assert [row[0].text for row in answers] == [target for _, target in PAIRS[:4]]


@pytest.mark.parametrize("adapter", ["full", "lora"])
@pytest.mark.parametrize("change", [{}, {"consistency": 0.5, "label_smoothing": 0.1}, {"anchors": 2, "kept": 0.5}])
def test_training_that_was_interrupted_goes_on_bit_for_bit(
    folders: dict[Family, Path], adapter: adapters.Adapter, change: dict[str, float]
) -> None:
    stage = replace(STAGE, **change)  # type: ignore[arg-type]

    def loop(classifier: backbone.Classifier) -> Loop:
        data = supervision(classifier)
        anchor = data.take([0, 1]) if stage.anchors else None
        return Loop(classifier, stage, data, data.take([2, 3]), seed=5, anchor=anchor)

    whole, rest = made(folders["t5"], adapter), made(folders["t5"], adapter)
    losses = [step.loss for step in loop(whole).run()]
    halted = loop(made(folders["t5"], adapter))
    for step in halted.run():
        if step.step == 5:
            break
    resumed = loop(rest)
    resumed.restore(halted.snapshot())
    assert [step.loss for step in resumed.run()] == losses[5:]
    assert all(torch.equal(tensor, weights(rest)[name]) for name, tensor in weights(whole).items())


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_a_batch_in_parts_moves_the_weights_as_a_whole_one(
    folders: dict[Family, Path], family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = replace(STAGE, optimizer="sgd", batch_size=12, label_smoothing=0.1)
    whole, parts = made(folders[family], dropout=0.0), made(folders[family], dropout=0.0)
    first = list(Loop(whole, stage, supervision(whole), None, seed=5).run())
    monkeypatch.setattr(loops, "_MOST_TOKENS", 60)
    loop = Loop(parts, stage, supervision(parts), None, seed=5)
    assert len(loop._parts(np.arange(12))) > 1
    second = list(loop.run())
    assert [step.loss for step in first] == pytest.approx([step.loss for step in second], rel=1e-4)
    assert all(torch.allclose(a, weights(parts)[name], atol=1e-5) for name, a in weights(whole).items())


def test_the_loss_is_the_mean_over_tokens_that_count() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 5), torch.tensor([[1, 2, -100], [3, -100, -100]])
    logs = logits.log_softmax(-1)
    by_hand = -(2 * (logs[0, 0, 1] + logs[0, 1, 2]) + 1 * logs[1, 0, 3]) / (2 * 2 + 1 * 1)
    loss = sequence_cross_entropy(logits, labels, torch.tensor([[2.0], [1.0]]))
    assert float(loss) == pytest.approx(float(by_hand), rel=1e-5)
    only = sequence_cross_entropy(logits, labels, torch.tensor([1.0, 0.0]), smoothing=0.1)
    smooth = -(0.9 * (logs[0, 0, 1] + logs[0, 1, 2]) + 0.1 * logs[0, :2].mean(-1).sum()) / 2
    assert float(only) == pytest.approx(float(smooth), rel=1e-5)


def test_an_example_without_weight_teaches_nothing(folders: dict[Family, Path]) -> None:
    alone, both = made(folders["t5"], dropout=0.0), made(folders["t5"], dropout=0.0)
    data = supervision(both, PAIRS[:2])
    silent = Supervision(data.encoded, data.targets, np.array([[1.0], [0.0]]))
    list(Loop(both, STAGE, silent, None, seed=5).run())
    list(Loop(alone, STAGE, data.take([0]), None, seed=5).run())
    assert all(torch.allclose(a, weights(both)[name], atol=1e-5) for name, a in weights(alone).items())


def test_targets_have_a_width_of_their_own(folders: dict[Family, Path]) -> None:
    classifier = made(folders["t5"])
    encoded = encode_texts(
        ["hund", "katze"], ["ein haus und ein hund", "er"], tokenizer=classifier.tokenizer, max_length=32, max_target=32
    )
    batch = collate(encoded, [0, 1], pad_id=0, device=torch.device("cpu"))
    assert batch["input_ids"].shape[1] < batch["labels"].shape[1]
    assert (batch["labels"][1] == -100).any() and (batch["labels"][0] != -100).all()


@pytest.mark.parametrize("adapter", ["full", "lora", "head"])
def test_an_output_layer_of_its_own_survives(
    folders: dict[Family, Path], adapter: adapters.Adapter, tmp_path: Path
) -> None:
    classifier = made(folders["t5"], adapter)
    data = supervision(classifier)
    list(Loop(classifier, STAGE, data, None, seed=5).run())
    before = generate(classifier, data.encoded, max_target=12, precision="fp32")
    adapters.merge(classifier)
    backbone.save(classifier, tmp_path)
    again = backbone.load(tmp_path, max_length=32, readout="generate")
    output, table = again.model.get_output_embeddings().weight, again.model.get_input_embeddings().weight
    assert not torch.equal(output, table)
    assert torch.equal(output, classifier.model.get_output_embeddings().weight)
    after = generate(again, data.encoded, max_target=12, precision="fp32")
    assert [row[0].text for row in after] == [row[0].text for row in before]


def test_only_an_output_layer_of_its_own_can_learn_alone(folders: dict[Family, Path]) -> None:
    classifier = made(folders["t5"], "head")
    assert [name for name, p in classifier.model.named_parameters() if p.requires_grad] == ["lm_head.weight"]
    with pytest.raises(UserError, match="full or lora"):
        made(folders["bart"], "head")


def test_half_precision_gives_about_the_same_loss(folders: dict[Family, Path]) -> None:
    losses = {}
    for precision in ("fp32", "bf16"):
        classifier = made(folders["t5"], dropout=0.0)
        stage = replace(STAGE, precision=precision)
        losses[precision] = [step.loss for step in Loop(classifier, stage, supervision(classifier), None, seed=5).run()]
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.1)


def test_a_check_leaves_smoothing_out(folders: dict[Family, Path]) -> None:
    classifier = made(folders["t5"])
    data = supervision(classifier)
    plain, smooth = (
        Loop(classifier, replace(STAGE, label_smoothing=share), data, data, seed=5) for share in (0.0, 0.5)
    )
    assert plain._validation_loss() == smooth._validation_loss()
