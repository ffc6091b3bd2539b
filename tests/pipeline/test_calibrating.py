from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ruletune
from ruletune import Example, Label, UserError
from ruletune.config import load_task
from ruletune.labeling.votes import Votes
from ruletune.pipeline.calibrating import Calibration, calibrate
from ruletune.pipeline.prepare import prepare
from ruletune.report.page import render
from ruletune.rules import Pattern, Rule, Veto
from tests.model_fixtures import texts, write_task

EXAMPLES = [Example(str(n), f"text {n}", answer=Label.of("xy"[n % 2])) for n in range(60)]
LOGITS = np.array([[3.0, 0.0] if n % 2 == 0 else [0.0, 2.0 + n / 100] for n in range(60)])


def write_calibration(folder: Path, n: int) -> str:
    rows = [{"text": f"{e.text} calibration {e.id}", "label": str(e.answer)} for e in texts(n, seed=8)]
    (folder / "calibration.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return "calibration.jsonl"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> ruletune.Run:
    folder = tmp_path_factory.mktemp("calibrated")
    path = write_task(folder, checkpoint)
    source = f"  test: test.jsonl\n  calibration: {write_calibration(folder, 80)}\n"
    path.write_text(path.read_text(encoding="utf-8").replace("  test: test.jsonl\n", source), encoding="utf-8")
    return ruletune.fit(load_task(path), out=folder / "run")


def test_a_run_is_calibrated_on_its_own_part(run: ruletune.Run) -> None:
    found = run.calibration
    assert (found.source, found.held_out, len(found.scores)) == ("calibration", True, 80)
    assert run.report.parts["calibration"] == 80 and run.report.calibration_labels == 80
    assert run.report.uncalibrated_error is not None and run.report.log_loss is not None
    assert "before calibration on 80 labels" in render(run.report)
    assert run.metrics["scores"]["rules + labels"]["labels"] == 88, "calibration labels are labels that were used"


def test_stored_scores_are_those_of_the_model_that_is_delivered(run: ruletune.Run) -> None:
    examples = run.read(str(run.folder.parent / "calibration.jsonl"))
    answered = run.predict(examples, max_error=0.3)
    assert sum(not p.abstained for p in answered) == pytest.approx(run.threshold(0.3).answered, abs=3)  # bf16


def test_abstaining_changes_nothing_else(run: ruletune.Run) -> None:
    examples = texts(40, seed=21)
    plain, careful = run.predict(examples), run.predict(examples, max_error=0.15)
    assert [p.score for p in plain] == [p.score for p in careful]
    assert all(c.answer in (None, p.answer) for p, c in zip(plain, careful, strict=True))
    assert all(p.answer is None and p.abstained for p in run.predict(examples, max_error=0.01)), "80 labels: too few"


def test_evaluate_says_how_the_promise_fared(run: ruletune.Run) -> None:
    found = run.evaluate(texts(40, seed=22), max_error=0.3)["abstention"]
    assert found["wrong"] <= found["answered"] <= 40 and found["coverage"] == found["answered"] / 40
    assert "abstention" not in run.evaluate(texts(4, seed=22))
    assert run.evaluate(texts(4, seed=22), max_error=0.01)["abstention"]["error"] is None


def test_a_run_of_before_is_as_it_was(run: ruletune.Run) -> None:
    old = ruletune.Run(run.folder, {k: v for k, v in run.settings.items() if k != "calibration"})
    examples = texts(10, seed=5)
    assert old.calibration == Calibration()
    assert (old.probabilities(examples).argmax(1) == run.probabilities(examples).argmax(1)).all()
    with pytest.raises(UserError, match=r"data\.calibration"):
        old.predict(examples, max_error=0.05)


def test_calibration_texts_teach_nothing(tmp_path: Path, checkpoint: Path) -> None:
    path = write_task(tmp_path, checkpoint)
    content = path.read_text(encoding="utf-8")
    rows = [{"text": f"{e.text} {e.id}", "label": str(e.answer)} for e in texts(100, seed=1)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    path.write_text(content.replace("{validation: 0, test: 0}", "{validation: 0, calibration: 0.4}"), encoding="utf-8")
    parts = prepare(load_task(path), listener=lambda _: None)
    assert (len(parts.gold), len(parts.calibration), len(parts.test)) == (60, 40, 60)
    taught = {e.text for e in (*parts.gold, *parts.unlabeled)}
    assert not taught & {e.text for e in parts.calibration}
    assert parts.calibrated_on == "calibration"


def test_json_round_trip() -> None:
    found = calibrate(LOGITS, EXAMPLES, None, labels=["x", "y"], multi=False, source="validation")
    assert Calibration.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert all(found.correct) and found.temperature[0] < 1


def test_vetoes_count_in_what_is_promised() -> None:
    """A veto that makes every answer wrong must be seen by the calibration."""
    veto = Rule("r", Pattern("text"), Veto("x"))
    votes = Votes((veto,), ("x", "y"), np.zeros((60, 1), dtype=np.int16))
    found = calibrate(LOGITS, EXAMPLES, votes, labels=["x", "y"], multi=False, source="calibration")
    assert sum(found.correct) == 30


def test_logits_of_other_models_promise_nothing() -> None:
    found = calibrate(LOGITS, EXAMPLES, None, labels=["x", "y"], multi=False, source="gold", held_out=False)
    assert found.temperature != (1.0,)
    with pytest.raises(UserError, match="can promise nothing"):
        found.threshold(0.1)


def test_several_labels_are_right_as_a_set() -> None:
    examples = [Example("1", "a", answer=Label.of("x", "y")), Example("2", "b", answer=Label.of())]
    logits = np.array([[2.0, -1.0], [-3.0, -3.0]])
    found = calibrate(logits, examples, None, labels=["x", "y"], multi=True, source="validation")
    assert found.correct == (False, True) and len(found.temperature) == 2
    assert calibrate(logits[:0], [], None, labels=["x", "y"], multi=True, source="validation") == Calibration()
