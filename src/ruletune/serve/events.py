"""News for pages that listen: server-sent events, of each kind only the newest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

__all__ = ["Hub"]

_BEAT = 15.0
"""Seconds after which a comment is sent where there is no news: what lies between must not think that nobody is there."""

_LISTENERS = 64
"""Pages that may listen at a time."""


class _Mailbox:
    """What one page has not been told yet. A kind of news that comes again replaces the older."""

    def __init__(self) -> None:
        self.news: dict[str, Any] = {}
        self.there = asyncio.Event()

    def put(self, name: str, data: Any) -> None:
        self.news.pop(name, None)
        self.news[name] = data
        self.there.set()

    def take(self) -> dict[str, Any]:
        found, self.news = self.news, {}
        self.there.clear()
        return found


class Hub:
    """Tells all pages that listen. :meth:`tell` may be called from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._boxes: set[_Mailbox] = set()
        self._closed = False

    @property
    def full(self) -> bool:
        return len(self._boxes) >= _LISTENERS

    def open(self) -> None:
        """Begin to tell, in the loop that runs now."""
        self._loop, self._closed = asyncio.get_running_loop(), False

    def close(self) -> None:
        """End all streams; may be called from any thread."""
        self._closed = True

        def wake() -> None:
            for box in self._boxes:
                box.there.set()

        self._soon(wake)

    def tell(self, name: str, data: Any) -> None:
        """Send news to all pages."""

        def put() -> None:
            for box in self._boxes:
                box.put(name, data)

        self._soon(put)

    def _soon(self, work: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)

    async def stream(self, first: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """The events for one page, as they are sent.

        Args:
            first: What it is told at once.
        """
        box = _Mailbox()
        self._boxes.add(box)
        try:
            for name, data in first.items():
                box.put(name, data)
            while not self._closed:
                try:
                    async with asyncio.timeout(_BEAT):
                        await box.there.wait()
                except TimeoutError:
                    yield b": still here\n\n"
                for name, data in box.take().items():
                    yield event(name, data)
        finally:
            self._boxes.discard(box)


def event(name: str, data: Any) -> bytes:
    r"""One event as it is sent.

    >>> event("state", {"revision": "1"})
    b'event: state\ndata: {"revision": "1"}\n\n'
    """
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, allow_nan=False)}\n\n".encode()
