"""Rows and files that are wrong, by kind, for every format and every task."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruletune.data.readers import Answers, Columns
from tests.faults.fuzz_data import ANSWERS, ROWS

__all__ = ["FILES", "KINDS", "Kind", "Sheet", "files", "sheets"]

Make = Callable[[random.Random], bytes]


@dataclass(frozen=True, slots=True)
class Kind:
    """A way for a row to be wrong.

    Attributes:
        task: Whose rows are wrong so.
        suffix: Of the files that have such rows.
        make: A bad row as bytes, without the line feed.
        lines: How many lines it takes.
    """

    name: str
    task: str
    suffix: str
    make: Make
    lines: int = 1


def _row(task: str, rng: random.Random) -> dict[str, Any]:
    """A row that is right; no two are alike."""
    row: dict[str, Any] = json.loads(json.dumps(rng.choice(ROWS[task])))
    row.pop("id", None)
    return row | {"number": rng.randrange(10**9)}


def _bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def _with(task: str, which: int, **changes: Any) -> Make:
    """A row of a task with other values in some columns; ``...`` takes a column out."""

    def make(rng: random.Random) -> bytes:
        row = json.loads(json.dumps(ROWS[task][which])) | changes
        row.pop("id", None)
        return _bytes({key: value for key, value in row.items() if value is not ...} | {"number": rng.randrange(10**9)})

    return make


def _raw(text: str | bytes) -> Make:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return lambda rng: data.replace(b"%N", str(rng.randrange(10**9)).encode())


def _cut(task: str) -> Make:
    def make(rng: random.Random) -> bytes:
        data = _bytes(_row(task, rng))
        return data[: rng.randrange(1, len(data) - 1)]

    return make


def _encoded(task: str, text: str, encoding: str) -> Make:
    return lambda rng: json.dumps(_row(task, rng) | {"note": text}, ensure_ascii=False).encode(encoding)


def _of_every_task(task: str) -> Iterator[Kind]:
    """What can be wrong with a line of JSON, whatever the task."""
    made: dict[str, Make] = {
        "cut off": _cut(task),
        "two objects on a line": lambda rng: _bytes(_row(task, rng)) + b" " + _bytes(_row(task, rng)),
        "single quotes": lambda rng: str(_row(task, rng)).encode(),
        "a comma too many": lambda rng: _bytes(_row(task, rng))[:-1] + b",}",
        "a list": _raw("[%N]"),
        "a number": _raw("%N"),
        "a text": _raw('"text %N"'),
        "null": _raw("null"),
        "a key twice": lambda rng: _bytes(_row(task, rng))[:-1] + b', "number": 7}',
        "a key twice, deep inside": lambda rng: _bytes(_row(task, rng))[:-1] + b', "more": {"a": 1, "a": 2}}',
        "Latin-1": _encoded(task, "café", "latin-1"),
        "GBK": _encoded(task, "北京大学的学生", "gbk"),
        "half a character": lambda rng: _bytes(_row(task, rng))[:-1] + b', "note": "\xe4\xb8"}',
        "surrogates as bytes": lambda rng: _bytes(_row(task, rng))[:-1] + b', "note": "\xed\xa0\x80"}',
        "overlong bytes": lambda rng: _bytes(_row(task, rng))[:-1] + b', "note": "\xc0\xaf"}',
        "nested lists": _raw("[" * 100_000),
        "nested objects": _raw('{"a":' * 50_000),
        "nested in a column": lambda rng: _bytes(_row(task, rng))[:-1] + b', "note": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        "a huge number": lambda rng: _bytes(_row(task, rng))[:-1] + b', "note": ' + b"9" * 5000 + b"}",
        "a control character": lambda rng: _bytes(_row(task, rng))[:-1] + b', "note": "\x01"}',
        "a backslash too many": lambda rng: _bytes(_row(task, rng))[:-1] + b', "note": "\\q"}',
        "HTML": _raw("<!DOCTYPE html><p>%N</p>"),
        "a conflict mark": _raw("<<<<<<< HEAD %N"),
    }  # fmt: skip
    for name, make in made.items():
        yield Kind(name, task, ".jsonl", make)


def _of_texts(task: str, column: str = "text") -> Iterator[Kind]:
    """What can be wrong with the text of a row."""
    values: dict[str, Any] = {
        "no text": ..., "null text": None, "an empty text": "", "a blank text": " \t\u3000", "a NUL": "a\0b", "half a surrogate pair": "a\ud800b", "a number as text": 7,
        "a truth value as text": True, "an object as text": {"a": 1}, "NaN as text": float("nan"), "Infinity as text": float("inf"),
    }  # fmt: skip
    which = {"ner": 0, "relation": 0, "qa": 2}.get(task, 0)
    for name, value in values.items():
        yield Kind(name, task, ".jsonl", _with(task, which, **{column: value}))


_ODD: list[tuple[str, str, int, dict[str, Any]]] = [
    ("an unknown label", "classification", 0, {"label": "spma"}),
    ("a label in another case", "classification", 0, {"label": "SPAM"}),
    ("a position too many", "classification", 0, {"label": 2}),
    ("half a position", "classification", 0, {"label": 0.5}),
    ("an infinite label", "classification", 0, {"label": float("inf")}),
    ("a list for one label", "classification", 0, {"label": ["spam"]}),
    ("an object as label", "classification", 0, {"label": {"spam": 1}}),
    ("a truth value as label", "classification", 0, {"label": True}),
    ("a label with a surrogate", "classification", 0, {"label": "\ud800"}),
    ("a label of a megabyte", "classification", 0, {"label": "x" * 1_000_000}),
    ("an unknown label among others", "multi-label", 0, {"label": ["spam", "egg"]}),
    ("an unknown label in a line", "multi-label", 0, {"label": "spam|egg"}),
    ("null among labels", "multi-label", 0, {"label": ["spam", None]}),
    ("labels in labels", "multi-label", 0, {"label": [["spam"]]}),
    ("a span behind the text", "ner", 0, {"spans": [[0, 99, "PER"]]}),
    ("a negative span", "ner", 0, {"spans": [[-1, 3, "PER"]]}),
    ("a span backwards", "ner", 0, {"spans": [[3, 0, "PER"]]}),
    ("an empty span", "ner", 0, {"spans": [[3, 3, "PER"]]}),
    ("half a character of a span", "ner", 0, {"spans": [[0, 1.5, "PER"]]}),
    ("a truth value in a span", "ner", 0, {"spans": [[False, 3, "PER"]]}),
    ("spans that cross", "ner", 0, {"spans": [[0, 5, "PER"], [3, 8, "LOC"]]}),
    ("a span in another", "ner", 0, {"spans": [[0, 11, "PER"], [0, 3, "LOC"]]}),
    ("an unknown type", "ner", 0, {"spans": [[0, 3, "ORG"]]}),
    ("a span of white space", "ner", 0, {"spans": [[3, 4, "PER"]]}),
    ("two numbers for a span", "ner", 0, {"spans": [[0, 3]]}),
    ("an object with other keys", "ner", 0, {"spans": [{"begin": 0, "stop": 3}]}),
    ("spans that are a text", "ner", 0, {"spans": "PER"}),
    ("spans nested in a text", "ner", 0, {"spans": "[" * 50_000}),
    ("spans that are a number", "ner", 0, {"spans": 3}),
    ("fewer tags than words", "ner", 1, {"tags": ["O"]}),
    ("more tags than words", "ner", 1, {"tags": ["O"] * 9}),
    ("an unknown tag", "ner", 1, {"tags": ["B-ORG", "O"]}),
    ("a tag of no scheme", "ner", 1, {"tags": ["Q-PER", "O"]}),
    ("an empty tag", "ner", 1, {"tags": ["", "O"]}),
    ("null as tag", "ner", 1, {"tags": [None, "O"]}),
    ("numbers as tags", "ner", 1, {"tags": [1, 0]}),
    ("white space in a word", "ner", 1, {"tokens": ["Ann Roe", "left"]}),
    ("an empty word", "ner", 1, {"tokens": ["", "left"]}),
    ("a word with a NUL", "ner", 1, {"tokens": ["a\0", "left"]}),
    ("a word with a surrogate", "ner", 1, {"tokens": ["\udfff", "left"]}),
    ("words behind the last", "ner", 2, {"spans": [[0, 9, "PER"]]}),
    ("no entities", "relation", 0, {"subject": ..., "object": ...}),
    ("one entity", "relation", 0, {"object": ...}),
    ("the same words twice", "relation", 0, {"object": [0, 3]}),
    ("an entity behind the text", "relation", 0, {"object": [8, 99]}),
    ("an entity backwards", "relation", 0, {"subject": [3, 0]}),
    ("an entity of white space", "relation", 0, {"subject": [3, 4]}),
    ("an entity that is a word", "relation", 0, {"subject": "Ann"}),
    ("an entity nested in a text", "relation", 0, {"subject": "[" * 50_000}),
    ("a type that is a number", "relation", 0, {"subject": [0, 3, 7]}),
    ("a type with a surrogate", "relation", 0, {"subject": [0, 3, "\ud800"]}),
    ("an unknown relation", "relation", 0, {"relation": "egg"}),
    ("words that are no place", "relation", 2, {"subj_start": "0"}),
    ("a mark that is missing", "relation", 3, {"text": "<e1>Ann</e1> met <e2>Bo"}),
    ("a mark twice", "relation", 3, {"text": "<e1>a<e1>b</e1> <e2>c</e2>"}),
    ("marks around nothing", "relation", 3, {"text": "<e1></e1> <e2>Bo</e2>"}),
    ("no question", "qa", 2, {"question": ...}),
    ("a blank question", "qa", 2, {"question": " "}),
    ("a question that is a list", "qa", 2, {"question": ["Who?"]}),
    ("an answer that is not there", "qa", 2, {"answer": "Bob"}),
    ("an offset that does not match", "qa", 0, {"answers": [{"text": "May", "start": 3}]}),
    ("an offset before the text", "qa", 0, {"answers": [{"text": "May", "start": -4}]}),
    ("an offset behind the text", "qa", 0, {"answers": [{"text": "May", "start": 10**30}]}),
    ("an offset that is a text", "qa", 0, {"answers": [{"text": "May", "start": "12"}]}),
    ("a blank answer", "qa", 0, {"answers": [{"text": " ", "start": 3}]}),
    ("an answer that is a number", "qa", 0, {"answers": [{"text": 5}]}),
    ("answers that are a number", "qa", 0, {"answers": 5}),
    ("answers without a text", "qa", 0, {"answers": [{"start": 3}]}),
    ("more starts than answers", "qa", 1, {"answers": {"text": ["Ada"], "answer_start": [0, 4]}}),
    ("starts that are no list", "qa", 1, {"answers": {"text": ["Ada"], "answer_start": True}}),
    ("a blank target", "translation", 0, {"target": " "}),
    ("an empty list of targets", "translation", 0, {"target": []}),
    ("a target that is a number", "translation", 0, {"target": 7}),
    ("a blank among targets", "translation", 0, {"target": ["ein Hund", ""]}),
    ("a target with a NUL", "translation", 0, {"target": "a\0"}),
    ("a target with a surrogate", "translation", 0, {"target": "\ud83d"}),
    ("a number among sentences", "translation", 1, {"text": ["One.", 2]}),
    ("no sentence", "translation", 1, {"text": []}),
    ("an act that is not closed", "dialogue", 0, {"act": "inform(name=x"}),
    ("an act without an intent", "dialogue", 0, {"act": "(name=x)"}),
    ("an act of another shape", "dialogue", 0, {"act": {"name": "x"}}),
    ("an act that is a number", "dialogue", 0, {"act": 7}),
    ("an act nested in a text", "dialogue", 0, {"act": "[" * 9000}),
    ("an act with a surrogate", "dialogue", 0, {"act": "inform(name=\ud800)"}),
    ("neither turn nor act", "dialogue", 0, {"text": ..., "act": ...}),
    ("a turn that is a number", "dialogue", 0, {"history": [3]}),
    ("a blank turn", "dialogue", 0, {"history": ["a", " "]}),
    ("a turn of other keys", "dialogue", 0, {"history": [{"said": "a"}]}),
    ("a speaker with a surrogate", "dialogue", 0, {"history": [{"speaker": "\ud800", "text": "a"}]}),
    ("a fact with a NUL", "dialogue", 0, {"facts": ["a\0"]}),
    ("facts that are a number", "dialogue", 0, {"facts": 3.5}),
    ("an intent without slots", "understanding", 0, {"spans": ...}),
    ("slots without an intent", "understanding", 0, {"label": None}),
    ("an unknown intent", "understanding", 0, {"label": "egg"}),
    ("an unknown slot", "understanding", 0, {"spans": [[5, 8, "ORG"]]}),
]


def _of_tables() -> Iterator[Kind]:
    made: dict[str, Make] = {
        "a field too many": _raw("free %N,spam,7"),
        "a field too few": _raw("free %N"),
        "a blank text": _raw(" ,spam"),
        "an unknown label": _raw("free %N,egg"),
        "a carriage return inside": _raw("fr\ree %N,spam"),
        "Latin-1": _raw(b"caf\xe9 %N,spam"),
        "a NUL": _raw(b"a\0b %N,spam"),
        "another separator": _raw("free %N;spam"),
    }
    for name, make in made.items():
        yield Kind(name, "classification", ".csv", make)
        yield Kind(name, "classification", ".tsv", lambda rng, make=make: make(rng).replace(b",", b"\t"))
    yield Kind("a field too many, quoted over two lines", "classification", ".csv", _raw('"free\n%N",spam,7'), lines=2)


def _of_text() -> Iterator[Kind]:
    for name, data in {
        "Latin-1": b"caf\xe9 %N",
        "a NUL": b"a\0 %N",
        "GBK": "北京大学 %N".encode("gbk"),
        "surrogates as bytes": b"\xed\xa0\x80 %N",
    }.items():
        yield Kind(name, "no answers", ".txt", _raw(data))
    for name, data in {
        "a word without a tag": b"Ann%N\nleft\tO\n",
        "an unknown tag": b"Ann%N\tB-ORG\nleft\tO\n",
        "a tag of no scheme": b"Ann%N\tQ-PER\nleft\tO\n",
        "Latin-1": b"Jos\xe9%N\tB-PER\nleft\tO\n",
    }.items():
        yield Kind(name, "ner", ".conll", _raw(data), lines=3)


KINDS: tuple[Kind, ...] = (
    *(kind for task in ANSWERS for kind in _of_every_task(task)),
    *(kind for task in ("classification", "multi-label", "ner", "relation", "understanding", "no answers", "qa") for kind in _of_texts(task)),
    *(kind for kind in _of_texts("translation") if kind.name not in ("an object as text",)),
    *(Kind(name, task, ".jsonl", _with(task, which, **changes)) for name, task, which, changes in _ODD),
    *_of_tables(),
    *_of_text(),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file of good rows and bad ones.

    Attributes:
        bad: Line of each bad row, and its kind.
        good: How many rows are right.
    """

    path: Path
    task: str
    answers: Answers | None
    columns: Columns
    bad: dict[int, str]
    good: int


