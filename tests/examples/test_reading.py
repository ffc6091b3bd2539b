"""The example of questions about texts: its data script and its task file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from ruletune.config import load_task
from ruletune.labeling.answer_model import AnswerModel
from ruletune.labeling.corpus import read_part
from ruletune.labeling.span_apply import SpanRules
from ruletune.types import Spans

FOLDER = Path(__file__).parents[2] / "examples" / "reading"


def written(tmp_path: Path) -> Path:
    """The example's folder beside data that its script wrote."""
    spec = importlib.util.spec_from_file_location("reading_prepare", FOLDER / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    assert module.main([str(tmp_path / "runs" / "reading" / "data")]) == 0
    folder = tmp_path / "examples" / "reading"
    folder.mkdir(parents=True)
    (folder / "task.yaml").write_text((FOLDER / "task.yaml").read_text("utf-8"), encoding="utf-8")
    return folder / "task.yaml"


def test_the_example_loads_and_its_rules_answer(tmp_path: Path) -> None:
    spec = load_task(written(tmp_path))
    data = spec.file.data
    train, test, unlabeled = (read_part(spec, str(part)) for part in (data.train, data.test, data.unlabeled))
    assert [len(part) for part in (train, test, unlabeled)] == [40, 150, 300]
    assert all(isinstance(example.answer, Spans) for example in [*train, *test])
    assert any(not example.answer.spans for example in train if isinstance(example.answer, Spans))
    assert all(example.answer is None for example in unlabeled)
    assert not {example.text for example in train} & {example.text for example in test}
    rules = SpanRules(spec.rules, labels=spec.labels)
    model = AnswerModel.fit(rules.apply(train), train)
    found = model.answers(model.proposals(rules.apply(test), test))
    right = [
        answer.spans == e.answer.spans
        for e, (answer, _) in zip(test, found, strict=True)
        if isinstance(e.answer, Spans)
    ]
    assert sum(right) > 75


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    one, other = written(tmp_path / "one"), written(tmp_path / "other")
    files = [path.parents[2] / "runs" / "reading" / "data" for path in (one, other)]
    for name in ("train.json", "test.jsonl", "unlabeled.jsonl"):
        assert (files[0] / name).read_bytes() == (files[1] / name).read_bytes()
