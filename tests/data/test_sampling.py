"""Sampling gives every label its examples, spreads out where asked, and takes no text twice."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.data.sampling import k_center, next_to_label, sample
from ruletune.types import Example, Label, Text

METHODS = ["random", "diverse"]
Method = Literal["random", "diverse"]


def examples_of(*answers: str) -> list[Example]:
    """One example of each answer; several labels are joined by a plus."""
    return [
        Example(str(n), f"text {n}", answer=Label.of(*filter(None, names.split("+"))))
        for n, names in enumerate(answers)
    ]


def vectors(count: int, *, seed: int = 0, width: int = 16) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=50)
@given(answers=st.lists(st.sampled_from(["a", "b", "c", "a+b", "a+b+c", ""]), max_size=30), shots=st.integers(1, 6))
def test_every_label_gets_its_shots_or_all_there_are(method: Method, answers: list[str], shots: int) -> None:
    examples = examples_of(*answers)
    sampled = sample(examples, shots=shots, method=method, seed=0, embeddings=vectors(len(examples)))
    assert list(sampled.rows) == sorted(set(sampled.rows))
    names = [name for names in answers for name in names.split("+")]
    chosen = Counter(name for row in sampled.rows for name in answers[row].split("+"))
    for name, count in Counter(names).items():
        assert chosen[name] >= min(shots, count)
    assert bool(sampled.warnings) == any(count < shots for count in Counter(names).values())


@pytest.mark.parametrize("method", METHODS)
def test_no_more_than_the_shots_of_a_single_label(method: Method) -> None:
    examples = examples_of(*"aaaaaaaaaabbbbbbbbbb")
    sampled = sample(examples, shots=3, method=method, seed=0, embeddings=vectors(20))
    assert sum(row < 10 for row in sampled.rows) == 3 and len(sampled.rows) == 6
    assert sampled.warnings == ()


def test_the_seed_decides() -> None:
    examples = examples_of(*"a" * 50)
    one, same, other = (sample(examples, shots=5, method="random", seed=seed) for seed in (1, 1, 2))
    assert one == same != other


def test_random_draws_are_even() -> None:
    examples = examples_of(*"a" * 10)
    drawn = Counter(row for seed in range(300) for row in sample(examples, shots=3, method="random", seed=seed).rows)
    assert sum(drawn.values()) == 900
    assert min(drawn.values()) > 50 and max(drawn.values()) < 140  # 90 each


def test_an_example_counts_for_all_its_labels() -> None:
    sampled = sample(examples_of("a", "a", "a", "a+b", "a+b"), shots=2, method="random", seed=0)
    assert sampled.rows == (3, 4)  # b needs both, and a has its two by then


@pytest.mark.parametrize("method", METHODS)
def test_copies_are_one_text(method: Method) -> None:
    examples = [Example(str(n), "Same" if n % 2 else "same ", answer=Label.of("a")) for n in range(10)]
    examples.append(Example("x", "other", answer=Label.of("a")))
    sampled = sample(examples, shots=4, method=method, seed=0, embeddings=vectors(11))
    assert sampled.rows == (0, 10)
    assert sampled.warnings == ("Fewer than 4 different labelled texts, all of them taken: a (2).",)


def test_a_warning_names_some_labels_and_counts_the_others() -> None:
    sampled = sample(examples_of(*(f"{n:02}" for n in range(12))), shots=2, method="random", seed=0)
    [warning] = sampled.warnings
    assert "00 (1), 01 (1)" in warning and warning.endswith("and 4 more.")


def test_nothing_to_sample_from() -> None:
    assert sample([], shots=4, method="random", seed=0).rows == ()
    assert sample([Example("1", "bare")], shots=4, method="diverse", seed=0, embeddings=vectors(1)).rows == ()


def test_diverse_needs_embeddings() -> None:
    with pytest.raises(ValueError, match="embeddings"):
        sample(examples_of("a"), shots=1, method="diverse", seed=0)


def test_diverse_visits_every_cluster() -> None:
    centers = 10 * np.eye(5)
    points = np.repeat(centers, 20, axis=0) + np.random.default_rng(0).normal(0, 0.1, (100, 5))
    sampled = sample(examples_of(*["a"] * 100), shots=5, method="diverse", seed=0, embeddings=points)
    assert sorted(row // 20 for row in sampled.rows) == [0, 1, 2, 3, 4]


def test_diverse_keeps_away_from_what_another_label_chose() -> None:
    points = np.array([[0.0], [0.1], [5.0], [0.05]])
    sampled = sample(examples_of("a", "a", "a", "a+b"), shots=2, method="diverse", seed=0, embeddings=points)
    # b has one text only, and takes it; of the others, the farthest from it makes up a's two.
    assert sampled.rows == (2, 3)


@settings(max_examples=40)
@given(st.integers(2, 40), st.integers(1, 8), st.integers(0, 100))
def test_k_center_is_within_twice_the_best_radius(count: int, chosen: int, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(count, 2))
    rows = k_center(points, count=chosen)
    assert len(rows) == len(set(rows)) == min(chosen, count)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    radius = distances[:, rows].min(axis=1).max()
    # The chosen points and the one farthest from them are all at least a radius apart. Any choice of k has two of
    # these k + 1 nearest to the same centre, so that none has less than half this radius.
    if chosen < count:
        far = int(distances[:, rows].min(axis=1).argmax())
        gaps = distances[np.ix_([*rows, far], [*rows, far])] + np.diag([np.inf] * (chosen + 1))
        assert gaps.min() >= radius - 1e-6


def test_k_center_starts_at_the_medoid() -> None:
    points = np.random.default_rng(3).normal(size=(60, 4))
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    assert k_center(points, count=1) == [int(squared.sum(axis=1).argmin())]


def test_k_center_of_copies_still_gives_the_number_asked_for() -> None:
    assert sorted(k_center(np.ones((4, 2)), count=3)) == sorted(set(k_center(np.ones((4, 2)), count=3)))
    assert len(k_center(np.ones((4, 2)), count=9)) == 4
    assert k_center(np.ones((0, 2)), count=3) == []


def test_next_is_far_from_what_is_labelled() -> None:
    points = np.eye(4)
    assert next_to_label(points, count=1, labelled=points[[0, 1, 3]]) == [2]
    assert sorted(next_to_label(points, count=4, labelled=points[[0, 1]])) == [2, 3]


def test_next_starts_in_the_middle_where_nothing_is_known() -> None:
    middle = np.ones(3) / np.sqrt(3)
    assert next_to_label(np.vstack([np.eye(3), middle]), count=1) == [3]


@pytest.mark.parametrize("classes", [2, 5])
def test_next_asks_what_the_model_is_unsure_of(classes: int) -> None:
    sure = np.eye(classes)[0]
    probabilities = np.array([sure, sure, np.full(classes, 1 / classes), sure])
    assert next_to_label(np.eye(4), count=1, probabilities=probabilities) == [2]
    assert next_to_label(np.eye(5)[:4], count=1, labelled=np.eye(5)[4:], probabilities=probabilities) == [2]


def test_doubt_about_several_labels_is_counted_label_by_label() -> None:
    probabilities = np.array([[0.99, 0.99, 0.98], [0.5, 0.5, 0.5], [0.01, 0.37, 0.01]])
    assert next_to_label(np.eye(3), count=1, probabilities=probabilities) == [1]


def test_distance_outweighs_doubt_next_to_a_labelled_text() -> None:
    near = np.array([np.cos(0.2), np.sin(0.2)])
    points = np.vstack([near, [0.0, 1.0]])
    probabilities = np.array([[0.5, 0.5], [1.0, 0.0]])
    assert next_to_label(points, count=1, labelled=np.array([[1.0, 0.0]]), probabilities=probabilities) == [1]


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(1, 40), st.booleans(), st.booleans(), st.integers(0, 5))
def test_next_never_takes_a_text_or_its_copy_twice(
    count: int, wanted: int, known: bool, modelled: bool, seed: int
) -> None:
    points = vectors(count, seed=seed)
    doubled = np.vstack([points, points + np.float32(1e-3)])
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(3), size=2 * count) if modelled else None
    labelled = points[:1] if known else None
    rows = next_to_label(doubled, count=wanted, labelled=labelled, probabilities=probabilities, seed=seed)
    texts = [row % count for row in rows]
    assert len(texts) == len(set(texts)) == min(wanted, count - known)
    assert not (known and 0 in texts)
    assert rows == next_to_label(doubled, count=wanted, labelled=labelled, probabilities=probabilities, seed=seed)


@pytest.mark.parametrize("beliefs", [np.eye(4)[:, :3], np.zeros((4, 3)), np.ones((4, 1)), np.full((4, 3), 0.9)])
def test_certainty_of_any_kind_breaks_nothing(beliefs: np.ndarray) -> None:
    assert len(next_to_label(vectors(4), count=4, probabilities=beliefs)) == 4


def test_next_of_nothing() -> None:
    assert next_to_label(np.zeros((0, 4)), count=3) == []
    assert next_to_label(np.eye(3), count=0) == []
    assert next_to_label(np.eye(3), count=3, labelled=np.eye(3)) == []


def test_many_labelled_texts_are_compared_in_blocks() -> None:
    points, known = vectors(3000, width=8), vectors(4000, seed=1, width=8)
    [row] = next_to_label(points, count=1, labelled=known)
    nearest = np.sqrt(np.maximum(2 - 2 * points @ known.T, 0)).min(axis=1)
    assert nearest[row] == pytest.approx(nearest.max(), abs=1e-4)


def test_of_answers_that_are_texts_as_many_as_shots_are_drawn() -> None:
    data = [Example(str(n), f"text {n // 2}", answer=Text(f"target {n}")) for n in range(20)]
    assert len(sample(data, shots=5, method="random", seed=0).rows) == 5
    assert len(sample(data, shots=15, method="random", seed=0).rows) == 10
    assert len(sample(data, shots=15, method="random", seed=0, key=lambda example: (example.id,)).rows) == 15
