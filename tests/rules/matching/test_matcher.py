"""Matching: expressions mean what ``re`` means, terms mean what a slow and plain search finds."""

from __future__ import annotations

import itertools
import re
import signal
import threading
import time
import unicodedata
from collections.abc import Iterator
from types import FrameType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.rules.base import Pattern, Terms
from ruletune.rules.matching import Matcher, MatchTimeoutError, fold, guard
from ruletune.types import Span

TEXTS = [
    "",
    " ",
    "😀👍🏽",
    "这部电影很好看",
    "İstanbul ſtraße ẞ",
    "e\u0301te\u0301",
    "a\n b\x85c\u2028d",
    "\ud800 lone",
    "x" * 1000,
]
EXPRESSIONS = [
    r"",
    r"\bnot\b",
    r"(?i)STRASSE|straße",
    r"^.$",
    r"\w+$",
    r"(?<=a)\n",
    r"[一-龥]+",
    r"(.)\1",
    r"(?i)i",
    r"\s",
]

posix_only = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="interval timers need POSIX")


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("flags", [0, re.IGNORECASE])
def test_an_expression_means_what_re_means(expression: str, flags: int) -> None:
    matcher = Matcher([Pattern(expression, flags)])
    assert matcher.fired(TEXTS)[:, 0].tolist() == [bool(re.search(expression, text, flags)) for text in TEXTS]
    for text in TEXTS:
        assert matcher.spans(text) == [[Span(*m.span()) for m in re.finditer(expression, text, flags)]]


ATOMS = [
    "a",
    "B",
    "é",
    "ß",
    "İ",
    "ſ",
    "K",
    "好",
    "😀",
    ".",
    r"\w",
    r"\W",
    r"\s",
    r"\d",
    "[^a]",
    "[a-z]",
    "(?:ab|好)",
    r"\b",
    "^",
    "$",
]
PIECES = st.tuples(st.sampled_from(ATOMS), st.sampled_from(["", "?", "{2}", "{0,2}?"])).map(
    lambda piece: piece[0] + ("" if piece[0] in (r"\b", "^", "$") else piece[1])
)
SOURCES = st.lists(PIECES, min_size=1, max_size=4).map("".join) | st.lists(PIECES, min_size=2, max_size=3).map("|".join)
ANY_TEXT = st.text(max_size=30) | st.text(alphabet="aAbBéßẞİıſsKK好 1_\n\x85\u2028😀\ud800", max_size=30)


@settings(max_examples=300)
@given(
    sources=st.lists(SOURCES, min_size=1, max_size=3),
    flags=st.sampled_from([0, re.I, re.M, re.S, re.I | re.A]),
    texts=st.lists(ANY_TEXT, max_size=3),
)
def test_any_expression_on_any_text_means_what_re_means(sources: list[str], flags: int, texts: list[str]) -> None:
    matcher = Matcher([Pattern(source, flags) for source in sources])
    expected = [[bool(re.search(source, text, flags)) for source in sources] for text in texts]
    assert matcher.fired(texts).tolist() == expected
    for text in texts:
        assert matcher.spans(text) == [[Span(*m.span()) for m in re.finditer(s, text, flags)] for s in sources]


def test_conditions_keep_their_columns() -> None:
    conditions = [Terms(("b",)), Pattern("a"), Terms(("B",), ignore_case=False), Pattern("c"), Terms(("a", "b"))]
    assert Matcher(conditions).fired(["a", "b", "B", ""]).tolist() == [
        [False, True, False, False, True],
        [True, False, False, False, True],
        [True, False, True, False, True],
        [False] * 5,
    ]


def test_no_conditions_and_no_texts() -> None:
    assert Matcher([]).fired(["a", "b"]).shape == (2, 0)
    assert Matcher([Pattern("a"), Terms(("a",))]).fired([]).shape == (0, 2)
    assert Matcher([]).spans("a") == []


# -- terms


def _equal(a: str, b: str) -> bool:
    """Equal without regard to case, and without one character standing for two."""
    if a == b:
        return True
    if len(a.casefold()) == len(b.casefold()) == 1:
        return a.casefold() == b.casefold()
    return len(a.lower()) == len(b.lower()) == 1 and a.lower() == b.lower()


def _in_word(character: str) -> bool:
    name = unicodedata.name(character, "")
    if name.startswith(("CJK UNIFIED", "HIRAGANA", "KATAKANA", "THAI")):
        return False
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"


