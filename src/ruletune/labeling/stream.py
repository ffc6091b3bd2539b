"""Weak labels of more texts than fit in memory.

Two passes. The first applies the rules, piece by piece, and keeps what they said in shards on disk. Then the label
model is fitted, on the gold labels and on votes drawn from all shards, and the second pass writes what it makes of
each shard. Both give their pieces to a ``map``, which may spread them over processes; results come back in order.

No more than a few pieces are in memory at a time. What is finished is kept, so that an interrupted run can be gone
on with; the output takes its place when it is whole.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from ruletune.config import TaskSpec
from ruletune.data.pieces import Piece, pieces
from ruletune.data.readers import MOST_PROBLEMS, Columns, given_up
from ruletune.data.rows import format_of
from ruletune.errors import Location, Problem, UserError
from ruletune.labeling.apply import RuleSet, check_faults, fields_of
from ruletune.labeling.corpus import columns_of, gold_matrix, gold_of, needs_label, none_right, texts_of
from ruletune.labeling.duplicates import duplicates
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.label_model import LabelModel
from ruletune.labeling.piecework import ApplyRules, ChangedError, Job, WriteRows, rules_digest
from ruletune.labeling.shards import Tally, read_shard, shard_path
from ruletune.labeling.table import fit_label_model
from ruletune.progress import Event, Listener, silent
from ruletune.rules import Fault
from ruletune.store import Workspace, open_workspace
from ruletune.types import Example

__all__ = ["Labelled", "Map", "label_file"]

T = TypeVar("T")
R = TypeVar("R")

_ROWS = 8192
"""Most texts in a piece."""

_SIZE = 1 << 19
"""Bytes after which a piece ends."""

_CELLS = 1 << 24
"""Most texts times rules in a piece."""

_FITTED = 200_000
"""Texts that the label model is fitted on, at most."""

_FITTED_CELLS = 1 << 26
"""Texts times rules that it is fitted on, at most."""

_FIELDS = 1000
"""Names of columns that are remembered, for the nearest one to a name that is not there."""


class Map(Protocol):
    """Results of a function in the order of the items, as :meth:`ruletune.engine.Engine.map` gives them."""

    def __call__(self, fn: Callable[[T], R], items: Iterable[T], /) -> Iterator[R]: ...


@dataclass(frozen=True, slots=True)
class Labelled:
    """What was written.

    Attributes:
        texts, covered: Number of texts, and of those with a label.
        faults: Rules that failed on some of these texts, or of the task's gold.
    """

    output: Path
    texts: int
    covered: int
    faults: tuple[Fault, ...]


def label_file(
    spec: TaskSpec,
    data: str,
    output: Path,
    *,
    map: Map = map,
    embedder: Callable[[TaskSpec], Embed | None] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    listener: Listener = silent,
    rows: int = _ROWS,
    fitted: int = _FITTED,
) -> Labelled:
    """Write one row a text, in the order of the data.

    A row has ``id``, ``votes`` by rule, ``label`` and ``probability``; ``vetoes`` by rule and ``faults``, a list of rules,
    where there are any. The label model is fitted on these texts and on the gold labels of the task's training data.
    A text about whose label nothing is known has the label ``None``; in a multi-label task ``label`` is the list of labels
    above one half. A file that is there already stays until the new one is whole.

    Args:
        data: As :func:`ruletune.data.readers.read` takes it.
        map: Where the pieces are worked on; default here, one after the other.
        embedder: Makes sentence embeddings, for rules that compare them. A function of a module, which other
            processes can import.
        resume: Go on with an interrupted run over the same data.
        overwrite: Begin anew where there is an interrupted run.
        rows: Most texts in a piece.
        fitted: Most texts that the label model is fitted on; of more, so many are drawn at random.

    Raises:
        UserError: The data or a rule is wrong, or there is an interrupted run and it was not said what to do with it.
            Nothing is written then.
        RuletuneError: It cannot be written, or a process that was working died. What is done is kept.
    """
    output = Path(output)
    kind, path = format_of(data, Path())
    if path.exists() and path.resolve() == output.resolve():
        raise UserError("the output would replace the input", remedy="name another file")
    if output.is_dir():
        raise UserError(f"{output} is a folder", remedy="name a file")
    needs_label(spec, "labelling by rules alone")
    if not spec.rules:
        raise UserError("there are no rules to label with", where=Location(str(spec.path)), remedy="write some")
    rules = RuleSet(spec.rules, labels=spec.labels, embed=embedder(spec) if embedder else None)
    gold = gold_of(spec)
    said = rules.apply(gold, whole=False)
    rows = max(1, min(rows, _CELLS // len(spec.rules)))
    digest = rules_digest(spec)
    identity = {
        "task file": hashlib.sha256(spec.source.encode("utf-8", "surrogatepass")).hexdigest(),
        "rules": digest,
        "data": _identity(path) or data,
        "size of pieces": [rows, _SIZE],
        "handling of bad rows": "an error" if spec.bad_rows is None else "left out",
        "version of Ruletune": version("ruletune"),
    }
    with open_workspace(output, identity=identity, resume=resume, overwrite=overwrite, replaces=True) as workspace:
        columns = columns_of(spec, data)
        work = ApplyRules(spec, rules, digest=digest, columns=columns, folder=workspace.parts, embedder=embedder)
        try:
            cut = pieces(data, columns, folder=Path(), count=rows, size=_SIZE, answers=texts_of(spec))
            bad_rows = spec.bad_rows.of(data) if spec.bad_rows is not None else None
            found = _apply(work, cut, map, listener, bad_rows)
            _check(found, kind, data if kind in ("hub", "dataset") else str(path), columns, workspace.parts, bad_rows)
            if spec.bad_rows is not None and found.texts == len(found.left_out):
                raise none_right(data, spec.bad_rows)
            rules.check_fields(found.fields | fields_of(gold))
            check_faults(spec.rules, tuple(found.faults.values()), texts=found.texts)
        except ChangedError:
            raise
        except UserError:
            workspace.discard()  # what has to be mended is the data or the rules, and then nothing of it holds
            raise
        for fault in said.faults:
            found.fault(fault)
        model = _fit(spec, found, said.matrix, gold, workspace.parts, fitted)
        covered = _write(spec, found, model, workspace, map, listener)
        workspace.publish_file(_OUTPUT)
    return Labelled(output, found.texts - len(found.left_out), covered, tuple(found.faults.values()))


_OUTPUT = "labels.jsonl"


@dataclass(slots=True)
class _Found:
    """What the first pass found, over all pieces.

    Attributes:
        sizes: Texts of each piece.
        left_out: (piece, row) of texts that are left out after all, since their id stands twice.
    """

    sizes: list[int] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)
    left_out: frozenset[tuple[int, int]] = frozenset()

    @property
    def texts(self) -> int:
        return sum(self.sizes)

    def add(self, tally: Tally) -> None:
        self.sizes.append(tally.texts)
        self.problems += tally.problems
        for fault in tally.faults:
            self.fault(fault)
        if len(self.fields) < _FIELDS:
            self.fields.update(tally.fields)

    def fault(self, fault: Fault) -> None:
        first = self.faults.get(fault.rule)
        self.faults[fault.rule] = (
            fault if first is None else Fault(fault.rule, first.count + fault.count, first.example_id, first.traceback)
        )


def _identity(path: Path) -> list[object] | None:
    """Enough to tell at once that a file is another one; every piece is looked at when its turn comes."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return [path.stat().st_size, hashlib.blake2b(file.read(1 << 16), digest_size=16).hexdigest()]


