"""Look at a checkpoint's files before anything loads them: weights are safetensors of sane size, and nothing leads elsewhere.

A safetensors file is a header in JSON and bytes; reading one runs nothing. What can still go wrong is its size: a header may
name millions of tensors, or ask for more memory than there is.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from ruletune.errors import RuletuneError

__all__ = ["check_folder", "check_weights"]

_LONGEST_HEADER = 16 << 20
"""Bytes; a header has about 100 for each tensor."""

_MOST_TENSORS = 100_000

_MOST_DIMENSIONS = 8

_INDEX = "model.safetensors.index.json"
_WEIGHTS = "model.safetensors"


def check_folder(folder: Path) -> None:
    """Refuse a checkpoint folder whose weights are no safetensors, or that sends whoever loads it elsewhere.

    Raises:
        RuletuneError: It is so.
    """
    if (folder / "adapter_config.json").exists():
        # Transformers would go and load the model that this file names, from wherever that is.
        raise RuletuneError(f"{folder}: an adapter names another model to load; merge the two, and name the result")
    index = folder / _INDEX
    names = [_WEIGHTS] if (folder / _WEIGHTS).exists() else []
    if index.exists():
        names = _shards(index)
    if not names and any((folder / name).exists() for name in ("pytorch_model.bin", "pytorch_model.bin.index.json")):
        raise RuletuneError(f"{folder}: its weights are a pickle, which can run code; convert them to safetensors")
    for name in names:
        check_weights(folder / name)


def _shards(index: Path) -> list[str]:
    """The files that an index names, all of them beside it."""
    try:
        if index.stat().st_size > _LONGEST_HEADER:
            raise RuletuneError(f"{index}: too large for an index of weights")
        found: Any = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = sorted(set(found.values()))
        plain = all(isinstance(name, str) and Path(name).name == name for name in names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RuletuneError(f"{index}: damaged: {str(error)[:200] or type(error).__name__}") from error
    if not plain:
        raise RuletuneError(f"{index}: it names weights outside of its folder")
    return names


def check_weights(path: Path) -> None:
    """Read the header of a safetensors file, and whether it fits the file.

    Raises:
        RuletuneError: It does not, or is larger than any that is meant.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
            if not 2 <= length <= min(size - 8, _LONGEST_HEADER):
                raise RuletuneError(f"{path}: damaged weights: a header of {length} bytes in a file of {size}")
            header: Any = json.loads(file.read(length))
    except (OSError, ValueError, RecursionError) as error:
        raise RuletuneError(f"{path}: damaged weights: {str(error)[:200] or type(error).__name__}") from error
    if not isinstance(header, dict) or len(header) > _MOST_TENSORS:
        raise RuletuneError(f"{path}: damaged weights: the header names no tensors, or more than {_MOST_TENSORS}")
    room = size - 8 - length
    for name, tensor in header.items():
        if name != "__metadata__" and not _sound(tensor, room):
            raise RuletuneError(f"{path}: damaged weights: the tensor {name[:80]!r} does not lie in the file")


def _sound(tensor: Any, room: int) -> bool:
    """Whether an entry of a header has a shape, and a place in the file."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("dtype"), str):
        return False
    shape, offsets = tensor.get("shape"), tensor.get("data_offsets")
    if not isinstance(shape, list) or len(shape) > _MOST_DIMENSIONS or not all(map(_count, shape)):
        return False
    return (
        isinstance(offsets, list)
        and len(offsets) == 2
        and all(map(_count, offsets))
        and offsets[0] <= offsets[1] <= room
    )


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
