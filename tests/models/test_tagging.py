"""What is written down as tags of tokens is read off again, exactly."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.knowledge import Knowledge, Place
from ruletune.labeling.words import words
from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import resolve
from ruletune.models.tagging import decode_tags, token_beliefs, token_tags
from ruletune.models.windows import Windows, windows
from ruletune.templates import Rendering, Template, default_template
from ruletune.types import Example, Span, Spans

PLAIN = Rendering(default_template(pair=False))
TOKENIZER = load_tokenizer(resolve("minilm", folder=Path()))


def shown(examples: list[Example], *, max_length: int = 128, rendering: Rendering = PLAIN) -> Windows:
    return windows(examples, rendering=rendering, tokenizer=TOKENIZER, max_length=max_length)


def read_off(made: Windows, examples: list[Example], labels: list[str]) -> list[Spans]:
    """Through logits that are as sure of the gold tags as can be."""
    tags = token_tags(made, [example.answer for example in examples], labels)  # type: ignore[misc]
    logits = [np.where(np.arange(1 + 2 * len(labels)) == t[:, None], 20.0, -20.0) for t in tags]
    return [each.spans for each in decode_tags(made, logits, labels, examples)]


def of_tags(tokens: list[str], tags: list[str], n: int) -> Example:
    text, spans, at = "", [], 0
    for token, tag in zip(tokens, tags, strict=True):
        at = len(text) + bool(text)
        text = f"{text} {token}" if text else token
        if tag.startswith("B-") or (
            tag.startswith("I-") and not (spans and spans[-1][1] == at - 1 and spans[-1][2] == tag[2:])
        ):
            spans.append((at, at + len(token), tag[2:]))
        elif tag.startswith("I-"):
            spans[-1] = (spans[-1][0], at + len(token), tag[2:])
    return Example(str(n), text, answer=Spans(tuple(Span(*span) for span in spans)))


def gold_sets(folder: Path) -> tuple[list[Example], list[str]]:
    examples: list[Example] = []
    name = folder.name
    if name == "snips_dialogue":
        for part in sorted(folder.rglob("seq.in")):
            lines = zip(
                part.read_text("utf-8").splitlines(),
                part.with_name("seq.out").read_text("utf-8").splitlines(),
                strict=True,
            )
            examples += [of_tags(a.split(), b.split(), n) for n, (a, b) in enumerate(lines)]
    elif name == "wikigold_ner":
        ids = json.loads((folder / "tag_to_id.json").read_text("utf-8"))
        names = {number: tag for tag, number in ids.items()}
        for part in sorted(folder.glob("*.json")):
            rows = json.loads(part.read_text("utf-8"))
            if isinstance(rows, list):
                examples += [
                    of_tags(row["str_words"], [names[t] for t in row["tags"]], n) for n, row in enumerate(rows)
                ]
    else:
        for part in (folder / "train.json", folder / "valid.json"):
            for n, row in enumerate(json.loads(part.read_text("utf-8")).values()):
                tags = ["O"] * len(row["data"]["text"])
                for start, end, label in row["label"]:
                    tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
                examples.append(of_tags(row["data"]["text"], tags, n))
    labels = sorted({span.label for example in examples for span in example.answer.spans})  # type: ignore[union-attr]
    return examples, labels


@pytest.mark.parametrize("max_length", [128, 16])
@pytest.mark.parametrize("name", ["laptop_ner", "wikigold_ner", "snips_dialogue"])
def test_every_gold_answer_is_read_off_again(shared: Path, name: str, max_length: int) -> None:
    examples, labels = gold_sets(shared / name)
    assert len(examples) > 1000
    examples = examples[:3000]
    made = shown(examples, max_length=max_length)
    assert max(made.encoded.lengths) <= max_length
    wrong = [
        (example.text, example.answer, found)
        for example, found in zip(examples, read_off(made, examples, labels), strict=True)
        if example.answer != found
    ]
    assert wrong == []


TEXTS = [
    "", " ", "a", "🙂", "东京都庁は東京にある。", "İstanbul'da ﬁve naïve cafés", "a" * 300, "x\u200by z", "tab\tand\nline",
    "🙂 👩‍👩‍👧 family of three 东京 Tokyo",
]  # fmt: skip


@pytest.mark.parametrize("max_length", [64, 8])
@pytest.mark.parametrize("text", TEXTS)
def test_every_character_of_a_word_is_in_some_token(text: str, max_length: int) -> None:
    made = shown([Example("1", text)], max_length=max_length)
    assert len(made.offsets) >= 1
    assert max(made.encoded.lengths) <= max_length
    seen = {c for offsets in made.offsets for start, end in offsets.tolist() if start >= 0 for c in range(start, end)}
    whole = shown([Example("1", text)], max_length=4096)
    expected = {c for offsets in whole.offsets for s, e in offsets.tolist() if s >= 0 for c in range(s, e)}
    assert seen == expected
    decided = [made.offsets[w][t].tolist() for w in range(len(made.offsets)) for t in made.tokens(w)]
    assert sorted(decided) == sorted(decided := [list(pair) for pair in dict.fromkeys(map(tuple, decided))])
    assert len(decided) == len([1 for s, _ in whole.offsets[0].tolist() if s >= 0])


def test_a_window_cuts_no_word_at_a_sign_that_the_tokenizer_leaves_out() -> None:
    example = Example("1", "0:0\x1fPV000", answer=Spans((Span(0, 6, "x"),)))
    assert read_off(shown([example], max_length=8), [example], ["x"]) == [example.answer]


@given(st.text(max_size=60), st.data())
def test_spans_on_edges_of_tokens_come_back(text: str, data: st.DataObject) -> None:
    plain = shown([Example("1", text)], max_length=512)
    tokens = [(s, e) for s, e in plain.offsets[0].tolist() if s >= 0]
    tokens = [pair for n, pair in enumerate(tokens) if n == 0 or pair[0] >= tokens[n - 1][1]]
    if not tokens:
        return
    first = data.draw(st.integers(0, len(tokens) - 1))
    last = data.draw(st.integers(first, len(tokens) - 1))
    start, end = tokens[first][0], tokens[last][1]
    if text[start:end] != text[start:end].strip():
        return  # what is white space to one and a sign to another is no entity's edge
    example = Example("1", text, answer=Spans((Span(start, end, "x"),)))
    length = data.draw(st.sampled_from([8, 512]))
    assert read_off(shown([example], max_length=length), [example], ["x"]) == [example.answer]


def test_a_span_that_cuts_a_token_takes_the_whole_of_it() -> None:
    example = Example("1", "unforgettable", answer=Spans((Span(3, 4, "x"),)))
    [found] = read_off(shown([example]), [example], ["x"])
    [span] = found.spans
    assert span.start <= 3 and span.end >= 4


def test_the_template_and_what_is_known_carry_no_tags() -> None:
    known = (Knowledge({"Paris": "a city"}, "insert"), Knowledge({"Ann": "a name"}, "prefix"))
    rendering = Rendering(Template.parse("Find {labels} in: {text} !"), known, labels={"LOC": "a place"})
    example = Example("1", "Ann saw Paris today", answer=Spans((Span(8, 13, "LOC"),)))
    for length in (64, 28):
        made = shown([example], rendering=rendering, max_length=length)
        assert read_off(made, [example], ["LOC"]) == [example.answer]
        pieces = [example.text[s:e] for offsets in made.offsets for s, e in offsets.tolist() if s >= 0]
        assert set(pieces) == {"Ann", "saw", "Paris", "today"}


@pytest.mark.parametrize("max_length", [96, 40])
@pytest.mark.parametrize("place", ["insert", "prefix", "suffix", "field"])
@pytest.mark.parametrize("template", ["{text}{sep}{description} {knowledge}", "{description} {knowledge}: {text}"])
def test_descriptions_and_gazetteer_hits_move_no_entity(place: Place, template: str, max_length: int) -> None:
    shape = Template.parse(template if place == "field" else template.replace(" {knowledge}", ""))
    hits = Knowledge({"Paris": "LOC", "东京": "LOC", "Ann": "PER"}, place)
    rendering = Rendering(shape, (hits,), description="Names in the news: Paris, Ann.")
    text = "Ann, 👩‍👩‍👧 of 东京 saw Paris. " * 6
    spans = [Span(*m.span(), "LOC" if m[0] != "Ann" else "PER") for m in re.finditer("Ann|东京|Paris", text)]
    examples = [
        Example("1", text, answer=Spans(tuple(spans))),
        Example("2", "Paris", answer=Spans((Span(0, 5, "LOC"),))),
        Example("3", "", answer=Spans(())),
    ]
    made = shown(examples, rendering=rendering, max_length=max_length)
    assert max(made.encoded.lengths) <= max_length
    assert read_off(made, examples, ["LOC", "PER"]) == [example.answer for example in examples]
    inputs = [TOKENIZER.decode(ids) for ids in made.encoded.columns["input_ids"]]
    assert all("names in the news" in shown_to_the_model for shown_to_the_model in inputs)
    assert all("loc" in shown_to_the_model for shown_to_the_model in inputs[:-1])


def test_a_long_text_is_windowed_in_time() -> None:
    text = "word " * 200_000
    made = shown([Example("1", text)])
    assert max(made.encoded.lengths) <= 128
    assert sum(len(made.tokens(w)) for w in range(len(made.offsets))) == 200_000


def test_beliefs_about_words_become_beliefs_about_tokens() -> None:
    text = "unforgettable Paris"
    ranges = [words(text)]
    beliefs = [np.array([[0.2, 0.8, 0.0], [0.1, 0.3, 0.6]])]
    made = shown([Example("1", text)])
    [targets], [weights] = token_beliefs(made, ranges, beliefs, [np.array([0.5, 1.0])])
    inside = made.offsets[0][:, 0] >= 0
    np.testing.assert_allclose(targets[inside].sum(axis=1), 1.0)
    assert weights[~inside].sum() == 0
    first, *rest = np.flatnonzero(inside)
    np.testing.assert_allclose(targets[first], [0.2, 0.8, 0.0])
    np.testing.assert_allclose(targets[rest[0]], [0.2, 0.0, 0.8])
