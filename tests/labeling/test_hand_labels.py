"""Answers given by hand, in a file of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ruletune.config import TaskSpec, load_task
from ruletune.data.readers import Columns
from ruletune.labeling.corpus import asked_of, corpus, divided, gold_of, hand_labels, sources
from ruletune.labeling.hand_labels import label_row
from ruletune.pipeline.prepare import prepare
from ruletune.progress import silent
from ruletune.types import Answer, Example, Label, Span, Spans, Text
from tests.conftest import Complaints, Write

HEAD = "task: classification\nlabels: [ham, spam]\ndata: {train: train.jsonl, labels: labels.jsonl, split: {test: 0}}\n"


def rows(*values: Any) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


@pytest.fixture
def spec(write: Write) -> TaskSpec:
    write("train.jsonl", rows({"text": "a", "label": "ham"}, {"text": "b"}, {"text": "c"}))
    return load_task(write("task.yaml", HEAD))


def answers(examples: list[Example]) -> list[tuple[str, str, object]]:
    return [(e.id, e.text, e.answer.names[0] if isinstance(e.answer, Label) else e.answer) for e in examples]


def test_a_file_that_is_missing_is_empty(spec: TaskSpec) -> None:
    assert len(hand_labels(spec)) == 0
    assert answers(sources(spec).train) == [("1", "a", "ham"), ("2", "b", None), ("3", "c", None)]


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_a_file_without_rows_is_empty(spec: TaskSpec, write: Write, content: str) -> None:
    write("labels.jsonl", content)
    assert len(hand_labels(spec)) == 0


def test_an_answer_goes_before_that_of_the_data(spec: TaskSpec, write: Write) -> None:
    write(
        "labels.jsonl",
        rows(
            {"id": "1", "text": "A", "label": "spam"},
            {"id": "x", "text": "ｂ ", "label": "ham"},
            {"id": "2", "text": "你好 😀", "label": "spam"},
        ),
    )
    expected = [("1", "a", "spam"), ("2", "b", "ham"), ("3", "c", None), ("labels:2", "你好 😀", "spam")]
    assert answers(sources(spec).train) == expected
    assert answers(corpus(spec)) == expected
    assert answers(gold_of(spec)) == [expected[0], expected[1], expected[3]]
    assert prepare(spec, listener=silent).sizes() == {"gold": 3, "validation": 0, "test": 0, "unlabeled": 1}


def test_texts_of_every_part_are_answered_once(spec: TaskSpec, write: Write) -> None:
    write("pool.jsonl", rows({"text": "b"}, {"text": "d", "label": "ham"}, {"text": "e", "label": "ham"}))
    write("val.jsonl", rows({"text": "v", "label": "ham"}))
    write("test.jsonl", rows({"text": "t", "label": "ham"}))
    said = [{"text": text, "label": "spam"} for text in "bdvt"]
    write("labels.jsonl", rows(*said))
    write("task.yaml", HEAD.replace("labels: labels", "unlabeled: pool.jsonl, validation: val.jsonl, labels: labels"))
    found = divided(load_task(spec.path))
    assert [(e.text, e.answer) for e in found.train] == [
        ("a", Label.of("ham")),
        ("b", Label.of("spam")),
        ("c", None),
        ("d", Label.of("spam")),
        ("t", Label.of("spam")),
    ]
    assert [e.text for e in found.unlabeled] == ["e"]
    assert [(e.text, e.answer) for e in found.validation] == [("v", Label.of("spam"))]
    assert [e.text for e in gold_of(load_task(spec.path))] == ["a", "b", "d", "t"]


def test_held_out_texts_stay_out_of_training(spec: TaskSpec, write: Write) -> None:
    write("test.jsonl", rows({"text": "t", "label": "ham"}))
    write("labels.jsonl", rows({"text": "t", "label": "spam"}))
    write("task.yaml", HEAD.replace("split: {test: 0}", "test: test.jsonl"))
    parts = prepare(load_task(spec.path), listener=silent)
    assert [(e.text, e.answer) for e in parts.test] == [("t", Label.of("ham"))]
    assert [e.text for e in parts.gold] == ["a"]


def test_what_a_run_is_made_from_includes_the_answers(spec: TaskSpec, write: Write) -> None:
    before = prepare(spec, listener=silent).fingerprints()
    write("labels.jsonl", rows({"text": "b", "label": "ham"}))
    assert prepare(spec, listener=silent).fingerprints() != before


def test_everything_that_is_wrong_is_told_with_its_line(spec: TaskSpec, write: Write, complaints: Complaints) -> None:
    lines = [
        '{"text": "a", "label": "ham"}',
        "",
        '{"text": "b"}',
        '{"text": "b", "label": "hum"}',
        '{"text": "A ", "label": "spam"}',
        "{",
        "[1]",
        '{"label": "ham"}',
        '{"text": "z", "label": ["ham", "spam"]}',
    ]
    write("labels.jsonl", "\n".join(lines))
    assert complaints(hand_labels, spec) == [
        "labels.jsonl:3: the row has no answer; give one, or take the row out",
        "labels.jsonl:4: unknown label 'hum'; did you mean 'ham'?",
        "labels.jsonl:5: an earlier row answers the same text; keep one of them",
        "labels.jsonl:6: not valid JSON: Expecting property name enclosed in double quotes",
        "labels.jsonl:7: expected an object of columns, found list",
        "labels.jsonl:8: no text in column 'text'",
        "labels.jsonl:9: several labels in a task for one; set multi_label: true or choose one",
    ]


def test_a_file_of_another_encoding_is_refused(spec: TaskSpec, write: Write, complaints: Complaints) -> None:
    write("labels.jsonl", '{"text": "é", "label": "ham"}'.encode("latin-1"))
    [found] = complaints(hand_labels, spec)
    assert found.startswith("labels.jsonl:1: not UTF-8")


@pytest.mark.parametrize("name", ["labels.csv", "hf:a/b", "train.jsonl", "./train.jsonl"])
def test_the_file_is_json_lines_of_its_own(write: Write, complaints: Complaints, name: str) -> None:
    write("train.jsonl", rows({"text": "a", "label": "ham"}))
    path = write("task.yaml", HEAD.replace("labels: labels.jsonl", f"labels: '{name}'"))
    [found] = complaints(load_task, path)
    assert found.startswith("task.yaml:3: labels given by hand")


TASKS: list[tuple[str, dict[str, Any], Answer]] = [
    ("task: classification\nlabels: [ham, spam]\n", {"text": "你好 a"}, Label.of("spam")),
    ("task: classification\nlabels: [a, b]\nmulti_label: true\n", {"text": "x"}, Label.of("a", "b")),
    ("task: classification\nlabels: [a, b]\nmulti_label: true\n", {"text": "x"}, Label(())),
    ("task: ner\nlabels: [LOC]\n", {"text": "see 😀 Paris"}, Spans((Span(6, 11, "LOC"),))),
    ("task: ner\nlabels: [LOC]\n", {"tokens": ["see", "Paris"]}, Spans((Span(4, 9, "LOC"),))),
    ("task: ner\nlabels: [LOC]\n", {"text": "nothing"}, Spans(())),
    (
        "task: relation\nlabels: [works_for, none]\n",
        {"text": "<e1:PER>Ann</e1> at <e2>Acme</e2>"},
        Label.of("works_for"),
    ),
    ("task: qa\n", {"text": "Ada left.", "question": "Who?"}, Spans((Span(0, 3),))),
    ("task: qa\n", {"context": "Ada left.", "question": "When?"}, Spans(())),
    ("task: translation\n", {"text": "dog"}, Text("Hund")),
    ("task: summarization\n", {"text": ["One.", "Two."]}, Text("Both.")),
    (
        "task: dialogue\n",
        {"text": "Yes.", "history": [{"speaker": "u", "text": "Hi"}], "act": "inform(food=sushi)", "facts": ["f"]},
        Text("Ok."),
    ),
    ("task: dialogue\n", {"act": "request(area)"}, Text("Where?")),
]


@pytest.mark.parametrize(("head", "row", "answer"), TASKS)
def test_a_row_reads_as_what_was_written(write: Write, head: str, row: dict[str, Any], answer: Answer) -> None:
    write("train.jsonl", rows({**row, "id": "r7"}))
    source = head + "data: {train: train.jsonl, labels: labels.jsonl, columns: {id: id}, split: {test: 0}}\n"
    spec = load_task(write("task.yaml", source))
    [example] = sources(spec).train
    assert example.answer is None
    columns = Columns(**spec.file.data.columns.model_dump())
    written = label_row(example, answer, columns=columns, multi=spec.file.multi_label)
    write("labels.jsonl", rows(written))
    [answered] = sources(spec).train
    assert (answered.id, answered.text, answered.answer) == ("r7", example.text, answer)
    [given] = hand_labels(spec).by_key.values()
    assert asked_of(spec)(given) == asked_of(spec)(example)


def test_questions_about_one_text_have_answers_of_their_own(write: Write) -> None:
    asked = [{"text": "Ada left.", "question": question} for question in ("Who?", "What?")]
    write("train.jsonl", rows(*asked))
    write("labels.jsonl", rows({**asked[1], "answers": [{"text": "left", "start": 4}, {"text": "left.", "start": 4}]}))
    spec = load_task(write("task.yaml", "task: qa\ndata: {train: train.jsonl, labels: labels.jsonl}\n"))
    first, second = sources(spec).train
    assert first.answer is None
    assert (second.answer, second.alternatives) == (Spans((Span(4, 8),)), (Spans((Span(4, 9),)),))


def test_intents_and_slots_are_answered_together(write: Write) -> None:
    write("train.jsonl", rows({"text": "play jazz"}))
    write("labels.jsonl", rows({"text": "play jazz", "label": "Play", "spans": [[5, 9, "genre"]]}))
    source = "task: understanding\nintents: [Play, Stop]\nslots: [genre]\n"
    spec = load_task(
        write("task.yaml", source + "data: {train: train.jsonl, labels: labels.jsonl, split: {test: 0}}\n")
    )
    [example] = prepare(spec, listener=silent).gold
    assert example.answer == Label.of("Play")
    assert example.fields["slots"] == Spans((Span(5, 9, "genre"),))
    assert [sources(half).train[0].answer for half in spec.halves] == [Label.of("Play"), Spans((Span(5, 9, "genre"),))]
