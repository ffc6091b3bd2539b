"""Questions about texts, from a task file to a run that answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import ruletune
from ruletune.cli import main
from ruletune.config import load_task
from ruletune.errors import UserError
from ruletune.labeling.answer_model import Proposals
from ruletune.models.extracting import Reading
from ruletune.pipeline.extract_deciding import Deciding, margin, ranked, references, shown
from ruletune.pipeline.extract_run import ExtractRun
from ruletune.pipeline.fit import fit
from ruletune.pipeline.prepare import prepare
from ruletune.progress import silent
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


def questions(n: int, *, seed: int, gold: bool) -> str:
    """The answer is the word of praise, or of blame, whichever is asked for; one question in five has none."""
    rng = np.random.default_rng(seed)
    lines = []
    for number in range(n):
        words = [str(word) for word in rng.choice(FILLERS, size=6)]
        asked, other = (GOOD, BAD) if rng.random() < 0.5 else (BAD, GOOD)
        answer = str(rng.choice(asked)) if rng.random() < 0.8 else None
        for word in (answer, str(rng.choice(other))):
            if word:
                words.insert(int(rng.integers(len(words))), word)
        text = f"{' '.join(words)} {seed} {number}"
        row: dict[str, object] = {
            "text": text,
            "question": "is the film great ?" if asked is GOOD else "is the film dull ?",
        }
        if gold:
            row["answers"] = [{"text": answer, "start": text.index(answer)}] if answer else []
        lines.append(json.dumps(row) + "\n")
    return "".join(lines)


@pytest.fixture
def task(tmp_path: Path, checkpoint: Path) -> Path:
    for name, n, gold in (("train", 16, True), ("unlabeled", 60, False), ("test", 40, True)):
        (tmp_path / f"{name}.jsonl").write_text(questions(n, seed=len(name), gold=gold), encoding="utf-8")
    (tmp_path / "task.yaml").write_text(
        f"""task: qa
data: {{train: train.jsonl, unlabeled: unlabeled.jsonl, test: test.jsonl}}
model: {{checkpoint: '{checkpoint}', max_length: 16}}
training: {{gold: {{epochs: 2}}, weak: {{epochs: 1}}, curve: {{shares: []}}}}
rules:
  - {{name: praise, question: great, pattern: '\\b({"|".join(GOOD)})\\b', vote: answer}}
  - {{name: blame, question: dull, pattern: '\\b({"|".join(BAD[:3])})\\b', vote: answer}}
  - {{name: most alike, sentence: words, vote: answer}}
  - {{name: never, regex: '\\bfilm\\b', veto: answer}}