def _good(task: str, suffix: str, rng: random.Random) -> bytes:
    number = str(rng.randrange(10**9)).encode()
    match suffix:
        case ".csv":
            return rng.choice((b"free %s,spam", b'"free, %s",ham', b'"a\nb %s",1')) % number
        case ".tsv":
            return b"free %s\tspam" % number
        case ".txt":
            return b"free %s" % number
        case ".conll":
            return b"Ann%s\tB-PER\nleft\tO\n" % number
        case _:
            return _bytes(_row(task, rng))


def sheets(folder: Path, *, rows: int, seed: int = 0) -> Iterator[Sheet]:
    """So many bad rows of all kinds, in files with as many good ones; every file is of one task and one format."""
    rng = random.Random(seed)
    groups: dict[tuple[str, str], list[Kind]] = {}
    for kind in KINDS:
        groups.setdefault((kind.task, kind.suffix), []).append(kind)
    each = -(-rows // len(KINDS))
    for (task, suffix), kinds in groups.items():
        wanted = [kind for kind in kinds for _ in range(each)]
        rng.shuffle(wanted)
        for start in range(0, len(wanted), 900):
            path = folder / f"{task.replace(' ', '-')}-{start}{suffix}"
            yield _sheet(path, task, suffix, wanted[start : start + 900], rng)


def _sheet(path: Path, task: str, suffix: str, kinds: list[Kind], rng: random.Random) -> Sheet:
    header = {".csv": [b"text,label"], ".tsv": [b"text\tlabel"]}.get(suffix, [])
    first = [_good(task, suffix, rng) for _ in range(100)]  # columns are told by the first rows
    rows: list[tuple[bytes, Kind | None]] = [
        *((row, None) for row in first),
        *((kind.make(rng), kind) for kind in kinds),
    ]
    middle = rows[100:]
    middle += [(_good(task, suffix, rng), None) for _ in kinds]
    rng.shuffle(middle)
    line, bad, out = 1 + len(header), {}, list(header)
    for data, kind in (*rows[:100], *middle):
        if kind is not None:
            at = line + 1 if kind.name == "a word without a tag" and not data.split(b"\n")[0].strip() else line
            bad[at] = kind.name
        out.append(data)
        line += data.count(b"\n") + 1
    path.write_bytes(b"\n".join(out) + b"\n")
    columns = Columns(label=None) if suffix == ".txt" else Columns()
    return Sheet(path, task, ANSWERS[task], columns, bad, 100 + len(kinds))


def _squad(**changes: Any) -> bytes:
    asked = {"question": "Who?", "id": "1", "answers": [{"text": "Ada", "answer_start": 0}]} | changes
    return _bytes({"data": [{"paragraphs": [{"context": "Ada left.", "qas": [asked]}]}]})


def _parquet(**columns: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def _zip() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.jsonl", '{"text": "a"}\n')
    return sink.getvalue()


def bomb(megabytes: int, line: bytes = b"") -> bytes:
    """A gzip file of a few kilobytes that unpacks to so many megabytes of one byte, or of one line over and over."""
    sink = io.BytesIO()
    block = line * ((1 << 20) // len(line)) if line else b" " * (1 << 20)
    with gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=9, mtime=0) as file:
        for _ in range(megabytes):
            file.write(block)
    return sink.getvalue()


GOOD = b'{"text": "a", "label": "spam"}\n'

FILES: dict[str, bytes | Callable[[], bytes]] = {
    "empty.jsonl": b"",
    "blank.jsonl": b"\n \n\t\n",
    "nul.jsonl": b"\0" * 1000,
    "zip.jsonl": _zip,
    "zip.csv": _zip,
    "zip.txt": _zip,
    "zip.conll": _zip,
    "zip.json": _zip,
    "gzip.jsonl": lambda: gzip.compress(GOOD),
    "gzip.txt": lambda: gzip.compress(GOOD),
    "plain.jsonl.gz": GOOD,
    "cut.jsonl.gz": lambda: gzip.compress(GOOD * 100)[:-12],
    "turned.jsonl.gz": lambda: gzip.compress(GOOD * 100)[:-8] + b"\0" * 8,
    "twice.jsonl.gz": lambda: gzip.compress(gzip.compress(GOOD)),
    "bomb.jsonl.gz": lambda: bomb(257),
    "bomb.json.gz": lambda: bomb(20, line=b" " * 1000 + b"\n"),
    "pickle.jsonl": lambda: pickle.dumps([{"text": "a"}]),
    "pickle.parquet": lambda: pickle.dumps([{"text": "a"}]),
    "utf16.jsonl": GOOD.decode().encode("utf-16"),
    "utf16.csv": "text,label\na,spam\n".encode("utf-16"),
    "utf16be.txt": b"\xfe\xff" + "a\n".encode("utf-16-be"),
    "utf32.txt": "a\n".encode("utf-32"),
    "returns.jsonl": GOOD.replace(b"\n", b"\r") * 3,
    "returns.csv": b"text,label\ra,spam\rb,ham\r",
    "returns.txt": b"a\rb\rc\r",
    "returns.conll": b"Ann\tB-PER\rleft\tO\r\r",
    "header.csv": b"text,label\n",
    "nocolumn.csv": b"txt,label\na,spam\n",
    "semicolons.csv": b"text;label\na;spam\n",
    "twice.csv": b"text,text\na,b\n",
    "noname.csv": b",,text\na,b,c\n",
    "quote.csv": b'text,label\n"a,spam\nb,ham\nc,ham\n',
    "quote2.csv": b'text,label\n"a"b,spam\nb,ham\n',
    "quoteheader.csv": b'"text,label\na,spam\n',
    "cut.parquet": lambda: _parquet(text=["a", "b"], label=["spam", "ham"])[:-7],
    "half.parquet": lambda: _parquet(text=["a", "b"] * 500, label=["spam", "ham"] * 500)[:400],
    "empty.parquet": b"",
    "magic.parquet": b"PAR1PAR1",
    "numbers.parquet": lambda: _parquet(text=[1, 2], label=["spam", "ham"]),
    "lists.parquet": lambda: _parquet(text=[["a"], ["b"]], label=["spam", "ham"]),
    "nulls.parquet": lambda: _parquet(text=[None, None], label=["spam", "ham"]),
    "norows.parquet": lambda: _parquet(text=[], label=[]),
    "nolabel.parquet": lambda: _parquet(text=["a"], label=[3.5]),
    "cut.json": b'[{"text": "a"}',
    "lines.json": GOOD * 2,
    "number.json": b"7",
    "nested.json": b"[" * 100_000,
    "latin.json": b'[{"text": "caf\xe9"}]',
    "huge.json": b"[" + b"9" * 5000 + b"]",
    "twice.json": b'{"1": {"data": {"text": "a"}}, "1": {"data": {"text": "b"}}}',
    "rows.json": b'[3, {"text": ""}, null]',
    "articles.json": b'{"data": [3, {"paragraphs": 3}, {"paragraphs": [3]}, {"paragraphs": [{"qas": [3]}]}]}',
    "offset.json": lambda: _squad(answers=[{"text": "Ada", "answer_start": 5}]),
    "missing.json": lambda: _squad(question=None),
    "short.in": b"a b\nc\n",
    "wrong.in": b"a b\nc d\n",
    "png.txt": b"\x89PNG\r\n\x1a\n\0\0\0",
    "elf.jsonl": b"\x7fELF\x02\x01\x01" + b"\0" * 100,
    "pdf.txt": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "numpy.jsonl": b"\x93NUMPY\x01\0v\0{'descr': '|O'}\n",
    "random.jsonl": lambda: random.Random(0).randbytes(100_000),
    "random.csv": lambda: random.Random(1).randbytes(100_000),
    "random.parquet": lambda: random.Random(2).randbytes(100_000),
    "random.jsonl.gz": lambda: random.Random(3).randbytes(10_000),
    "unknown.xlsx": _zip,
    "noending": GOOD,
}  # fmt: skip
"""Whole files that are wrong."""


def files(folder: Path) -> Iterator[Path]:
    for name, content in FILES.items():
        path = folder / name
        path.write_bytes(content() if callable(content) else content)
        yield path
