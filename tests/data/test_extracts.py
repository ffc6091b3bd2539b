"""Answers to questions are read with their places; what is wrong is said with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ruletune.data.extracts import Extracts
from ruletune.data.readers import Columns, read_all
from ruletune.types import Example, Span, Spans
from tests.conftest import Complaints, Write

CONTEXT = "Ann was born in Oslo. Bo was born in Bergen."


def read(path: Path, answers: Extracts | None = None) -> list[Example]:
    return read_all(str(path), Columns(), labels=answers or Extracts())


def row(**values: object) -> dict[str, object]:
    return {"context": CONTEXT, "question": "Where was Ann born?", **values}


def lines(*values: object) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


OSLO = Spans((Span(16, 20),))


@pytest.mark.parametrize(
    "answers",
    [
        {"answers": [{"text": "Oslo", "start": 16}]},
        {"answers": [{"text": "Oslo", "answer_start": 17}]},
        {"answers": {"text": ["Oslo"], "answer_start": [16]}},
        {"answer": "Oslo"},
        {"answer": "oslo"},
    ],
)
def test_every_way_to_write_an_answer(write: Write, answers: dict[str, object]) -> None:
    [example] = read(write("a.jsonl", lines(row(**answers))))
    assert example.answer == OSLO
    assert (example.text, example.text_pair) == (CONTEXT, "Where was Ann born?")
    assert dict(example.fields) == {}


def test_no_answer_and_nobody_answered(write: Write) -> None:
    path = write("a.jsonl", lines(row(answers=[]), row(is_impossible=True, answers=[]), row()))
    assert [example.answer for example in read(path)] == [Spans(()), Spans(()), None]
    assert [example.answer for example in read(path, Extracts(labelled=False))] == [None, None, None]


def test_further_answers_are_alternatives(write: Write) -> None:
    given = [{"text": "Oslo", "start": 16}, {"text": "in Oslo", "start": 13}, {"text": "Oslo", "start": 16}]
    [example] = read(write("a.jsonl", lines(row(answers=given))))
    assert example.answer == OSLO
    assert example.alternatives == (Spans((Span(13, 20),)),)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"answers": [{"text": "Rome", "start": 16}]}, "'Rome' does not stand at character 16"),
        ({"answer": "Rome"}, "'Rome' does not stand in the text"),
        ({"answers": [{"text": " ", "start": 3}]}, "an answer is blank"),
        ({"answers": [{"text": "Oslo", "start": -1}]}, "no place in the text"),
        ({"answers": [7]}, "'7' is no answer"),
        ({"answers": 7}, "not a list of answers"),
        ({"question": None}, "no text in column 'question'"),
        ({"question": " "}, "is blank"),
        ({"context": ""}, "is blank"),
    ],
)
def test_bad_rows(write: Write, complaints: Complaints, answers: dict[str, object], said: str) -> None:
    [problem] = complaints(read, write("a.jsonl", lines(row(answers=[]), row(**answers))))
    assert problem.startswith("a.jsonl:2: ")
    assert said in problem


def test_squad(write: Write) -> None:
    asked = {"id": "q", "question": "Where?", "answers": [{"text": "Oslo", "answer_start": 16}]}
    articles = [{"title": "t", "paragraphs": [{"context": CONTEXT, "qas": [asked]}]}]
    [example] = read(write("a.json", json.dumps({"version": "1.1", "data": articles})))
    assert example.answer == OSLO


def test_squad_that_is_none(write: Write, complaints: Complaints) -> None:
    broken = [{}, {"paragraphs": [{"context": "x"}]}]
    assert complaints(read, write("a.json", json.dumps({"data": broken}))) == [
        "a.json[1]: an article without paragraphs",
        "a.json[2][1]: a paragraph without questions",
    ]


def test_public_questions(shared: Path) -> None:
    assert len(read(shared / "squad_qa" / "xquad_en_first24.json")) == 632
