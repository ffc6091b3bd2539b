"""Texts without the words by which rules vote."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ruletune.pipeline.hiding import hidden_word, triggers_of, with_words_hidden
from ruletune.types import Example, Firing, Label, Span


def test_the_words_of_votes_are_hidden_and_no_others() -> None:
    example = Example("1", "a superb film, a dull end", entities=(Span(9, 13, "X"),))
    good = Firing("praise", Label.of("good"), (Span(2, 8),))
    veto = Firing("no", Label.of("bad"), (Span(17, 21),), veto=True)
    triggers, others = triggers_of(example, [good, veto, Firing("helper", None, (Span(22, 25),))])
    assert [example.text[start:end] for start, end in triggers] == ["superb"]
    assert [example.text[start:end] for start, end in others] == ["a", ",", "a", "dull", "end"]
    hidden = with_words_hidden(example, triggers, mask="[MASK]")
    assert hidden.text == "a [MASK] film, a dull end"
    [entity] = hidden.entities
    assert hidden.text[entity.start : entity.end] == "film"


@pytest.mark.parametrize(
    ("mask", "unknown", "cloze", "word"),
    [
        ("[MASK]", "[UNK]", False, "[MASK]"),
        ("[MASK]", "[UNK]", True, "[UNK]"),
        (None, "<unk>", False, "<unk>"),
        (None, None, False, "…"),
    ],
)
def test_what_hides_a_word_is_never_where_the_model_answers(
    mask: str | None, unknown: str | None, cloze: bool, word: str
) -> None:
    assert hidden_word(SimpleNamespace(mask_token=mask, unk_token=unknown), cloze=cloze) == word
