"""Layers before an application: what they let through, what they refuse, and how little of it they read."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from ruletune.errors import UserError
from ruletune.serve.asgi import App, Message, Receive, Scope, Send
from ruletune.serve.guarding import POLICY, Guards, guard, is_loopback, security_headers
from ruletune.serve.tokens import read_token

TOKEN = "a-token-that-is-long-enough"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends the body back."""
    body, more = b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


class Answer:
    """What an application sent."""

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages
        self.begun = bool(messages)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def problem(self) -> str:
        [problem] = json.loads(self.body)["problems"]
        assert set(problem) == {"message", "file", "line", "remedy"}
        return str(problem["message"])


class Body:
    """A body in parts that counts how many were taken; ``None`` in place of a part is a client that sends no more."""

    def __init__(self, *parts: bytes | None, gone: bool = False) -> None:
        self.parts, self.taken, self.gone = list(parts) or [b""], 0, gone

    async def receive(self) -> Message:
        if self.taken == len(self.parts):
            return {"type": "http.disconnect"}
        part = self.parts[self.taken]
        if part is None:
            await asyncio.Event().wait()
        self.taken += 1
        more = self.gone or self.taken < len(self.parts)
        return {"type": "http.request", "body": part, "more_body": more}


def ask(
    guards: Guards,
    body: Body | bytes = b"",
    *,
    app: App = echo,
    method: str = "POST",
    path: str = "/predict",
    host: str | None = "localhost:8000",
    headers: tuple[tuple[str, str], ...] = (),
    json_type: bool = True,
) -> Answer:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    fields = [("host", host)] if host is not None else []
    if json_type:
        fields.append(("content-type", "application/json"))
    raw = [(name.encode(), value.encode("latin-1")) for name, value in (*fields, *headers)]
    scope = {"type": "http", "method": method, "path": path, "headers": raw}
    source = body if isinstance(body, Body) else Body(body)
    asyncio.run(guard(app, guards)(scope, source.receive, send))
    return Answer(sent)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "localhost.", "127.0.0.1:8000", "127.8.9.1", "[::1]:8000"]
)
def test_loopback_hosts_are_answered(host: str) -> None:
    assert ask(Guards(), b"{}", host=host).body == b"{}"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example:8000",
        "localhost.evil.example",
        "0.0.0.0",
        "192.168.0.9",
        "",
        "[::2]",
        "例子.cn".encode().decode("latin-1"),
    ],
)
def test_other_hosts_are_refused(host: str) -> None:
    answer = ask(Guards(), b"{}", host=host)
    assert answer.status == 403
    assert "does not answer to the host" in answer.problem


def test_named_hosts_are_answered_and_a_star_is_all() -> None:
    assert ask(Guards(hosts=("Model.example.org",)), host="model.example.org:443").status == 200
    assert ask(Guards(hosts=("model.example.org",)), host="other.example.org").status == 403
    assert ask(Guards(hosts=("*",)), host="anything.example").status == 200


def test_a_request_has_one_host() -> None:
    assert ask(Guards(), host=None).status == 400
    assert ask(Guards(), headers=(("host", "evil.example"),)).status == 400


def test_web_sockets_are_closed() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "headers": [(b"host", b"localhost")]}
    asyncio.run(guard(echo, Guards())(scope, Body().receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((), 200),
        ((("origin", "http://localhost:8000"),), 200),
        ((("origin", "https://localhost:8000"), ("sec-fetch-site", "same-origin")), 200),
        ((("origin", "https://ui.example"), ("sec-fetch-site", "cross-site")), 200),
        ((("origin", "http://localhost:9000"),), 403),
        ((("origin", "http://localhost:8000.evil.example"),), 403),
        ((("origin", "null"),), 403),
        ((("origin", ""),), 403),
        ((("sec-fetch-site", "cross-site"),), 403),
        ((("sec-fetch-site", "same-site"),), 403),
        ((("origin", "http://localhost:8000"), ("origin", "http://evil.example")), 403),
    ],
)
def test_pages_of_other_origins_may_not_send(headers: tuple[tuple[str, str], ...], status: int) -> None:
    guards = Guards(origins=("https://ui.example:443",))
    assert ask(guards, b"{}", headers=headers).status == status


