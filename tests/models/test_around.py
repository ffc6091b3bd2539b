"""Long texts keep what is near to the two entities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.models.around import around
from ruletune.types import Example, Span


def of_words(text: str, first: str, second: str) -> tuple[Example, np.ndarray]:
    place, other = text.index(first), text.index(second)
    ranges, position = [], 0
    for word in text.split():
        position = text.index(word, position)
        ranges.append((position, position + len(word)))
        position += len(word)
    example = Example("1", text, entities=(Span(place, place + len(first), "A"), Span(other, other + len(second), "B")))
    return example, np.array(ranges)


@pytest.mark.parametrize(
    ("keep", "text"),
    [
        (99, "a b c X d e Y f g h"),
        (8, "b c X d e Y f g"),
        (6, "c X d e Y f"),
        (4, "X d e Y"),
        (3, "X d … Y"),
        (2, "X … Y"),
        (0, "X … Y"),
    ],
)
def test_what_is_between_comes_before_what_is_around(keep: int, text: str) -> None:
    example, ranges = of_words("a b c X d e Y f g h", "X", "Y")
    assert around(example, ranges, keep).text == text


def test_a_very_long_entity_keeps_its_beginning() -> None:
    example, ranges = of_words("a Xa Xb Xc Xd b Y c", "Xa Xb Xc Xd", "Y")
    cut = around(example, ranges, 3)
    assert cut.text == "Xa Xb … Y"
    assert [cut.text[s.start : s.end] for s in cut.entities] == ["Xa Xb", "Y"]


@given(st.integers(0, 40), st.integers(0, 28), st.integers(0, 28))
def test_the_entities_are_still_there(keep: int, first: int, second: int) -> None:
    if first == second:
        return
    names = [f"w{n}" for n in range(30)]
    names[first], names[second] = "XX", "YY"
    example, ranges = of_words(" ".join(names), "XX", "YY")
    cut = around(example, ranges, keep)
    assert [cut.text[s.start : s.end] for s in cut.entities] == ["XX", "YY"]
    assert [s.label for s in cut.entities] == ["A", "B"]
    assert len(cut.text.replace("…", " ").split()) == min(30, max(keep, 2))