def _occurrences(term: str, text: str, *, ignore_case: bool, whole_words: bool) -> Iterator[tuple[int, int]]:
    same = _equal if ignore_case else str.__eq__
    for start in range(len(text) - len(term) + 1):
        end = start + len(term)
        if all(same(a, b) for a, b in zip(term, text[start:end], strict=True)):
            joins_left = start > 0 and _in_word(text[start - 1]) and _in_word(text[start])
            joins_right = end < len(text) and _in_word(text[end - 1]) and _in_word(text[end])
            if not whole_words or not (joins_left or joins_right):
                yield start, end


NASTY = st.text(alphabet="aAbsSſßẞİiıIkKKéE\u0301कि日本ไก_1-+ 😀\n", max_size=24)
TERM = st.text(alphabet="aAbsSſßẞİiıIkKé\u0301कि日ไก_1-+ 😀", min_size=1, max_size=3)


@settings(max_examples=400, deadline=None)
@given(text=NASTY, terms=st.lists(TERM, min_size=1, max_size=4), ignore_case=st.booleans(), whole_words=st.booleans())
def test_terms_are_found_as_a_plain_search_finds_them(
    text: str, terms: list[str], ignore_case: bool, whole_words: bool
) -> None:
    found = [
        span for term in terms for span in _occurrences(term, text, ignore_case=ignore_case, whole_words=whole_words)
    ]
    matcher = Matcher([Terms(tuple(terms), ignore_case=ignore_case, whole_words=whole_words)])
    assert matcher.fired([text]).tolist() == [[bool(found)]]
    spans = [(span.start, span.end) for span in matcher.spans(text)[0]]
    assert set(spans) <= set(found)
    assert spans == sorted(spans) and all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    for start, end in found:  # whatever is not shown lies under something that is
        assert any(s < end and start < e for s, e in spans)


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="abAB_1 .-", max_size=30), term=st.text(alphabet="abAB1", min_size=1, max_size=3))
def test_on_ascii_words_a_term_is_an_escaped_expression_between_boundaries(text: str, term: str) -> None:
    expected = [m.span() for m in re.finditer(rf"\b{re.escape(term)}\b", text, re.IGNORECASE)]
    assert [(s.start, s.end) for s in Matcher([Terms((term,))]).spans(text)[0]] == expected


@pytest.mark.parametrize(
    ("term", "text", "shown"),
    [
        ("good", "not goody", []),
        ("good", "so GOOD!", ["GOOD"]),
        ("c++", "in c++11", ["c++"]),
        ("straße", "Straße STRASSE STRAẞE", ["Straße", "STRAẞE"]),
        ("suss", "ſuſs süß", ["ſuſs"]),
        ("bar", "İİ bar", ["bar"]),
        ("好看", "这部电影很好看", ["好看"]),
        ("iphone", "我的iPhone很好", ["iPhone"]),
        ("ดี", "หนังดีมาก", ["ดี"]),
        ("cafe", "cafe\u0301", []),
        ("कि", "कितना कि", ["कि"]),
        ("❤", "❤️😀", ["❤"]),
        ("new york", "New York, New Yorker", ["New York"]),
        ("good", "good\ud800 good", ["good", "good"]),
    ],
)
def test_words_and_offsets(term: str, text: str, shown: list[str]) -> None:
    assert [text[s.start : s.end] for s in Matcher([Terms((term,))]).spans(text)[0]] == shown


def test_overlapping_terms_of_different_rules_all_count() -> None:
    matcher = Matcher([Terms(("new york",)), Terms(("york city",)), Terms(("york",))])
    assert matcher.fired(["new york city"]).all()
    assert Matcher([Terms(("new", "new york city", "york"))]).spans("new york city") == [[Span(0, 13)]]


@given(st.text(max_size=50))
def test_folding_keeps_the_length(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)


# -- time


def test_a_row_of_a_megabyte() -> None:
    text = "lorem ipsum 好 " * 80_000 + "needle"
    matcher = Matcher([Terms(("needle", "absent")), Pattern(r"\bneedle$"), Terms(("ipsu",))])
    assert matcher.fired([text]).tolist() == [[True, True, False]]
    assert matcher.spans(text)[0] == [Span(len(text) - 6, len(text))]


