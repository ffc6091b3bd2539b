"""The relation example: its data script and its task file."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ruletune.config import load_task
from ruletune.data.pairs import read_marked
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.checks import run_tests
from ruletune.labeling.corpus import corpus, read_part

FOLDER = Path(__file__).parents[2] / "examples" / "relations"


def prepared(folder: Path) -> Path:
    """The example with its texts, few of them."""
    spec = importlib.util.spec_from_file_location("relations_prepare", FOLDER / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main([str(folder), "--unlabeled", "60", "--test", "40"]) == 0
    source = (FOLDER / "task.yaml").read_text("utf-8").replace("../../runs/relations/data/", "")
    (folder / "task.yaml").write_text(source, "utf-8")
    return folder / "task.yaml"


def test_the_same_seed_writes_the_same_texts(tmp_path: Path) -> None:
    for name in ("one", "two"):
        prepared(tmp_path / name)
    for name in ("train", "unlabeled", "test"):
        assert (tmp_path / "one" / f"{name}.jsonl").read_bytes() == (tmp_path / "two" / f"{name}.jsonl").read_bytes()


def test_it_loads_and_its_rules_find_something_and_not_all(tmp_path: Path) -> None:
    spec = load_task(prepared(tmp_path))
    outcomes = run_tests(spec)
    assert outcomes
    assert all(outcome.passed for outcome in outcomes)
    examples = [*corpus(spec), *read_part(spec, str(spec.file.data.test))]
    votes = RuleSet(spec.rules, labels=spec.labels).apply(examples)
    assert 0.3 < votes.named.mean() < 0.95
    assert ((votes.matrix >= 0).any(axis=0)).all(), "a rule never fires"


def test_no_text_of_the_test_part_stands_elsewhere(tmp_path: Path) -> None:
    spec = load_task(prepared(tmp_path))
    known = {example.text for example in corpus(spec)}
    assert not known & {example.text for example in read_part(spec, str(spec.file.data.test))}


def test_the_new_texts_are_marked() -> None:
    assert all(read_marked(line) for line in (FOLDER / "new.txt").read_text("utf-8").splitlines())
