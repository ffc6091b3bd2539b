"""Suggestions with sentence embeddings of the task's checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

from ruletune.config import load_task
from ruletune.labeling.suggest.task import accept
from ruletune.pipeline.prepare import prepare
from ruletune.pipeline.suggest import suggest
from ruletune.progress import Event, silent
from tests.model_fixtures import texts, write_task


def test_suggestions_and_what_is_told_meanwhile(task: Path) -> None:
    spec = load_task(task)
    events: list[Event] = []
    found = suggest(spec, min_precision=0.5, listener=events.append)
    assert {"reading data", "applying rules", "embedding texts", "looking for rules"} <= {
        event.name for event in events
    }
    assert all(event.done <= event.total for event in events)
    assert found.gold == 8
    assert found.texts > 200
    assert found == suggest(spec, min_precision=0.5)


def test_accepting_keeps_the_rest(task: Path) -> None:
    spec = load_task(task)
    found = suggest(spec, rule="praise", count=3)
    assert found.suggestions
    after = accept(spec, found.suggestions[:1])
    assert [rule.name for rule in after.rules] == ["praise", "blame"]
    assert after.source != spec.source
    assert after.source.replace("\n", "")[:40] == spec.source.replace("\n", "")[:40]


def test_labels_that_calibrate_are_no_evidence(tmp_path: Path, checkpoint: Path) -> None:
    path = write_task(tmp_path, checkpoint)
    rows = [{"text": example.text, "label": str(example.answer)} for example in texts(40, seed=5)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    whole = suggest(load_task(path), min_precision=0.5)
    source = path.read_text(encoding="utf-8")
    path.write_text(
        source.replace("split: {validation: 0,", "split: {calibration: 0.5, validation: 0,"), encoding="utf-8"
    )
    spec = load_task(path)
    assert suggest(spec, min_precision=0.5).gold == whole.gold // 2 == len(prepare(spec, listener=silent).gold)
