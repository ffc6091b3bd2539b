"""Guess what a data file holds: which column is the text, which the label, and which labels there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ruletune.data.pairs import pair_columns
from ruletune.data.rows import rows
from ruletune.errors import Location, UserError, nearest

__all__ = ["Questions", "Sniffed", "sniff", "sniff_questions"]

_LOOKED_AT = 20_000
_TEXT_NAMES = ("text", "sentence", "review", "content", "document", "question", "comment", "message", "body", "title")
_LABEL_NAMES = ("label", "labels", "class", "category", "target", "intent", "sentiment", "y", "coarse_label")
_MOST_LABELS = 200
_CONTEXT_NAMES = ("context", "text", "passage", "paragraph")
_ANSWER_NAMES = ("answers", "answer", "is_impossible")


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What a data file seems to hold.

    Attributes:
        text, label: Columns.
        labels: Label to number of rows, most frequent first.
        multi_label: A row may have several labels: a list, or names with ``|`` between them.
        rows: Rows looked at.
        pair: A row holds two entities, whose relation the label is.
    """

    text: str
    label: str | None
    labels: Mapping[str, int]
    multi_label: bool
    rows: int
    pair: bool = False


def sniff(source: str, *, text: str | None = None, label: str | None = None, folder: Path | None = None) -> Sniffed:
    """Look at the first rows of a data source.

    Args:
        text, label: Columns that are known; the others are guessed from their names and values.

    Raises:
        UserError: There are no rows, no column of text, or a named column is not there.
    """
    looked = list(islice(rows(source, folder=folder or Path()), _LOOKED_AT))
    bad = [row.problem for row in looked if row.problem is not None]
    if bad:
        raise UserError.of(bad)
    if not looked:
        raise UserError("there are no rows", where=Location(source), remedy="one row for each text")
    values = [row.values for row in looked]
    columns = list(dict.fromkeys(name for row in values for name in row))
    for name in (text, label):
        if name is not None and name not in columns:
            raise UserError(f"no column {name!r}", where=Location(source), remedy=nearest(name, columns))
    pair = pair_columns(values[0])
    if pair is not None:
        text, label = text or pair[0], label or pair[1]
    text = text or _text_column(values, columns, source)
    label = label or _label_column(values, [c for c in columns if c != text])
    found: Counter[str] = Counter()
    several = False
    for row in values:
        value = row.get(label) if label else None
        if isinstance(value, str) and "|" in value:
            value = [part for part in value.split("|") if part.strip()]
        if isinstance(value, list):
            several = True
            found.update(_name(part) for part in value)
        elif value is not None and str(value).strip():
            found[_name(value)] += 1
    if len(found) > _MOST_LABELS:
        remedy = "name the column with --label"
        raise UserError(
            f"column {label!r} has {len(found)} values; that is no label", where=Location(source), remedy=remedy
        )
    return Sniffed(text, label, dict(found.most_common()), several, len(values), pair is not None)


@dataclass(frozen=True, slots=True)
class Questions:
    """What a data file of questions holds.

    Attributes:
        text, question, answers: Columns.
        rows, answered: Rows looked at, and those with an answer or with the remark that there is none.
    """

    text: str
    question: str
    answers: str
    rows: int
    answered: int


def sniff_questions(source: str, *, folder: Path | None = None) -> Questions | None:
    """Whether a data source asks questions about texts: there are a question, a context and answers in its columns.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "asked.jsonl"
    >>> _ = path.write_text('{"context": "Ada left.", "question": "Who left?", "answers": ["Ada"]}')
    >>> sniff_questions(str(path)).text
    'context'
    """
    looked = [row.values for row in islice(rows(source, folder=folder or Path()), _LOOKED_AT) if row.problem is None]
    columns = dict.fromkeys(name for row in looked for name in row)
    text = next((name for name in _CONTEXT_NAMES if name in columns), None)
    answers = next((name for name in _ANSWER_NAMES if name in columns), None)
    if text is None or answers is None or "question" not in columns:
        return None
    answered = sum(row.get(answers) not in (None, "") or row.get("is_impossible") is True for row in looked)
    return Questions(text, "question", answers, len(looked), answered)


def _name(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _text_column(values: list[dict[str, Any]], columns: list[str], source: str) -> str:
    """A column with a usual name, else the one with the longest strings."""
    lengths = {
        column: sum(len(row[column]) for row in values if isinstance(row.get(column), str)) / len(values)
        for column in columns
    }
    named = [column for name in _TEXT_NAMES for column in columns if column.lower() == name and lengths[column]]
    best = named[0] if named else max(columns, key=lambda column: lengths[column], default="")
    if not best or not lengths[best]:
        raise UserError("no column holds text", where=Location(source))
    return best


def _label_column(values: list[dict[str, Any]], columns: list[str]) -> str | None:
    """A column with a usual name, else the one with the fewest values that repeat."""
    named = [column for name in _LABEL_NAMES for column in columns if column.lower() == name]
    if named:
        return named[0]
    distinct = {
        column: {str(row[column]) for row in values if row.get(column) is not None}
        for column in columns
        if not any(isinstance(row.get(column), list | dict) for row in values)
    }
    most = min(20, len(values) // 2)
    likely = [column for column in columns if 2 <= len(distinct.get(column, ())) <= most]
    return min(likely, key=lambda column: len(distinct[column]), default=None)
