from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.cli.test_cli import run
from tests.explain_fixtures import label_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    return label_run(tmp_path_factory.mktemp("explained"), checkpoint).folder


def test_in_the_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "explain", folder, "a superb film but 很 dull 😀") == 0
    said = capsys.readouterr().out
    for part in ("[superb]", "praise", "blame", "log-odds", "Nearest gold examples", "calibrated"):
        assert part in said, part


def test_json_and_a_page(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "why.html"
    assert run(monkeypatch, "explain", folder, "<i>superb</i> 好", "--json", "--html", page, "--examples", 1) == 0
    value = json.loads(capsys.readouterr().out)
    assert {"answer", "model", "label_model", "beliefs", "rules", "attributions", "examples", "notes"} <= set(value)
    assert len(value["examples"]) == 1
    written = page.read_text(encoding="utf-8")
    assert "&lt;" in written and "<i>superb" not in written and "好" in written and "<script" not in written


def test_other_labels_no_words_and_several_texts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "explain", folder, "superb", "--label", "bad", "--json") == 0
    assert json.loads(capsys.readouterr().out)["attributions"][0]["answer"] == "bad"
    assert run(monkeypatch, "explain", folder, "superb", "--no-words", "--json") == 0
    assert json.loads(capsys.readouterr().out)["attributions"] == []
    monkeypatch.setattr("sys.stdin", io.StringIO("a superb film\n\ndull 好\n"))
    assert run(monkeypatch, "explain", folder, "-", "--json") == 0
    assert [each["text"] for each in json.loads(capsys.readouterr().out)["explanations"]] == [
        "a superb film",
        "dull 好",
    ]


def test_wrong_use(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "explain", folder, "superb", "--label", "god") == 2
    assert "did you mean 'good'" in capsys.readouterr().err
    assert run(monkeypatch, "explain", folder, "  ") == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert run(monkeypatch, "explain", folder, "-") == 2
    assert run(monkeypatch, "explain", folder, "superb", "--html", tmp_path / "none" / "why.html") == 2
    assert run(monkeypatch, "explain", tmp_path, "superb") == 2
