from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ruletune.errors import RuletuneError
from ruletune.models import backbone, frozen, memory
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import encode
from ruletune.templates import Rendering, default_template
from tests.model_fixtures import texts

CPU = "[enforce fail at alloc_cpu.cpp:114] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate"


def narrow(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, most: int) -> list[int]:
    """Let a model take so many texts at a time and no more; the sizes that it was asked for."""
    asked: list[int] = []
    plain: Callable[..., Any] = getattr(owner, name)

    def limited(self: Any, *args: Any, **inputs: Any) -> Any:
        size = len(inputs["input_ids"] if inputs else args[0]["input_ids"])
        asked.append(size)
        if size > most:
            raise (RuntimeError(CPU) if len(asked) % 2 else torch.OutOfMemoryError("CUDA out of memory."))
        return plain(self, *args, **inputs)

    monkeypatch.setattr(owner, name, limited)
    return asked


@pytest.mark.parametrize("most", [30, 5, 1])
def test_answers_are_the_same_where_batches_do_not_fit(
    checkpoint: Path, most: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(backbone, "_PADDING", 10_000)  # so that the first batch is a full one
    source = Checkpoint("tiny", str(checkpoint))
    classifier = backbone.new(source, labels=("bad", "good"), multi=False, max_length=32, dropout=0.0, seed=3)
    rendering = Rendering(default_template(pair=False))
    encoded = encode(texts(90, seed=1), rendering=rendering, tokenizer=classifier.tokenizer, max_length=32)
    expected = backbone.logits(classifier, encoded)
    asked = narrow(monkeypatch, backbone.Classifier, "__call__", most)
    done: list[int] = []
    with caplog.at_level(logging.WARNING, "ruletune"):
        found = backbone.logits(classifier, encoded, progress=done.append)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert sum(done) == 90 and max(done) <= most
    assert sum(size > most for size in asked) == len(caplog.records) <= 7, "a size that does not fit is not tried again"
    assert "memory ran out while predicting with 64 texts at a time: it goes on with 32" in caplog.text


def test_vectors_are_the_same_where_batches_do_not_fit(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, shown = Checkpoint("tiny", str(checkpoint)), [example.text for example in texts(50, seed=1)]
    expected = frozen.embed(source, shown)
    from transformers import BertModel

    narrow(monkeypatch, BertModel, "forward", 7)
    said: list[str] = []
    with memory.telling(said.append):
        np.testing.assert_allclose(frozen.embed(source, shown), expected, atol=1e-5)
    assert [line.rpartition(" ")[2] for line in said] == ["25", "12", "6"]


def test_one_text_that_does_not_fit_is_told(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import BertModel

    narrow(monkeypatch, BertModel, "forward", 0)
    said: list[str] = []
    with (
        memory.telling(said.append),
        pytest.raises(RuletuneError, match=r"one text at a time; lower model\.max_length") as caught,
    ):
        frozen.embed(Checkpoint("tiny", str(checkpoint)), ["a film", "two films", "a story"])
    assert caught.value.exit_code == 1
    assert len(said) == 1


def test_other_errors_are_not_taken_for_it(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import BertModel

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("The size of tensor a (3) must match the size of tensor b (4)")

    monkeypatch.setattr(BertModel, "forward", broken)
    with pytest.raises(RuntimeError, match="size of tensor"):
        frozen.embed(Checkpoint("tiny", str(checkpoint)), ["a film"])
    assert not memory.ran_out(OSError(12, "Cannot allocate memory: out of memory"))
    assert not memory.ran_out(RuletuneError("memory ran out: out of memory"))
