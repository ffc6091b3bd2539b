"""What stands before a web application: layers that refuse requests which should not reach it.

Each layer is a plain ASGI application around another one and knows nothing of what is served. :func:`guard` puts all of
them in order. A refusal is JSON, ``{"problems": [{"message", "file", "line", "remedy"}]}``, as the command line's errors.

A server on loopback is within reach of every web page that its user opens: a page may send requests to ``localhost``
(cross-site request forgery), and may give its own name the address 127.0.0.1 (DNS rebinding). The first is met by looking
at ``Origin``, ``Sec-Fetch-Site``, the content type and a header that only scripts of the same origin can set; the second by
looking at ``Host``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
import ipaddress
import json
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruletune.errors import Location, Problem, UserError

__all__ = [
    "POLICY",
    "TOKEN_VARIABLE",
    "App",
    "Guards",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "bearer_token",
    "body_limit",
    "guard",
    "host_check",
    "is_loopback",
    "origin_check",
    "problem_value",
    "read_token",
    "refuse",
    "security_headers",
    "time_limit",
]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN_VARIABLE = "RULETUNE_TOKEN"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content security policy where an answer brings none of its own: everything from the server itself, nothing inline."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

_SHORTEST_TOKEN = 16

_LINGER = 8
"""So many times the longest body are read and dropped, for at most a second, so that the client hears why."""

_BEARER = 'Bearer realm="ruletune", Basic realm="ruletune", charset="UTF-8"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What :func:`guard` lets through.

    Attributes:
        hosts: Names that the server answers to beside those of loopback; ``*`` is every name.
        origins: Other origins whose pages may send requests, such as ``https://example.org``.
        header: A header, lower case, and its value, that requests which change something must have.
        token: What clients must show; ``None``: nothing.
        open_paths: Paths for which no token is asked.
        body: Most bytes of a body.
        depth: Deepest nesting of JSON.
        reading: Seconds within which a body must be there.
        seconds: Seconds within which an answer must have begun; ``None``: no limit.
        unhurried: Paths that take as long as they take, such as streams of events.
        policy: Content security policy of answers that have none.
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    header: tuple[str, str] | None = None
    token: str | None = None
    open_paths: tuple[str, ...] = ()
    body: int = 1 << 20
    depth: int = 16
    reading: float = 10.0
    seconds: float | None = 60.0
    unhurried: tuple[str, ...] = ()
    policy: str = POLICY


def guard(app: App, guards: Guards) -> App:
    """An application behind all layers: headers, host, token, origin, body, time.

    Example:
        >>> async def hello(scope, receive, send):
        ...     await send({"type": "http.response.start", "status": 200, "headers": []})
        ...     await send({"type": "http.response.body", "body": b"hello"})
        >>> served = guard(hello, Guards(hosts=("model.example.org",)))
    """
    if guards.seconds is not None:
        app = time_limit(app, seconds=guards.seconds, unhurried=guards.unhurried)
    app = body_limit(app, most=guards.body, depth=guards.depth, seconds=guards.reading)
    app = origin_check(app, origins=guards.origins, header=guards.header)
    if guards.token is not None:
        app = bearer_token(app, token=guards.token, open_paths=guards.open_paths)
    app = host_check(app, hosts=guards.hosts)
    return security_headers(app, policy=guards.policy)


def security_headers(app: App, *, policy: str = POLICY) -> App:
    """Add headers that keep a page from being framed, sniffed, stored, or told to load from elsewhere.

    A header that an answer has already is left as it is.
    """
    extra = [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
    ]

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {bytes(name).lower() for name, _ in message.get("headers", ())}
                missing = [(name, value) for name, value in extra if name not in present]
                message = {**message, "headers": [*message.get("headers", ()), *missing]}
            await send(message)

        await app(scope, receive, dressed)

    return layer


def host_check(app: App, *, hosts: Iterable[str] = ()) -> App:
    """Refuse requests for another host than loopback and those that are named (403): a foreign name points here."""
    named = {host.casefold().rstrip(".") for host in hosts}

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            given = _values(scope, b"host")
            if len(given) != 1:
                await refuse(send, 400, "a request needs one Host header")
                return
            name = _without_port(given[0])
            if "*" not in named and name not in named and not is_loopback(name):
                remedy = "ask for it by a loopback name, or start the server with this host allowed"
                await refuse(send, 403, f"this server does not answer to the host {name[:200]!r}", remedy=remedy)
                return
        await app(scope, receive, send)

    return layer


def is_loopback(host: str) -> bool:
    """Whether a name or an address, without a port, means this machine to every resolver.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "[::1]", "0.0.0.0", "127.0.0.1.example.org")]
    [True, True, True, False, False]
    """
    name = host.casefold().rstrip(".")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def origin_check(app: App, *, origins: Iterable[str] = (), header: tuple[str, str] | None = None) -> App:
    """Refuse requests that may change something and come from a page of another origin, or lack ``header`` (403).

    What has neither ``Origin`` nor ``Sec-Fetch-Site`` is no browser.
    """
    allowed = {_origin(origin) for origin in origins}

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _SAFE:
            own = {f"{scheme}://{host}" for host in _values(scope, b"host") for scheme in ("http", "https")}
            known = allowed | {_origin(origin) for origin in own}
            foreign = [origin for origin in _values(scope, b"origin") if _origin(origin) not in known]
            if foreign:
                await refuse(send, 403, f"pages of {foreign[0][:200]!r} may not send requests here")
                return
            sites = _values(scope, b"sec-fetch-site")
            if any(site in ("cross-site", "same-site") for site in sites) and not _values(scope, b"origin"):
                await refuse(send, 403, "pages of another site may not send requests here")
                return
            if header is not None and header[1] not in _values(scope, header[0].encode()):
                await refuse(send, 403, f"the request lacks the header {header[0]}: {header[1]}")
                return
        await app(scope, receive, send)

    return layer


def bearer_token(app: App, *, token: str, open_paths: Iterable[str] = ()) -> App:
    """Refuse requests that do not show the token (401), as ``Bearer`` or as the password of ``Basic`` for browsers.

    All tokens take the same time to compare.
    """
    expected, free = token.encode(), frozenset(open_paths)

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in free:
            shown = [_shown(value) for value in _values(scope, b"authorization")]
            if len(shown) != 1 or not hmac.compare_digest(shown[0], expected):
                remedy = "send the header Authorization: Bearer TOKEN"
                headers = {"www-authenticate": _BEARER}
                await refuse(send, 401, "the request shows no valid token", remedy=remedy, headers=headers)
                return
        await app(scope, receive, send)

    return layer


def _shown(value: str) -> bytes:
    """The token in an ``Authorization`` header, empty where there is none."""
    scheme, _, rest = value.partition(" ")
    match scheme.casefold():
        case "bearer":
            return rest.strip().encode("latin-1")
        case "basic":
            try:
                return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return b""
        case _:
            return b""


def read_token(file: Path | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The token of a file, its first line; else that of the environment variable ``RULETUNE_TOKEN``; else ``None``.

    It is never part of a message.

    Raises:
        UserError: The file cannot be read, or the token is too short to be one.
    """
    if file is not None:
        where: Location | None = Location(str(file))
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"the token cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}", where=where
            ) from None
        token = lines[0].strip() if lines else ""
    elif TOKEN_VARIABLE in environ:
        where, token = None, environ[TOKEN_VARIABLE].strip()
    else:
        return None
    if len(token) < _SHORTEST_TOKEN or not (token.isascii() and token.isprintable()) or " " in token:
        source = "the token" if file is not None else f"the token in {TOKEN_VARIABLE}"
        remedy = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        raise UserError(
            f"{source} is not one of at least {_SHORTEST_TOKEN} ASCII characters without a space",
            where=where,
            remedy=remedy,
        )
    return token


