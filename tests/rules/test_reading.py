"""Types of answers, sentences, and how far they resemble a question."""

from __future__ import annotations

import re

import numpy as np
import pytest

from ruletune.rules.reading import ANSWER_TYPES, content, likeness, nearness, sentences

TEXT = (
    "In 1984 Dr. Ada Lindqvist and Viktor de Varga moved to Port Calder, 12 km north of the Velden River. On 3 May 1999 they sold "
    "1,200 boats for $3.5 million, 45% of all, within three weeks. “The Long Road” is a song of the 19th century."
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("person", "Viktor de Varga"),
        ("place", "Port Calder"),
        ("place", "the Velden River"),
        ("name", "Velden River"),
        ("date", "3 May 1999"),
        ("date", "19th century"),
        ("year", "1984"),
        ("number", "1,200"),
        ("money", "$3.5 million"),
        ("percent", "45%"),
        ("duration", "three weeks"),
        ("measure", "12 km"),
        ("quoted", "The Long Road"),
    ],
)
def test_a_type_finds_passages_of_its_shape(name: str, found: str) -> None:
    compiled = re.compile(ANSWER_TYPES[name])
    group = compiled.groupindex.get("answer", 0)
    assert found in [match[group] for match in compiled.finditer(TEXT)]


def test_what_another_type_is_for_is_no_number() -> None:
    assert "3.5" not in re.findall(ANSWER_TYPES["number"], TEXT)
    assert "45" not in re.findall(ANSWER_TYPES["number"], TEXT)


def test_little_words_at_the_beginning_of_a_sentence_are_no_names() -> None:
    assert [match[0] for match in re.finditer(ANSWER_TYPES["name"], "It rained. In the end Ada left.")] == ["Ada"]


@pytest.mark.parametrize("name", ANSWER_TYPES)
def test_a_type_takes_time_in_proportion_to_the_text(name: str) -> None:
    compiled = re.compile(ANSWER_TYPES[name])
    for text in ("A" * 10_000, "A b " * 2_500, "one " * 2_500, "1," * 5_000, '"' + "x " * 5_000):
        assert sum(1 for _ in compiled.finditer(text)) >= 0


def test_sentences_cover_everything_but_white_space() -> None:
    text = "  Dr. Ahn came at 5.30. He left! 天气很好。我们走吧。\nThe end "
    found = [text[start:end] for start, end in sentences(text)]
    assert found == ["Dr. Ahn came at 5.30.", "He left!", "天气很好。", "我们走吧。", "The end"]
    assert sentences("") == ()
    assert sentences(" \n ") == ()


def test_content_leaves_out_what_every_question_has() -> None:
    assert content("How many of them did the founder have?") == content("founded") == frozenset({"found"})
    assert content("谁写了书") == frozenset("谁写了书")


def test_a_sentence_with_the_rarer_word_is_more_alike() -> None:
    alike = likeness(
        "Who sold the boats of Lumen?", ["Lumen has boats.", "Lumen sold them.", "Lumen grew.", "Lumen boats."]
    )
    assert alike.argmax() == 1
    assert likeness("", ["a"]).tolist() == [0.0]
    assert likeness("Who?", []).shape == (0,)


def test_a_passage_nearer_to_the_words_of_the_question_is_nearer() -> None:
    text = "Ada founded Lumen long before the harbour and the bridge of the town were opened by Bo."
    near, far = nearness("Who founded Lumen?", text, [(0, 3), (text.index("Bo"), text.index("Bo") + 2)])
    assert near > far > 0


def test_the_words_of_the_question_are_no_answer_to_it() -> None:
    assert np.all(nearness("Who founded Lumen?", "Lumen founded Lumen.", [(0, 5)]) == 0)
