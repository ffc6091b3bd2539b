"""Relations of two entities, from a task file to a run that answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

import ruletune
from ruletune.cli import main
from ruletune.config import load_task
from ruletune.data.pairs import marked_example
from ruletune.errors import UserError
from ruletune.models import backbone
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import encode
from ruletune.models.markers import marking
from ruletune.models.pair_states import pair_states
from ruletune.pipeline.fit import fit
from ruletune.templates import Rendering, default_template
from ruletune.types import Example, Label, Span
from tests.model_fixtures import BAD, GOOD


def command(*arguments: object) -> int:
    """The command in this process; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ruletune", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


FILLERS = ("the", "is", "a", "story", "of", "and", "its", "cast")
NAMES = ("film", "people", "review")


def pairs(n: int, *, seed: int, gold: bool) -> str:
    """A word of praise between two names is one relation, a word of blame the other, none of either no relation."""
    rng = np.random.default_rng(seed)
    lines = []
    for number in range(n):
        kind = ("likes", "hates", "none")[number % 3]
        middle = [str(word) for word in rng.choice(FILLERS, size=3)]
        if kind != "none":
            middle.insert(int(rng.integers(4)), str(rng.choice(GOOD if kind == "likes" else BAD)))
        before = [str(word) for word in rng.choice(FILLERS, size=2)]
        subject, other = (str(name) for name in rng.choice(NAMES, size=2, replace=False))
        row: dict[str, object] = {"token": [*before, subject, *middle, other, f"{n}"]}
        row["h"] = {"pos": [2, 3], "type": "MAN" if kind != "hates" else "WOMAN"}
        row["t"] = {"pos": [3 + len(middle), 4 + len(middle)], "type": "MAN"}
        lines.append(json.dumps(row | ({"relation": kind} if gold else {})) + "\n")
    return "".join(lines)


@pytest.fixture
def task(tmp_path: Path, checkpoint: Path) -> Path:
    for name, n, gold in (("train", 12, True), ("unlabeled", 120, False), ("test", 45, True)):
        (tmp_path / f"{name}.jsonl").write_text(pairs(n, seed=len(name), gold=gold), encoding="utf-8")
    (tmp_path / "task.yaml").write_text(
        f"""task: relation
labels: [likes, hates, none]
negative: none
entities: {{MAN: a story}}
data: {{train: train.jsonl, unlabeled: unlabeled.jsonl, test: test.jsonl}}
rules:
- {{name: praise, keywords: [{", ".join(GOOD[:3])}], scope: between, vote: likes}}
- {{name: blame, pattern: 'SUBJ ... {BAD[0]} ... OBJ', vote: hates}}
- {{name: more blame, regex: '{"|".join(BAD[1:3])}', scope: between, vote: hates}}
- {{arguments: {{hates: {{subject: WOMAN}}}}}}
model: {{checkpoint: {checkpoint}, max_length: 32}}
training:
  guard: false
  precision: fp32
  learning_rate: 0.003
  head_learning_rate: 0.01
  weak: {{epochs: 8}}
  gold: {{epochs: 10}}
  curve: {{shares: [0.5], repeats: 1}}
""",
        encoding="utf-8",
    )
    return tmp_path / "task.yaml"


