"""Batches that do not fit into memory: they are halved, and the work goes on.

Nothing else changes by that: gradients of parts add up to those of the batch, and a text is answered the same beside few others as
beside many, but for rounding. Who listens is told; where nobody does, it is logged.
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import numpy as np

from ruletune.errors import RuletuneError

__all__ = ["explained", "fitting", "half", "ran_out", "telling"]

T = TypeVar("T")

_SIGNS = ("DefaultCPUAllocator", "can't allocate memory", "Failed to allocate memory", "out of memory")
"""What the messages of PyTorch and of ONNX Runtime have in them, which raise errors of several types."""

_REMEDY = "lower model.max_length, name a smaller model.checkpoint, or end what else uses memory"

_listening: ContextVar[Callable[[str], None] | None] = ContextVar("listening", default=None)


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there was no memory left.

    >>> ran_out(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes"))
    True
    >>> ran_out(RuntimeError("shapes do not match")), ran_out(MemoryError())
    (False, True)
    """
    # Not by class: where ONNX Runtime answers, PyTorch is not imported.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return not isinstance(error, OSError | RuletuneError) and any(sign in str(error) for sign in _SIGNS)


@contextmanager
def telling(listener: Callable[[str], None]) -> Iterator[None]:
    """Whoever has batches halved inside tells the listener, in a sentence without a final stop."""
    before = _listening.set(listener)
    try:
        yield
    finally:
        _listening.reset(before)


def half(rows: int, *, what: str) -> int:
    """Half of a batch that did not fit, and what is left of it is freed.

    Args:
        what: Was being done, such as ``training``.

    Raises:
        RuletuneError: It was a single text.
    """
    if rows <= 1:
        raise RuletuneError(f"memory ran out while {what}, with one text at a time; {_REMEDY}")
    free()
    said = f"memory ran out while {what} with {rows} texts at a time: it goes on with {rows // 2}"
    listener = _listening.get()
    if listener is None:
        logging.getLogger("ruletune").warning(said)
    else:
        listener(said)
    return rows // 2


def fitting(
    batches: Iterable[np.ndarray], ask: Callable[[np.ndarray], T], *, what: str
) -> Iterator[tuple[np.ndarray, T]]:
    """Rows, and what is made of them, batch by batch; one that does not fit is halved, and so are those behind it.

    >>> def ask(rows):
    ...     if len(rows) > 2:
    ...         raise MemoryError
    ...     return int(rows.sum())
    >>> with telling(print):
    ...     [made for _, made in fitting([np.arange(4), np.arange(3)], ask, what="adding")]
    memory ran out while adding with 4 texts at a time: it goes on with 2
    [1, 5, 1, 2]

    Raises:
        RuletuneError: A single text does not fit.
    """
    most = sys.maxsize
    for batch in batches:
        start = 0
        while start < len(batch):
            rows = batch[start : start + most]
            try:
                made = ask(rows)
            except Exception as error:
                if not ran_out(error):
                    raise
            else:
                yield rows, made
                start += len(rows)
                continue
            most = half(len(rows), what=what)  # here the error is gone, and with it what it held in memory


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Says what to do where memory runs out and there is nothing to halve.

    Raises:
        RuletuneError: It did.
    """
    try:
        yield
    except Exception as error:
        if not ran_out(error):
            raise
        raise RuletuneError(f"memory ran out while {what}; {_REMEDY}") from error


def free() -> None:
    """Give back what nobody uses any more, before the next try."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
