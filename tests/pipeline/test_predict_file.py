"""Answers to files of texts: the same as to the texts, whatever the pieces and the interruptions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import ruletune
from ruletune.bad_rows import BadRows
from ruletune.cli import app
from ruletune.config import load_task
from ruletune.errors import Location, RuletuneError, UserError
from ruletune.labeling.journal import Journal
from ruletune.pipeline.predict_file import Asking, predict_file
from ruletune.pipeline.values import prediction_value
from ruletune.types import Example, Prediction
from tests.model_fixtures import texts, write_task


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> ruletune.Run:
    folder = tmp_path_factory.mktemp("predict")
    extra = "\n".join(["  baselines: false"])
    task = write_task(folder, checkpoint)
    task.write_text(task.read_text(encoding="utf-8").replace("training:\n", f"training:\n{extra}\n"), encoding="utf-8")
    return ruletune.fit(load_task(task), out=folder / "run")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty texts in four files."""
    found = [json.dumps({"text": example.text}) + "\n" for example in texts(40, seed=9)]
    (tmp_path / "in").mkdir()
    for n in range(4):
        (tmp_path / "in" / f"{n}.jsonl").write_text("".join(found[10 * n : 10 * n + 10]), encoding="utf-8")
    (tmp_path / "all.jsonl").write_text("".join(found), encoding="utf-8")
    return tmp_path / "all.jsonl"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [row["answer"] for row in found] == [row["answer"] for row in expected]
    assert [row["rules"] for row in found] == [row["rules"] for row in expected]
    assert [row["score"] for row in found] == pytest.approx([row["score"] for row in expected], abs=1e-5)


def test_answers_are_those_to_the_texts(run: ruletune.Run, data: Path) -> None:
    done = predict_file(run, str(data), data.with_name("out.jsonl"), rows=7)
    expected = [prediction_value(prediction) for prediction in run.predict(run.read(str(data)))]
    found = rows(data.with_name("out.jsonl"))
    same(found, expected)
    assert [row["id"] for row in found] == [row["id"] for row in expected]
    assert (done.texts, done.answered) == (40, 40)


def test_a_folder_becomes_a_folder(run: ruletune.Run, data: Path) -> None:
    out = data.with_name("out")
    predict_file(run, str(data.with_name("in")), f"{out}/", rows=7)
    predict_file(run, str(data), data.with_name("one.jsonl"), rows=10)
    assert sorted(path.name for path in out.iterdir()) == [f"{n}.jsonl" for n in range(4)]
    found = [row for n in range(4) for row in rows(out / f"{n}.jsonl")]
    same(found, rows(data.with_name("one.jsonl")))
    assert found[10]["id"] == "1.jsonl:1"


def test_what_is_answered_is_not_asked_again(run: ruletune.Run, data: Path) -> None:
    out = data.with_name("out.jsonl")
    predict_file(run, str(data), data.with_name("whole.jsonl"), rows=7)

    def cut_off(fn: Any, items: Iterable[Any]) -> Iterator[Any]:
        for number, item in enumerate(items):
            if number == 3:
                raise RuletuneError("cut off")
            yield fn(item)

    with pytest.raises(RuletuneError, match="cut off"):
        predict_file(run, str(data), out, rows=7, map=cut_off)
    assert not out.exists()
    with pytest.raises(UserError, match="--resume"):
        predict_file(run, str(data), out, rows=7)
    with pytest.raises(UserError, match="way of asking"):
        predict_file(run, str(data), out, rows=7, resume=True, asking=Asking(n_best=2))
    predict_file(run, str(data), out, rows=7, resume=True)
    assert out.read_bytes() == data.with_name("whole.jsonl").read_bytes()


def test_bad_rows_are_told_and_nothing_is_written(run: ruletune.Run, data: Path) -> None:
    data.write_text('{"text": "good"}\n{"text": 5}\nno\n', encoding="utf-8")
    with pytest.raises(UserError) as caught:
        predict_file(run, str(data), data.with_name("out.jsonl"), rows=1)
    assert [problem.where.line for problem in caught.value.problems if problem.where] == [2, 3]
    assert not data.with_name("out.jsonl").exists() and not data.with_name(".out.jsonl.partial").exists()


