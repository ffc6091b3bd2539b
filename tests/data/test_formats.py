"""Every format says the same, and every way to break a file is told with its place."""

from __future__ import annotations

import gzip
import json
import tracemalloc
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


def test_what_has_no_splits_has_none_of_that_name(saved: Path, write: Write, complaints: Complaints) -> None:
    with pytest.raises(UserError, match="one#train: the dataset has no splits; name it without '#train'"):
        read_all("one#train", labels=NAMES, folder=saved)
    [complaint] = complaints(read_all, f"{write('data.csv', FILES['data.csv'])}#train")
    assert complaint == "data.csv: a file has no splits; name it without '#train'"


def test_a_hub_dataset_may_have_configurations(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    asked: list[tuple[str, str | None]] = []

    def load(path: str, name: str | None = None) -> object:
        asked.append((path, name))
        return datasets.DatasetDict(test=datasets.Dataset.from_dict({"text": ["a"], "label": [1]}))

    monkeypatch.setattr(datasets, "load_dataset", load)
    for source in ("hf:sms#test", "hf:owner/sms#test", "hf:owner/sms/large#test"):
        [example] = read_all(source, labels=NAMES)
        assert (example.text, example.answer) == ("a", Label.of("spam"))
    assert asked == [("sms", None), ("owner/sms", None), ("owner/sms", "large")]


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
    assert complaint.startswith("data.json")


@pytest.mark.parametrize("name", ["data.jsonl.gz", "data.csv.gz"])
@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip", gzip.compress(b'{"text": "a"}\n' * 1000, mtime=0)[:-20], b"\x1f\x8b\x08\x00" + b"\xff" * 40],
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


def test_a_key_that_the_first_row_lacks_is_that_rows_problem(write: Write, complaints: Complaints) -> None:
    content = '{"body": "a"}\n{"text": "b"}\nbroken\n'
    assert complaints(read_all, str(write("data.jsonl", content))) == [
        "data.jsonl:1: no text in column 'text'",
        "data.jsonl:3: not valid JSON: Expecting value",
    ]


def test_a_column_is_missed_although_the_first_row_is_broken(write: Write, complaints: Complaints) -> None:
    content = "broken\n" + '{"body": "a"}\n' * 300
    [complaint] = complaints(read_all, str(write("data.jsonl", content)), Columns(text="bdy"))
    assert complaint.startswith("data.jsonl:2: no column 'bdy'; did you mean 'body'?")


def test_all_missing_columns_are_told_together(write: Write, complaints: Complaints) -> None:
    found = complaints(read_all, str(write("data.csv", "x,y\n1,2\n")), Columns(text="a", text_pair="b", id="c"))
    assert [problem.partition("; ")[0] for problem in found] == [f"data.csv:2: no column '{name}'" for name in "abc"]
    assert found[2].endswith("choose one of 'x', 'y'; or set data.columns.id in the task file")


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
    path = str(write("data.jsonl", '{"text": "a"}\n{"text": "b", "id": "x"}\n'))
    assert [example.id for example in read_all(path, Columns(id="id"))] == ["1", "x"]
    path = str(write("data.csv", "id,text\nx,a\n,b\n ,c\n"))
    assert [example.id for example in read_all(path, Columns(id="id"))] == ["x", "2", "3"]


def test_a_whole_number_is_the_same_id_however_it_is_stored(write: Write) -> None:
    """A column of whole numbers with a gap becomes one of floats in Parquet and pandas."""
    path = str(write("data.jsonl", '{"text": "a", "id": 7.0}\n{"text": "b", "id": 8}\n{"text": "c", "id": 1.5}\n'))
    assert [example.id for example in read_all(path, Columns(id="id"))] == ["7", "8", "1.5"]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("[1]", "column 'id' holds list, not an id"),
        ('{"a": 1}', "column 'id' holds dict, not an id"),
        ("true", "column 'id' holds bool, not an id"),
        ("NaN", "column 'id' holds nan, not an id"),
        ("1e999", "column 'id' holds inf, not an id"),
        ('"\\ud800"', "the id in column 'id' has half a surrogate pair, which is no character"),
    ],
)
def test_an_id_that_is_none(value: str, complaint: str, write: Write, complaints: Complaints) -> None:
    path = str(write("data.jsonl", f'{{"text": "a", "id": {value}}}\n'))
    assert complaints(read_all, path, Columns(id="id")) == [f"data.jsonl:1: {complaint}"]


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
    assert found[-1].endswith("close every quote that is opened, and double those inside a field")