def _apply(
    work: ApplyRules, source: Iterator[Piece], map: Map, listener: Listener, bad_rows: Callable[[Problem], None] | None
) -> _Found:
    """The first pass; bad rows go to whoever takes them."""
    found = _Found()
    ahead: deque[tuple[int, float | None]] = deque()

    def jobs() -> Iterator[Job]:
        for number, piece in enumerate(source):
            ahead.append((piece.count, piece.share))
            # After the first bad row nothing will be written: the rest is only read, for what else is wrong.
            yield Job(number, piece, apply=not found.problems, skip_bad=bad_rows is not None, tired=tired)

    # What backtracks without end on the first piece is not tried on others. Only the first is asked, and it is worked on
    # before the others, so that the result does not depend on which process was faster.
    tired: tuple[int, ...] = ()
    todo = jobs()
    first = [work(job) for job in islice(todo, 1)]
    for tally in first:
        tired = tally.tired
    done = 0
    for tally in chain(first, map(work, todo)):
        found.add(tally)
        if bad_rows is not None:
            for problem in found.problems:
                bad_rows(problem)
            found.problems.clear()
        count, share = ahead.popleft()
        done += count
        listener(Event("applying rules", done, round(done / share) if share else done + count))
        if len(found.problems) >= MOST_PROBLEMS:
            break
    listener(Event("applying rules", done, done))
    return found


