"""The work on one piece or shard, as functions that can be sent to another process."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ruletune.config import TaskSpec, parse_task
from ruletune.data.pieces import ChangedError, Piece, Sheet, pieces, read_piece
from ruletune.data.readers import MOST_PROBLEMS, Columns
from ruletune.errors import Location
from ruletune.labeling.apply import RuleSet, fields_of
from ruletune.labeling.corpus import texts_of
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.journal import Journal, without
from ruletune.labeling.label_model import LabelModel
from ruletune.labeling.shards import Shard, SpanShard, Tally, read_shard, read_tally, shard_path, write_shard
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.values import json_line
from ruletune.labeling.votes import ABSTAIN, FAULT, Votes
from ruletune.places import sync
from ruletune.rules import Call
from ruletune.rules.base import parts
from ruletune.rules.matching import GIVE_UP
from ruletune.types import Spans

__all__ = [
    "AnyRules", "ApplyFile", "ApplyRules", "Embedder", "FileJob", "Job", "TakeVotes", "WriteFile", "WriteRows", "Writer", "file_of", "rules_digest",
    "rules_of", "shard_number",
]  # fmt: skip

Embedder = Callable[[TaskSpec], Embed | None]

AnyRules = RuleSet | SpanRules

Writer = Callable[[int], tuple[bytes, int]]
"""Makes the lines of a shard, by its number, as UTF-8, and counts those with a label."""


@dataclass(frozen=True, slots=True)
class Job:
    """A piece that is to become the shard of this number.

    Attributes:
        apply: Whether rules are applied; else the piece is only read, for what is wrong in it.
        skip_bad: Whether rules are applied beside bad rows, too.
        tired: Conditions that are not tried any more, as :class:`ruletune.labeling.shards.Tally` has them.
    """

    number: int
    piece: Piece
    apply: bool = True
    skip_bad: bool = False
    tired: tuple[int, ...] = ()

    def __str__(self) -> str:
        return str(self.piece)


@dataclass(frozen=True, slots=True)
class FileJob:
    """A file, by its number among the others, its path or URI, and the name that its rows are called by."""

    number: int
    source: str
    name: str
    tired: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.source


class ApplyRules:
    """Reads a piece, applies a task's rules and stores what they say.

    It goes to another process as the task's source. There the rules are built anew, once: compiled expressions and
    user's functions do not cross.

    Args:
        digest: The rules', as :func:`rules_digest` has it.
    """

    def __init__(
        self,
        spec: TaskSpec,
        rules: AnyRules,
        *,
        digest: str,
        columns: Columns,
        folder: Path,
        embedder: Embedder | None = None,
    ) -> None:
        self.spec, self.columns, self.rules, self.folder = spec, columns, rules, folder
        self._digest, self._embedder = digest, embedder

    def __reduce__(self) -> tuple[Callable[..., ApplyRules], tuple[Any, ...]]:
        settings = (self._digest, self.columns, self.folder, self._embedder)
        return _rebuilt, (self.spec.source, self.spec.path, *settings)

    def __call__(self, job: Job) -> Tally:
        path = shard_path(self.folder, job.number)
        done = read_tally(path)
        if done is not None:
            job.piece.check(done[0])
            return done[1]
        fingerprint = job.piece.fingerprint()
        sheet = read_piece(job.piece, self.columns, texts_of(self.spec))
        tired = Counter(dict.fromkeys(job.tired, GIVE_UP))
        votes: Votes | SpanVotes | None = None
        if job.apply and (job.skip_bad or not sheet.problems):
            with Journal(path, fingerprint) as journal:
                sheet = without(sheet, journal.deadly, job.piece, doing="applies the rules to")
                votes = self._votes(sheet, journal, tired)
        tally = Tally(
            len(sheet.examples),
            votes.faults if votes else (),
            tuple(sheet.problems),
            tuple(sorted(fields_of(sheet.examples))),
            tuple(condition for condition, times in tired.items() if times >= GIVE_UP),
        )
        write_shard(path, fingerprint, tally, _shard(sheet, votes), hashed=self.columns.id is not None)
        return tally

    def _votes(self, sheet: Sheet, journal: Journal, tired: Counter[int]) -> Votes | SpanVotes:
        """What the rules say of a piece; where a process died over it, text by text."""
        lines = sheet.lines
        each = (lambda row: journal.at(lines[row])) if journal.again else None
        return self.rules.apply(sheet.examples, whole=False, tired=tired, each=each)


def _shard(sheet: Sheet, votes: Votes | SpanVotes | None) -> Shard | SpanShard:
    """What is kept of a piece; without votes it is not labelled."""
    ids = [example.id for example in sheet.examples]
    if isinstance(votes, SpanVotes):
        texts = [(example.text, example.text_pair) for example in sheet.examples]
        return SpanShard(ids, np.array(sheet.lines, dtype=np.int64), texts, votes.table)
    nothing = np.full((len(ids), 0), ABSTAIN, dtype=np.int16)
    return Shard.of(ids, sheet.lines, votes.matrix if votes else nothing)


def _rebuilt(
    source: str, path: Path, digest: str, columns: Columns, folder: Path, embedder: Embedder | None
) -> ApplyRules:
    spec = parse_task(source, path=path, check_data=False)
    if rules_digest(spec) != digest:
        raise ChangedError("a file of the rules changed while they were applied", where=Location(str(path)))
    rules = rules_of(spec, embedder)
    return ApplyRules(spec, rules, digest=digest, columns=columns, folder=folder, embedder=embedder)


def rules_of(spec: TaskSpec, embedder: Embedder | None = None) -> AnyRules:
    """A task's rules, to be applied.

    Raises:
        UserError: One of them says what cannot be an answer.
    """
    sort = SpanRules if spec.task.answer is Spans else RuleSet
    return sort(spec.rules, labels=spec.labels, embed=embedder(spec) if embedder else None)


def rules_digest(spec: TaskSpec) -> str:
    """A hash of a task's rules with everything that was read from other files, Python files included."""
    digest = hashlib.sha256()
    for rule in spec.rules:
        # A function's repr has its address, which is another in every process.
        digest.update(re.sub(" at 0x[0-9a-fA-F]+", "", repr(rule)).encode("utf-8", "surrogatepass"))
    calls = {
        part.path
        for rule in spec.rules
        for condition in (rule.when, *rule.unless)
        for part in parts(condition)
        if isinstance(part, Call)
    }
    for call in sorted(calls):
        digest.update(_code(call.rpartition(":")[0], spec.folder))
    return digest.hexdigest()