def test_what_changes_nothing_needs_no_origin() -> None:
    guards = Guards(header=("x-ruletune", "1"))
    assert ask(guards, method="GET", headers=(("origin", "http://evil.example"),)).status == 200
    for method in ("POST", "PUT", "PATCH", "DELETE", "ODD"):
        assert ask(guards, method=method).status == 403
        assert ask(guards, method=method, headers=(("x-ruletune", "0"),)).status == 403
        assert ask(guards, method=method, headers=(("x-ruletune", "1"),)).status == 200


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        ((f"Bearer {TOKEN}",), 200),
        ((f"bearer  {TOKEN} ",), 200),
        ((basic(TOKEN),), 200),
        ((), 401),
        (("Bearer",), 401),
        (("Bearer wrong",), 401),
        ((f"Bearer {TOKEN}x",), 401),
        ((TOKEN,), 401),
        (("Basic %%%",), 401),
        ((basic(""),), 401),
        (("Bearer é",), 401),
        ((f"Bearer {TOKEN}", "Bearer wrong"), 401),
    ],
)
def test_a_token_is_asked_for(shown: tuple[str, ...], status: int) -> None:
    guards = Guards(token=TOKEN, open_paths=("/health/live",))
    headers = tuple(("authorization", value) for value in shown)
    answer = ask(guards, b"{}", headers=headers)
    assert answer.status == status
    assert TOKEN not in str(answer.messages) or status == 200
    if status == 401:
        assert "Bearer" in answer.headers["www-authenticate"]
    assert ask(guards, path="/health/live", headers=headers).status == 200


def test_a_token_comes_from_a_file_or_the_environment(write: Callable[..., Path]) -> None:
    assert read_token(None, {}) is None
    assert read_token(None, {"RULETUNE_TOKEN": f" {TOKEN}\n"}) == TOKEN
    assert read_token(write("token", f"{TOKEN}\nmore\n"), {"RULETUNE_TOKEN": "x"}) == TOKEN


@pytest.mark.parametrize(
    "content", [b"", b"short", b"\xff\xfe" * 20, "ü".encode() * 20, b"two words " * 5, b"tab\there" * 5]
)
def test_a_token_that_is_none_is_refused_and_never_shown(content: bytes, write: Callable[..., Path]) -> None:
    path = write("token", content)
    with pytest.raises(UserError) as caught:
        read_token(path, {})
    message = str(caught.value).replace(str(path), "")
    assert not content or content.decode("latin-1") not in message


def test_a_missing_token_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_token(tmp_path / "none", {})


def test_a_body_comes_through_in_any_number_of_parts() -> None:
    assert ask(Guards(), Body(b'{"a"', b"", b": 1}")).body == b'{"a": 1}'
    assert ask(Guards(body=8), Body(b'{"a"', b": 1}"), headers=(("content-length", "8"),)).status == 200


def test_a_body_that_says_that_it_is_far_too_long_is_not_read() -> None:
    body = Body(b"{}" * 100)
    answer = ask(Guards(body=10), body, headers=(("content-length", "200"),))
    assert (answer.status, body.taken) == (413, 0)
    assert answer.headers["connection"] == "close"


def test_a_body_a_little_too_long_is_taken_so_that_its_sender_hears_the_answer() -> None:
    body = Body(*[b"12345"] * 4)
    assert ask(Guards(body=10), body, headers=(("content-length", "20"),)).status == 413
    assert body.taken == 4
    waiting = Body(*[b"12345"] * 4)
    headers = (("content-length", "20"), ("expect", "100-continue"))
    assert ask(Guards(body=10), waiting, headers=headers).status == 413
    assert waiting.taken == 0


def test_a_body_that_says_nothing_or_lies_is_not_read_for_ever() -> None:
    for headers in ((), (("content-length", "5"),)):
        body = Body(*[b"12345"] * 1000)
        assert ask(Guards(body=10), body, headers=headers).status == 413
        assert body.taken == 3 + 16


@pytest.mark.parametrize("length", ["-1", "1e9", "abc", "", "٣", "9" * 40, "2, 2"])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    raw = length.encode().decode("latin-1")
    assert ask(Guards(), b"{}", headers=(("content-length", raw),)).status == 400


def test_a_body_shorter_than_it_says_is_refused() -> None:
    assert ask(Guards(), b"{}", headers=(("content-length", "7"),)).status == 400


def test_a_slow_body_is_given_up() -> None:
    answer = ask(Guards(reading=0.02), Body(b"{", None))
    assert answer.status == 408
    assert "0.02 s" in answer.problem


def test_a_client_that_goes_is_not_answered() -> None:
    assert not ask(Guards(), Body(b"{", gone=True)).begun