""",
        encoding="utf-8",
    )
    return tmp_path / "task.yaml"


def test_from_a_task_file_to_a_run_that_answers(task: Path, tmp_path: Path) -> None:
    run = fit(load_task(task), out=tmp_path / "run")
    assert isinstance(run, ExtractRun)
    scores = run.metrics["scores"]
    assert set(scores) == {"rules alone", "labels alone", "rules + labels"}
    assert scores["rules alone"]["f1"] > 0.6
    assert {"exact_match", "f1", "has_answer_f1", "no_answer_accuracy"} <= set(scores["rules + labels"])
    assert run.metrics["guard"]["rules"]
    again = ruletune.load(tmp_path / "run")
    examples = again.read(str(tmp_path / "test.jsonl"))
    predictions = again.predict(examples)
    for prediction, example in zip(predictions, examples, strict=True):
        assert isinstance(prediction.answer, Spans)
        assert len(prediction.answer.spans) <= 1
        assert prediction.ranked[0] == (prediction.answer, prediction.score)
        values = [score for _, score in prediction.ranked]
        assert values == sorted(values, reverse=True)
        assert sum(values) == pytest.approx(1.0)
        assert all("film" not in example.text[s.start : s.end] for a, _ in prediction.ranked for s in a.spans)
    measured = again.evaluate(examples)
    assert measured["f1"] == pytest.approx(scores["rules + labels"]["f1"])
    assert measured["n"] == 40
    assert measured["covered"]["n"] + measured["uncovered"]["n"] == 40
    explained = again.explain(examples[0])
    assert {"question", "answer", "rules", "label_model"} <= set(explained)
    assert {effect.rule for effect in run.report.effects} == {"praise", "blame", "most alike", "never"}
    assert run.report.reliance is not None
    assert run.report.reliance.texts > 0
    assert run.report.shape == "passage"


def test_the_saved_model_is_a_plain_checkpoint(task: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForQuestionAnswering

    fit(load_task(task), out=tmp_path / "run")
    model, found = AutoModelForQuestionAnswering.from_pretrained(str(tmp_path / "run/model"), output_loading_info=True)
    assert not found["missing_keys"]
    assert model.config.num_labels == 2


def test_an_answer_depends_on_nothing_but_its_question_and_text(task: Path, tmp_path: Path) -> None:
    run = fit(load_task(task), out=tmp_path / "run")
    examples = run.read(str(tmp_path / "test.jsonl"))[:10]
    together = [prediction.answer for prediction in run.predict(examples)]
    assert [run.predict([example])[0].answer for example in examples] == together


def test_without_gold_answers_the_rules_teach(task: Path, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(questions(10, seed=9, gold=False), encoding="utf-8")
    run = fit(load_task(task), out=tmp_path / "run")
    assert list(run.metrics["scores"]) == ["rules alone", "rules + labels"]


def test_questions_about_one_text_stay_in_one_part(task: Path, tmp_path: Path) -> None:
    rows = [
        {"text": f"film {n // 4}", "question": f"what {n} ?", "answers": [{"text": "film", "start": 0}]}
        for n in range(80)
    ]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    source = task.read_text("utf-8").replace(", test: test.jsonl", ", split: {validation: 0.2, test: 0.2}")
    task.write_text(source, encoding="utf-8")
    parts = prepare(load_task(task), listener=silent)
    texts = [{example.text for example in part} for part in (parts.gold, parts.validation, parts.test)]
    assert all(texts)
    assert not texts[0] & texts[1]
    assert not texts[0] & texts[2]
    assert not texts[1] & texts[2]


def test_a_text_of_the_test_part_teaches_nothing_whatever_is_asked(task: Path, tmp_path: Path) -> None:
    first = json.loads((tmp_path / "test.jsonl").read_text("utf-8").splitlines()[0])
    with (tmp_path / "unlabeled.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"text": first["text"], "question": "something else ?"}) + "\n")
    parts = prepare(load_task(task), listener=silent)
    assert first["text"] not in {example.text for example in parts.unlabeled}
    assert any("held-out" in warning for warning in parts.warnings)


def read(*spans: tuple[int, int, float], none: float = -9.0) -> Reading:
    return Reading(tuple(Span(a, b) for a, b, _ in spans), np.array([score for *_, score in spans]), none, ())


def said(*spans: tuple[int, int, float], vetoes: tuple[tuple[int, int], ...] = (), length: int = 100) -> Proposals:
    belief = np.array([value for *_, value in spans])
    return Proposals(tuple(Span(a, b) for a, b, _ in spans), belief, 0.1, (), vetoes, bool(spans or vetoes), length)


USUAL = Deciding(weight=1.0, none=True, margin=0.0, longest=30)


def test_the_rules_are_a_prior() -> None:
    model = read((0, 4, -1.0), (10, 14, -2.0))
    assert ranked(model, None, USUAL)[0][0] == Spans((Span(0, 4),))
    assert ranked(model, said((10, 14, 0.9)), USUAL)[0][0] == Spans((Span(10, 14),))
    assert ranked(model, said(), USUAL)[0][0] == Spans((Span(0, 4),))


def test_a_veto_is_law_where_rules_are_heard() -> None:
    model = read((0, 4, -1.0), (10, 14, -2.0))
    assert ranked(model, said(vetoes=((0, 100),)), USUAL) == ((Spans(()), 1.0),)
    assert ranked(model, said(vetoes=((2, 3),)), USUAL)[0][0] == Spans((Span(10, 14),))
    silent_rules = Deciding(0.0, True, 0.0, 30)
    assert ranked(model, said(vetoes=((0, 100),)), silent_rules)[0][0] == Spans((Span(0, 4),))


def test_no_answer_is_given_where_it_is_likelier_and_allowed() -> None:
    model = read((0, 4, -5.0), none=-1.0)
    assert ranked(model, None, USUAL)[0][0] == Spans(())
    assert ranked(model, None, Deciding(1.0, False, 0.0, 30))[0][0] == Spans((Span(0, 4),))
    assert ranked(read(), None, Deciding(1.0, False, 0.0, 30))[0][0] == Spans(())


def test_the_margin_is_the_one_that_serves_the_gold_questions() -> None:
    examples = [
        Example("1", "Ada met Bo", "Who?", Spans((Span(0, 3),))),
        Example("2", "Ada met Bo", "When?", Spans(())),
    ]
    readings = [read((0, 3, -1.0), none=-4.0), read((0, 3, -1.0), none=-6.0)]
    assert margin([readings[0]], [None], examples[:1], USUAL) == 0.0
    assert margin([readings[1]], [None], examples[1:], USUAL) > 5.0
    assert references(examples) == [["Ada"], []]
    assert shown(examples, [Spans((Span(8, 10),)), Spans(())]) == ["Bo", ""]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("rules:\n  - {question: 'who(', type: person, vote: answer}", "bad regular expression"),
        ("rules:\n  - {question: who, type: persn, vote: answer}", "did you mean 'person'"),
        ("rules:\n  - {question: who, type: person, pattern: a, vote: answer}", "not for both"),
        ("rules:\n  - {question: who, near: 2, vote: answer}", "goes with a type or a pattern"),
        ("rules:\n  - {question: who, type: person, vote: PER}", "unknown label"),
        ("labels: [A, B]", "has no labels"),
        ("templates: ['{text}']", "second text"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, written: str, said: str) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(f"task: qa\ndata: {{train: hf:a/b}}\n{written}\n", encoding="utf-8")
    with pytest.raises(UserError, match=said) as error:
        load_task(path)
    assert "task.yaml" in str(error.value)


def test_a_rule_that_votes_without_characters_is_refused(task: Path) -> None:
    task.write_text(task.read_text("utf-8").replace("pattern: ", "near: 0, unless: ", 1), encoding="utf-8")
    with pytest.raises(UserError):
        fit(load_task(task), out=task.parent / "run")


def test_commands(task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("check", task) == 0
    capsys.readouterr()
    assert command("rules", task, "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["name"] for row in rows} == {"praise", "blame", "most alike", "never"}
    assert command("label", task, tmp_path / "unlabeled.jsonl", "-o", tmp_path / "weak.jsonl") == 0
    weak = [json.loads(line) for line in (tmp_path / "weak.jsonl").read_text("utf-8").splitlines()]
    assert len(weak) == 60
    assert any(row["label"] for row in weak)
    assert command("train", task, "--out", tmp_path / "run") == 0
    assert command("evaluate", tmp_path / "run", tmp_path / "test.jsonl") == 0
    capsys.readouterr()
    assert command("predict", tmp_path / "run", tmp_path / "test.jsonl", "--n-best", 3, "--json") == 0
    found = json.loads(capsys.readouterr().out)["predictions"]
    assert all(1 <= len(row["n_best"]) <= 3 and row["n_best"][0]["answer"] == row["answer"] for row in found)
    assert command("predict", tmp_path / "run", tmp_path / "test.jsonl", "--n-best", 2) == 0
    assert command("explain", tmp_path / "run", "the story is great", "--question", "great ?") == 0
    assert "great" in capsys.readouterr().out
    assert command("explain", tmp_path / "run", "the story is great") == 2
    assert command("predict", tmp_path / "run", tmp_path / "none.jsonl") == 2


def test_init_writes_a_file_that_is_right(tmp_path: Path) -> None:
    (tmp_path / "asked.jsonl").write_text(questions(4, seed=1, gold=True), encoding="utf-8")
    assert command("init", tmp_path / "asked.jsonl", "--out", tmp_path / "new.yaml", "--json") == 0
    spec = load_task(tmp_path / "new.yaml")
    assert spec.task.name == "qa"
    assert {rule.kind for rule in spec.rules} == {"question", "sentence"}
