"""Answers to more texts than fit in memory, piece by piece, by one process or many; what is done outlives an interruption."""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ruletune.bad_rows import BadRows
from ruletune.data.pieces import ChangedError, Piece, Sheet, pieces, read_piece
from ruletune.data.readers import MOST_PROBLEMS, given_up, twice
from ruletune.data.rows import data_files, format_of
from ruletune.data.unique import Unique
from ruletune.errors import Location, Problem, UserError
from ruletune.labeling.corpus import columns_of, none_right, texts_of
from ruletune.labeling.journal import Journal, without
from ruletune.labeling.passes import FILES_ONLY, Map, output_names
from ruletune.labeling.stream import data_identity
from ruletune.pipeline.run import Run, load
from ruletune.pipeline.values import n_best_value, prediction_value
from ruletune.places import located, sync
from ruletune.progress import Event, Listener, silent
from ruletune.store import open_workspace

__all__ = ["Asking", "Predicted", "predict_file"]

_ROWS = 512
"""Most texts in a piece: enough to put texts of one length together, and few enough to be spread."""

_SIZE = 1 << 19
"""Bytes after which a piece ends."""

_OUTPUT = "predictions.jsonl"


@dataclass(frozen=True, slots=True)
class Predicted:
    """What was written, and of how many texts the answer is given."""

    output: Path
    texts: int
    answered: int


@dataclass(frozen=True, slots=True)
class Asking:
    """How a run is asked.

    Attributes:
        max_error, confidence: As :meth:`ruletune.pipeline.run.Run.predict` takes them.
        n_best: Answers to each.
    """

    max_error: float | None = None
    confidence: float = 0.9
    n_best: int = 1


@dataclass(frozen=True, slots=True)
class _Done:
    """What is known of a piece that is done.

    Attributes:
        ids, lines: Of its texts, where the data has ids of its own.
    """

    texts: int
    answered: int
    problems: tuple[Problem, ...] = ()
    ids: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Job:
    number: int
    piece: Piece
    apply: bool
    skip_bad: bool = False

    def __str__(self) -> str:
        return str(self.piece)


class _Predict:
    """Reads a piece, asks the model and stores the answers, whose file begins with a line of what is known of the piece.

    It goes to another process as the run's folder, which is opened there once.
    """

    def __init__(self, run: Run, asking: Asking, folder: Path, source: str) -> None:
        self._run, self._asking, self._folder, self._source = run, asking, folder, source

    def __reduce__(self) -> tuple[Callable[..., _Predict], tuple[Any, ...]]:
        # A file is named relative to the working folder, which may be another one there.
        allowed = tuple(str(Path(name).absolute()) if name.endswith(".py") else name for name in self._run.allow_code)
        return _rebuilt, (self._run.folder.absolute(), allowed, self._asking, self._folder, self._source)

    def __call__(self, job: _Job) -> _Done:
        path = _part(self._folder, job.number)
        known = _known(path)
        if known is not None:
            job.piece.check(known[0])
            return known[1]
        run, fingerprint = self._run, job.piece.fingerprint()
        columns = columns_of(run.spec, self._source)
        sheet = read_piece(job.piece, columns, texts_of(run.spec))
        rows: list[dict[str, Any]] = []
        if job.apply and (job.skip_bad or not sheet.problems):
            with Journal(path, fingerprint) as journal:
                sheet = without(sheet, journal.deadly, job.piece, doing="answers")
                if journal.again:
                    self._try_each(sheet, journal)
                rows = list(_rows(run, sheet.examples, self._asking)) if sheet.examples else []
        ids = columns.id is not None
        done = _Done(
            len(sheet.examples),
            sum(row["answer"] is not None for row in rows),
            tuple(sheet.problems),
            tuple(example.id for example in sheet.examples) if ids else (),
            tuple(sheet.lines) if ids else (),
        )
        _store(path, fingerprint, done, rows)
        return done

    def _try_each(self, sheet: Sheet, journal: Journal) -> None:
        """Answer each text by itself, to see which one it is that processes die over.

        These answers are forgotten: what comes out is what comes out of texts together, to the last digit.
        """
        for example, line in zip(sheet.examples, sheet.lines, strict=True):
            journal.at(line)
            list(_rows(self._run, [example], self._asking))
        journal.past()