class Died(BaseException):
    """A process that ended without a word."""


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[int]]:
    """Makes a run die over a text; how many texts it was asked about at a time, from then on."""
    leave, predict = Journal.__exit__, ruletune.Run.predict
    asked: list[int] = []

    def left(self: Journal, kind: Any, error: Any, trace: Any) -> None:
        if kind is not Died:
            leave(self, kind, error, trace)

    def over(deadly: str) -> list[int]:
        def die(self: ruletune.Run, examples: Sequence[Example], **options: Any) -> list[Prediction]:
            asked.append(len(examples))
            if any(deadly in example.text for example in examples):
                raise Died
            return predict(self, examples, **options)

        monkeypatch.setattr(Journal, "__exit__", left)
        monkeypatch.setattr(ruletune.Run, "predict", die)
        return asked

    return over


def test_a_text_that_processes_die_over_is_found_and_can_be_left_out(
    run: ruletune.Run, data: Path, mortal: Callable[[str], list[int]]
) -> None:
    whole, out = data.with_name("whole.jsonl"), data.with_name("out.jsonl")
    found = data.read_text(encoding="utf-8").splitlines()
    found[17] = json.dumps({"text": "deadly"})
    data.write_text("\n".join(found), encoding="utf-8")
    predict_file(run, str(data), whole, rows=7)
    asked = mortal("deadly")
    for _ in range(3):
        with pytest.raises(Died):
            predict_file(run, str(data), out, rows=7, resume=True)
    # Two pieces, and the third that holds the text; twice text by text up to it.
    assert asked == [7, 7, 7, *[1] * 4, *[1] * 4]
    with pytest.raises(UserError) as caught:
        predict_file(run, str(data), out, rows=7, resume=True)
    [problem] = caught.value.problems
    assert problem.where == Location(str(data), 18) and problem.message == "a process that answers text '18' dies"
    for _ in range(3):
        with pytest.raises(Died):
            predict_file(run, str(data), out, rows=7, resume=True, bad_rows=BadRows())
    skipped = BadRows()
    predict_file(run, str(data), out, rows=7, resume=True, bad_rows=skipped)
    assert skipped.count == 1
    assert [row["id"] for row in rows(out)] == [str(n) for n in range(1, 41) if n != 18]
    same(rows(out), [row for row in rows(whole) if row["id"] != "18"])


def test_a_process_that_died_over_nothing_leaves_no_trace(
    run: ruletune.Run, data: Path, mortal: Callable[[str], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = data.with_name("whole.jsonl"), data.with_name("out.jsonl")
    predict_file(run, str(data), whole, rows=7)
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "__exit__", lambda *_: None)
        patched.setattr(ruletune.Run, "predict", lambda *_, **__: (_ for _ in ()).throw(Died))
        with pytest.raises(Died):
            predict_file(run, str(data), out, rows=7)
    predict_file(run, str(data), out, rows=7, resume=True)
    assert out.read_bytes() == whole.read_bytes(), "to the last digit"


def test_no_rows_and_the_input_as_output_are_refused(run: ruletune.Run, data: Path) -> None:
    with pytest.raises(UserError, match="would replace the input"):
        predict_file(run, str(data), data)
    data.write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="there are no rows"):
        predict_file(run, str(data), data.with_name("out.jsonl"))


def test_where_work_cannot_run_is_told_at_once(run: ruletune.Run, data: Path) -> None:
    with pytest.raises(UserError, match="say --engine ray"):
        app(["predict", str(run.folder), str(data), "-o", "x.jsonl", "--address", "auto"], standalone_mode=False)
    with pytest.raises(UserError, match="name one with --out"):
        app(["predict", str(run.folder), str(data), "--engine", "ray"], standalone_mode=False)
    with pytest.raises(UserError, match="torchrun --nproc-per-node 2"):
        task = str(run.folder / "task.yaml")
        app(["train", task, "-o", str(data.with_name("run")), "--workers", "2"], standalone_mode=False)
