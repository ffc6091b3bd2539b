from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from ruletune.errors import RuletuneError
from ruletune.models import adapters, backbone
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import encode
from ruletune.models.features import extract
from ruletune.templates import Rendering, default_template
from ruletune.training import schedule
from ruletune.training.loop import Loop, Stage, Step, Supervision
from ruletune.types import Label
from tests.model_fixtures import texts

STAGE = Stage("gold", epochs=6, batch_size=8, learning_rate=1e-3, head_learning_rate=1e-3, precision="fp32")


def made(checkpoint: Path, adapter: adapters.Adapter = "full") -> backbone.Classifier:
    source = Checkpoint("tiny", str(checkpoint))
    classifier = backbone.new(source, labels=("bad", "good"), multi=False, max_length=32, dropout=0.3, seed=3)
    adapters.attach(classifier, adapter, seed=3)
    return classifier


def supervision(classifier: backbone.Classifier, n: int = 24, *, seed: int = 1, flip: bool = False) -> Supervision:
    examples = texts(n, seed=seed)
    rendering = Rendering(default_template(pair=False))
    encoded = encode(examples, rendering=rendering, tokenizer=classifier.tokenizer, max_length=32)
    gold = np.array([[e.answer == Label.of("bad"), e.answer == Label.of("good")] for e in examples], dtype=np.float32)
    return schedule.gold_supervision(encoded, 1 - gold if flip else gold)


def weights(classifier: backbone.Classifier) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in classifier.model.named_parameters()}


def train(classifier: backbone.Classifier, stage: Stage = STAGE, validation: Supervision | None = None) -> list[Step]:
    return list(Loop(classifier, stage, supervision(classifier), validation, seed=5).run())


def test_training_learns(checkpoint: Path) -> None:
    classifier = made(checkpoint)
    steps = train(classifier, replace(STAGE, epochs=30, learning_rate=2e-3))
    assert steps[-1].loss < 0.8 * steps[0].loss
    held_out = supervision(classifier, 40, seed=9)
    right = backbone.logits(classifier, held_out.encoded).argmax(1) == held_out.targets.argmax(1)
    assert right.mean() > 0.8


def test_the_same_seed_gives_the_same_weights_bit_for_bit(checkpoint: Path) -> None:
    first, second = made(checkpoint), made(checkpoint)
    train(first)
    torch.manual_seed(99)  # whatever the caller drew meanwhile
    train(second)
    assert all(torch.equal(a, weights(second)[name]) for name, a in weights(first).items())


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("adapter", ["full", "lora"])
def test_a_restored_snapshot_goes_on_bit_for_bit(
    checkpoint: Path, optimizer: Literal["adamw", "adam", "sgd"], adapter: adapters.Adapter
) -> None:
    stage = replace(STAGE, optimizer=optimizer, schedule="cosine")
    undisturbed = made(checkpoint, adapter)
    validation = supervision(undisturbed, 10, seed=4)
    train(undisturbed, stage, validation)

    interrupted = made(checkpoint, adapter)
    loop = Loop(interrupted, stage, supervision(interrupted), validation, seed=5)
    for step in loop.run():
        if step.step == 7:
            break
    snapshot = loop.snapshot()
    resumed = made(checkpoint, adapter)
    loop = Loop(resumed, stage, supervision(resumed), validation, seed=5)
    loop.restore(snapshot)
    steps = list(loop.run())
    assert steps[0].step == 8
    assert all(torch.equal(a, weights(resumed)[name]) for name, a in weights(undisturbed).items())


def test_early_stopping_keeps_the_best_weights(checkpoint: Path) -> None:
    classifier = made(checkpoint)
    against = supervision(classifier, 10, seed=4, flip=True)  # whatever is learned makes this worse
    stage = replace(STAGE, epochs=50, patience=2)
    loop = Loop(classifier, stage, supervision(classifier), against, seed=5)
    steps = list(loop.run())
    assert len(steps) < stage.epochs * loop.steps_per_epoch
    losses = [step.validation for step in steps if step.validation is not None]
    assert loop.best == min(losses)
    assert loop._validation_loss() == pytest.approx(loop.best, abs=1e-6)


def test_the_rate_warms_up_and_falls(checkpoint: Path) -> None:
    steps = train(made(checkpoint), replace(STAGE, epochs=10, warmup=0.2))
    rates = [step.learning_rate for step in steps]
    peak = int(np.argmax(rates))
    assert 0 < peak < len(rates) // 3 and rates[-1] < 0.1 * rates[peak]


