"""The example of intents and slots: its data script and its task file."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from ruletune.config import load_task
from ruletune.labeling.corpus import corpus, read_part

FOLDER = Path(__file__).parents[2] / "examples" / "assistant"


def prepared(folder: Path) -> Path:
    """The example with its texts, few of them."""
    spec = importlib.util.spec_from_file_location("assistant_prepare", FOLDER / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main([str(folder), "--unlabeled", "60", "--test", "40"]) == 0
    source = (FOLDER / "task.yaml").read_text("utf-8").replace("../../runs/assistant/data/", "")
    (folder / "task.yaml").write_text(source, "utf-8")
    return folder / "task.yaml"


def test_the_same_seed_writes_the_same_texts(tmp_path: Path) -> None:
    for name in ("one", "two"):
        prepared(tmp_path / name)
    for name in ("train", "unlabeled", "test"):
        assert (tmp_path / "one" / f"{name}.jsonl").read_bytes() == (tmp_path / "two" / f"{name}.jsonl").read_bytes()


def test_both_tasks_load_and_no_text_of_the_test_part_stands_elsewhere(tmp_path: Path) -> None:
    spec = load_task(prepared(tmp_path))
    assert spec.slots is not None
    assert {"light", "heating", "music", "alarm"} == set(spec.labels)
    known = {example.text for example in corpus(spec)}
    assert not known & {example.text for example in read_part(spec, str(spec.file.data.test))}


def test_slots_are_where_they_are_said_to_be(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (prepared(tmp_path).parent / "train.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        for span in row["spans"]:
            assert row["text"][span["start"] : span["end"]].strip() == row["text"][span["start"] : span["end"]] != ""
