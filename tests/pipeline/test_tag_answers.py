"""Named entities, from a task file to a run that answers."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

import ruletune
from ruletune.cli import main
from ruletune.config import load_task
from ruletune.data.tags import tags_of_spans
from ruletune.errors import UserError
from ruletune.pipeline.fit import fit
from ruletune.types import Example, Span, Spans
from tests.model_fixtures import BAD, GOOD


def command(*arguments: object) -> int:
    """The command in this process; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ruletune", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


FILLERS = ("the", "film", "is", "a", "story", "of", "two", "people")


def sentences(n: int, *, seed: int, gold: bool) -> str:
    """Words of praise are one kind of entity, words of blame the other."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(n):
        words = [str(word) for word in rng.choice(FILLERS, size=6)]
        spans = []
        for label, chosen in (("GOOD", GOOD), ("BAD", BAD)):
            if rng.random() < 0.6:
                words.insert(int(rng.integers(len(words))), f"{label}:{rng.choice(chosen)}")
        text = ""
        for word in words:
            text += " " if text else ""
            label, _, name = word.rpartition(":")
            if label:
                spans.append([len(text), len(text) + len(name), label])
            text += name
        lines.append(json.dumps({"text": text} | ({"spans": spans} if gold else {})) + "\n")
    return "".join(lines)


def seqevals(gold: Path, answers: Path) -> dict[str, dict[str, float]]:
    """The usual report, from tags of words."""
    tags: list[list[list[str]]] = [[], []]
    for line, said in zip(gold.read_text("utf-8").splitlines(), answers.read_text("utf-8").splitlines(), strict=True):
        row, found = json.loads(line), json.loads(said)["answer"]
        spans = Spans(tuple(Span(*span) for span in row["spans"]))
        answered = Spans(tuple(Span(span["start"], span["end"], span["label"]) for span in found))
        ranges = [match.span() for match in re.finditer(r"\S+", row["text"])]
        for sequences, answer in zip(tags, (spans, answered), strict=True):
            sequences.append(tags_of_spans(answer, ranges, scheme="IOB2"))
    return dict(classification_report(*tags, mode="strict", scheme=IOB2, output_dict=True, zero_division=0))


@pytest.fixture
def task(tmp_path: Path, checkpoint: Path) -> Path:
    for name, n, gold in (("train", 8, True), ("unlabeled", 80, False), ("test", 40, True)):
        (tmp_path / f"{name}.jsonl").write_text(sentences(n, seed=len(name), gold=gold), encoding="utf-8")
    (tmp_path / "task.yaml").write_text(
        f"""task: ner
labels: [GOOD, BAD]
data: {{train: train.jsonl, unlabeled: unlabeled.jsonl, test: test.jsonl}}
rules:
- {{name: praise, keywords: [{", ".join(GOOD[:3])}], vote: GOOD}}
- {{name: blame, keywords: [{", ".join(BAD[:3])}], vote: BAD}}
- {{name: no praise, keywords: [{BAD[0]}], veto: GOOD}}
model: {{checkpoint: {checkpoint}, max_length: 32}}
training:
  learning_rate: 0.005
  head_learning_rate: 0.02
  gold: {{epochs: 12}}
  curve: {{shares: [0.5], repeats: 1}}