def _rebuilt(folder: Path, allowed: tuple[str, ...], asking: Asking, parts: Path, source: str) -> _Predict:
    return _Predict(load(folder, allow_code=allowed), asking, parts, source)


def _rows(run: Run, examples: list[Any], asking: Asking) -> Iterator[dict[str, Any]]:
    several: dict[str, Any] = {"several": asking.n_best} if run.task.readout == "generate" else {}
    found = run.predict(examples, max_error=asking.max_error, confidence=asking.confidence, **several)
    for prediction in found:
        row = prediction_value(prediction)
        if asking.max_error is not None:
            row["abstained"] = prediction.abstained
        if asking.n_best > 1:
            row["n_best"] = n_best_value(prediction, asking.n_best)
        yield row


def _part(folder: Path, number: int) -> Path:
    return folder / f"{number:09d}.answers"


def _store(path: Path, fingerprint: str, done: _Done, rows: list[dict[str, Any]]) -> None:
    head = {
        "fingerprint": fingerprint,
        "texts": done.texts,
        "answered": done.answered,
        "problems": [[p.message, p.where and p.where.file, p.where and p.where.line, p.remedy] for p in done.problems],
        "ids": done.ids,
        "lines": done.lines,
    }
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(f"{json.dumps(head)}\n".encode())
        file.writelines(f"{json.dumps(row, ensure_ascii=False, allow_nan=False)}\n".encode() for row in rows)
        sync(file)
    temporary.replace(path)


def _known(path: Path) -> tuple[str, _Done] | None:
    """The fingerprint of the piece that was answered, and what is known of it; ``None`` where it is not done."""
    try:
        with path.open("rb") as file:
            head = json.loads(file.readline())
    except FileNotFoundError:
        return None
    problems = tuple(
        Problem(message, None if name is None else Location(name, line), remedy)
        for message, name, line, remedy in head["problems"]
    )
    done = _Done(head["texts"], head["answered"], problems, tuple(head["ids"]), tuple(head["lines"]))
    return head["fingerprint"], done


@dataclass(slots=True)
class _Found:
    """What is known of all pieces that are done.

    Attributes:
        bad_rows: Takes bad rows, which are no problem then.
        left_out: By the number of a piece, rows of it that are left out after all, since their id stands twice.
    """

    bad_rows: Callable[[Problem], None] | None = None
    texts: int = 0
    answered: int = 0
    problems: list[Problem] = field(default_factory=list)
    files: dict[str, list[int]] = field(default_factory=dict)
    seen: Unique = field(default_factory=Unique)
    left_out: dict[int, set[int]] = field(default_factory=dict)

    def add(self, number: int, piece: Piece, done: _Done) -> None:
        self.texts += done.texts
        self.answered += done.answered
        problems = list(done.problems)
        self.files.setdefault(piece.name or Path(piece.source).name, []).append(number)
        for row, (identity, line) in enumerate(zip(done.ids, done.lines, strict=True)):
            if not self.seen.add(identity):
                where = f"{piece.source}[{line}]" if piece.kind == "json" else piece.source
                problems.append(twice(identity, Location(where, None if piece.kind == "json" else line)))
                self.left_out.setdefault(number, set()).add(row)
        if self.bad_rows is None:
            self.problems += problems
        else:
            for problem in problems:
                self.bad_rows(problem)


