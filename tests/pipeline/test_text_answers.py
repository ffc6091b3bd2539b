"""Texts from a task file to a run that writes, with a model of a few tokens."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import ruletune
from ruletune.cli import main
from ruletune.config import load_task
from ruletune.errors import UserError
from ruletune.pipeline.fit import fit
from ruletune.pipeline.hints import hinted
from ruletune.pipeline.prepare import prepare
from ruletune.pipeline.text_answers import TextAnswering
from ruletune.pipeline.text_judging import judge_demands
from ruletune.pipeline.text_run import TextRun
from ruletune.pipeline.text_weak import extract, sound
from ruletune.pipeline.writing import Writing, show
from ruletune.progress import silent
from ruletune.rules.base import Always, Pattern, Rule
from ruletune.rules.demands import Avoid, Demand, Matching, Say, Sized
from ruletune.types import Example, Span, Text
from tests.writer_fixtures import build_writer, tokenizer_of

TEXTS = [("ein hund", "hund"), ("eine katze", "katze"), ("der hund und das haus", "hund haus"), ("haus 3", "haus 3")]

RULES = """
  - {keywords: [hund], require: [hund, hunde], name: dogs}
  - {keywords: [katze], require: katze, name: cats}
  - {always: true, veto: us, name: never}
  - {copy: numbers, name: numbers}
"""


def command(*arguments: object) -> int:
    """The command in this process; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ruletune", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_writer(tmp_path_factory.mktemp("writer"), "t5")


@pytest.fixture
def folder(tmp_path: Path, tiny: Path) -> Path:
    return written(tmp_path, tiny)


def written(folder: Path, tiny: Path, *, rules: str = RULES, task: str = "translation", extra: str = "") -> Path:
    rows: list[dict[str, object]] = [{"text": f"{s} {n}", "target": f"{t} {n}"} for n in range(4) for s, t in TEXTS]
    (folder / "train.jsonl").write_text(lines(rows[:12]))
    (folder / "test.jsonl").write_text(lines(rows[12:]))
    (folder / "unlabeled.jsonl").write_text(lines([{"text": f"{s} 7"} for s, _ in TEXTS]))
    (folder / "task.yaml").write_text(
        f"task: {task}\n"
        "data: {train: train.jsonl, test: test.jsonl, unlabeled: unlabeled.jsonl}\n"
        f"rules: {rules}\n"
        f"model: {{checkpoint: '{tiny}', max_length: 48, max_target: 16, beams: 2}}\n"
        f"training: {{gold: {{epochs: 2}}, precision: fp32{extra}}}\n"
    )
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> TextRun:
    folder = written(tmp_path_factory.mktemp("finished"), tiny)
    run = fit(load_task(folder / "task.yaml"), out=folder / "run")
    assert isinstance(run, TextRun)
    return run


def test_a_run_compares_the_ways_and_keeps_the_rules(finished: TextRun) -> None:
    scores = finished.metrics["scores"]
    assert list(scores) == ["zero-shot", "rules alone", "labels alone", "rules + labels"]
    assert {"bleu", "chrf", "rules_kept", "term_accuracy", "copied"} <= set(scores["rules + labels"])
    assert scores["rules + labels"]["rules_kept"] == 1.0 > scores["zero-shot"]["rules_kept"]
    kept = {row.rule: row for row in finished.report.kept}
    assert kept["dogs"].kept["rules + labels"] == kept["dogs"].demanded == 2
    page = (finished.folder / "report.html").read_text()
    assert "How the answers keep the rules" in page and "Answers that break a rule" in page


def test_an_opened_run_answers_as_it_did_and_names_rules(finished: TextRun) -> None:
    again = ruletune.load(finished.folder)
    assert isinstance(again, TextRun)
    asked = [Example("1", "ein hund 5"), Example("2", "das haus")]
    first, second = again.predict(asked)
    assert "hund" in str(first.answer) and "5" in str(first.answer) and first.broken == ()
    assert [firing.rule for firing in first.rules] == ["dogs", "never", "numbers"]
    assert " us" not in f" {second.answer}"
    assert [str(p.answer) for p in again.predict(asked)] == [str(p.answer) for p in finished.predict(asked)]
    assert len(again.predict(asked, several=2)[0].ranked) == 2


def test_without_rules_demands_are_looked_at_all_the_same(finished: TextRun) -> None:
    [unheard] = finished.predict([Example("1", "ein hund und eine katze 5")], with_rules=False)
    [heard] = finished.predict([Example("1", "ein hund und eine katze 5")])
    assert unheard.broken and not heard.broken


