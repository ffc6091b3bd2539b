"""Rules of tasks whose answer is a text, from the task file to what they demand and how far answers keep it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruletune.config import TaskSpec, parse_task
from ruletune.errors import UserError
from ruletune.labeling.checks import run_tests
from ruletune.labeling.demand_table import demand_table, show_demands
from ruletune.labeling.demanding import Demanding
from ruletune.labeling.satisfaction import satisfaction
from ruletune.rules.base import Pattern, Rule, Vote
from ruletune.rules.demands import Say, unmet
from ruletune.types import Example, Span, Text

GLOSSARY = "# animals\ndog\tHund | Hunde*\nhot dog\tHotdog\n猫\tKatze\n"
SLOTS = (("name", "Eiji"), ("kids", "yes"), ("area", ""), ("count", "1,000"), ("near", "dont_care"))


def load(folder: Path, rules: str, task: str = "translation") -> TaskSpec:
    (folder / "terms.tsv").write_text(GLOSSARY, encoding="utf-8")
    return parse_task(
        f"task: {task}\ndata: {{train: train.tsv}}\nrules:\n{rules}", path=folder / "task.yaml", check_data=False
    )


def said(folder: Path, rules: str, example: Example, task: str = "translation") -> list[tuple[str, ...]]:
    [demands] = Demanding(load(folder, rules, task).rules).demands([example]).by_example
    return [demand.what.alternatives for demand in demands if isinstance(demand.what, Say)]


def test_the_longest_term_counts(tmp_path: Path) -> None:
    rules = load(tmp_path, "  - {glossary: terms.tsv}")
    text = "A hot dog, a DOG, 猫们."
    [demands] = Demanding(rules.rules).demands([Example("1", text)]).by_example
    assert [(demand.entry, demand.spans) for demand in demands] == [
        ("hot dog", (Span(2, 9),)),
        ("dog", (Span(13, 16),)),
        ("猫", (Span(18, 19),)),
    ]
    assert unmet(demands, Example("1", text), "Hotdog, Hunds, Katze") == (demands[1],)


def test_inflections_on_either_side(tmp_path: Path) -> None:
    assert said(tmp_path, "  - {glossary: terms.tsv, inflect: true}", Example("1", "two dogs")) == [("Hund", "Hunde*")]
    assert said(tmp_path, "  - {glossary: terms.tsv}", Example("1", "two dogs")) == []
    [forms] = said(tmp_path, "  - {always: true, require: child, inflections: true}", Example("1", "x"))
    assert forms[:2] == ("child", "children")


def test_numbers_are_copied_once_and_up_to_a_count(tmp_path: Path) -> None:
    example = Example("1", "3 dogs, 3 cats, 14 birds, 15 cows")
    assert said(tmp_path, "  - {copy: numbers}", example) == [("3",), ("14",), ("15",)]
    assert said(tmp_path, "  - {copy: numbers, most: 2, ignore: 3}", example) == [("14",), ("15",)]
    assert said(tmp_path, r"  - {copy: pattern, pattern: '\d+ cows'}", example) == [("15 cows",)]


def test_slots_are_said(tmp_path: Path) -> None:
    example = Example("1", "x", fields={"slots": SLOTS})
    rules = "  - {slots: all, say: {kids: {yes: ['kid*', child]}, area: {'?': area}}}"
    assert said(tmp_path, rules, example, "dialogue")[:3] == [("Eiji",), ("kid*", "child"), ("area",)]
    assert "1000" in said(tmp_path, rules, example, "dialogue")[3]
    assert said(tmp_path, "  - {slots: [name]}", example, "dialogue") == [("Eiji",)]
    assert said(tmp_path, "  - {slots: all, ignore: [count]}", example, "dialogue") == [("Eiji",)]
    named = "  - {slots: [name], say: {name: {'*': 'the {value}'}}}"
    assert said(tmp_path, named, example, "dialogue") == [("the Eiji",)]


def test_slots_that_no_data_has_are_a_mistake(tmp_path: Path) -> None:
    rules = Demanding(load(tmp_path, "  - {slots: all}", "dialogue").rules)
    with pytest.raises(
        UserError, match=r"task\.yaml:4: .* the data has no dialogue acts; name their column: data\.columns\.act"
    ):
        rules.demands([Example("1", "x")])
    assert rules.demands([Example("1", "x")], strict=False).by_example == [()]


def test_replies_are_filled_and_the_best_comes_first(tmp_path: Path) -> None:
    rules = load(
        tmp_path,
        "  - {field: intent, equals: inform, reply: ['{food}!', '{count} places.', 'Try {name}.']}\n"
        "  - {slots: [name]}\n  - {always: true, priority: -1, reply: Sorry?}",
        "dialogue",
    )
    examples = [
        Example("1", "x", fields={"slots": SLOTS, "intent": "inform"}),
        Example("2", "y", fields={"intent": "bye"}),
    ]
    found = Demanding(rules.rules).demands(examples)
    assert found.replies == [("Try Eiji.", "1,000 places."), ("Sorry?",)]
    assert found.fired.tolist() == [[True, True, True], [False, False, True]]


def test_firings_show_what_they_follow_from(tmp_path: Path) -> None:
    rules = Demanding(
        load(tmp_path, "  - {glossary: terms.tsv}\n  - {keywords: [cat], veto: Hund*}\n  - {copy: numbers}").rules
    )
    firings = rules.firings(Example("1", "3 dog s"))
    assert [(firing.rule, firing.spans, firing.answer) for firing in firings] == [
        ("terms", (Span(2, 5),), None),
        ("copy_3", (Span(0, 1),), None),
    ]


def test_rules_about_labels_are_refused() -> None:
    with pytest.raises(UserError, match="speaks of labels, and the answer is a text; it can require, veto or reply"):
        Demanding([Rule("a", Pattern("x"), Vote("spam"))])


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        (
            "  - {always: true, veto: Hund}\n  - {keywords: [x], require: Hund}",
            "task.yaml:5: rule 'keywords_2' requires 'Hund'",
        ),
        ("  - {always: true, veto: Hund}\n  - {keywords: [x], require: der Hund}", "vetoes 'Hund'"),
        ("  - {keywords: [x], veto: Hund}\n  - {keywords: [y, X], require: Hund}", "vetoes 'Hund'"),
        (
            "  - {keywords: [猫], veto: Katze}\n  - {glossary: terms.tsv}",
            "terms.tsv:4: rule 'terms' requires 'Katze' for '猫'",
        ),
        ("  - {always: true, veto: Hund}\n  - {keywords: [x], reply: 'Ein Hund, {name}'}", "replies 'Ein Hund, …'"),
        ("  - {answer: x}\n  - {answer: x, wanted: false}", "demands the contrary of rule 'answer_1'"),
        ("  - {answer_length: words, at_least: 9}\n  - {answer_length: words, at_most: 8}", "cannot be kept together"),
        ("  - {answer_length: words, at_least: 9, at_most: 8}", "at_least 9 is more than at_most 8"),
        ("  - {keywords: [x], require: ' '}", "'require' has an empty phrase"),
        ("  - {copy: numbers, weight: 2}", "has a weight, and demands have none"),
        ("  - {copy: numbers, priority: 2}", "has a priority, and demands all count"),
        ("  - {copy: nubmers}", "'copy' cannot be 'nubmers'; did you mean 'numbers'?"),
        ("  - {copy: pattern}", "for things of your own"),
        ("  - {all: [{copy: numbers}], require: x}", "a condition cannot be of the kind 'copy'"),
        ("  - {keywords: [x], vote: y}", "cannot 'vote'; it can say veto, require, reply"),
        ("  - {keywords: [x]}", "says nothing"),
        ("  - {keywords: [x], reply: 'a {b'}", "'{' without its partner"),
        ("  - {keywords: [x], inflections: true}", "inflections is about the phrases of require or veto"),
    ],
)
def test_what_cannot_hold_is_refused(rules: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, rules)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    "rules",
    [
        "  - {always: true, veto: Hund}\n  - {keywords: [x], require: [Hund, Katze]}",
        "  - {always: true, veto: schwarzer Hund}\n  - {keywords: [x], require: Hund}",
        "  - {always: true, veto: Hund}\n  - {keywords: [x], require: Hund*}",
        "  - {keywords: [x], veto: Hund}\n  - {keywords: [y], require: Hund}",
        "  - {always: true, veto: Hund, unless: {keywords: [x]}}\n  - {keywords: [x], require: Hund}",
        "  - {answer_length: words, at_least: 9}\n  - {answer_length: sentences, at_most: 2}",
    ],
)
def test_what_can_hold_is_allowed(rules: str, tmp_path: Path) -> None:
    assert len(load(tmp_path, rules).rules) == 2


def test_bad_lines_of_a_glossary_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "bad.tsv").write_text("dog\tHund\nDog\tKatze\ncat\n\tx\nx\t | \n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load(tmp_path, "  - {glossary: bad.tsv}")
    problems = caught.value.problems
    assert [problem.where and problem.where.line for problem in problems] == [2, 3, 4, 5]
    assert "write one line: dog TAB Hund | Katze" in str(problems[0])


def test_tests_beside_rules_look_at_the_answer(tmp_path: Path) -> None:
    rules = """
  - keywords: [dog]
    require: Hund*
    tests:
      - {text: a dog, answer: Hunde}
      - {text: a dog, answer: Katze, expect: false}
      - {text: a dog}
      - {text: a cat, expect: false}
      - {text: a cat, answer: Katze}
      - {text: a dog, answer: Katze}
