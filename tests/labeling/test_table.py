"""From a task file and its data to the rule table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ruletune.config import TaskSpec, parse_task
from ruletune.errors import UserError
from ruletune.labeling.corpus import corpus, gold_matrix, read_part
from ruletune.labeling.table import rule_table
from ruletune.types import Example, Label

TASK = """
task: classification
labels: [ham, spam]
data: {train: train.csv, unlabeled: pool.txt, validation: test.jsonl}
rules:
  - {name: prize, keywords: [prize], vote: spam, weight: 2}
  - {name: free, regex: free, vote: spam}
  - {name: thanks, keywords: [thanks, 谢谢], vote: ham}
  - {name: silent, keywords: [nothing], vote: ham}
"""

FILES = {
    "train.csv": "text,label\nfree prize,spam\nthanks for the prize,ham\nhello,\n",
    "pool.txt": "谢谢\nfree\nno rule here\n",
    "test.jsonl": '{"text": "thanks", "label": 0}\n{"text": "free thanks", "label": "spam"}\n',
}

Load = Callable[[str], TaskSpec]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return lambda source: parse_task(source, path=tmp_path / "task.yaml")


def test_every_part_is_read_in_its_own_format(load: Load) -> None:
    examples = corpus(load(TASK))
    assert [(e.text, e.answer and str(e.answer)) for e in examples] == [
        ("free prize", "spam"), ("thanks for the prize", "ham"), ("hello", None),
        ("谢谢", None), ("free", None), ("no rule here", None),
        ("thanks", "ham"), ("free thanks", "spam"),
    ]  # fmt: skip


def test_columns_are_the_tasks(load: Load, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("key,body,other,y\nk1,a,b,1\n", encoding="utf-8")
    columns = "columns: {text: body, text_pair: other, label: y, id: key}, "
    spec = load(
        f"task: classification\nlabels: [ham, spam]\ndata: {{{columns}train: train.csv, unlabeled: pool.txt}}\n"
    )
    assert read_part(spec, "train.csv") == [Example("k1", "a", "b", Label.of("spam"))]
    assert [example.text for example in read_part(spec, "pool.txt")] == ["谢谢", "free", "no rule here"]


def test_gold_is_known_or_not() -> None:
    examples = [Example("1", "a", answer=Label.of("x", "z")), Example("2", "b"), Example("3", "c", answer=Label.of())]
    np.testing.assert_array_equal(gold_matrix(examples, "xyz"), [[1, 0, 1], [np.nan] * 3, [0, 0, 0]])
    assert gold_matrix([], "xyz").shape == (0, 3)


def test_the_table_counts_all_texts(load: Load) -> None:
    table = rule_table(load(TASK))
    assert (table.texts, table.gold) == (8, 4)
    assert (table.coverage, table.overlap, table.conflict) == (6 / 8, 3 / 8, 2 / 8)
    rows = {row.name: row for row in table.rows}
    assert list(rows) == ["prize", "free", "thanks", "silent"]
    assert [(r.coverage, r.overlap, r.conflict) for r in table.rows] == [
        (2 / 8, 2 / 8, 1 / 8),
        (3 / 8, 2 / 8, 1 / 8),
        (4 / 8, 2 / 8, 2 / 8),
        (0, 0, 0),
    ]
    assert [(row.correct, row.judged) for row in table.rows] == [(1, 2), (2, 2), (2, 3), (0, 0)]
    assert rows["free"].where.endswith("task.yaml:7") and rows["free"].kind == "regex"
    assert rows["prize"].labels == ("spam",)
    assert rows["free"].estimated is not None and rows["prize"].estimated is not None
    assert rows["free"].estimated > rows["prize"].estimated


def test_the_table_of_other_texts(load: Load) -> None:
    done: list[tuple[int, int]] = []
    table = rule_table(load(TASK), [Example("1", "free"), Example("2", "x")], progress=lambda *n: done.append(n))
    assert (table.texts, table.gold, table.coverage, table.conflict) == (2, 0, 0.5, 0.0)
    assert done[-1] == (2, 2)
    assert rule_table(load(TASK), []).coverage == 0.0


def test_a_task_without_rules_has_an_empty_table(load: Load) -> None:
    table = rule_table(load(TASK.partition("rules:")[0]))
    assert (table.rows, table.coverage, table.overlap, table.conflict) == ((), 0.0, 0.0, 0.0)


def test_the_table_shows_itself_and_user_text_is_inert(load: Load) -> None:
    shown = rule_table(load(TASK.replace("name: free", "name: '<script>alert(1)</script>'")))._repr_html_()
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "thanks" in shown


def test_the_page_says_what_a_rule_says_and_whether_it_is_new(load: Load) -> None:
    more = "  - {name: again, keywords: [free], vote: spam}\n  - {name: no, keywords: [prize], veto: ham}\n"
    pool = [Example(str(n), "free prize") for n in range(4)]
    shown = rule_table(load(TASK + more), pool)._repr_html_()
    assert "<td>vetoes ham</td>" in shown and shown.count("nothing new: ") == 2
    assert shown.count("<small>nothing new: prize</small>") == 2, "of those that are equal the first one stays"


def test_bad_data_is_told(load: Load, tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"text": "a", "label": "spma"}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"test\.jsonl:1: unknown label 'spma'; did you mean 'spam'\?"):
        rule_table(load(TASK))


def test_the_test_file_is_not_looked_at(load: Load) -> None:
    assert len(corpus(load(TASK.replace("validation:", "test:")))) == len(corpus(load(TASK))) - 2
