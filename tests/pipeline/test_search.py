"""Looking for better settings on held-out gold labels."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ruletune.config import load_task
from ruletune.engine.local import LocalEngine
from ruletune.errors import MissingExtraError, UserError
from ruletune.pipeline.search import search
from ruletune.pipeline.trying import applied
from ruletune.progress import Event
from tests.model_fixtures import write_task


def _task(folder: Path, checkpoint: Path, extra: str = "", **more: str) -> Path:
    return write_task(folder, checkpoint, extra, **more)


def test_own_setting_comes_first_and_every_trial_is_compared_on_all_gold_labels(
    tmp_path: Path, checkpoint: Path
) -> None:
    spec = load_task(_task(tmp_path, checkpoint))
    found = search(spec, out=tmp_path / "out", budget=None, trials=3, folds=2)
    own = found.trials[0].settings
    assert own["training.learning_rate"] == 0.002
    assert own["training.weak.epochs"] == 4
    assert found.gold == 8
    assert len(found.trials) == 3
    assert found.trials[0].folds == 2
    assert found.best in {trial.number for trial in found.trials if trial.folds == 2}
    assert found.chosen in (0, found.best)
    said = json.loads((tmp_path / "out" / "search.json").read_text(encoding="utf-8"))
    assert said == found.to_json()


def test_what_it_writes_is_a_task_with_the_chosen_setting(tmp_path: Path, checkpoint: Path) -> None:
    found = search(load_task(_task(tmp_path, checkpoint)), out=tmp_path / "out", budget=None, trials=3, folds=2)
    written = load_task(tmp_path / "out" / "task.yaml").file.training
    chosen = found.trials[found.chosen].settings
    assert written.learning_rate == pytest.approx(chosen["training.learning_rate"])
    assert written.gold.epochs == chosen["training.gold.epochs"]
    assert written.weak.max_texts == chosen["training.weak.max_texts"]
    assert written.self_training.use == chosen["training.self_training.use"]


@pytest.mark.long
def test_the_same_seed_finds_the_same(tmp_path: Path, checkpoint: Path) -> None:
    spec = load_task(_task(tmp_path, checkpoint))
    first, second = (search(spec, out=tmp_path / name, budget=None, trials=3, folds=2) for name in "ab")
    assert [(t.settings, t.log_loss) for t in first.trials] == [(t.settings, t.log_loss) for t in second.trials]


def test_the_test_part_is_not_looked_at(tmp_path: Path, checkpoint: Path) -> None:
    task = _task(tmp_path, checkpoint)
    first = search(load_task(task), out=tmp_path / "a", budget=None, trials=2, folds=2)
    rows = [json.loads(line) for line in (tmp_path / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    swapped = [row | {"label": "good" if row["label"] == "bad" else "bad"} for row in rows]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in swapped), encoding="utf-8")
    second = search(load_task(task), out=tmp_path / "b", budget=None, trials=2, folds=2)
    assert [t.log_loss for t in first.trials] == [t.log_loss for t in second.trials]


def test_the_own_setting_is_tried_whatever_it_takes(tmp_path: Path, checkpoint: Path) -> None:
    found = search(load_task(_task(tmp_path, checkpoint)), out=tmp_path / "out", budget=0.001, folds=2)
    assert [trial.number for trial in found.trials] == [0]
    assert found.chosen == 0
    assert (tmp_path / "out" / "task.yaml").is_file()


def test_an_interrupted_search_goes_on_and_finds_the_same(tmp_path: Path, checkpoint: Path) -> None:
    spec = load_task(_task(tmp_path, checkpoint))
    whole = search(spec, out=tmp_path / "whole", budget=None, trials=3, folds=2)

    def interrupt(event: Event) -> None:
        if event.name.startswith("setting 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(spec, out=tmp_path / "parts", budget=None, trials=3, folds=2, listener=interrupt)
    assert not (tmp_path / "parts").exists()
    seen: list[str] = []
    again = search(
        spec,
        out=tmp_path / "parts",
        budget=None,
        trials=3,
        folds=2,
        resume=True,
        listener=lambda e: seen.append(e.name),
    )
    assert not any(name.startswith("setting 1 ") for name in seen)
    assert [t.log_loss for t in again.trials] == [t.log_loss for t in whole.trials]


@pytest.mark.long
def test_templates_are_tried_one_by_one_and_together(tmp_path: Path, checkpoint: Path) -> None:
    task = _task(tmp_path, checkpoint, 'templates: ["{text}", "review: {text}"]')
    found = search(load_task(task), out=tmp_path / "out", budget=None, trials=6, folds=2)
    assert {trial.settings["templates"] for trial in found.trials} >= {"all", 1}
    one = next(trial for trial in found.trials if trial.settings["templates"] == 1)
    made = applied(load_task(task), one.settings)
    assert made.file.templates == ("review: {text}",)
    assert len(made.rendering.templates) == 1


def test_without_rules_the_schedule_of_labels_alone_is_searched(tmp_path: Path, checkpoint: Path) -> None:
    found = search(
        load_task(_task(tmp_path, checkpoint, rules="")), out=tmp_path / "out", budget=None, trials=2, folds=2
    )
    assert not any("weak" in name for trial in found.trials for name in trial.settings)


def test_a_handful_of_labels_is_too_few(tmp_path: Path, checkpoint: Path) -> None:
    task = _task(tmp_path, checkpoint)
    lines = (tmp_path / "train.jsonl").read_text(encoding="utf-8").splitlines()[:3]
    (tmp_path / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="there are 3"):
        search(load_task(task), out=tmp_path / "out", trials=2)
    assert not (tmp_path / "out").exists()


def test_labels_of_one_kind_decide_nothing(tmp_path: Path, checkpoint: Path) -> None:
    task = _task(tmp_path, checkpoint, rules="")
    rows = [json.loads(line) | {"label": "good"} for line in (tmp_path / "train.jsonl").read_text("utf-8").splitlines()]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(UserError, match="one label 'good'"):
        search(load_task(task), out=tmp_path / "out", trials=2)
    assert not (tmp_path / "out").exists()


def test_it_must_end(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(UserError, match="without an end"):
        search(load_task(_task(tmp_path, checkpoint)), out=tmp_path / "out", budget=None)


def test_without_optuna_it_says_what_to_install(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match="search"):
        search(load_task(_task(tmp_path, checkpoint)), out=tmp_path / "out", trials=2)


@pytest.mark.long
def test_two_workers_find_what_one_finds(tmp_path: Path, checkpoint: Path) -> None:
    spec = load_task(_task(tmp_path, checkpoint))
    alone = search(spec, out=tmp_path / "alone", budget=None, trials=3, folds=2)
    with LocalEngine(2, patience=-1) as engine:
        together = search(spec, out=tmp_path / "together", budget=None, trials=3, folds=2, engine=engine)
    assert [(t.settings, t.log_loss, t.folds) for t in together.trials] == [
        (t.settings, t.log_loss, t.folds) for t in alone.trials
    ]
    assert (together.chosen, together.best, together.difference) == (alone.chosen, alone.best, alone.difference)


def test_settings_of_one_round_are_tried_together(tmp_path: Path, checkpoint: Path) -> None:
    class Wide(LocalEngine):
        workers = 4  # for two settings of two folds; the work is done here

    spec = load_task(_task(tmp_path, checkpoint))
    found = search(spec, out=tmp_path / "out", budget=None, trials=3, folds=2, engine=Wide(1))
    assert [trial.number for trial in found.trials] == [0, 1, 2]
    assert found.trials[0].folds == 2
