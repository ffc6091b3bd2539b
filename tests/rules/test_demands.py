"""Phrases, numbers and names in answers: what counts as said."""

from __future__ import annotations

import re

import pytest

from ruletune.rules.base import Call, Pattern
from ruletune.rules.demands import Avoid, Demand, Invented, Matching, Say, Scored, Sized, found, met, occurs, unmet
from ruletune.rules.matching import MatchTimeoutError
from ruletune.rules.things import readings, things
from ruletune.types import Example, Span

SOURCE = Example("1", "In 2019 Ann Lee paid 1,000 euros.")


@pytest.mark.parametrize(
    ("phrase", "text", "stands"),
    [
        ("Hund", "Ein Hund.", True),
        ("hund", "EIN HUND", True),
        ("Hund", "Hunde", False),
        ("Hund*", "Hunde", True),
        ("Hund*", "Schäferhund", False),
        ("*hund", "Schäferhund", True),
        ("Straße", "die straße", True),
        ("straße", "Strasse", False),
        ("new york", "New\n York", True),
        ("new york", "new yorker", False),
        ("don't", "I don’t", True),
        ("猫", "一只猫在睡觉", True),
        ("C++", "in C++.", True),
        ("C", "in C++", True),
        ("(c) Acme", "(C) ACME 2020", True),
        ("5", "3.5", False),
        ("5", "5,000", False),
        ("000", "5,000", False),
        ("5", "It is 5.", True),
        ("10", "10km", True),
        ("4", "A4", False),
        ("an", "banana", False),
        ("ana", "banana ana", True),
        ("x_y", "x_y_z", False),
        ("cafe", "cafe\u0301", False),
    ],
)
def test_a_phrase_stands_as_whole_words(phrase: str, text: str, stands: bool) -> None:
    assert occurs(phrase, text) is stands


def test_case_counts_where_it_is_asked_for() -> None:
    assert not occurs("US", "tell us", ignore_case=False)
    assert occurs("US", "the US", ignore_case=False)


def test_places_are_those_of_the_text() -> None:
    assert list(found("new york", "İ New  York, NEW YORK")) == [Span(2, 11), Span(13, 21)]


@pytest.mark.parametrize(
    ("what", "answer", "kept"),
    [
        (Say(("Hund", "Köter")), "der Köter", True),
        (Avoid(("as an AI", "sorry")), "Sorry!", False),
        (Avoid(("as an AI", "sorry")), "fine", True),
        (Matching(Pattern("^[A-Z].*[.]$")), "It is.", True),
        (Matching(Pattern("todo", re.I), wanted=False), "TODO", False),
        (Sized("words", 2, 3), "one", False),
        (Sized("words", 2, 3), "one two", True),
        (Sized("words", at_most=3), "今天天气", False),
        (Sized("sentences", at_most=1), "One. Two.", False),
        (Sized("characters", at_least=3), "ab", False),
        (Invented(("numbers",)), "1000 Euro im Jahr 2019", True),
        (Invented(("numbers",)), "1001 Euro", False),
        (Invented(("numbers",), ignore=("7",)), "7 Euro", True),
        (Invented(("names",)), "He met Ann Lee.", True),
        (Invented(("names",)), "He met Bob Ray.", False),
    ],
)
def test_demands_are_met_or_not(what: Say, answer: str, kept: bool) -> None:
    demand = Demand("r", what)
    assert met(demand, SOURCE, answer) is kept
    assert unmet([demand], SOURCE, answer) == (() if kept else (demand,))


def test_a_score_sees_source_and_answer() -> None:
    def half(source: str, answer: str) -> float:
        return len(answer) / len(source)

    demand = Demand("r", Scored(Call("f:half", half), at_least=0.5, at_most=1.0))
    assert met(demand, SOURCE, "x" * 20)
    assert not met(demand, SOURCE, "x")
    assert not met(demand, SOURCE, "x" * 99)


def test_what_cannot_be_judged_is_not_met() -> None:
    wrong = Demand("r", Scored(Call("f:text", lambda source, answer: "much"), at_least=0.5))
    with pytest.raises(ValueError, match="f:text returned 'much', which is no number"):
        met(wrong, SOURCE, "x")
    assert unmet([wrong], SOURCE, "x") == (wrong,)


def test_an_expression_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    from ruletune.rules.matching import guard

    monkeypatch.setattr(guard, "default_budget", lambda characters: 0.3)
    with pytest.raises(MatchTimeoutError):
        met(Demand("r", Matching(Pattern(r"(a+)+$"))), SOURCE, "a" * 40 + "!")


def test_facts_and_history_belong_to_the_source() -> None:
    example = Example("1", "How many?", fields={"facts": "rooms: 182", "act": "inform(count = 13)"})
    assert met(Demand("r", Invented(("numbers",))), example, "182 rooms, 13 free")


# -- things


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("numbers", "3 of 1,000.5 in A4, 10km, 2024年", ["3", "1,000.5", "10", "2024"]),
        ("numbers", "one x2 _3", []),
        ("names", "The man saw Ann Lee of Acme and Bob.", ["Ann Lee of Acme and Bob"]),
        ("names", "Ann Lee left. He met Ann.", ["Lee", "Ann"]),
        ("names", "THIS IS LOUD", []),
        ("urls", "See https://a.org/b?c=1. Or www.x.de!", ["https://a.org/b?c=1", "www.x.de"]),
        ("emails", "to a.b@c-d.org, please", ["a.b@c-d.org"]),
        ("code", "use `x y`, a_b, f.g() and --all", ["x y", "a_b", "f.g()", "--all"]),
    ],
)
def test_things_are_found(kind: str, text: str, expected: list[str]) -> None:
    assert [text[span.start : span.end] for _, span in things(text, [kind])] == expected  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("one", "other"), [("1,000", "1000"), ("1000", "1.000"), ("3.5", "3,5"), ("1,234.5", "1.234,5")]
)
def test_a_number_may_be_written_otherwise(one: str, other: str) -> None:
    assert other in readings(one)
    assert readings(one)[0] == one


def test_other_numbers_are_others() -> None:
    assert "100" not in readings("1000")
    assert "35" not in readings("3.5")
    assert "1234" not in readings("12.34")


def test_long_texts_take_no_time() -> None:
    for unit in ("x", "a@", "1,", "a.", "好", "Aa ", "www."):
        things(unit * 20_000, ["numbers", "emails", "urls", "code", "names"])