def predict_file(
    run: Run,
    data: str,
    output: str | os.PathLike[str],
    *,
    asking: Asking | None = None,
    map: Map = map,
    resume: bool = False,
    overwrite: bool = False,
    listener: Listener = silent,
    bad_rows: BadRows | None = None,
    rows: int = _ROWS,
) -> Predicted:
    """Write what a run answers to every text of a data source, a line each, in the order of the data.

    Args:
        data: As :func:`ruletune.data.readers.read` takes it.
        output: The file to write; or, with a slash at its end, a folder of as many files as are read. It appears when it is
            whole. Either may be a URI.
        map: Where the pieces are worked on; default here, one after the other.
        resume: Go on with an interrupted run over the same data.
        overwrite: Begin anew where there is an interrupted run; replace a folder that exists.
        bad_rows: Takes bad rows, which are then left out.
        rows: Most texts in a piece.

    Raises:
        UserError: The data is wrong. Nothing is written then.
        RuletuneError: It cannot be written, or a process that was working died. What is done is kept.
    """
    asking = asking or Asking()
    target, folder = located(output), os.fspath(output).endswith("/")
    kind, path = format_of(data, Path())
    if path.exists() and path.resolve() == target.resolve():
        raise UserError("the output would replace the input", remedy="name another file")
    if target.is_dir() and not folder:
        raise UserError(f"{target} is a folder", remedy=f"name a file, or write {target}/ for a folder of files")
    if folder and kind in FILES_ONLY:
        raise UserError("a folder of shards is made from files", where=Location(data), remedy="name one file to write")
    identity = {
        "run": _run_identity(run),
        "data": data_identity(data),
        "way of asking": [asking.max_error, asking.confidence, asking.n_best],
        "size of pieces": [rows, _SIZE],
        "handling of bad rows": "an error" if bad_rows is None else "left out",
        "version of Ruletune": version("ruletune"),
    }
    with open_workspace(
        target, identity=identity, resume=resume, overwrite=overwrite, replaces=not folder
    ) as workspace:
        try:
            columns = columns_of(run.spec, data)
            cut = pieces(data, columns, folder=Path(), count=rows, size=_SIZE, answers=texts_of(run.spec))
            work = _Predict(run, asking, workspace.parts, data)
            found = _answer(work, cut, map, listener, None if bad_rows is None else bad_rows.of(data))
            _check(found, data)
            if bad_rows is not None and found.texts == sum(len(left) for left in found.left_out.values()):
                raise none_right(data, bad_rows)
        except ChangedError:
            raise
        except UserError:
            workspace.discard()
            raise
        dropped = _Dropped()
        if folder:
            files = [name for name, _ in data_files(data, Path())] if kind == "files" else list(found.files)
            for name, written in zip(files, output_names(files), strict=True):
                _join(workspace.parts, found, found.files.get(name, []), workspace.files / written, dropped)
            workspace.publish()
        else:
            everything = [number for numbers in found.files.values() for number in numbers]
            _join(workspace.parts, found, everything, workspace.files / _OUTPUT, dropped)
            workspace.publish_file(_OUTPUT)
    return Predicted(target, found.texts - dropped.texts, found.answered - dropped.answered)


def _answer(
    work: _Predict, source: Iterator[Piece], map: Map, listener: Listener, bad_rows: Callable[[Problem], None] | None
) -> _Found:
    found = _Found(bad_rows)
    ahead: deque[Piece] = deque()

    def jobs() -> Iterator[_Job]:
        for number, piece in enumerate(source):
            ahead.append(replace(piece, data=b""))
            # After the first bad row nothing will be written: the rest is only read, for what else is wrong.
            yield _Job(number, piece, not found.problems, bad_rows is not None)

    for number, done in enumerate(map(work, jobs())):
        piece = ahead.popleft()
        found.add(number, piece, done)
        share = piece.share
        listener(Event("predicting", found.texts, round(found.texts / share) if share else found.texts + 1))
        if len(found.problems) >= MOST_PROBLEMS:
            break
    listener(Event("predicting", found.texts, found.texts))
    return found


def _check(found: _Found, source: str) -> None:
    if not found.files:
        raise UserError("there are no rows", where=Location(source), remedy="one row for each text")
    problems = found.problems
    if len(problems) >= MOST_PROBLEMS:
        problems = [given_up(problems[MOST_PROBLEMS - 1].where), *problems[:MOST_PROBLEMS]]
    if problems:
        raise UserError.of(problems)


@dataclass(slots=True)
class _Dropped:
    """What was answered and is left out after all."""

    texts: int = 0
    answered: int = 0

    def add(self, line: bytes) -> None:
        self.texts += 1
        self.answered += json.loads(line)["answer"] is not None


def _join(parts: Path, found: _Found, numbers: list[int], path: Path, dropped: _Dropped) -> None:
    """One file of the answers in several pieces."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for number in numbers:
            left_out = found.left_out.get(number, ())
            with _part(parts, number).open("rb") as part:
                part.readline()
                for row, line in enumerate(part):
                    if row in left_out:
                        dropped.add(line)
                    else:
                        file.write(line)


def _run_identity(run: Run) -> str:
    """Of everything that answers depend on; weights by size and time of change."""
    digest = hashlib.sha256(json.dumps(run.settings, sort_keys=True).encode())
    for path in sorted(run.folder.rglob("*")):
        if path.is_file() and path.suffix != ".html":
            stat = path.stat()
            digest.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
