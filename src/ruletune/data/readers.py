"""Read examples from JSON lines, JSON, CSV, TSV, Parquet, plain text and Hugging Face datasets.

Files are UTF-8, with or without a byte order mark. Reading streams; a row that is wrong is never
skipped in silence: all of them are reported together with their lines, or handed to a callback by
a caller that wants to go on without them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ruletune.data.labels import Labels
from ruletune.data.rows import Row, rows, write_lines
from ruletune.errors import Location, Problem, UserError, nearest
from ruletune.types import Example, Label

__all__ = [
    "MOST_PROBLEMS", "Columns", "Labels", "check_columns", "example_of", "fingerprint", "given_up", "read", "read_all", "twice",
    "write_jsonl",
]  # fmt: skip

MOST_PROBLEMS = 1000
"""Bad rows after which a file is given up."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of the data mean what. A column that is not named stays in ``Example.fields``."""

    text: str = "text"
    text_pair: str | None = None
    label: str | None = "label"
    id: str | None = None


def read(
    source: str,
    columns: Columns | None = None,
    *,
    labels: Labels | None = None,
    folder: Path | None = None,
    on_bad: Callable[[Problem], None] | None = None,
) -> Iterator[Example]:
    """Examples of a data source, one by one, in constant memory but for the ids.

    Args:
        source: A file, the folder of a saved dataset, or ``hf:owner/name#split``.
        labels: How to read the label column; ``None`` leaves the examples unlabelled.
        folder: What a relative path is relative to; default the working folder.
        on_bad: Gets every bad row, and reading goes on; without it the bad rows are collected and
            raised together at the end of the file.

    Raises:
        UserError: Bad rows, a missing column, or a source that cannot be read or has no rows.
    """
    columns = columns or Columns()
    problems: list[Problem] = []
    seen: set[str] = set()
    number = 0
    for number, row in enumerate(rows(source, folder=folder or Path()), start=1):
        if number == 1:
            check_columns(row, columns)
        result = example_of(row, number, columns, labels)
        if isinstance(result, Example):
            if result.id in seen:
                result = twice(result.id, row.where)
            else:
                seen.add(result.id)
        if isinstance(result, Example):
            if not problems:
                yield result
        elif on_bad is not None:
            on_bad(result)
        else:
            problems.append(result)
            if len(problems) >= MOST_PROBLEMS:
                problems.append(given_up(result.where))
                break
    if problems:
        raise UserError.of(problems)
    if number == 0:
        raise UserError("there are no rows", where=Location(source), remedy="one row for each text")


def read_all(
    source: str,
    columns: Columns | None = None,
    *,
    labels: Labels | None = None,
    folder: Path | None = None,
    on_bad: Callable[[Problem], None] | None = None,
) -> list[Example]:
    """As :func:`read`, all at once."""
    return list(read(source, columns, labels=labels, folder=folder, on_bad=on_bad))


def check_columns(row: Row, columns: Columns) -> None:
    """A column that the first row lacks is one problem of the file, not one of each row.

    Raises:
        UserError: There is one.
    """
    if row.problem is not None:
        return
    wanted = [("data.columns.text", columns.text), ("data.columns.text_pair", columns.text_pair)]
    wanted.append(("data.columns.id", columns.id))
    for setting, name in wanted:
        if name is not None and name not in row.values:
            remedy = f"{nearest(name, row.values)} Set {setting} in the task file"
            raise UserError(f"no column {name!r}", where=row.where, remedy=remedy)


def given_up(where: Location | None) -> Problem:
    """What is said where a file has too many bad rows."""
    return Problem(f"reading stopped after {MOST_PROBLEMS} bad rows", where)


def twice(identity: str, where: Location) -> Problem:
    """An id that another row has already."""
    return Problem(f"the id {identity!r} stands twice", where)


def example_of(row: Row, number: int, columns: Columns, labels: Labels | None) -> Example | Problem:
    """The example in a row, or what is wrong with it.

    Args:
        number: The row's, from 1: its id where the data has none.
    """
    if row.problem is not None:
        return row.problem
    values, where = row.values, row.where
    texts: list[str | None] = []
    for name in (columns.text, columns.text_pair):
        if name is None:
            texts.append(None)
            continue
        problem = _bad_text(values.get(name), name)
        if problem:
            return Problem(problem, where)
        texts.append(values[name])
    answer = None
    if labels is not None and columns.label is not None:
        try:
            answer = labels.parse(values.get(columns.label))
        except ValueError as error:
            return Problem(str(error), where)
    identity = str(values[columns.id]) if columns.id is not None and values.get(columns.id) is not None else str(number)
    used = {columns.text, columns.text_pair, columns.label, columns.id}
    fields = {name: value for name, value in values.items() if name not in used}
    return Example(identity, texts[0] or "", texts[1], answer, fields)


def _bad_text(value: object, column: str) -> str | None:
    if value is None:
        return f"no text in column {column!r}"
    if not isinstance(value, str):
        return f"column {column!r} holds {type(value).__name__}, not text"
    if not value.strip():
        return f"the text in column {column!r} is blank"
    if "\0" in value:
        return f"the text in column {column!r} has a NUL character"
    if any("\ud800" <= character <= "\udfff" for character in value) if not value.isascii() else False:
        return f"the text in column {column!r} has half a surrogate pair, which is no character"
    return None


def write_jsonl(path: str | Path, values: Iterable[Mapping[str, object]]) -> None:
    """Write JSON lines; the file appears when it is whole.

    Raises:
        UserError: It cannot be written.
    """
    write_lines(Path(path), (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n" for value in values))


def fingerprint(examples: Iterable[Example]) -> str:
    """SHA-256 over ids, texts and answers, in order.

    >>> fingerprint([Example("1", "a")]) == fingerprint([Example("1", "b")])
    False
    """
    digest = hashlib.sha256()
    for example in examples:
        names = list(example.answer.names) if isinstance(example.answer, Label) else None
        line = json.dumps([example.id, example.text, example.text_pair, names])
        digest.update(line.encode("utf-8"))
    return digest.hexdigest()
