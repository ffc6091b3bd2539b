from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ruletune.cli import main
from tests.model_fixtures import write_task

EXAMPLE_DATA = "text,label\nA superb film.,good\nAn awful film.,bad\nA great cast.,good\nDull and loud.,bad\n"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The command in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["ruletune", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    return code if isinstance(code, int) else 0 if code is None else 1


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    import ruletune

    folder = tmp_path_factory.mktemp("cli")
    ruletune.fit(ruletune.load_task(write_task(folder, checkpoint)), out=folder / "run")
    return folder


def light_modules(*arguments: str) -> set[str]:
    """The modules that a command loads, of those that are slow to load."""
    program = (
        "import sys\nsys.argv = ['ruletune', *sys.argv[1:]]\nfrom ruletune.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "slow = {'torch', 'transformers', 'sklearn', 'altair', 'pandas', 'datasets', 'scipy'}\n"
        "print('LOADED', *sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_help_check_and_rules_load_nothing_slow(task: Path) -> None:
    assert light_modules("--help") == set()
    assert light_modules("check", str(task)) == set()
    assert light_modules("rules", str(task)) == set()


def test_help_starts_at_once(task: Path) -> None:
    """Compared with an empty Python on the same machine at the same moment, so that a busy machine is no matter."""
    import time

    def seconds(*command: str) -> float:
        best = 9.0
        for _ in range(3):
            begin = time.perf_counter()
            subprocess.run([sys.executable, *command], capture_output=True, check=True)
            best = min(best, time.perf_counter() - begin)
        return best

    assert seconds("-m", "ruletune", "--help") < 15 * seconds("-c", "import asyncio")


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["train"], ["train", "task.yaml", "--nonsense"]])
def test_wrong_use_is_exit_code_2(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, *arguments) == 2


def test_errors_go_to_stderr_with_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("task: clasification\nlabels: [a, b]\ndata: {train: x.jsonl}\n", encoding="utf-8")
    assert run(monkeypatch, "check", path) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{path}:1: unknown task 'clasification'; did you mean 'classification'?" in printed.err
    assert run(monkeypatch, "check", path, "--json") == 2
    [problem, *_] = json.loads(capsys.readouterr().err)["problems"]
    assert (problem["file"], problem["line"]) == (str(path), 1)


def test_init_writes_a_task_that_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, task = tmp_path / "reviews.csv", tmp_path / "sub" / "task.yaml"
    task.parent.mkdir()
    data.write_text(EXAMPLE_DATA, encoding="utf-8")
    assert run(monkeypatch, "init", data, "--out", task, "--yes", "--name", "my: films # 1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["labels"] == ["good", "bad"]
    assert run(monkeypatch, "check", task, "--json") == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert run(monkeypatch, "init", data, "--out", task, "--yes") == 2, "a task file that exists is kept"
    assert "exists already" in capsys.readouterr().err


def test_init_takes_bars_for_several_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, task = tmp_path / "d.csv", tmp_path / "task.yaml"
    data.write_text("text,label\na,joy|fear\nb,joy\n", encoding="utf-8")
    assert run(monkeypatch, "init", data, "--out", task, "--yes", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["labels"], said["multi_label"]) == (["joy", "fear"], True)
    assert "multi_label: true" in task.read_text(encoding="utf-8")
    assert run(monkeypatch, "init", data, "--out", task, "--yes", "--overwrite") == 0
    assert "several at once" in capsys.readouterr().out


def test_init_asks_for_what_it_cannot_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, task = tmp_path / "d.csv", tmp_path / "t.yaml"
    data.write_text(EXAMPLE_DATA, encoding="utf-8")
    monkeypatch.setattr("ruletune.cli.authoring._is_interactive", lambda: True)
    replies = iter(["text", "label", "good, bad, other", "films", "Good or bad?"])
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(replies))
    assert run(monkeypatch, "init", data, "--out", task) == 0
    from ruletune.config import load_task

    spec = load_task(task)
    assert spec.labels == ("good", "bad", "other") and spec.file.description == "Good or bad?"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "there are no rows"),
        ("text,label\nonly one,good\n", "found 1 labels"),
        ("number\n1\n2\n", "found 0 labels"),
    ],
)
def test_init_on_data_that_does_not_do(
    content: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "d.csv"
    data.write_text(content, encoding="utf-8")
    assert run(monkeypatch, "init", data, "--out", tmp_path / "t.yaml", "--yes") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "t.yaml").exists()


def test_rules_shows_a_table_and_json(
    task: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "rules", task) == 0
    assert "praise" in capsys.readouterr().out
    assert run(monkeypatch, "rules", task, "--json") == 0
    table = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in table["rows"]} == {"praise", "blame"}
    assert 0 < table["coverage"] < 1


def test_sample_chooses_what_has_no_label(
    task: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], trained: Path
) -> None:
    assert run(monkeypatch, "sample", task, "-n", 5, "--json") == 0
    chosen = json.loads(capsys.readouterr().out)["texts"]
    assert len({row["text"] for row in chosen}) == 5 and all(row["label"] is None for row in chosen)
    assert run(monkeypatch, "sample", task, "-n", 5, "--run", trained / "run", "--json") == 0