def body_limit(app: App, *, most: int, depth: int, seconds: float) -> App:
    """Read bodies before the application does, and refuse what is too long, too deep, too slow, or not JSON in UTF-8.

    Args:
        most: Bytes. What is longer is refused (413). No more than that is ever kept, and no more than eight times as
            much taken off the wire: most clients hear an answer only after they have sent everything.
        depth: Levels of arrays and objects; parsers recurse (422).
        seconds: A body that takes longer to come is given up (408).
    """

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        lengths = _values(scope, b"content-length")
        if len(set(lengths)) > 1 or not all(re.fullmatch(r"[0-9]{1,18}", length) for length in lengths):
            await refuse(send, 400, "the Content-Length header is not a number", close=True)
            return
        if lengths and int(lengths[0]) > most:
            if int(lengths[0]) <= _LINGER * most and not _values(scope, b"expect"):
                await _discard(receive, _LINGER * most)
            await _too_long(send, most)
            return
        try:
            async with asyncio.timeout(seconds):
                body = await _read(receive, most)
        except TimeoutError:
            await refuse(send, 408, f"the request's body did not come within {seconds:g} s", close=True)
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


async def _read(receive: Receive, most: int) -> bytes | None:
    """The whole body; ``None`` where the client has gone."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _TooLongError
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


def _wrong_body(scope: Scope, body: bytes, depth: int) -> tuple[int, str] | None:
    """Status and message for a body that is not JSON as it should be; ``None`` where nothing can be said against it."""
    kinds = [value.partition(";")[0].strip().casefold() for value in _values(scope, b"content-type")]
    if kinds != ["application/json"]:
        return 415, "a body must be JSON with the header Content-Type: application/json"
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return 400, f"the body is not UTF-8 (byte {error.start})"
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


def time_limit(app: App, *, seconds: float, unhurried: Iterable[str] = ()) -> App:
    """Give up an answer that has not begun after so many seconds (504); what was doing it is cancelled."""
    exempt = frozenset(unhurried)

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in exempt:
            await app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            if not begun and not limit.expired():
                limit.reschedule(None)
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(seconds) as limit:
                await app(scope, receive, watched)
        except TimeoutError:
            if begun or not limit.expired():
                raise
            await refuse(send, 504, f"there was no answer within {seconds:g} s")

    return layer


def problem_value(problem: Problem) -> dict[str, Any]:
    """A problem as it is sent."""
    where = problem.where
    return {
        "message": problem.message,
        "file": where.file if where else None,
        "line": where.line if where else None,
        "remedy": problem.remedy,
    }


async def refuse(
    send: Send,
    status: int,
    message: str,
    *,
    remedy: str | None = None,
    headers: Mapping[str, str] | None = None,
    close: bool = False,
) -> None:
    """Answer with one problem.

    Args:
        close: End the connection, too: the rest of the body is not read.
    """
    body = json.dumps({"problems": [problem_value(Problem(message, remedy=remedy))]}, ensure_ascii=False).encode()
    fields = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    if close:
        fields["connection"] = "close"
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _values(scope: Scope, name: bytes) -> list[str]:
    """All values of a header."""
    return [bytes(value).decode("latin-1").strip() for key, value in scope["headers"] if bytes(key).lower() == name]


def _without_port(host: str) -> str:
    """A ``Host`` header's name, in lower case.

    >>> _without_port("LocalHost:8000"), _without_port("[::1]:80"), _without_port("a.b.")
    ('localhost', '[::1]', 'a.b')
    """
    return re.sub(r":[0-9]*\Z", "", host).casefold().rstrip(".")


def _origin(origin: str) -> str:
    """An origin in the form in which two of the same are equal."""
    scheme, separator, host = origin.casefold().strip().partition("://")
    usual = {"http": ":80", "https": ":443"}.get(scheme)
    return scheme + separator + (host.removesuffix(usual) if usual else host)
