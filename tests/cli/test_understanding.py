"""Commands on a task of intents and slots: those that know both, and those that refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from ruletune.cli import app
from tests.cli.test_cli import run
from tests.understanding_fixtures import write_understanding

KNOWN = {"check", "rules", "train", "evaluate", "predict", "explain"}
FREE = {
    "init": "reads no task file", "pretrain": "reads only its texts",
    # They know both answers, and are tested where they are.
    "card": "reads a run", "export": "reads a run", "push": "reads a run", "serve": "reads a run",
}  # fmt: skip

REFUSED: dict[str, list[str]] = {
    "label": ["{task}", "{data}", "-o", "{out}"],
    "sample": ["{task}"],
    "preview": ["{task}"],
    "search": ["{task}", "-o", "{out}"],
    "chat": ["{run}"],
    "workbench": ["{task}", "--no-browser", "--port", "0"],
    "rules show": ["praise", "{task}"],
    "rules diff": ["{task}", "{task}"],
    "rules suggest": ["{task}"],
    "rules export": ["{task}", "{data}", "-o", "{out}"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    import ruletune

    folder = tmp_path_factory.mktemp("cli")
    ruletune.fit(ruletune.load_task(write_understanding(folder, checkpoint)), out=folder / "run")
    return folder


def test_every_command_is_thought_of() -> None:
    from typing import Any

    program: Any = typer.main.get_command(app)
    commands = set(program.commands) | {f"rules {name}" for name in program.commands["rules"].commands}
    assert commands == KNOWN | set(FREE) | set(REFUSED) | {"rules table"}


@pytest.mark.parametrize("command", REFUSED)
def test_the_others_refuse(
    command: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {
        "task": folder / "task.yaml",
        "data": folder / "test.jsonl",
        "out": tmp_path / "out",
        "run": folder / "run",
    }
    arguments = [argument.format(**places) for argument in REFUSED[command]]
    assert run(monkeypatch, *command.split(), *arguments) == 2
    said = capsys.readouterr().err
    assert "understanding" in said if command == "chat" else "this file has two: intents and slots" in said
    assert not (tmp_path / "out").exists()


def test_check(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "check", folder / "task.yaml", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] and {name: half["labels"] for name, half in found["tasks"].items()} == {
        "classification": ["Praise", "Blame"],
        "ner": ["opinion", "thing"],
    }
    assert run(monkeypatch, "check", folder / "task.yaml") == 0
    assert capsys.readouterr().out.count(" is right: ") == 2


def test_a_failed_test_fails_the_check(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = "rules:\n  - {name: things, keywords: [film], vote: thing, tests: [{text: a play, expect: thing}]}\n"
    task = write_understanding(tmp_path, checkpoint, rules=rules)
    assert run(monkeypatch, "check", task) == 1
    assert "task.yaml:20: test failed: rule 'things'" in capsys.readouterr().out


def test_rules(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "rules", folder / "task.yaml", "--json") == 0
    tables = json.loads(capsys.readouterr().out)
    assert {name: [row["name"] for row in table["rows"]] for name, table in tables.items()} == {
        "classification": ["praise", "blame"],
        "ner": ["things", "opinions"],
    }
    assert all(table["gold"] == 12 and table["texts"] == 92 for table in tables.values())
    assert run(monkeypatch, "rules", folder / "task.yaml") == 0
    assert "opinions" in capsys.readouterr().out


def test_train(
    folder: Path, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = write_understanding(tmp_path, checkpoint)
    assert run(monkeypatch, "train", task, "-o", tmp_path / "run", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metric"] == "joint_accuracy" and found["run"] == str(tmp_path / "run")
    assert run(monkeypatch, "train", task, "-o", tmp_path / "run") == 2
    assert "exists already" in capsys.readouterr().err


def test_evaluate(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "evaluate", folder / "run", folder / "test.jsonl") == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("joint_accuracy", "intent_accuracy", "slot_f1", "Praise", "opinion"))
    assert run(monkeypatch, "evaluate", folder / "run", folder / "unlabeled.jsonl") == 2
    assert "80 texts have no intent" in capsys.readouterr().err


def test_predict(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("the superb film\n好电影\n", encoding="utf-8")
    assert run(monkeypatch, "predict", folder / "run", texts, "-o", tmp_path / "out.jsonl") == 0
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines())
    assert first["answer"] in ("Praise", "Blame") and set(first["slots"]) == {"answer", "score", "scores", "rules"}
    assert {"start": 11, "end": 15, "label": "thing"} in first["slots"]["answer"]
    assert second["rules"] == second["slots"]["rules"] == []
    assert run(monkeypatch, "predict", folder / "run", texts) == 0
    assert "film (thing)" in capsys.readouterr().out
    assert run(monkeypatch, "predict", folder / "run", texts, "--max-error", 0.1) == 2


def test_explain(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "explain", folder / "run", "the superb film") == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("Praise", "praise", "things", "opinions"))
    assert run(monkeypatch, "explain", folder / "run", "the superb film", "--json") == 0
    assert set(json.loads(capsys.readouterr().out)) == {"text", "answer", "score", "intent", "slots"}
