from __future__ import annotations

import pytest

from ruletune.models.lexical import Avoided, Speller
from tests.writer_fixtures import FAMILIES, Family, tokenizer_of


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_grows_as_its_tokens_spell_it(family: Family) -> None:
    tokenizer = tokenizer_of(family)
    speller = Speller(tokenizer)
    for sentence in ("ein hund und die katze.", "größe 12,5", "x"):
        tokens = tokenizer(sentence, add_special_tokens=False)["input_ids"]
        text = ""
        for n, token in enumerate(tokens):
            text = speller.extended(tokens[:n], text, token)
        assert text == sentence


@pytest.mark.parametrize("family", FAMILIES)
def test_a_phrase_has_tokens_inside_a_text_and_at_its_beginning(family: Family) -> None:
    tokenizer = tokenizer_of(family)
    speller = Speller(tokenizer)
    before = tokenizer("ein", add_special_tokens=False)["input_ids"]
    assert speller.text([*before, *speller.inside("grün*")]) == "ein grün"
    assert {speller.text(way) for way in speller.first("grün")} == {"grün", "Grün"}


def test_a_word_may_yet_go_on() -> None:
    avoided = Avoided(("Hund", "katz*"))
    assert not avoided.said("ein Hund", final=False) and avoided.said("ein Hund", final=True)
    assert avoided.said("ein Hund läuft", final=False) and not avoided.said("ein Hunde", final=True)
    assert avoided.said("Katz", final=False), "whatever follows, it is said"
    number = Avoided(("5",))
    assert not number.said("5", final=False) and not number.said("55", final=True) and number.said("5 kg", final=False)
    assert Avoided(("don't",)).said("I don’t", final=True)
