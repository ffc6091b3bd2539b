"""Messages: what is wrong, where, and what would be right."""

from __future__ import annotations

import pytest

from ruletune.errors import Location, MissingExtraError, Problem, RuletuneError, UserError, close_match, nearest


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("bad"), "bad"),
        (Problem("bad", Location("a.yaml")), "a.yaml: bad"),
        (Problem("bad", Location("a.yaml", 3)), "a.yaml:3: bad"),
        (Problem("bad", None, "do better"), "bad; do better"),
        (Problem("bad", Location("a.yaml", 3), "do better"), "a.yaml:3: bad; do better"),
    ],
)
def test_a_problem_reads_as_one_line(problem: Problem, text: str) -> None:
    assert str(problem) == text
    assert str(UserError(problem.message, where=problem.where, remedy=problem.remedy)) == text


def test_problems_are_reported_together_in_their_order() -> None:
    error = UserError.of([Problem("one"), Problem("two", Location("f", 2)), Problem("three")])
    assert str(error) == "one\nf:2: two\nthree"
    assert [problem.message for problem in error.problems] == ["one", "two", "three"]


def test_a_flood_of_problems_is_cut_and_counted() -> None:
    error = UserError.of(Problem(f"problem {n}") for n in range(1000))
    lines = str(error).splitlines()
    assert len(lines) <= 25
    shown = len(lines) - 1
    assert lines[:shown] == [f"problem {n}" for n in range(shown)]
    assert lines[-1] == f"... and {1000 - shown} more"
    assert len(error.problems) == 1000  # for whoever wants them all


def test_as_many_problems_as_are_shown_hide_none() -> None:
    lines = str(UserError.of(Problem(f"problem {n}") for n in range(20))).splitlines()
    assert lines == [f"problem {n}" for n in range(20)]


def test_an_error_needs_a_problem() -> None:
    with pytest.raises(ValueError, match="at least one"):
        UserError.of([])


def test_exit_codes_tell_a_users_mistake_from_a_failure() -> None:
    assert (UserError("x").exit_code, RuletuneError("x").exit_code) == (2, 1)
    assert isinstance(UserError("x"), RuletuneError)


def test_a_missing_extra_says_how_to_install_it() -> None:
    assert "pip install 'ruletune[datasets]'" in str(MissingExtraError("reading datasets", "datasets"))


def test_nearest_names_the_close_choice_as_it_is_written() -> None:
    assert nearest("SPMA", ["Ham", "Spam"]) == "did you mean 'Spam'?"
    assert nearest("straße", ["STRASSE", "weg"]) == "did you mean 'STRASSE'?"
    assert nearest("好看", ["好看的", "难看"]) == "did you mean '好看的'?"


def test_nearest_lists_choices_where_none_is_close() -> None:
    assert nearest("zzz", ["ham", "spam"]) == "choose one of 'ham', 'spam'"
    assert nearest("zzz", []) == "there is nothing to choose from"
    many = nearest("zzz", [f"label{n}" for n in range(100)])
    assert many.startswith("choose one of 'label0', ") and many.endswith(", ...")
    assert len(many) < 200


def test_close_match_says_nothing_rather_than_guess() -> None:
    assert close_match("zzz", ["train.csv"]) is None
    assert close_match("", ["train.csv"]) is None
    assert close_match("Train.CSV", ["train.csv"]) == "did you mean 'train.csv'?"