def _code(module: str, folder: Path) -> bytes:
    if module.endswith(".py"):
        return (folder / module).read_bytes()
    found = importlib.util.find_spec(module)
    origin = Path(found.origin) if found is not None and found.origin else None
    return origin.read_bytes() if origin is not None and origin.is_file() else b""


_PIECES = 20
"""Bits of a shard's number that count the pieces of a file; those above count the files."""


def shard_number(file: int, piece: int) -> int:
    """The number of the shard of a file's piece; in the order of the files, then of the pieces.

    >>> shard_number(0, 7) < shard_number(1, 0)
    True
    """
    return file << _PIECES | piece


def file_of(shard: int) -> int:
    """The number of the file that a shard belongs to."""
    return shard >> _PIECES


@dataclass(frozen=True, slots=True)
class ApplyFile:
    """Reads a file piece by piece, and applies the rules to each of them: what is known of every piece.

    Attributes:
        count, size: Most rows in a piece, and bytes after which one ends.
        skip_bad: Whether bad rows are left out; else the rest of a file with one is only read, for what else is wrong.
    """

    work: ApplyRules
    count: int
    size: int
    skip_bad: bool = False

    def __call__(self, job: FileJob) -> list[Tally]:
        return list(self._tallies(job))

    def begin(self, job: FileJob) -> list[Tally]:
        """Work on the first piece only; nothing comes of a file without rows."""
        return list(islice(self._tallies(job), 1))

    def _tallies(self, job: FileJob) -> Iterator[Tally]:
        columns, answers = self.work.columns, texts_of(self.work.spec)
        cut = pieces(job.source, columns, folder=Path(), count=self.count, size=self.size, answers=answers)
        bad = 0
        for number, piece in enumerate(cut):
            named = replace(piece, name=job.name)
            shard = shard_number(job.number, number)
            applied = self.skip_bad or not bad
            tally = self.work(Job(shard, named, apply=applied, skip_bad=self.skip_bad, tired=job.tired))
            yield tally
            bad += len(tally.problems)
            if bad >= MOST_PROBLEMS and not self.skip_bad:
                return


