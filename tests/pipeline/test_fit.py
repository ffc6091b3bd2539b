from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import ruletune
from ruletune import Example, Label, UserError
from ruletune.config import load_task
from ruletune.progress import Event
from tests.model_fixtures import texts, write_task


def weights(run: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(run / "model" / "model.safetensors"))


class KilledError(Exception):
    """Stands for a kill: nothing of ours catches it."""


def stop_at(name: str, done: int = 0) -> Any:
    def listen(event: Event) -> None:
        if event.name == name and event.done >= done:
            raise KilledError

    return listen


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> ruletune.Run:
    folder = tmp_path_factory.mktemp("finished")
    return ruletune.fit(load_task(write_task(folder, checkpoint)), out=folder / "run")


def test_a_run_folder_holds_everything(finished: ruletune.Run) -> None:
    names = {path.name for path in finished.folder.iterdir()}
    assert names >= {"task.yaml", "model", "ruletune.json", "metrics.json", "report.html", "report.json", "rules.json"}
    assert [score.name for score in finished.report.scores] == ["rules alone", "labels alone", "rules + labels"]
    assert finished.metrics["scores"]["rules + labels"]["labels"] == 8
    assert finished.report.labels_saved is not None
    assert not list(finished.folder.parent.glob(".*.partial"))


def test_the_rules_teach_the_model(finished: ruletune.Run) -> None:
    scores = finished.metrics["scores"]
    assert scores["rules + labels"]["accuracy"] > 0.7
    assert scores["rules alone"]["covered"] == 1.0  # the rules of this task are never wrong


def test_the_model_is_a_plain_checkpoint_with_the_same_answers(finished: ruletune.Run) -> None:
    folder = finished.folder / "model"
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sentences = [example.text for example in texts(20, seed=11)]
    with torch.inference_mode():
        plain = model(**tokenizer(sentences, padding=True, return_tensors="pt")).logits.softmax(1).numpy()
    ours = finished.probabilities([Example(str(n), text) for n, text in enumerate(sentences)])
    np.testing.assert_allclose(ours, plain, atol=2e-2)  # bf16 against fp32
    assert (ours.argmax(1) == plain.argmax(1)).mean() >= 0.95


def test_predictions_tell_the_rules_that_fired(finished: ruletune.Run) -> None:
    first, second = finished.predict([Example("a", "a superb film"), Example("b", "a stale film")])
    assert [firing.rule for firing in first.rules] == ["praise"]
    span = first.rules[0].spans[0]
    assert "a superb film"[span.start : span.end] == "superb"
    assert second.rules == ()
    assert sum(first.probabilities.values()) == pytest.approx(1)
    assert first.score == max(first.probabilities.values())


def test_evaluate_tells_covered_from_uncovered(finished: ruletune.Run) -> None:
    result = finished.evaluate(texts(30, seed=12))
    assert result["n"] == 30 == result["covered"]["n"] + result["uncovered"]["n"]
    weighted = sum(result[part]["accuracy"] * result[part]["n"] for part in ("covered", "uncovered")) / 30
    assert weighted == pytest.approx(result["accuracy"])
    with pytest.raises(UserError, match="1 texts have no label"):
        finished.evaluate([Example("1", "a film")])


def test_explain_sets_the_model_against_the_rules(finished: ruletune.Run) -> None:
    explanation = finished.explain(Example("1", "superb and awful"))
    assert {row["rule"] for row in explanation["rules"]} == {"praise", "blame"}
    assert all(0 < row["reliability"] < 1 for row in explanation["rules"])
    assert set(explanation["model"]) == {"bad", "good"} == set(explanation["label_model"])
    assert finished.explain(Example("2", "a film"))["label_model"] is None


