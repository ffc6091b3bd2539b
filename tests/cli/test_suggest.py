"""The command that suggests rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from ruletune.cli import suggesting
from ruletune.config import load_task
from ruletune.errors import UserError
from tests.model_fixtures import texts

SOURCE = """\
# a task
task: classification
labels: [good, bad]
data: {train: train.jsonl, split: {test: 0.0}}
rules:  # mine
  - name: praise   # a start
    keywords: [superb]
    vote: good

seed: 3  # the end
"""


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    lines = []
    for number, example in enumerate(texts(300, seed=1)):
        answer = getattr(example.answer, "names", ("",))[0]
        lines.append(json.dumps({"text": example.text, "label": answer if number < 24 else None}))
    (tmp_path / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "task.yaml").write_text(SOURCE, encoding="utf-8")
    return tmp_path / "task.yaml"


def run(task: Path, capsys: pytest.CaptureFixture[str], **options: object) -> str:
    settings: dict[str, object] = {
        "rule": None, "count": 20, "label": None, "min_precision": 0.7, "accept": None, "fast": True, "limit": 5000, "json": False,
    }  # fmt: skip
    suggesting.suggest(task, **(settings | options))  # type: ignore[arg-type]
    return capsys.readouterr().out


def test_a_list_for_people(reviews: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(reviews, capsys, count=3)
    assert "expected precision" in shown and "vote:" in shown and "--accept" in shown
    assert reviews.read_text("utf-8") == SOURCE


def test_a_list_for_programs(reviews: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(run(reviews, capsys, json=True, label=["bad"]))
    assert found["suggestions"] and found["gold"] == 24 and found["texts"] == 300
    for one in found["suggestions"]:
        assert one["label"] == "bad"
        assert 0 <= one["figures"]["low"] <= one["figures"]["precision"] <= one["figures"]["high"] <= 1
        assert one["figures"]["precision"] >= 0.7


def test_accepting_writes_what_was_listed(reviews: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(run(reviews, capsys, json=True))["suggestions"]
    accepted = json.loads(run(reviews, capsys, json=True, accept="2,1"))
    assert accepted["accepted"] == [2, 1]
    spec = load_task(reviews)
    assert [rule.name for rule in spec.rules] == ["praise", listed[1]["name"], listed[0]["name"]]
    head, _, tail = SOURCE.partition("    vote: good\n")
    assert spec.source.startswith(head) and spec.source.endswith(tail)


def test_after_accepting_all_the_names_stay_unique(reviews: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        run(reviews, capsys, accept="all")
    names = [rule.name for rule in load_task(reviews).rules]
    assert len(names) == len(set(names)) > 2


def test_the_prompt(reviews: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggesting, "_is_interactive", lambda: True)
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: "1")
    assert "Wrote 1" in run(reviews, capsys)
    assert len(load_task(reviews).rules) == 2


@pytest.mark.parametrize("answer", ["0", "99", "x", "1-", "3-2", "-1"])
def test_numbers_that_there_are_not(reviews: Path, capsys: pytest.CaptureFixture[str], answer: str) -> None:
    with pytest.raises(UserError):
        run(reviews, capsys, accept=answer)
    assert reviews.read_text("utf-8") == SOURCE


def test_changes_to_a_rule(reviews: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(run(reviews, capsys, rule="praise", json=True))["suggestions"]
    assert any("add" in one["reason"] for one in found)
    first = found[0]
    assert first["before"]["coverage"] < first["figures"]["coverage"]
    run(reviews, capsys, rule="praise", accept="1")
    (rule,) = load_task(reviews).rules
    assert rule.name == "praise"
    assert len(load_task(reviews).source.splitlines()) == len(SOURCE.splitlines())


def test_a_table_is_not_changed(reviews: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reviews.write_text(SOURCE + "tests: []\n", encoding="utf-8")
    (reviews.parent / "words.txt").write_text("superb\n", encoding="utf-8")
    reviews.write_text(SOURCE.replace("keywords: [superb]", "gazetteer: words.txt"), encoding="utf-8")
    with pytest.raises(UserError, match="regex or keywords"):
        run(reviews, capsys, rule="praise")