@dataclass(frozen=True, slots=True)
class TakeVotes:
    """What the rules say of some texts, (texts, rules) int16, given shards by number and the rows of each."""

    folder: Path
    rules: int

    def __call__(self, wanted: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
        taken = [read_shard(shard_path(self.folder, number)).matrix(self.rules)[rows] for number, rows in wanted]
        return np.concatenate(taken) if taken else np.empty((0, self.rules), dtype=np.int16)


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Writes a file of all lines of some shards, and counts those with a label. The file appears when it is whole."""

    rows: Writer
    folder: Path

    def __call__(self, job: tuple[str, Sequence[int]]) -> int:
        name, numbers = job
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.tmp")
        covered = 0
        with temporary.open("wb") as file:
            for number in numbers:
                lines, labelled = self.rows(number)
                file.write(lines)
                covered += labelled
            sync(file)
        temporary.replace(path)
        return covered


@dataclass(frozen=True, slots=True)
class WriteRows:
    """Makes the lines of a shard, as UTF-8, and counts those with a label.

    Attributes:
        rules: Names of the rules.
        left_out: (shard, row) of texts that get no line.
    """

    folder: Path
    rules: tuple[str, ...]
    labels: tuple[str, ...]
    model: LabelModel
    left_out: frozenset[tuple[int, int]] = frozenset()

    def __call__(self, number: int) -> tuple[bytes, int]:
        shard = read_shard(shard_path(self.folder, number))
        beliefs = self.model.posterior(shard.matrix(len(self.rules)))
        rows = self._rows(shard)
        if self.model.multi:
            self._decide_each(rows, beliefs)
        else:
            self._decide(rows, beliefs)
        rows = [row for n, row in enumerate(rows) if (number, n) not in self.left_out]
        return b"".join(map(json_line, rows)), sum(row["label"] is not None for row in rows)

    def _rows(self, shard: Shard) -> list[dict[str, Any]]:
        """Rows with what each rule says, and no label yet."""
        rows: list[dict[str, Any]] = [
            {"id": identity, "votes": {}, "label": None, "probability": None} for identity in shard.ids
        ]
        signs = self.model.signs.tolist()
        for at, rule, cell in zip(shard.rows.tolist(), shard.rules.tolist(), shard.cells.tolist(), strict=True):
            if not signs[rule]:
                continue  # a helper or a prompt: it says nothing about labels
            if cell == FAULT:
                rows[at].setdefault("faults", []).append(self.rules[rule])
            elif signs[rule] > 0:
                rows[at]["votes"][self.rules[rule]] = self.labels[cell]
            else:
                rows[at].setdefault("vetoes", {})[self.rules[rule]] = self.labels[cell]
        return rows

    def _decide(self, rows: list[dict[str, Any]], beliefs: np.ndarray) -> None:
        best, belief = beliefs.argmax(axis=1).tolist(), beliefs.max(axis=1, initial=0.0).tolist()
        left = (beliefs > 0).sum(axis=1).tolist()
        for n, row in enumerate(rows):
            if row["votes"] or ("vetoes" in row and left[n] == 1):  # vetoes that leave several labels do not tell which
                row["label"], row["probability"] = self.labels[best[n]], belief[n]

    def _decide_each(self, rows: list[dict[str, Any]], beliefs: np.ndarray) -> None:
        """Several labels may hold: each is decided by itself."""
        belief = np.maximum(beliefs, 1 - beliefs).mean(axis=1).tolist()
        for n, row in enumerate(rows):
            if row["votes"] or "vetoes" in row:
                row["label"] = [self.labels[k] for k in np.flatnonzero(beliefs[n] > 0.5)]
                row["probability"] = belief[n]
