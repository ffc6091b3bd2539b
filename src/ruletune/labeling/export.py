"""Votes for other programs: a NumPy matrix, or JSON as WRENCH reads it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from ruletune.data.writing import unwritten, write_lines
from ruletune.errors import Location, UserError
from ruletune.labeling.votes import ABSTAIN, FAULT, Votes
from ruletune.types import Example, Label

__all__ = ["FORMATS", "Exported", "write_votes"]

FORMATS = (".npz", ".npy", ".json")
"""Endings of the file's name, which tell the format."""

_OWN = frozenset({"id", "text", "text_pair", "label", "weak_labels", "data"})
"""Names that have a meaning of their own in WRENCH's JSON: a column of the data cannot have them there."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        files: The file asked for, and those that belong to it.
        texts, rules: Rows and columns of the matrix.
        notes: What the format cannot hold, in sentences.
    """

    files: tuple[Path, ...]
    texts: int
    rules: int
    notes: tuple[str, ...] = ()


def write_votes(path: str | Path, votes: Votes, examples: Sequence[Example]) -> Exported:
    """Write votes in the format that the name ends in; each file appears when it is whole.

    - ``.npz``: arrays ``matrix`` (as :attr:`Votes.matrix`), ``ids``, ``rules``, ``labels``, ``signs`` and ``gold``
      ((texts, labels) int8 in {0, 1}, -1 where unknown). ``numpy.load`` reads it with ``allow_pickle=False``.
    - ``.npy``: the matrix alone; what its rows and columns are stands beside it in ``NAME.npy.json``.
    - ``.json``: as WRENCH has it, with ``label.json`` beside it. Only votes: -1 for an abstain, and for a fault.

    Args:
        examples: The texts that ``votes`` is about, in its order.

    Raises:
        UserError: The name ends otherwise, the file cannot be written, or WRENCH cannot hold it.
    """
    path = Path(path)
    if len(examples) != len(votes.matrix):
        raise ValueError(f"{len(examples)} examples for {len(votes.matrix)} rows of votes")
    match path.suffix.lower():
        case ".npz":
            return _write_npz(path, votes, examples)
        case ".npy":
            return _write_npy(path, votes, examples)
        case ".json":
            return _write_wrench(path, votes, examples)
        case ending:
            remedy = f"end the name in {', '.join(FORMATS)}"
            raise UserError(f"votes cannot be written as {ending or path.name!r}", remedy=remedy)


def _write_npz(path: Path, votes: Votes, examples: Sequence[Example]) -> Exported:
    arrays: dict[str, np.ndarray] = {
        "matrix": votes.matrix,
        "ids": _texts([example.id for example in examples]),
        "rules": _texts([rule.name for rule in votes.rules]),
        "labels": _texts(votes.labels),
        "signs": votes.signs,
        "gold": _gold(examples, votes.labels),
    }
    _replace(path, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))
    return Exported((path,), len(examples), len(votes.rules))


def _write_npy(path: Path, votes: Votes, examples: Sequence[Example]) -> Exported:
    beside = path.with_name(f"{path.name}.json")
    description = {
        "labels": list(votes.labels),
        "rules": [{"name": rule.name, "label": rule.label, "sign": rule.sign} for rule in votes.rules],
        "ids": [example.id for example in examples],
    }
    write_lines(beside, [json.dumps(description, ensure_ascii=False, indent=1) + "\n"])
    _replace(path, lambda file: np.save(file, votes.matrix, allow_pickle=False))
    return Exported((path, beside), len(examples), len(votes.rules))


def _write_wrench(path: Path, votes: Votes, examples: Sequence[Example]) -> Exported:
    names = path.with_name("label.json")
    if path.name == names.name:
        raise UserError("label.json is where WRENCH keeps the labels' names", remedy="call the file train.json")
    if any(isinstance(example.answer, Label) and len(example.answer.names) != 1 for example in examples):
        remedy = "write an .npz file"
        raise UserError("a text of several labels, or of none, cannot be told in WRENCH's JSON", remedy=remedy)
    labels = {str(position): label for position, label in enumerate(votes.labels)}
    _keep_labels(names, labels)
    kept = np.flatnonzero(votes.signs == 1)
    matrix = votes.matrix[:, kept]
    write_lines(path, _wrench_lines(np.maximum(matrix, ABSTAIN), examples, votes.labels))
    write_lines(names, [json.dumps(labels, ensure_ascii=False, indent=1) + "\n"])
    return Exported((path, names), len(examples), len(kept), tuple(_lost(votes, matrix, examples)))


def _keep_labels(path: Path, labels: Mapping[str, str]) -> None:
    """Another task's label.json is not replaced."""
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        there = None
    if there != labels:
        raise UserError("has other labels", where=Location(str(path)), remedy="write into a folder of its own")


def _lost(votes: Votes, matrix: np.ndarray, examples: Sequence[Example]) -> Iterator[str]:
    """What WRENCH's JSON cannot tell."""
    silent = [rule.name for rule in votes.rules if rule.sign != 1]
    if silent:
        yield f"left out {len(silent)} rules that do not vote (vetoes, prompts, helpers): {', '.join(silent[:5])}" + (
            ", ..." if len(silent) > 5 else ""
        )
    faults = int((matrix == FAULT).sum())
    if faults:
        yield f"{faults} faults became abstains"
    dropped = sorted({name for example in examples for name in example.fields if name in _OWN})
    if dropped:
        yield f"left out the columns {', '.join(map(repr, dropped))}, whose names mean something else there"
    unknown = sum(example.answer is None for example in examples)
    if unknown:
        yield f"{unknown} texts without a gold label have the label -1"


def _wrench_lines(matrix: np.ndarray, examples: Sequence[Example], labels: Sequence[str]) -> Iterator[str]:
    index = {label: position for position, label in enumerate(labels)}
    yield "{"
    for row, example in enumerate(examples):
        gold = index[example.answer.names[0]] if isinstance(example.answer, Label) else -1
        data: dict[str, object] = {name: value for name, value in example.fields.items() if name not in _OWN}
        data |= {"text": example.text, "id": example.id}
        if example.text_pair is not None:
            data["text_pair"] = example.text_pair
        entry = {"label": gold, "weak_labels": matrix[row].tolist(), "data": data}
        yield f"{',' if row else ''}\n{json.dumps(str(row))}: {_json(entry)}"
    yield "\n}\n"


def _json(value: object) -> str:
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, default=str)


def _finite(value: Any) -> Any:
    """JSON has no infinite numbers and no NaN: null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case _:
            return value


def _texts(values: Sequence[str]) -> np.ndarray:
    return np.array(values, dtype=np.str_) if values else np.zeros(0, dtype="<U1")


def _gold(examples: Sequence[Example], labels: Sequence[str]) -> np.ndarray:
    """(texts, labels) int8 in {0, 1}; -1 where nobody gave an answer."""
    index = {label: position for position, label in enumerate(labels)}
    gold = np.full((len(examples), len(labels)), -1, dtype=np.int8)
    for row, example in enumerate(examples):
        if isinstance(example.answer, Label):
            gold[row] = 0
            gold[row, [index[name] for name in example.answer.names]] = 1
    return gold


def _replace(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside its place and rename it there when it is whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise unwritten(path, error) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
