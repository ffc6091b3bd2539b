"""Comparing two sets of rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruletune.config import TaskSpec, parse_task
from ruletune.labeling import diff as module
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.diff import diff
from ruletune.report.rules import Diff
from ruletune.report.terminal import rule_diff
from ruletune.types import Example, Label
from tests.labeling.test_show import printed

HEAD = "task: classification\nlabels: [ham, spam]\ndata: {train: train.jsonl}\nrules:\n"
TEXTS = [
    Example("1", "free prize", answer=Label.of("spam")),
    Example("2", "free time", answer=Label.of("ham")),
    Example("3", "hello mum"),
    Example("4", "nothing"),
]
FREE = "  - {name: free, keywords: [free], vote: spam}\n"
MUM = "  - {name: mum, keywords: [mum], vote: ham}\n"


@pytest.fixture(autouse=True)
def _data(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "free", "label": "spam"}\n', encoding="utf-8")


def compared(folder: Path, old: str, new: str, head: str = HEAD, texts: list[Example] = TEXTS) -> Diff:
    specs = [parse_task(head + rules, path=folder / f"{name}.yaml") for name, rules in (("old", old), ("new", new))]
    return diff(*specs, examples=texts)


def changes(found: Diff) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(change.name, change.kind, change.parts) for change in found.rules]


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("{name: free, keywords: [free, x], vote: spam}", ("condition",)),
        ("{name: free, keywords: [free], vote: ham}", ("says",)),
        ("{name: free, keywords: [free], veto: spam}", ("says",)),
        ("{name: free, keywords: [free], vote: spam, weight: 2}", ("weight",)),
        ("{name: free, keywords: [free], vote: spam, priority: 2}", ("priority",)),
        ("{name: free, keywords: [free], vote: spam, unless: {keywords: [time]}}", ("unless",)),
        ("{name: free, regex: free, veto: ham, priority: 1}", ("condition", "says", "priority")),
    ],
)
def test_what_is_written_otherwise_is_named(tmp_path: Path, written: str, parts: tuple[str, ...]) -> None:
    assert changes(compared(tmp_path, FREE, f"  - {written}\n")) == [("free", "changed", parts)]


def test_where_a_rule_stands_and_how_it_is_tested_is_no_change(tmp_path: Path) -> None:
    tested = FREE.replace("}", ", tests: [{text: free}]}")
    assert compared(tmp_path, FREE + MUM, MUM + "\n" + tested).rules == ()


def test_added_and_removed(tmp_path: Path) -> None:
    found = compared(tmp_path, FREE, MUM)
    assert [(c.name, c.kind, c.gained, c.lost, c.turned) for c in found.rules] == [
        ("mum", "added", 1, 0, 0),
        ("free", "removed", 0, 2, 0),
    ]
    assert (found.texts, found.votes, found.covered) == (4, 3, (0.5, 0.25))
    assert found.labels == (("spam", "nothing", 2), ("nothing", "ham", 1))
    assert (found.right, found.judged) == ((1, 0), 2)
    first = found.changed[0]
    assert (first.id, first.before, first.after, first.gold) == ("1", "spam", "nothing", "spam")
    assert first.votes == (("free", "spam", "nothing"),)


def test_a_label_that_changes_comes_before_votes_that_do(tmp_path: Path) -> None:
    more = "  - {name: prize, keywords: [prize, mum], vote: spam}\n"
    found = compared(tmp_path, FREE, FREE + more)
    assert [(text.id, text.before, text.after) for text in found.changed] == [
        ("3", "nothing", "spam"),
        ("1", "spam", "spam"),
    ]


def test_a_rule_that_refers_to_a_changed_one_changes_with_it(tmp_path: Path) -> None:
    both = "  - {name: both, all: [free, {not: mum}], vote: spam}\n"
    narrow = FREE.replace("[free]", "['free prize']")
    found = compared(tmp_path, FREE + MUM + both, narrow + MUM + both)
    assert [(c.name, c.kind, c.gained, c.lost) for c in found.rules] == [
        ("free", "changed", 0, 1),
        ("both", "same", 0, 1),
    ]
    alone = [
        RuleSet(s.rules, labels=s.labels).apply(TEXTS) for s in _specs(tmp_path, FREE + MUM + both, narrow + MUM + both)
    ]
    assert [int((votes.matrix[:, 2] >= 0).sum()) for votes in alone] == [2, 1]


def test_priority_silences_within_each_set(tmp_path: Path) -> None:
    high = "  - {name: high, keywords: [free], vote: ham, priority: 5}\n"
    found = compared(tmp_path, FREE, FREE + high)
    assert [(c.name, c.kind, c.gained, c.lost) for c in found.rules] == [
        ("free", "same", 0, 2),
        ("high", "added", 2, 0),
    ]
    assert found.labels == (("spam", "ham", 2),)


def test_what_comes_out_is_what_each_set_says_alone(tmp_path: Path) -> None:
    """The two sets are matched together; that must make no difference."""
    old = (
        FREE + MUM + "  - {name: helper, regex: '^.{9}$'}\n  - {name: c, any: [helper, mum], veto: ham, priority: 1}\n"
    )
    new = MUM + FREE.replace("spam}", "spam, priority: 1}") + "  - {name: helper, regex: 'o'}\n"
    new += "  - {name: c, any: [helper, mum], veto: ham, priority: 1, unless: free}\n"
    specs = _specs(tmp_path, old, new)
    found = module._votes(*specs, TEXTS, None, lambda event: None)
    for spec, votes in zip(specs, found, strict=True):
        assert votes.matrix.tolist() == RuleSet(spec.rules, labels=spec.labels).apply(TEXTS).matrix.tolist()


def test_rules_that_both_have_are_matched_once(tmp_path: Path) -> None:
    (tmp_path / "count.py").write_text(
        "calls = []\ndef count(text):\n    calls.append(text)\n    return True\n", encoding="utf-8"
    )
    rule = "  - {function: 'count.py:count', vote: ham}\n"
    specs = _specs(tmp_path, rule + FREE, rule + MUM)
    diff(*specs, examples=TEXTS)
    calls = specs[0].rules[0].when.function.__globals__["calls"]  # type: ignore[union-attr]
    assert len(calls) == len(TEXTS)


def test_a_function_with_the_same_source_elsewhere_is_the_same(tmp_path: Path) -> None:
    for folder, value in (("a", 3), ("b", 3), ("c", 4)):
        (tmp_path / folder).mkdir()
        source = f"def long(text):\n    return len(text) > {value}\n"
        (tmp_path / folder / "r.py").write_text(source, encoding="utf-8")
    rule = "  - {name: long, function: 'FOLDER/r.py:long', vote: ham}\n"
    a, b, c = (rule.replace("FOLDER", folder) for folder in "abc")
    assert changes(compared(tmp_path, a, b)) == []
    assert changes(compared(tmp_path, a, c)) == [("long", "changed", ("condition",))]


def test_a_fault_that_goes_is_neither_gained_nor_lost(tmp_path: Path) -> None:
    (tmp_path / "n.py").write_text("def n(text):\n    return 1 / (len(text) - 7) < 9\n", encoding="utf-8")
    rule = "  - {name: n, function: 'n.py:n', vote: ham}\n"
    found = compared(tmp_path, rule, rule.replace("function: 'n.py:n'", "length: characters, at_least: 0"))
    [change] = found.rules
    assert (change.gained, change.lost, change.turned) == (1, 0, 0)
    assert found.changed[0].votes == (("n", "failed", "ham"),)


def test_several_labels(tmp_path: Path) -> None:
    head = HEAD.replace("data:", "multi_label: true\ndata:")
    found = compared(tmp_path, FREE, FREE + MUM.replace("[mum]", "[mum, prize]"), head=head)
    assert {(a, b): n for a, b, n in found.labels} == {("spam", "ham, spam"): 1, ("nothing", "ham"): 1}
    assert found.right == (1, 0)


def test_no_rules_and_no_texts(tmp_path: Path) -> None:
    head = HEAD.replace("rules:\n", "")
    specs = [parse_task(source, path=tmp_path / "t.yaml") for source in (head, HEAD + FREE)]
    assert changes(diff(*specs, examples=TEXTS)) == [("free", "added", ())]
    found = diff(*specs, examples=[])
    assert (found.texts, found.votes, found.covered) == (0, 0, (0.0, 0.0))


def test_it_is_printed(tmp_path: Path) -> None:
    shown = printed(rule_diff(compared(tmp_path, FREE, MUM)))
    for line in ("spam -> nothing: 2", "Right where gold is known: 1 of 2 before, 0 after.", "(free: spam -> nothing)"):
        assert line in shown
    nothing = printed(rule_diff(compared(tmp_path, FREE, FREE)))
    assert "No rule is written otherwise" in nothing


def test_a_weight_can_move_a_label_though_no_vote_changes(tmp_path: Path) -> None:
    rules = "  - {name: a, regex: a, vote: ham}\n  - {name: c, regex: c, vote: spam, weight: WEIGHT}\n"
    old, new = rules.replace("WEIGHT", "3"), rules.replace("WEIGHT", "0.3")
    found = compared(tmp_path, old, new, texts=[Example("1", "a c"), Example("2", "c")])
    assert changes(found) == [("c", "changed", ("weight",))]
    assert (found.votes, found.labels) == (0, (("spam", "ham", 1),))
    [text] = found.changed
    assert (text.id, text.votes) == ("1", ())
    assert "no vote changes, the label model weighs them otherwise" in " ".join(printed(rule_diff(found)).split())


def _specs(folder: Path, old: str, new: str) -> tuple[TaskSpec, TaskSpec]:
    return (
        parse_task(HEAD + old, path=folder / "old.yaml"),
        parse_task(HEAD + new, path=folder / "new.yaml"),
    )
