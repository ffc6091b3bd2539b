"""Vectors of texts, remembered on disk by the hash of the text: what was embedded once is never embedded again.

The cache is a folder of safetensors files a checkpoint. A file is written aside and renamed, so that several processes can
share the folder; one that is damaged is thrown away and its texts are embedded anew. Where nothing can be written (a full
disk, a folder of somebody else's) the work goes on without. Nothing is ever deleted behind the user's back: 10,000 texts of MiniLM take
8 MB as sentences and 31 MB layer by layer, and deleting the folder loses nothing but time.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar, assert_never

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ruletune.models.cache import cache_folder
from ruletune.models.checkpoints import Checkpoint

__all__ = ["View", "cache_folder", "embeddings"]

T = TypeVar("T")
R = TypeVar("R")

View = Literal["sentence", "layers"]
"""What a vector is made of."""

_AT_ONCE = 512
"""Texts of which one process makes vectors at a time."""

_KEY = 16
"""Bytes of a text's hash that are kept."""


def embeddings(
    checkpoint: Checkpoint,
    texts: Sequence[str],
    *,
    view: View = "sentence",
    max_length: int = 128,
    cache: bool = True,
    progress: Callable[[int], None] | None = None,
    map: Map | None = None,
) -> np.ndarray:
    """Vectors of texts as :mod:`ruletune.models.frozen` makes them, from the cache where they are there.

    Args:
        view: ``sentence``: the mean of the last hidden states, for comparing texts; ``layers``: what a linear head reads.
        cache: Read and write the cache. What a hub id stands for may change, so that it is never cached.
        progress: Told how many texts have just been finished.
        map: Where what is not remembered is made, some hundred texts at a time; default here.

    Returns:
        float32 of shape (texts, width), rows of unit length as far as half precision keeps it: cached or not, they are the
        same.
    """
    unique = list(dict.fromkeys(texts))
    keys = [_key(text) for text in unique]
    place = cache_folder() / view / _identity(checkpoint, max_length) if cache and not checkpoint.hub else None
    known = _read(place, set(keys)) if place else {}
    missing = [n for n, key in enumerate(keys) if key not in known]
    if progress and len(unique) > len(missing):
        progress(len(texts) - len(missing))
    if missing:
        make, wanted = Make(checkpoint, view, max_length), [unique[n] for n in missing]
        vectors = make(wanted, progress) if map is None else _spread(make, wanted, progress, map)
        found = vectors.astype(np.float16)
        known |= {keys[n]: vector for n, vector in zip(missing, found, strict=True)}
        if place:
            _write(place, [keys[n] for n in missing], found)
    row = {text: known[key] for text, key in zip(unique, keys, strict=True)}
    return np.stack([row[text] for text in texts]).astype(np.float32) if texts else np.zeros((0, 0), dtype=np.float32)


class Map(Protocol):
    """Results of a function in the order of the items."""

    def __call__(self, fn: Callable[[T], R], items: Iterable[T], /) -> Iterator[R]: ...


@dataclass(frozen=True, slots=True)
class Make:
    """Makes vectors of texts, in whichever process is asked to."""

    checkpoint: Checkpoint
    view: View
    max_length: int

    def __call__(self, texts: list[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        from ruletune.models.frozen import embed, embed_layers  # with PyTorch, which nothing needs that is in the cache

        match self.view:
            case "sentence":
                return embed(self.checkpoint, texts, max_length=self.max_length, progress=progress)
            case "layers":
                return embed_layers(self.checkpoint, texts, max_length=self.max_length, progress=progress)
            case _:
                assert_never(self.view)


def _spread(make: Make, texts: list[str], progress: Callable[[int], None] | None, map: Map) -> np.ndarray:
    """Texts of one length go together, so that little of a batch is padding."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]), reverse=True)
    parts = [order[start : start + _AT_ONCE] for start in range(0, len(order), _AT_ONCE)]
    found: list[np.ndarray] = []
    for vectors in map(make, ([texts[row] for row in part] for part in parts)):
        found.append(vectors)
        if progress:
            progress(len(vectors))
    result = np.empty_like(np.concatenate(found))
    result[order] = np.concatenate(found)
    return result


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_KEY]


def _identity(checkpoint: Checkpoint, max_length: int) -> str:
    """Of everything that an embedding depends on beside its text; weights by size and time of change."""
    digest = hashlib.sha256(f"2 {max_length}".encode())
    for path in sorted(Path(checkpoint.source).rglob("*")):
        if path.is_file():
            stat = path.stat()
            digest.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


def _read(place: Path, wanted: set[bytes]) -> dict[bytes, np.ndarray]:
    found: dict[bytes, np.ndarray] = {}
    for path in sorted(place.glob("*.safetensors")):
        try:
            tensors = load_file(path)
            keys, vectors = tensors["keys"], tensors["vectors"]
            if keys.ndim != 2 or keys.shape[1] != _KEY or keys.dtype != np.uint8 or len(keys) != len(vectors):
                raise ValueError("another layout")
        except (OSError, KeyError, ValueError, SafetensorError):
            with contextlib.suppress(OSError):
                path.unlink()
            continue
        flat = keys.tobytes()
        for row in range(len(keys)):
            key = flat[row * _KEY : (row + 1) * _KEY]
            if key in wanted:
                found[key] = vectors[row]
    return found


def _write(place: Path, keys: Sequence[bytes], vectors: np.ndarray) -> None:
    """A new file beside the others; without an error where there is no room for it."""
    name = secrets.token_hex(8)
    aside = place / f".{name}.tmp"
    table = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, _KEY)
    try:
        place.mkdir(parents=True, exist_ok=True)
        save_file({"keys": table.copy(), "vectors": np.ascontiguousarray(vectors)}, aside)
        aside.replace(place / f"{name}.safetensors")
    except (OSError, SafetensorError):
        with contextlib.suppress(OSError):
            aside.unlink()
