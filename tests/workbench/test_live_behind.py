"""What goes on behind: embedding, estimates, what to label next, suggestions. With a checkpoint of two layers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ruletune.types import Label
from ruletune.workbench.live import Live
from ruletune.workbench.suggesting import Refused
from tests.model_fixtures import checkpoint, texts, write_task  # noqa: F401 - a fixture
from tests.workbench.projects import Fixed, News


@pytest.fixture
def project(tmp_path: Path, checkpoint: Path) -> Fixed:  # noqa: F811
    task = write_task(tmp_path, checkpoint)
    rows = [{"text": f"{e.text} {n}", "label": str(e.answer)} for n, e in enumerate(texts(24, seed=1))]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Fixed(task, task.read_text("utf-8"))


def test_estimates_come_behind_and_follow_the_rules(project: Fixed) -> None:
    with Live(project) as live:
        news = News(live)
        news.wait(
            lambda: live.ready["embedded"] == 1.0 and (e := live.numbers().estimate) is not None and not e.pending
        )
        numbers = live.numbers()
        assert numbers.estimate is not None and numbers.estimate.metric == "accuracy"
        assert [a["name"] for a in numbers.estimate.alternatives] == ["labels alone", "rules alone", "rules + labels"]
        assert numbers.estimate.use_rules is not None
        assert [point.labels for point in numbers.curve] == sorted({point.labels for point in numbers.curve})
        assert all(0 <= p.low <= p.value <= p.high <= 1 for p in numbers.curve) and len(numbers.curve) >= 2
        assert numbers.confusion is not None and sum(map(sum, numbers.confusion.matrix)) == 24
        assert all(row.model is not None for row in live.texts(limit=20).rows)
        disagreeing = live.texts(which="disagree", limit=300)
        for row in disagreeing.rows:
            assert row.model is not None and row.model.answer != (row.gold or (row.weak and row.weak.answer))

        project.write(project.spec.source.replace("[superb, lovely, great]", "[superb]"))
        live.changed()
        assert live.numbers().estimate.pending  # type: ignore[union-attr]
        news.wait(lambda: not live.numbers().estimate.pending)  # type: ignore[union-attr]
        assert {what for what, _ in news.told} == {"ready", "numbers"}


def test_next_to_label_are_different_texts_without_a_label(project: Fixed) -> None:
    with Live(project) as live:
        news = News(live)
        news.wait(lambda: live.ready["embedded"] == 1.0)
        found = live.next(5)
        assert found.ready and found.note and len({row.id for row in found.rows}) == len(found.rows) > 0
        assert all(row.gold is None for row in found.rows)
        first = found.rows[0].id
        project.label(first, Label.of("good"))
        assert first not in [row.id for row in live.next(5).rows]


def test_before_anything_is_embedded(project: Fixed) -> None:
    live = Live(project)
    assert not live.next(3).ready and live.next(3).note
    assert not live.suggestions().ready
    estimate = live.numbers().estimate
    assert estimate is not None and estimate.pending and estimate.embedded == 0


def test_suggestions_and_those_that_are_refused(project: Fixed) -> None:
    with Live(project) as live:
        news = News(live)
        news.wait(lambda: live.ready["embedded"] == 1.0)
        found = live.suggestions()
        assert found.ready and found.suggestions
        one = found.suggestions[0]
        assert one.entry["vote"] in ("good", "bad") and one.position is None and one.title
        assert not live.trial(one.entry).problems
        live.refuse(one.title)
        assert one.title not in [other.title for other in live.suggestions().suggestions]
    with Live(project) as again:  # it is remembered on disk
        assert one.title in Refused(again.hidden).titles()
        changes = again.suggestions("praise")
        for change in changes.suggestions:
            assert change.position == 0 and not again.trial(change.entry, 0).problems
        assert "there is no rule" in again.suggestions("nobody").notes[0] or not again.suggestions("nobody").ready


def test_a_checkpoint_that_is_not_there_is_said_and_the_rest_goes_on(project: Fixed) -> None:
    lines = project.spec.source.splitlines()
    source = "\n".join("model: {checkpoint: no such thing}" if line.startswith("model:") else line for line in lines)
    project.write(source + "\n")
    with Live(project) as live:
        news = News(live)
        news.wait(lambda: (e := live.numbers().estimate) is not None and not e.pending)
        assert "no such thing" in live.numbers().estimate.reason  # type: ignore[union-attr]
        assert live.trial("{regex: a, vote: good}").matched
        assert live.suggestions().ready


def test_a_damaged_list_of_refusals_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "refused.json").write_text("{", encoding="utf-8")
    refused = Refused(tmp_path)
    assert refused.titles() == ()
    refused.add("a")
    refused.add("a")
    assert refused.titles() == ("a",)


def test_refusals_by_several_at_once_are_all_remembered_but_not_for_ever(tmp_path: Path) -> None:
    refused = Refused(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(refused.add, map(str, range(200))))
    assert sorted(refused.titles(), key=int) == [str(number) for number in range(200)]
    (tmp_path / "refused.json").write_text(json.dumps([f"t{number}" for number in range(5000)]), encoding="utf-8")
    refused.add("newest")
    assert len(refused.titles()) == 1000
    assert refused.titles()[-1] == "newest"
