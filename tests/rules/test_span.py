"""Span patterns: what a token is, what can be said of one, and that the one expression means what it should."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ruletune.errors import UserError
from ruletune.rules import Pattern, RuleContext, Vote
from ruletune.rules.span import SpanEntry, TokenEntry, repeats
from ruletune.rules.token_regex import searched
from ruletune.rules.tokens import tokens


def expression(span: list[dict[str, Any]], context: RuleContext) -> re.Pattern[str]:
    [rule] = SpanEntry.model_validate({"span": span, "vote": "spam"}).rules(context)
    assert isinstance(rule.when, Pattern)
    return re.compile(rule.when.regex, rule.when.flags)


def found(span: list[dict[str, Any]], text: str, context: RuleContext) -> list[str]:
    return [match.group() for match in expression(span, context).finditer(text)]


# -- tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\u3000", []),
        ("well-known, e-mail", ["well", "-", "known", ",", "e", "-", "mail"]),
        (
            "It isn't; can’t, it's we'll 've",
            ["It", "is", "n't", ";", "ca", "n’t", ",", "it", "'s", "we", "'ll", "'", "ve"],
        ),
        ("7 o'clock 'tis rock'n'roll", ["7", "o'clock", "'", "tis", "rock'n'roll"]),
        ("$1,000.50, 3.5km v1.2. 1,", ["$", "1,000.50", ",", "3.5km", "v1.2", ".", "1", ","]),
        ("今天 abc天气123", ["今", "天", "abc", "天", "气", "123"]),
        ("cafe\u0301 हिन्दी", ["cafe\u0301", "हिन्दी"]),
        ("😀❤️ok👩‍👧", ["😀", "❤", "ok", "👩", "👧"]),
        ("a_b __ \ud800", ["a_b", "__", "\ud800"]),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@given(st.text(alphabet="ab nt's’.,12-\u0301天❤\ufe0f\u200d\n", max_size=20))
def test_tokens_cover_everything_but_what_is_skipped(text: str) -> None:
    assert "".join(tokens(text)) == re.sub("[\\s\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]", "", text)


# -- patterns


def test_a_span_becomes_one_expression(context: RuleContext) -> None:
    [rule] = SpanEntry.model_validate({"span": [{"lower": "free"}], "vote": "spam", "weight": 2}).rules(context)
    assert (rule.name, rule.kind, rule.says) == ("span_3", "span", Vote("spam", 2.0))
    assert isinstance(rule.when, Pattern)


@pytest.mark.parametrize(
    ("span", "text", "expected"),
    [
        ([{"lower": "not"}, {"op": "?", "in": ["very", "so"]}, {"lower": "good"}], "Not so\n good, not good", ["Not so\n good", "not good"]),
        ([{"lower": "not"}], "nothing knot not_ isn't not", ["not"]),
        ([{"in": ["n't", "not"]}, {"op": "*", "max": 2}, {"lower": "good"}], "isn’t all that good", ["n’t all that good"]),
        ([{"in": ["n't", "not"]}, {"op": "*", "max": 2}, {"lower": "good"}], "isn't at all that good", []),
        ([{"text": "US"}], "us US U.S. USA", ["US"]),
        ([{"text": ["U.S.", "e-mail"]}], "the U.S. e-mail e-mails", ["U.S.", "e-mail"]),
        ([{"lower": "c++"}], "C++ c++11 c+", ["C++", "c++"]),
        ([{"text": "好"}, {"text": "看"}], "这部电影很好 看", ["好 看"]),
        ([{"text": "❤️"}], "I ❤ it ❤️", ["❤", "❤"]),
        ([{"not_in": ["the", "a"]}, {"lower": "end"}], "The end an END", ["an END"]),
        ([{"lower": "the", "op": "!"}, {"lower": "end"}], "the end, this end", ["this end"]),
        ([{"regex": "^un.*ed$"}, {"is_punct": True}], "untested! un tested! untested ok", ["untested!"]),
        ([{"regex": "(?i)ABC|d"}], "xabcx y d2 e", ["xabcx", "d2"]),
        ([{"regex": "^..$"}], "ab abc a b 天气", ["ab"]),
        ([{"regex": r"\bn't\b"}], "isn't it", ["n't"]),
        ([{"shape": "Xxxx"}], "Abcd Abc Abcde ABcd Éàéé", ["Abcd", "Éàéé"]),
        ([{"shape": "Xxxxx"}], "Abc Abcde Abcdefg", ["Abcde", "Abcdefg"]),
        ([{"shape": "Xxx"}], "Abc Abcd", ["Abc"]),
        ([{"shape": "dd/dd"}], "10", []),
        ([{"shape": "d,ddd"}], "1,000 10,000", ["1,000"]),
        ([{"is_digit": True, "op": "{2,3}"}], "1 2 3 4 x 5", ["1 2 3"]),
        ([{"is_digit": False, "at_least": 3}], "12 ab abc 1234 12a", ["abc", "12a"]),
        ([{"at_most": 2, "is_alpha": True}], "a ab abc a1", ["a", "ab"]),
        ([{"is_title": True, "op": "+"}], "I saw New York City, iPhone McX O'Neil", ["I", "New York City", "O'Neil"]),
        ([{"is_upper": True}], "OK ok X1 Ab 11", ["OK", "X1"]),
        ([{"is_lower": True}], "OK ok x1 Ab 11", ["ok", "x1"]),
        ([{"like_num": True}], "two 2nd 1,000 2b second tow", ["two", "2nd", "1,000", "second"]),
        ([{"like_url": True}], "see https://a.b/c?d=1 (www.x.y) wwwx", ["https://a.b/c?d=1", "www.x.y)"]),
        ([{"lower": 50}, {"text": "%"}], "50% 150%", ["50%"]),
        ([{}], "a b", ["a", "b"]),
    ],
)  # fmt: skip
def test_what_matches(span: list[dict[str, Any]], text: str, expected: list[str], context: RuleContext) -> None:
    assert found(span, text, context) == expected


SIMPLE: list[dict[str, Any]] = [
    {"lower": "a"},
    {"not_in": ["a"]},
    {"regex": "^[a1]"},
    {},
    {"is_alpha": True},
    {"text": "n't"},
]


def matches_token(entry: dict[str, Any], token: str) -> bool:
    """What the entries of ``SIMPLE`` mean, by other means."""
    if "lower" in entry:
        return token.lower() == entry["lower"]
    if "not_in" in entry:
        return token.lower() not in entry["not_in"]
    if "regex" in entry:
        return re.search(entry["regex"], token) is not None
    if "is_alpha" in entry:
        return all(character.isalpha() or character == "\u0301" for character in token)
    return entry["text"] == token.replace("’", "'") if "text" in entry else True


def matches_somewhere(span: list[tuple[dict[str, Any], int, int]], words: list[str]) -> bool:
    """Tries every way, over a list of tokens."""

    def rest(at: int, item: int, times: int) -> bool:
        if item == len(span):
            return True
        entry, low, high = span[item]
        if times >= low and rest(at, item + 1, 0):
            return True
        return times < high and at < len(words) and matches_token(entry, words[at]) and rest(at + 1, item, times + 1)

    return any(rest(start, 0, 0) for start in range(len(words)))


@settings(max_examples=100, deadline=None)
@given(
    span=st.lists(st.tuples(st.sampled_from(SIMPLE), st.sampled_from([(1, 1), (0, 1), (1, 2), (0, 3)])), min_size=1, max_size=3),
    texts=st.lists(st.text(alphabet="aAbnt s'’.,1-\u0301天❤\ufe0f\n", max_size=14), min_size=5, max_size=5),
)  # fmt: skip
def test_the_expression_finds_what_a_matcher_of_tokens_finds(
    span: list[tuple[dict[str, Any], tuple[int, int]]], texts: list[str]
) -> None:
    from ruletune.rules.tokens import compile_tokens

    if not any(low for _, (low, _) in span):
        return
    written = [TokenEntry.model_validate(entry | {"op": f"{{{low},{high}}}"}) for entry, (low, high) in span]
    compiled = re.compile(compile_tokens([entry.token() for entry in written]))
    for text in texts:
        expected = matches_somewhere([(entry, low, high) for entry, (low, high) in span], tokens(text))
        assert bool(compiled.search(text)) == expected, (text, tokens(text))


@settings(max_examples=20, deadline=None)
@given(
    source=st.from_regex(r"\A\^?(\[ab\]|a|b|\.|\\w|\(a\|b\.\)|[ab1]\{1,2\}|\(ab\)\+|[ab]\?){1,4}\$?\Z", fullmatch=True),
    text=st.text(alphabet="ab1'tn. ,-天", max_size=10),
)
def test_an_expression_within_a_token_is_searched_for_in_it_alone(source: str, text: str) -> None:
    try:
        compiled = re.compile(searched(source))
    except ValueError:
        assert re.search(source, "") or "+" in source  # matches every token, or repeats a repetition
        return
    at = 0
    for token in tokens(text):
        at = text.index(token, at)
        assert bool(compiled.match(text, at)) == bool(re.search(source, token)), (source, token)
        at += len(token)


# -- what is refused


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ({"lower": "new york"}, "a token has no spaces"),
        ({"lower": []}, "too_short"),
        ({"lower": ""}, "a token has no spaces"),
        ({"regex": "("}, "bad regular expression"),
        ({"regex": "a*"}, "matches every token"),
        ({"regex": "(a+)+$"}, "a repetition inside a repetition"),
        ({"regex": "(?=a)b"}, "cannot have assert"),
        ({"regex": r"(a)\1"}, "cannot have groupref"),
        ({"shape": "X x"}, "no shape"),
        ({"at_least": 3, "at_most": 2}, "no token has 3 to 2 characters"),
        ({"at_most": 0}, "no token has"),
        ({"op": "**"}, "unknown op"),
        ({"op": "{3,2}"}, "must go up"),
        ({"op": "{0}"}, "must go up"),
        ({"op": "{}"}, "unknown op"),
        ({"op": "{1,1000}"}, "must go up"),
        ({"op": "?", "max": 3}, "max goes with"),
        ({"op": "*", "max": 101}, "less_than_equal"),
        ({"loewr": "a"}, "extra_forbidden"),
        ({"is_digit": "yes"}, "bool"),
    ],
)
def test_a_token_that_is_none(token: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        TokenEntry.model_validate(token)


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ([{"op": "*"}, {"lower": "a", "op": "?"}], "every token may be missing"),
        ([{"lower": "a"}, *([{"op": "*"}, {"lower": "b"}] * 4)], "14641 ways, more than 4096; give them a smaller max"),
    ],
)
def test_a_span_that_matches_everywhere_or_takes_for_ever(
    span: list[dict[str, Any]], said: str, context: RuleContext
) -> None:
    with pytest.raises(UserError, match=rf"^task\.yaml:7: span: .*{re.escape(said)}"):
        expression(span, context)


def test_operators() -> None:
    assert [repeats(op, most=None)[:2] for op in ("1", "?", "*", "+", "{2}", "{2,}", "{,2}", "{1,3}")] == [
        (1, 1), (0, 1), (0, 10), (1, 10), (2, 2), (2, 10), (0, 2), (1, 3),
    ]  # fmt: skip
    assert repeats("+", most=3) == (1, 3, False)


@pytest.mark.parametrize(
    "text", ["x" * 1_000_000, "a " * 500_000, "'" * 1_000_000, "a'" * 500_000, "1." * 500_000, "天" * 1_000_000]
)
def test_no_text_takes_for_ever(text: str, context: RuleContext) -> None:
    pattern = expression(
        [{"lower": "a"}, {"is_title": True, "op": "?"}, {"op": "*", "max": 3}, {"regex": "z$"}], context
    )
    begun = time.process_time()
    assert pattern.search(text) is None
    assert time.process_time() - begun < 20
