"""Bad rows that are left out because the user says so: what is kept, what is said of the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ruletune
from ruletune.bad_rows import BadRows, reason_of
from ruletune.cli import app
from ruletune.config import load_task, parse_task, skipping_bad_rows
from ruletune.errors import Location, Problem, UserError
from ruletune.labeling.corpus import corpus, read_part
from tests.conftest import Complaints
from tests.model_fixtures import build_checkpoint, write_task

BAD = b'{"text": "caf\xe9"}\n{oops\n{"text": "x", "label": "spma"}\n{"text": "a", "text": "b"}\n{"text": ""}\n'


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task whose training file has five bad rows among good ones."""
    path = tmp_path / "task.yaml"
    path.write_text(
        "task: classification\nlabels: [bad, good]\ndata: {train: train.jsonl}\nrules:\n  - {name: r, keywords: [superb], vote: good}\n"
    )
    good = [{"text": f"superb {n}", "label": ["bad", "good"][n % 2]} for n in range(20)]
    (tmp_path / "train.jsonl").write_bytes("".join(json.dumps(row) + "\n" for row in good).encode() + BAD)
    return path


def invoke(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, UserError):
        return 2, result.stdout, str(result.exception)
    return result.exit_code, result.stdout, result.stderr


def test_the_default_is_to_refuse(task: Path, complaints: Complaints) -> None:
    spec = load_task(task)
    assert spec.bad_rows is None
    assert len(complaints(read_part, spec, "train.jsonl")) == 5
    assert invoke("rules", task)[0] == 2


def test_the_task_file_may_say_so(task: Path) -> None:
    task.write_text(task.read_text().replace("train.jsonl}", "train.jsonl, skip_bad: true}"))
    spec = load_task(task)
    assert len(corpus(spec)) == 20 and spec.bad_rows is not None and spec.bad_rows.count == 5
    assert len(corpus(spec)) == 20 and spec.bad_rows.count == 5, "read twice, counted once"
    code, _, said = invoke("rules", task)
    assert code == 0 and "5 bad rows of train.jsonl were left out" in said


def test_the_list_says_where_and_why(task: Path, tmp_path: Path) -> None:
    listed = tmp_path / "bad.jsonl"
    code, shown, _ = invoke("rules", task, "--skip-bad", "--bad-rows", listed, "--json")
    rows = [json.loads(line) for line in listed.read_text(encoding="utf-8").splitlines()]
    assert code == 0 and [row["line"] for row in rows] == [21, 22, 23, 24, 25]
    assert rows[2] | {"file": ""} == {
        "file": "", "line": 23, "reason": "unknown label …", "message": "unknown label 'spma'; choose one of 'bad', 'good'", "remedy": None
    }  # fmt: skip
    found = json.loads(shown)["bad_rows"]
    assert found["count"] == 5 and len(found["sources"]["train.jsonl"]["reasons"]) == 5


def test_a_list_of_what_is_not_left_out_is_refused(task: Path, tmp_path: Path) -> None:
    for arguments in (
        ("rules", task),
        ("label", task, tmp_path / "train.jsonl", "-o", tmp_path / "o.jsonl"),
        ("predict", tmp_path, "x"),
    ):
        code, _, said = invoke(*arguments, "--bad-rows", tmp_path / "bad.jsonl")
        assert code == 2 and "--bad-rows lists what --skip-bad leaves out" in said
    assert not (tmp_path / "bad.jsonl").exists()