"""
    outcomes = run_tests(load(tmp_path, rules))
    assert [outcome.passed for outcome in outcomes] == [True, True, True, True, False, False]
    assert outcomes[4].got == "it does not fire"
    assert outcomes[5].got == "the answer 'Katze' breaks it"


# -- how far answers keep it


def test_satisfaction_counts_rules_entries_and_answers(tmp_path: Path) -> None:
    rules = load(tmp_path, "  - {glossary: terms.tsv}\n  - {slots: [name]}\n  - {copy: numbers}", "dialogue")
    examples = [
        Example(str(n), "3 dog 猫", fields={"slots": (("name", name),)}) for n, name in enumerate(["Ann", "Bo", "Cy"])
    ]
    demanded = Demanding(rules.rules).demands(examples)
    found = satisfaction(demanded, examples, [["3 Hund Katze Ann"], ["Hund Bo"], []])
    assert [(row.rule, row.demanded, row.met) for row in found.rows] == [
        ("terms", 4, 3),
        ("slots_2", 2, 2),
        ("copy_3", 2, 1),
    ]
    assert (found.term_accuracy, found.slot_error_rate, found.copied) == (0.75, 0.0, 0.5)
    assert (found.answers, found.whole, found.share) == (2, 1, 6 / 8)
    assert [(entry.entry, entry.met, entry.demanded) for entry in found.entries][:2] == [("3", 1, 2), ("猫", 1, 2)]
    assert found.rows[0].broken[0].answer == "Hund Bo"


def test_a_function_that_fails_is_a_fault_and_not_met(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text("def f(source, answer):\n    return 1 / len(answer)\n", encoding="utf-8")
    examples = [Example("1", "a"), Example("2", "b")]
    demanded = Demanding(load(tmp_path, "  - {score: 'f.py:f', at_least: 0.1}").rules).demands(examples)
    found = satisfaction(demanded, examples, [["x"], [""]])
    assert (found.rows[0].met, found.rows[0].demanded) == (1, 2)
    assert [(fault.rule, fault.count, fault.example_id) for fault in found.faults] == [("f", 1, "2")]


def test_the_table_shows_a_wrong_line_of_a_glossary(tmp_path: Path) -> None:
    spec = load(tmp_path, "  - {glossary: terms.tsv}\n  - {keywords: [cow], require: Kuh}")
    pairs = [("dog", "ein Hund"), ("hot dog", "eine Wurst"), ("猫", "Katze"), ("bird", "Vogel")]
    examples = [Example(str(n), text, answer=Text(target)) for n, (text, target) in enumerate(pairs)]
    found = demand_table(spec, examples)
    assert [(row.name, row.coverage, row.kept, row.judged) for row in found.rows] == [
        ("terms", 0.75, 2, 3),
        ("keywords_2", 0.0, 0, 0),
    ]
    assert [(row.entry, row.kept, row.judged) for row in found.entries] == [("hot dog", 0, 1)]
    assert (found.texts, found.references, found.coverage, found.whole) == (4, 4, 0.75, 3)
    shown = show_demands(spec, 0, written="", view="wrong", examples=examples)
    assert [(text.id, text.kept, text.spans) for text in shown.texts] == [("1", False, ((0, 7),))]
    with pytest.raises(UserError, match="demands have no conflicts"):
        show_demands(spec, 0, written="", view="conflicts", examples=examples)


def test_one_of_several_references_is_enough(tmp_path: Path) -> None:
    spec = load(tmp_path, "  - {keywords: [dog], require: Hund}")
    example = Example("1", "dog", answer=Text("Köter"), alternatives=(Text("Hund"),))
    assert demand_table(spec, [example]).rows[0].kept == 1
