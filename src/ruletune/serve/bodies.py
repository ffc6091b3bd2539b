"""Bodies of requests, read before the application does: what is too long, too slow, too deep, or no JSON is refused."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator

from ruletune.serve.asgi import App, Message, Receive, Scope, Send, refuse, values

__all__ = ["body_limit"]

_LINGER = 8
"""So many times the longest body are read and dropped, for at most a second, so that the client hears why."""


def body_limit(app: App, *, most: int, together: int, depth: int, seconds: float) -> App:
    """Read bodies before the application does, and refuse what is too long, too deep, too slow, or not JSON in UTF-8.

    Args:
        most: Bytes. What is longer is refused (413). No more than that is ever kept, and no more than eight times as
            much taken off the wire: most clients hear an answer only after they have sent everything.
        together: Bytes of all bodies that are there at a time. What would be more is refused (503).
        depth: Levels of arrays and objects; parsers recurse (422).
        seconds: A body that takes longer to come is given up (408).
    """

    held = _Held(most, together)

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        lengths = values(scope, b"content-length")
        if len(set(lengths)) > 1 or not all(re.fullmatch(r"[0-9]{1,18}", length) for length in lengths):
            await refuse(send, 400, "the Content-Length header is not a number", close=True)
            return
        if lengths and int(lengths[0]) > most:
            if int(lengths[0]) <= _LINGER * most and not values(scope, b"expect"):
                await _discard(receive, _LINGER * most)
            await _too_long(send, most)
            return
        with held.part() as part:
            try:
                async with asyncio.timeout(seconds):
                    body = await _read(receive, part)
            except TimeoutError:
                await refuse(send, 408, f"the request's body did not come within {seconds:g} s", close=True)
                return
            except _CrowdedError:
                await _too_many(send)
                return
            except _TooLongError:
                await _discard(receive, _LINGER * most)
                await _too_long(send, most)
                return
            if body is None:
                return  # nobody is there to hear an answer
            if lengths and int(lengths[0]) != len(body):
                await refuse(send, 400, "the body is not as long as the Content-Length header says", close=True)
                return
            wrong = _wrong_body(scope, body, depth) if body else None
            if wrong is not None:
                await refuse(send, wrong[0], wrong[1])
                return
            await app(scope, _replay(body, receive), send)

    return layer


class _TooLongError(Exception):
    """A body is longer than is read."""


class _CrowdedError(Exception):
    """All bodies together are longer than is kept."""


class _Held:
    """How much is kept of all bodies that are there."""

    def __init__(self, most: int, together: int) -> None:
        self.most, self.together, self.size = most, together, 0

    @contextlib.contextmanager
    def part(self) -> Iterator[Callable[[int], None]]:
        """What counts the bytes of one body, until it is done with."""
        own = 0

        def grow(more: int) -> None:
            nonlocal own
            if own + more > self.most:
                raise _TooLongError
            if self.size + more > self.together:
                raise _CrowdedError
            own += more
            self.size += more

        try:
            yield grow
        finally:
            self.size -= own


async def _read(receive: Receive, grow: Callable[[int], None]) -> bytes | None:
    """The whole body; ``None`` where the client has gone."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        grow(len(part))
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _discard(receive: Receive, most: int) -> None:
    """Drop what still comes, so much of it and for a second at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            while most > 0:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                most -= len(message.get("body", b""))


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read once more, and then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _too_long(send: Send, most: int) -> None:
    await refuse(
        send, 413, f"the request's body is longer than {most:,} bytes", remedy="send fewer texts at a time", close=True
    )


async def _too_many(send: Send) -> None:
    headers = {"retry-after": "1"}
    message = "too much is being sent to this server at a time"
    await refuse(send, 503, message, remedy="try again in a moment", headers=headers, close=True)


def _wrong_body(scope: Scope, body: bytes, depth: int) -> tuple[int, str] | None:
    """Status and message for a body that is not JSON as it should be; ``None`` where nothing can be said against it."""
    kinds = [value.partition(";")[0].strip().casefold() for value in values(scope, b"content-type")]
    if kinds != ["application/json"]:
        return 415, "a body must be JSON with the header Content-Type: application/json"
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return 400, f"the body is not UTF-8 (byte {error.start})"
    if body.startswith(b"\xef\xbb\xbf"):
        return 400, "the body begins with a byte order mark"
    if b"\0" in body:
        return 400, "the body has a NUL byte"
    if _deeper(body, depth):
        return 422, f"the body nests deeper than {depth} levels"
    return None


# A string that is not closed reaches to the end: nothing is looked at twice.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


def _deeper(body: bytes, depth: int) -> bool:
    """Whether JSON nests deeper, found without parsing it."""
    if body.count(b"[") + body.count(b"{") <= depth:
        return False
    level = 0
    for token in _TOKEN.finditer(body):
        match token[0]:
            case b"[" | b"{":
                level += 1
                if level > depth:
                    return True
            case b"]" | b"}":
                level -= 1
    return False
