"""Slots are said or not, whatever the capitals and punctuation; diversity is a share of n-grams."""

from __future__ import annotations

import pytest

from ruletune.metrics.dialogue import distinct, slot_error_rate, slot_errors


@pytest.mark.parametrize(
    ("value", "answer", "missing"),
    [
        ("Eiji", "EIJI is open .", 0),
        ("chow's", "chow 's is open", 0),
        ("child", "it allows child -s", 0),
        ("905 california street", "at 905 california st", 1),
        ("no", "it does not", 0),
        ("dont_care", "whatever", 0),
        ("", "where is it", 0),
        ("art", "a party", 1),
        ("北京", "我在北京。", 0),
        ("$$", "cheap", 0),
        ("x y", "y x", 1),
        ("Eiji", "", 1),
    ],
)
def test_a_value_is_said_or_missing(value: str, answer: str, missing: int) -> None:
    assert len(slot_errors([("slot", value)], answer).missing) == missing


def test_what_is_said_too_often_is_redundant() -> None:
    errors = slot_errors([("name", "eiji"), ("food", "sushi")], "eiji serves sushi , sushi and sushi")
    assert errors.redundant == (("food", "sushi"), ("food", "sushi"))
    assert errors.missing == ()


def test_a_value_in_a_longer_one_is_said_and_not_redundant() -> None:
    slots = [("name", "thai house"), ("food", "thai")]
    assert slot_errors(slots, "thai house is good").missing == ()
    assert slot_errors(slots, "thai house serves thai food").redundant == ()


def test_two_slots_of_one_value() -> None:
    errors = slot_errors([("near", "soma"), ("area", "soma")], "it is in soma")
    assert (errors.missing, errors.count) == ((), 2)
    twice = slot_errors([("near", "soma"), ("area", "soma")], "it is near soma in the soma area")
    assert (twice.missing, twice.redundant) == ((), ())


def test_rate_over_all_replies() -> None:
    slots = [[("a", "x"), ("b", "y")], [("a", "z")], [("a", "yes")]]
    assert slot_error_rate(slots, ["x", "z z", "q"]) == pytest.approx(2 / 3)
    assert slot_error_rate([], []) == slot_error_rate([[]], ["x"]) == 0.0


def test_distinct() -> None:
    assert distinct(["a b a b"], n=1) == 0.5
    assert distinct(["a b a b"], n=2) == pytest.approx(2 / 3)
    assert distinct(["我我"], n=1) == 0.5
    assert distinct([], n=1) == distinct(["a"], n=2) == 0.0
