"""Raw rows of every format: a place and a mapping of columns, or a place and what is wrong there."""

from __future__ import annotations

import csv
import re
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruletune.data.json_rows import json_rows, jsonl
from ruletune.data.lines import LONGEST, lines, wrong_bytes
from ruletune.data.parallel import parallel
from ruletune.data.parquet import parquet_rows
from ruletune.data.row import Row, check_names
from ruletune.data.slots import slots
from ruletune.errors import Location, MissingExtraError, Problem, UserError
from ruletune.places import is_pattern, located, matching, named_below, within
from ruletune.sources import existing, files_of

__all__ = [
    "FORMATS", "Row", "data_files", "delimited", "ends_a_line_only", "format_of", "header_of", "jsonl", "malformed", "next_cells", "plain",
    "rows",
]  # fmt: skip

FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "text",
    ".conll": "conll",
    ".iob": "conll",
    ".iob2": "conll",
    ".bio": "conll",
    ".tags": "conll",
    ".in": "slots",
}

_SAID = re.compile(r"# label\s*[=:]\s*(.*)")
"""A comment of a CoNLL file that gives the sentence below it a label."""

_DATASET = ("dataset_info.json", "dataset_dict.json", "state.json")
"""Files that mark a folder as a dataset that was saved by the library of that name."""

_WORDS = "seq.in"
"""The file of a folder that makes it one of sentences with slots, not of a saved dataset."""


def format_of(source: str, folder: Path) -> tuple[str, Path]:
    """The format of a data source by its name, and its path.

    Raises:
        UserError: Nothing is there, or the name does not tell the format.
    """
    if source.startswith("hf:"):
        return "hub", Path(source)
    if is_pattern(source) and not located(source, folder).exists():
        existing(source, folder)
        return "files", located(source, folder)
    paths = [existing(name, folder) for name in files_of(source, folder)]
    for each in paths:
        _check_is_data(each)
    if len(paths) == 2:
        return "parallel", folder / source
    [path] = paths
    if (path / _WORDS).is_file():
        return "slots", path / _WORDS
    if path.is_dir():
        return "files" if _has_files(path) else "dataset", path
    split = source.partition("#")[2]
    if split:
        raise UserError("a file has no splits", where=Location(str(path)), remedy=f"name it without '#{split}'")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    kind = FORMATS.get(suffixes[-1]) if suffixes else None
    if kind is None:
        raise UserError(
            f"cannot tell the format of {path.name!r}",
            where=Location(str(path)),
            remedy=f"call it {', '.join(sorted(FORMATS))} (or one of these and .gz)",
        )
    return kind, path


def _has_files(folder: Path) -> bool:
    """Whether a folder has data files in it, and is no dataset that a library wrote."""
    if any((folder / name).exists() for name in _DATASET):
        return False
    return next((True for path in within(folder) if _is_data(path, folder)), False)


def _is_data(path: Path, folder: Path) -> bool:
    """Whether a file below a folder is one of its data files; hidden ones and those that begin with ``_`` are none."""
    hidden = any(part[:1] in "._" for part in path.parts[len(folder.parts) :])
    return not hidden and Path(path.name.lower().removesuffix(".gz")).suffix in FORMATS


def data_files(source: str, folder: Path) -> list[tuple[str, Path]]:
    """The files that a folder or a pattern stands for, in order, each with its name below what they have in common.

    Raises:
        UserError: There are none.
    """
    if is_pattern(source) and not located(source, folder).exists():
        root, found = matching(source, folder)
        found = [path for path in found if _is_data(path, root)]
    else:
        root = existing(source, folder)
        found = sorted(path for path in within(root) if _is_data(path, root))
    if not found:
        raise UserError(
            "there are no data files", where=Location(source), remedy=f"call them {', '.join(sorted(FORMATS))}"
        )
    return [(named_below(path, root), path) for path in found]