""",
        encoding="utf-8",
    )
    return tmp_path / "task.yaml"


def test_train_predict_evaluate_explain(task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(load_task(task), out=tmp_path / "run")
    scores = run.metrics["scores"]
    assert list(scores) == ["rules alone", "labels alone", "rules + labels"]
    assert scores["rules + labels"]["f1"] > scores["rules alone"]["f1"] - 0.02
    assert scores["rules alone"]["precision"] == 1.0
    assert run.metrics["guard"]["rules"] is True
    assert {row.name: row.correct for row in run.report.rules}["praise"] > 0
    assert run.report.shape == "spans"
    assert set(run.metrics["rule_effects"]) == {"praise", "blame"}
    reliance = run.metrics["rule_reliance"]
    assert reliance["texts"] > 10
    assert 0 <= reliance["unheard"] <= 1

    text = f"a {GOOD[0]} story of {BAD[4]} people"
    [prediction] = run.predict([Example("1", text)])
    assert isinstance(prediction.answer, Spans)
    assert Span(2, 2 + len(GOOD[0]), "GOOD") in prediction.answer.spans
    assert len(prediction.scores) == len(prediction.answer.spans)
    assert [firing.rule for firing in prediction.rules] == ["praise"]
    [vetoed] = run.predict([Example("1", f"a {BAD[0]} film")])
    assert all(span.label != "GOOD" for span in vetoed.answer.spans)  # type: ignore[union-attr]
    assert run.predict([]) == []
    assert run.explain(Example("1", text))["rules"][0]["reliability"] > 0.5

    measured = run.evaluate(run.read(str(task.parent / "test.jsonl")))
    assert measured["f1"] == pytest.approx(scores["rules + labels"]["f1"])
    assert measured["covered"]["n"] + measured["uncovered"]["n"] == 40
    with pytest.raises(UserError, match="have no spans"):
        run.evaluate([Example("1", "text")])
    with pytest.raises(UserError, match="no table of probabilities"):
        run.probabilities([Example("1", "text")])
    with pytest.raises(UserError, match="can promise nothing"):
        run.predict([Example("1", "text")], max_error=0.1)

    again = ruletune.load(tmp_path / "run").predict([Example("1", text)])
    assert again == [prediction]

    assert (
        command("predict", str(tmp_path / "run"), str(task.parent / "test.jsonl"), "-o", str(tmp_path / "out.jsonl"))
        == 0
    )
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == 40
    assert all(set(span) == {"start", "end", "label"} for row in rows for span in row["answer"])
    capsys.readouterr()
    assert command("evaluate", tmp_path / "run", task.parent / "test.jsonl", "--json") == 0
    per_label = json.loads(capsys.readouterr().out)["per_label"]
    usual = seqevals(task.parent / "test.jsonl", tmp_path / "out.jsonl")
    for label in ("GOOD", "BAD"):
        for name, theirs in (
            ("precision", "precision"),
            ("recall", "recall"),
            ("f1", "f1-score"),
            ("support", "support"),
        ):
            assert per_label[label][name] == usual[label][theirs]
    assert measured["f1"] == usual["micro avg"]["f1-score"]
    assert measured["partial_f1"] >= measured["f1"]
    assert command("evaluate", tmp_path / "run", task.parent / "test.jsonl") == 0
    assert f"{per_label['GOOD']['f1']:.4f}" in capsys.readouterr().out
    assert command("explain", str(tmp_path / "run"), text) == 0
    assert "praise" in capsys.readouterr().out


def test_same_seed_same_answers(task: Path, tmp_path: Path) -> None:
    task.write_text(
        task.read_text("utf-8").replace("epochs: 12", "epochs: 2").replace("shares: [0.5]", "shares: []"), "utf-8"
    )
    runs = [fit(load_task(task), out=tmp_path / name) for name in ("one", "two")]
    assert runs[0].metrics["scores"] == runs[1].metrics["scores"]


def test_rules_that_are_wrong_are_left_out(task: Path, tmp_path: Path) -> None:
    wrong = (
        task.read_text("utf-8")
        .replace("vote: GOOD", "vote: X")
        .replace("vote: BAD", "vote: GOOD")
        .replace("vote: X", "vote: BAD")
    )
    task.write_text(wrong.replace("shares: [0.5]", "shares: []"), "utf-8")
    run = fit(load_task(task), out=tmp_path / "run")
    assert run.metrics["scores"]["rules alone"]["f1"] < 0.3
    delivered = list(run.metrics["scores"].values())[-1]["f1"]
    assert delivered > run.metrics["scores"]["labels alone"]["f1"] - 0.05


def test_labels_alone_and_rules_alone(task: Path, tmp_path: Path) -> None:
    source = task.read_text("utf-8").replace("epochs: 12", "epochs: 1").replace("shares: [0.5]", "shares: []")
    head, _, tail = source.partition("rules:\n")
    task.write_text(head + tail[tail.index("model:") :], "utf-8")
    assert list(fit(load_task(task), out=tmp_path / "labels").metrics["scores"]) == ["labels alone"]
    task.write_text(source, "utf-8")
    (task.parent / "train.jsonl").write_text(sentences(4, seed=0, gold=False), encoding="utf-8")
    run = fit(load_task(task), out=tmp_path / "rules")
    assert list(run.metrics["scores"]) == ["rules alone", "rules + labels"]


def test_nothing_to_learn_from(task: Path, tmp_path: Path) -> None:
    for name in ("train", "unlabeled"):
        (task.parent / f"{name}.jsonl").write_text('{"text": "the film"}\n', encoding="utf-8")
    with pytest.raises(UserError, match="no texts with gold spans and no rule finds anything"):
        fit(load_task(task), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_label_rules_and_check(task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "weak.jsonl"
    assert command("label", str(task), str(task.parent / "test.jsonl"), "-o", str(out)) == 0
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert len(rows) == 40
    voted = next(row for row in rows if "praise" in row["votes"])
    assert voted["votes"]["praise"][0]["label"] == "GOOD"
    assert voted["label"]
    assert 0 < voted["probability"] <= 1
    test = task.parent / "test.jsonl"
    before = test.read_bytes()
    assert command("label", task, test, "-o", test) == 2
    assert "would replace the input" in capsys.readouterr().err
    assert test.read_bytes() == before
    assert command("rules", str(task)) == 0
    assert "praise" in capsys.readouterr().out
    assert command("check", str(task)) == 0


def test_check_knows_rules_that_link(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task.write_text(
        task.read_text("utf-8").replace("model:", "- {name: of, regex: '(?<=a) of', link: together}\nmodel:"), "utf-8"
    )
    assert command("check", task) == 0
    assert "of" in capsys.readouterr().out
    task.write_text(task.read_text("utf-8").replace("regex: '(?<=a) of'", "length: words, at_most: 3"), "utf-8")
    assert command("check", task) == 2
    assert "does not say of which characters" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["preview"], ["rules", "suggest"], ["search"]],
)
def test_what_is_for_labels_only_says_so(task: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(*words, task) == 2
    assert "is for tasks whose answer is a label, and this one is 'ner'" in capsys.readouterr().err
