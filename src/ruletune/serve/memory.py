"""What a server that runs for long asks of the C library, so that its memory stays what it needs.

The library keeps what a large request took for the next one: in a heap for each thread, in pieces between others that are still in
use. A server that is asked for large things by one thread after the other ends with a tenth of its memory in such pieces.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

__all__ = ["giving_back", "sparing"]

_HEAPS = 2
"""Heaps that all threads share. Most of the time one thread works at a time, so that they do not wait for each other."""

_LARGE = 1 << 20
"""Bytes from which a piece of memory is no part of a heap, but the system's own, and goes back to it at once."""

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3  # as malloc.h has them

_EVERY = 20.0
"""Seconds between two times; one takes some milliseconds, in which other threads may wait for memory."""


def sparing(*, large: bool) -> None:
    """Let threads share heaps; nothing where the C library cannot, or the environment says otherwise. To be called before there are threads.

    Args:
        large: Keep large things out of heaps, too. That is not for a server that computes with a model all the time: the system
            clears each page before it gives it out, and tensors are large.
    """
    mallopt = _call("mallopt", ctypes.c_int, ctypes.c_int)
    if mallopt is None:
        return
    if "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(_M_ARENA_MAX, _HEAPS)
    if large and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)


@asynccontextmanager
async def giving_back(every: float = _EVERY) -> AsyncIterator[None]:
    """Give back what nobody uses, again and again, as long as the context lasts; nothing where the C library has no such call."""
    trim = _trim()
    if trim is None:
        yield
        return
    task = asyncio.create_task(_again(trim, every))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _again(trim: Callable[..., int], every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await asyncio.to_thread(trim, 0)


def _trim() -> Callable[..., int] | None:
    return _call("malloc_trim", ctypes.c_size_t)


def _call(name: str, *arguments: type) -> Callable[..., int] | None:
    """A function of the GNU C library, the only one that has those above."""
    if sys.platform != "linux":
        return None
    try:
        # Another library may have functions of these names that do nothing.
        found, _ = (getattr(ctypes.CDLL(None), each) for each in (name, "gnu_get_libc_version"))
    except (OSError, AttributeError):
        return None
    found.argtypes, found.restype = arguments, ctypes.c_int
    call: Callable[..., int] = found
    return call