def _check_is_data(path: Path) -> None:
    """A pipe can be read once, and data is; a device may never end.

    Raises:
        UserError: It is neither a file nor a folder.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        what = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        remedy = "write what comes out of it to a file"
        raise UserError(f"this is {what}, not a file", where=Location(str(path)), remedy=remedy)


def rows(source: str, *, folder: Path) -> Iterator[Row]:
    """Rows of a data source, one by one.

    Raises:
        UserError: The source as a whole cannot be read (missing, wrong encoding, no rows at all).
    """
    kind, path = format_of(source, folder)
    match kind:
        case "jsonl":
            yield from jsonl(lines(path), path)
        case "json":
            yield from json_rows(path)
        case "csv" | "tsv":
            yield from delimited(lines(path), path, "," if kind == "csv" else "\t")
        case "text":
            yield from plain(lines(path), path)
        case "conll":
            yield from conll(lines(path), path)
        case "parallel":
            first, second = (existing(name, folder) for name in files_of(source, folder))
            yield from parallel(first, second)
        case "slots":
            yield from slots(path)
        case "parquet":
            yield from parquet_rows(path)
        case "files":
            for name, file in data_files(source, folder):
                for number, row in enumerate(rows(str(file), folder=Path()), start=1):
                    yield replace(row, name=f"{name}:{number}")
        case _:
            yield from _dataset(source, path, hub=kind == "hub")


def delimited(
    lines: Iterable[tuple[int, str]],
    path: Path,
    delimiter: str,
    header: Sequence[str] | None = None,
    line: int = 1,
    after: int = 0,
) -> Iterator[Row]:
    """CSV as RFC 4180 has it, quoted line breaks included; TSV likewise.

    Args:
        header: The columns, where the lines do not begin with them.
        line: Number of the first line.
        after: Lines of the file that follow and are lost if the last row is malformed.
    """
    file, at = str(path), line - 1

    wrong: Problem | None = None

    def text() -> Iterator[str]:
        nonlocal at, wrong
        for number, content in lines:
            at = number
            wrong = wrong or wrong_bytes(content)
            yield content

    stream = text()
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    while True:
        begin, wrong = at + 1, None
        try:
            cells = next_cells(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if not ends_a_line_only(error):
                deque(stream, maxlen=0)  # nobody can tell where its rows begin
            problem = malformed(error, Location(file, begin), lost=at + after - begin)
            if header is None:
                raise UserError.of([problem]) from error
            yield Row(file, begin, {}, problem)
            continue
        if not cells:
            continue
        if wrong is not None:
            if header is None:
                raise UserError.of([wrong])
            yield Row(file, begin, {}, wrong)
            continue
        if header is None:
            header = header_of(cells, path)
            continue
        if len(cells) != len(header):
            message = f"{len(cells)} fields in a row of a table with {len(header)} columns"
            yield Row.bad(Location(file, begin), message, "quote fields that contain the separator")
            continue
        yield Row(file, begin, dict(zip(header, cells, strict=True)))


def ends_a_line_only(error: csv.Error) -> bool:
    """Whether a row is malformed by a carriage return outside quotes: then the next line is sound."""
    return "new-line" in str(error)


def malformed(error: csv.Error, where: Location, *, lost: int) -> Problem:
    """What is said of a row that is no CSV, and of the lines after it that are lost with it."""
    message = f"malformed row: {str(error).partition(' - ')[0]}"
    if ends_a_line_only(error):
        return Problem(message, where, "end every line with a line feed")
    if lost:
        message += f", and what follows it was not read: {lost} line{'s' if lost > 1 else ''}"
    return Problem(message, where, "close every quote that is opened, and double those inside a field")


def next_cells(reader: Iterator[list[str]]) -> list[str]:
    """The next row, however large its fields; the limit is the whole process's, so it is put back."""
    usual = csv.field_size_limit(LONGEST)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(usual)


def header_of(cells: list[str], path: Path) -> list[str]:
    header = [cell.strip() for cell in cells]
    check_names(header, Location(str(path), 1))
    return header


def plain(lines: Iterable[tuple[int, str]], path: Path) -> Iterator[Row]:
    """One text a line; blank lines are left out."""
    for number, line in lines:
        text = line.strip()
        if problem := wrong_bytes(line):
            yield Row(str(path), number, {}, problem)
        elif text:
            yield Row(str(path), number, {"text": text})


def conll(lines: Iterable[tuple[int, str]], path: Path) -> Iterator[Row]:
    """Sentences of a CoNLL file: a word a line, its tag in the last column, a blank line behind each sentence.

    Columns are divided by tabs or spaces. Lines of ``-DOCSTART-`` mark documents, which are numbered from 1 in the column
    ``document``; a line that begins with ``# `` is a comment, and ``# label = NAME`` before a sentence the column ``label``.
    """
    file, document = str(path), 0
    tokens: list[str] = []
    tags: list[str] = []
    begin: int | None = None
    problem: Problem | None = None
    label = ""

    def sentence() -> Iterator[Row]:
        if problem is not None:
            yield Row(file, begin, {}, problem)
        elif tokens:
            values: dict[str, Any] = {"text": " ".join(tokens), "tokens": list(tokens), "tags": list(tags)}
            values |= ({"document": document} if document else {}) | ({"label": label} if label else {})
            yield Row(file, begin, values)

    for number, line in lines:
        cells = line.split("\t") if "\t" in line else line.split()
        cells = [cell.strip() for cell in cells]
        marks = bool(cells) and cells[0] == "-DOCSTART-"
        if marks or not line.strip():
            yield from sentence()
            tokens, tags, begin, problem, label = [], [], None, None, ""
            document += marks
        elif said := _SAID.fullmatch(line.strip()):
            label = said[1]
        elif not line.startswith("# "):
            begin = number if begin is None else begin
            problem = problem or wrong_bytes(line)
            if len(cells) < 2 and problem is None:
                problem = Problem("a word without a tag", Location(file, number), "write the word, a tab and its tag")
            tokens.append(cells[0])
            tags.append(cells[-1])
    yield from sentence()


def _dataset(source: str, path: Path, *, hub: bool) -> Iterator[Row]:
    """A Hugging Face dataset: ``hf:owner/name#split`` from the hub, ``folder#split`` saved on disk.

    A dataset of several configurations is ``hf:owner/name/configuration#split``.
    """
    try:
        import datasets
    except ImportError:
        raise MissingExtraError("reading Hugging Face datasets", "datasets") from None
    name, _, split = source.partition("#")
    where = Location(source)
    try:
        if hub:
            parts = name.removeprefix("hf:").split("/", maxsplit=2)
            loaded = datasets.load_dataset("/".join(parts[:2]), *parts[2:])
        else:
            loaded = datasets.load_from_disk(str(path))
    except Exception as error:  # the library raises many kinds, for a missing network too
        reason = str(error).strip().splitlines()
        raise UserError(
            f"cannot load the dataset: {reason[0] if reason else type(error).__name__}", where=where
        ) from error
    if isinstance(loaded, datasets.DatasetDict):
        if split not in loaded:
            remedy = f"name one of its splits: {', '.join(f'{name}#{s}' for s in loaded)}"
            raise UserError(
                "the dataset has several splits" if not split else f"no split {split!r}", where=where, remedy=remedy
            )
        loaded = loaded[split]
    elif split:
        raise UserError("the dataset has no splits", where=where, remedy=f"name it without '#{split}'")
    for number, values in enumerate(loaded, start=1):
        yield Row(source, number, dict(values))