def test_no_row_that_is_right(task: Path, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_bytes(BAD)
    code, _, said = invoke("rules", task, "--skip-bad")
    assert code == 2 and said.splitlines()[0].endswith("train.jsonl: no row is right") and said.count("\n") == 5
    (tmp_path / "new.jsonl").write_bytes(b'{oops\n{"text": ""}\n')
    code, _, said = invoke("label", task, tmp_path / "new.jsonl", "-o", tmp_path / "o.jsonl", "--skip-bad", "--jobs", 1)
    assert code == 2 and not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize("processes", [1, 2])
def test_labels_of_the_good_rows(processes: int, task: Path, tmp_path: Path) -> None:
    """With ids that stand twice, which only the whole of the file can tell."""
    task.write_text(task.read_text().replace("train.jsonl}", "train.jsonl, columns: {id: id}}"))
    good = [{"id": n % 40, "text": f"superb {n}", "label": "good"} for n in range(50)]
    lines = [json.dumps(row).encode() + b"\n" for row in good]
    (tmp_path / "train.jsonl").write_bytes(b"".join(lines[:20]) + BAD + b"".join(lines[20:]))
    out = tmp_path / "out.jsonl"
    arguments = ("label", task, tmp_path / "train.jsonl", "-o", out, "--jobs", processes, "--skip-bad", "--json")
    code, shown, said = invoke(*arguments)
    assert code == 0, said
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    # A row whose label is unknown has a text that can be labelled: gold is not read here. Without an id it gets its number.
    assert [row["id"] for row in rows] == [*map(str, range(20)), "23", "20", "21", "22", *map(str, range(24, 40))]
    value = json.loads(shown)
    assert value["n"] == 40 and value["covered"] == 39
    assert value["bad_rows"]["sources"][str(tmp_path / "train.jsonl")]["count"] == 15


def test_a_run_warns_and_a_prediction_lists(tmp_path: Path) -> None:
    task = write_task(tmp_path, build_checkpoint(tmp_path / "checkpoint"))
    with (tmp_path / "unlabeled.jsonl").open("ab") as file:
        file.write(BAD)
    run = ruletune.fit(skipping_bad_rows(load_task(task)), out=tmp_path / "run")
    assert any("5 bad rows of unlabeled.jsonl were left out" in warning for warning in run.report.warnings)
    assert "bad rows of unlabeled.jsonl" in (run.folder / "report.html").read_text(encoding="utf-8")
    new = tmp_path / "new.txt"
    new.write_bytes(b"a superb film\ncaf\xe9\nanother one\n")
    assert invoke("predict", run.folder, new)[0] == 2, "what the task file says is about its own data"
    code, shown, said = invoke("predict", run.folder, new, "--skip-bad", "--json")
    assert code == 0 and [row["id"] for row in json.loads(shown)["predictions"]] == ["1", "3"]
    assert "1 bad row of" in said
    piped = CliRunner().invoke(app, ["predict", str(run.folder), "-", "--json"], input=b"a superb film\ncaf\xe9\n")
    assert isinstance(piped.exception, UserError) and str(piped.exception).startswith("stdin:2: not UTF-8")


def test_reasons_are_what_rows_have_in_common() -> None:
    for first, second in (
        ("unknown label 'a'; did you mean 'b'?", "unknown label 'it''s'; choose one of 'b'"),
        (
            "the span [0, 9, PER] ends behind the text, which has 3 characters",
            "the span [7, 99, LOC] ends behind the text, which has 41 characters",
        ),
        ("3 fields in a row of a table with 2 columns", "1 fields in a row of a table with 12 columns"),
    ):
        assert reason_of(Problem(first)).replace("……", "…") == reason_of(Problem(second)).replace("……", "…")
    assert reason_of(Problem("not UTF-8: byte 0xe9 looks like GB18030 (GBK)")).startswith(
        "not UTF-8: byte … looks like"
    )


def test_memory_is_bounded() -> None:
    bad = BadRows()
    take = bad.of("big.jsonl")
    for n in range(150_000):
        take(Problem(f"reason {chr(97 + n % 26)}{chr(97 + n // 26 % 26)}", Location("big.jsonl", n)))
    assert bad.count == 150_000 and len(list(bad.rows())) == 100_001
    assert list(bad.rows())[-1]["message"] == "and 50000 more"
    [sentence] = bad.sentences()
    assert len(sentence) < 1000 and "further reasons" in sentence


def test_slots_and_intents_share_what_was_left_out(tmp_path: Path) -> None:
    source = "task: understanding\nintents: [a, b]\nslots: [c]\ndata: {train: x.jsonl, skip_bad: true}\n"
    spec = parse_task(source, path=tmp_path / "task.yaml", check_data=False)
    assert spec.slots is not None and spec.bad_rows is spec.slots.bad_rows is not None
    again = skipping_bad_rows(
        parse_task(source.replace(", skip_bad: true", ""), path=tmp_path / "task.yaml", check_data=False)
    )
    assert {id(half.bad_rows) for half in again.halves} == {id(again.bad_rows)}
