"""Fuzz data: files of every format, and rows of every task. A bad row is a problem with a place, and nothing else happens."""

from __future__ import annotations

import functools
import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruletune.data.extracts import Extracts
from ruletune.data.labels import Labels
from ruletune.data.pairs import Pairs
from ruletune.data.pieces import pieces, read_piece
from ruletune.data.readers import Answers, Columns, RowParser, fingerprint, read_all
from ruletune.data.row import Row
from ruletune.data.sniff import sniff, sniff_questions
from ruletune.data.spans import SpanLabels
from ruletune.data.texts import Texts
from ruletune.data.understood import Understood
from ruletune.errors import Problem, UserError
from ruletune.types import Example, Spans
from tests.faults.fuzz_rules import folder
from tests.faults.fuzzing import BrokenPromiseError, check_message
from tests.faults.grammar import as_json, changed, changed_bytes, changed_text

NAMES = ("spam", "ham")

ANSWERS: dict[str, Answers | None] = {
    "classification": Labels(NAMES),
    "multi-label": Labels(NAMES, multi=True),
    "ner": SpanLabels(("PER", "LOC")),
    "relation": Pairs(Labels(NAMES)),
    "qa": Extracts(),
    "translation": Texts(),
    "dialogue": Texts(dialogue=True),
    "understanding": Understood(Labels(NAMES), SpanLabels(("PER", "LOC"))),
    "no answers": None,
}

ROWS: dict[str, list[dict[str, Any]]] = {
    "classification": [{"text": "free prize", "label": "spam", "id": 7}, {"text": "hi", "label": 1}],
    "multi-label": [{"text": "free", "label": ["spam", "ham"]}, {"text": "a", "label": [0, 1]}, {"text": "b", "label": "spam|ham"}],
    "ner": [
        {"text": "Ann in Rome", "spans": [{"start": 0, "end": 3, "label": "PER"}, [7, 11, "LOC"]]},
        {"tokens": ["Ann", "left"], "tags": ["B-PER", "O"], "votes": [[[0, 1, "PER"]], []]},
        {"tokens": ["Ann", "left"], "spans": [[0, 1, "PER"]]},
    ],
    "relation": [
        {"text": "Ann met Bo", "subject": [0, 3, "PER"], "object": {"start": 8, "end": 10}, "relation": "spam"},
        {"tokens": ["Ann", "met", "Bo"], "h": {"pos": [0, 1], "type": "PER"}, "t": {"pos": [2, 3]}, "label": "ham"},
        {"token": ["a", "b"], "subj_start": 0, "subj_end": 0, "obj_start": 1, "obj_end": 1, "subj_type": "PER", "label": "ham"},
        {"text": "<e1:PER>Ann</e1> met <e2>Bo</e2>", "label": "spam"},
    ],
    "qa": [
        {"context": "Ada left in May.", "question": "When?", "answers": [{"text": "May", "start": 12}]},
        {"context": "Ada left.", "question": "Who?", "answers": {"text": ["Ada"], "answer_start": [0]}},
        {"text": "Ada left.", "question": "Who?", "answer": "Ada", "is_impossible": False},
    ],
    "translation": [{"text": "a dog", "target": ["ein Hund", "der Hund"]}, {"text": ["One.", "Two."], "target": "Eins."}],
    "dialogue": [
        {"text": "hi", "target": "hello", "history": [{"speaker": "user", "text": "hey"}, "yes"], "act": "inform(name='Joe's';food=thai)", "facts": {"a": [1, 2]}},
        {"target": "ok", "act": {"intent": "inform", "slots": {"food": ["thai"], "area": None}}, "history": "[\"a\"]"},
    ],
    "understanding": [{"text": "play Ann", "label": "spam", "spans": [[5, 8, "PER"]]}, {"tokens": ["a"], "tags": ["O"], "label": "ham"}],
    "no answers": [{"text": "a", "other": {"b": [1]}}],
}  # fmt: skip

KEYS = tuple(
    sorted(
        {key for rows in ROWS.values() for row in rows for key in row} | {"id", "words", "data", "weak_labels", "slots"}
    )
)

ALL = tuple(row for rows in ROWS.values() for row in rows)


def rows(rng: random.Random) -> str:
    """Rows of the seven tasks, and two that are parts of some, as a reader gets them."""
    task = rng.choice(tuple(ANSWERS))
    values = changed(rng.choice(ROWS[task]), rng, keys=KEYS, donors=ALL)
    if not isinstance(values, dict):
        return "no row"
    columns = Columns(id="id" if rng.random() < 0.2 else None, text="context" if rng.random() < 0.1 else "text")
    parser = RowParser(columns, ANSWERS[task])
    for one in (values, json_again(values)):
        found = parser.parse(Row("data.jsonl", 3, one), 1)
        _check(found, task)
    return f"a row of {task}" if isinstance(found, Example) else "a bad row"


def json_again(values: Any) -> Any:
    """The row as a file would have it."""
    try:
        return json.loads(as_json(values))
    except ValueError:
        return values


