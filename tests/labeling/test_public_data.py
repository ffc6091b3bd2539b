"""Rules and label models on public sets, where they are at hand; their training parts only."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ruletune.errors import Location
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.label_model import LABEL_MODELS
from ruletune.rules import RuleContext
from ruletune.rules.table import TableEntry
from ruletune.rules.votes import VotesEntry
from ruletune.types import Example

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SPELLING = {
    "DESCRIPTION": "DESC", "ENTITY": "ENTY", "HUMAN": "HUM",
    "ABBREVIATION": "ABBR", "LOCATION": "LOC", "NUMERIC": "NUM",
}  # fmt: skip

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the public evaluation data is not at hand")


def read(name: str, limit: int | None = None) -> tuple[list[Example], tuple[str, ...], np.ndarray]:
    with (DATA / name / "train.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file][:limit]
    names = json.loads((DATA / name / "labels.jsonl").read_text(encoding="utf-8"))
    examples = [Example(str(n), row["text"], fields={"votes": row["votes"]}) for n, row in enumerate(rows)]
    return examples, tuple(names.values()), np.array([row["label"] for row in rows])


@pytest.mark.parametrize(("name", "spelling"), [("trec", SPELLING), ("sms", {})])
def test_a_table_gives_the_votes_that_came_with_the_data(name: str, spelling: dict[str, str]) -> None:
    examples, labels, _ = read(name, 600)
    context = RuleContext(DATA / name, labels, Location("task.yaml", 1), 1)
    table = TableEntry(table="rules.tsv", labels=spelling).rules(context)
    column = VotesEntry(votes="votes", count=len(table)).rules(context)
    ours = RuleSet(table, labels=labels).apply(examples).matrix
    theirs = RuleSet(column, labels=labels).apply(examples).matrix
    assert (theirs >= 0).any()
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["youtube", "trec", "sms"])
@pytest.mark.parametrize("shots", [0, 5])
def test_the_probabilistic_model_is_not_behind_majority_vote(name: str, shots: int) -> None:
    examples, labels, truth = read(name)
    matrix = np.array([example.fields["votes"] for example in examples], dtype=np.int16)
    rng = np.random.default_rng(0)
    rows = [row for k in range(len(labels)) for row in rng.permutation(np.flatnonzero(truth == k))[:shots]]
    gold = np.full((len(truth), len(labels)), np.nan)
    gold[rows] = np.eye(len(labels))[truth[rows]]
    judged = (matrix >= 0).any(axis=1)
    judged[rows] = False
    right = {}
    for kind, fit in LABEL_MODELS.items():
        beliefs = fit(matrix, classes=len(labels), weights=[1.0] * matrix.shape[1], gold=gold).posterior(matrix)
        right[kind] = (beliefs.argmax(axis=1) == truth)[judged].mean()
    assert right["dawid_skene"] >= right["majority"] - 0.002