CATASTROPHE = Pattern(r"(a+)+\1$")
ENDLESS = "a" * 60 + "b"


@posix_only
def test_backtracking_without_end_is_stopped_and_named() -> None:
    matcher = Matcher([Pattern("b"), CATASTROPHE], budget=lambda characters: 0.05)
    with pytest.raises(MatchTimeoutError) as caught:
        matcher.fired(["aab", "b", ENDLESS, "a"])
    assert (caught.value.condition, caught.value.row, caught.value.seconds) == (1, 2, 0.05)
    assert matcher.fired(["b", "aa"]).tolist() == [[True, False], [False, True]]  # it can be used again


@posix_only
def test_the_budget_is_for_one_text_not_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_TICK", 0.01)
    matcher, text, each = Matcher([CATASTROPHE]), "a" * 12 + "b", 0.0
    while each < 0.1:  # many looks of the watchdog
        text = "a" + text
        began = time.thread_time()
        matcher.fired([text])
        each = time.thread_time() - began
    matcher = Matcher([CATASTROPHE], budget=lambda characters: 4 * each)
    assert not matcher.fired([text] * 6).any()
    with pytest.raises(MatchTimeoutError):
        matcher.fired(["a" * 6 + text])


@posix_only
def test_a_timer_that_runs_already_goes_on() -> None:
    rang: list[int] = []

    def ring(number: int, frame: FrameType | None) -> None:
        rang.append(number)

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 30.0)
        with pytest.raises(MatchTimeoutError):
            Matcher([CATASTROPHE], budget=lambda characters: 0.4).fired([ENDLESS])
        assert rang == [signal.SIGALRM]
        remaining, interval = signal.getitimer(signal.ITIMER_REAL)
        assert 0 < remaining <= 30.0 and interval == 30.0
        assert signal.getsignal(signal.SIGALRM) is ring
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@posix_only
def test_no_timer_and_no_handler_is_left_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)
    Matcher([Pattern("a")]).fired(["a"])
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_off_the_main_thread_matching_is_the_same() -> None:
    results: list[np.ndarray] = []
    matcher = Matcher([Pattern("a"), Terms(("b",))])
    thread = threading.Thread(target=lambda: results.append(matcher.fired(["a", "b"])))
    thread.start()
    thread.join()
    assert results[0].tolist() == [[True, False], [False, True]]


def test_off_the_main_thread_an_expression_without_end_is_stopped_too() -> None:
    matcher = Matcher([Pattern("(x+)+$"), CATASTROPHE, Pattern("b")], budget=lambda characters: 0.2)
    results: list[object] = []

    def work() -> None:
        matches = matcher.match([ENDLESS, "aa"])
        results.append(list(zip(matches.rows.tolist(), matches.conditions.tolist(), strict=True)))
        results.append([(o.row, o.condition, o.seconds) for o in matches.overruns])
        try:
            matcher.spans(ENDLESS)
        except MatchTimeoutError as error:
            results.append(error.condition)
        results.append(matcher.spans("xaa")[1])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert results == [[(0, 2), (1, 1)], [(0, 1, 0.2)], 1, [Span(1, 3)]]


def test_a_hopeless_condition_is_given_up_and_every_cell_accounted_for() -> None:
    matcher = Matcher([CATASTROPHE], budget=lambda characters: 0.05)
    matches = matcher.match([ENDLESS] * 30)
    assert [overrun.row for overrun in matches.overruns] == list(range(30))
    assert [overrun.seconds for overrun in matches.overruns] == [0.05] * guard.GIVE_UP + [0.0] * (30 - guard.GIVE_UP)
    assert not matcher.match([ENDLESS] * 30, without={0}).overruns


def test_what_the_automaton_decides_never_runs_away_however_few_the_texts() -> None:
    matcher = Matcher([Pattern("(a+)+$"), Pattern("(a|a)*b"), Pattern("c")], budget=lambda characters: 0.05)
    for texts in ([ENDLESS], [ENDLESS + "!", "aaa", "c"], [ENDLESS] * 2000):
        matches = matcher.match(texts)
        assert not matches.overruns
        expected = [(row, 0 if t == "aaa" else 1 if "b" in t else 2) for row, t in enumerate(texts)]
        assert list(zip(matches.rows.tolist(), matches.conditions.tolist(), strict=True)) == expected
