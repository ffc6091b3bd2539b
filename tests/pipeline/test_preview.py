"""What a task would come to, before training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ruletune.config import load_task
from ruletune.engine.local import LocalEngine
from ruletune.errors import UserError
from ruletune.pipeline.preview import preview
from tests.model_fixtures import write_task


def test_it_compares_labels_rules_and_both(tmp_path: Path, checkpoint: Path) -> None:
    found = preview(load_task(write_task(tmp_path, checkpoint)))
    assert [a.name for a in found.verdict.alternatives] == ["labels alone", "rules alone", "rules + labels"]
    assert found.table.gold == 8
    assert sum(found.labels.values()) == pytest.approx(1.0)
    assert json.loads(json.dumps(found.to_json()))["gold"] == 8


def test_without_rules_there_is_nothing_to_weigh(tmp_path: Path, checkpoint: Path) -> None:
    found = preview(load_task(write_task(tmp_path, checkpoint, rules="")))
    assert found.table.coverage == 0
    assert found.verdict.alternatives == ()


def test_the_test_part_is_not_read_for_it(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint)
    first = preview(load_task(task)).to_json()
    rows = [json.loads(line) for line in (tmp_path / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    swapped = [row | {"label": "good" if row["label"] == "bad" else "bad"} for row in rows]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in swapped), encoding="utf-8")
    assert preview(load_task(task)).to_json() == first


def test_with_neither_labels_nor_votes_it_says_what_is_missing(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint, rules="rules:\n  - {name: never, keywords: [zebra], vote: good}\n")
    rows = [json.loads(line) | {"label": None} for line in (tmp_path / "train.jsonl").read_text("utf-8").splitlines()]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(UserError, match="neither a gold label nor a vote"):
        preview(load_task(task))


def test_with_embeddings_remembered_no_model_is_imported(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint)
    code = (
        "import sys; from ruletune.config import load_task; from ruletune.pipeline.preview import preview; "
        f"preview(load_task({str(task)!r})); print('torch' in sys.modules)"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"RULETUNE_CACHE": str(tmp_path / "cache")},
        ).stdout.strip()
        for _ in range(2)
    ]
    assert said == ["True", "False"]


def test_texts_embedded_by_two_processes_give_the_same(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load_task(write_task(tmp_path, checkpoint))
    monkeypatch.setattr("ruletune.models.embeddings._AT_ONCE", 64)
    found = []
    for jobs in (1, 2):
        monkeypatch.setenv("RULETUNE_CACHE", str(tmp_path / str(jobs)))
        with LocalEngine(jobs, patience=-1) as engine:
            found.append(preview(spec, engine=engine).to_json())
    assert found[0]["labels"] == pytest.approx(found[1]["labels"], abs=1e-3)
    assert found[0]["estimates"] == found[1]["estimates"]
