"""Entities are read from spans, from tags and from word spans; what is wrong is said with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ruletune.data.labels import Labels
from ruletune.data.readers import Columns, fingerprint, read_all
from ruletune.data.sampling import sample
from ruletune.data.spans import SpanLabels
from ruletune.data.split import stratified_split
from ruletune.types import Example, Span, Spans
from tests.conftest import Complaints, Write

LABELS = SpanLabels(("PER", "LOC"))


def rows(*values: object) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def read(path: Path, labels: SpanLabels = LABELS) -> list[Example]:
    return read_all(str(path), Columns(), labels=labels)


def test_spans_in_characters(write: Write) -> None:
    path = write(
        "a.jsonl",
        rows(
            {"text": "Ann in 东京", "spans": [{"start": 0, "end": 3, "label": "PER"}, [7, 9, "LOC"]], "source": "x"},
            {"text": "nothing", "spans": []},
            {"text": "nobody looked"},
        ),
    )
    first, second, third = read(path)
    assert first.answer == Spans((Span(0, 3, "PER"), Span(7, 9, "LOC")))
    assert dict(first.fields) == {"source": "x"}
    assert second.answer == Spans(())
    assert third.answer is None
    assert [example.answer for example in read(path, SpanLabels(("PER", "LOC"), labelled=False))] == [None] * 3


def test_words_and_tags_in_two_files(write: Write) -> None:
    path = write("seq.in", "play Anne \nto New York now\n\n")
    first, second = read(path)
    assert (first.text, first.answer) == ("play Anne", None)  # nobody looked
    write("seq.out", "O B-PER \nO B-LOC I-LOC O\n\n")
    write("label", "PlayMusic\nGo\n\n")
    first, second = read(path)
    assert second.answer == Spans((Span(3, 11, "LOC"),))
    assert dict(first.fields) == {"label": "PlayMusic"}
    intents = read_all(str(path), Columns(), labels=Labels(("PlayMusic", "Go")))
    assert [str(example.answer) for example in intents] == ["PlayMusic", "Go"]
    assert intents[1].text == "to New York now"


def test_a_folder_of_such_files_gives_entities_and_labels(write: Write, tmp_path: Path) -> None:
    write("seq.in", "play Anne\n")
    write("seq.out", "O B-PER\n")
    write("label", "PlayMusic\n")
    [entities] = read(tmp_path)
    assert entities.answer == Spans((Span(5, 9, "PER"),))
    [intent] = read_all(str(tmp_path), Columns(), labels=Labels(("PlayMusic", "Go")))
    assert (intent.text, str(intent.answer), intent.id) == ("play Anne", "PlayMusic", entities.id)


def test_two_files_that_do_not_fit(write: Write, complaints: Complaints) -> None:
    path = write("seq.in", "play Anne\nto Rome\n")
    write("seq.out", "O\nO B-LOC\n")
    assert complaints(read, path) == ["seq.out:1: 1 tags for 2 words; write a tag for every word"]
    write("seq.out", "O O\n")
    [found] = complaints(read, path)
    assert "seq.out: the file ends before line 2" in found


def test_slots_of_a_public_set(shared: Path) -> None:
    folder = shared / "snips_dialogue" / "valid"
    tags = {tag[2:] for line in (folder / "seq.out").read_text("utf-8").splitlines() for tag in line.split()} - {""}
    found = read(folder / "seq.in", SpanLabels(tuple(sorted(tags))))
    assert len(found) == 700
    begun = (folder / "seq.out").read_text("utf-8").count("B-")
    assert sum(len(example.answer.spans) for example in found if isinstance(example.answer, Spans)) == begun


@pytest.mark.parametrize("separator", ["\t", " "])
def test_conll(write: Write, separator: str) -> None:
    lines = [
        "-DOCSTART- -X- O O",
        "",
        "Ann NNP B-PER",
        "in IN O",
        "New NNP B-LOC",
        "York NNP I-LOC",
        "",
        "# a comment",
        "Oslo NNP S-LOC",
    ]
    path = write("a.conll", "\n".join(line.replace(" ", separator) if line[:1] != "#" else line for line in lines))
    first, second = read(path)
    assert first.text == "Ann in New York"
    assert first.answer == Spans((Span(0, 3, "PER"), Span(7, 15, "LOC")))
    assert first.fields["document"] == 1
    assert second.answer == Spans((Span(0, 4, "LOC"),))


def test_conll_mistakes_have_their_lines(write: Write, complaints: Complaints) -> None:
    path = write("a.bio", "Ann B-PER\nin\n\nOslo B-TOWN\n")
    assert complaints(read, path) == [
        "a.bio:2: a word without a tag; write the word, a tab and its tag",
        "a.bio:4: unknown label 'TOWN'; choose one of 'PER', 'LOC'",
    ]


def test_numbers_of_tags_are_named_by_a_file_beside(write: Write, complaints: Complaints) -> None:
    path = write("a.json", json.dumps([{"str_words": ["Ann", "Lee", "sat"], "tags": [1, 2, 0]}]))
    [problem] = complaints(read, path)
    assert "is a number; put tag_to_id.json" in problem


def test_numbers_with_their_names(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "tag_to_id.json").write_text(json.dumps({"O": 0, "B-PER": 1, "I-PER": 2}), encoding="utf-8")
    path = tmp_path / "d" / "a.json"
    path.write_text(json.dumps([{"str_words": ["Ann", "Lee", "sat"], "tags": [1, 2, 0]}]), encoding="utf-8")
    [example] = read(path)
    assert example.answer == Spans((Span(0, 7, "PER"),))


def test_word_spans_and_votes_become_characters(write: Write) -> None:
    row = {"tokens": ["Ann", "Lee", "sat"], "spans": [[0, 2, "PER"]], "weak_labels": [[[0, 1, "PER"]], []]}
    [example] = read(write("a.jsonl", rows(row)))
    assert example.answer == Spans((Span(0, 7, "PER"),))
    assert example.fields["weak_labels"] == [[[0, 3, "PER"]], []]


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([[0, 3, "PRE"]], "unknown label 'PRE'; did you mean 'PER'?"),
        ([[3, 3, "PER"]], "is no span: start and end must be whole numbers that go up"),
        ([[0, 99, "PER"]], "ends behind the text, which has 7 characters"),
        ([[0, 4, "PER"], [2, 6, "LOC"]], "overlap; an entity cannot lie in another"),
        ([[3, 4, "PER"]], "holds nothing but white space"),
        ([[0, 1.5, "PER"]], "is no span"),
        ([[0, 1]], "is no span; write [start, end, label]"),
        ("soon", "holds no list of spans"),
        (7, "not a list of spans"),
    ],
)
def test_bad_spans(write: Write, complaints: Complaints, spans: object, said: str) -> None:
    path = write("a.jsonl", rows({"text": "Ann Lee", "spans": []}, {"text": "Ann Lee", "spans": spans}))
    [problem] = complaints(read, path)
    assert problem.startswith("a.jsonl:2: ")
    assert said in problem


def test_a_text_must_be_there(write: Write, complaints: Complaints) -> None:
    assert "no column 'text'" in complaints(read, write("a.jsonl", rows({"sentence": "Ann"})))[0]
    assert "is blank" in complaints(read, write("b.jsonl", rows({"text": " "})))[0]


def test_parts_have_alike_texts_and_a_fingerprint(write: Write) -> None:
    values = [{"text": f"Ann {n}", "spans": [[0, 3, "PER"]] if n % 2 else []} for n in range(40)]
    examples = read(write("a.jsonl", rows(*values)))
    splits = stratified_split(examples, validation=0.0, test=0.25, seed=0)
    assert sum(bool(e.answer.spans) for e in splits.test) == 5  # type: ignore[union-attr]
    assert len(sample(examples, shots=3, method="random", seed=0).rows) == 6
    assert fingerprint(examples[:1]) != fingerprint(
        read(write("b.jsonl", rows({"text": "Ann 0", "spans": [[0, 3, "PER"]]})))
    )


@pytest.mark.parametrize(
    ("name", "texts"),
    [("laptop_ner/train.json", 2436), ("laptop_ner/valid.json", 609), ("wikigold_ner/train.json", 1142)],
)
def test_public_sets(shared: Path, name: str, texts: int) -> None:
    examples = read_all(str(shared / name), Columns(), labels=SpanLabels(("TERM", "PER", "ORG", "LOC", "MISC")))
    assert len(examples) == texts
    assert sum(len(example.answer.spans) for example in examples if isinstance(example.answer, Spans)) > 400
