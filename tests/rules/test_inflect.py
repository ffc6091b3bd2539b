"""English inflections, irregular and regular, and what is left alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.rules import RuleContext, Terms
from ruletune.rules.inflect import inflected, inflections, with_inflections
from ruletune.rules.matching import Matcher
from ruletune.rules.terms import GazetteerEntry, KeywordsEntry


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("try", "tries tried trying"),
        ("play", "plays played playing"),
        ("stop", "stops stopped stopping"),
        ("visit", "visits visited visiting"),
        ("refer", "refers referred referring"),
        ("travel", "travels travelled traveled travelling traveling"),
        ("die", "dies died dying"),
        ("dye", "dyes dyed dyeing"),
        ("agree", "agrees agreed agreeing"),
        ("panic", "panics panicked panicking"),
        ("fix", "fixes fixed fixing"),
        ("quiz", "quizzes quizzed quizzing"),
        ("equip", "equips equipped equipping"),
        ("add", "adds added adding"),
        ("rain", "rains rained raining"),
        ("take", "takes took taken taking"),
        ("run", "runs ran running"),
        ("fly", "flies flew flown flying"),
        ("be", "am is are was were been being"),
        ("go", "goes went gone going"),
        ("child", "children"),
        ("grandchild", "grandchildren"),
        ("policeman", "policemen"),
        ("human", "humans"),
        ("analysis", "analyses"),
        ("crisis", "crises"),
        ("knife", "knives"),
        ("church", "churches"),
        ("stomach", "stomachs"),
        ("potato", "potatoes"),
        ("photo", "photos"),
        ("city", "cities"),
        ("bus", "buses"),
        ("index", "indices indexes"),
        ("person", "people persons"),
        ("big", "bigger biggest"),
        ("happy", "happier happiest"),
        ("nice", "nicer nicest"),
        ("good", "better best"),
        ("bad", "worse worst"),
        ("ad", "ads"),
    ],
)
def test_forms(word: str, forms: str) -> None:
    assert set(forms.split()) <= set(inflections(word))


@pytest.mark.parametrize(
    ("word", "wrong"),
    [
        ("new", "news"), ("fee", "feed"), ("even", "evening"), ("corn", "corner"), ("number", "numberer"), ("see", "seed"),
        ("human", "humen"), ("take", "taked"), ("doe", "does"), ("unit", "united"), ("her", "herring"), ("the", "thes"),
        ("visit", "visitted"), ("rain", "rainned"), ("play", "plaies"), ("snow", "snowwed"),
    ],
)  # fmt: skip
def test_other_words_are_no_forms(word: str, wrong: str) -> None:
    assert wrong not in inflections(word)


@pytest.mark.parametrize(
    "term",
    ["x", "NASA", "iPhone", "café", "c++", "24", "中奖", "pop-up", "not", "very much", "not so", "", " ", "a  b c2"],
)
def test_what_is_not_inflected(term: str) -> None:
    assert list(with_inflections(term)) == [term]


@pytest.mark.parametrize(
    ("phrase", "forms"),
    [
        ("credit card", {"credit cards"}),
        ("sign up", {"signs up", "signed up", "signing up"}),
        ("take advantage of", {"took advantage of", "taking advantage of"}),
        ("Free Prize", {"Free Prizes"}),
    ],
)
def test_the_last_word_of_a_phrase_or_the_first_before_a_particle(phrase: str, forms: set[str]) -> None:
    found = set(with_inflections(phrase))
    assert forms <= found
    first, last = phrase.split(" ")[0], phrase.split(" ")[-1]
    assert all(form.startswith(first) or form.endswith(last) for form in found)


def test_keywords_and_gazetteers_are_inflected_by_option(context: RuleContext) -> None:
    [rule] = KeywordsEntry(keywords=("try", "tries"), vote="spam").rules(context)
    assert rule.when == Terms(("try", "tries"))
    [rule] = KeywordsEntry(keywords=("try", "Child"), vote="spam", inflect=True).rules(context)
    assert isinstance(rule.when, Terms)
    assert rule.when.terms[:4] == ("try", "tries", "tried", "trying")
    texts = ["He TRIED.", "the children's", "trial", "a child's toy", "trying-on"]
    assert Matcher([rule.when]).fired(texts)[:, 0].tolist() == [True, True, False, True, True]
    (context.folder / "terms.txt").write_text("credit card\n", encoding="utf-8")
    [rule] = GazetteerEntry(gazetteer="terms.txt", vote="spam", inflect=True).rules(context)
    assert isinstance(rule.when, Terms)
    assert "credit cards" in rule.when.terms


def test_terms_stand_once_and_in_order() -> None:
    assert inflected(["tries", "try"])[0] == "tries"
    found = inflected(["try", "tries", "try"])
    assert len(found) == len(set(found))


@given(st.text(max_size=12))
def test_any_term_comes_first_and_forms_stay_plain(term: str) -> None:
    found = list(with_inflections(term))
    assert found[0] == term
    assert len(found) <= 14
    assert all(form.strip() for form in found[1:])


def test_a_large_gazetteer_is_quick() -> None:
    terms = [
        f"{'bcdfg'[n % 5]}a{'lmnrt'[n // 5 % 5]}e w{chr(97 + n % 26)}nd{chr(97 + n // 26 % 26)}" for n in range(50_000)
    ]
    begun = time.process_time()
    assert len(inflected(terms)) < 8 * len(set(terms))
    assert time.process_time() - begun < 5
