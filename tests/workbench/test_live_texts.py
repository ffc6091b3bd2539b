"""Drafts and texts where answers are texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruletune.labeling.demand_table import demand_table
from ruletune.types import Text
from ruletune.workbench import text_bench
from ruletune.workbench.live import Live
from tests.workbench.projects import Fixed, News, nowhere, write_rows

TASK = """task: translation
data: {train: train.jsonl, split: {validation: 0, test: 0}}
rules:
  - {name: dogs, keywords: [dog, dogs], require: [Hund, Hunde]}
  - {name: cats, keywords: [cat], require: Katze}
"""
ROWS: list[dict[str, object]] = [
    {"text": "a dog", "target": "ein Hund"},
    {"text": "a cat", "target": "ein Kater"},
    {"text": "two dogs and a cat", "target": "zwei Hunde und eine Katze"},
    {"text": "a bird"},
]


@pytest.fixture
def live(tmp_path: Path) -> Live:
    write_rows(tmp_path / "train.jsonl", ROWS)
    return Live(Fixed(tmp_path / "task.yaml", TASK))


def test_the_table_is_that_of_the_rules_command(live: Live) -> None:
    examples = [live.example(row.id) for row in live.texts().rows]
    numbers = live.numbers()
    assert numbers.table.rows == demand_table(live.project.spec, examples).rows
    assert (numbers.totals.coverage, numbers.totals.judged, numbers.totals.right) == (0.75, 3, 2 / 3)
    assert numbers.estimate is None and numbers.shares == {} and numbers.curve == ()


def test_a_row_shows_what_is_demanded(live: Live) -> None:
    rows = live.texts().rows
    assert rows[1].target == "ein Kater" and rows[1].gold == "ein Kater"
    assert [(d.rule, d.kept) for d in rows[1].demands] == [("cats", False)]
    assert [(d.rule, d.kept) for d in rows[2].demands] == [("dogs", True), ("cats", True)]
    assert rows[2].firings[0].spans == ((4, 8),) and rows[3].target is None
    assert [row.text for row in live.texts(which="wrong").rows] == ["a cat"]
    assert [row.text for row in live.texts(which="uncovered").rows] == ["a bird"]


@pytest.mark.parametrize("position", [None, 0, 1])
def test_a_draft_gives_what_the_saved_rule_gives(live: Live, position: int | None) -> None:
    project = live.project
    assert isinstance(project, Fixed)
    draft = "{name: new, keywords: [bird, cat], require: [Vogel, Kater]}"
    trial = live.trial(draft, position)
    lines = TASK.splitlines()
    place = len(lines) if position is None else 3 + position
    project.write("\n".join([*lines[:place], f"  - {draft}", *lines[place + 1 :]]) + "\n")
    assert nowhere(trial.rows) == nowhere([live.numbers().table.rows[-1 if position is None else position]])
    assert trial.after == live.numbers().totals and trial.matched == 3


def test_texts_that_gain_lose_and_turn(live: Live) -> None:
    trial = live.trial("{name: cats, keywords: [bird], require: Vogel}", 1)
    assert (trial.gained, trial.lost, trial.turned) == (1, 1, 1)
    assert live.trial("{keywords: [cat], require: [Kater, Katze]}").turned == 2


def test_tests_problems_and_references_by_hand(live: Live) -> None:
    project = live.project
    assert isinstance(project, Fixed)
    trial = live.trial("{keywords: [bird], require: Vogel, tests: [{text: a bird, answer: ein Vogel, expect: true}]}")
    assert [test.ok for test in trial.tests] == [True]
    assert live.trial("{keywords: [bird], vote: x}").problems
    row = live.texts(query="/cat$/").rows[0]
    project.label(row.id, Text("eine Katze"))
    assert live.text(row.id).demands[0].kept is True and live.numbers().totals.right == 1.0


def test_what_to_write_next_is_what_no_rule_covers(live: Live) -> None:
    with live:
        news = News(live)
        news.wait(lambda: live.ready["embedded"] == 1.0)
        found = live.next(5)
        assert found.ready and [row.text for row in found.rows] == ["a bird"]
        assert "label" in live.suggestions().notes[0]


def test_a_reference_by_hand_matches_nothing_anew(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    project = live.project
    assert isinstance(project, Fixed)
    row = live.texts(query="/cat$/").rows[0]
    monkeypatch.setattr(text_bench, "RuleSet", None)
    project.label(row.id, Text("eine Katze"))
    assert live.numbers().totals.right == 1.0
    project.label(row.id, None)
    assert live.numbers().totals.right == 2 / 3
