"""The examples whose answers are texts: their data scripts, their task files, and what their rules make of the data."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ruletune.config import TaskSpec, load_task
from ruletune.labeling.checks import run_tests
from ruletune.labeling.corpus import corpus, read_part
from ruletune.labeling.demanding import Demanding
from ruletune.metrics.texts import references_of
from ruletune.rules.demands import unmet
from ruletune.types import Example

FOLDER = Path(__file__).parents[2] / "examples"
NAMES = ("translation", "summarization", "dialogue")
SIZES = {"translation": (50, 36, 0), "summarization": (40, 32, 60), "dialogue": (54, 36, 60)}
"""Gold, test and unlabelled examples of each."""


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{name}_prepare", FOLDER / name / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def prepared(name: str, folder: Path) -> TaskSpec:
    """An example beside the texts that its script writes, as `make demo` has them."""
    assert load(name).main([str(folder / "runs" / name / "data")]) == 0
    shutil.copytree(FOLDER / name, folder / "examples" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return load_task(folder / "examples" / name / "task.yaml")


def part(spec: TaskSpec, name: str) -> list[Example]:
    source = getattr(spec.file.data, name)
    return read_part(spec, source) if source else []


@pytest.fixture(params=NAMES)
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> TaskSpec:
    return prepared(request.param, tmp_path)


def test_it_has_as_many_texts_as_it_says(spec: TaskSpec) -> None:
    train, test, unlabeled = (part(spec, name) for name in ("train", "test", "unlabeled"))
    assert (len(train), len(test), len(unlabeled)) == SIZES[spec.task.name]
    assert all(references_of(example) for example in [*train, *test])
    assert all(example.answer is None for example in unlabeled)


def test_no_source_of_the_test_part_stands_elsewhere(spec: TaskSpec) -> None:
    assert not {example.text for example in corpus(spec)} & {example.text for example in part(spec, "test")}


def test_the_rules_pass_their_tests(spec: TaskSpec) -> None:
    outcomes = run_tests(spec)
    assert outcomes
    assert [outcome for outcome in outcomes if not outcome.passed] == []


def test_gold_answers_keep_every_rule_and_every_rule_speaks(spec: TaskSpec) -> None:
    examples = [*corpus(spec), *part(spec, "test")]
    demanded = Demanding(spec.rules).demands(examples)
    assert demanded.fired.any(axis=0).all(), "a rule never fires"
    for example, demands in zip(examples, demanded.by_example, strict=True):
        for reference in references_of(example):
            assert not unmet(demands, example, reference), example.text


def test_replies_of_rules_keep_the_other_rules(tmp_path: Path) -> None:
    spec = prepared("dialogue", tmp_path)
    unlabeled = part(spec, "unlabeled")
    demanded = Demanding(spec.rules).demands(unlabeled)
    best = [
        (e, d, given[0]) for e, d, given in zip(unlabeled, demanded.by_example, demanded.replies, strict=True) if given
    ]
    assert len(best) > len(unlabeled) / 3
    assert not any(unmet(demands, example, reply) for example, demands, reply in best)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_writes_the_same_texts(name: str, tmp_path: Path) -> None:
    module = load(name)
    for folder, seed in (("one", "0"), ("two", "0"), ("other", "1")):
        assert module.main([str(tmp_path / folder), "--seed", seed]) == 0
    files = {
        folder: {p.name: p.read_bytes() for p in (tmp_path / folder).iterdir()} for folder in ("one", "two", "other")
    }
    assert files["one"] == files["two"] != files["other"]


@pytest.mark.parametrize("name", NAMES)
def test_the_new_texts_of_the_demo_can_be_read(name: str, tmp_path: Path) -> None:
    spec = prepared(name, tmp_path)
    [new] = (spec.folder).glob("new.*")
    assert len(read_part(spec, new.name)) >= 2


def test_the_glossary_has_every_part_in_singular_and_plural(tmp_path: Path) -> None:
    module = load("translation")
    lines = (FOLDER / "translation" / "terms.tsv").read_text("utf-8").splitlines()
    terms = dict(line.split("\t") for line in lines if not line.startswith("#"))
    for one, many, _, singular, plural in module.PARTS:
        assert terms[one].split(" | ")[0] == singular
        assert terms[many].split(" | ")[0] == plural


@pytest.mark.parametrize(
    ("part", "german"),
    [
        ("saddle", "der Sattel, den Sattel, dem Sattel, ein neuer Sattel, einen neuen Sattel, ihn"),
        ("chain", "die Kette, die Kette, der Kette, eine neue Kette, eine neue Kette, sie"),
        (
            "mudguard",
            "das Schutzblech, das Schutzblech, dem Schutzblech, ein neues Schutzblech, ein neues Schutzblech, es",
        ),
    ],
)
def test_german_cases_are_right(part: str, german: str) -> None:
    module = load("translation")
    values = module.forms(next(each for each in module.PARTS if each[0] == part))
    assert ", ".join(values[case] for case in ("nom", "acc", "dat", "new_nom", "new", "it")) == german


def test_patterns_have_the_same_numbers_and_dates_in_both_languages() -> None:
    module = load("translation")
    kinds = ({"n", "price", "phone"}, {"day", "tag"}, {"date", "datum"})
    for english, german in (*module.SEEN, *module.NEW):
        ours, theirs = (set(re.findall(r"\{(\w+)\}", text)) for text in (english, german))
        for kind in kinds:
            assert bool(ours & kind) == bool(theirs & kind), english


def test_reports_are_lists_of_sentences_that_mention_what_the_summary_says(tmp_path: Path) -> None:
    assert load("summarization").main([str(tmp_path)]) == 0
    for line in (tmp_path / "test.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        assert 4 <= len(row["text"]) <= 9
        cause = row["target"].split(" stopped ")[0].lower()
        assert cause in " ".join(row["text"]).lower()
