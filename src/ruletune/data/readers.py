"""Read examples from JSON lines, JSON, CSV, TSV, Parquet, plain and parallel text and Hugging Face datasets.

Files are UTF-8, with or without a byte order mark. Reading streams; a row that is wrong is never
skipped in silence: all of them are reported together with their lines, or handed to a callback by
a caller that wants to go on without them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import assert_never

from ruletune.data.cells import identity, text_of
from ruletune.data.columns import Columns, RowAnswers
from ruletune.data.labels import Labels
from ruletune.data.row import Row
from ruletune.data.rows import rows
from ruletune.data.unique import Unique
from ruletune.data.writing import write_lines
from ruletune.errors import Location, Problem, UserError, nearest
from ruletune.types import Answer, Example, Label, Spans, Text

__all__ = [
    "HEAD", "MOST_PROBLEMS", "Answers", "Columns", "Labels", "RowParser", "check_columns", "fingerprint", "given_up", "read", "read_all",
    "twice", "write_jsonl",
]  # fmt: skip

MOST_PROBLEMS = 1000
"""Bad rows after which a file is given up."""

HEAD = 100
"""First rows that tell which columns there are: in JSON lines a row may lack a key that others have."""

_SEPARATORS = ",;|\t"

_REMEMBERED = 1000
"""Values of the label column whose answers are remembered."""

_SHOWN = 60
"""Characters of an id that a message repeats."""


Answers = Labels | RowAnswers
"""How the answers of a task are read."""


def read(
    source: str,
    columns: Columns | None = None,
    *,
    labels: Answers | None = None,
    folder: Path | None = None,
    on_bad: Callable[[Problem], None] | None = None,
) -> Iterator[Example]:
    """Examples of a data source, one by one.

    The memory needed does not grow with the file, but for ``.json``, which is parsed as a whole, and
    for an id column, whose ids are kept as 8-byte digests (see :class:`~ruletune.data.unique.Unique`).

    Args:
        source: A file; a folder of files, or a pattern such as ``part-*.parquet``; the folder of a saved dataset, or
            ``hf:owner/name#split``. Files, folders and patterns may be URIs. The rows of several files have ids of file and
            number, ``part-7.parquet:12``, where there is no id column.
        labels: How to read the answers; ``None`` leaves the examples unlabelled.
        folder: What a relative path is relative to; default the working folder.
        on_bad: Gets every bad row, and reading goes on; without it the bad rows are collected and
            raised together at the end of the file, and no example is yielded after the first.

    Raises:
        UserError: Bad rows, a column that none of the first rows has, or a source that cannot be read or has no rows.
    """
    columns = columns or Columns()
    parser = RowParser(columns, labels)
    seen = Unique() if columns.id is not None else None  # row numbers need not be remembered
    problems: list[Problem] = []
    number = 0
    try:
        stream = rows(source, folder=folder or Path())
        head = list(islice(stream, HEAD))
        check_columns(head, columns, labels)
        for number, row in enumerate(chain(head, stream), start=1):
            result = parser.parse(row, number)
            if isinstance(result, Example) and seen is not None and not seen.add(result.id):
                result = twice(result.id, row.where)
            if isinstance(result, Example):
                if not problems:
                    yield result
            elif on_bad is not None:
                on_bad(result)
            elif len(problems) < MOST_PROBLEMS:
                problems.append(result)
            else:
                problems.insert(0, given_up(result.where))
                break
    except UserError as error:  # the source cannot be read to its end
        if not problems:
            raise
        raise UserError.of([*problems, *error.problems]) from error
    if problems:
        raise UserError.of(problems)
    if number == 0:
        raise UserError("there are no rows", where=Location(source), remedy="one row for each text")


def read_all(
    source: str,
    columns: Columns | None = None,
    *,
    labels: Answers | None = None,
    folder: Path | None = None,
    on_bad: Callable[[Problem], None] | None = None,
) -> list[Example]:
    """As :func:`read`, all at once."""
    return list(read(source, columns, labels=labels, folder=folder, on_bad=on_bad))


def check_columns(head: Iterable[Row], columns: Columns, labels: Answers | None = None) -> None:
    """A column that none of the first rows has is one problem of the file, not one of each row.

    Raises:
        UserError: There are such columns.
    """
    good = [row for row in head if row.problem is None]
    if not good:
        return
    known = list(dict.fromkeys(name for row in good for name in row.values))
    problems = []
    if labels is None or isinstance(labels, Labels):
        needed = [("text", columns.text), ("text_pair", columns.text_pair)]
    else:
        needed = [(setting, name) for setting, name in labels.missing(known, columns)]
    for setting, name in (*needed, ("id", columns.id)):
        if name is not None and name not in known:
            problems.append(Problem(f"no column {name!r}", good[0].where, _remedy(name, known, setting)))
    if problems:
        raise UserError.of(problems)


def _remedy(name: str, known: list[str], setting: str) -> str:
    if len(known) == 1 and any(separator in known[0] for separator in _SEPARATORS):
        return f"the only column is {known[0]!r}: separate columns by commas, or by tabs in a .tsv file"
    closest = nearest(name, known)
    return f"{closest}{' Or' if closest.endswith('?') else '; or'} set data.columns.{setting} in the task file"


def given_up(where: Location | None) -> Problem:
    """What is said where a file has too many bad rows; before them, for a message shows the first few problems."""
    return Problem(f"reading stopped after {MOST_PROBLEMS} bad rows", where)


def twice(identity: str, where: Location) -> Problem:
    """An id that another row has already."""
    shown = identity if len(identity) <= _SHOWN else f"{identity[:_SHOWN]}…"
    return Problem(f"the id {shown!r} stands twice", where)


class RowParser:
    """From rows to examples. Ids are not compared: that takes more memory than one row."""

    __slots__ = ("_answers", "_columns", "_labels", "_used")

    def __init__(self, columns: Columns, labels: Answers | None) -> None:
        self._columns = columns
        self._labels = labels
        named = (columns.text, columns.text_pair, columns.label, columns.id)
        self._used = [name for name in named if name is not None]
        self._answers: dict[str | int, Label | None] = {}

    def parse(self, row: Row, number: int) -> Example | Problem:
        """The example in a row, or what is wrong with it.

        Args:
            number: The row's, from 1: its id where the data has none.
        """
        if row.problem is not None:
            return row.problem
        if self._labels is not None and not isinstance(self._labels, Labels):
            return self._structured(row, number, self._labels)
        values, columns = row.values, self._columns
        pair = answer = None
        try:
            text = text_of(values.get(columns.text), columns.text)
            if columns.text_pair is not None:
                pair = text_of(values.get(columns.text_pair), columns.text_pair)
            if self._labels is not None and columns.label is not None:
                answer = self._answer(values.get(columns.label), self._labels)
            known = None if columns.id is None else identity(values.get(columns.id), columns.id)
        except ValueError as error:
            return Problem(str(error), row.where)
        fields = values.copy()
        for name in self._used:
            fields.pop(name, None)
        return Example(known or row.name or str(number), text, pair, answer, fields)

    def _structured(self, row: Row, number: int, answers: RowAnswers) -> Example | Problem:
        """A row whose answer is no label of the text."""
        values, columns = row.values, self._columns
        try:
            parsed = answers.parse_row(values, columns, file=row.file)
            text = text_of(parsed.text, columns.text)
            pair = None if parsed.text_pair is None else text_of(parsed.text_pair, columns.question)
            known = None if columns.id is None else identity(values.get(columns.id), columns.id)
        except ValueError as error:
            return Problem(str(error), row.where)
        used = {*parsed.used, columns.id}
        fields = {name: value for name, value in values.items() if name not in used} | dict(parsed.fields or {})
        key = known or row.name or str(number)
        return Example(key, text, pair, parsed.answer, fields, parsed.entities, parsed.alternatives)

    def _answer(self, value: object, labels: Labels) -> Label | None:
        """As :meth:`Labels.parse`, once for each of the few values that a column of labels has."""
        if type(value) is not str and type(value) is not int:  # to a dictionary, True and 1.0 are 1
            return labels.parse(value)
        if value in self._answers:
            return self._answers[value]
        answer = labels.parse(value)
        if len(self._answers) < _REMEMBERED:
            self._answers[value] = answer
        return answer


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
        line = json.dumps(_identity(example))
        digest.update(line.encode("utf-8"))
    return digest.hexdigest()


_ALSO_SHOWN = ("history", "act", "facts")
"""Fields that a model of a dialogue gets to see beside the text."""


def _identity(example: Example) -> list[object]:
    """What tells an example from others; what only some tasks have is added where it is there."""
    identity: list[object] = [example.id, example.text, example.text_pair, _plain(example.answer)]
    if example.entities:
        identity.append(_plain(Spans(example.entities)))
    if example.alternatives:
        identity.append({"alternatives": [_plain(answer) for answer in example.alternatives]})
    shown = {name: example.fields[name] for name in _ALSO_SHOWN if isinstance(example.fields.get(name), str)}
    return [*identity, shown] if shown else identity


def _plain(answer: Answer | None) -> object:
    match answer:
        case Label(names=names):
            return list(names)
        case Spans(spans=spans):
            return [[span.start, span.end, span.label] for span in spans]
        case Text(text=text):
            return text
        case None:
            return None
        case _:
            assert_never(answer)