@pytest.mark.parametrize(
    "body", [b'{"text": "\xff"}', b"\xed\xa0\x80", '{"text": "é"}'.encode("latin-1"), '{"a": 1}'.encode("utf-16")]
)
def test_a_body_is_utf8(body: bytes) -> None:
    assert ask(Guards(), body).status == 400


def test_a_body_is_said_to_be_json() -> None:
    assert ask(Guards(), b"{}", json_type=False).status == 415
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        assert ask(Guards(), b"{}", json_type=False, headers=(("content-type", kind),)).status == 415
    kind = "Application/JSON; charset=utf-8"
    assert ask(Guards(), b"{}", json_type=False, headers=(("content-type", kind),)).status == 200
    assert ask(Guards(), b"", json_type=False).status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[[[1]]]", 200),
        (b"[[[[1]]]]", 422),
        (b'{"a": {"b": [{}]}}', 422),
        (b"[[[1]], [[2]], [[3]], [[4]]]", 200),
        (b'["[[[[[[", "{{{{"]', 200),
        (rb'["\"[[[[[["]', 200),
        (rb'["\\", [[[[]]]]]', 422),
        (b'["' + b'\\"[' * 200_000, 200),
        (b"[" * 500_000, 422),
        (b'{"a":' * 100_000, 422),
        (f'["{"[" * 50}文😀"]'.encode(), 200),
    ],
)
def test_deep_json_is_refused_before_it_is_parsed(body: bytes, status: int) -> None:
    assert ask(Guards(depth=3), body).status == status


def test_an_answer_that_does_not_come_is_given_up() -> None:
    cancelled: list[bool] = []

    async def stuck(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    assert ask(Guards(seconds=0.02), b"{}", app=stuck).status == 504
    assert cancelled == [True]


def test_an_answer_that_has_begun_may_go_on() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"done"})

    assert ask(Guards(seconds=0.02), b"{}", app=slow).body == b"done"


def test_some_paths_take_their_time() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.05)
        await echo(scope, receive, send)

    assert ask(Guards(seconds=0.02, unhurried=("/events",)), app=slow, path="/events").status == 200


def test_a_timeout_of_the_application_itself_is_not_ours() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        ask(Guards(), app=failing)


def test_every_answer_has_the_headers_that_keep_it_safe() -> None:
    for answer in (ask(Guards(), b"{}"), ask(Guards(), host="evil.example"), ask(Guards(token=TOKEN))):
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in POLICY


def test_an_application_may_bring_its_own_policy() -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"Content-Security-Policy", b"default-src 'self'")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(security_headers(page)({"type": "http"}, Body().receive, send))
    names = [name.lower() for name, _ in sent[0]["headers"]]
    assert names.count(b"content-security-policy") == 1


def test_names_of_this_machine() -> None:
    assert is_loopback("::1") and is_loopback("[::1]") and is_loopback("127.1.2.3")
    assert not is_loopback("") and not is_loopback("localhost.example") and not is_loopback("1.2.3.4")


@contextmanager
def served(app: App) -> Iterator[int]:
    """The application behind a real server; gives the port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def talk(port: int, *parts: bytes) -> bytes:
    """What a server answers to bytes, until it ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        got = b""
        try:
            for part in parts:
                connection.sendall(part)
            while piece := connection.recv(65536):
                got += piece
        except ConnectionError:
            pass  # the server reads no more of it
        return got


HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"


def test_over_real_connections() -> None:
    with served(guard(echo, Guards(body=100, reading=0.2))) as port:
        assert b"\r\n{}\r\n" in talk(port, HEAD + b"Content-Length: 2\r\n\r\n{}")
        assert b" 413 " in talk(port, HEAD + b"Content-Length: 50000000\r\n\r\n")
        assert b" 413 " in talk(port, HEAD + b"Content-Length: 50000000\r\nExpect: 100-continue\r\n\r\n")
        assert b" 413 " in talk(port, HEAD + b"Content-Length: 300\r\n\r\n", b" " * 300)
        chunk = b"64\r\n" + b" " * 100 + b"\r\n"
        assert b" 413 " in talk(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk, chunk, chunk, b"0\r\n\r\n")
        assert b" 408 " in talk(port, HEAD + b"Content-Length: 50\r\n\r\n{")
        assert b" 400 " in talk(port, HEAD + b"Content-Length: abc\r\n\r\n{}")
        two_lengths = HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        assert b"200 OK" not in talk(port, two_lengths)
        assert b"\r\n[]\r\n" in talk(port, HEAD + b"Content-Length: 2\r\n\r\n[]")
