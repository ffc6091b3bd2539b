"""Patterns of spaCy's entity ruler and of Prodigy: what they become, what they match, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ruletune.errors import UserError
from ruletune.labeling.apply import RuleSet
from ruletune.rules import Rule, RuleContext, Terms, Vote
from ruletune.rules.base import AnyOf, Pattern
from ruletune.rules.patterns import PatternsEntry
from ruletune.types import Example


def written(context: RuleContext, *lines: object) -> Path:
    path = context.folder / "p.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def rules(context: RuleContext, *lines: object, **options: Any) -> list[Rule]:
    written(context, *lines)
    return PatternsEntry.model_validate({"patterns": "p.jsonl", **options}).rules(context)


def fires(context: RuleContext, pattern: object, text: str, **options: Any) -> bool:
    found = rules(context, {"label": "spam", "pattern": pattern}, **options)
    return bool(RuleSet(found, labels=context.labels).apply([Example("1", text)]).matrix[0, 0] == 1)


def test_each_label_is_a_rule_at_its_first_line(context: RuleContext) -> None:
    spam, ham = rules(
        context,
        {"label": "SPAM", "pattern": "Free  Prize", "id": "a"},
        "",
        {"label": "OK", "pattern": [{"lower": "see"}, {"lower": "you"}]},
        {"label": "spam", "pattern": [{"LOWER": "win"}, {"IS_DIGIT": True}], "id": "b"},
        {"label": "spam", "pattern": "Free Prize"},
        labels={"OK": "ham"},
        weight=2,
    )
    assert (spam.name, str(spam.where), spam.kind) == ("p:spam", f"{context.folder / 'p.jsonl'}:1", "patterns")
    assert spam.says == Vote("spam", 2.0)
    assert isinstance(spam.when, AnyOf)
    assert spam.when.parts[0] == Terms(("Free Prize",), ignore_case=False)
    assert isinstance(spam.when.parts[1], Pattern)
    assert (ham.name, ham.when) == ("p:ham", Terms(("see you",), ignore_case=True))


def test_ids_can_be_rules_of_their_own(context: RuleContext) -> None:
    lines = [{"label": "spam", "pattern": p, "id": i} for p, i in (("a", "x"), ("b", "y"), ("c", "x"), ("d", None))]
    found = rules(context, *lines, per="id", name="ents")
    assert [rule.name for rule in found] == ["ents:spam:x", "ents:spam:y", "ents:spam"]
    assert found[0].when == Terms(("a", "c"), ignore_case=False)


def test_many_phrases_are_one_gazetteer(context: RuleContext) -> None:
    lines = [
        {"label": "spam", "pattern": [{"lower": "prize"}, {"lower": f"x{'abcdefgh'[n % 8] * (n + 1)}"}]}
        for n in range(2000)
    ]
    [rule] = rules(context, *lines)
    assert isinstance(rule.when, Terms) and len(rule.when.terms) == 2000


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("Apple Inc.", "at Apple Inc. today", True),
        ("Apple", "apple", False),
        ("Apple", "Apples", False),
        ([{"LOWER": "iphone"}, {"IS_DIGIT": True}], "an iPhone 12", True),
        ([{"ORTH": "iPhone"}, {"OP": "?"}, {"LIKE_NUM": True}], "iphone 12", False),
        ([{"TEXT": {"REGEX": "^[Uu](\\.?|nited)$"}}, {"TEXT": {"REGEX": "^[Ss](\\.?|tates)$"}}], "the United States", True),
        ([{"TEXT": {"IN": ["good", "fine"]}}, {"IS_PUNCT": True}], "good!", True),
        ([{"LOWER": {"NOT_IN": ["good"]}}, {"LOWER": "day"}], "GOOD day", False),
        ([{"LOWER": {"NOT_IN": ["good"]}}, {"LOWER": "day"}], "bad day", True),
        ([{"LOWER": {"REGEX": "^wond"}}], "WONDERFUL", True),
        ([{"REGEX": "ful$"}], "wonderful thing", True),
        ([{"REGEX": "ful$"}], "fulfil", False),
        ([{"SHAPE": "ddd"}, {"ORTH": "-"}, {"SHAPE": "dddd"}], "call 555-0123", True),
        ([{"SHAPE": {"IN": ["Xxx", "xxx"]}}], "abcd Abc", True),
        ([{"LENGTH": {">=": 10}}], "short words only", False),
        ([{"LENGTH": {">=": 10, "!=": 11}}], "ridiculous", True),
        ([{"LENGTH": 3}], "ab abc", True),
        ([{"LOWER": "very", "OP": "{2}"}, {"LOWER": "good"}], "very very good", True),
        ([{"LOWER": "very", "OP": "{2,}"}, {"LOWER": "good"}], "very good", False),
        ([{"LOWER": "not", "OP": "!"}, {"LOWER": "good"}], "not good", False),
        ([{"LOWER": "do"}, {"LOWER": "n't"}], "I don't", True),
        ([{"IS_UPPER": True, "IS_ALPHA": True, "LENGTH": {">": 1}}], "I SAY", True),
        ([{"IS_TITLE": False, "LOWER": "may"}], "May", False),
        ([{"IS_CURRENCY": True}, {"LIKE_NUM": True}], "€ 10", True),
        ([{"LIKE_EMAIL": True}], "write to a.b@c.org", True),
        ([{"LIKE_URL": True}], "https://x.y", True),
        ([{"IS_QUOTE": True}, {}, {"IS_QUOTE": True}], 'say "yes"', True),
        ([{"TEXT": "上"}, {"TEXT": "海"}], "在上海", True),
        ("上海", "在上海", True),
    ],
)  # fmt: skip
def test_what_matches(pattern: object, text: str, expected: bool, context: RuleContext) -> None:
    assert fires(context, pattern, text) is expected


def test_phrases_can_ignore_case(context: RuleContext) -> None:
    assert fires(context, "Apple", "apple pie", ignore_case=True)


def test_all_bad_lines_are_told_together(context: RuleContext) -> None:
    path = written(
        context,
        {"label": "spma", "pattern": "a"},
        {"label": "spam", "pattern": [{"LEMMA": "be"}]},
        {"label": "spam", "pattern": [{"LOWERR": "be"}]},
        {"label": "spam", "pattern": [{"OP": "*"}]},
        {"pattern": "c"},
        {"label": "spam", "pattern": [{"REGEX": "(a+)+"}]},
        {"label": "spam", "pattern": [{"LOWER": "New"}]},
        {"label": "spam", "pattern": [{"LOWER": "new york"}]},
        "{x",
        "[1]",
        {"label": "spam", "pattern": []},
        {"label": 3, "pattern": "a"},
        {"label": "spam", "pattern": " "},
        {"label": "spam", "pattern": [{"IS_ALPHA": "yes"}]},
        {"label": "spam", "pattern": [{"LENGTH": "3"}]},
        {"label": "spam", "pattern": ["word"]},
        {"label": "spam", "pattern": "fine"},
    )
    with pytest.raises(UserError) as caught:
        PatternsEntry(patterns="p.jsonl").rules(context)
    said = [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]
    expected = [
        "1: unknown label 'spma'; did you mean 'spam'?",
        "2: cannot match by LEMMA; list the forms with LOWER and IN, or write a keywords rule with inflect: true",
        "3: cannot match by LOWERR; did you mean 'LOWER'?",
        "4: every token may be missing",
        "5: the key 'label' is missing",
        "6: a repetition inside a repetition",
        "7: LOWER 'New' has a capital, so that no token equals it; write 'new'",
        "8: a token has no spaces",
        "9: not valid JSON",
        "10: expected an object, found list",
        "11: 'pattern' must be a phrase or a list of tokens",
        "12: 'label' must be text",
        "13: the phrase is blank",
        "14: IS_ALPHA must be true or false",
        "15: LENGTH must be a whole number",
        "16: a token must be an object of attributes, found str",
    ]
    assert len(said) == len(expected)
    for found, start in zip(said, expected, strict=True):
        assert found.startswith(start)


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_patterns(context: RuleContext, content: bytes) -> None:
    (context.folder / "p.jsonl").write_bytes(content)
    with pytest.raises(UserError, match="the file has no patterns"):
        PatternsEntry(patterns="p.jsonl").rules(context)


def test_a_file_that_is_not_there_or_not_utf8(context: RuleContext) -> None:
    path = written(context, {"label": "spam", "pattern": "a"})
    with pytest.raises(UserError, match=r"did you mean 'p\.jsonl'"):
        PatternsEntry(patterns="q.jsonl").rules(context)
    path.write_bytes(b'{"label": "spam", "pattern": "caf\xe9"}')
    with pytest.raises(UserError, match=re.escape("p.jsonl:1: not UTF-8")):
        PatternsEntry(patterns="p.jsonl").rules(context)
    with pytest.raises(UserError, match="unknown label 'spm'"):
        PatternsEntry(patterns="p.jsonl", labels={"X": "spm"}).rules(context)
    with pytest.raises(ValidationError):
        PatternsEntry.model_validate({"patterns": "p.jsonl", "per": "line"})
