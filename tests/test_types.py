"""Values: equal where they mean the same, frozen, and never half right."""

from __future__ import annotations

import copy
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.types import Example, Firing, Label, Prediction, Span, Spans, Text


@given(st.lists(st.text(max_size=3), max_size=6), st.randoms())
def test_a_set_of_labels_has_one_value(names: list[str], random: object) -> None:
    shuffled = [*names, *names]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    label = Label.of(*shuffled)
    assert label == Label.of(*names)
    assert hash(label) == hash(Label.of(*names))
    assert label.names == tuple(sorted(set(names)))


def test_labels_read_as_text() -> None:
    assert str(Label.of("spam")) == "spam"
    assert str(Label.of("b", "a")) == "a, b"
    assert str(Label.of()) == ""


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 2), (-2, -1)])
def test_a_span_that_is_no_range_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="half-open"):
        Span(start, end)


def test_an_empty_span_is_a_range() -> None:
    assert "abc"[Span(1, 1).start : Span(1, 1).end] == ""


@pytest.mark.parametrize(
    "value",
    [
        Span(0, 1, "A"),
        Label.of("a"),
        Spans((Span(0, 1),)),
        Text("t"),
        Example("1", "text", "pair", Label.of("a"), {"votes": [1, -1]}),
        Firing("rule", Label.of("a"), (Span(0, 1),)),
        Prediction("1", Label.of("a"), 0.5, {"a": 0.5, "b": 0.5}),
    ],
)
def test_values_are_frozen_and_equal_to_their_copies(value: object) -> None:
    name = dataclasses.fields(value)[0].name  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, "other")
    assert copy.deepcopy(value) == value


def test_fields_tell_examples_apart_without_being_hashed() -> None:
    one, other = Example("1", "a", fields={"x": [1]}), Example("1", "a", fields={"x": [2]})
    assert one != other
    assert hash(one) == hash(other)
