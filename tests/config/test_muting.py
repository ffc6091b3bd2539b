"""Rules that are checked and say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruletune.config import TaskSpec, load_task, parse_task, to_yaml
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.checks import run_tests
from ruletune.labeling.demanding import Demanding
from ruletune.labeling.span_apply import SpanRules
from ruletune.pipeline.relocate import relocated
from ruletune.rules import KINDS
from ruletune.types import Example
from tests.config.conftest import BASE, Parse, Problems


def says(spec: TaskSpec, *texts: str) -> list[list[int]]:
    examples = [Example(str(n), text) for n, text in enumerate(texts)]
    found: list[list[int]] = RuleSet(spec.rules, labels=spec.labels).apply(examples).matrix.tolist()
    return found


def test_every_kind_of_entry_can_be_muted() -> None:
    assert all("muted" in entry.model_fields for entry in KINDS.values())


def test_a_muted_rule_says_nothing_and_is_known(parse: Parse) -> None:
    spec = parse(f"{BASE}rules:\n  - {{keywords: [a], vote: ham, muted: true}}\n  - {{keywords: [b], vote: spam}}\n")
    assert [rule.name for rule in spec.rules] == ["keywords_2"]
    assert spec.muted == ("keywords_1",)
    assert [(rule.name, rule.entry, rule.muted) for rule in spec.written] == [
        ("keywords_1", 1, True),
        ("keywords_2", 2, False),
    ]


def test_an_entry_of_many_rules_is_muted_as_a_whole(parse: Parse, folder: Path) -> None:
    (folder / "rules.tsv").write_text("ham\ta\nspam\tb\n", encoding="utf-8")
    spec = parse(f"{BASE}rules: [{{table: rules.tsv, muted: true}}]\n")
    assert spec.rules == ()
    assert spec.muted == ("rules:1", "rules:2")


def test_a_muted_rule_is_still_checked(problems: Problems) -> None:
    source = (
        f"{BASE}rules:\n  - {{regex: '(', vote: ham, muted: true}}\n  - {{keywords: [a], vote: hum, muted: true}}\n"
    )
    found = problems(source)
    assert len(found) == 2
    assert found[0].startswith("task.yaml:5: ") and found[1].startswith("task.yaml:6: unknown label 'hum'")


@pytest.mark.parametrize("value", ["1", "yes", "'true'", "[]"])
def test_muted_is_true_or_false(problems: Problems, value: str) -> None:
    [found] = problems(f"{BASE}rules:\n  - {{keywords: [a], vote: ham, muted: {value}}}\n")
    assert found == "task.yaml:5: 'muted' must be true or false"


REFERRED = """rules:
  - {name: greets, keywords: [hello], vote: ham, priority: 3, muted: true, tests: [{text: hello, expect: ham}]}
  - {name: shouts, casing: upper, at_least: 0.9}
  - {name: loud hello, all: [greets, shouts], vote: spam}
"""


def test_the_condition_of_a_muted_rule_counts_where_another_refers_to_it(parse: Parse) -> None:
    spec = parse(BASE + REFERRED)
    assert [(rule.name, rule.says is None) for rule in spec.rules] == [
        ("greets", True),
        ("shouts", True),
        ("loud hello", False),
    ]
    assert [row[2] for row in says(spec, "HELLO", "hello", "OH")] == [1, -1, -1]
    assert run_tests(spec) == ()


def test_helpers_of_muted_rules_alone_go_with_them(parse: Parse) -> None:
    spec = parse(BASE + REFERRED.replace("vote: spam}", "vote: spam, muted: true}"))
    assert spec.rules == ()
    assert spec.muted == ("greets", "loud hello")


def test_exceptions_of_a_muted_rule_count_too(parse: Parse) -> None:
    spec = parse(f"""{BASE}rules:
  - {{name: a, keywords: [x], unless: [{{keywords: [y]}}], vote: ham, muted: true}}
  - {{name: b, keywords: [z], unless: a, vote: spam}}
""")
    assert [row[1] for row in says(spec, "z", "z x", "z x y")] == [1, -1, 1]


def test_a_muted_function_that_names_labels_is_a_condition(parse: Parse, folder: Path) -> None:
    (folder / "f.py").write_text("def f(text): return 'ham' if 'x' in text else None\n", encoding="utf-8")
    spec = parse(f"""{BASE}rules:
  - {{name: f, function: 'f.py:f', muted: true}}
  - {{name: b, keywords: [z], unless: f, vote: spam}}
""")
    assert says(spec, "z", "z x") == [[-1, 1], [0, -1]]
    assert [rule.sign for rule in spec.rules] == [0, 1]


def test_tests_of_the_file_about_a_muted_rule_are_not_run(parse: Parse) -> None:
    spec = parse(f"""{BASE}rules: [{{name: a, keywords: [x], vote: ham, muted: true}}, {{name: b, keywords: [x], vote: ham}}]
tests: [{{text: x, expect: spam, rule: a}}, {{text: x, expect: ham, rule: b}}, {{text: x, expect: ham}}]
""")
    assert [outcome.passed for outcome in run_tests(spec)] == [True, True]


def test_muting_ends_a_contradiction() -> None:
    head = "task: translation\ndata: {train: t.jsonl}\n"
    rules = "rules:\n  - {name: a, always: true, require: Hund}\n  - {name: b, always: true, veto: Hund, muted: true}\n"
    spec = parse_task(head + rules, path=Path("task.yaml"), check_data=False)
    assert Demanding(spec.rules).demands([Example("1", "dog")]).fired.tolist() == [[True]]


def test_spans_hear_no_muted_rule() -> None:
    source = """task: ner
labels: [LOC]
data: {train: t.jsonl}
rules:
  - {name: towns, keywords: [Paris], vote: LOC, muted: true}
  - {name: in town, all: [towns, {regex: 'in (?P<entity>[A-Z]\\w+)'}], vote: LOC}
"""
    spec = parse_task(source, path=Path("task.yaml"), check_data=False)
    firings = SpanRules(spec.rules, labels=spec.labels).firings(Example("1", "in Paris"))
    assert [firing.rule for firing in firings] == ["in town"]


def test_a_muted_rule_of_one_half_is_a_condition_in_the_other() -> None:
    source = """task: understanding
intents: [Play, Weather]
slots: [artist]
data: {train: t.jsonl}
rules:
  - {name: plays, keywords: [play], vote: Play, muted: true}
  - {name: by, all: [{regex: 'by (?P<entity>\\w+)'}, plays], vote: artist}
"""
    intents, slots = parse_task(source, path=Path("task.yaml"), check_data=False).halves
    assert intents.rules == ()
    assert [(rule.name, rule.sign) for rule in slots.rules] == [("plays", 0), ("by", 1)]
    assert [(rule.name, rule.entry) for rule in slots.written] == [("plays", 1), ("by", 2)]
    assert parse_task(to_yaml(intents), path=Path("task.yaml"), check_data=False).muted == ("plays",)


def test_the_resolved_file_and_the_run_folder_keep_the_key(parse: Parse, folder: Path) -> None:
    spec = parse(
        f"{BASE}rules:\n  - {{gazetteer: spam.txt, vote: spam, muted: true}}\n  - {{keywords: [b], vote: ham}}\n"
    )
    assert parse(to_yaml(spec)).muted == spec.muted
    run = folder / "run"
    run.mkdir()
    (run / "task.yaml").write_text(to_yaml(relocated(spec, run)), encoding="utf-8")
    kept = load_task(run / "task.yaml")
    assert kept.muted == ("gazetteer_1",)
    assert [rule.name for rule in kept.rules] == ["keywords_2"]
