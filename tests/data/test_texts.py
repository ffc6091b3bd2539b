"""Sources and targets are read as texts, a dialogue with what was said before; what is wrong is said with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from ruletune.data.readers import Columns, fingerprint, read_all
from ruletune.data.texts import Texts
from ruletune.types import Example, Text
from tests.conftest import Complaints, Write

PAPER = Columns(text="source")


def read(path: Path | str, answers: Texts | None = None, columns: Columns | None = None) -> list[Example]:
    return read_all(str(path), columns or Columns(), labels=answers or Texts())


def talk(path: Path) -> list[Example]:
    return read(path, Texts(dialogue=True))


def lines(*values: object) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def test_a_text_and_its_target(write: Write) -> None:
    [example] = read(write("a.tsv", "text\ttarget\tnote\nA house.\tEin Haus.\tx\n"))
    assert (example.text, example.answer, example.alternatives) == ("A house.", Text("Ein Haus."), ())
    assert dict(example.fields) == {"note": "x"}


def test_sentences_and_several_targets(write: Write) -> None:
    row = {"source": ["One. ", " ", "Two."], "target": ["Both.", "Both of them. ", "Both."]}
    [example] = read(write("a.jsonl", lines(row)), columns=PAPER)
    assert example.text == "One. Two."
    assert example.fields["sentences"] == ("One.", "Two.")
    assert (example.answer, example.alternatives) == (Text("Both."), (Text("Both of them."),))


def test_null_or_no_target_is_none(write: Write) -> None:
    path = write("a.jsonl", lines({"text": "a", "target": None}, {"text": "b"}, {"text": "c", "target": "d"}))
    assert [example.answer for example in read(path)] == [None, None, Text("d")]
    assert [example.answer for example in read(path, Texts(labelled=False))] == [None, None, None]
    assert dict(read(path, Texts(labelled=False))[2].fields) == {}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "a", "target": ""}, "the text in column 'target' is blank"),
        ({"text": "a", "target": ["b", " "]}, "the text in column 'target' is blank"),
        ({"text": "a", "target": []}, "an empty list"),
        ({"text": "a", "target": 7}, "column 'target' holds int, not text"),
        ({"text": "a", "target": "\ud800"}, "half a surrogate pair"),
        ({"text": "", "target": "b"}, "the text in column 'text' is blank"),
        ({"text": [], "target": "b"}, "the text in column 'text' is blank"),
        ({"text": [" "], "target": "b"}, "the text in column 'text' is blank"),
        ({"text": ["a", 3], "target": "b"}, "sentence 2 in column 'text' is int, not text"),
        ({"text": None, "target": "b"}, "no text in column 'text'"),
    ],
)
def test_bad_rows(write: Write, complaints: Complaints, row: dict[str, object], said: str) -> None:
    [problem] = complaints(read, write("a.jsonl", lines({"text": "a", "target": "b"}, row)))
    assert problem.startswith("a.jsonl:2: ")
    assert said in problem


def test_a_missing_column_names_the_setting(write: Write, complaints: Complaints) -> None:
    path = write("a.jsonl", lines({"txt": "a", "target": "b"}))
    [problem] = complaints(read, path)
    assert "no column 'text'; did you mean 'txt'? Or set data.columns.text" in problem
    assert "no column 'text'" in complaints(talk, path)[0]


def test_a_turn_of_a_dialogue(write: Write) -> None:
    row = {
        "history": [{"speaker": "user", "text": "Hello"}, {"role": "system", "content": "Hi  there."}, "Fine."],
        "text": "Where is it?",
        "act": "inform(name='Eiji';area=Soma)",
        "facts": ["Eiji is in Soma.", "It is closed."],
        "target": "Eiji is in Soma.",
    }
    [example] = talk(write("a.jsonl", lines(row)))
    assert example.text == "Where is it?"
    assert dict(example.fields) == {
        "history": "user: Hello\nsystem: Hi there.\n- Fine.",
        "act": "inform(name = Eiji; area = Soma)",
        "facts": "Eiji is in Soma.\nIt is closed.",
        "intent": "inform",
        "slots": (("name", "Eiji"), ("area", "Soma")),
    }


def test_an_act_is_the_source_where_there_is_no_turn(write: Write) -> None:
    rows = [{"act": "?request(area)", "target": "Where?"}, {"act": "goodbye()", "text": None, "target": "Bye."}]
    first, second = talk(write("a.jsonl", lines(*rows)))
    assert (first.text, first.fields["slots"], first.fields["history"]) == ("request(area)", (("area", ""),), "")
    assert (second.text, second.fields["intent"]) == ("goodbye()", "goodbye")


def test_a_dialogue_in_a_table(write: Write) -> None:
    cells = '"[""Hi."", ""Hello.""]"\tBye.\t"{""name"": ""Eiji""}"\tGoodbye.\n'
    [example] = talk(write("a.tsv", "history\ttext\tfacts\ttarget\n" + cells))
    assert (example.fields["history"], example.fields["facts"]) == ("- Hi.\n- Hello.", "name: Eiji")
    [example] = talk(write("b.tsv", "history\ttext\ttarget\nWe said hello.\tBye.\tGoodbye.\n"))
    assert (example.fields["history"], example.fields["facts"], example.fields["act"]) == ("We said hello.", "", "")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"target": "b", "act": None}, "no last turn in column 'text' and no act in 'act'"),
        ({"text": "a", "act": "inform(name=Eiji"}, "column 'act': the dialogue act 'inform(name=Eiji' has no )"),
        ({"text": "a", "history": ["Hi.", ""]}, "turn 2 in column 'history' is blank"),
        ({"text": "a", "history": [{"speaker": "user", "txet": "Hi."}]}, "did you mean 'text'?"),
        ({"text": "a", "history": [7]}, "turn 1 in column 'history' is int"),
        ({"text": "a", "history": 7}, "column 'history' holds int, not text"),
        ({"text": "a", "facts": [7]}, "sentence 1 in column 'facts' is int"),
    ],
)
def test_bad_rows_of_a_dialogue(write: Write, complaints: Complaints, row: dict[str, object], said: str) -> None:
    [problem] = complaints(talk, write("a.jsonl", lines({"text": "a", "act": "x()"}, row)))
    assert problem.startswith("a.jsonl:2: ")
    assert said in problem


def test_fingerprints_tell_targets_and_what_is_shown_apart() -> None:
    examples = [
        Example("1", "a"),
        Example("1", "a", answer=Text("b")),
        Example("1", "a", answer=Text("c")),
        Example("1", "a", answer=Text("b"), alternatives=(Text("c"),)),
        Example("1", "a", answer=Text("b"), fields={"act": "request(area)"}),
        Example("1", "a", answer=Text("b"), fields={"history": "request(area)"}),
    ]
    assert len({fingerprint([example]) for example in examples}) == len(examples)


def test_parallel_files(write: Write) -> None:
    source = write("train.en", "\ufeffA house.\r\n\nA tree.\r\n")
    write("train.de", "Ein Haus.\n\nEin Baum.\n")
    found = read(source.with_name("train.{en,de}"))
    assert [(example.id, example.text, example.answer) for example in found] == [
        ("1", "A house.", Text("Ein Haus.")),
        ("2", "A tree.", Text("Ein Baum.")),
    ]


def test_parallel_files_may_be_compressed_and_in_folders(write: Write, tmp_path: Path) -> None:
    for folder, text in (("en", "A house.\n"), ("de", "Ein Haus.\n")):
        (tmp_path / folder).mkdir()
        write(f"{folder}/train.txt.gz", gzip.compress(text.encode()))
    assert read(tmp_path / "{en,de}" / "train.txt.gz")[0].answer == Text("Ein Haus.")


def test_a_blank_line_beside_a_text(write: Write, complaints: Complaints) -> None:
    write("train.en", "A house.\n\nA tree.\n")
    path = write("train.de", "Ein Haus.\nEin Baum.\n \n")
    assert complaints(read, path.with_name("train.{en,de}")) == [
        "train.en:2: a blank line beside a text in train.de; write both, or take both out",
        "train.de:3: a blank line beside a text in train.en; write both, or take both out",
    ]


@pytest.mark.parametrize(("first", "second"), [(3, 5), (5, 3), (0, 2)])
def test_unequal_numbers_of_lines(write: Write, complaints: Complaints, first: int, second: int) -> None:
    path = write("a.en", "x\n" * first)
    write("a.de", "y\n" * second)
    [problem] = complaints(read, path.with_name("a.{en,de}"))
    assert problem.startswith(f"a.en: {first} lines, and {second} in a.de")


@pytest.mark.parametrize("name", ["a.{en}", "a.{en,de,fr}", "a.{en,en}", "{a,b}.{en,de}"])
def test_braces_that_name_no_two_files(write: Write, complaints: Complaints, name: str) -> None:
    path = write("a.en", "x\n")
    [problem] = complaints(read, path.with_name(name))
    assert "cannot tell two files from" in problem


def test_a_missing_side(write: Write, complaints: Complaints) -> None:
    path = write("a.en", "x\n")
    assert complaints(read, path.with_name("a.{en,de}")) == ["no data at 'a.de'; did you mean 'a.en'?"]


def test_a_file_with_braces_in_its_name_is_a_file(write: Write) -> None:
    assert read(write("a{b}.txt", "One.\n"))[0].text == "One."


def test_a_side_in_another_encoding(write: Write, complaints: Complaints) -> None:
    path = write("a.en", "x\n")
    write("a.de", "schön\n".encode("latin-1"))
    assert "a.de:1: not UTF-8" in complaints(read, path.with_name("a.{en,de}"))[0]


def test_public_sets(shared: Path) -> None:
    assert len(read(shared / "multi30k_mt" / "val.{en,de}.gz")) == 1014
    papers = read(shared / "scitldr_sum" / "dev.jsonl", columns=PAPER)
    assert len(papers) == 619
    assert sum(bool(paper.alternatives) for paper in papers) > 400
