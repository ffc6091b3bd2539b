"""A run's model card, and its way to the hub."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import ruletune
from ruletune.cli import main
from ruletune.errors import RuletuneError, UserError
from ruletune.pipeline.carding import card_of
from ruletune.pipeline.push import push
from ruletune.types import Example
from tests.tiny_runs import tiny_run


def command(*arguments: object) -> int:
    """The command in this process; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ruletune", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, masked: Path) -> ruletune.Run:
    folder = tmp_path_factory.mktemp("run")
    return tiny_run("text", folder, checkpoint=checkpoint, masked=masked, writer=folder)


class FakeHub:
    """What would happen on the hub, kept in a folder."""

    def __init__(self, folder: Path, *, public: bool = False, broken: Exception | None = None) -> None:
        self.folder, self.public, self.broken = folder, public, broken
        self.asked: list[tuple[str, bool]] = []

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        if self.broken:
            raise self.broken
        assert exist_ok
        self.asked.append((repo_id, private))

    def repo_info(self, repo_id: str) -> Any:
        return SimpleNamespace(private=not self.public)

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> None:
        shutil.copytree(folder_path, self.folder / repo_id)


def test_a_run_has_its_card(run: ruletune.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = (run.folder / "model" / "README.md").read_text("utf-8")
    assert written.startswith("---\n")
    assert "classification" in written
    assert written == card_of(run)
    assert str(run.folder.parent) not in written
    # An older run has none, and gets it.
    older = tmp_path / "older"
    shutil.copytree(run.folder, older)
    (older / "model" / "README.md").unlink()
    assert command("card", older) == 0
    assert (older / "model" / "README.md").read_text("utf-8") == written
    assert command("card", older, "-o", tmp_path / "card.md") == 0
    assert (tmp_path / "card.md").read_text("utf-8") == written
    capsys.readouterr()
    assert command("card", older, "-o", "-") == 0
    assert capsys.readouterr().out == written
    assert command("card", tmp_path) == 2


def test_a_card_is_of_one_model(tmp_path: Path, checkpoint: Path, masked: Path) -> None:
    both = tiny_run("understanding", tmp_path, checkpoint=checkpoint, masked=masked, writer=tmp_path)
    with pytest.raises(UserError, match="two models"):
        card_of(both)
    assert "token-classification" in card_of(both.folder / "slots")
    assert (both.folder / "intent" / "model" / "README.md").is_file()
    with pytest.raises(UserError, match="two models"):
        push(both, "somebody/both", dry_run=True)


def test_what_was_uploaded_loads_with_and_without_ruletune(run: ruletune.Run, tmp_path: Path) -> None:
    hub = FakeHub(tmp_path)
    pushed = push(run, "somebody/reviews", hub=hub)
    assert hub.asked == [("somebody/reviews", True)]
    assert pushed.url == "https://huggingface.co/somebody/reviews"
    copy = tmp_path / "somebody" / "reviews"
    assert set(pushed.files) == {file.relative_to(copy).as_posix() for file in copy.rglob("*") if file.is_file()}
    AutoModelForSequenceClassification.from_pretrained(copy)
    AutoTokenizer.from_pretrained(copy)
    examples = [Example("1", "a superb film"), Example("2", "a dull one")]
    assert ruletune.load(copy).predict(examples) == run.predict(examples)


def test_texts_stay_at_home(run: ruletune.Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run.folder, folder)
    task = folder / "task.yaml"
    tested = "\n  tests:\n  - {text: secret words, expect: good}\n"
    task.write_text(task.read_text("utf-8").replace("\n  tests: []\n", tested, 1), "utf-8")
    secrets = ("secret words", str(run.folder.parent))
    hub = FakeHub(tmp_path)
    push(folder, "somebody/bare", hub=hub)
    rows = (run.folder.parent / "test.jsonl").read_text("utf-8").splitlines()
    texts = [json.loads(row)["text"] for row in rows]
    for file in (tmp_path / "somebody" / "bare").rglob("*"):
        if file.is_file() and file.suffix in (".json", ".yaml", ".md", ".html"):
            content = file.read_text("utf-8")
            for secret in (*secrets, *texts):
                assert secret not in content, (file, secret)
    push(folder, "somebody/whole", hub=hub, with_examples=True, public=True)
    assert hub.asked[-1] == ("somebody/whole", False)
    assert (tmp_path / "somebody" / "whole" / "ruletune" / "report.html").is_file()
    assert "secret words" in (tmp_path / "somebody" / "whole" / "ruletune" / "task.yaml").read_text("utf-8")


def test_a_dry_run_lists_files_and_needs_no_network(
    run: ruletune.Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.is_offline_mode", lambda: True)
    assert command("push", run.folder, "somebody/reviews", "--dry-run", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["url"] is None
    assert said["files"]["model.safetensors"] == (run.folder / "model" / "model.safetensors").stat().st_size
    assert not any("report" in name for name in said["files"])
    assert command("push", run.folder, "somebody/reviews", "--dry-run") == 0
    assert "model.safetensors" in capsys.readouterr().out


def test_what_cannot_be_uploaded_is_said(
    run: ruletune.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.is_offline_mode", lambda: True)
    assert command("push", run.folder, "somebody/reviews") == 2
    assert "HF_HUB_OFFLINE" in capsys.readouterr().err
    for hub_id in ("reviews", "a/b/c", "", "../x", "somebody/评论"):
        with pytest.raises(UserError, match="OWNER/NAME"):
            push(run, hub_id, dry_run=True)
    with pytest.raises(RuletuneError, match="cannot upload to somebody/reviews: no route"):
        push(run, "somebody/reviews", hub=FakeHub(tmp_path, broken=ConnectionError("no route\nmore")))
    with pytest.raises(UserError, match="is public; nothing was uploaded"):
        push(run, "somebody/reviews", hub=FakeHub(tmp_path, public=True))
    assert not (tmp_path / "somebody").exists()