def test_divergence_is_named(checkpoint: Path) -> None:
    classifier = made(checkpoint)
    data = supervision(classifier)
    broken = Supervision(data.encoded, np.full_like(data.targets, math.nan), data.weights)
    with pytest.raises(RuletuneError, match=r"diverged in stage 'gold' at step 1.*learning_rate"):
        list(Loop(classifier, STAGE, broken, None, seed=0).run())


def test_one_example_can_be_trained_on(checkpoint: Path) -> None:
    classifier = made(checkpoint)
    data = supervision(classifier).take([0])
    assert len(list(Loop(classifier, STAGE, data, None, seed=0).run())) == STAGE.epochs


def test_a_fold_is_held_out_only_where_it_tells_something() -> None:
    few = np.repeat([0, 1], 5)
    rng = np.random.default_rng(0)
    assert schedule.hold_out(few, share=0.2, least=2, rng=rng) == (list(range(10)), [])
    many = np.repeat([0, 1], 20)
    learn, held = schedule.hold_out(many, share=0.2, least=2, rng=rng)
    assert sorted(learn + held) == list(range(40))
    assert np.bincount(many[held]).tolist() == [4, 4]


@pytest.mark.parametrize(
    "change",
    [
        {"objective": "contrast", "epochs": 20},
        {"anchors": 4},
        {"consistency": 0.5},
    ],
)
def test_every_way_of_learning_is_the_same_again_and_resumes_bit_for_bit(
    checkpoint: Path, change: dict[str, object]
) -> None:
    stage = replace(STAGE, **change)  # type: ignore[arg-type]

    def loop(classifier: backbone.Classifier) -> Loop:
        data = supervision(classifier)
        anchor = supervision(classifier, 6, seed=2) if stage.anchors else None
        return Loop(classifier, stage, data, None, seed=5, anchor=anchor)

    whole = made(checkpoint)
    losses = [step.loss for step in loop(whole).run()]
    halted = loop(made(checkpoint))
    for step in halted.run():
        if step.step == 5:
            break
    rest = made(checkpoint)
    resumed = loop(rest)
    resumed.restore(halted.snapshot())
    assert [step.loss for step in resumed.run()] == losses[5:]
    assert all(torch.equal(tensor, weights(rest)[name]) for name, tensor in weights(whole).items())


def test_contrast_draws_labels_apart(checkpoint: Path) -> None:
    classifier = made(checkpoint)
    data = supervision(classifier)
    stage = replace(STAGE, objective="contrast", epochs=30, learning_rate=2e-3)

    def cosines() -> float:
        vectors = extract(classifier, data.encoded)
        good = data.targets.argmax(axis=1) == 1
        return float(vectors[good].mean(axis=0) @ vectors[~good].mean(axis=0))

    before = cosines()
    steps = list(Loop(classifier, stage, data, None, seed=5).run())
    assert steps[-1].loss < steps[0].loss
    assert cosines() < before


def test_anchors_are_in_every_batch(checkpoint: Path) -> None:
    classifier = made(checkpoint)
    data, anchor = supervision(classifier), supervision(classifier, 6, seed=2)
    loop = Loop(classifier, replace(STAGE, anchors=4), data, None, seed=5, anchor=anchor)
    batches = list(loop._batches(0))
    assert sorted(row for rows in batches for row in rows if row < len(data)) == list(range(len(data)))
    assert all((rows >= len(data)).sum() == 4 for rows in batches)


def test_a_stage_can_end_between_where_it_began_and_where_it_came_to(checkpoint: Path) -> None:
    before, moved, between = made(checkpoint), made(checkpoint), made(checkpoint)
    train(moved)
    train(between, replace(STAGE, kept=0.25))
    for name, start in weights(before).items():
        expected = 0.75 * weights(moved)[name] + 0.25 * start
        assert torch.allclose(weights(between)[name], expected, atol=1e-6), name


def test_a_restored_snapshot_knows_where_its_stage_began(checkpoint: Path) -> None:
    stage = replace(STAGE, kept=0.5)
    undisturbed, interrupted, resumed = made(checkpoint), made(checkpoint), made(checkpoint)
    train(undisturbed, stage)
    loop = Loop(interrupted, stage, supervision(interrupted), None, seed=5)
    for step in loop.run():
        if step.step == 4:
            break
    again = Loop(resumed, stage, supervision(resumed), None, seed=5)
    again.restore(loop.snapshot())
    list(again.run())
    assert all(torch.equal(a, weights(resumed)[name]) for name, a in weights(undisturbed).items())
