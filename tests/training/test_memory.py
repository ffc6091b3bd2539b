"""Training where a batch does not fit into memory: the same updates, from parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertModel

from ruletune.errors import RuletuneError
from ruletune.models import backbone, memory
from ruletune.models.checkpoints import Checkpoint
from ruletune.training import loop
from ruletune.training.loop import Loop, Stage, Step
from tests.training.test_loop import STAGE, supervision, weights


def made(checkpoint: Path) -> backbone.Classifier:
    """Without dropout, whose masks are drawn batch by batch."""
    source = Checkpoint("tiny", str(checkpoint))
    classifier = backbone.new(source, labels=("bad", "good"), multi=False, max_length=32, dropout=0.0, seed=3)
    for module in classifier.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return classifier


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Any:
    plain = BertModel.forward
    asked: list[int] = []

    def narrow(most: int) -> list[int]:
        def limited(self: Any, input_ids: torch.Tensor, *args: Any, **inputs: Any) -> Any:
            asked.append(len(input_ids))
            if len(input_ids) > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return plain(self, input_ids, *args, **inputs)

        monkeypatch.setattr(BertModel, "forward", limited)
        return asked

    return narrow


def trained(classifier: backbone.Classifier, stage: Stage) -> list[Step]:
    return list(Loop(classifier, stage, supervision(classifier), supervision(classifier, 20, seed=8), seed=5).run())


@pytest.mark.parametrize("change", [{}, {"consistency": 0.5}, {"objective": "contrast"}], ids=str)
def test_gradients_of_parts_add_up(checkpoint: Path, narrow: Any, change: dict[str, Any]) -> None:
    stage = replace(STAGE, epochs=2, optimizer="sgd", learning_rate=1e-2, **change)
    whole, parted = made(checkpoint), made(checkpoint)
    expected = trained(whole, stage)
    asked, said = narrow(3), list[str]()
    with memory.telling(said.append):
        found = trained(parted, stage)
    assert [step.loss for step in found] == pytest.approx([step.loss for step in expected], rel=1e-4)
    for name, tensor in weights(whole).items():
        assert torch.allclose(tensor, weights(parted)[name], atol=1e-5), name
    assert said[:2] == [
        "memory ran out while training (gold) with 8 texts at a time: it goes on with 4",
        "memory ran out while training (gold) with 4 texts at a time: it goes on with 2",
    ]
    assert asked.count(8) == 1, "what did not fit is not tried again"


def test_a_resumed_stage_knows_what_fits(checkpoint: Path, narrow: Any) -> None:
    narrow(3)
    straight, broken = made(checkpoint), made(checkpoint)
    stage = replace(STAGE, epochs=2)
    with memory.telling(lambda said: None):
        list(Loop(straight, stage, supervision(straight), None, seed=5).run())
        first = Loop(broken, stage, supervision(broken), None, seed=5)
        steps = first.run()
        next(steps), next(steps)
        snapshot = first.snapshot()
        again = made(checkpoint)
        loop = Loop(again, stage, supervision(again), None, seed=5)
        loop.restore(snapshot)
        assert loop.at_once == 2
        list(loop.run())
    assert all(torch.equal(tensor, weights(again)[name]) for name, tensor in weights(straight).items())


def test_a_single_example_that_does_not_fit(checkpoint: Path, narrow: Any) -> None:
    narrow(0)
    with (
        memory.telling(lambda said: None),
        pytest.raises(RuletuneError, match=r"training \(gold\), with one text at a"),
    ):
        trained(made(checkpoint), STAGE)


def test_no_memory_for_the_update_itself(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: Any, closure: Any = None) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    with pytest.raises(RuletuneError, match="memory ran out while training; lower"):
        trained(made(checkpoint), STAGE)


@pytest.mark.parametrize("change", [{}, {"consistency": 0.5}, {"objective": "contrast"}], ids=str)
def test_texts_of_like_length_go_together_and_add_up(
    checkpoint: Path, narrow: Any, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    stage = replace(STAGE, epochs=2, batch_size=24, optimizer="sgd", learning_rate=1e-2, **change)
    asked, found = narrow(99), dict[int, tuple[list[Step], dict[str, torch.Tensor], int]]()
    for padding in (10**6, 0):
        monkeypatch.setattr(loop, "_PADDING", padding)
        classifier, before = made(checkpoint), len(asked)
        steps = list(Loop(classifier, stage, supervision(classifier), None, seed=5).run())
        found[padding] = (steps, weights(classifier), len(asked) - before)
    (whole, expected, _), (parted, got, calls) = found[10**6], found[0]
    assert calls > len(parted), "a length each"
    assert [step.loss for step in parted] == pytest.approx([step.loss for step in whole], rel=1e-4)
    for name, tensor in expected.items():
        assert torch.allclose(tensor, got[name], atol=1e-5), name