def _check(
    found: _Found, kind: str, source: str, columns: Columns, folder: Path, bad_rows: Callable[[Problem], None] | None
) -> None:
    """Bad rows of all pieces are reported together, with ids that stand twice; or such ids are left out as well."""
    if not found.sizes:
        raise UserError("there are no rows", where=Location(source), remedy="one row for each text")
    problems = found.problems
    if columns.id is not None:

        def where(line: int) -> Location:
            return Location(f"{source}[{line}]") if kind == "json" else Location(source, line)

        paths = [shard_path(folder, number) for number in range(len(found.sizes))]
        most = MOST_PROBLEMS if bad_rows is None else found.texts
        again = duplicates(paths, texts=found.texts, most=most, where=where)
        if bad_rows is not None:
            found.left_out = frozenset(again)
            for problem in again.values():
                bad_rows(problem)
            return
        problems = sorted([*problems, *again.values()], key=lambda problem: (problem.where and problem.where.line) or 0)
    if len(problems) >= MOST_PROBLEMS:
        problems = [given_up(problems[MOST_PROBLEMS - 1].where), *problems[:MOST_PROBLEMS]]
    if problems:
        raise UserError.of(problems)


def _fit(spec: TaskSpec, found: _Found, said: np.ndarray, gold: list[Example], folder: Path, fitted: int) -> LabelModel:
    """The label model of the texts, or of so many drawn from them, and of the gold ones."""
    total, rules = found.texts, len(spec.rules)
    most = max(1, min(fitted, _FITTED_CELLS // rules))
    drawn = np.arange(total) if total <= most else _drawn(total, most, np.random.default_rng(spec.file.seed))
    votes = np.empty((len(drawn) + len(gold), rules), dtype=np.int16)
    first = at = 0
    for number, size in enumerate(found.sizes):
        begin, end = np.searchsorted(drawn, [first, first + size])
        if begin < end:
            shard = read_shard(shard_path(folder, number))
            votes[at : at + end - begin] = shard.matrix(rules)[drawn[begin:end] - first]
            at += end - begin
        first += size
    votes[len(drawn) :] = said
    known = np.full((len(votes), len(spec.labels)), np.nan)
    known[len(drawn) :] = gold_matrix(gold, spec.labels)
    return fit_label_model(spec, votes, known)


def _drawn(total: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """About ``most`` of ``total`` texts, sorted: one at random from each of so many equal stretches."""
    stretch = total / most
    rows = ((np.arange(most) + rng.random(most)) * stretch).astype(np.int64)
    return np.unique(np.minimum(rows, total - 1))


def _write(spec: TaskSpec, found: _Found, model: LabelModel, workspace: Workspace, map: Map, listener: Listener) -> int:
    """The second pass; how many texts have a label."""
    work = WriteRows(
        folder=workspace.parts,
        rules=tuple(rule.name for rule in spec.rules),
        labels=spec.labels,
        model=model,
        left_out=found.left_out,
    )
    done = covered = 0
    with (workspace.files / _OUTPUT).open("wb") as file:
        for size, (lines, labelled) in zip(found.sizes, map(work, range(len(found.sizes))), strict=True):
            file.write(lines)
            done += size
            covered += labelled
            listener(Event("writing labels", done, found.texts))
    return covered
