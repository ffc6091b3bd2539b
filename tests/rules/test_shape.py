"""Shapes of words: what they match, and what is refused."""

from __future__ import annotations

import re

import pytest

from ruletune.rules import tokens


@pytest.mark.parametrize(
    ("shape", "text", "found"),
    [
        ("Xx+", "Ann met McKay, IBM and É. Élan", ["Ann", "Élan"]),
        ("Xx+ Xx+", "Ann  Lee\nBo met Jo", ["Ann  Lee"]),
        ("Xx+ X. Xx+", "said Ann B. Lee.", ["Ann B. Lee"]),
        ("XX+", "NATO and A, USA2", ["NATO"]),
        ("X.X.", "the U.S. and U.S.A.", ["U.S.", "U.S."]),
        ("XXX", "IBM NATO", ["IBM"]),
        ("XXXX", "IBM NATO UNESCO", ["NATO", "UNESCO"]),
        ("d+", "in 1984, 1,000 and A4", ["1984"]),
        ("X+-d+", "an F-16 or B52", ["F-16"]),
        ("x+", "Ab 东 ok", ["东", "ok"]),
        ("Xx+", "", []),
    ],
)
def test_shapes(shape: str, text: str, found: list[str]) -> None:
    assert re.findall(tokens.shapes(shape), text) == found


def test_a_token_may_be_so_long_or_longer() -> None:
    assert [word for word in ("Ann", "A", "AN", "Anne2") if re.search(f"^{tokens.shape('Xx+')}", word)] == ["Ann"]
    assert [word for word in ("Xxxx", "Annie", "Ann") if re.search(f"^{tokens.shape('Xxxx')}", word)] == ["Xxxx"]


def test_a_blank_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="a shape is blank"):
        tokens.shapes(" ")
