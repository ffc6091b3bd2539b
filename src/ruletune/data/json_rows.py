"""Rows of JSON: an object a line, a list of objects, WRENCH's objects of objects, or SQuAD's articles."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ruletune.data.cells import STRICT_JSON, json_of
from ruletune.data.lines import lines, wrong_bytes
from ruletune.data.row import Row
from ruletune.errors import Location, Problem, UserError

__all__ = ["json_rows", "jsonl"]

_LARGEST_JSON = 1 << 30
"""Characters of a file that is parsed as a whole."""

_MOST_WRONG = 1000
"""Lines of such a file that are looked at for wrong bytes."""


def jsonl(lines: Iterable[tuple[int, str]], path: Path) -> Iterator[Row]:
    """JSON objects, one a line; blank lines are left out."""
    file = str(path)
    parse = json.JSONDecoder().decode
    for number, line in lines:
        if not line or line.isspace():
            continue
        if problem := wrong_bytes(line):
            yield Row(file, number, {}, problem)
            continue
        try:
            value = parse(line)
            if type(value) is dict and line.count('":') != len(value):  # there may be more keys than came out
                value = json_of(line)
        except (ValueError, RecursionError):
            yield Row.bad(Location(file, number), f"not valid JSON: {_reason(line)}")
        else:
            yield _record(value, file, number)


def _reason(text: str) -> str:
    """Why a text is not JSON, in words for people."""
    try:
        json_of(text)
    except ValueError as error:
        return str(error)
    return "it cannot be read"


def _record(value: object, file: str, line: int | None = None) -> Row:
    if isinstance(value, dict):
        return Row(file, line, value)
    return Row.bad(Location(file, line), f"expected an object of columns, found {type(value).__name__}")


def json_rows(path: Path) -> Iterator[Row]:
    """A list of objects, or an object of objects (WRENCH), whose ``data`` holds the text."""
    text = _whole(path)
    where = Location(str(path))
    try:
        value = STRICT_JSON.decode(text)
    except (ValueError, RecursionError) as error:
        remedy = "call a file with one object a line .jsonl" if text.lstrip().startswith("{") else None
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        where = Location(str(path), line)
        raise UserError(f"not valid JSON: {_reason(text)}", where=where, remedy=remedy) from error
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        yield from _squad(value["data"], str(path))
        return
    if isinstance(value, dict) and value and all(isinstance(entry, dict) for entry in value.values()):
        value = [{"id": key, **_flat(entry)} for key, entry in value.items()]
    if not isinstance(value, list):
        raise UserError("expected a list of objects", where=where)
    for position, entry in enumerate(value, start=1):
        yield _record(entry, f"{path}[{position}]")


def _whole(path: Path) -> str:
    """The text of a file.

    Raises:
        UserError: It is too large, or not UTF-8, with every line that is not.
    """
    held: list[str] = []
    problems: list[Problem] = []
    size = 0
    for number, line in lines(path, ended=False):
        size += len(line)
        if size > _LARGEST_JSON:
            remedy = "write one object a line into a .jsonl file, which is read row by row"
            raise UserError(
                "more than 1 GB of JSON, which is read as a whole", where=Location(str(path), number), remedy=remedy
            )
        if problem := wrong_bytes(line):
            problems.append(problem)
            if len(problems) == _MOST_WRONG:
                break
        elif not problems:
            held.append(line)
    if problems:
        raise UserError.of(problems)
    return "".join(held)


def _squad(articles: Sequence[Any], file: str) -> Iterator[Row]:
    """Questions of a file in the format of SQuAD, one a row."""
    for number, article in enumerate(articles, start=1):
        paragraphs = article.get("paragraphs") if isinstance(article, dict) else None
        if not isinstance(paragraphs, list):
            yield Row.bad(Location(f"{file}[{number}]"), "an article without paragraphs")
            continue
        for place, paragraph in enumerate(paragraphs, start=1):
            where = f"{file}[{number}][{place}]"
            asked = paragraph.get("qas") if isinstance(paragraph, dict) else None
            if not isinstance(asked, list) or not all(isinstance(each, dict) for each in asked):
                yield Row.bad(Location(where), "a paragraph without questions")
                continue
            for each in asked:
                yield Row(where, None, {"context": paragraph.get("context"), **each})


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    if "weak_labels" in entry and entry.get("label") == -1:
        entry = {**entry, "label": None}  # WRENCH's way to say that nobody gave a label
    inner = entry.get("data")
    return {**entry, **inner} if isinstance(inner, dict) else entry
