"""Every format says the same, and every way to break a file is told with its place."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ruletune.data.labels import Labels
from ruletune.data.readers import Columns, read, read_all
from ruletune.errors import Problem, UserError
from ruletune.types import Example, Label

Write = Callable[[str, str | bytes], Path]
Complaints = Callable[..., list[str]]

NAMES = Labels(("ham", "spam"))
ROWS = [
    {"text": "free prize 😀", "label": "spam"},
    {"text": '他说："你好, 世界"', "label": "ham"},
    {"text": "two\nlines", "label": None},
]


def as_csv(delimiter: str) -> str:
    cells = [["text", "label"], *([str(row["text"]), str(row["label"] or "")] for row in ROWS)]
    lines = (delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells)
    return "".join(f"{line}\r\n" for line in lines)


FILES = {
    "data.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    "data.ndjson": "\n\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS),
    "data.JSONL": "".join(json.dumps(row) + "\r\n" for row in ROWS),
    "data.json": json.dumps(ROWS, indent=2),
    "data.csv": as_csv(","),
    "data.tsv": as_csv("\t"),
    "data.tab": as_csv("\t"),
}


def same_as_rows(examples: list[Example]) -> bool:
    labels = [Label.of(str(row["label"])) if row["label"] else None for row in ROWS]
    return [(e.text, e.answer) for e in examples] == [(r["text"], a) for r, a in zip(ROWS, labels, strict=True)]


@pytest.mark.parametrize("name", FILES)
def test_each_text_format(name: str, write: Write) -> None:
    examples = read_all(str(write(name, FILES[name])), labels=NAMES)
    assert same_as_rows(examples)
    assert [example.id for example in examples] == ["1", "2", "3"]


@pytest.mark.parametrize("name", FILES)
def test_a_byte_order_mark_and_compression_change_nothing(name: str, write: Write) -> None:
    assert same_as_rows(read_all(str(write(name, b"\xef\xbb\xbf" + FILES[name].encode())), labels=NAMES))
    assert same_as_rows(read_all(str(write(f"{name}.gz", gzip.compress(FILES[name].encode()))), labels=NAMES))


def test_parquet(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "data.parquet")
    assert same_as_rows(read_all("data.parquet", labels=NAMES, folder=tmp_path))


def test_a_file_that_is_no_parquet(write: Write, complaints: Complaints) -> None:
    for content in (b"", b"PAR1", b"text,label\na,ham\n"):
        [complaint] = complaints(read_all, str(write("data.parquet", content)))
        assert complaint.startswith("data.parquet: not a readable Parquet file")


def test_plain_text_is_one_text_a_line(write: Write) -> None:
    path = write("data.txt", "one\r\n\r\n  two \n三\u2028四")
    assert [example.text for example in read_all(str(path), Columns(label=None))] == ["one", "two", "三\u2028四"]


def test_a_wrench_file_is_an_object_of_objects(write: Write) -> None:
    entries = {"7": {"label": 1, "data": {"text": "free"}, "weak_labels": [1, -1]}}
    [example] = read_all(str(write("train.json", json.dumps(entries))), Columns(id="id"), labels=NAMES)
    assert (example.id, example.text, example.answer) == ("7", "free", Label.of("spam"))
    assert example.fields["weak_labels"] == [1, -1]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    datasets = pytest.importorskip("datasets")
    folder = tmp_path_factory.mktemp("saved")
    table = datasets.Dataset.from_dict({key: [row[key] for row in ROWS] for key in ("text", "label")})
    table.save_to_disk(str(folder / "one"))
    datasets.DatasetDict(train=table, test=table.select([0])).save_to_disk(str(folder / "parts"))
    (folder / "empty").mkdir()
    return folder


def test_a_saved_dataset(saved: Path) -> None:
    assert same_as_rows(read_all("one", labels=NAMES, folder=saved))


def test_a_dataset_of_several_splits_needs_the_name_of_one(saved: Path) -> None:
    assert len(read_all("parts#test", labels=NAMES, folder=saved)) == 1
    with pytest.raises(UserError, match="several splits; name one of its splits: parts#train, parts#test"):
        read_all("parts", labels=NAMES, folder=saved)
    with pytest.raises(UserError, match="no split 'tset'"):
        read_all("parts#tset", labels=NAMES, folder=saved)


def test_a_folder_that_is_no_dataset(saved: Path) -> None:
    with pytest.raises(UserError, match="empty: cannot load the dataset"):
        read_all("empty", folder=saved)


# -- what is not there, or not what it is called


def test_a_file_that_is_not_there(write: Write, complaints: Complaints, tmp_path: Path) -> None:
    write("train.csv", "text\na\n")
    [complaint] = complaints(read_all, "tain.csv", folder=tmp_path)
    assert "tain.csv" in complaint and complaint.endswith("did you mean 'train.csv'?")


@pytest.mark.parametrize(
    "name", ["a\0b.csv", "x" * 5000 + ".csv", "x" * 300 + "/y.csv", "~no such user/y.csv", "\ud800.csv"]
)
def test_a_name_that_no_file_can_have(name: str, complaints: Complaints, tmp_path: Path) -> None:
    [complaint] = complaints(read_all, name, folder=tmp_path)
    assert complaint.startswith("no data at ")
    assert len(complaint) < 1500


@pytest.mark.parametrize("name", ["data", "data.xlsx", "data.gz", "data.yaml.gz"])
def test_a_name_that_tells_no_format(name: str, write: Write, complaints: Complaints) -> None:
    [complaint] = complaints(read_all, str(write(name, "x")))
    assert complaint.startswith(f"{name}: cannot tell the format of {name!r}; call it ")
    assert ".jsonl" in complaint


@pytest.mark.parametrize("name", ["data.jsonl", "data.csv", "data.tsv", "data.txt"])
@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b" \r\n"])
def test_an_empty_file(name: str, content: bytes, write: Write, complaints: Complaints) -> None:
    assert complaints(read_all, str(write(name, content))) == [f"{name}: there are no rows; one row for each text"]


def test_a_header_only(write: Write, complaints: Complaints) -> None:
    [complaint] = complaints(read_all, str(write("data.csv", "text,label\n")))
    assert complaint == "data.csv: there are no rows; one row for each text"


@pytest.mark.parametrize("content", ["", "[]", "{}", "3", '"text"', "null", "[1", '{"text": "a"}\n{"text": "b"}'])
def test_json_that_is_no_list_of_rows(content: str, write: Write, complaints: Complaints) -> None:
    [complaint] = complaints(read_all, str(write("data.json", content)))
    assert complaint.startswith("data.json: ")


@pytest.mark.parametrize("name", ["data.jsonl.gz", "data.csv.gz"])
@pytest.mark.parametrize(
    "content", [b"", b"not gzip", gzip.compress(b'{"text": "a"}\n' * 1000)[:-20], b"\x1f\x8b\x08\x00" + b"\xff" * 40]
)
def test_a_broken_archive(name: str, content: bytes, write: Write, complaints: Complaints) -> None:
    [complaint] = complaints(read_all, str(write(name, content)))
    assert "data." in complaint


@pytest.mark.parametrize(
    ("encoding", "text", "line", "named"),
    [
        ("utf-16", "plain", 1, "UTF-16"),
        ("latin-1", "café", 3, "Latin-1"),
        ("cp1252", "it’s", 3, "Windows-1252"),
        ("gbk", "这部电影很好看", 3, "GBK"),
        ("gb18030", "这部电影很好看", 3, "GB18030"),
    ],
)
@pytest.mark.parametrize("name", ["data.csv", "data.jsonl", "data.txt", "data.tsv"])
def test_other_encodings_are_refused_with_the_line(
    name: str, encoding: str, text: str, line: int, named: str, write: Write, complaints: Complaints
) -> None:
    lines = {
        "data.csv": ["text", "a"],
        "data.tsv": ["text", "a"],
        "data.txt": ["a", "b"],
        "data.jsonl": ['{"text": "a"}'] * 2,
    }[name]
    last = json.dumps({"text": text}, ensure_ascii=False) if name == "data.jsonl" else text
    content = "\n".join([*lines, last]) if line == 3 else last
    [complaint] = complaints(read_all, str(write(name, content.encode(encoding))))
    assert complaint.startswith(f"{name}:{line}: not UTF-8: ")
    assert named in complaint
    assert complaint.endswith("save the file as UTF-8")


def test_utf_16_of_the_other_order(write: Write, complaints: Complaints) -> None:
    [complaint] = complaints(read_all, str(write("data.txt", "\ufeffplain".encode("utf-16-be"))))
    assert complaint == "data.txt:1: not UTF-8: it begins like UTF-16; save the file as UTF-8"


# -- rows that are wrong


def test_all_bad_lines_are_reported_together(write: Write, complaints: Complaints) -> None:
    content = '{"text": "a"}\n{"text": \n[1]\n"x"\n{"text": "b"}\n{\'text\': 1}\n' + "[" * 5000 + '\n{"text": NaN}\n'
    found = complaints(read_all, str(write("data.jsonl", content)))
    assert [complaint.partition(": ")[0] for complaint in found] == [f"data.jsonl:{n}" for n in (2, 3, 4, 6, 7, 8)]
    assert found[0] == "data.jsonl:2: not valid JSON: Expecting value"
    assert found[1] == "data.jsonl:3: expected an object of columns, found list"


def test_a_number_too_long_to_be_one_is_no_crash(write: Write, complaints: Complaints) -> None:
    [complaint] = complaints(read_all, str(write("data.jsonl", f'{{"text": "a", "n": {"9" * 5000}}}\n')))
    assert complaint.startswith("data.jsonl:1: not valid JSON: ")


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ('""', "the text in column 'text' is blank"),
        ('" \\n\\u3000"', "the text in column 'text' is blank"),
        ("null", "no text in column 'text'"),
        ("7", "column 'text' holds int, not text"),
        ('["a"]', "column 'text' holds list, not text"),
        ("true", "column 'text' holds bool, not text"),
        ('"a\\u0000b"', "the text in column 'text' has a NUL character"),
        ('"\\ud800"', "the text in column 'text' has half a surrogate pair"),
        ('"好\\udfff"', "the text in column 'text' has half a surrogate pair"),
    ],
)
def test_a_text_that_is_none(value: str, complaint: str, write: Write, complaints: Complaints) -> None:
    content = f'{{"text": "fine"}}\n{{"text": {value}}}\n{{"text": {value}}}\n'
    found = complaints(read_all, str(write("data.jsonl", content)))
    assert [problem[:14] for problem in found] == ["data.jsonl:2: ", "data.jsonl:3: "]
    assert all(complaint in problem for problem in found)


def test_a_key_that_one_row_lacks_is_that_rows_problem(write: Write, complaints: Complaints) -> None:
    content = '{"text": "a"}\n{"body": "b"}\n'
    assert complaints(read_all, str(write("data.jsonl", content))) == ["data.jsonl:2: no text in column 'text'"]


def test_a_missing_column_is_told_once_with_the_nearest(write: Write, complaints: Complaints) -> None:
    path = write("data.csv", "sentence,lable\n" + "a,ham\n" * 500)
    [complaint] = complaints(read_all, str(path), Columns(text="sentense"), labels=NAMES)
    assert "no column 'sentense'; did you mean 'sentence'?" in complaint
    assert "data.columns.text" in complaint
    [complaint] = complaints(read_all, str(path), Columns(text="sentence", text_pair="other"), labels=NAMES)
    assert "no column 'other'; choose one of 'sentence', 'lable'" in complaint
    [complaint] = complaints(read_all, str(path), Columns(text="sentence", id="uid"), labels=NAMES)
    assert "no column 'uid'" in complaint


def test_ids_are_unique(write: Write, complaints: Complaints) -> None:
    path = str(write("data.csv", "id,text\n7,a\n8,b\n7,c\n"))
    assert complaints(read_all, path, Columns(id="id")) == ["data.csv:4: the id '7' stands twice"]
    assert [example.id for example in read_all(path)] == ["1", "2", "3"]
    assert read_all(path)[0].fields == {"id": "7"}


def test_a_row_without_an_id_has_its_number(write: Write) -> None:
    path = str(write("data.jsonl", '{"text": "a", "id": "x"}\n{"text": "b", "id": null}\n{"text": "c"}\n'))
    assert [example.id for example in read_all(path, Columns(id="id"))] == ["x", "2", "3"]


@pytest.mark.parametrize(
    ("row", "fields"), [("a,b,ham", "3 fields"), ("a", "1 fields"), ('"a",,,', "4 fields"), ("a,b,", "3 fields")]
)
def test_rows_with_too_many_or_too_few_fields(row: str, fields: str, write: Write, complaints: Complaints) -> None:
    found = complaints(read_all, str(write("data.csv", f"text,label\nx,ham\n{row}\ny,ham\n{row}\n")))
    assert [problem[:12] for problem in found] == ["data.csv:3: ", "data.csv:5: "]
    assert fields in found[0] and "2 columns" in found[0]


def test_a_quote_that_is_never_closed(write: Write, complaints: Complaints) -> None:
    found = complaints(read_all, str(write("data.csv", 'text,label\na,ham\n"b,ham\nc,ham\n')))
    assert found[-1].startswith("data.csv:3: malformed row")
    assert found[-1].endswith("close every quote that is opened")


def test_places_count_lines_of_the_file_and_not_rows(write: Write, complaints: Complaints) -> None:
    content = 'text,label\n"one\ntwo\n\nthree",ham\n\n,ham\n"four\nfive",no such\n'
    found = complaints(read_all, str(write("data.csv", content)), labels=NAMES)
    assert [problem.partition(": ")[0] for problem in found] == ["data.csv:7", "data.csv:8"]


def test_two_columns_of_one_name(write: Write, complaints: Complaints) -> None:
    assert complaints(read_all, str(write("data.csv", "text,label, text\na,b,c\n"))) == [
        "data.csv:1: two columns are called 'text'"
    ]


def test_unknown_labels_are_told_with_the_line_and_the_nearest(write: Write, complaints: Complaints) -> None:
    found = complaints(read_all, str(write("data.csv", "text,label\na,ham\nb,spma\nc,HAM\n")), labels=NAMES)
    assert found == [
        "data.csv:3: unknown label 'spma'; did you mean 'spam'?",
        "data.csv:4: unknown label 'HAM'; did you mean 'ham'?",
    ]


def test_a_caller_may_go_on_without_the_bad_rows(write: Write) -> None:
    problems: list[Problem] = []
    path = write("data.jsonl", '{"text": "a"}\nbroken\n{"text": ""}\n{"text": "b"}\n')
    assert [e.text for e in read_all(str(path), on_bad=problems.append)] == ["a", "b"]
    assert [problem.where and problem.where.line for problem in problems] == [2, 3]


def test_a_file_of_bad_rows_is_given_up_in_time(write: Write, complaints: Complaints) -> None:
    found = complaints(read_all, str(write("data.jsonl", "broken\n" * 20_000)))
    assert 100 < len(found) < 2000
    assert "reading stopped" in found[-1]


@pytest.mark.parametrize("name", ["data.csv", "data.jsonl", "data.txt"])
def test_a_row_of_a_megabyte(name: str, write: Write) -> None:
    text = "好" * 350_000 + "end"
    content = {"data.csv": f'text\n"{text}"\nb\n', "data.jsonl": json.dumps({"text": text}), "data.txt": text}[name]
    first, *_ = read_all(str(write(name, content)), Columns(label=None))
    assert first.text == text


def test_reading_streams(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "a"}\n' * 10 + "broken\n", encoding="utf-8")
    examples = read(str(path))
    assert [next(examples).id for _ in range(10)][-1] == "10"
    with pytest.raises(UserError, match=r"data\.jsonl:11"):
        next(examples)


def test_text_pairs_and_other_columns(write: Write) -> None:
    path = write("data.tsv", "a\tb\ty\tsource\none\ttwo\t1\tweb\n")
    [example] = read_all(str(path), Columns(text="a", text_pair="b", label="y"), labels=NAMES)
    assert example == Example("1", "one", "two", Label.of("spam"), {"source": "web"})


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=80) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
@pytest.mark.parametrize("name", ["f.jsonl", "f.json", "f.csv", "f.tsv", "f.txt", "f.parquet", "f.csv.gz"])
def test_any_bytes_are_read_or_refused(name: str, content: bytes, write: Write) -> None:
    for prefix in (b"", b"text,label\n", b'{"text": "'):
        path = write(name, prefix + content)
        try:
            examples = read_all(str(path), labels=NAMES)
        except UserError as error:
            assert all(problem.message for problem in error.problems)
        else:
            assert all(example.text.strip() for example in examples)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)))
def test_what_jsonl_holds_is_what_was_written(texts: list[str], write: Write) -> None:
    texts = [text for text in texts if text.strip()] or ["x"]
    path = write("round.jsonl", "".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts))
    assert [example.text for example in read_all(str(path))] == texts