def test_whoever_goes_on_after_a_stray_quote_is_told_how_much_is_lost(write: Write) -> None:
    for content, lost in (('"5" disk",ham\n' + "b,ham\n" * 7, 7), ('"5 disk,ham\nb,ham\n', 1)):
        problems: list[Problem] = []
        path = write("data.csv", f"text,label\na,ham\n{content}")
        assert [e.text for e in read_all(str(path), on_bad=problems.append)] == ["a"]
        [problem] = problems
        assert problem.where is not None and problem.where.line == 3
        assert problem.message.endswith(f"what follows it was not read: {lost} line{'s' * (lost > 1)}")


def test_a_stray_quote_in_the_last_row_loses_nothing_else(write: Write, complaints: Complaints) -> None:
    [complaint] = complaints(read_all, str(write("data.csv", 'text\na\n"5" disk"\n')))
    assert complaint.startswith("data.csv:3: malformed row: ") and "not read" not in complaint


def test_lines_that_end_in_carriage_returns_alone(write: Write, complaints: Complaints) -> None:
    [complaint] = complaints(read_all, str(write("data.csv", "text,label\ra,ham\rb,spam\r")))
    assert complaint == "data.csv: the lines end with a carriage return alone; end every line with a line feed"


def test_a_lone_carriage_return_costs_one_line(write: Write) -> None:
    problems: list[Problem] = []
    path = write("data.csv", "text,label\na,ham\nb\rc,ham\nd,ham\n")
    assert [e.text for e in read_all(str(path), on_bad=problems.append)] == ["a", "d"]
    assert [problem.where and problem.where.line for problem in problems] == [3]


@pytest.mark.parametrize(("name", "separator"), [("d.csv", ";"), ("d.csv", "\t"), ("d.csv", "|"), ("d.tsv", ",")])
def test_another_separator_is_recognised(name: str, separator: str, write: Write, complaints: Complaints) -> None:
    content = f"text{separator}label\na{separator}ham\n"
    [complaint] = complaints(read_all, str(write(name, content)), labels=NAMES)
    assert complaint.startswith(f"{name}:2: no column 'text'; the only column is {f'text{separator}label'!r}: ")
    assert "separate columns by commas, or by tabs in a .tsv file" in complaint


def test_a_table_of_one_column_may_hold_separators(write: Write) -> None:
    assert [e.text for e in read_all(str(write("data.csv", "text\na;b\n")))] == ["a;b"]
    assert [e.text for e in read_all(str(write("odd.csv", "a;b\nc\n")), Columns(text="a;b"))] == ["c"]


def test_places_count_lines_of_the_file_and_not_rows(write: Write, complaints: Complaints) -> None:
    content = 'text,label\n"one\ntwo\n\nthree",ham\n\n,ham\n"four\nfive",no such\n'
    found = complaints(read_all, str(write("data.csv", content)), labels=NAMES)
    assert [problem.partition(": ")[0] for problem in found] == ["data.csv:7", "data.csv:8"]


def test_two_columns_of_one_name(write: Write, complaints: Complaints) -> None:
    assert complaints(read_all, str(write("data.csv", "text,label, text\na,b,c\n"))) == [
        "data.csv:1: two columns are called 'text'"
    ]
    assert complaints(read_all, str(write("data.csv", "text,label,,\na,b,,\n"))) == [
        "data.csv:1: two columns have no name; name them or take them out"
    ]


def test_two_parquet_columns_of_one_name(tmp_path: Path, complaints: Complaints) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), tmp_path / "data.parquet")
    assert complaints(read_all, str(tmp_path / "data.parquet")) == ["data.parquet: two columns are called 'text'"]


