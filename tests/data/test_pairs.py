"""Two entities and their relation, in every form that data has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.data.columns import Columns
from ruletune.data.labels import Labels
from ruletune.data.pairs import Pairs, read_marked, written_marked
from ruletune.data.readers import read_all
from ruletune.errors import UserError
from ruletune.types import Example, Label, Span

PAIRS = Pairs(Labels(("works for", "none")))
Write = Callable[..., Path]


def read(write: Write, *rows: object, name: str = "d.jsonl", columns: Columns | None = None) -> list[Example]:
    path = write(name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return read_all(str(path), columns or Columns(), labels=PAIRS)


def words(example: Example) -> list[tuple[str, str]]:
    return [(example.text[span.start : span.end], span.label) for span in example.entities]


@pytest.mark.parametrize(
    "row",
    [
        {"token": ["Ann", "works", "for", "Acme"], "h": {"name": "Ann", "pos": [0, 1]}, "t": {"pos": [3, 4]}},
        {"tokens": ["Ann", "works", "for", "Acme"], "subject": [0, 1], "object": [3, 4]},
        {"token": ["Ann", "works", "for", "Acme"], "subj_start": 0, "subj_end": 0, "obj_start": 3, "obj_end": 3},
        {"text": "Ann works for Acme", "subject": {"start": 0, "end": 3}, "object": [14, 18]},
        {"text": "Ann works for Acme", "h": {"pos": [0, 3]}, "t": {"pos": [14, 18]}},
        {"text": "<e1>Ann</e1> works for <e2>Acme</e2>"},
    ],
)
def test_every_form_says_the_same(write: Write, row: dict[str, object]) -> None:
    [example] = read(write, row | {"relation": "works for"})
    assert example.text == "Ann works for Acme"
    assert words(example) == [("Ann", ""), ("Acme", "")]
    assert example.answer == Label.of("works for")
    assert "relation" not in example.fields


def test_types_direction_and_fields_are_kept(write: Write) -> None:
    rows = [
        {
            "text": "Acme hired Ann",
            "subject": [11, 14, "PERSON"],
            "object": {"start": 0, "end": 4, "type": "ORG"},
            "label": 0,
            "x": 1,
        },
        {"token": ["Acme", "hired", "Ann"], "h": {"pos": [2, 3], "type": "PERSON"}, "t": {"pos": [0, 1], "type": "O"}},
        {"text": "<e2:ORG>Acme</e2> hired <e1:PERSON>Ann</e1>", "label": None},
    ]
    first, second, third = read(write, *rows)
    assert words(first) == words(third) == [("Ann", "PERSON"), ("Acme", "ORG")]
    assert words(second) == [("Ann", "PERSON"), ("Acme", "")]
    assert first.answer == Label.of("works for")
    assert first.fields == {"x": 1}
    assert second.answer is third.answer is None


def test_tables_and_columns_of_other_names(write: Write) -> None:
    path = write("d.csv", 'words,who,where,label\nAnn at Acme,"[0, 3, ""PERSON""]","[7, 11]",none\n')
    [example] = read_all(str(path), Columns(text="words", subject="who", object="where"), labels=PAIRS)
    assert words(example) == [("Ann", "PERSON"), ("Acme", "")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "Ann"}, "the row has no two entities; give the columns 'subject' and 'object', or mark them"),
        (
            {"text": "Ann", "subject": [0, 1]},
            "the row has a subject and no object; name its column: data.columns.object",
        ),
        ({"text": "Ann", "subject": [0, 1], "object": [2, 9]}, "an entity ends behind the text"),
        ({"text": "Ann", "subject": [0, 1], "object": [0, 1]}, "subject and object are the same words"),
        ({"text": "A n", "subject": [0, 1], "object": [1, 2]}, "holds nothing but white space"),
        ({"text": "Ann", "subject": [2, 1], "object": [0, 1]}, "begins at 2 and ends at 1"),
        ({"text": "Ann", "subject": "Ann", "object": [0, 1]}, "holds no place of an entity; write [start, end, type]"),
        ({"text": "Ann", "subject": [0, True], "object": [0, 1]}, "holds no place of an entity"),
        ({"text": "Ann", "subject": [0, 1, 7], "object": [1, 2]}, "is int, not text"),
        (
            {"token": ["Ann"], "h": {"pos": [0, 1]}, "t": {"pos": [1, 2]}},
            "an entity ends behind word 2, and there are 1",
        ),
        ({"token": ["Ann", " "], "h": {"pos": [0, 1]}, "t": {"pos": [1, 2]}}, "word 2 in column 'token' is empty"),
        ({"text": "<e1>Ann</e1> <e2>x"}, "the mark </e2> is missing"),
        ({"text": "<e1>Ann</e1> <e1>x</e1> <e2>y</e2>"}, "the mark <e1> stands twice"),
        ({"text": "</e1>Ann<e1> <e2>x</e2>"}, "hold nothing between them"),
        (
            {"text": "<e1>A</e1> <e2>B</e2>", "relation": "wroks for"},
            "unknown label 'wroks for'; did you mean 'works for'?",
        ),
        ({"text": 7, "subject": [0, 1], "object": [1, 2]}, "column 'text' holds int, not text"),
    ],
)
def test_bad_rows_are_said_with_their_lines(write: Write, row: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as caught:
        read(write, {"text": "<e1>A</e1> <e2>B</e2>"}, row)
    assert len(caught.value.problems) == 1
    assert "d.jsonl:2: " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("half", ["\ud800", "\0"])
def test_a_type_in_a_mark_is_of_characters(half: str) -> None:
    with pytest.raises(ValueError, match="the type in the mark of e1 has"):
        read_marked(f"<e1:A{half}>x</e1> <e2>y</e2>")


def test_json_lines_in_a_text_file(write: Write) -> None:
    row = {"token": ["Ann", "at", "Acme"], "h": {"pos": [0, 1]}, "t": {"pos": [2, 3]}, "relation": "none"}
    [example] = read(write, row, name="d.txt", columns=Columns(label=None))
    assert words(example) == [("Ann", ""), ("Acme", "")]
    assert example.answer == Label.of("none")
    assert example.fields == {}


def test_a_missing_column_is_one_problem_of_the_file(write: Write) -> None:
    with pytest.raises(UserError, match="no column 'text'"):
        read(write, {"sentence": "<e1>A</e1> <e2>B</e2>"})


@given(
    text=st.text(
        alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="<>"), min_size=4, max_size=20
    ),
    edges=st.lists(st.integers(0, 20), min_size=4, max_size=4),
)
def test_marks_round_trip(text: str, edges: list[int]) -> None:
    a, b, c, d = (min(edge, len(text)) for edge in edges)
    if a >= b or c >= d or (a, b) == (c, d) or not text[a:b].strip() or not text[c:d].strip():
        return
    entities = (Span(a, b, "PERSON"), Span(c, d))
    assert read_marked(written_marked(text, entities)) == (text, entities)


def test_public_data_round_trips(shared: Path) -> None:
    """What is read as words stands at the same words in the text, and again when marked."""
    source = shared / "semeval_re" / "train.txt"
    rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()[:500]]
    labels = Pairs(Labels(tuple(sorted({row["relation"] for row in rows}))))
    for row in rows:
        parsed = labels.parse_row(row, Columns(), file=str(source))
        assert isinstance(parsed.text, str)
        for span, entity in zip(parsed.entities, (row["h"], row["t"]), strict=True):
            assert parsed.text[span.start : span.end] == " ".join(row["token"][slice(*entity["pos"])])
        assert str(parsed.answer) == row["relation"]
        again = labels.parse_row({"text": written_marked(parsed.text, parsed.entities)}, Columns(), file="x")
        assert (again.text, again.entities) == (parsed.text, parsed.entities)