def test_evaluate_explain_and_reply(finished: TextRun, tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    path.write_text(lines([{"text": "ein hund", "target": ["hund", "ein hund"]}, {"text": "haus", "target": "haus"}]))
    found = finished.evaluate(finished.read(str(path)))
    assert found["n"] == 2 and found["rules_kept"] == 1.0 and found["per_rule"]["dogs"] == {"demanded": 1, "kept": 1}
    told = finished.explain(Example("1", "ein hund"))
    assert {"rule": "dogs", "demands": "says 'hund' or 'hunde'", "kept": True} in told["demands"]
    said = "".join(finished.reply(Example("1", "ein hund")))
    assert " us " not in f" {said} "
    with pytest.raises(UserError, match="no promise"):
        finished.predict([Example("1", "ein hund")], max_error=0.1)
    with pytest.raises(UserError, match="no gold answer"):
        finished.evaluate([Example("1", "ein hund")])


@pytest.mark.parametrize("switched", ["input", "training", "decoding"])
def test_each_place_where_rules_act_can_be_switched_off(tmp_path: Path, tiny: Path, switched: str) -> None:
    folder = written(tmp_path, tiny, extra=f", baselines: false, guidance: {{{switched}: false}}")
    run = fit(load_task(folder / "task.yaml"), out=folder / "run")
    assert isinstance(run, TextRun)
    assert run.writing.told is (switched != "input") and run.writing.held is (switched != "decoding")
    if switched == "decoding":
        assert run.metrics["scores"]["rules + labels"]["rules_kept"] < 1.0


def test_the_same_seed_writes_the_same(tmp_path: Path, tiny: Path, finished: TextRun) -> None:
    folder = written(tmp_path, tiny)
    again = fit(load_task(folder / "task.yaml"), out=folder / "run")
    assert again.metrics == finished.metrics


def test_a_pass_over_own_answers(tmp_path: Path, tiny: Path) -> None:
    folder = written(tmp_path, tiny, extra=", baselines: false, self_training: {use: true, max_texts: 3}")
    run = fit(load_task(folder / "task.yaml"), out=folder / "run")
    assert any(point.stage.endswith("self-training") for point in run.report.losses)


def test_rules_that_gold_answers_speak_against_are_left_out() -> None:
    wrong = Rule("wrong", Always(), Say(("katze",)))
    gold = [Example(str(n), "ein hund", answer=Text("hund")) for n in range(9)]
    asked = [(Demand("wrong", Say(("katze",))), Demand("right", Say(("hund",))))] * 9
    verdict = judge_demands(gold, asked, rules=[wrong, Rule("right", Always(), Say(("hund",)))])
    assert verdict.left_out == {("wrong", "")}
    assert verdict.guard is not None and verdict.guard.rules and "0 of 9" in verdict.guard.reason
    assert judge_demands(gold[:4], asked[:4], rules=[wrong]).left_out == frozenset()  # too few to tell


def test_replies_and_sentences_are_weak_answers(tmp_path: Path, tiny: Path) -> None:
    folder = written(tmp_path, tiny, task="dialogue", rules="\n  - {keywords: [hund], reply: 'der hund'}\n")
    spec = load_task(folder / "task.yaml")
    made = TextAnswering.of(spec, prepare(spec, listener=silent), listener=silent)
    assert made.weak["unlabeled"].count("der hund") == 2 and made.acts
    source = Example("1", "It rains. We show that it rains. The end.")
    shows = Demand("shows", Matching(Pattern("We show")))
    assert extract(source, [shows]) == "We show that it rains."
    assert extract(source, [Demand("any", Sized("words", 1))]) is None  # nothing is preferred


def test_only_answers_that_break_no_rule_are_learned_from() -> None:
    texts = [Example("1", "a"), Example("2", "b")]
    asked = [(Demand("dog", Say(("Hund",))),), ()]
    assert sound(texts, ["eine Katze", "ja"], asked) == [None, "ja"]
    assert sound(texts, ["ein Hund", None], asked) == ["ein Hund", None]


def test_brackets_of_hints_do_not_come_into_the_answer(finished: TextRun) -> None:
    [draft] = finished.predict([Example("1", "ein hund und eine katze 5")])
    assert "(" not in str(draft.answer)


def test_hints_say_only_what_the_source_does_not() -> None:
    dog = Demand("dog", Say(("Hund*", "Köter")), (Span(2, 5),))
    assert hinted(Example("1", "a dog runs"), [dog]).text == "a dog (Hund) runs"
    assert hinted(Example("1", "a dog is a Hund"), [dog]).text == "a dog is a Hund"
    assert hinted(Example("1", "a dog"), [Demand("no", Avoid(("Katze",)))]).text == "a dog"
    assert hinted(Example("1", "a dog runs"), [dog], kept_by=Text("Katze")).text == "a dog runs"


def writing(**settings: object) -> Writing:
    spec_like = {"max_length": 12, "max_target": 8, "beams": 1, "told": False, "held": True, "precision": "fp32"}
    from ruletune.templates import Rendering, Template

    return Writing(rendering=Rendering(Template.parse("{text}")), **(spec_like | settings))  # type: ignore[arg-type]


def test_long_sources_are_answered_piece_by_piece() -> None:
    tokenizer = tokenizer_of("t5")
    text = "Ein hund. Eine katze. " * 6
    dog = Demand("dog", Say(("hund",)), (Span(4, 8),))
    shown = show([Example("1", text)], [[dog, Demand("no", Avoid(("us",)))]], writing(too_long="windows"), tokenizer)
    assert len(shown.pieces) > 1 and set(shown.owner) == {0}
    assert "".join(piece.text for piece in shown.pieces) == text
    assert max(map(len, shown.encoded.columns["input_ids"])) <= 12 and not shown.encoded.loss.truncated
    assert [d.rule for d in shown.demands[0]] == ["dog", "no"] and [d.rule for d in shown.demands[-1]] == ["no"]
    cut = show([Example("1", text)], [[dog]], writing(too_long="cut"), tokenizer)
    assert len(cut.pieces) == 1 and cut.encoded.loss.truncated == 1
    with pytest.raises(UserError, match="longer than 12 tokens"):
        show([Example("1", text)], [[dog]], writing(too_long="error"), tokenizer)


def test_what_the_model_has_no_tokens_for_is_refused_with_its_line(tmp_path: Path, tiny: Path) -> None:
    folder = written(tmp_path, tiny, rules="\n  - {keywords: [hund], require: 犬}\n")
    with pytest.raises(
        UserError, match=r"task.yaml:4: rule 'keywords_1' demands what the model has no tokens for: '犬'"
    ):
        fit(load_task(folder / "task.yaml"), out=folder / "run")
    assert not (folder / "run").exists()


def test_commands(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("train", folder / "task.yaml", "--out", folder / "run") == 0
    assert "Rules kept" in capsys.readouterr().out
    (folder / "new.txt").write_text("ein hund 4\nhaus\n")
    assert command("predict", folder / "run", folder / "new.txt", "--json", "--n-best", 2) == 0
    rows = json.loads(capsys.readouterr().out)["predictions"]
    assert "hund" in rows[0]["answer"] and rows[0]["broken"] == [] and len(rows[0]["n_best"]) == 2
    assert command("evaluate", folder / "run", folder / "test.jsonl") == 0
    assert "bleu" in capsys.readouterr().out
    assert command("explain", folder / "run", "ein hund") == 0
    assert "without rules" in capsys.readouterr().out
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("ein hund 8\n\n/new\nhaus\n"))
    assert command("chat", folder / "run") == 0
    said = capsys.readouterr().out
    assert "hund" in said and "rules: dogs, never, numbers" in said


@pytest.mark.parametrize(
    ("row", "message"),
    [({"text": "", "target": "x"}, "blank"), ({"text": "x", "target": " "}, "blank"), ({"target": "x"}, "text")],
)
def test_bad_rows_are_named(folder: Path, row: dict[str, object], message: str) -> None:
    with (folder / "train.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    with pytest.raises(UserError, match=f"(?s)train.jsonl:13.*{message}"):
        fit(load_task(folder / "task.yaml"), out=folder / "run")


@pytest.mark.parametrize(
    ("rules", "message"),
    [("[]", "there are no rules"), ("[{keywords: [auto], require: us}]", "no rule demands anything")],
)
def test_nothing_to_learn_from(tmp_path: Path, tiny: Path, rules: str, message: str) -> None:
    folder = written(tmp_path, tiny, rules=rules)
    (folder / "train.jsonl").write_text(lines([{"text": "ein hund"}]))
    with pytest.raises(UserError, match=f"no gold answers and {message}"):
        fit(load_task(folder / "task.yaml"), out=folder / "run")


def test_without_gold_the_pretrained_model_writes_under_the_rules(tmp_path: Path, tiny: Path) -> None:
    folder = written(tmp_path, tiny)
    (folder / "train.jsonl").write_text(lines([{"text": "ein hund"}]))
    run = fit(load_task(folder / "task.yaml"), out=folder / "run")
    assert list(run.metrics["scores"]) == ["zero-shot", "rules alone", "rules + labels"]
    assert run.metrics["scores"]["rules + labels"]["rules_kept"] == 1.0
