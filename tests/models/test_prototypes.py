"""Nearness to what is known about a label."""

from __future__ import annotations

import numpy as np

from ruletune.models.prototypes import prototypes, sentences

HERE, THERE = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def test_the_nearer_label_is_the_more_probable_and_rows_add_up() -> None:
    texts = np.stack([HERE, THERE, (HERE + THERE) / np.sqrt(2)])
    found = prototypes(texts, [HERE[None], THERE[None]])
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert found.argmax(axis=1)[:2].tolist() == [0, 1]
    np.testing.assert_allclose(found[2], 0.5)


def test_the_temperature_is_the_difference_that_counts() -> None:
    [row] = prototypes(HERE[None], [HERE[None], THERE[None]], temperature=0.5)
    np.testing.assert_allclose(row[0] / row[1], np.exp(2.0))


def test_a_label_with_many_meanings_is_met_by_its_nearest() -> None:
    many = np.stack([HERE] * 5 + [-HERE] * 50)
    np.testing.assert_allclose(
        prototypes(HERE[None], [many, THERE[None]]), prototypes(HERE[None], [HERE[None], THERE[None]])
    )


def test_no_texts() -> None:
    assert prototypes(np.zeros((0, 2)), [HERE[None], THERE[None]]).shape == (0, 2)


def test_a_label_is_known_by_name_description_and_exemplars() -> None:
    assert sentences({"a": "first", "b": ""}, {"b": ["x", "x", "y"]}) == [["a: first"], ["b", "x", "y"]]
