"""What ``check`` says of clozes, without loading anything slow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import light_modules, run
from tests.model_fixtures import write_task

CLOZE = 'templates: ["{text} is {mask}"]\nverbalizer: {bad: [awful], good: [great]}\n'


def test_a_cloze_is_right_and_checked_without_torch(
    tmp_path: Path, masked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = write_task(tmp_path, masked, CLOZE)
    assert run(monkeypatch, "check", task) == 0
    assert "is right" in capsys.readouterr().out
    assert light_modules("check", str(task)) == set()


def test_a_checkpoint_that_cannot_fill_in_is_told(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "check", write_task(tmp_path, checkpoint, CLOZE)) == 2
    assert "has no masked language model's head, so it cannot fill in {mask}" in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_word_that_the_checkpoint_cannot_write_is_told(
    tmp_path: Path, masked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = write_task(tmp_path, masked, CLOZE.replace("[awful]", "[awful film]"))
    assert run(monkeypatch, "check", task, "--json") == 2
    shown = json.loads(capsys.readouterr().err or "{}")
    assert "'awful film' for the label 'bad' is awful + film" in json.dumps(shown)
