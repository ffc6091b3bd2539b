"""Vetoes and prompts in a whole run, from the task file to the answers of the finished model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ruletune.config import load_task
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.votes import Votes
from ruletune.pipeline.fit import fit
from ruletune.pipeline.run import Run, load
from ruletune.pipeline.shaping import hold_back, templates
from ruletune.rules import Pattern, Prompt, Rule, Veto, Vote
from ruletune.types import Example, Label

LABELS = ("a", "b", "c")


def votes(matrix: list[list[int]], *says: Vote | Veto | Prompt, priorities: tuple[int, ...] = ()) -> Votes:
    ranks = priorities or (0,) * len(says)
    rules = tuple(
        Rule(f"r{n}", Pattern("x"), say, priority=rank) for n, (say, rank) in enumerate(zip(says, ranks, strict=True))
    )
    return Votes(rules, LABELS, np.array(matrix, dtype=np.int16))


def test_a_vetoed_label_has_no_probability_and_the_rest_keeps_its_proportions() -> None:
    said = votes([[0, -1], [-1, 1], [-1, -1], [-2, 1]], Veto("a"), Veto("b"))
    held = hold_back(np.tile([0.5, 0.3, 0.2], (4, 1)), said, multi=False)
    np.testing.assert_allclose(held, [[0, 0.6, 0.4], [5 / 7, 0, 2 / 7], [0.5, 0.3, 0.2], [5 / 7, 0, 2 / 7]])
    several = hold_back(np.tile([0.9, 0.8, 0.7], (4, 1)), said, multi=True)
    np.testing.assert_allclose(several[0], [0, 0.8, 0.7])


def test_a_model_that_was_sure_of_the_vetoed_label_is_left_with_equal_chances() -> None:
    held = hold_back(np.array([[1.0, 0.0, 0.0]]), votes([[0]], Veto("a")), multi=False)
    np.testing.assert_allclose(held, [[0, 0.5, 0.5]])


def test_the_prompt_of_the_highest_priority_counts_and_then_the_first() -> None:
    says = (Prompt("1 {text}"), Prompt("2 {text}"), Prompt("3 {text}"))
    said = votes([[0, 0, 0], [0, 0, -1], [-1, -1, -1]], *says, priorities=(0, 0, 1))
    assert [template.source if template else None for template in templates(said)] == ["3 {text}", "1 {text}", None]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Run:
    folder = tmp_path_factory.mktemp("shaped")
    checkpoint = request.getfixturevalue("checkpoint")
    rng = np.random.default_rng(0)
    rows = []
    for n in range(48):
        label = "good" if n % 2 else "bad"
        words = ["fine", "nice"] if n % 2 else ["dull", "poor"]
        rows.append({"text": f"{rng.choice(words)} film {n}", "label": label if n < 24 else None})
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "task.yaml").write_text(
        f"""task: classification
labels: [bad, good]
data: {{train: train.jsonl}}
model: {{checkpoint: {checkpoint}, max_length: 32}}
training: {{baselines: true, weak: {{epochs: 1}}, gold: {{epochs: 2}}, curve: {{shares: [], repeats: 1}}}}
rules:
  - {{name: nice, any: [{{keywords: [nice, fine]}}, dots], vote: good}}
  - {{name: dots, regex: '[.]{{3}}'}}
  - {{name: never bad, keywords: [masterpiece], veto: bad}}
  - {{name: question, regex: '[?]', prompt: 'question: {{text}}'}}
""",
        encoding="utf-8",
    )
    fit(load_task(folder / "task.yaml"), out=folder / "run")
    return load(folder / "run")


def test_a_veto_is_heard_by_the_finished_model(run: Run) -> None:
    [plain, vetoed] = run.predict([Example("1", "dull film"), Example("2", "dull film masterpiece")])
    assert vetoed.probabilities["bad"] == 0 and vetoed.answer == Label.of("good")
    assert 0 < plain.probabilities["bad"] < 1
    assert [(firing.rule, firing.veto) for firing in vetoed.rules] == [("never bad", True)]
    explained = run.explain(Example("2", "dull film masterpiece"))
    assert explained["rules"][0]["veto"] is True
    assert explained["label_model"]["bad"] == 0


def test_a_prompt_changes_what_the_model_is_shown(run: Run) -> None:
    asked = Example("1", "dull film?")
    shown = templates(run.rules.apply([asked, Example("2", "dull film")]))
    assert [template.source if template else None for template in shown] == ["question: {text}", None]
    with_prompt = run.probabilities([asked])
    without = RuleSet([], labels=run.labels)
    run.__dict__["rules"] = without
    try:
        assert not np.allclose(with_prompt, run.probabilities([asked]))
    finally:
        del run.__dict__["rules"]


def test_evaluation_hears_vetoes_too(run: Run) -> None:
    examples = [Example("1", "masterpiece", answer=Label.of("good")), Example("2", "dull", answer=Label.of("bad"))]
    found = run.evaluate(examples)
    assert found["n"] == 2 and found["covered"]["n"] == 1
