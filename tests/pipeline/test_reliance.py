"""How far a model leans on its rules' words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ruletune.config import load_task
from ruletune.labeling.apply import RuleSet
from ruletune.pipeline.hiding import without_words
from ruletune.pipeline.reliance import measure_reliance
from ruletune.types import Example, Label
from tests.model_fixtures import write_task

GOOD, BAD = Label.of("good"), Label.of("bad")


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> RuleSet:
    spec = load_task(write_task(tmp_path_factory.mktemp("task"), checkpoint))
    return RuleSet(spec.rules, labels=spec.labels)


def _examples() -> list[Example]:
    """The rules know the first word; the second says the same and no rule knows it."""
    said = [("superb", "moving", GOOD), ("awful", "tiring", BAD)] * 30
    return [
        Example(str(n), f"{rule} {other} film of the year", answer=label) for n, (rule, other, label) in enumerate(said)
    ]


def test_a_model_that_reads_only_the_rules_words_leans_on_them(rules: RuleSet) -> None:
    def echo(examples: Sequence[Example]) -> list[Label]:
        return [GOOD if "superb" in e.text else BAD for e in examples]

    found = measure_reliance(rules, _examples(), echo, mask="[MASK]", seed=0)
    assert found is not None
    assert found.texts == 60
    assert found.intact == 1.0
    assert found.triggers_hidden == 0.5
    assert found.interval[0] > 0.2


def test_a_model_that_reads_other_words_does_not(rules: RuleSet) -> None:
    def beyond(examples: Sequence[Example]) -> list[Label]:
        return [GOOD if "moving" in e.text else BAD for e in examples]

    found = measure_reliance(rules, _examples(), beyond, mask="[MASK]", seed=0)
    assert found is not None
    assert found.triggers_hidden == 1.0
    assert found.interval[1] < 0.05


@pytest.mark.parametrize("text", ["", "superb", "nothing of the kind", "电影"])
def test_where_there_is_nothing_to_hide_nothing_is_measured(rules: RuleSet, text: str) -> None:
    assert (
        measure_reliance(rules, [Example("1", text, answer=GOOD)], lambda e: [GOOD] * len(e), mask="?", seed=0) is None
    )


def test_it_is_the_same_every_time(rules: RuleSet) -> None:
    def coin(examples: Sequence[Example]) -> list[Label]:
        return [GOOD if len(e.text) % 2 else BAD for e in examples]

    first, second = (measure_reliance(rules, _examples(), coin, mask="[MASK]", seed=3) for _ in range(2))
    assert first == second


def test_words_are_hidden_where_they_stand() -> None:
    assert without_words("a b a", [(0, 1), (4, 5)], mask="…") == "… b …"