def test_a_parquet_value_that_python_cannot_hold(tmp_path: Path, complaints: Complaints) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    when = pa.array([2**60 if n in (5, 2000) else n for n in range(3000)], pa.timestamp("ms"))  # in the year 36 million
    pq.write_table(pa.table({"text": ["a"] * 3000, "when": when}), tmp_path / "data.parquet")
    found = complaints(read_all, str(tmp_path / "data.parquet"))
    assert [problem.partition(": ")[0] for problem in found] == ["data.parquet:6", "data.parquet:2001"]
    assert all("column 'when' holds a value that cannot be read" in problem for problem in found)
    problems: list[Problem] = []
    good = read_all(str(tmp_path / "data.parquet"), on_bad=problems.append)
    assert (len(good), len(problems)) == (2998, 2)
    assert [example.id for example in good] == [str(n) for n in range(1, 3001) if n not in (6, 2001)]


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
    assert found[0] == "data.jsonl:1001: reading stopped after 1000 bad rows"
    assert [problem.partition(": ")[0] for problem in found[1:]] == [f"data.jsonl:{n}" for n in range(1, 1001)]


def test_the_notice_that_reading_stopped_is_among_the_problems_shown(write: Write) -> None:
    with pytest.raises(UserError, match="reading stopped after 1000 bad rows"):
        read_all(str(write("data.jsonl", "broken\n" * 1500)))


def test_bad_rows_are_told_beside_what_stops_the_reading(write: Write, complaints: Complaints) -> None:
    content = b'{"text": "a"}\nbroken\n' + b'{"text": "b"}\n' * 200 + b'{"text": "\xff"}\n'
    found = complaints(read_all, str(write("data.jsonl", content)))
    assert [problem.partition(": ")[0] for problem in found] == ["data.jsonl:2", "data.jsonl:203"]


def test_exactly_as_many_bad_rows_as_are_collected_are_all_of_them(write: Write, complaints: Complaints) -> None:
    found = complaints(read_all, str(write("data.jsonl", "broken\n" * 1000)))
    assert len(found) == 1000
    assert "reading stopped" not in found[0]


@pytest.mark.parametrize("name", ["data.csv", "data.jsonl", "data.txt"])
def test_a_row_of_a_megabyte(name: str, write: Write) -> None:
    text = "好" * 350_000 + "end"
    content = {"data.csv": f'text\n"{text}"\nb\n', "data.jsonl": json.dumps({"text": text}), "data.txt": text}[name]
    first, *_ = read_all(str(write(name, content)), Columns(label=None))
    assert first.text == text


@pytest.mark.parametrize("columns", [Columns(), Columns(id="id")])
def test_memory_does_not_grow_with_the_file(columns: Columns, tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    peaks = []
    for count in (2_000, 32_000):
        path.write_text("".join(f'{{"text": "text", "label": "ham", "id": "{n}"}}\n' for n in range(count)), "utf-8")
        tracemalloc.start()
        assert sum(1 for _ in read(str(path), columns, labels=NAMES)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    bytes_a_row = 0.5 if columns.id is None else 40.0
    assert peaks[1] - peaks[0] < 30_000 * bytes_a_row


def test_ids_stand_twice_however_far_apart(write: Write, complaints: Complaints) -> None:
    ids = [*range(5000), 4999, 0]
    path = write("data.csv", "id,text\n" + "".join(f"{n},a\n" for n in ids))
    found = complaints(read_all, str(path), Columns(id="id"))
    assert found == ["data.csv:5002: the id '4999' stands twice", "data.csv:5003: the id '0' stands twice"]


def test_a_column_of_labels_is_read_by_type_and_value(write: Write, complaints: Complaints) -> None:
    """1, true, 1.0 and "1" are one key to a dictionary, or nearly; they are not one label."""
    values = ["1", "true", "1.0", '"1"', '"spam"', "0", "false", "1", "true"]
    path = write("data.jsonl", "".join(f'{{"text": "a", "label": {value}}}\n' for value in values))
    problems: list[Problem] = []
    read_all(str(path), labels=NAMES, on_bad=problems.append)
    assert [problem.where and problem.where.line for problem in problems] == [2, 7, 9]


def test_one_column_may_serve_twice(write: Write) -> None:
    path = write("data.csv", "text,label\nspam,x\n")
    [example] = read_all(str(path), Columns(text="text", label="text", id="text"), labels=NAMES)
    assert example == Example("spam", "spam", None, Label.of("spam"), {"label": "x"})


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
