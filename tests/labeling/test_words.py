"""Words: they agree with the tokens of rules, and nothing that can be seen is left out."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.labeling.words import words
from ruletune.rules.tokens import tokens


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\u3000", []),
        ("a", ["a"]),
        ("Mr. O'Neill's PC", ["Mr", ".", "O'Neill", "'s", "PC"]),
        ("1,000.50 (net)!", ["1,000.50", "(", "net", ")", "!"]),
        ("我爱北京 x2", ["我", "爱", "北", "京", "x2"]),
        ("ok 👍🏽👨\u200d👩", ["ok", "👍", "🏽", "👨\u200d", "👩"]),
        ("I ❤\ufe0f it", ["I", "❤\ufe0f", "it"]),
    ],
)
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("ab 1.,'\u2019北京👍\u200d\ufe0f\n"))))
def test_words_are_the_tokens_of_rules_and_leave_only_blanks_out(text: str) -> None:
    joining = "\u200c\u200d" + "".join(map(chr, range(0xFE00, 0xFE10)))
    assert [bare for word in cut(text) if (bare := word.strip(joining))] == tokens(text)
    ranges = words(text)
    assert all(start < end for start, end in ranges)
    assert all(before[1] <= after[0] for before, after in pairwise(ranges))
    seen = {position for start, end in ranges for position in range(start, end)}
    assert all(c.isspace() or c in "\u200b\u2060\ufeff" for n, c in enumerate(text) if n not in seen)


@pytest.mark.parametrize("piece", ["word ", "a", "1.", "北", "'", "👍", "\u200d", " "])
def test_a_long_text_takes_linear_time(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        begun = time.process_time()
        words(text)
        return time.process_time() - begun

    assert seconds(400_000) < 0.5 + 10 * seconds(100_000)  # four times as long; squared, it would be sixteen
