"""Tags of every scheme stand for ranges of characters, and come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from ruletune.data.tags import joined, spans_of_tags, tags_of_spans
from ruletune.types import Span, Spans

TOKENS = ["Ann", "of", "New", "York", "东京", "🙂"]


def test_every_scheme_says_the_same() -> None:
    text, ranges = joined(TOKENS)
    assert [text[s:e] for s, e in ranges] == TOKENS
    written = {
        "IOB1": ["I-PER", "O", "I-LOC", "I-LOC", "B-LOC", "O"],
        "IOB2": ["B-PER", "O", "B-LOC", "I-LOC", "B-LOC", "O"],
        "BIOES": ["S-PER", "O", "B-LOC", "E-LOC", "S-LOC", "O"],
        "BILOU": ["U-PER", "O", "B-LOC", "L-LOC", "U-LOC", "O"],
    }
    expected = Spans((Span(0, 3, "PER"), Span(7, 15, "LOC"), Span(16, 18, "LOC")))
    for scheme, tags in written.items():
        assert spans_of_tags(tags, ranges) == expected, scheme
        assert tags_of_spans(expected, ranges, scheme=scheme) == tags  # type: ignore[arg-type]


@given(st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b", "E-a", "S-b"]), max_size=12))
def test_malformed_sequences_mean_what_seqeval_makes_of_them(tags: list[str]) -> None:
    _, ranges = joined(["w"] * len(tags))
    found = [(s.label, s.start // 2, (s.end - 1) // 2) for s in spans_of_tags(tags, ranges).spans]
    assert found == [(label, first, last) for label, first, last in get_entities(tags)]


@given(
    st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b"]), min_size=1, max_size=12),
    st.sampled_from(["IOB1", "IOB2", "BIOES", "BILOU"]),
)
def test_round_trip(tags: list[str], scheme: str) -> None:
    _, ranges = joined(["wort"] * len(tags))
    spans = spans_of_tags(tags, ranges)
    assert spans_of_tags(tags_of_spans(spans, ranges, scheme=scheme), ranges) == spans  # type: ignore[arg-type]


@pytest.mark.parametrize("tag", ["", "X-PER", 3, None])
def test_what_is_no_tag(tag: object) -> None:
    with pytest.raises(ValueError, match="is no tag"):
        spans_of_tags([tag], [(0, 1)])  # type: ignore[list-item]


def test_a_tag_too_few() -> None:
    with pytest.raises(ValueError, match="1 tags for 2 words"):
        spans_of_tags(["O"], [(0, 1), (2, 3)])
