"""Tags: spans become tags and come back, and no invalid sequence is ever the best one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.labeling.tags import spans_of, tags_of, viterbi
from ruletune.labeling.words import words
from ruletune.types import Span, Spans

LABELS = ("PER", "LOC")


def valid(tags: list[int]) -> bool:
    return all(tag == 0 or tag % 2 or before in (tag, tag - 1) for before, tag in zip([0, *tags], tags, strict=False))


def scores(limit: int = 5) -> st.SearchStrategy[tuple[int, np.ndarray]]:
    value = st.one_of(st.floats(-5, 5), st.just(float("-inf")))
    return st.integers(1, 2).flatmap(
        lambda labels: st.lists(st.lists(value, min_size=1 + 2 * labels, max_size=1 + 2 * labels), max_size=limit).map(
            lambda rows: (labels, np.array(rows, dtype=np.float64).reshape(-1, 1 + 2 * labels))
        )
    )


@given(scores())
@settings(max_examples=150, deadline=None)
def test_the_best_valid_sequence_is_found(case: tuple[int, np.ndarray]) -> None:
    labels, table = case
    found = viterbi(table, labels).tolist()
    assert valid(found)
    held = np.maximum(table, -1e8)
    worth = [
        sum(held[n, tag] for n, tag in enumerate(tags))
        for tags in product(range(1 + 2 * labels), repeat=len(table))
        if valid(list(tags))
    ]
    assert sum(held[n, tag] for n, tag in enumerate(found)) == pytest.approx(max(worth))


@given(st.lists(st.integers(0, 4), max_size=8))
def test_valid_tags_come_back_from_their_spans(tags: list[int]) -> None:
    text = "x " * len(tags)
    answer = spans_of(np.array(tags, dtype=np.int64), words(text), LABELS)
    back = tags_of(answer, words(text), LABELS).tolist()
    assert valid(back)
    assert spans_of(np.array(back, dtype=np.int64), words(text), LABELS) == answer
    if valid(tags):
        assert back == tags


def test_texts_are_decoded_together_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(7, 9, 5))
    padded = table.copy()
    padded[3, 4:] = 0.0
    together = viterbi(padded, 2)
    assert together.shape == (7, 9)
    for number, row in enumerate(table):
        length = 4 if number == 3 else 9
        assert together[number, :length].tolist() == viterbi(row[:length], 2).tolist()
    assert viterbi(np.zeros((0, 3, 5)), 2).shape == (0, 3)
    assert viterbi(np.zeros((2, 0, 5)), 2).shape == (2, 0)


def test_scores_of_another_number_of_tags_are_refused() -> None:
    with pytest.raises(ValueError, match="2 labels have 5 tags, the scores have 3"):
        viterbi(np.zeros((4, 3)), 2)


def test_a_span_takes_every_word_that_it_cuts() -> None:
    text = "In New-York 北京站"
    ranges = words(text)
    answer = Spans((Span(4, 9, "LOC"), Span(12, 14, "PER")))
    assert tags_of(answer, ranges, LABELS).tolist() == [0, 3, 4, 4, 1, 2, 0]
    found = spans_of(tags_of(answer, ranges, LABELS), ranges, LABELS)
    assert [text[span.start : span.end] for span in found.spans] == ["New-York", "北京"]


def test_of_spans_that_overlap_the_first_has_the_word() -> None:
    ranges = words("a b c d")
    assert tags_of(Spans((Span(2, 7, "LOC"), Span(0, 3, "PER"))), ranges, LABELS).tolist() == [1, 2, 3, 4]
    assert tags_of(Spans((Span(2, 2, "LOC"), Span(1, 2, "LOC"))), ranges, LABELS).tolist() == [0, 0, 0, 0]


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ValueError, match="'ORG' is none of 'PER', 'LOC'"):
        tags_of(Spans((Span(0, 1, "ORG"),)), words("a"), LABELS)
