"""Rules that speak of spans: the texts behind their numbers, and what a change of them changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruletune.config import TaskSpec, parse_task
from ruletune.errors import UserError
from ruletune.labeling.diff import diff
from ruletune.labeling.show import show
from ruletune.report.rules import Diff, View
from ruletune.report.terminal import rule_diff, shown_rule
from ruletune.types import Example, Span, Spans
from tests.labeling.test_show import printed

HEAD = "task: ner\nlabels: [ORG, PER]\ndata: {train: train.jsonl}\nrules:\n"
CAPS = "  - {name: caps, shape: [Xx+ Xx+], vote: ORG}\n"
TITLE = "  - {name: title, trigger: [Mr], right: 2, vote: PER}\n"
COMMA = "  - {name: comma, keywords: [','], link: apart}\n"
NEVER = "  - {name: never, keywords: [Foo], veto: PER}\n"
TEXTS = [
    Example("1", "Bo Ltd hired Mr. Lee Orr", answer=Spans((Span(0, 6, "ORG"), Span(17, 24, "PER")))),
    Example("2", "Foo Ltd , Bar Ltd", answer=Spans((Span(0, 7, "ORG"),))),
    Example("3", "nothing", answer=Spans(())),
    Example("4", "😀 Ann", answer=Spans((Span(2, 5, "ORG"),))),
    Example("5", "Foo Inc"),
]


def task(folder: Path, rules: str, name: str = "task") -> TaskSpec:
    return parse_task(HEAD + rules, path=folder / f"{name}.yaml", check_data=False)


@pytest.mark.parametrize(
    ("rule", "view", "behind"),
    [
        ("caps", "fires", {"1": [(0, 6), (17, 24)], "2": [(0, 7), (10, 17)], "5": [(0, 7)]}),
        ("caps", "conflicts", {"1": [(17, 24)]}),
        ("caps", "overlaps", {"1": [(17, 24)]}),
        ("caps", "alone", {"1": [(0, 6)], "2": [(0, 7), (10, 17)], "5": [(0, 7)]}),
        ("caps", "right", {"1": [(0, 6)], "2": [(0, 7)]}),
        ("caps", "wrong", {"1": [(17, 24)], "2": [(10, 17)]}),
        ("caps", "uncovered", {"4": [], "3": []}),
        ("caps", "faults", {}),
        ("title", "right", {"1": [(17, 24)]}),
        ("comma", "fires", {"2": [(8, 9)]}),
        ("never", "right", {"2": [(0, 3)]}),
    ],
)
def test_the_votes_behind_each_number(
    tmp_path: Path, rule: str, view: View, behind: dict[str, list[tuple[int, int]]]
) -> None:
    found = show(task(tmp_path, CAPS + TITLE + COMMA + NEVER), rule, view=view, examples=TEXTS)
    assert {text.id: list(text.spans) for text in found.texts} == behind
    assert list(behind) == [text.id for text in found.texts]
    assert found.found == len(behind)


def test_what_is_shown_beside(tmp_path: Path) -> None:
    found = show(task(tmp_path, CAPS + TITLE + COMMA + NEVER), "caps", view="wrong", count=1, examples=TEXTS)
    assert found.found == 2
    [text] = found.texts
    assert text.says == "Bo Ltd (ORG), Lee Orr (ORG)"
    assert text.others == (("title", "Lee Orr (PER)"),)
    assert text.gold == "Bo Ltd (ORG), Lee Orr (PER)"
    assert found.written == CAPS.strip()
    assert "Lee Orr (PER)" in printed(shown_rule(found))


def test_a_rule_that_fails(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def bad(text):\n    raise RuntimeError('oh')\n", encoding="utf-8")
    spec = task(tmp_path, "  - {name: bad, function: 'bad.py:bad', vote: PER}\n")
    with pytest.raises(UserError, match="fails on every text"):
        show(spec, "bad", examples=TEXTS)
    found = show(spec, "bad", view="faults", examples=TEXTS)
    assert found.found == len(TEXTS)
    assert "RuntimeError: oh" in found.failure


def compared(folder: Path, old: str, new: str) -> Diff:
    return diff(task(folder, old, "old"), task(folder, new, "new"), examples=TEXTS)


def test_entities_that_a_change_brings_and_loses(tmp_path: Path) -> None:
    found = compared(tmp_path, CAPS + TITLE, CAPS.replace("shape: [Xx+ Xx+]", "regex: '[A-Z]\\w+ Ltd'") + NEVER)
    assert [(c.name, c.kind, c.parts, c.gained, c.lost, c.turned) for c in found.rules] == [
        ("caps", "changed", ("condition",), 0, 1, 1),
        ("never", "added", (), 2, 0, 0),
        ("title", "removed", (), 0, 1, 0),
    ]
    assert sorted(found.labels) == [("ORG", "nothing", 1), ("PER", "nothing", 1)]
    assert (found.votes, found.judged, found.covered) == (3, 4, (0.6, 0.4))
    assert found.right == (2, 1)
    first = found.changed[0]
    assert (first.id, first.before, first.after) == ("1", "Bo Ltd (ORG), Lee Orr (PER)", "Bo Ltd (ORG)")
    assert first.votes[-1] == ("title", "Lee Orr (PER)", "nothing")
    assert "and 2 entities" in printed(rule_diff(found))


def test_the_same_rules_change_nothing(tmp_path: Path) -> None:
    found = compared(tmp_path, CAPS + COMMA, COMMA + CAPS)
    assert (found.rules, found.labels, found.changed) == ((), (), ())


def test_tasks_of_two_kinds_are_not_compared(tmp_path: Path) -> None:
    other = parse_task(
        "task: classification\nlabels: [ORG, PER]\ndata: {train: train.jsonl}\n",
        path=tmp_path / "c.yaml",
        check_data=False,
    )
    with pytest.raises(UserError, match="is of the task 'classification'"):
        diff(other, task(tmp_path, CAPS), examples=TEXTS)


READING = "task: qa\ndata: {train: train.jsonl}\nrules:\n"
WHO = "  - {name: who, question: who, type: person, vote: answer}\n"
SAME = "  - {name: same, sentence: words, vote: answer}\n"
ASKED = [
    Example("1", "Ada Roe left. Bo Lee came.", "Who came?", Spans((Span(14, 20),)), alternatives=(Spans((Span(17, 20),)),)),
    Example("2", "It rained.", "Who came?", Spans(())),
    Example("3", "Cy Orr came.", "Who came?"),
]  # fmt: skip


def test_rules_of_questions_are_shown_with_the_question(tmp_path: Path) -> None:
    task = parse_task(READING + WHO + SAME, path=tmp_path / "task.yaml", check_data=False)
    found = show(task, "who", examples=ASKED)
    assert [text.asked for text in found.texts] == ["Who came?", "Who came?"]
    assert found.texts[0].gold == "Bo Lee or Lee"
    assert "Who came?" in printed(shown_rule(found))
    assert [text.id for text in show(task, "who", view="right", examples=ASKED).texts] == ["1"]
    assert [text.id for text in show(task, "same", view="uncovered", examples=ASKED).texts] == ["2"]


def test_a_change_of_rules_about_questions_changes_answers(tmp_path: Path) -> None:
    old, new = (
        parse_task(READING + rules, path=tmp_path / f"{name}.yaml", check_data=False)
        for name, rules in (("old", SAME), ("new", WHO + SAME))
    )
    found = diff(old, new, examples=ASKED)
    assert found.shape == "passage"
    assert found.judged == 2
    assert found.right[1] >= found.right[0]
    assert {text.asked for text in found.changed} == {"Who came?"}
    assert sum(times for _, _, times in found.labels) == sum(text.before != text.after for text in found.changed)
    assert "the answer on" in printed(rule_diff(found))
