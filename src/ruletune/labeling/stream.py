"""Weak labels of more texts than fit in memory.

Two passes. The first applies the rules, piece by piece, and keeps what they said in shards on disk. Then the label
model is fitted, on the gold labels and on votes drawn from all shards, and the second pass writes what it makes of
each shard. Both give their pieces to a ``map``, which may spread them over processes; results come back in order.

No more than a few pieces are in memory at a time. What is finished is kept, so that an interrupted run can be gone
on with; the output takes its place when it is whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ruletune.config import TaskSpec
from ruletune.data.pieces import ChangedError, pieces
from ruletune.data.rows import data_files, format_of
from ruletune.errors import Location, UserError
from ruletune.labeling.apply import check_faults, check_fields, fields_of
from ruletune.labeling.corpus import columns_of, gold_matrix, gold_of, needs_label, needs_one_task, none_right, texts_of
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.label_model import LabelModel
from ruletune.labeling.passes import Found, Map, apply_files, apply_pieces, check, taken, write_files, write_pieces
from ruletune.labeling.piecework import (
    ApplyFile,
    ApplyRules,
    TakeVotes,
    Writer,
    WriteRows,
    rules_digest,
    rules_of,
)
from ruletune.labeling.span_labels import TakeSpans, WriteSpans, fit_spans
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.table import fit_label_model
from ruletune.labeling.votes import Votes
from ruletune.places import located
from ruletune.progress import Listener, silent
from ruletune.rules import Fault
from ruletune.store import open_workspace
from ruletune.types import Example, Spans

__all__ = ["Labelled", "Map", "data_identity", "fit_drawn", "label_file"]

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

_FITTED_SPANS = 50_000
"""The same where answers are spans: there the label model goes through the words."""


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
    output: str | os.PathLike[str],
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
    where there are any. Where answers are spans ``votes`` are lists of them, and ``probability`` is that of the least
    certain one. The label model is fitted on these texts and on the gold labels of the task's training data.
    A text about whose label nothing is known has the label ``None``; in a multi-label task ``label`` is the list of labels
    above one half. A file that is there already stays until the new one is whole.
    A folder that is there is replaced with ``overwrite`` only.

    Args:
        data: As :func:`ruletune.data.readers.read` takes it.
        output: The file to write; or, with a slash at its end, a folder of as many files as are read, which is whole or
            absent. Either may be a URI.
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
    target, folder = located(output), os.fspath(output).endswith("/")
    kind, path = format_of(data, Path())
    if path.exists() and path.resolve() == target.resolve():
        raise UserError("the output would replace the input", remedy="name another file")
    if target.is_dir() and not folder:
        raise UserError(f"{target} is a folder", remedy=f"name a file, or write {target}/ for a folder of files")
    (needs_one_task if spec.task.answer is Spans else needs_label)(spec, "labelling by rules alone")
    if not spec.rules:
        raise UserError("there are no rules to label with", where=Location(str(spec.path)), remedy="write some")
    rules = rules_of(spec, embedder)
    gold = gold_of(spec)
    said = rules.apply(gold, whole=False)
    count, size = max(1, min(rows, _CELLS // len(spec.rules))), _SIZE
    digest = rules_digest(spec)
    identity = {
        "task file": hashlib.sha256(spec.source.encode("utf-8", "surrogatepass")).hexdigest(),
        "rules": digest,
        "data": data_identity(data),
        "size of pieces": [count, size],
        "handling of bad rows": "an error" if spec.bad_rows is None else "left out",
        "version of Ruletune": version("ruletune"),
    }
    with open_workspace(
        target, identity=identity, resume=resume, overwrite=overwrite, replaces=not folder
    ) as workspace:
        columns = columns_of(spec, data)
        work = ApplyRules(spec, rules, digest=digest, columns=columns, folder=workspace.parts, embedder=embedder)
        try:
            bad_rows = spec.bad_rows.of(data) if spec.bad_rows is not None else None
            if folder:
                found = apply_files(ApplyFile(work, count, size, bad_rows is not None), data, map, listener, bad_rows)
            else:
                cut = pieces(data, columns, folder=Path(), count=count, size=size, answers=texts_of(spec))
                found = apply_pieces(work, cut, map, listener, bad_rows)
            named = data if kind in ("hub", "dataset", "files") else str(path)
            check(found, named, columns, workspace.parts, bad_rows)
            if spec.bad_rows is not None and found.texts == len(found.left_out):
                raise none_right(data, spec.bad_rows)
            check_fields(spec.rules, found.fields | fields_of(gold))
            check_faults(spec.rules, tuple(found.faults.values()), texts=found.texts)
        except ChangedError:
            raise
        except UserError:
            workspace.discard()  # what has to be mended is the data or the rules, and then nothing of it holds
            raise
        for fault in said.faults:
            found.fault(fault)
        write = _fitted(work, found, gold, said, fitted, map)
        if folder:
            covered = write_files(found, write, workspace.files, map, listener)
            workspace.publish()
        else:
            covered = write_pieces(found, write, workspace.files / _OUTPUT, map, listener)
            workspace.publish_file(_OUTPUT)
    return Labelled(target, found.texts - len(found.left_out), covered, tuple(found.faults.values()))


_OUTPUT = "labels.jsonl"


def data_identity(data: str) -> list[object] | str:
    """Enough to tell at once that a source is another one; every piece is looked at when its turn comes."""
    kind, path = format_of(data, Path())
    if kind == "files":
        return [[name, file.stat().st_size] for name, file in data_files(data, Path())]
    if not path.is_file():
        return data
    with path.open("rb") as file:
        return [path.stat().st_size, hashlib.blake2b(file.read(1 << 16), digest_size=16).hexdigest()]


def _fitted(
    work: ApplyRules, found: Found, gold: list[Example], said: Votes | SpanVotes, fitted: int, map: Map
) -> Writer:
    """The label model, as what writes the lines that it gives."""
    spec, folder = work.spec, work.folder
    if isinstance(said, SpanVotes):
        drawn = _drawn(found.texts, min(fitted, _FITTED_SPANS), spec.file.seed)
        parts = list(taken(found, drawn, TakeSpans(work), map))
        return WriteSpans(work, fit_spans(work, parts, said, gold), found.left_out)
    model = fit_drawn(spec, found, said.matrix, gold, folder, fitted, map)
    return WriteRows(folder, tuple(rule.name for rule in spec.rules), spec.labels, model, found.left_out)


def fit_drawn(
    spec: TaskSpec, found: Found, said: np.ndarray, gold: list[Example], folder: Path, fitted: int, map: Map
) -> LabelModel:
    """The label model of the texts, or of so many drawn from them, and of the gold ones."""
    rules = len(spec.rules)
    drawn = _drawn(found.texts, min(fitted, _FITTED_CELLS // rules), spec.file.seed)
    votes = np.empty((len(drawn) + len(gold), rules), dtype=np.int16)
    at = 0
    for part in taken(found, drawn, TakeVotes(folder, rules), map):
        votes[at : at + len(part)] = part
        at += len(part)
    votes[len(drawn) :] = said
    known = np.full((len(votes), len(spec.labels)), np.nan)
    known[len(drawn) :] = gold_matrix(gold, spec.labels)
    return fit_label_model(spec, votes, known)


def _drawn(total: int, most: int, seed: int) -> np.ndarray:
    """Numbers of all texts; of more than ``most`` about so many, sorted: one at random from each of so many equal stretches."""
    most = max(1, most)
    if total <= most:
        return np.arange(total)
    rng = np.random.default_rng(seed)
    stretch = total / most
    rows = ((np.arange(most) + rng.random(most)) * stretch).astype(np.int64)
    return np.unique(np.minimum(rows, total - 1))
