"""Answers given by hand, written into ``data.labels`` a row at a time; every other line stays as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, assert_never

from ruletune.config import TaskSpec
from ruletune.data.readers import Columns, RowParser
from ruletune.data.row import Row
from ruletune.errors import Location, Problem, UserError
from ruletune.labeling.corpus import asked_of, labels_of
from ruletune.labeling.hand_labels import HandLabels, label_row, parse_hand_labels
from ruletune.types import Answer, Example, Label, Span, Spans, Text

__all__ = ["answer_from", "answer_value", "parsed_labels", "with_label", "without_label"]


def parsed_labels(spec: TaskSpec, text: str | None, path: Path) -> HandLabels:
    """The answers in a file's text; none where there is no file.

    Raises:
        UserError: A row is wrong or has no answer, or two rows answer the same text.
    """
    if text is None:
        return HandLabels(asked_of(spec))
    broken = next((n for n, line in enumerate(text.split("\n"), start=1) if not _sound(line)), None)
    if broken is not None:
        raise UserError("not UTF-8", where=Location(str(path), broken), remedy="save the file as UTF-8")
    numbered = enumerate(text.removeprefix("\ufeff").split("\n"), start=1)
    return parse_hand_labels(numbered, path, answers=labels_of(spec), columns=_columns(spec), key=asked_of(spec))


def _sound(line: str) -> bool:
    """Whether a line was UTF-8: what is not was read as half a surrogate pair."""
    return line.isascii() or not any("\ud800" <= character <= "\udfff" for character in line)


def answer_value(example: Example, *, multi: bool) -> Any:
    """An example's answer as JSON: a label's name, or where several may hold a list; spans; a text; null.

    Of a question, the passages that answer it.
    """
    match example.answer:
        case None:
            return None
        case Label(names=names):
            return list(names) if multi else names[0]
        case Spans(spans=spans):
            others = [span for other in example.alternatives if isinstance(other, Spans) for span in other.spans]
            several = [*spans, *others] if example.text_pair is not None else spans
            return [{"start": span.start, "end": span.end, "label": span.label} for span in several]
        case Text(text=text):
            return text
        case _:
            assert_never(example.answer)


def answer_from(spec: TaskSpec, value: Any) -> Answer:
    """An answer from JSON. Whether it makes sense for a text is seen when its row is read.

    Raises:
        UserError: It is not of the shape that the task's answers have.
    """
    shape, multi = spec.task.answer, spec.file.multi_label
    if shape is Label and multi and isinstance(value, list) and all(isinstance(name, str) for name in value):
        return _known(spec, Label.of(*value))
    if shape is Label and not multi and isinstance(value, str):
        return _known(spec, Label.of(value))
    if shape is Text and isinstance(value, str) and value.strip():
        return Text(value.strip())
    if shape is Spans and isinstance(value, list):
        return Spans(tuple(sorted(map(_span, value), key=lambda span: (span.start, span.end, span.label))))
    wanted = {Label: "a list of labels" if multi else "a label", Spans: "a list of spans", Text: "a text"}[shape]
    raise UserError(f"an answer to this task is {wanted}")


def _known(spec: TaskSpec, label: Label) -> Label:
    unknown = next((name for name in label.names if name not in spec.labels), None)
    if unknown is not None:
        raise UserError(f"unknown label {unknown[:60]!r}")
    return label


def _span(value: Any) -> Span:
    if isinstance(value, Mapping):
        start, end, label = value.get("start"), value.get("end"), value.get("label", "")
        if type(start) is int and type(end) is int and isinstance(label, str) and 0 <= start < end:
            return Span(start, end, label)
    raise UserError("a span is {start, end, label}, and its end lies behind its start")


def with_label(
    spec: TaskSpec, text: str | None, known: HandLabels, example: Example, answer: Answer, *, path: Path
) -> str:
    """The file's text with an answer to a text.

    Args:
        known: What the file says now.

    Raises:
        UserError: The answer makes no sense for the text.
    """
    if isinstance(answer, Spans) and any(span.end > len(example.text) for span in answer.spans):
        raise UserError(f"a span ends behind the text, which has {len(example.text)} characters")
    columns = _columns(spec)
    row = label_row(example, answer, columns=columns, multi=spec.file.multi_label)
    read = RowParser(columns, labels_of(spec)).parse(Row(str(path), None, row), 1)
    if isinstance(read, Problem):
        raise UserError(read.message, remedy=read.remedy)
    key = known.key(example)
    if known.key(read) != key or read.answer is None:
        raise UserError("the text cannot be written as a row of its own")
    lines = _lines(text)
    if key in known.line_of:
        place = known.line_of[key] - 1
        mark = "\ufeff" if lines[place].startswith("\ufeff") else ""
        old, end = _apart(lines[place].removeprefix(mark))
        lines[place] = mark + _written(_others(old, known.by_key[key]) | row) + end
        return "".join(lines)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += newline
    return "".join([*lines, _written(row) + newline])


def without_label(text: str, known: HandLabels, example: Example) -> str:
    """The file's text without the answer to a text."""
    lines = _lines(text)
    place = known.line_of[known.key(example)] - 1
    kept = "\ufeff" if place == 0 and text.startswith("\ufeff") else ""
    return kept + "".join([*lines[:place], *lines[place + 1 :]])


def _columns(spec: TaskSpec) -> Columns:
    return Columns(**spec.file.data.columns.model_dump())


def _lines(text: str | None) -> list[str]:
    """Lines with their ends; only a line feed ends one."""
    pieces = (text or "").split("\n")
    return [piece + "\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])


def _apart(line: str) -> tuple[dict[str, Any], str]:
    """The object in a line, and the line's end."""
    bare = line.rstrip("\r\n")
    return dict(json.loads(bare)), line[len(bare) :]


def _others(old: Mapping[str, Any], read: Example) -> dict[str, Any]:
    """What a row has beside the text and its answer: a note, a date."""
    unread: Sequence[str] = [name for name in old if name in read.fields]
    return {name: old[name] for name in unread}


def _written(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False)
