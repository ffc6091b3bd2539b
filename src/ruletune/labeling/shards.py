"""What the rules said about a piece of the data, on disk: one file each, whole or absent.

A shard is a row of arrays in NumPy's ``.npy`` format, one after the other: a header in JSON, hashes of the ids,
the lines, the ids, and what the rules said. What is needed first stands first.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ruletune.errors import Location, Problem
from ruletune.labeling.votes import ABSTAIN
from ruletune.places import sync
from ruletune.rules import Fault

__all__ = [
    "Shard",
    "SpanShard",
    "Tally",
    "read_digests",
    "read_ids",
    "read_shard",
    "read_span_shard",
    "read_tally",
    "shard_path",
    "write_shard",
]


@dataclass(frozen=True, slots=True)
class Tally:
    """What is to be known of a piece as a whole.

    Attributes:
        texts: Rows that are right.
        faults: Rules that failed on some of them.
        problems: What is wrong with the other rows.
        fields: Columns that some row has.
        tired: Conditions, by number, that worked too long on too many of the texts to be tried on others.
    """

    texts: int
    faults: tuple[Fault, ...] = ()
    problems: tuple[Problem, ...] = ()
    fields: tuple[str, ...] = ()
    tired: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Shard:
    """What the rules said about the texts of a piece: labels.

    Attributes:
        ids: Of the texts, in order.
        lines: (texts,) int64: where they stand.
        rows, rules, cells: (cells,) text, rule, and what :attr:`ruletune.labeling.votes.Votes.matrix` has there,
            where that is no abstain; in the order of the texts, then of the rules.
    """

    ids: Sequence[str]
    lines: np.ndarray
    rows: np.ndarray
    rules: np.ndarray
    cells: np.ndarray

    @classmethod
    def of(cls, ids: Sequence[str], lines: Iterable[int], matrix: np.ndarray) -> Shard:
        """From a (texts, rules) matrix of votes."""
        rows, rules = np.nonzero(matrix != ABSTAIN)
        cells = matrix[rows, rules]
        return cls(ids, np.fromiter(lines, dtype=np.int64), rows.astype(np.int32), rules.astype(np.int32), cells)

    @property
    def said(self) -> tuple[np.ndarray, ...]:
        """The arrays of what the rules said."""
        return self.rows, self.rules, self.cells

    def matrix(self, rules: int) -> np.ndarray:
        """(texts, rules) int16, as it was."""
        matrix = np.full((len(self.ids), rules), ABSTAIN, dtype=np.int16)
        matrix[self.rows, self.rules] = self.cells
        return matrix


@dataclass(frozen=True, slots=True)
class SpanShard:
    """What the rules said about the texts of a piece: spans. The texts are kept, too: the label model goes through their words.

    Attributes:
        ids: Of the texts, in order.
        lines: (texts,) int64: where they stand.
        texts: Text and second text (a question) of each.
        votes: (votes, 5) int32: row, rule, start, end and label, as :class:`ruletune.labeling.span_votes.SpanVotes` has them.
    """

    ids: Sequence[str]
    lines: np.ndarray
    texts: Sequence[tuple[str, str | None]]
    votes: np.ndarray

    @property
    def said(self) -> tuple[np.ndarray, ...]:
        """The arrays of the texts and of what the rules said."""
        return np.frombuffer(json.dumps(self.texts).encode(), dtype=np.uint8), self.votes


def shard_path(folder: Path, number: int) -> Path:
    """Where the shard of the piece of this number stands."""
    return folder / f"{number:09d}.shard"


def write_shard(path: Path, fingerprint: str, tally: Tally, shard: Shard | SpanShard, *, hashed: bool) -> None:
    """Write a shard in one step.

    Args:
        fingerprint: Of the piece that it was made from.
        hashed: Whether ids are to be compared with those of other shards.
    """
    header = {
        "fingerprint": fingerprint,
        "texts": tally.texts,
        "faults": [[fault.rule, fault.count, fault.example_id, fault.traceback] for fault in tally.faults],
        "problems": [[p.message, p.where and p.where.file, p.where and p.where.line, p.remedy] for p in tally.problems],
        "fields": tally.fields,
        "tired": tally.tired,
    }
    encoded = [identity.encode("utf-8", "surrogatepass") for identity in shard.ids]
    arrays: list[np.ndarray] = [
        np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        np.fromiter(map(_digest, encoded if hashed else ()), dtype=np.uint64),
        shard.lines,
        np.cumsum([len(identity) for identity in encoded], dtype=np.int64),
        np.frombuffer(b"".join(encoded), dtype=np.uint8),
        *shard.said,
    ]
    content = io.BytesIO()
    for array in arrays:
        np.lib.format.write_array(content, array, allow_pickle=False)
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content.getbuffer())  # NumPy itself does not say why it could not write to a file
            sync(file)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_tally(path: Path) -> tuple[str, Tally] | None:
    """The fingerprint of the piece that a shard was made from, and its tally; ``None`` where there is no shard."""
    try:
        with path.open("rb") as file:
            header = json.loads(_array(file).tobytes())
    except FileNotFoundError:
        return None
    tally = Tally(
        header["texts"],
        tuple(Fault(*fault) for fault in header["faults"]),
        tuple(_problem(*problem) for problem in header["problems"]),
        tuple(header["fields"]),
        tuple(header["tired"]),
    )
    return header["fingerprint"], tally


def read_digests(path: Path) -> np.ndarray:
    """(texts,) uint64 hashes of a shard's ids."""
    with path.open("rb") as file:
        _array(file)
        return _array(file)


def read_ids(path: Path) -> tuple[list[str], np.ndarray]:
    """Ids of a shard's texts, and (texts,) int64 the lines where they stand."""
    with path.open("rb") as file:
        return _texts(file)


def read_shard(path: Path) -> Shard:
    """A shard of labels."""
    with path.open("rb") as file:
        ids, lines = _texts(file)
        return Shard(ids, lines, *(_array(file) for _ in range(3)))


def read_span_shard(path: Path) -> SpanShard:
    """A shard of spans."""
    with path.open("rb") as file:
        ids, lines = _texts(file)
        texts = [(text, second) for text, second in json.loads(_array(file).tobytes())]
        return SpanShard(ids, lines, texts, _array(file))


def _texts(file: IO[bytes]) -> tuple[list[str], np.ndarray]:
    """Ids and lines of the texts; what the rules said comes next."""
    for _ in range(2):
        _array(file)
    lines, ends, joined = (_array(file) for _ in range(3))
    whole, starts = joined.tobytes(), [0, *ends[:-1].tolist()]
    ids = [whole[start:end].decode("utf-8", "surrogatepass") for start, end in zip(starts, ends.tolist(), strict=False)]
    return ids, lines


def _array(file: IO[bytes]) -> np.ndarray:
    array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _digest(identity: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(identity, digest_size=8).digest())


def _problem(message: str, file: str | None, line: int | None, remedy: str | None) -> Problem:
    return Problem(message, None if file is None else Location(file, line), remedy)
