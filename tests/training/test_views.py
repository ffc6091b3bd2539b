"""Every text through every template, for a bounded number of updates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ruletune.models.encoding import Encoded, Loss
from ruletune.training.loop import Stage
from ruletune.training.schedule import Course, gold_supervision
from ruletune.training.views import through_all

STAGE = Stage("gold", epochs=30, batch_size=16, learning_rate=1e-3, head_learning_rate=1e-3)


def view(n: int, first: int) -> Encoded:
    ids = [[first + row] for row in range(n)]
    return Encoded({"input_ids": ids, "attention_mask": [[1]] * n}, Loss(n, 0, 0, 1))


def course(n: int, *, views: int, epochs: int = 30) -> Course:
    encoded = replace(view(n, 0), others=tuple(view(n, 1000 * v) for v in range(1, views)))
    gold = np.eye(2)[np.arange(n) % 2]
    data = gold_supervision(encoded, gold)
    return Course(replace(STAGE, epochs=epochs), data, data.take([0, 1]))


def test_one_template_changes_nothing() -> None:
    given = course(6, views=1)
    assert through_all([given]) == [given]


def test_every_text_comes_once_for_each_template_with_its_target() -> None:
    [made] = through_all([course(3, views=2)])
    assert made.data.encoded.columns["input_ids"] == [[0], [1], [2], [1000], [1001], [1002]]
    assert made.data.targets.argmax(axis=1).tolist() == [0, 1, 0, 0, 1, 0]
    assert len(made.data.weights) == 6 and not made.data.encoded.others
    assert made.validation is not None and made.validation.encoded.columns["input_ids"] == [[0], [1], [1000], [1001]]


@pytest.mark.parametrize(("texts", "epochs", "expected"), [(16, 30, 30), (2000, 2, 1), (2000, 30, 10), (100, 30, 21)])
def test_epochs_fall_where_texts_are_many(texts: int, epochs: int, expected: int) -> None:
    [made] = through_all([course(texts, views=3, epochs=epochs)])
    assert made.stage.epochs == expected
