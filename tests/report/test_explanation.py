"""Explanations as pages and on a terminal: drawn from values, escaped, the same with colours and without."""

from __future__ import annotations

import html
import io
import re

import pytest
from rich.console import Console

from ruletune.report.explanation import (
    Attribution,
    Belief,
    Evidence,
    Explanation,
    Neighbour,
    Other,
    Pair,
    RuleSaid,
    Without,
    Word,
)
from ruletune.report.explanation_page import fragment, render
from ruletune.report.explanation_words import marked, reliability_sentence, strongest, without_sentence
from ruletune.report.terminal_explanation import explanation_text
from tests.report.test_report import FRAMES, MARKS

TEXT = "It looks gorgeous, but 很 dull 😀"


def sample(text: str = TEXT, name: str = "praise", *, label: str = "good") -> Explanation:
    words = (Word(3, min(8, len(text)), 0.2), Word(9, 17, 1.5), Word(25, 29, -0.9)) if text == TEXT else ()
    return Explanation(
        "label", text, label, 0.8, pair=text, label_model={label: 0.7, "bad": 0.3},
        beliefs=(Belief(label, 0.7, 0.9, 0.85, 0.8), Belief("bad", 0.3, 0.1, 0.15, 0.2)),
        rules=(
            RuleSaid(
                name, label, ((9, 17),) if text == TEXT else ((0, len(text)),), label, reliability=0.83, kind=name, where=name,
                evidence=Evidence(9, 10, (0.6, 0.98), 0.12, 0.01, 2), without=Without(None, "bad", 0.6, True, 0.02),
            ),
        ),
        attributions=(Attribution(label, "log-odds", words, (), (Other("template", text, 0.1),), -0.5, 0.4, 0.001, 16, ((1, 3),)),),
        examples=(Neighbour(name, text, label, 0.93, text),), notes=(text,),
    )  # fmt: skip


def terminal(found: Explanation, *, colour: bool) -> str:
    console = Console(file=io.StringIO(), width=120, force_terminal=colour, color_system="standard" if colour else None)
    console.print(explanation_text(found))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_page_needs_nothing_else() -> None:
    page = render([sample(), sample()])
    assert "<script" not in page and not re.findall(r"https?://", page) and page.count("<section") == 2
    assert "color-scheme: light dark" in page and "prefers-color-scheme: dark" in page
    for part in (
        "gorgeous",
        "😀",
        "很",
        "right on 9 of 10 with gold",
        "the answer would be bad",
        "Nearest gold examples",
        "+1.50",
    ):
        assert part in page, part
    assert render(sample()) == render(sample())


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("mark", MARKS)
def test_nothing_of_strangers_is_markup(frame: str, mark: str) -> None:
    text = frame.format(mark)
    for page in (render(sample(text, text, label=text)), fragment(sample(text, text, label=text))):
        body = page.partition("</style>")[2]
        assert not re.search(r"<(script|img|svg)", body) and "</style>" not in body
        assert html.escape(mark, quote=False) in body.replace("&#34;", '"').replace("&#39;", "'")


def test_the_terminal_says_the_same_without_colours() -> None:
    plain, coloured = terminal(sample(), colour=False), terminal(sample(), colour=True)
    assert "\x1b[" in coloured and "\x1b[" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    for part in (
        "[gorgeous]",
        "for: gorgeous +1.50, looks +0.20",
        "against: dull -0.90",
        "believed 83%",
        "good  80%",
        "was not shown 2",
    ):
        assert part in plain, part


def test_text_cannot_steer_the_terminal_or_be_markup_for_it() -> None:
    shown = terminal(sample("\x1b[31mred[/red] [bold]\x07"), colour=False)
    assert "\x1b" not in shown and "\x07" not in shown and "[bold]" in shown


@pytest.mark.parametrize("shape", ["spans", "passage", "text", "intent"])
def test_other_shapes(shape: str) -> None:
    answer: object = [{"start": 3, "end": 8, "label": "X"}]
    found = Explanation(
        shape, TEXT, "ein Text" if shape == "text" else answer, 0.5, alone=[], label_model=None, scores=(0.5,),
        without_rules="ohne" if shape == "text" else None,
        demands=({"rule": "r", "demands": "says Hund", "kept": False},) if shape == "text" else (),
    )  # fmt: skip
    if shape == "intent":
        found = Explanation("intent", TEXT, "good", 0.5, both=Pair(sample(), sample()))
    page, plain = render(found), terminal(found, colour=False)
    expected = {"spans": "looks (X)", "passage": "looks (X)", "text": "says Hund", "intent": "gorgeous"}[shape]
    assert expected in page and expected in plain
    assert "No rule fired." in page or shape == "intent"


def test_stretches_are_the_text_and_long_texts_are_cut() -> None:
    for text, words, spans in (
        (TEXT, sample().attributions[0].words, [(9, 17), (3, 12)]),
        ("", [], []),
        ("dull", [], [(0, 4)]),
        ("ab", [Word(0, 1, 0.0), Word(1, 2, 0.0)], []),
    ):
        assert "".join(each.words for each in marked(text, words, spans)) == text
    long = "x " * 100_000 + "dull " + "y " * 100_000
    shown = marked(long, [Word(200_000, 200_004, -1.0)], [])
    assert [each.words for each in shown if each.level] == ["dull"] and len(
        "".join(each.words for each in shown)
    ) < 2500
    assert shown[0].words == "… " and shown[-1].words == " …"


def test_strongest_words_and_sentences() -> None:
    found = sample()
    assert strongest(TEXT, found.attributions[0].words) == ([("gorgeous", 1.5), ("looks", 0.2)], [("dull", -0.9)])
    assert strongest("", ()) == ([], [])
    assert reliability_sentence(found.rules[0]).startswith("believed 83%; right on 9 of 10 with gold (60% to 98%)")
    assert "overall it helps (+0.0200 nats" in without_sentence(found.rules[0], found)
    assert "the rules would say nothing" in without_sentence(found.rules[0], found)
    assert (
        without_sentence(RuleSaid("r", None, (), ""), found) == reliability_sentence(RuleSaid("r", None, (), "")) == ""
    )
