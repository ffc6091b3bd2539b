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
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ruletune.serve.asgi import App, Message, Receive, Scope, Send, refuse, values
from ruletune.serve.bodies import body_limit
from ruletune.serve.tokens import bearer_token

__all__ = [
    "POLICY",
    "Guards",
    "crowd_limit",
    "guard",
    "host_check",
    "is_loopback",
    "origin_check",
    "safe_headers",
    "security_headers",
    "time_limit",
]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content security policy where an answer brings none of its own: everything from the server itself, nothing inline."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What :func:`guard` lets through.

    Attributes:
        hosts: Names that the server answers to beside those of loopback; ``*`` is every name.
        origins: Other origins whose pages may send requests, such as ``https://example.org``.
        header: A header, lower case, and its value, that requests which change something must have.
        token: What clients must show; ``None``: nothing.
        open_paths: Paths for which no token is asked.
        requests: Most requests that are answered at a time.
        body: Most bytes of a body.
        bodies: Most bytes of all bodies that are there at a time.
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
    requests: int = 1000
    body: int = 1 << 20
    bodies: int = 128 << 20
    depth: int = 16
    reading: float = 10.0
    seconds: float | None = 60.0
    unhurried: tuple[str, ...] = ()
    policy: str = POLICY


def guard(app: App, guards: Guards) -> App:
    """An application behind all layers: headers, crowds, host, token, origin, body, time.

    Example:
        >>> async def hello(scope, receive, send):
        ...     await send({"type": "http.response.start", "status": 200, "headers": []})
        ...     await send({"type": "http.response.body", "body": b"hello"})
        >>> served = guard(hello, Guards(hosts=("model.example.org",)))
    """
    if guards.seconds is not None:
        app = time_limit(app, seconds=guards.seconds, unhurried=guards.unhurried)
    app = body_limit(
        app, most=guards.body, together=max(guards.body, guards.bodies), depth=guards.depth, seconds=guards.reading
    )
    app = origin_check(app, origins=guards.origins, header=guards.header)
    if guards.token is not None:
        app = bearer_token(app, token=guards.token, open_paths=guards.open_paths)
    app = host_check(app, hosts=guards.hosts)
    app = crowd_limit(app, most=guards.requests)
    return security_headers(app, policy=guards.policy)


def security_headers(app: App, *, policy: str = POLICY) -> App:
    """Add headers that keep a page from being framed, sniffed, stored, or told to load from elsewhere.

    A header that an answer has already is left as it is.
    """
    extra = safe_headers(policy)

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {bytes(name).lower() for name, _ in message.get("headers", ())}
                missing = [(name, value) for name, value in extra if name not in present]
                message = {**message, "headers": [*message.get("headers", ()), *missing]}
            await send(message)

        await app(scope, receive, dressed)

    return layer


def safe_headers(policy: str = POLICY) -> list[tuple[bytes, bytes]]:
    """The headers that every answer has."""
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
    ]


def crowd_limit(app: App, *, most: int) -> App:
    """Refuse requests while so many are being answered (503)."""
    active = 0

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal active
        if scope["type"] == "http" and active >= most:
            remedy = "try again in a moment"
            headers = {"retry-after": "1"}
            await refuse(send, 503, f"{most:,} requests are being answered", remedy=remedy, headers=headers, close=True)
            return
        active += 1
        try:
            await app(scope, receive, send)
        finally:
            active -= 1

    return layer


def host_check(app: App, *, hosts: Iterable[str] = ()) -> App:
    """Refuse requests for another host than loopback and those that are named (403): a foreign name points here."""
    named = {host.casefold().rstrip(".") for host in hosts}

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            given = values(scope, b"host")
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

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "[::1]", "::1]", "0.0.0.0", "127.0.0.1.example.org")]
    [True, True, True, False, False, False]
    """
    name = host.casefold().rstrip(".")
    if name == "localhost":
        return True
    bracketed = re.fullmatch(r"\[([0-9a-f:.]*)\]", name)
    try:
        if bracketed is not None:
            return ipaddress.IPv6Address(bracketed[1]).is_loopback
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def origin_check(app: App, *, origins: Iterable[str] = (), header: tuple[str, str] | None = None) -> App:
    """Refuse requests that may change something and come from a page of another origin, or lack ``header`` (403).

    What has neither ``Origin`` nor ``Sec-Fetch-Site`` is no browser.
    """
    allowed = {_origin(origin) for origin in origins}

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _SAFE:
            own = {f"{scheme}://{host}" for host in values(scope, b"host") for scheme in ("http", "https")}
            known = allowed | {_origin(origin) for origin in own}
            foreign = [origin for origin in values(scope, b"origin") if _origin(origin) not in known]
            if foreign:
                await refuse(send, 403, f"pages of {foreign[0][:200]!r} may not send requests here")
                return
            sites = values(scope, b"sec-fetch-site")
            if any(site in ("cross-site", "same-site") for site in sites) and not values(scope, b"origin"):
                await refuse(send, 403, "pages of another site may not send requests here")
                return
            if header is not None and header[1] not in values(scope, header[0].encode()):
                await refuse(send, 403, f"the request lacks the header {header[0]}: {header[1]}")
                return
        await app(scope, receive, send)

    return layer


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


def _without_port(host: str) -> str:
    """A ``Host`` header's name, in lower case.

    >>> _without_port("LocalHost:8000"), _without_port("[::1]:80"), _without_port("a.b.")
    ('localhost', '[::1]', 'a.b')
    """
    return re.sub(r":[0-9]{0,5}\Z", "", host).casefold().rstrip(".")


def _origin(origin: str) -> str:
    """An origin in the form in which two of the same are equal."""
    scheme, separator, host = origin.casefold().strip().partition("://")
    usual = {"http": ":80", "https": ":443"}.get(scheme)
    return scheme + separator + (host.removesuffix(usual) if usual else host)
