"""What holds for every kind of rule where answers are spans: whatever text goes through it, what it says is of its characters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ruletune.config import TaskSpec, parse_task, to_yaml
from ruletune.labeling.sequence_model import SEQUENCE_MODELS
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.words import words
from ruletune.tasks import NER
from ruletune.types import Example
from tests.contracts.test_rule_kinds import FILES, TEXTS

ENTRIES = {
    "regex": r"{regex: '\bnot\b|好|😀$', vote: bad}",
    "keywords": "{keywords: [not, 好, '😀'], vote: bad}",
    "gazetteer": "{gazetteer: terms.txt, vote: bad}",
    "function": "{function: 'contract_spans.py:first', vote: bad}",
    "table": "{table: table.tsv}",
    "votes": "{votes: weak, count: 2}",
    "field": "{all: [{field: stars, at_least: 1}, {keywords: [not]}], vote: bad}",
    "length": "{all: [{length: words, at_most: 3}, {regex: 'n.'}], vote: bad}",
    "casing": "{all: [{casing: lower, at_least: 0.5}, {regex: 'g.*d'}], vote: bad}",
    "similarity": "{all: [{similarity: -1.0, label: bad}, {keywords: [not]}], vote: bad}",
    "all": "{all: [{keywords: [not]}, {length: characters, at_most: 100}], veto: bad}",
    "any": "{any: [{regex: '好|😀$'}, {keywords: [not]}], vote: bad}",
    "not": "{all: [{not: {regex: '😀'}}, {keywords: [not, 好]}], vote: bad}",
    "span": "{span: [{lower: [not, 好, '😀']}, {op: '?'}], vote: bad}",
    "patterns": "{patterns: patterns.jsonl}",
    "shape": "{shape: ['xxx xx+', XX+, 好], vote: bad}",
    "trigger": "{trigger: [not, 部], entity: {span: [{}]}, right: 3, left: 1, vote: bad}",
}
SAYINGS = ("vote: bad", "veto: bad", "link: together", "link: apart")


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], TaskSpec]:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    code = "def first(text):\n    return [(0, 1)] if text.strip() else None\n"
    (tmp_path / "contract_spans.py").write_text(code, encoding="utf-8")

    def read(rule: str) -> TaskSpec:
        source = f"task: ner\nlabels: {{bad: a, good: b}}\ndata: {{train: train.jsonl}}\nrules:\n  - {rule}\n"
        return parse_task(source, path=tmp_path / "task.yaml", check_data=False)

    return read


def examples(texts: list[str]) -> list[Example]:
    return [
        Example(str(n), text, fields={"weak": [[[0, 1, "good"]] if text else [], None], "stars": n + 1})
        for n, text in enumerate(texts)
    ]


def rules(spec: TaskSpec) -> SpanRules:
    return SpanRules(spec.rules, labels=spec.labels, embed=lambda texts: np.ones((len(texts), 1)))


def cells(votes: SpanVotes) -> list[tuple[int, ...]]:
    columns = (votes.row, votes.rule, votes.start, votes.end, votes.label)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_every_kind_of_the_task_is_held_to_this_contract() -> None:
    assert set(ENTRIES) == NER.rule_kinds


@pytest.mark.parametrize("kind", ENTRIES)
def test_any_text_goes_through_and_batches_change_nothing(kind: str, load: Callable[[str], TaskSpec]) -> None:
    spec, data = load(ENTRIES[kind]), examples(TEXTS)
    found = rules(spec).apply(data)
    assert found.faults == ()
    assert len(found.row)
    for row, _, start, end, _ in cells(found):
        assert 0 <= start < end <= len(data[row].text)
    alone = SpanVotes.joined([rules(spec).apply([example]) for example in data])
    assert cells(alone) == cells(found)
    firings = found.firings()
    assert firings == [rules(spec).firings(example) for example in data]
    fired = [(row, span.start) for row, several in enumerate(firings) for f in several for span in f.spans]
    assert sorted(fired) == sorted((row, start) for row, _, start, _, _ in cells(found))


@pytest.mark.parametrize("kind", ENTRIES)
def test_it_survives_the_way_through_the_run_folder(kind: str, load: Callable[[str], TaskSpec]) -> None:
    spec = load(ENTRIES[kind])
    again = parse_task(to_yaml(spec), path=spec.path, check_data=False)
    data = examples(TEXTS[:5])
    assert cells(rules(again).apply(data)) == cells(rules(spec).apply(data))


@pytest.mark.parametrize("says", SAYINGS)
@pytest.mark.parametrize("model", sorted(SEQUENCE_MODELS))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=st.lists(st.text(alphabet="nota 好😀,A\u200d\n", max_size=30), min_size=1, max_size=5))
def test_whatever_a_rule_says_the_label_model_finds_entities_of_the_text(
    says: str, model: str, load: Callable[[str], TaskSpec], texts: list[str]
) -> None:
    spec = load(f"{{shape: [x+ x+, 好], {says}}}")
    data = [*examples(texts), Example("last", "on no 好")]
    votes = rules(spec).apply(data)
    places = [words(example.text) for example in data]
    fitted = SEQUENCE_MODELS[model](votes, places)
    for example, answer, believed in zip(
        data, fitted.decode(votes, places), fitted.posterior(votes, places), strict=True
    ):
        np.testing.assert_allclose(believed.sum(axis=1), 1.0)
        for span in answer.spans:
            assert says == "vote: bad"
            assert example.text[span.start : span.end].strip()
