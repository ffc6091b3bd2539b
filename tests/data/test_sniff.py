"""Guessing what a file holds: from names, else from values, and never against what is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ruletune.data.labels import Labels
from ruletune.data.readers import Columns, read_all
from ruletune.data.sniff import sniff

Write = Callable[[str, str | bytes], Path]
Complaints = Callable[..., list[str]]


def jsonl(*rows: dict[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_usual_names_win(write: Write) -> None:
    path = write(
        "d.csv", "id,Text,comment_length,Label\n1,hi,xxxxxxxxxxxxxxxx,spam\n2,ho,xxxxxxxxxxx,ham\n3,hu,x,ham\n"
    )
    found = sniff(str(path))
    assert (found.text, found.label, found.rows, found.multi_label) == ("Text", "Label", 3, False)
    assert dict(found.labels) == {"ham": 2, "spam": 1}
    assert list(found.labels) == ["ham", "spam"]


def test_else_the_longest_column_is_the_text_and_the_one_with_few_values_the_label(write: Write) -> None:
    rows = "".join(f"{n},a rather long sentence number {n},{'xy'[n % 2]}\n" for n in range(20))
    found = sniff(str(write("d.csv", f"uid,body of it,kind of it\n{rows}")))
    assert (found.text, found.label) == ("body of it", "kind of it")
    assert dict(found.labels) == {"x": 10, "y": 10}


def test_what_is_said_is_believed(write: Write) -> None:
    path = str(write("d.csv", "text,label,title,mark\na,1,long long text,x\nb,2,another,y\n"))
    found = sniff(path, text="title", label="mark")
    assert (found.text, found.label, dict(found.labels)) == ("title", "mark", {"x": 1, "y": 1})


def test_no_label_at_all(write: Write) -> None:
    found = sniff(str(write("d.txt", "one\ntwo\nthree\n")))
    assert (found.text, found.label, dict(found.labels), found.rows) == ("text", None, {}, 3)


def test_lists_mean_several_labels(write: Write) -> None:
    path = write("d.jsonl", jsonl({"text": "a", "labels": ["x", "y"]}, {"text": "b", "labels": []}, {"text": "c"}))
    found = sniff(str(path))
    assert found.multi_label
    assert dict(found.labels) == {"x": 1, "y": 1}


def test_bars_mean_several_labels(write: Write) -> None:
    path = write("d.csv", "text,labels\na,x|y\nb,y\nc,\nd, y | z|\n")
    found = sniff(str(path))
    assert found.multi_label
    assert dict(found.labels) == {"y": 3, "x": 1, "z": 1}
    read = read_all(str(path), Columns(label="labels"), labels=Labels(tuple(found.labels), multi=True))
    assert [str(example.answer) for example in read] == ["x, y", "y", "None", "y, z"]


def test_rows_without_a_label_count_for_none(write: Write) -> None:
    path = write(
        "d.jsonl", jsonl(*({"text": "t", "label": v} for v in ("a", None, " ", "a", " a ", 3, 3.0, 0.5, True)))
    )
    assert dict(sniff(str(path)).labels) == {"a": 3, "3": 2, "0.5": 1, "true": 1}


def test_a_column_of_votes_is_no_label(write: Write) -> None:
    rows = [{"text": f"text {n}", "votes": [n % 2, -1], "meta": {"a": 1}, "side": "lr"[n % 2]} for n in range(8)]
    assert sniff(str(write("d.jsonl", jsonl(*rows)))).label == "side"


def test_a_column_that_is_not_there(write: Write, complaints: Complaints) -> None:
    path = str(write("d.csv", "text,label\na,b\n"))
    assert complaints(sniff, path, text="txt")[0].endswith("no column 'txt'; did you mean 'text'?")
    assert complaints(sniff, path, label="lable")[0].endswith("no column 'lable'; did you mean 'label'?")


def test_no_column_of_text(write: Write, complaints: Complaints) -> None:
    [complaint] = complaints(sniff, str(write("d.jsonl", jsonl({"text": 1, "label": 2}))))
    assert "no column holds text" in complaint


def test_a_label_with_as_many_values_as_rows_is_none(write: Write, complaints: Complaints) -> None:
    rows = "".join(f"text {n},label {n}\n" for n in range(500))
    [complaint] = complaints(sniff, str(write("d.csv", f"text,label\n{rows}")))
    assert "column 'label' has 500 values" in complaint and "--label" in complaint


@pytest.mark.parametrize("content", ["", "text,label\n"])
def test_no_rows(content: str, write: Write, complaints: Complaints) -> None:
    assert "there are no rows" in complaints(sniff, str(write("d.csv", content)))[0]


def test_bad_rows_are_told(write: Write, complaints: Complaints) -> None:
    found = complaints(sniff, str(write("d.jsonl", '{"text": "a"}\nbroken\n[]\n')))
    assert [complaint.partition(": ")[0] for complaint in found] == ["d.jsonl:2", "d.jsonl:3"]


def test_the_labels_found_are_read_as_found(write: Write) -> None:
    """The task file that is made of them means the same labels."""
    rows = [{"text": str(n), "label": value} for n, value in enumerate([1.0, 0.0, 1.0, -1, "x", " y ", True, 2.5])]
    names = tuple(sniff(str(write("d.jsonl", jsonl(*rows)))).labels)
    read = read_all(str(write("d.jsonl", jsonl(*rows))), labels=Labels(names))
    assert [str(e.answer) for e in read] == ["1", "0", "1", "-1", "x", "y", "true", "2.5"]


@pytest.mark.parametrize(
    ("row", "text", "label"),
    [
        (
            {"token": ["Ann", "left", "Rome"], "h": {"pos": [0, 1]}, "t": {"pos": [2, 3]}, "relation": "x"},
            "token",
            "relation",
        ),
        ({"text": "Ann left Rome", "subject": [0, 3], "object": [9, 13], "label": "x"}, "text", "label"),
        ({"text": "<e1>Ann</e1> left <e2>Rome</e2>", "relation": "x"}, "text", "relation"),
    ],
)
def test_two_entities_are_a_pair(write: Write, row: dict[str, object], text: str, label: str) -> None:
    found = sniff(str(write("d.jsonl", jsonl(row, row | {label: "y"}))))
    assert (found.pair, found.text, found.label) == (True, text, label)
    assert dict(found.labels) == {"x": 1, "y": 1}
    assert not sniff(str(write("e.jsonl", jsonl({"text": "a b", "label": "x"})))).pair
