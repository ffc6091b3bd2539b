"""Drafts, texts and the table of a task whose answer is a label: what is shown is what applying all rules gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ruletune.config import parse_task
from ruletune.config.drafting import with_draft
from ruletune.errors import UserError
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.corpus import gold_matrix
from ruletune.labeling.table import rule_table, table_of
from ruletune.types import Label
from ruletune.workbench.live import Live
from ruletune.workbench.values import SupersededError, to_json
from tests.workbench.projects import LABELS_TASK, Fixed, nowhere, write_rows

TEXTS = [
    ("You win a prize", "spam"),
    ("hello old friend", "ham"),
    ("cash now, hello", None),
    ("nothing at all 这很好 🎉", None),
    ("WIN big cash", "ham"),
]


@pytest.fixture
def project(tmp_path: Path) -> Fixed:
    write_rows(tmp_path / "train.jsonl", [{"text": text, "label": label} for text, label in TEXTS])
    write_rows(tmp_path / "more.jsonl", [{"text": f"hello {n}"} for n in range(5)] + [{"text": "x" * 3000 + " cash"}])
    return Fixed(tmp_path / "task.yaml", LABELS_TASK)


@pytest.fixture
def live(project: Fixed) -> Live:
    return Live(project)  # not started: nothing goes on behind


def test_the_table_is_that_of_the_rules_command(live: Live, project: Fixed) -> None:
    found, expected = live.numbers(), rule_table(project.spec)
    assert found.table.rows == expected.rows
    assert (found.table.texts, found.table.gold, found.table.coverage, found.table.overlap, found.table.conflict) == (
        expected.texts, expected.gold, expected.coverage, expected.overlap, expected.conflict,
    )  # fmt: skip
    assert found.totals.judged == 3 and found.totals.right == 2 / 3
    assert found.shares == {"ham": 6 / 9, "spam": 3 / 9} or sum(found.shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("draft", "position"),
    [
        ("{regex: 'n.t', vote: ham}", None),
        ("{name: prize, keywords: [win], veto: spam}", 0),
        ("{regex: z, vote: ham}", 2),
    ],
)
def test_a_draft_gives_what_the_saved_rule_gives_exactly(
    live: Live, project: Fixed, draft: str, position: int | None
) -> None:
    trial = live.trial(draft, position)
    assert not trial.problems
    spec = with_draft(project.spec, draft, position=position)
    examples = [live.example(row.id) for row in live.texts(limit=100).rows]
    votes = RuleSet(spec.rules, labels=spec.labels).apply(examples)
    expected = table_of(spec, votes, gold_matrix(examples, spec.labels))
    assert trial.rows == tuple(row for row in expected.rows if row.name == spec.rules[position or -1].name) or (
        trial.rows == (expected.rows[position or 0],)
    )
    assert trial.after is not None and trial.after.coverage == expected.coverage
    assert (trial.after.overlap, trial.after.conflict) == (expected.overlap, expected.conflict)
    assert trial.before == live.numbers().totals


def test_texts_that_gain_lose_and_turn(live: Live) -> None:
    trial = live.trial("{regex: nothing, vote: ham}")
    assert (trial.gained, trial.lost, trial.turned, trial.matched) == (1, 0, 0, 1)
    [row] = trial.matches
    assert row.text.startswith("nothing") and row.weak is not None and row.weak.answer == "ham"
    assert [(f.rule, f.label, f.spans) for f in row.firings] == [("regex_4", "ham", ((0, 7),))]
    assert live.trial("{name: prize, keywords: [nowhere], vote: spam}", 0).lost == 1
    assert live.trial("{name: prize, keywords: [prize, win], vote: ham}", 0).turned == 2


def test_tests_beside_the_draft_are_run(live: Live) -> None:
    trial = live.trial("regex: a\nvote: ham\ntests:\n  - {text: b, expect: false}\n  - text: b\n    expect: ham")
    assert [(test.ok, test.expect, test.line) for test in trial.tests] == [(True, False, 4), (False, "ham", 5)]


@pytest.mark.parametrize(
    "draft",
    ["", "regex: '('", "{regex: a}", "{regex: a, vote: no}", "]", "x" * 100_000, "{function: 'os:remove', vote: ham}", "{gazetteer: /etc/passwd, vote: ham}"],
)  # fmt: skip
def test_what_is_wrong_with_a_draft_is_said(live: Live, draft: str) -> None:
    trial = live.trial(draft)
    assert trial.problems and trial.before is None and not trial.rows
    assert to_json(trial)["problems"][0]["message"]


def test_a_draft_that_works_without_end_is_stopped(live: Live, tmp_path: Path) -> None:
    write_rows(tmp_path / "more.jsonl", [{"text": "a" * 40 + "!"}, {"text": "b"}])
    trial = live.trial("{regex: '^(a|a)*(?=b)$', vote: ham}")
    assert trial.problems or trial.rows[0].faults  # type: ignore[union-attr]
    assert trial.seconds < 60


def test_only_the_newest_draft_is_worked_out(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.numbers()
    bench = live._now().bench
    votes = bench._votes  # type: ignore[attr-defined]

    def slow(rules: object) -> object:
        monkeypatch.setattr(bench, "_votes", votes)
        assert live.trial("{regex: b, vote: ham}").matched  # it comes while the first is worked on
        return votes(rules)

    monkeypatch.setattr(bench, "_votes", slow)
    with pytest.raises(SupersededError):
        live.trial("{regex: a, vote: ham}")


def test_filters(live: Live) -> None:
    def found(**options: object) -> list[str]:
        return [row.text[:12] for row in live.texts(**options).rows]  # type: ignore[arg-type]

    assert live.texts().total == 11
    assert found(which="labelled") == ["You win a pr", "hello old fr", "WIN big cash"]
    assert found(which="uncovered") == ["nothing at a"]
    assert found(which="conflict") == ["cash now, he"]
    assert found(which="wrong") == ["WIN big cash"]
    assert found(rule="prize") == ["You win a pr", "WIN big cash"]
    assert found(rule="none of that name") == []
    assert found(label="ham", which="labelled") == ["hello old fr", "WIN big cash"]
    assert found(query="HELLO O") == ["hello old fr"]
    assert found(query="/^hello [0-2]$/") == ["hello 0", "hello 1", "hello 2"]
    assert found(query="这很") == ["nothing at a"]
    assert found(offset=2, limit=1) == ["cash now, he"]
    assert found(offset=-5, limit=-1) == []
    assert found(which="disagree") == []


@pytest.mark.parametrize("query", ["/(/", "/(a+)+\\1$/"])
def test_wrong_and_endless_expressions_are_refused(live: Live, query: str) -> None:
    with pytest.raises(UserError):
        live.texts(query=query)


def test_a_long_text_is_cut_around_what_fires(live: Live) -> None:
    row = live.texts(rule="cash").rows[-1]
    assert row.cut and len(row.text) == 2000 and row.offset == 1005
    assert row.text[slice(*row.firings[0].spans[0])] == "cash"


def test_ids_are_unique_and_lead_back(live: Live) -> None:
    rows = live.texts(limit=100).rows
    assert len({row.id for row in rows}) == 11
    assert {row.part for row in rows} == {"train", "unlabeled"}
    assert all(live.text(row.id) == row for row in rows)
    with pytest.raises(UserError):
        live.text("no such text")


def test_labels_given_by_hand_count_at_once_and_can_be_taken_back(live: Live, project: Fixed) -> None:
    row = live.texts(query="nothing").rows[0]
    assert row.gold is None and not row.hand
    project.label(row.id, Label.of("spam"))
    again = live.text(row.id)
    assert again.gold == "spam" and again.hand and live.counts == {"texts": 11, "gold": 4, "hand": 1}
    project.label(row.id, None)
    assert live.text(row.id).gold is None and live.counts["hand"] == 0


def test_a_changed_rule_is_heard_and_others_are_not_matched_again(live: Live, project: Fixed) -> None:
    before = live.numbers()
    project.write(LABELS_TASK.replace("keywords: [prize, win]", "keywords: [prize]"))
    after = live.numbers()
    assert after.revision != before.revision
    assert after.table.rows == rule_table(project.spec).rows


def test_a_muted_rule_is_silent(live: Live, project: Fixed) -> None:
    project.write(LABELS_TASK.replace("regex: cash,", "regex: cash, muted: true,"))
    assert [row.name for row in live.numbers().table.rows] == ["prize", "hello"]
    assert live.trial("{name: cash, regex: cash, vote: spam}", 2).gained == 1


def test_other_labels_or_data_are_read_anew(live: Live, project: Fixed, tmp_path: Path) -> None:
    live.numbers()
    write_rows(tmp_path / "other.jsonl", [{"text": "hello", "label": "eggs"}])
    project.write(LABELS_TASK.replace("train.jsonl", "other.jsonl").replace("spam: unwanted", "spam: no, eggs: x"))
    assert live.texts().total == 7


def test_several_labels_at_once(tmp_path: Path) -> None:
    texts = [{"text": "hello prize", "label": ["ham", "spam"]}, *[{"text": "none", "label": []}] * 3, {"text": "cash"}]
    write_rows(tmp_path / "train.jsonl", texts)
    source = LABELS_TASK.replace("data:", "multi_label: true\ndata:").replace(", unlabeled: more.jsonl", "")
    live = Live(Fixed(tmp_path / "task.yaml", source))
    rows = live.texts().rows
    assert rows[0].gold == ["ham", "spam"] and rows[1].gold == []
    assert rows[4].weak is not None and rows[4].weak.answer == ["spam"]
    trial = live.trial("{regex: cash, vote: ham}")
    assert (trial.gained, trial.lost, trial.turned) == (0, 0, 1)


def test_a_task_without_rules_or_labels(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.jsonl", [{"text": "hello"}])
    live = Live(Fixed(tmp_path / "task.yaml", "task: classification\nlabels: [a, b]\ndata: {train: train.jsonl}\n"))
    numbers = live.numbers()
    assert numbers.totals.coverage == 0 and numbers.totals.right is None and numbers.totals.believed is None
    assert live.trial("{regex: h, vote: a}").gained == 1


def test_a_file_of_two_tasks_is_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.jsonl", [{"text": "hello"}])
    source = "task: understanding\nintents: [a, b]\nslots: [c]\ndata: {train: train.jsonl}\n"
    with pytest.raises(UserError, match="workbench"):
        Live(Fixed(tmp_path / "task.yaml", source))


def test_the_fit_of_a_draft_is_the_plain_fit_bit_by_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = ["prize", "hello", "cash", "nothing", "win"]
    rows = [
        {"text": " ".join(rng.choice(words, 3)), "label": ["ham", "spam"][n % 2] if n < 20 else None}
        for n in range(300)
    ]
    write_rows(tmp_path / "train.jsonl", rows)  # type: ignore[arg-type]
    write_rows(tmp_path / "more.jsonl", [{"text": "hello"}])
    live = Live(Fixed(tmp_path / "task.yaml", LABELS_TASK))
    trial = live.trial("{regex: 'hello|nothing', vote: ham}")
    spec = parse_task(LABELS_TASK + "  - {regex: 'hello|nothing', vote: ham}\n", path=tmp_path / "task.yaml")
    assert nowhere(trial.rows) == nowhere(rule_table(spec).rows[-1:])
