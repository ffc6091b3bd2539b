"""A trigger and a window: what stands near a word that gives it away."""

from __future__ import annotations

import time

import pytest

from ruletune.config import parse_task
from ruletune.config.schema import TaskFile
from ruletune.errors import UserError
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.span_apply import SpanRules
from ruletune.rules.base import Near, Pattern, Rule, Terms, Vote
from ruletune.types import Example
from tests.conftest import Write

NAME = Pattern(r"[A-Z]\w+(?: [A-Z]\w+)*")


def found(text: str, *, left: int = 0, right: int = 0, target: Pattern | Terms = NAME) -> list[str]:
    near = Near(Terms(("chairman", "of")), target, left, right)
    votes = SpanRules((Rule("near", near, Vote("PER")),), labels=("PER",)).apply([Example("1", text)])
    return [text[start:end] for start, end in zip(votes.start, votes.end, strict=True)]


def test_it_looks_on_the_side_that_is_said() -> None:
    text = "Ann Lee , chairman Bo Orr"
    assert found(text, right=1) == ["Bo Orr"]
    assert found(text, left=1) == []
    assert found(text, left=2) == ["Ann Lee"]
    assert found(text, left=2, right=2) == ["Ann Lee", "Bo Orr"]


def test_the_window_counts_tokens_between() -> None:
    assert found("chairman, the old Bo", right=3) == []
    assert found("chairman, the old Bo", right=4) == ["Bo"]
    assert found("主席 of 东京 Bo", right=2) == []
    assert found("主席 of 东京 Bo", right=3) == ["Bo"]


def test_no_span_reaches_into_a_trigger() -> None:
    assert found("Chairman Lee Bo of Rome", right=1) == ["Lee Bo", "Rome"]
    assert found("Of", right=1) == []
    assert found("of Of OF", left=5, right=5) == []


def test_the_nearest_triggers_are_enough() -> None:
    assert found("of of of Bo of of", right=1, left=1) == ["Bo"]


def test_labels_of_whole_texts_can_use_it() -> None:
    rules = RuleSet((Rule("near", Near(Terms(("chairman",)), NAME, right=1), Vote("a")),), labels=("a", "b"))
    assert rules.apply([Example("1", "chairman Bo"), Example("2", "chairman bo Bo")]).matrix.tolist() == [[0], [-1]]
    [firing] = rules.firings(Example("1", "chairman Bo"))
    assert [(span.start, span.end) for span in firing.spans] == [(9, 11)]


def test_many_triggers_take_time_in_proportion() -> None:
    text = "of Bo " * 50_000
    began = time.process_time()
    assert len(found(text, right=1)) == 50_000
    assert time.process_time() - began < 10


def task(rule: str) -> str:
    return f"task: ner\nlabels: [PER, LOC]\ndata: {{train: train.jsonl}}\nrules:\n  - {rule}\n"


def test_it_is_written_in_a_task_file(write: Write) -> None:
    write("titles.txt", "Mr\nMrs\n")
    for rule in (
        "{trigger: [Mr, Mrs], right: 2, vote: PER}",
        "{trigger: Mr, right: 2, vote: PER}",
        "{trigger: {gazetteer: titles.txt}, entity: {shape: Xx+ Xx+}, right: 2, vote: PER}",
        "{trigger: {regex: 'Mrs?'}, entity: {span: [{is_title: true, op: +}]}, right: 2, vote: PER}",
    ):
        spec = parse_task(task(rule), path=write("task.yaml", task(rule)), check_data=False)
        votes = SpanRules(spec.rules, labels=spec.labels).apply([Example("1", "then Mr. Bo Orr left")])
        assert (votes.start.tolist(), votes.end.tolist()) == ([9], [15]), rule


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{trigger: [Mr], vote: PER}", "say where to look"),
        ("{trigger: [Mr], right: 0, vote: PER}", "right"),
        ("{trigger: [Mr], right: 101, vote: PER}", "right"),
        (
            "{trigger: [Mr], right: 2, entity: {length: words, at_most: 3}, vote: PER}",
            "must be something that matches characters",
        ),
        ("{trigger: [Mr], right: 2, entity: {regex: '('}, vote: PER}", "bad regular expression"),
        ("{trigger: ['  '], right: 2, vote: PER}", "name the words"),
        ("{trigger: [], right: 2, vote: PER}", "name the words"),
        ("{trigger: {regexp: a}, right: 2, vote: PER}", "did you mean 'regex'"),
        ("{shape: '', vote: PER}", "blank"),
        ("{shape: [], vote: PER}", "shape"),
        ("{regex: a, link: both}", "'link' cannot be 'both'; choose one of 'together', 'apart'"),
        ("{regex: a, link: apart, vote: PER}", "a rule says one thing"),
    ],
)
def test_what_is_refused(rule: str, message: str, write: Write) -> None:
    with pytest.raises(UserError) as caught:
        parse_task(task(rule), path=write("task.yaml", task(rule)), check_data=False)
    assert message in str(caught.value)
    assert "task.yaml:5" in str(caught.value)


def test_labels_of_whole_texts_have_no_links(write: Write) -> None:
    source = task("{regex: a, link: apart}").replace("ner", "classification")
    with pytest.raises(UserError, match="cannot 'link'"):
        parse_task(source, path=write("task.yaml", source), check_data=False)


def test_the_schema_names_the_new_keys() -> None:
    schema = str(TaskFile.model_json_schema())
    assert "'trigger'" in schema
    assert "'shape'" in schema
