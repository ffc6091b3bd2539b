"""Tokens are traced back to the text as the user wrote it, through everything that is done to it on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.errors import RuletuneError
from ruletune.knowledge import Knowledge
from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import encode
from ruletune.models.markers import marking
from ruletune.models.origins import SPECIAL, Origins, of_text, of_window, origin_of, trace
from ruletune.models.verbalizer import Vocabulary, verbalize
from ruletune.models.windows import windows
from ruletune.templates import Rendering, Template
from ruletune.types import Example, Span
from tests.writer_fixtures import tokenizer_of

KNOWN = Knowledge({"film": "a story", "cast": "two people"})
INSERTED = Knowledge({"film": "a story"}, place="insert")


@pytest.fixture(scope="module")
def tokenizer(checkpoint: Path) -> Any:
    return load_tokenizer(Checkpoint("tiny", str(checkpoint)))


def same_as_encoded(tokenizer: Any, example: Example, rendering: Rendering, limit: int = 32) -> Origins:
    origins, _ = of_text(example, rendering=rendering, tokenizer=tokenizer, max_length=limit)
    encoded = encode([example], rendering=rendering, tokenizer=tokenizer, max_length=limit)
    assert list(origins.ids) == encoded.columns["input_ids"][0]
    assert len(origins.fields) == len(origins.places) == len(origins.words) == len(origins.ids)
    for field, (start, end), word in zip(origins.fields, origins.places.tolist(), origins.words, strict=True):
        if start >= 0:
            source = example.text if field == "text" else example.text_pair or ""
            assert source[start:end].strip() == word
    return origins


@pytest.mark.parametrize("template", ["{text}", "review: {text} is it {sep}{text_pair}", " {description} {text} "])
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a superb film",
        "  the cast ",
        "这很好 😀 film",
        "film " * 40,
        "\u200d e\u0301t\u00e9\x00 film",
        "[SEP] film",
    ],
)
def test_origins_are_of_the_very_input(tokenizer: Any, template: str, text: str) -> None:
    for known in ((), (KNOWN,), (INSERTED,)):
        rendering = Rendering(Template.parse(template), known, description="a review")
        same_as_encoded(tokenizer, Example("1", text, "dull or great ?"), rendering)


@given(st.text(max_size=30), st.text(max_size=10))
def test_stretches_are_what_is_rendered(text: str, pair: str) -> None:
    for template in ("{text}", "a {mask} {text}{sep}{text_pair} {labels}"):
        rendering = Rendering(Template.parse(template), (KNOWN, INSERTED), labels={"good": "praise"})
        example = Example("1", text, pair)
        rendered = rendering.render(example, mask="[MASK]", masks=2)
        segments = rendering.stretches(example, mask="[MASK]", masks=2)
        written = ["".join(stretch.words for stretch in segment).strip() for segment in segments]
        assert written == [rendered.first, *([] if rendered.second is None else [rendered.second])]


def test_parts_are_told_apart(tokenizer: Any) -> None:
    rendering = Rendering(Template.parse("review {text} {sep}{text_pair}"), (INSERTED,))
    origins = same_as_encoded(tokenizer, Example("1", "the film is great", "a story"), rendering)
    by_field: dict[str, list[str]] = {}
    for field, word in zip(origins.fields, origins.words, strict=True):
        by_field.setdefault(field, []).append(word)
    assert by_field["template"] == ["review"] and by_field["text"] == ["the", "film", "is", "great"]
    assert by_field["knowledge"] == ["(", "a", "story", ")"] and by_field["text_pair"] == ["a", "story"]
    assert len(by_field[SPECIAL]) == 3
    assert origins.hideable.sum() == len(origins.ids) - 3


def test_what_is_cut_away_has_no_token(tokenizer: Any) -> None:
    example = Example("1", "great " + "film " * 50)
    origins, part = of_text(example, rendering=Rendering(Template.parse("{text}")), tokenizer=tokenizer, max_length=10)
    assert part.pieces == ((0, len("great film film film film film film film")),)
    assert origins.places.max() == part.pieces[0][1]


@pytest.mark.parametrize("filler", [0, 60])
def test_marked_entities_and_a_text_cut_around_them(checkpoint: Path, filler: int) -> None:
    tokenizer = marking(load_tokenizer(Checkpoint("tiny", str(checkpoint))))
    text = "story " * filler + "the film is great [SUBJ] review " + "of " * filler
    start, last = text.index("film"), text.index("review")
    example = Example("1", text, entities=(Span(start, start + 4, "MAN"), Span(last, last + 6)))
    rendering = Rendering(Template.parse("a {text} cast"), types={"MAN": "people"})
    origins = same_as_encoded(tokenizer, example, rendering, limit=28)
    places = {text[s:e] for (s, e), f in zip(origins.places.tolist(), origins.fields, strict=True) if f == "text"}
    assert {"film", "great", "review"} <= places
    assert "markers" in origins.fields and origins.fields[0] == SPECIAL
    assert [w for w, f in zip(origins.words, origins.fields, strict=True) if f == "template"] == ["a", "cast"]


def test_a_blank_stays_and_a_text_cannot_add_one(masked: Path) -> None:
    vocabulary = Vocabulary.read(masked)
    assert vocabulary is not None
    template = Template.parse("{text} is {mask}")
    cloze = verbalize((template,), labels={"bad": "", "good": ""}, verbalizer={"bad": ["dull"], "good": ["great"]}, vocabulary=vocabulary)  # fmt: skip
    tokenizer = load_tokenizer(Checkpoint("tiny", str(masked)))
    for text in ("the [MASK] film", "film " * 60):
        example, rendering = Example("1", text), Rendering(template)
        origins, _ = of_text(example, rendering=rendering, tokenizer=tokenizer, max_length=16, cloze=cloze)
        encoded = encode([example], rendering=rendering, tokenizer=tokenizer, max_length=16, cloze=cloze)
        assert list(origins.ids) == encoded.columns["input_ids"][0]
        assert [f for f, n in zip(origins.fields, origins.ids, strict=True) if n == tokenizer.mask_token_id] == [
            SPECIAL
        ]


@pytest.mark.parametrize("text", ["", "the film is 好 😀", "film story cast " * 30, "a" * 3000, "\u200bfilm \u200b"])
@pytest.mark.parametrize("asked", [None, "great ?", "is the film great " * 10])
def test_windows_are_traced_like_texts(tokenizer: Any, text: str, asked: str | None) -> None:
    template = "{text}" if asked is None else "{text_pair}{sep}review {text}"
    rendering = Rendering(Template.parse(template), (KNOWN,))
    example = Example("1", text, asked)
    shown = windows([example], rendering=rendering, tokenizer=tokenizer, max_length=24)
    for window in range(len(shown.encoded)):
        origins = of_window(example, shown, window, rendering=rendering, tokenizer=tokenizer)
        assert list(origins.ids) == shown.encoded.columns["input_ids"][window]
        own = np.array([field == "text" for field in origins.fields])
        assert (own <= (shown.offsets[window][:, 0] >= 0)).all()
        known = own & (origins.places[:, 0] >= 0)
        assert (origins.places[known, 0] >= shown.offsets[window][known, 0]).all()
        assert (origins.places[known, 1] <= shown.offsets[window][known, 1]).all()


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_words_that_rules_put_into_a_source_are_told_apart(family: Any) -> None:
    tokenizer = tokenizer_of(family)
    rendering = Rendering(Template.parse("say {text}"))
    told = (("ein hund", 0), (" (haus)", None), (" ö 😀", 8))
    text = "".join(words for words, _ in told)
    origins = trace(
        tokenizer, rendering.stretches(Example("1", text)), moved=origin_of(told), added="rules", max_length=64
    )
    assert list(origins.ids) == tokenizer([f"say {text}"])["input_ids"][0]
    assert {"template", "text", "rules", SPECIAL} == set(origins.fields)
    assert origins.places.max() == len("ein hund ö 😀")


def test_a_tokenizer_that_knows_nothing_of_characters() -> None:
    class Slow:
        def __call__(self, *arguments: object, **options: object) -> dict[str, list[list[int]]]:
            return {"input_ids": [[1, 2]]}

    segments = Rendering(Template.parse("{text}")).stretches(Example("1", "a film"))
    with pytest.raises(RuletuneError, match="characters"):
        trace(cast(Any, Slow()), segments, moved=np.arange(6), max_length=8)