def test_a_run_does_without_its_data(finished: ruletune.Run, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(finished.folder, moved)
    (moved / "task.yaml").write_text(
        (moved / "task.yaml").read_text().replace(str(finished.folder.parent), "/gone"), encoding="utf-8"
    )
    [prediction] = ruletune.load(moved).predict([Example("1", "a superb film")])
    assert prediction.rules[0].rule == "praise"


def test_the_same_seed_gives_the_same_model(finished: ruletune.Run, tmp_path: Path, checkpoint: Path) -> None:
    again = ruletune.fit(load_task(write_task(tmp_path, checkpoint)), out=tmp_path / "run")
    for name, tensor in weights(finished.folder).items():
        assert torch.equal(tensor, weights(again.folder)[name]), name
    assert again.metrics["scores"] == finished.metrics["scores"]


@pytest.mark.parametrize(
    ("name", "done"),
    [
        pytest.param("labels alone: gold", 3, marks=pytest.mark.long),
        ("rules + labels: weak", 4),
        pytest.param("rules + labels: gold", 2, marks=pytest.mark.long),
        ("writing the report", 0),
    ],
)
def test_a_killed_run_resumes_to_the_same_model(
    name: str, done: int, finished: ruletune.Run, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ruletune.pipeline.fits._SAVE_EVERY", 0.0)
    spec = load_task(write_task(tmp_path, checkpoint))
    with pytest.raises(KilledError):
        ruletune.fit(spec, out=tmp_path / "run", listener=stop_at(name, done))
    assert not (tmp_path / "run").exists()
    events: list[Event] = []
    run = ruletune.fit(spec, out=tmp_path / "run", resume=True, listener=events.append)
    for key, tensor in weights(finished.folder).items():
        assert torch.equal(tensor, weights(run.folder)[key]), key
    repeated = [event for event in events if event.name == name and 0 < event.done < done]
    assert not repeated, "steps that were done were done again"


def test_a_damaged_position_is_not_trusted(
    finished: ruletune.Run, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ruletune.pipeline.fits._SAVE_EVERY", 0.0)
    spec = load_task(write_task(tmp_path, checkpoint))
    with pytest.raises(KilledError):
        ruletune.fit(spec, out=tmp_path / "run", listener=stop_at("rules + labels: weak", 4))
    [position] = tmp_path.glob(".run.partial/parts/*.position.safetensors")
    position.write_bytes(position.read_bytes()[:500])
    run = ruletune.fit(spec, out=tmp_path / "run", resume=True)
    assert all(torch.equal(t, weights(run.folder)[key]) for key, t in weights(finished.folder).items())


def test_ctrl_c_saves_where_it_stands(tmp_path: Path, checkpoint: Path, finished: ruletune.Run) -> None:
    def interrupt(event: Event) -> None:
        if event.name == "rules + labels: weak" and event.done == 3:
            signal.raise_signal(signal.SIGINT)

    spec = load_task(write_task(tmp_path, checkpoint))
    with pytest.raises(KeyboardInterrupt):
        ruletune.fit(spec, out=tmp_path / "run", listener=interrupt)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(UserError, match=r"unfinished run .* go on with --resume, or begin anew with --overwrite"):
        ruletune.fit(spec, out=tmp_path / "run")
    events: list[Event] = []
    run = ruletune.fit(spec, out=tmp_path / "run", resume=True, listener=events.append)
    assert min(e.done for e in events if e.name == "rules + labels: weak") == 5  # the fourth step was made whole
    assert all(torch.equal(t, weights(run.folder)[key]) for key, t in weights(finished.folder).items())


def test_a_run_is_not_resumed_with_another_task(tmp_path: Path, checkpoint: Path) -> None:
    spec = load_task(write_task(tmp_path, checkpoint))
    with pytest.raises(KilledError):
        ruletune.fit(spec, out=tmp_path / "run", listener=stop_at("rules + labels: weak"))
    changed = load_task(write_task(tmp_path, checkpoint, "seed: 1"))
    with pytest.raises(UserError, match="begun with another task file"):
        ruletune.fit(changed, out=tmp_path / "run", resume=True)


def test_a_run_folder_that_exists_is_kept(finished: ruletune.Run, tmp_path: Path, checkpoint: Path) -> None:
    spec = load_task(write_task(tmp_path, checkpoint))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("precious")
    with pytest.raises(UserError, match="exists already; name another folder, or say --overwrite"):
        ruletune.fit(spec, out=tmp_path / "run")
    with pytest.raises(KilledError):
        ruletune.fit(spec, out=tmp_path / "run", overwrite=True, listener=stop_at("rules + labels: weak"))
    assert (tmp_path / "run" / "mine.txt").read_text() == "precious", "a run that failed took the old one with it"
    ruletune.fit(spec, out=tmp_path / "run", overwrite=True)
    assert not (tmp_path / "run" / "mine.txt").exists() and (tmp_path / "run" / "report.html").exists()


def rows(folder: Path, name: str, values: list[dict[str, object]]) -> None:
    (folder / name).write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")


def test_labels_without_rules(tmp_path: Path, checkpoint: Path) -> None:
    run = ruletune.fit(load_task(write_task(tmp_path, checkpoint, rules="")), out=tmp_path / "run")
    assert list(run.metrics["scores"]) == ["labels alone"]
    assert run.report.labels_saved is None


def test_rules_without_labels(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint)
    rows(tmp_path, "train.jsonl", [{"text": e.text} for e in texts(20, seed=4)])
    run = ruletune.fit(load_task(task), out=tmp_path / "run")
    assert run.metrics["scores"]["rules + labels"]["labels"] == 0
    assert run.metrics["scores"]["rules + labels"]["accuracy"] > 0.6


def test_rules_that_never_fire_leave_labels_alone(tmp_path: Path, checkpoint: Path) -> None:
    rules = "rules: [{regex: 'zzz', vote: good}]"
    run = ruletune.fit(load_task(write_task(tmp_path, checkpoint, rules=rules)), out=tmp_path / "run")
    assert list(run.metrics["scores"]) == ["rules alone", "labels alone"]
    assert (run.folder / "model" / "model.safetensors").exists()


def test_a_rule_that_always_fires_is_survived(tmp_path: Path, checkpoint: Path) -> None:
    rules = "rules: [{regex: '', vote: good}]".replace("''", "'.'")
    run = ruletune.fit(load_task(write_task(tmp_path, checkpoint, rules=rules)), out=tmp_path / "run")
    assert run.metrics["rule_coverage"] == 1.0


def test_nothing_to_learn_from_is_refused_before_anything_is_written(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint, rules="")
    rows(tmp_path, "train.jsonl", [{"text": "a film"}])
    with pytest.raises(UserError, match="no gold labels and there are no rules"):
        ruletune.fit(load_task(task), out=tmp_path / "run")
    rows(tmp_path, "train.jsonl", [{"text": "a film", "label": "good"}])
    with pytest.raises(UserError, match="the one label 'good'"):
        ruletune.fit(load_task(task), out=tmp_path / "run")
    assert not list(tmp_path.glob(".run*"))


def test_one_example_a_class(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint)
    rows(tmp_path, "train.jsonl", [{"text": "superb", "label": "good"}, {"text": "dull", "label": "bad"}])
    run = ruletune.fit(load_task(task), out=tmp_path / "run")
    assert run.metrics["scores"]["labels alone"]["labels"] == 2


def test_several_labels_at_once(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint, "multi_label: true")
    for name, seed in (("train", 1), ("test", 3)):
        values = [{"text": e.text, "label": list(e.answer.names)} for e in texts(24, seed=seed)]  # type: ignore[union-attr]
        rows(tmp_path, f"{name}.jsonl", [*values, {"text": f"a film {name}", "label": []}])
    run = ruletune.fit(load_task(task), out=tmp_path / "run")
    assert "micro_f1" in run.metrics["scores"]["rules + labels"]
    config = json.loads((run.folder / "model" / "config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"
    [prediction] = run.predict([Example("1", "a superb film")])
    assert isinstance(prediction.answer, Label) and 0.5 <= prediction.score <= 1
    assert run.report.confusion == ()


def test_pairs_of_texts(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint)
    source = task.read_text().replace("  split:", "  columns: {text_pair: other}\n  split:")
    task.write_text(source, encoding="utf-8")
    for name in ("train", "unlabeled", "test"):
        values = [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        rows(tmp_path, f"{name}.jsonl", [value | {"other": "two people"} for value in values])
    run = ruletune.fit(load_task(task), out=tmp_path / "run")
    [prediction] = run.predict([Example("1", "a superb film", "its cast")])
    assert prediction.answer in (Label.of("good"), Label.of("bad"))


@pytest.mark.parametrize("adapter", ["head", "lora"])
def test_adapters_end_in_a_plain_model(adapter: str, tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint)
    task.write_text(task.read_text().replace("max_length: 32", f"max_length: 32, adapter: {adapter}"), encoding="utf-8")
    run = ruletune.fit(load_task(task), out=tmp_path / "run")
    assert not any("lora" in name for name in weights(run.folder))


def test_hard_texts_pass_through(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint)
    hard = [
        "这部电影很好 superb",
        "👩‍👩‍👧 awful",
        "superb " + "film " * 200_000,
        "{text} {sep} dull",
        "<script>alert(1)</script> dull",
    ]
    rows(tmp_path, "unlabeled.jsonl", [{"text": text} for text in hard])
    rows(tmp_path, "test.jsonl", [{"text": f"{text} again", "label": "good"} for text in hard])
    run = ruletune.fit(load_task(task), out=tmp_path / "run")
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert any("longer than the model reads" in warning for warning in run.report.warnings)
    assert len(run.predict([Example(str(n), text) for n, text in enumerate(hard)])) == len(hard)


def test_the_test_part_never_teaches(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint)
    leaked = json.loads((tmp_path / "test.jsonl").read_text().splitlines()[0])
    train = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    rows(tmp_path, "train.jsonl", [*train, {"text": leaked["text"].upper(), "label": leaked["label"]}])
    run = ruletune.fit(load_task(task), out=tmp_path / "run")
    assert run.metrics["parts"]["gold"] == len(train)
    assert any("1 texts stood in a held-out part too" in warning for warning in run.report.warnings)


def test_a_faulty_function_is_reported(tmp_path: Path, checkpoint: Path) -> None:
    (tmp_path / "mine.py").write_text("def odd(text):\n    return 1 / (len(text) % 2)\n", encoding="utf-8")
    rules = "rules: [{function: 'mine.py:odd', vote: good}, {regex: 'awful|dull', vote: bad}]"
    run = ruletune.fit(load_task(write_task(tmp_path, checkpoint, rules=rules)), out=tmp_path / "run")
    assert any("'odd' failed on" in w and "ZeroDivisionError" in w for w in run.report.warnings)


def test_a_full_disk_is_one_sentence_and_leaves_no_run(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "model.safetensors")

    monkeypatch.setattr("ruletune.models.backbone.save", full)
    spec = load_task(write_task(tmp_path, checkpoint))
    with pytest.raises(ruletune.RuletuneError, match="No space left on device"):
        ruletune.fit(spec, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_stranger_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run folder"):
        ruletune.load(tmp_path)
    (tmp_path / "ruletune.json").write_text('{"format": 99}')
    with pytest.raises(UserError, match="later version"):
        ruletune.load(tmp_path)


def test_a_run_shows_itself_in_a_notebook(finished: ruletune.Run) -> None:
    shown = finished._repr_html_()
    assert "rules + labels" in shown and "<table" in shown
