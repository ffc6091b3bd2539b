"""Drafts and texts where answers are spans or passages."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruletune.labeling.span_table import span_rule_table
from ruletune.types import Span, Spans
from ruletune.workbench import span_bench
from ruletune.workbench.live import Live
from tests.workbench.projects import Fixed, nowhere, write_rows

NER = """task: ner
labels: [PER, LOC]
data: {train: train.jsonl, split: {validation: 0, test: 0}}
rules:
  - {name: names, regex: '\\b(Ann|Bo)\\b', vote: PER}
  - {name: towns, keywords: [Paris, Rome], vote: LOC}
"""
ROWS: list[dict[str, object]] = [
    {"text": "Ann went to Paris", "spans": [[0, 3, "PER"], [12, 17, "LOC"]]},
    {"text": "Bo likes Rome, 东京 🎉", "spans": [[0, 2, "PER"], [9, 13, "LOC"], [15, 17, "LOC"]]},
    {"text": "nobody is here"},
    {"text": "Cid saw Ann in Oslo"},
    {"text": "Oslo and Paris"},
]
QA = """task: qa
data: {train: train.jsonl, split: {validation: 0, test: 0}}
rules:
  - {name: years, question: when, pattern: '\\d{4}', vote: answer}
"""


@pytest.fixture
def live(tmp_path: Path) -> Live:
    write_rows(tmp_path / "train.jsonl", ROWS)
    return Live(Fixed(tmp_path / "task.yaml", NER))


def test_the_table_is_that_of_the_rules_command(live: Live) -> None:
    examples = [live.example(row.id) for row in live.texts().rows]
    expected = span_rule_table(live.project.spec, examples)
    found = live.numbers()
    assert found.table.rows == expected.rows
    assert (found.table.coverage, found.table.overlap, found.table.conflict) == (
        expected.coverage, expected.overlap, expected.conflict,
    )  # fmt: skip
    assert found.estimate is None and found.confusion is None and found.shares == {"PER": 0.5, "LOC": 0.5}


def test_a_row_shows_gold_and_what_rules_found(live: Live) -> None:
    row = live.texts(query="went").rows[0]
    assert row.gold == [{"start": 0, "end": 3, "label": "PER"}, {"start": 12, "end": 17, "label": "LOC"}]
    assert row.weak is not None and row.weak.answer == row.gold and 0 < row.weak.score <= 1
    assert [(f.rule, f.label, f.spans) for f in row.firings] == [
        ("names", "PER", ((0, 3),)),
        ("towns", "LOC", ((12, 17),)),
    ]


@pytest.mark.parametrize("position", [None, 0, 1])
def test_a_draft_gives_what_the_saved_rule_gives(live: Live, position: int | None) -> None:
    project = live.project
    assert isinstance(project, Fixed)
    draft = "{name: new, regex: '\\b(Oslo|Cid)\\b', vote: LOC}"
    trial = live.trial(draft, position)
    lines = NER.splitlines()
    place = len(lines) if position is None else 4 + position
    project.write("\n".join([*lines[:place], f"  - {draft}", *lines[place + 1 :]]) + "\n")
    numbers = live.numbers()
    assert nowhere(trial.rows) == nowhere([numbers.table.rows[-1 if position is None else position]])
    assert trial.after == numbers.totals and trial.matched == 2 and not trial.approximate


def test_texts_that_gain_lose_and_turn(live: Live) -> None:
    trial = live.trial("{regex: nobody, vote: PER}")
    assert (trial.gained, trial.lost, trial.turned) == (1, 0, 0)
    assert live.trial("{name: towns, keywords: [Rome], vote: LOC}", 1).lost == 1
    assert live.trial("{name: towns, keywords: [Paris, Rome], vote: PER}", 1).turned > 0


def test_of_many_texts_some_are_compared(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_bench, "_COMPARED", 1)
    trial = live.trial("{name: towns, keywords: [Paris, Rome], vote: PER}", 1)
    assert trial.approximate and trial.turned in (0, 3)


def test_filters_and_labels_by_hand(live: Live) -> None:
    project = live.project
    assert isinstance(project, Fixed)
    assert [row.text for row in live.texts(which="uncovered").rows] == ["nobody is here"]
    assert [row.text[:2] for row in live.texts(which="wrong").rows] == ["Bo"]
    assert [row.text[:2] for row in live.texts(label="LOC").rows] == ["An", "Bo", "Os"]
    row = live.texts(query="nobody").rows[0]
    project.label(row.id, Spans((Span(0, 6, "PER"),)))
    assert live.text(row.id).gold == [{"start": 0, "end": 6, "label": "PER"}] and live.text(row.id).hand


def test_tests_and_problems(live: Live) -> None:
    trial = live.trial("regex: Oslo\nvote: LOC\ntests: [{text: in Oslo, expect: LOC}, {text: in Oslo, expect: PER}]")
    assert [test.ok for test in trial.tests] == [True, False]
    assert live.trial("{length: {at_least: 3}, vote: LOC}").problems
    assert live.trial("{regex: '(', vote: LOC}").problems


def test_rules_of_different_priority(live: Live) -> None:
    trial = live.trial("{regex: '\\b(Ann|Bo)\\b', vote: LOC, priority: 1}")
    assert trial.turned > 0 and not trial.problems


def test_passages_that_answer_questions(tmp_path: Path) -> None:
    texts = ["Born in 1921 in Rome.", "He died in 1999. She left in 2001.", "No year at all."]
    rows: list[dict[str, object]] = [{"context": text, "question": "When was that?"} for text in texts]
    rows[0]["answers"] = {"text": ["1921"], "answer_start": [8]}
    write_rows(tmp_path / "train.jsonl", rows)
    live = Live(Fixed(tmp_path / "task.yaml", QA))
    [first, second, third] = live.texts().rows
    assert first.gold == [{"start": 8, "end": 12, "label": ""}] and first.asked == "When was that?"
    assert first.weak is not None and first.weak.answer == first.gold and third.weak is None
    assert live.numbers().totals.right == 1.0
    trial = live.trial("{regex: 'Born in (?P<answer>\\d+)', vote: answer}")
    assert trial.matched == 1 and trial.rows[0].interval is not None
    assert second.firings[0].spans == ((11, 15), (29, 33))
