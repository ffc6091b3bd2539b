"""Memory that nobody uses any more, given back to the system from time to time.

What a large request took, the C library keeps for the next one: in a heap for each thread, in pages between others that are still in
use. A server that runs for long is asked for large things by one thread after the other, until such pages are a tenth of its memory.
"""

from __future__ import annotations

import asyncio
import ctypes
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

__all__ = ["giving_back"]

_EVERY = 20.0
"""Seconds between two times; one takes some milliseconds, in which other threads may wait for memory."""


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


async def _again(trim: Callable[[int], int], every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await asyncio.to_thread(trim, 0)


def _trim() -> Callable[[int], int] | None:
    """``malloc_trim(3)``, which only the GNU C library has."""
    if sys.platform != "linux":
        return None
    try:
        found = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    found.argtypes, found.restype = [ctypes.c_size_t], ctypes.c_int
    trim: Callable[[int], int] = found
    return trim
