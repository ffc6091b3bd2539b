"""Intents and slots: two runs in one folder, what is said of both, and what an interruption leaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import ruletune
from ruletune import Example, Label, Spans, UserError
from ruletune.config import load_task
from ruletune.pipeline.understanding_run import UnderstandingRun
from ruletune.progress import Event
from tests.understanding_fixtures import RULES, write_understanding

WAYS = ["rules alone", "labels alone", "rules + labels"]


class KilledError(Exception):
    """Stands for a kill: nothing of ours catches it."""


def stop_at(name: str) -> Any:
    def listen(event: Event) -> None:
        if event.name == name and event.done:
            raise KilledError

    return listen


def opened(folder: Path) -> UnderstandingRun:
    run = ruletune.load(folder)
    assert isinstance(run, UnderstandingRun)
    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> UnderstandingRun:
    folder = tmp_path_factory.mktemp("understanding")
    run = ruletune.fit(load_task(write_understanding(folder, checkpoint)), out=folder / "run")
    assert isinstance(run, UnderstandingRun)
    return run


def test_the_run_folder_holds_two_and_what_joins_them(finished: UnderstandingRun) -> None:
    names = {path.relative_to(finished.folder).as_posix() for path in finished.folder.rglob("*")}
    own = {"task.yaml", "ruletune.json", "metrics.json", "report.html", "report.json"}
    assert names >= own | {f"{half}/{name}" for half in ("intent", "slots") for name in (*own, "model", "rules.json")}
    assert not [path for path in finished.folder.parent.iterdir() if path.name.endswith(".partial")]


def test_the_joint_scores(finished: UnderstandingRun) -> None:
    scores = finished.metrics["scores"]
    assert list(scores) == WAYS
    for way, score in scores.items():
        assert score["intent_accuracy"] == finished.intent.metrics["scores"][way]["accuracy"]
        assert score["slot_f1"] == pytest.approx(finished.slots.metrics["scores"][way]["f1"])
        assert score["joint_accuracy"] <= score["intent_accuracy"]
    assert finished.metrics["intent"] == finished.intent.metrics


def test_evaluating_on_the_test_part_says_what_the_report_says(finished: UnderstandingRun) -> None:
    examples = finished.read(str(finished.folder.parent / "test.jsonl"))
    result = finished.evaluate(examples)
    delivered = finished.metrics["scores"]["rules + labels"]
    for name in ("joint_accuracy", "intent_accuracy", "slot_f1"):
        assert result[name] == pytest.approx(delivered[name])
    assert result["covered"]["n"] + result["uncovered"]["n"] == result["n"] == 30
    assert set(result["intent"]["per_label"]) == {"Praise", "Blame"}
    assert set(result["slots"]["per_label"]) == {"opinion", "thing"}


def test_predictions_have_both_answers(finished: UnderstandingRun) -> None:
    [prediction] = finished.predict([Example("7", "the superb film is a story")])
    assert isinstance(prediction.answer, Label)
    assert prediction.slots is not None and isinstance(prediction.slots.answer, Spans)
    assert [firing.rule for firing in prediction.rules] == ["praise"]
    assert {firing.rule for firing in prediction.slots.rules} == {"things", "opinions"}
    assert prediction.probabilities.keys() == {"Praise", "Blame"}


def test_each_half_works_by_itself(finished: UnderstandingRun, tmp_path: Path) -> None:
    example = Example("1", "a dull review of the cast")
    [both] = finished.predict([example])
    for half in ("intent", "slots"):
        shutil.copytree(finished.folder / half, tmp_path / half)
        [alone] = ruletune.load(tmp_path / half).predict([example])
        assert alone.answer == (both.answer if half == "intent" else both.slots.answer if both.slots else None)
    source = str(finished.folder.parent / "test.jsonl")
    intents, slots = (ruletune.load(tmp_path / half) for half in ("intent", "slots"))
    assert intents.evaluate(intents.read(source))["n"] == slots.evaluate(slots.read(source))["n"] == 30


def test_the_folder_can_be_moved(finished: UnderstandingRun, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "moved")
    moved, example = opened(tmp_path / "moved"), Example("1", "a lovely story")
    assert moved.predict([example]) == finished.predict([example])
    assert [rule.name for half in moved.spec.halves for rule in half.rules] == ["praise", "blame", "things", "opinions"]


def test_an_explanation_has_both(finished: UnderstandingRun) -> None:
    found = finished.explain(Example("1", "an awful film"))
    assert [rule["rule"] for rule in found["intent"]["rules"]] == ["blame"]
    assert found["answer"] == found["intent"]["answer"]
    assert {rule["rule"] for rule in found["slots"]["rules"]} == {"things", "opinions"}


def test_the_page_has_the_joint_table_and_links(finished: UnderstandingRun) -> None:
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    assert 'href="intent/report.html"' in page and 'href="slots/report.html"' in page
    assert all(way in page for way in WAYS)
    assert "http://" not in page.replace("http://www.w3.org/", "") and "<script" not in page
    assert "joint_accuracy" in finished._repr_html_()


def test_no_promise_about_both(finished: UnderstandingRun) -> None:
    with pytest.raises(UserError, match="no promise can be made about an intent and slots at once"):
        finished.predict([Example("1", "a film")], max_error=0.1)
    with pytest.raises(UserError, match="1 texts have no intent"):
        finished.evaluate([Example("1", "a film")])


@pytest.mark.parametrize(
    "moment", [pytest.param("intents: labels alone: gold", marks=pytest.mark.long), "slots: rules + labels: gold"]
)
def test_an_interrupted_run_goes_on(moment: str, finished: UnderstandingRun, tmp_path: Path, checkpoint: Path) -> None:
    spec = load_task(write_understanding(tmp_path, checkpoint))
    with pytest.raises(KilledError):
        ruletune.fit(spec, out=tmp_path / "run", listener=stop_at(moment))
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="unfinished run"):
        ruletune.fit(spec, out=tmp_path / "run")
    events: list[Event] = []
    run = ruletune.fit(spec, out=tmp_path / "run", resume=True, listener=events.append)
    assert run.metrics["scores"] == finished.metrics["scores"]
    if moment.startswith("slots"):
        assert not [event.name for event in events if event.name.startswith("intents: rules + labels")]


def test_a_kill_between_the_halves_and_the_end_loses_nothing(
    finished: UnderstandingRun, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ruletune.pipeline import understanding

    spec = load_task(write_understanding(tmp_path, checkpoint))
    with monkeypatch.context() as broken:
        broken.setattr(understanding, "_write", stop_at(""))
        with pytest.raises(TypeError):
            ruletune.fit(spec, out=tmp_path / "run")
    events: list[Event] = []
    run = ruletune.fit(spec, out=tmp_path / "run", resume=True, listener=events.append)
    assert run.metrics["scores"] == finished.metrics["scores"]
    assert not [event for event in events if event.name.endswith(": gold")]


def test_a_run_is_not_resumed_with_other_rules(tmp_path: Path, checkpoint: Path) -> None:
    spec = load_task(write_understanding(tmp_path, checkpoint))
    with pytest.raises(KilledError):
        ruletune.fit(spec, out=tmp_path / "run", listener=stop_at("intents: labels alone: gold"))
    changed = load_task(write_understanding(tmp_path, checkpoint, rules=RULES.replace("[film, story]", "[film]")))
    with pytest.raises(UserError, match="begun with another task file of slots, set of rules of slots"):
        ruletune.fit(changed, out=tmp_path / "run", resume=True)


def test_a_folder_that_exists_stays_until_it_is_replaced(
    finished: UnderstandingRun, tmp_path: Path, checkpoint: Path
) -> None:
    shutil.copytree(finished.folder, tmp_path / "run")
    spec = load_task(write_understanding(tmp_path, checkpoint))
    with pytest.raises(UserError, match="exists already"):
        ruletune.fit(spec, out=tmp_path / "run")
    with pytest.raises(KilledError):
        ruletune.fit(spec, out=tmp_path / "run", overwrite=True, listener=stop_at("slots: labels alone: gold"))
    assert opened(tmp_path / "run").metrics == finished.metrics


def test_without_rules_there_are_labels_alone(tmp_path: Path, checkpoint: Path) -> None:
    run = ruletune.fit(load_task(write_understanding(tmp_path, checkpoint, rules="")), out=tmp_path / "run")
    assert list(run.metrics["scores"]) == ["labels alone"]


def test_rules_of_one_half_only(tmp_path: Path, checkpoint: Path) -> None:
    rules = "rules:\n  - {name: things, keywords: [film, story], vote: thing}\n"
    run = ruletune.fit(load_task(write_understanding(tmp_path, checkpoint, rules=rules)), out=tmp_path / "run")
    assert list(run.metrics["scores"]) == ["labels alone", "rules + labels"]


def test_wrong_data_leaves_nothing(tmp_path: Path, checkpoint: Path) -> None:
    task = write_understanding(tmp_path, checkpoint)
    with (tmp_path / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"text": "a film", "label": "Praise"}) + "\n")
    with pytest.raises(UserError, match=r"train\.jsonl:13: the text has an intent and no slots"):
        ruletune.fit(load_task(task), out=tmp_path / "run")
    assert not list(tmp_path.glob(".*"))