def test_train_predict_evaluate_explain(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = trained / "task.yaml"
    assert run(monkeypatch, "train", task, "--out", tmp_path / "run", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["scores"]) == {"rules alone", "labels alone", "rules + labels"}

    out = tmp_path / "answers.jsonl"
    new = tmp_path / "new.txt"
    new.write_text("\ufeffa superb film\n\n这很好\n", encoding="utf-8")
    assert run(monkeypatch, "predict", tmp_path / "run", new, "-o", out) == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["1", "2"]
    assert rows[0]["rules"][0]["rule"] == "praise" and 0 <= rows[0]["score"] <= 1
    assert run(monkeypatch, "predict", tmp_path / "run", new) == 0
    assert "superb" in capsys.readouterr().out

    assert run(monkeypatch, "evaluate", tmp_path / "run", trained / "test.jsonl", "--json") == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["n"] == 60 and {"accuracy", "macro_f1", "covered", "uncovered"} <= set(scores)
    assert run(monkeypatch, "evaluate", tmp_path / "run", trained / "test.jsonl") == 0

    capsys.readouterr()
    assert run(monkeypatch, "explain", tmp_path / "run", "a superb film", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rules"][0]["spans"] == [[2, 8]]
    assert run(monkeypatch, "explain", tmp_path / "run", "  ") == 2


def test_a_run_that_exists_and_a_folder_that_is_none(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "train", trained / "task.yaml", "--out", trained / "run") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(monkeypatch, "predict", tmp_path, trained / "test.jsonl") == 2
    assert "not a run folder" in capsys.readouterr().err


def test_bad_rows_are_reported_together_with_their_lines(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "bad.jsonl"
    data.write_text(
        '{"text": "a", "label": "good"}\n{"text": 1}\nnot json\n{"text": "b", "label": "goood"}\n', encoding="utf-8"
    )
    assert run(monkeypatch, "evaluate", trained / "run", data) == 2
    printed = capsys.readouterr().err
    assert [f"bad.jsonl:{line}:" in printed for line in (1, 2, 3, 4)] == [False, True, True, True]
    assert "did you mean 'good'?" in printed


def test_an_interrupt_says_how_to_go_on(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ruletune.training.loop.Loop._update", interrupted)
    assert run(monkeypatch, "train", task, "--out", tmp_path / "run") == 130
    assert "--resume" in capsys.readouterr().err


def test_a_catastrophic_expression_is_named(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = r"rules: [{name: endless, regex: '(a+)+\1$', vote: good}]"
    task = write_task(tmp_path, checkpoint, rules=rules)
    (tmp_path / "unlabeled.jsonl").write_text(json.dumps({"text": "a" * 60 + "b"}) + "\n", encoding="utf-8")
    assert run(monkeypatch, "rules", task) == 0
    assert "'endless' failed on 1 text: worked for more than 2 s" in " ".join(capsys.readouterr().out.split())


def test_max_error_answers_what_can_be_promised(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.model_fixtures import texts

    task = write_task(tmp_path, checkpoint)
    rows = [{"text": f"{e.text} held", "label": str(e.answer)} for e in texts(60, seed=4)]
    (tmp_path / "held.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    content = task.read_text(encoding="utf-8").replace(
        "  test: test.jsonl", "  test: test.jsonl\n  calibration: held.jsonl"
    )
    task.write_text(content, encoding="utf-8")
    assert run(monkeypatch, "train", task, "--out", tmp_path / "run") == 0
    assert "before calibration on 60 labels" in " ".join(capsys.readouterr().out.split())

    data, out = tmp_path / "test.jsonl", tmp_path / "answers.jsonl"
    assert run(monkeypatch, "predict", tmp_path / "run", data, "--max-error", 0.01, "-o", out) == 0
    assert "answered 0 of 60" in (said := capsys.readouterr().err) and "takes 230 calibration labels" in said
    answers = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert all(row["answer"] is None and row["abstained"] and row["probabilities"] for row in answers)
    assert run(monkeypatch, "predict", tmp_path / "run", data, "--max-error", 0.01) == 0
    assert "(no answer)" in capsys.readouterr().out
    assert run(monkeypatch, "evaluate", tmp_path / "run", data, "--max-error", 0.4, "--json") == 0
    assert json.loads(capsys.readouterr().out)["abstention"]["max_error"] == 0.4
    assert run(monkeypatch, "evaluate", tmp_path / "run", data, "--max-error", 0.4) == 0
    assert "answered" in capsys.readouterr().out
    for wrong in ("0", "1", "1.5", "nan", "-1", "much"):
        assert run(monkeypatch, "predict", tmp_path / "run", data, f"--max-error={wrong}") == 2


def test_a_run_without_calibration_promises_nothing(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "predict", trained / "run", trained / "test.jsonl", "--max-error", 0.1) == 2
    assert "data.calibration" in capsys.readouterr().err


def test_search_tells_what_it_found_and_how_to_train_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, checkpoint: Path
) -> None:
    task, folder = write_task(tmp_path, checkpoint), tmp_path / "found"
    assert run(monkeypatch, "search", task, "--out", folder, "--budget", "none", "--trials", 2, "--folds", 2) == 0
    said = capsys.readouterr().out
    assert "Settings compared on 8 gold labels" in said
    assert f"ruletune train {folder / 'task.yaml'}" in said.replace("\n", "")
    assert run(monkeypatch, "search", task, "--out", folder) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("budget", ["soon", "0", "-5m", "10 weeks"])
def test_search_refuses_a_budget_that_is_no_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], task: Path, budget: str
) -> None:
    assert run(monkeypatch, "search", task, f"--budget={budget}") == 2
    assert "not a time" in capsys.readouterr().err