def test_train_predict_evaluate_explain(task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(load_task(task), out=tmp_path / "run")
    scores = run.metrics["scores"]
    assert list(scores) == ["rules alone", "labels alone", "rules + labels"]
    assert scores["rules + labels"]["f1"] > 0.6
    assert run.metrics["metric"] == "f1"
    assert run.report.shape == "label"
    assert set(run.metrics["per_label"]) == {"likes", "hates", "none"}

    example = marked_example("1", f"the a <e1:MAN>film</e1> is {GOOD[0]} of story <e2:MAN>review</e2> 45")
    [prediction] = run.predict([example])
    assert prediction.answer == Label.of("likes")
    assert {firing.rule for firing in prediction.rules} == {"praise", "arguments_4: hates"}
    assert run.predict([]) == []
    assert run.explain(example)["label_model"]["hates"] == 0.0

    measured = run.evaluate(run.read(str(task.parent / "test.jsonl")))
    assert measured["f1"] == pytest.approx(scores["rules + labels"]["f1"])
    assert measured["covered"]["n"] + measured["uncovered"]["n"] == 45
    assert measured["covered"]["n"] < 45  # a veto that leaves two labels covers nothing
    with pytest.raises(UserError, match=r"1 texts have no two entities \(ids '7'\)"):
        run.predict([Example("7", "the film")])

    again = ruletune.load(tmp_path / "run").predict([example])
    assert again == [prediction]

    out = tmp_path / "out.jsonl"
    assert command("predict", tmp_path / "run", task.parent / "test.jsonl", "-o", out) == 0
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert len(rows) == 45
    assert command("explain", tmp_path / "run", f"<e1>film</e1> {GOOD[0]} <e2>review</e2>") == 0
    assert "praise" in capsys.readouterr().out
    assert command("explain", tmp_path / "run", "film review") == 2
    assert "the text has no two entities" in capsys.readouterr().err
    assert command("evaluate", tmp_path / "run", task.parent / "test.jsonl", "--json") == 0


def test_impossible_types_hold_the_model_back(task: Path, tmp_path: Path) -> None:
    """Whatever the model makes of a text, a relation that its types rule out has the probability 0, batched or alone."""
    task.write_text(
        task.read_text("utf-8").replace("epochs: 10", "epochs: 1").replace("shares: [0.5]", "shares: []"), "utf-8"
    )
    run = fit(load_task(task), out=tmp_path / "run")
    texts = [f"the <e1:{kind}>film</e1> {word} <e2>review</e2>" for kind in ("MAN", "WOMAN") for word in (*GOOD, *BAD)]
    examples = [marked_example(str(n), text) for n, text in enumerate(texts)]
    together = run.probabilities(examples)
    assert (together[: len(examples) // 2, 1] == 0).all()
    assert (together[len(examples) // 2 :, 1] > 0).all()
    assert np.allclose(together.sum(axis=1), 1)
    alone = np.concatenate([run.probabilities([example]) for example in examples])
    assert np.allclose(together, alone, atol=1e-4)


def test_the_model_is_a_plain_checkpoint(task: Path, tmp_path: Path) -> None:
    """Transformers alone reads the same relation off the two markers."""
    task.write_text(
        task.read_text("utf-8").replace("epochs: 10", "epochs: 1").replace("shares: [0.5]", "shares: []"), "utf-8"
    )
    run = fit(load_task(task), out=tmp_path / "run")
    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "run" / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run" / "model")
    assert model.config.id2label[0] == "likes (subject)"
    batch = tokenizer(f"the [SUBJ] a story: film [/SUBJ] {GOOD[0]} [OBJ] review [/OBJ]", return_tensors="pt")
    ids = batch["input_ids"][0].tolist()
    places = [ids.index(tokenizer.convert_tokens_to_ids(marker)) for marker in ("[SUBJ]", "[OBJ]")]
    with torch.inference_mode():
        states = model(**batch).logits[0]
    expected = states[places[0], :3] + states[places[1], 3:]
    example = marked_example("1", f"the <e1:MAN>film</e1> {GOOD[0]} <e2>review</e2>")
    found, _ = run.logits([example], listener=lambda event: None)
    assert torch.allclose(expected, torch.from_numpy(found[0]), atol=1e-4)


@pytest.mark.long
def test_same_seed_same_answers_and_prompts_and_preview(
    task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = task.read_text("utf-8").replace("epochs: 10", "epochs: 1").replace("epochs: 8", "epochs: 1")
    source = source.replace("shares: [0.5]", "shares: []")
    task.write_text(
        source.replace("- {name: praise", "- {regex: 'cast', prompt: '{text} {subject} {object}'}\n- {name: praise"),
        "utf-8",
    )
    runs = [fit(load_task(task), out=tmp_path / name) for name in ("one", "two")]
    assert runs[0].metrics["scores"] == runs[1].metrics["scores"]
    assert command("preview", task) == 0
    assert "labels alone" in capsys.readouterr().out
    assert command("sample", task, "-n", "3", "-o", tmp_path / "next.jsonl") == 0
    row = json.loads((tmp_path / "next.jsonl").read_text("utf-8").splitlines()[0])
    assert {"text", "subject", "object"} < set(row)
    assert command("rules", "show", "praise", task) == 0


def test_label_rules_and_check(task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "weak.jsonl"
    assert command("label", task, task.parent / "test.jsonl", "-o", out) == 0
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert len(rows) == 45
    assert next(row for row in rows if "praise" in row["votes"])["label"] == "likes"
    assert any("vetoes" in row for row in rows)
    (tmp_path / "marked.txt").write_text(f"<e1>film</e1> {GOOD[0]} <e2>cast</e2>\n", encoding="utf-8")
    assert command("label", task, tmp_path / "marked.txt", "-o", out, "--json") == 0
    assert json.loads(out.read_text("utf-8"))["label"] == "likes"
    (tmp_path / "bare.txt").write_text("film\n", encoding="utf-8")
    assert command("label", task, tmp_path / "bare.txt", "-o", out) == 2
    assert "bare.txt:1: the row has no two entities" in capsys.readouterr().err
    assert command("rules", task) == 0
    assert "praise" in capsys.readouterr().out
    tested = f"praise, tests: [{{text: '<e1>a</e1> {GOOD[0]} <e2>b</e2>', expect: likes}}, {{text: 'x <e1>a</e1> <e2>b</e2>', expect: false}}]"
    task.write_text(task.read_text("utf-8").replace("praise", tested, 1), "utf-8")
    assert command("check", task) == 0
    assert "2 tests passed" in capsys.readouterr().out
    task.write_text(task.read_text("utf-8").replace("<e2>b</e2>', expect: likes", "b', expect: likes"), "utf-8")
    assert command("check", task) == 2
    assert "task.yaml:7: the mark <e2> is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("negative: other", "unknown label 'other'"),
        ("negative: none\nmulti_label: true", "two entities have one relation"),
    ],
)
def test_wrong_settings_are_told(task: Path, written: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    task.write_text(task.read_text("utf-8").replace("negative: none", written), "utf-8")
    assert command("check", task) == 2
    assert said in capsys.readouterr().err


def pair(text: str) -> Example:
    return marked_example("1", text)


def test_markers_stand_once_and_long_texts_keep_the_pair(checkpoint: Path) -> None:
    tokenizer = marking(backbone.load_tokenizer(Checkpoint("c", str(checkpoint))))
    far = " ".join(["the film is a story"] * 40)
    texts = [
        "the [SUBJ] <e1>film</e1> of [OBJ] <e2>people</e2>",
        f"{far} <e1>film</e1> superb <e2>cast</e2> {far}",
        f"<e1>film</e1> {far} <e2>cast</e2>",
        f"<e2>{far}</e2> <e1>cast</e1>",
        "<e1>这</e1>很好<e2>好</e2>",
    ]
    rendering = Rendering(default_template(pair=False))
    encoded = encode([pair(text) for text in texts], rendering=rendering, tokenizer=tokenizer, max_length=20)
    for row, marks in enumerate(encoded.columns["marks"]):
        shown = tokenizer.convert_ids_to_tokens(encoded.columns["input_ids"][row])
        assert len(shown) <= 20
        for marker, place in zip(("[SUBJ]", "[OBJ]"), marks, strict=True):
            assert [n for n, token in enumerate(shown) if token == marker] == [place]
            assert shown[place + 1] in ("film", "people", "cast", "the", "这", "好")
    assert "superb" in tokenizer.convert_ids_to_tokens(encoded.columns["input_ids"][1])
    assert encoded.loss.truncated == 3
    one = [encode([pair(text)], rendering=rendering, tokenizer=tokenizer, max_length=20) for text in texts]
    assert [e.columns["input_ids"][0] for e in one] == encoded.columns["input_ids"]
    with pytest.raises(UserError, match="tokens too long for the model even without the text"):
        encode([pair(texts[0])], rendering=rendering, tokenizer=tokenizer, max_length=5)


def test_a_megabyte_of_text_goes_through(checkpoint: Path) -> None:
    tokenizer = marking(backbone.load_tokenizer(Checkpoint("c", str(checkpoint))))
    long = "film " * 100_000
    example = Example(
        "1",
        f"{long}cast {long}people",
        entities=(Span(len(long), len(long) + 4), Span(2 * len(long) + 5, 2 * len(long) + 11)),
    )
    encoded = encode([example], rendering=Rendering(default_template(pair=False)), tokenizer=tokenizer, max_length=32)
    shown = tokenizer.convert_ids_to_tokens(encoded.columns["input_ids"][0])
    assert len(shown) <= 32
    assert {"cast", "people"} <= set(shown)


def test_a_representation_depends_on_the_pair(checkpoint: Path) -> None:
    text = "the film and the cast of people"
    examples = [
        Example("1", text, entities=(Span(4, 8), Span(17, 21))),
        Example("2", text, entities=(Span(17, 21), Span(25, 31))),
    ]
    found = pair_states(Checkpoint("c", str(checkpoint)), [*examples, examples[0]], max_length=32)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert not np.allclose(found[0], found[1], atol=1e-3)
    assert np.allclose(found[0], found[2])
    assert np.allclose(
        found[1], pair_states(Checkpoint("c", str(checkpoint)), examples[1:], max_length=32)[0], atol=1e-5
    )


def test_init_writes_a_task_file_that_is_right(task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = tmp_path / "new.yaml"
    assert command("init", task.parent / "train.jsonl", "-y", "-o", written) == 0
    source = written.read_text("utf-8")
    assert "task: relation" in source
    assert "negative: none" in source
    assert command("check", written) == 0
    written.write_text(source.replace("  # - name", "  - name").replace("  #   ", "    "), "utf-8")
    assert command("check", written) == 0
    assert "1 pattern, 1 keywords" in capsys.readouterr().out


def quick(task: Path, *changes: tuple[str, str]) -> Path:
    """The task in one pass, changed here and there."""
    source = task.read_text("utf-8").replace("epochs: 10", "epochs: 1").replace("epochs: 8", "epochs: 1")
    for old, new in (("shares: [0.5]", "shares: []"), *changes):
        assert old in source
        source = source.replace(old, new)
    task.write_text(source, "utf-8")
    return task


@pytest.mark.parametrize("adapter", ["head", "lora"])
def test_adapters_leave_a_model_that_is_read_again(task: Path, tmp_path: Path, adapter: str) -> None:
    spec = load_task(quick(task, ("max_length: 32", f"max_length: 32, adapter: {adapter}")))
    run = fit(spec, out=tmp_path / "run")
    measured = run.evaluate(run.read(str(task.parent / "test.jsonl")))
    assert measured["accuracy"] == pytest.approx(list(run.metrics["scores"].values())[-1]["accuracy"])


def test_a_cloze_answers_by_label_words(task: Path, tmp_path: Path, checkpoint: Path, masked: Path) -> None:
    templates = (
        "templates: ['{text} {subject} {mask} {object}']\nverbalizer: {likes: great, hates: awful, none: the}\nmodel:"
    )
    run = fit(load_task(quick(task, ("model:", templates), (str(checkpoint), str(masked)))), out=tmp_path / "run")
    example = marked_example("1", f"the a <e1:MAN>film</e1> is {GOOD[0]} of story <e2:MAN>review</e2>")
    [prediction] = ruletune.load(tmp_path / "run").predict([example])
    assert prediction.probabilities["hates"] == 0
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    other = Example("2", example.text, entities=example.entities[::-1])
    assert run.predict([other])[0].probabilities != prediction.probabilities  # the template names them in turn


def test_a_second_pass_reads_the_pair_again(task: Path, tmp_path: Path) -> None:
    run = fit(
        load_task(quick(task, ("training:", "training:\n  self_training: {use: true, max_texts: 40}"))),
        out=tmp_path / "run",
    )
    assert run.metrics["scores"]["rules + labels"]["accuracy"] > 0


def test_the_guard_leaves_out_rules_that_are_wrong(task: Path, tmp_path: Path) -> None:
    """And with them what they rule out: then labels alone are delivered."""
    swapped = [
        ("guard: false", "guard: true"),
        ("vote: likes", "vote: x"),
        ("vote: hates", "vote: likes"),
        ("vote: x", "vote: hates"),
    ]
    (task.parent / "train.jsonl").write_text(pairs(90, seed=5, gold=True), encoding="utf-8")
    run = fit(load_task(quick(task, *swapped)), out=tmp_path / "run")
    assert run.metrics["guard"]["rules"] is False
    assert list(run.metrics["scores"])[-1] == "labels alone"
