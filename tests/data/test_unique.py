"""A table of digests says what a set of the texts would say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ruletune.data.unique import Unique


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=2)))
def test_it_says_what_a_set_says(texts: list[str]) -> None:
    unique, known = Unique(), set[str]()
    for text in texts:
        assert unique.add(text) == (text not in known)
        known.add(text)
        assert len(unique) == len(known)


def test_it_grows() -> None:
    unique = Unique()
    texts = [f"文 {n}" for n in range(10_000)]
    assert all(unique.add(text) for text in texts)
    assert not any(unique.add(text) for text in texts)
    assert len(unique) == 10_000
