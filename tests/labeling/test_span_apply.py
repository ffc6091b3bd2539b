"""Rules that speak of spans: every kind says where, faults are told apart, batched is one by one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ruletune.config import load_task
from ruletune.errors import UserError
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_table import span_rule_rows
from ruletune.labeling.span_votes import SpanVotes
from ruletune.rules.base import AllOf, Call, Column, Length, Metadata, Not, Pattern, Prompt, Rule, Terms, Veto, Vote
from ruletune.types import Example, Span, Spans
from tests.conftest import Write

LABELS = ("PER", "LOC")
NASTY = ["", "a", "🙂 Ann 👩‍👩‍👧", "东京的Ann", "Ann " * 250_000, "Ａｎｎ", "\u200bAnn\ufeff"]


def said(rules: SpanRules, text: str, **fields: object) -> list[tuple[str, str, str]]:
    votes = rules.apply([Example("1", text, fields=fields)])
    columns = zip(votes.rule.tolist(), votes.start.tolist(), votes.end.tolist(), votes.label.tolist(), strict=True)
    return [(rules.rules[r].name, text[s:e], LABELS[k]) for r, s, e, k in columns]


def one(when: object, says: object = Vote("PER"), **more: object) -> SpanRules:
    return SpanRules((Rule("r", when, says, **more),), labels=LABELS)  # type: ignore[arg-type]


def test_matches_are_votes_and_a_group_says_where() -> None:
    assert said(one(Pattern(r"[A-Z]\w+")), "Ann met Bo") == [("r", "Ann", "PER"), ("r", "Bo", "PER")]
    assert said(one(Pattern(r"Mr\. (?P<entity>\w+)")), "Mr. Lee and Mr. Bo") == [
        ("r", "Lee", "PER"),
        ("r", "Bo", "PER"),
    ]


def test_the_longest_term_wins() -> None:
    assert said(one(Terms(("New", "New York", "York Nord")), Vote("LOC")), "in New York Nord") in (
        [("r", "New York", "LOC")],
        [("r", "New", "LOC"), ("r", "York Nord", "LOC")],
    )
    assert said(one(Terms(("Paris", "Paris Nord")), Vote("LOC")), "Paris Nord") == [("r", "Paris Nord", "LOC")]


def test_conditions_on_the_text_decide_whether_a_rule_speaks() -> None:
    short = one(AllOf((Length("words", at_most=3), Pattern(r"\bAnn\b"))))
    assert said(short, "Ann met Bo") == [("r", "Ann", "PER")]
    assert said(short, "Ann met Bo and left") == []
    unless = one(Pattern(r"\bAnn\b"), unless=(Pattern("film"),))
    assert said(unless, "Ann in a film") == []
    asked = one(AllOf((Metadata("kind", equals=("news",)), Terms(("ann",)))))
    assert said(asked, "Ann", kind="news") == [("r", "Ann", "PER")]
    assert said(asked, "Ann", kind="blog") == []
    assert said(one(AllOf((Pattern("A(?=n)"), Not(Pattern("z"))))), "Ann") == [("r", "A", "PER")]


def test_functions_and_columns_give_spans() -> None:
    def names(text: str) -> object:
        return [(0, 3), (4, 6, "LOC"), Span(7, 8, "PER")]

    assert said(one(Call("f", names)), "Ann Bo X") == [("r", "Ann", "PER"), ("r", "Bo", "LOC"), ("r", "X", "PER")]
    column = SpanRules((Rule("c", Column("v", 0, LABELS)),), labels=LABELS)
    assert said(column, "Ann", v=[[[0, 3, "PER"]]]) == [("c", "Ann", "PER")]
    assert said(column, "Ann", v=[None]) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("PER", "returned a value of type 'str'"),
        (7, "returned a value of type 'int'"),
        ([(0, 99)], "no range of the text's characters"),
        ([(1, 1)], "no range of the text's characters"),
        ([(0, 1, "TOWN")], "unknown label 'TOWN'"),
        ([0], "which is no span"),
    ],
)
def test_what_a_function_gives_wrongly(value: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        said(one(Call("f", lambda text: value)), "Ann")


def test_a_rule_that_fails_is_a_fault_and_one_that_always_fails_an_error() -> None:
    def fails(text: str) -> object:
        if "x" in text:
            raise RuntimeError("no")
        return [(0, 1)]

    rules = one(Call("f", fails))
    votes = rules.apply([Example("1", "abc"), Example("2", "xyz")])
    assert [(fault.rule, fault.count, fault.example_id) for fault in votes.faults] == [("r", 1, "2")]
    with pytest.raises(UserError, match="fails on every text"):
        rules.apply([Example("2", "xyz")])
    assert rules.firings(Example("2", "xyz")) == ()


def test_a_rule_must_say_of_which_characters_it_speaks() -> None:
    with pytest.raises(UserError, match="does not say of which characters"):
        one(Length("words", at_most=3))
    with pytest.raises(UserError, match="says nothing about spans"):
        one(Pattern("a"), Prompt("{text}"))
    with pytest.raises(UserError, match="unknown label 'PRE'"):
        one(Pattern("a"), Vote("PRE"))


def test_a_higher_priority_is_heard_alone_where_rules_meet() -> None:
    rules = SpanRules(
        (
            Rule("low", Pattern("Ann|Bo"), Vote("PER")),
            Rule("high", Pattern("Ann"), Vote("LOC"), priority=1),
        ),
        labels=LABELS,
    )
    assert said(rules, "Ann, Bo") == [("high", "Ann", "LOC"), ("low", "Bo", "PER")]


def test_batched_is_one_by_one_on_nasty_texts() -> None:
    rules = SpanRules(
        (Rule("p", Pattern(r"\w*nn"), Vote("PER")), Rule("t", Terms(("ann",)), Veto("LOC"))), labels=LABELS
    )
    examples = [Example(str(n), text) for n, text in enumerate(NASTY)]
    together = rules.apply(examples)
    alone = SpanVotes.joined([rules.apply([example]) for example in examples])
    for name in ("row", "rule", "start", "end", "label"):
        assert getattr(together, name).tolist() == getattr(alone, name).tolist()
    assert together.covered.tolist() == [False, False, True, True, True, False, True]


def test_an_expression_without_end_is_a_fault() -> None:
    rules = SpanRules((Rule("r", Pattern(r"(a+)+$"), Vote("PER")),), labels=LABELS, budget=lambda size: 0.3)
    votes = rules.apply([Example("1", "a" * 40 + "b aa"), Example("2", "aa")])
    assert [fault.rule for fault in votes.faults] == ["r"]
    assert votes.row.tolist() == [1]


def test_the_table_counts_texts_and_right_votes() -> None:
    rules = SpanRules(
        (
            Rule("a", Pattern("Ann"), Vote("PER")),
            Rule("b", Pattern("Ann|Oslo"), Vote("LOC")),
            Rule("v", Pattern("Bo"), Veto("LOC")),
        ),
        labels=LABELS,
    )
    texts = [Example("1", "Ann"), Example("2", "Oslo Bo"), Example("3", "x")]
    gold = [Spans((Span(0, 3, "PER"),)), Spans((Span(0, 4, "LOC"),)), None]
    first, second, third = span_rule_rows(rules.apply(texts), gold=gold)
    assert (first.coverage, first.conflict, first.correct, first.judged) == (1 / 3, 1 / 3, 1, 1)
    assert (second.coverage, second.correct, second.judged, second.new) == (2 / 3, 1, 2, 0.5)
    assert (third.says, third.correct, third.judged) == ("vetoes LOC", 1, 1)


def test_task_files(write: Write, tmp_path: Path) -> None:
    write("train.jsonl", json.dumps({"text": "Ann", "spans": []}) + "\n")
    path = write(
        "task.yaml",
        "task: ner\nlabels: [PER]\ndata: {train: train.jsonl}\nrules:\n- {regex: '[A-Z]\\w+', vote: PER, tests: [{text: Ann}, {text: ann, expect: false}]}\n",
    )
    spec = load_task(path)
    assert spec.task.name == "ner"
    from ruletune.labeling.checks import run_tests

    assert [outcome.passed for outcome in run_tests(spec)] == [True, True]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("multi_label: true\n", "the task 'ner' knows no multi_label"),
        ("templates: ['{text} a', '{text} b']\n", "shows a text in one way"),
        ("templates: ['{text} is {mask}']\n", "fills in no {mask}"),
        ("rules: [{regex: a, prompt: '{text}'}]\n", "cannot 'prompt'"),
        ("rules: [{snorkel: 'a.py:f', vote: PER}]\n", "cannot use a rule of kind 'snorkel'"),
        ("tests: [{text: Ann, expect: PER}]\n", "knows no tests of all rules together"),
    ],
)
def test_task_files_that_ask_too_much(write: Write, more: str, message: str) -> None:
    write("train.jsonl", json.dumps({"text": "Ann", "spans": []}) + "\n")
    path = write("task.yaml", f"task: ner\nlabels: [PER]\ndata: {{train: train.jsonl}}\n{more}")
    with pytest.raises(UserError, match=message.replace("{", r"\{").replace("}", r"\}")):
        load_task(path)
