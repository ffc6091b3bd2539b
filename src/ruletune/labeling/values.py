"""Answers, and what rules say, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ruletune.types import Answer, Firing, Label, Spans, Text

__all__ = ["answer_value", "firing_value", "json_line"]


def answer_value(answer: Answer) -> object:
    """An answer as JSON: a label's name or a list of names, spans as objects, a text as a string."""
    match answer:
        case Label(names=(name,)):
            return name
        case Label(names=names):
            return list(names)
        case Spans(spans=spans):
            return [{"start": span.start, "end": span.end, "label": span.label} for span in spans]
        case Text(text=text):
            return text


def firing_value(firing: Firing) -> dict[str, object]:
    """A firing as JSON: the rule, what it speaks about (``null`` for a prompt), the characters, and whether it is a veto."""
    value = {
        "rule": firing.rule,
        "answer": None if firing.answer is None else answer_value(firing.answer),
        "spans": [[span.start, span.end] for span in firing.spans],
    }
    return value | {"veto": True} if firing.veto else value


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def json_line(row: Mapping[str, object]) -> bytes:
    """A row of a JSONL file, as UTF-8, with the end of the line.

    >>> json_line({"id": "1", "label": "好"}).decode()
    '{"id": "1", "label": "好"}\\n'
    """
    try:
        return f"{_encode(row)}\n".encode()
    except UnicodeEncodeError:  # half a surrogate pair, say in a rule's name: it can only be written escaped
        return f"{json.dumps(row, allow_nan=False)}\n".encode()
