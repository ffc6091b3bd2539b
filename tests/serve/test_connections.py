"""Connections end: those that say nothing, those that do not listen, and those that are too many."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
import uvicorn

from ruletune.serve import connections
from ruletune.serve.asgi import App, Message, Receive, Scope, Send
from ruletune.serve.connections import Connection, Seldom
from ruletune.serve.guarding import Guards, guard
from tests.serve.test_guarding import Answer, Body, ask, echo


async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends more than anybody reads."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(1000):
        await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def talk(app: App, *parts: bytes, read: bool = True) -> bytes:
    """What a server says to bytes until it ends the connection."""

    async def run() -> bytes:
        config = uvicorn.Config(app, log_config=None, lifespan="off", http=Connection, ws="none")
        config.load()
        state = uvicorn.server.ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(config, state, {}), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        said = b""
        try:
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0.02)
            if not read:
                while state.connections:
                    await asyncio.sleep(0.01)
                return b""
            said = await asyncio.wait_for(reader.read(), 20)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()
            server.close()
        assert not state.connections
        return said

    return asyncio.run(run())


def test_a_client_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_HEAD", 0.1)
    assert talk(echo) == b""
    assert talk(echo, *[b"X"] * 4) == b""  # bytes that come do not begin the time anew
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
    assert b"200 OK" in talk(echo, head + b"\r\n{}", b"GET")  # answered once, and then it dawdles


def test_an_answer_that_takes_long_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_HEAD", 0.05)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.3)
        await echo(scope, receive, send)

    assert b"200 OK" in talk(slow, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")


def test_a_client_that_does_not_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_STALL", 0.1)
    assert talk(flood, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", read=False) == b""


def test_one_connection_too_many_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_MOST", 0)
    assert talk(echo, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") == b""


def test_files_that_may_be_opened_bound_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    assert connections.most_connections() == 768
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY,) * 2)
    assert connections.most_connections() == 2000


@pytest.mark.parametrize("raw", [b"\x00\x01\r\n\r\n", b"GET  /  HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_http_is_refused_as_everything_is(raw: bytes) -> None:
    head, _, body = talk(echo, raw).partition(b"\r\n\r\n")
    assert b" 400 " in head and b"content-security-policy" in head and b"application/json" in head
    assert json.loads(body)["problems"][0]["message"] == "this is no HTTP request"


@pytest.mark.parametrize("app", [echo, flood], ids=["waiting for the body", "answering"])
def test_garbage_in_a_body_ends_the_connection_and_nothing_is_logged(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with caplog.at_level(logging.ERROR):
        talk(guard(app, Guards()) if app is echo else app, head, b"zz\r\n")
    assert not caplog.records


def test_a_warning_is_said_once_in_a_while() -> None:
    now = [0.0]
    seldom = Seldom(seconds=60, clock=lambda: now[0])

    def said(message: str, level: int = logging.WARNING) -> str | None:
        record = logging.LogRecord("uvicorn.error", level, "", 0, message, None, None)
        return record.getMessage() if seldom.filter(record) else None

    assert [said("a"), said("a"), said("b"), said("a", logging.ERROR)] == ["a", None, "b", "a"]
    now[0] = 61.0
    assert [said("a"), said("a")] == ["a (and 1 times more before)", None]


# -- layers that bound what is there at a time


def together(app: App, count: int, *, part: bytes) -> list[Answer]:
    """So many requests at a time, each with a body of which the end does not come before all have begun."""

    async def run() -> list[Answer]:
        begun = asyncio.Semaphore(0)

        async def one() -> Answer:
            sent: list[Message] = []
            step = 0

            async def receive() -> Message:
                nonlocal step
                step += 1
                if step == 1:
                    return {"type": "http.request", "body": part, "more_body": True}
                begun.release()
                await asyncio.sleep(0.05)
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message: Message) -> None:
                sent.append(message)

            headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
            scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": headers}
            await app(scope, receive, send)
            return Answer(sent)

        return list(await asyncio.gather(*(one() for _ in range(count))))

    return asyncio.run(run())


def test_requests_at_a_time_are_bounded() -> None:
    app = guard(echo, Guards(requests=2))
    for _ in range(2):  # and there is room again
        assert sorted(answer.status for answer in together(app, 4, part=b"{}")) == [200, 200, 503, 503]


def test_bodies_at_a_time_are_bounded() -> None:
    app = guard(echo, Guards(body=100, bodies=250))
    for _ in range(2):
        found = together(app, 4, part=b"[" + b" " * 98 + b"]")
        assert sorted(answer.status for answer in found) == [200, 200, 503, 503]
        refused = next(answer for answer in found if answer.status == 503)
        assert refused.headers["retry-after"] == "1" and "too much" in refused.problem


def test_hosts_that_only_look_like_loopback() -> None:
    for host in ("::1]", "[::1", "[[::1]]", "[127.0.0.1]", "[::1%lo]", "localhost:99999999999"):
        assert ask(Guards(), host=host).status == 403, host


def test_a_byte_order_mark_is_refused() -> None:
    assert ask(Guards(), Body(b"\xef\xbb\xbf{}")).status == 400
