"""Showing a rule, comparing rule sets, testing rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ruletune.config import TaskSpec, load_task
from ruletune.errors import UserError
from ruletune.labeling.checks import run_tests
from ruletune.labeling.diff import diff
from ruletune.labeling.show import show
from ruletune.labeling.table import rule_table
from ruletune.report.rules import View
from ruletune.report.terminal import rule_diff, rule_notes, shown_rule, sorted_rules

ROWS = [
    ("1", "free prize", "spam"),
    ("2", "free time, mum", "ham"),
    ("3", "see you mum", None),
    ("4", "free free", None),
    ("5", "7", "spam"),
]
RULES = """
  - {name: free, regex: '\\bfree\\b', vote: spam}
  - {name: mum, keywords: [mum], vote: ham}
  - {name: prize, keywords: [prize], vote: spam}
  - {name: number, function: 'rules.py:number', vote: spam}
  - {name: never ham, keywords: [prize], veto: ham}
"""


def task(folder: Path, rules: str = RULES, name: str = "task.yaml", more: str = "") -> TaskSpec:
    rows = [{"id": i, "text": text, "label": label} for i, text, label in ROWS]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "rules.py").write_text("def number(text):\n    return int(text.split()[0]) > 5\n", encoding="utf-8")
    head = "task: classification\nlabels: [ham, spam]\ndata: {train: train.jsonl, columns: {id: id}}\n"
    (folder / name).write_text(f"{head}{more}rules:{rules}", encoding="utf-8")
    return load_task(folder / name)


@pytest.mark.parametrize(
    ("rule", "view", "ids"),
    [
        ("free", "fires", ["1", "2", "4"]),
        ("free", "conflicts", ["2"]),
        ("free", "overlaps", ["1", "2"]),
        ("free", "alone", ["4"]),
        ("free", "wrong", ["2"]),
        ("free", "faults", []),
        ("number", "faults", ["1", "2", "3", "4"]),
        ("never ham", "conflicts", []),
        ("never ham", "wrong", []),
        ("mum", "conflicts", ["2"]),
    ],
)
def test_the_texts_behind_each_number(tmp_path: Path, rule: str, view: View, ids: list[str]) -> None:
    found = show(task(tmp_path), rule, view=view)
    assert [text.id for text in found.texts] == ids
    assert found.found == len(ids)
    assert ("invalid literal" in found.failure) == (rule == "number")


def test_a_shown_text_says_what_matched_what_others_say_and_gold(tmp_path: Path) -> None:
    found = show(task(tmp_path), "free", count=1)
    [text] = found.texts
    assert (found.found, text.spans, text.says, text.gold) == (3, ((0, 4),), "spam", "spam")
    assert text.others == (("prize", "spam"), ("never ham", "not ham"))
    assert shown_rule(found)


def test_an_unknown_rule_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no rule 'fre'; did you mean 'free'"):
        show(task(tmp_path), "fre")


def test_a_comparison_counts_rules_votes_and_labels(tmp_path: Path) -> None:
    old = task(tmp_path)
    new = RULES.replace("'\\\\bfree\\\\b'".replace("\\\\", "\\"), "'free (?!time)'").replace("prize]", "prizes]", 1)
    found = diff(old, task(tmp_path, new + "  - {name: you, keywords: [you], vote: ham}\n", "new.yaml"))
    assert {(c.name, c.kind, c.gained, c.lost, c.turned) for c in found.rules} == {
        ("free", "changed", 0, 1, 0),
        ("prize", "changed", 0, 1, 0),
        ("you", "added", 1, 0, 0),
    }
    assert (found.texts, found.votes, found.judged) == (5, 3, 3)
    assert sorted(text.id for text in found.changed) == ["1", "2", "3"]
    assert rule_diff(found)


def test_the_same_rules_have_no_difference(tmp_path: Path) -> None:
    found = diff(task(tmp_path), task(tmp_path, RULES.replace("name: mum", "name:  mum"), "new.yaml"))
    assert (found.rules, found.votes, found.labels, found.changed) == ((), 0, (), ())
    assert "No rule is written otherwise, and none says anything else" in str(rule_diff(found))


def test_a_vote_that_becomes_a_veto_is_a_turn(tmp_path: Path) -> None:
    found = diff(task(tmp_path), task(tmp_path, RULES.replace("[mum], vote: ham", "[mum], veto: ham"), "new.yaml"))
    assert [(c.name, c.turned) for c in found.rules] == [("mum", 2)]


def test_other_labels_cannot_be_compared(tmp_path: Path) -> None:
    spec = task(tmp_path)
    (tmp_path / "o.yaml").write_text(spec.source.replace("[ham, spam]", "[spam, ham]"), encoding="utf-8")
    with pytest.raises(UserError, match="has other labels"):
        diff(spec, load_task(tmp_path / "o.yaml"))


def test_rules_have_tests_of_their_own_and_together(tmp_path: Path) -> None:
    rules = """
  - name: free
    regex: free
    vote: spam
    tests:
      - {text: free!, expect: spam}
      - {text: FREE, expect: true}
      - {text: hm, expect: null}
  - {name: mum, keywords: [mum], vote: ham, priority: 1}
  - {name: no, keywords: [never], veto: spam, tests: [{text: never, expect: spam}, {text: x, expect: false}]}
  - {name: n, function: 'rules.py:number', vote: spam, tests: [{text: x, expect: false}]}
"""
    more = """tests:
  - {text: free 9, expect: spam, rule: free}
  - {text: 9 free mum, expect: ham}
  - {text: 1 never, expect: ham}
  - {text: 1 hm, expect: null}
  - {text: 1 mum, expect: spam}
"""
    outcomes = run_tests(task(tmp_path, rules, more=more))
    assert [outcome.passed for outcome in outcomes] == [
        True,
        False,
        True,
        True,
        True,
        False,
        True,
        True,
        True,
        True,
        False,
    ]
    failed = [outcome for outcome in outcomes if not outcome.passed]
    assert [str(outcome.where).rpartition(":")[2] for outcome in failed] == ["16", "20", "9"]
    assert [(outcome.rule, outcome.expected, outcome.got) for outcome in failed] == [
        ("free", "fires", "says nothing"),
        ("n", "says nothing", "failed"),
        (None, "'spam'", "'ham'"),
    ]
    assert failed[2].spoke == ("mum votes for 'ham'",)


def test_a_test_of_an_unknown_rule_or_label_is_a_mistake_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"4: there is no rule 'fre'"):
        task(tmp_path, more="tests: [{text: a, expect: spam, rule: fre}]\n")
    with pytest.raises(UserError, match=r"4: unknown label 'spma'"):
        task(tmp_path, more="tests: [{text: a, expect: spma}]\n")


def test_the_table_says_what_is_redundant_failing_and_silent(tmp_path: Path) -> None:
    rules = "\n  - {name: a, regex: e, vote: spam}\n  - {name: b, regex: '[e]', vote: spam}\n"
    rules += "  - {name: z, regex: z0, vote: ham}\n  - {name: n, function: 'rules.py:number', vote: spam}\n"
    rows = rule_table(task(tmp_path, rules)).rows
    assert [row.echo for row in rows] == [None, "a", None, None]
    notes = " ".join(rule_notes(rows))
    assert "'n' failed on 4 texts: ValueError" in notes
    assert "never fire: 'z'" in notes
    assert "'b' says nothing new: 'a' says exactly the same" in notes
    assert [row.name for row in sorted_rules(rows, "order")] == ["a", "b", "z", "n"]
    assert sorted_rules(rows, "coverage")[0].name in ("a", "b", "n")
