"""Connections that end: uvicorn's, with a limit to how many there are, how long a request may take to begin, and an answer to be read.

Without them a client that opens connections and says nothing, or that does not read what it asked for, holds them for ever.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ruletune.errors import Problem
from ruletune.serve.asgi import problem_value
from ruletune.serve.guarding import safe_headers

__all__ = ["Connection", "Seldom", "most_connections", "quieten"]

_MOST = 2000
"""Connections at a time; one more is ended at once."""

_HEAD = 10.0
"""Seconds within which a client must have said what it wants, since it came or was answered last."""

_STALL = 30.0
"""Seconds for which a client may leave an answer unread."""

_SAID = 60.0
"""Seconds for which nothing that clients do wrong is said again in the log."""


class Connection(H11Protocol):
    """One connection."""

    _head: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            transport.abort()
        else:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop("_head")
        self._stop("_stalled")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._expect()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect()

    def _expect(self) -> None:
        """Count the time while no request is being answered; bytes that come do not begin it anew."""
        if self.transport.is_closing() or (self.cycle is not None and not self.cycle.response_complete):
            self._stop("_head")
        elif self._head is None:
            self._head = self.loop.call_later(_HEAD, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop("_stalled")
        self._stalled = self.loop.call_later(_STALL, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop("_stalled")

    def _stop(self, timer: Literal["_head", "_stalled"]) -> None:
        running: asyncio.TimerHandle | None = getattr(self, timer)
        if running is not None:
            running.cancel()
            setattr(self, timer, None)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as everything is refused. An answer that has begun is broken off: it cannot be taken back."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # what works on an answer is not to send it any more
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps({"problems": [problem_value(Problem("this is no HTTP request"))]}).encode()
            fields = [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
            headers = [*((name.encode(), value.encode()) for name, value in fields), *safe_headers()]
            answer = (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=body),
                h11.EndOfMessage(),
            )
            self.transport.write(b"".join(self.conn.send(event) or b"" for event in answer))
        self.transport.close()


def most_connections() -> int:
    """How many there may be: at most three quarters of the files that the process may open."""
    if sys.platform == "win32":
        return _MOST
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST if files == resource.RLIM_INFINITY else min(_MOST, files * 3 // 4)


class Seldom(logging.Filter):
    """Lets a warning through once in a while, so that nobody can fill a log: they say what clients did wrong, and all the same.

    Args:
        clock: Seconds that pass.
    """

    def __init__(self, *, seconds: float = _SAID, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds, self._clock = seconds, clock
        self._said: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno > logging.WARNING:
            return True
        message, now = str(record.msg), self._clock()
        last, more = self._said.get(message, (-float("inf"), 0))
        if now - last < self._seconds:
            self._said[message] = last, more + 1
            return False
        self._said[message] = now, 0
        if more:
            record.msg = f"{message} (and {more} times more before)"
        return True


def quieten() -> None:
    """Let the server below warn of the same thing only once in a while."""
    logger = logging.getLogger("uvicorn.error")
    if not any(isinstance(each, Seldom) for each in logger.filters):
        logger.addFilter(Seldom())
