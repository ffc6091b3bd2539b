"""Unit tests of rules, written in the task file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ruletune.config import TaskSpec, parse_task
from ruletune.errors import UserError
from ruletune.labeling.checks import Outcome, run_tests

HEAD = "task: classification\nlabels: {ham: talk among friends, spam: an offer to win}\ndata: {train: t.jsonl}\n"


def parsed(folder: Path, source: str, head: str = HEAD) -> TaskSpec:
    return parse_task(head + source, path=folder / "task.yaml", check_data=False)


def ran(folder: Path, source: str, head: str = HEAD) -> tuple[Outcome, ...]:
    return run_tests(parsed(folder, source, head))


def together(folder: Path, rules: str, text: str, head: str = HEAD) -> str:
    """What the rules add up to on a text, as a failing test tells it."""
    [outcome] = ran(folder, f"rules:\n{rules}tests: [{{text: '{text}', expect: null}}]\n", head)
    return outcome.got


VOTES = """\
  - {name: free, keywords: [free], vote: spam}
  - {name: mum, keywords: [mum], vote: ham}
  - {name: dad, keywords: [dad], vote: ham, weight: 2.5}
  - {name: never, keywords: [never], veto: spam}
  - {name: high, keywords: [high], vote: spam, priority: 2}
"""


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("hello", "no decision"),
        ("free", "'spam'"),
        ("free mum", "no decision"),
        ("free dad", "'ham'"),
        ("free high mum dad", "'spam'"),
        ("free never", "'ham'"),
        ("never high", "'spam'"),
    ],
)
def test_votes_add_up_by_weight_with_vetoes_and_priorities(tmp_path: Path, text: str, got: str) -> None:
    assert together(tmp_path, VOTES, text) == got


def test_vetoes_on_every_label_cancel_out(tmp_path: Path) -> None:
    rules = "  - {keywords: [x], veto: spam}\n  - {keywords: [x], veto: ham}\n  - {keywords: [x], vote: ham}\n"
    assert together(tmp_path, rules, "x") == "'ham'"


def test_several_labels_may_hold(tmp_path: Path) -> None:
    head = HEAD + "multi_label: true\n"
    assert together(tmp_path, VOTES, "free dad", head) == "'ham', 'spam'"
    assert together(tmp_path, VOTES, "free dad never", head) == "'ham'"
    source = f"rules:\n{VOTES}tests: [{{text: free dad, expect: ham}}, {{text: free dad, expect: spam}}]\n"
    assert [o.passed for o in ran(tmp_path, source, head)] == [True, True]


def test_a_failure_tells_who_spoke(tmp_path: Path) -> None:
    [outcome] = ran(tmp_path, f"rules:\n{VOTES}tests:\n  - {{text: free mum never, expect: spam}}\n")
    assert (outcome.passed, outcome.expected, outcome.got) == (False, "'spam'", "'ham'")
    assert outcome.spoke == ("free votes for 'spam'", "mum votes for 'ham'", "never vetoes 'spam'")
    assert str(outcome.where).endswith("task.yaml:11")


def test_a_rule_is_tested_whatever_others_of_higher_priority_say(tmp_path: Path) -> None:
    tests = "tests: [{text: high free, expect: spam, rule: free}, {text: high, expect: null, rule: free}]\n"
    assert [o.passed for o in ran(tmp_path, f"rules:\n{VOTES}{tests}")] == [True, True]


@pytest.mark.parametrize(
    ("expect", "passes"), [("true", True), ("spam", True), ("ham", False), ("false", False), ("null", False)]
)
@pytest.mark.parametrize("says", ["vote", "veto"])
def test_what_a_rule_of_its_own_may_be_expected_to_do(tmp_path: Path, says: str, expect: str, passes: bool) -> None:
    rule = f"rules: [{{regex: a, {says}: spam, tests: [{{text: a, expect: {expect}}}]}}]\n"
    assert [o.passed for o in ran(tmp_path, rule)] == [passes]


def test_exceptions_and_fields_are_heard(tmp_path: Path) -> None:
    rule = """rules:
  - field: stars
    at_least: 4
    vote: ham
    unless: {regex: not}
    tests:
      - {text: good, fields: {stars: 5}, expect: ham}
      - {text: not good, fields: {stars: 5}, expect: false}
      - {text: good, expect: false}
      - {text: good, fields: {stars: many}, expect: false}
"""
    outcomes = ran(tmp_path, rule)
    assert [o.passed for o in outcomes] == [True, True, True, False]
    assert outcomes[-1].got == "failed", "a fault is no abstain, not even where nothing is expected"


def test_a_helper_and_a_prompt_fire_or_do_not(tmp_path: Path) -> None:
    rules = """rules:
  - {name: money, regex: cash, tests: [{text: cash}, {text: gold, expect: false}, {text: cash, expect: spam}]}
  - {name: lure, all: [money, {regex: now}], vote: spam}
  - {name: show, regex: cash, prompt: '{text}!', tests: [{text: cash, expect: true}]}
"""
    outcomes = ran(tmp_path, rules)
    assert [(o.passed, o.got) for o in outcomes] == [
        (True, "fires"), (True, "says nothing"), (False, "fires"), (True, "fires"),
    ]  # fmt: skip


def test_a_composed_rule_brings_what_it_refers_to(tmp_path: Path) -> None:
    rules = """rules:
  - {name: lure, all: [money, {not: polite}], vote: spam, tests: [{text: cash}, {text: please cash, expect: false}]}
  - {name: money, any: [coin, {regex: cash}]}
  - {name: coin, regex: coin}
  - {name: polite, regex: please, vote: ham}
"""
    assert [o.passed for o in ran(tmp_path, rules)] == [True, True]


@pytest.mark.parametrize("text", ["", "中奖 👍", "x" * 1_000_000], ids=["empty", "emoji", "1 MB"])
def test_any_text_will_do(tmp_path: Path, text: str) -> None:
    source = f"rules:\n  - {{regex: 'zz', vote: spam, tests: [{{text: '{text}', expect: false}}]}}\n"
    assert [o.passed for o in ran(tmp_path, source)] == [True]


def test_no_tests_and_no_rules(tmp_path: Path) -> None:
    assert ran(tmp_path, "") == ran(tmp_path, f"rules:\n{VOTES}") == ()
    assert [o.passed for o in ran(tmp_path, "tests: [{text: a, expect: null}]\n")] == [True]
    with pytest.raises(UserError, match=r"task\.yaml:4: there is no rule 'r'; there are no rules"):
        ran(tmp_path, "tests: [{text: a, expect: null, rule: r}]\n")


def test_embeddings_are_made_for_tests_that_need_them_and_for_no_others(tmp_path: Path) -> None:
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return np.array([[1.0, 0.0] if "win" in text else [0.0, 1.0] for text in texts])

    rules = """rules:
  - {name: like, similarity: 0.9, TESTS}
  - {name: free, keywords: [free], vote: spam, tests: [{text: free}]}
"""
    assert all(o.passed for o in run_tests(parsed(tmp_path, rules.replace(", TESTS", "")), embed=embed))
    assert asked == []
    tests = "tests: [{text: win now, expect: spam}, {text: hm, expect: ham}]"
    outcomes = run_tests(parsed(tmp_path, rules.replace("TESTS", tests)), embed=embed)
    assert [o.passed for o in outcomes] == [True] * 3
    assert "win now" in asked and "free" not in asked