def _check(found: Example | Problem, task: str) -> None:
    if isinstance(found, Problem):
        check_message(UserError.of([found]))
        if found.where is None or found.where.line is None:
            raise BrokenPromiseError("a bad row has no line")
        return
    fingerprint([found])
    shown = [found.id, found.text, found.text_pair or "", *(span.label for span in found.entities)]
    if task == "dialogue":
        shown += [value for key in ("history", "act", "facts") if isinstance(value := found.fields.get(key), str)]
    for text in shown:
        text.encode("utf-8")  # else no tokenizer takes it, and nobody can write it down
    spans = [
        span for answer in (found.answer, *found.alternatives) if isinstance(answer, Spans) for span in answer.spans
    ]
    if any(span.end > len(found.text) for span in (*spans, *found.entities)):
        raise BrokenPromiseError("a span ends behind the text")


@functools.cache
def contents() -> dict[str, bytes]:
    """Good files of every format, by name."""
    lines = {
        task: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found * 3).encode()
        for task, found in ROWS.items()
    }
    conll = b"-DOCSTART- O\n\n# label = spam\nAnn\tB-PER\nleft\tO\n\nRome LOC\n"
    squad = {
        "data": [
            {
                "title": "x",
                "paragraphs": [
                    {
                        "context": "Ada left.",
                        "qas": [{"question": "Who?", "id": "1", "answers": [{"text": "Ada", "answer_start": 0}]}],
                    }
                ],
            }
        ]
    }
    wrench = {str(n): {"label": n % 2, "weak_labels": [-1, 0], "data": {"text": f"t {n}"}} for n in range(4)}
    found = {f"{task}.jsonl": data for task, data in lines.items()}
    found |= {
        "a.csv": b'id,text,label\n1,free,spam\n2,"a, b",ham\n3,"x\ny",1\n',
        "a.tsv": b"text\tlabel\nfree\tspam\nhi\tham\n",
        "a.txt": "free prize\nhello\n中文\n".encode(),
        "a.conll": conll,
        "squad.json": json.dumps(squad).encode(),
        "wrench.json": json.dumps(wrench).encode(),
        "list.json": json.dumps(ROWS["classification"] * 2).encode(),
        "a.jsonl.gz": gzip.compress(lines["classification"], mtime=0),
        "a.csv.gz": gzip.compress(b"text,label\na,spam\nb,ham\n", mtime=0),
        "words.in": b"play Ann\nstop\n",
    }
    return found | {"a.parquet": _parquet()}


def _parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    table = pa.table(
        {
            "text": ["a", "b", None],
            "label": ["spam", "ham", "x"],
            "when": pa.array([1, 2, 3], pa.timestamp("us")),
            "l": [[1], [], None],
        }
    )
    pq.write_table(table, sink)
    return sink.getvalue()


def files(rng: random.Random) -> str:
    """Whole files, changed as text or as bytes, read row by row and in pieces: both must say the same."""
    name = rng.choice([name for name in contents() if name != "a.parquet"])
    data = contents()[name]
    if rng.random() < 0.5 and not name.endswith(".gz"):
        data = changed_text(data.decode(), rng).encode("utf-8", "surrogatepass")
    else:
        data = changed_bytes(data, rng)
    return read_both(name, data, rng)


def parquet(rng: random.Random) -> str:
    """Parquet files with bytes that turned."""
    return read_both("a.parquet", changed_bytes(contents()["a.parquet"], rng), rng)


def read_both(name: str, data: bytes, rng: random.Random) -> str:
    path = folder() / name
    path.write_bytes(data)
    task = name.removesuffix(".jsonl") if name.removesuffix(".jsonl") in ANSWERS else rng.choice(tuple(ANSWERS))
    answers = ANSWERS[task]
    columns = Columns(label=None if name.endswith(".txt") else "label")
    bad: list[Problem] = []
    try:
        examples = read_all(str(path), columns, labels=answers, on_bad=bad.append)
    finally:
        for problem in bad[:50]:
            check_message(UserError.of([problem]))
    for example in examples[:20]:
        _check(example, task)
    if answers is None:
        _in_pieces(path, columns, examples, len(bad))
    if rng.random() < 0.05:
        for look in (sniff, sniff_questions):
            look(str(path))
    return "some bad rows" if bad else "all rows good"


def _in_pieces(path: Path, columns: Columns, examples: list[Example], bad: int) -> None:
    sheets = [read_piece(piece, columns) for piece in pieces(str(path), columns, folder=Path(), count=2, size=100)]
    found = [example.text for sheet in sheets for example in sheet.examples]
    problems = sum(len(sheet.problems) for sheet in sheets)
    if found != [example.text for example in examples] or problems != bad:
        raise BrokenPromiseError(
            f"read whole: {len(examples)} good, {bad} bad; in pieces: {len(found)} good, {problems} bad"
        )


CASES: dict[str, Callable[[random.Random], str]] = {"rows": rows, "data files": files, "Parquet files": parquet}
