"""Rows with an intent and slots, in every form that they come in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ruletune.data.labels import Labels
from ruletune.data.readers import Columns, read_all
from ruletune.data.spans import SpanLabels
from ruletune.data.understood import Understood, halves
from ruletune.types import Example, Label, Span, Spans
from tests.conftest import Complaints, Write

JAZZ = Spans((Span(5, 9, "genre"),))


def read(path: Path, *, labelled: bool = True, columns: Columns | None = None) -> list[Example]:
    answers = Understood(Labels(("Play", "Stop")), SpanLabels(("genre", "artist"), labelled))
    return read_all(str(path), columns or Columns(), labels=answers)


def written(kind: str, write: Write) -> Path:
    match kind:
        case "json lines":
            row = {"text": "play jazz", "label": "Play", "spans": [[5, 9, "genre"]]}
            return write("a.jsonl", json.dumps(row) + "\n" + json.dumps({"text": "go on"}) + "\n")
        case "json lines of words":
            row = {"tokens": ["play", "jazz"], "tags": ["O", "B-genre"], "label": "Play"}
            return write("a.jsonl", json.dumps(row) + "\n" + json.dumps({"tokens": ["go", "on"]}) + "\n")
        case "conll":
            return write("a.conll", "# label = Play\nplay O\njazz B-genre\n")
        case "csv":
            return write("a.csv", 'text,label,spans\nplay jazz,Play,"[[5, 9, ""genre""]]"\n')
        case _:
            write("seq.in", "play jazz\n")
            write("seq.out", "O B-genre\n")
            write("label", "Play\n")
            return write("seq.in", "play jazz\n")


@pytest.mark.parametrize("kind", ["json lines", "json lines of words", "conll", "csv", "seq.in"])
def test_both_answers_are_read(kind: str, write: Write) -> None:
    found = read(written(kind, write))
    intent, slots = halves(found[0])
    assert intent.text == slots.text == "play jazz"
    assert intent.answer == Label.of("Play")
    assert slots.answer == JAZZ
    assert [example.answer for example in found[1:]] == [None] * (len(found) - 1)


def test_a_folder_of_such_files(write: Write, tmp_path: Path) -> None:
    written("seq.in", write)
    [example] = read(tmp_path)
    assert [half.answer for half in halves(example)] == [Label.of("Play"), JAZZ]


def test_a_text_that_lost_its_intent_has_no_slots_either() -> None:
    unlabelled = Example("1", "play jazz", fields={"slots": JAZZ})
    assert [half.answer for half in halves(unlabelled)] == [None, None]


def test_answers_may_be_left_alone(write: Write) -> None:
    [example, _] = read(written("json lines", write), labelled=False)
    assert [half.answer for half in halves(example)] == [None, None]


def test_half_an_answer_is_none(write: Write, complaints: Complaints) -> None:
    rows = [
        {"text": "play jazz", "label": "Play"},
        {"text": "play jazz", "spans": []},
        {"text": "play jazz", "label": "Play", "spans": []},
        {"text": "play jazz", "label": "Sing", "spans": []},
        {"text": "play jazz", "label": "Play", "spans": [[5, 9, "style"]]},
        {"label": "Play", "spans": []},
    ]
    path = write("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert complaints(read, path) == [
        "a.jsonl:1: the text has an intent and no slots; write an empty list where there are none",
        "a.jsonl:2: the text has slots and no intent in column 'label'",
        "a.jsonl:4: unknown label 'Sing'; choose one of 'Play', 'Stop'",
        "a.jsonl:5: unknown label 'style'; choose one of 'genre', 'artist'",
        "a.jsonl:6: no text in column 'text'",
    ]


def test_a_file_without_texts_is_one_problem(write: Write, complaints: Complaints) -> None:
    path = write("a.jsonl", '{"txt": "play", "label": "Play"}\n' * 3)
    assert complaints(read, path) == [
        "a.jsonl:1: no column 'text'; did you mean 'txt'? Or set data.columns.text in the task file"
    ]


def test_chinese_and_long_texts(write: Write) -> None:
    long = "播放 " + "很" * 400_000
    row = {"text": long, "label": "Play", "spans": [[0, 2, "genre"]]}
    [example] = read(write("a.jsonl", json.dumps(row, ensure_ascii=False) + "\n"))
    assert halves(example)[1].answer == Spans((Span(0, 2, "genre"),))


def test_public_utterances(shared: Path) -> None:
    folder = shared / "snips_dialogue" / "valid"
    intents = tuple(sorted(set((folder / "label").read_text(encoding="utf-8").split())))
    tags = set((folder / "seq.out").read_text(encoding="utf-8").split())
    labels = Understood(Labels(intents), SpanLabels(tuple(sorted({tag[2:] for tag in tags} - {""}))))
    examples = read_all(str(folder), Columns(), labels=labels)
    assert len(examples) == 700
    assert all(isinstance(half.answer, Label | Spans) for example in examples for half in halves(example))
