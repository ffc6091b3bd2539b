"""Hostile requests, by kind: each is made from chance, and says what a server may answer to it.

:data:`REFUSED` change nothing, whatever becomes of them: the files of a project must be as before. What :data:`WRITTEN` says
may be right by chance; then it is done.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from tests.faults.servers import CANARY, Attack, Target

Maker = Callable[[random.Random, Target], Attack]

_JSON = ("Content-Type", "application/json")
_SEND = ("X-Ruletune", "1")
_LIMIT = {"serve": 2_000_000, "workbench": 2 << 20}
_DEPTH = {"serve": 16, "workbench": 48}

_READING = {
    "serve": ("/", "/docs", "/report", "/health", "/health/live", "/health/ready", "/metrics", "/openapi.json"),
    "workbench": (
        "/",
        "/api/state",
        "/api/texts",
        "/api/texts/1",
        "/api/numbers",
        "/api/next",
        "/assets/x.js",
        "/report/",
    ),
}
_WRITING = {
    "serve": (("POST", "/predict"), ("POST", "/explain")),
    "workbench": (
        ("POST", "/api/rules"), ("PUT", "/api/rules/0"), ("PATCH", "/api/rules/1"), ("DELETE", "/api/rules/1"), ("POST", "/api/undo"),
        ("POST", "/api/redo"), ("POST", "/api/labels"), ("POST", "/api/suggestions/refuse"), ("POST", "/api/train"), ("DELETE", "/api/train"),
    ),
}  # fmt: skip


def harmless(target: Target) -> tuple[str, str, dict[str, Any]]:
    """A request with a body that is right and changes nothing: method, path, body."""
    if target.kind == "serve":
        return "POST", "/predict", {"inputs": ["a superb film", {"text": "an awful story", "id": "b"}]}
    return "POST", "/api/trial", {"entry": {"regex": "film", "vote": "good"}}


def message(
    target: Target,
    method: str,
    path: str,
    body: bytes | None = None,
    *,
    host: str | None = "",
    headers: Sequence[tuple[str, str]] = (_JSON, _SEND),
    length: str | None = "",
    close: bool = True,
    version: str = "1.1",
) -> bytes:
    """The bytes of a request; ``host`` and ``length`` are what is right where they are empty, and left out where ``None``."""
    lines = [f"{method} {path} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host or target.host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None and length is not None:
        lines.append(f"Content-Length: {length or len(body)}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass") + (body or b"")


def refused_edit(target: Target) -> Attack:
    """An edit of the workbench that comes too late."""
    return Attack((message(target, "DELETE", "/api/rules/0", b'{"hash": "x"}'),))


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def _anything(rng: random.Random, target: Target) -> tuple[str, str]:
    return rng.choice(_WRITING[target.kind])


# -- bodies


def long_bodies(rng: random.Random, target: Target) -> Attack:
    """Longer than may be: said so and sent, said so and not sent, or sent in chunks without end."""
    method, path = _anything(rng, target)
    most = _LIMIT[target.kind]
    extra = rng.choice((1, 2, 1000, most // 2))
    match rng.randrange(8):
        case 0:
            return Attack((message(target, method, path, b" " * (most + extra)),), refused=True, answered=False)
        case 1:
            chunk = b"%x\r\n" % 65536 + b" " * 65536 + b"\r\n"
            head = message(target, method, path, headers=(_JSON, _SEND, ("Transfer-Encoding", "chunked")))
            return Attack((head, *[chunk] * (most // 65536 + 2), b"0\r\n\r\n"), refused=True, answered=False)
        case _:
            length = rng.choice(("9" * 18, "9" * 19, "9" * 5000, str(10**12), str(8 * most + 1)))
            expect = (("Expect", "100-continue"),) if rng.random() < 0.5 else ()
            sent = message(target, method, path, b"{}", headers=(_JSON, _SEND, *expect), length=length)
            return Attack((sent,), refused=True)


def bodies_at_the_limit(rng: random.Random, target: Target) -> Attack:
    """As long as may be, or a byte shorter or longer; as deep as may be, or a level deeper."""
    method, path, right = harmless(target)
    if rng.random() < 0.1:
        over = rng.choice((-1, 0, 1))
        body = dumped(right).ljust(_LIMIT[target.kind] + over)
        return Attack((message(target, method, path, body),), refused=over > 0, answered=over <= 0)
    depth = _DEPTH[target.kind] + rng.choice((-1, 0, 1))
    body = b"[" * depth + b"]" * depth
    return Attack((message(target, method, path, body),), refused=True)


def nested(rng: random.Random, target: Target) -> Attack:
    depth = rng.choice((50, 1000, 20_000, 100_000))
    begin, end = rng.choice(((b"[", b"]"), (b'{"inputs":', b"}"), (b'{"entry":{"any":[', b"]}}")))
    body = begin * depth + b"1" + end * depth
    if rng.random() < 0.3:
        body = b'{"inputs": ["' + b"[{" * 100 + b'"], "x": ' + body + b"}"
    method, path = _anything(rng, target)
    return Attack((message(target, method, path, body[:1_500_000]),), refused=True)


def no_utf8(rng: random.Random, target: Target) -> Attack:
    method, path, right = harmless(target)
    body = dumped(right)
    wrong = rng.choice((b"\xff", b"\x00", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80", b"\xe4\xb8", b"\x80"))
    place = rng.randrange(len(body) + 1)
    body = rng.choice(
        (body[:place] + wrong + body[place:], body.decode().encode("utf-16"), body.decode().encode("utf-32"))
    )
    return Attack((message(target, method, path, body),), refused=True)


def no_json(rng: random.Random, target: Target) -> Attack:
    method, path = rng.choice(
        [each for each in _WRITING[target.kind] if each != ("DELETE", "/api/train")]
    )  # needs none
    body = dumped(harmless(target)[2])
    wrong = rng.choice(
        (
            body[: rng.randrange(1, len(body) - 1)], body + b"}", b"\xef\xbb\xbf" + body, b"{'a': 1}", b"// c\n{}", b"{]", b"nul", b"tru", b'"', b"[1,]",
            b"{,}", b"\x1e" + body, b"<x/>", b"inputs=a", b"- a\n- b", bytes(rng.randrange(1, 128) for _ in range(rng.randrange(1, 300))),
        )
    )  # fmt: skip
    return Attack((message(target, method, path, wrong),), refused=True)


def content_types(rng: random.Random, target: Target) -> Attack:
    method, path, right = harmless(target)
    kind = rng.choice(
        (
            "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", "application/jsonx", "", "application/xml",
            "*/*", "application/json, text/plain", "application/json\t/x", "multipart/form-data", "application/" + "x" * 5000, "application/json/",
        )
    )  # fmt: skip
    headers = rng.choice(((("Content-Type", kind), _SEND), (_SEND,), (("Content-Type", kind), _JSON, _SEND)))
    return Attack((message(target, method, path, dumped(right), headers=headers),), refused=True)


# -- who asks, and for what


_UP = (
    "..",
    "%2e%2e",
    "%2E.",
    ".%2e",
    "%252e%252e",
    "..;",
    "....",
    "..%00",
    "%c0%ae%c0%ae",
    "．．",
    "%uff0e%uff0e",
    "..%c1%9c",
    "~",
    ".",
)
_SLASH = ("/", "%2f", "%2F", "\\", "%5c", "%255c", "%252f", "//", "/./", "%c0%af", "%e2%88%95", "／")


def traversal(rng: random.Random, target: Target) -> Attack:
    root = rng.choice(
        (
            "",
            "/",
            "/assets/",
            "/assets",
            "/report/",
            "/api/texts/",
            "/static/",
            "//",
            "/assets/..",
            "/docs/",
            "file://",
            "/assets/%2e",
        )
    )
    file = rng.choice(
        (
            "secret.txt",
            "etc/passwd",
            "project.bak/task.yaml",
            "task.yaml",
            "neighbour/data.jsonl",
            "ruletune.json",
            "proc/self/environ",
            "index.html%00.js",
        )
    )
    up, slash = rng.choice(_UP), rng.choice(_SLASH)
    path = root + (up + slash) * rng.randrange(1, 12) + file.replace("/", slash)
    path = "".join(sign if "!" <= sign <= "~" else quote(sign) for sign in path)
    method = rng.choice(("GET", "GET", "GET", "POST", "PUT", "DELETE"))
    return Attack((message(target, method, path, None if method == "GET" else b"{}"),), refused=True)


def foreign_hosts(rng: random.Random, target: Target) -> Attack:
    """A name that somebody else made to point here, or what only looks like one of ours."""
    port = target.port
    host = rng.choice(
        (
            "evil.example", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}", "localhost.evil.example", "127.0.0.1@evil.example", "0.0.0.0", f"[::ffff:192.0.2.1]:{port}",
            "2130706433", "0x7f000001", "127.1", "0177.0.0.1", "localhost:80:80", "localhost, evil.example", "localhost/evil", "local\thost", "[::1", "::1]", "[[::1]]", "[::1]evil",
            "[", "]", "[]", "[::1%25lo]", "[v1.x]", "a" * 5000, "evil.example#localhost", "localhost\\.evil", "ⓛocalhost", "localhost\u3002", "xn--", "..", ".", "localhost:99999999999",
            "%6c%6f%63%61%6c%68%6f%73%74", "evil.example?localhost", "127.0.0.1%00.evil.example",
        )
    )  # fmt: skip
    method, path = rng.choice((*_WRITING[target.kind], *(("GET", path) for path in (*_READING[target.kind], "/none"))))
    body = None if method == "GET" else b"{}"
    headers: list[tuple[str, str]] = [_JSON, _SEND]
    if rng.random() < 0.4:
        headers.append(("X-Forwarded-Host", "localhost"))
    if rng.random() < 0.1:
        return Attack((message(target, method, path, body, host=None),), refused=True)
    if rng.random() < 0.2:
        headers.append(("Host", host))  # a second one
        host = ""
    return Attack((message(target, method, path, body, host=host, headers=headers),), refused=True)


def cross_site(rng: random.Random, target: Target) -> Attack:
    """What a page of somebody else can make a browser send, with or without a header that it cannot."""
    method, path = _anything(rng, target)
    origin = rng.choice(
        ("http://evil.example", "null", "", f"http://localhost:{target.port + 1}", f"http://localhost.evil.example:{target.port}", "https://evil.example", "file://", "chrome-extension://x",
         f"http://127.0.0.1:{target.port}.evil.example", "http://localhost", f"http://LOCALHOST:{target.port}@evil.example", "http://[::1", "http://" + "x" * 3000)
    )  # fmt: skip
    choices: tuple[tuple[tuple[str, str], ...], ...] = (
        (("Origin", origin), _JSON),
        (("Origin", origin), _JSON, _SEND),
        (("Sec-Fetch-Site", rng.choice(("cross-site", "same-site"))), _JSON, _SEND),
        (("Origin", origin), ("Content-Type", "text/plain"), ("Sec-Fetch-Site", "cross-site")),
        (("Origin", f"http://{target.host}"), ("Origin", origin), _JSON, _SEND),
        (("Origin", origin), ("Content-Type", "application/x-www-form-urlencoded")),
        (
            ("Origin", origin),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "x-ruletune"),
        ),
    )
    bodies = (dumped(harmless(target)[2]), b'{"written": "regex: a\\nvote: good"}', b"{}", b"a=b", b"")
    if rng.random() < 0.1:
        method = "OPTIONS"
    return Attack((message(target, method, path, rng.choice(bodies), headers=rng.choice(choices)),), refused=True)


def no_header(rng: random.Random, target: Target) -> Attack:
    """To the workbench without its header; to the other with a token that it did not ask for."""
    method, path = _anything(rng, target)
    if target.kind == "serve":
        token = rng.choice(
            (
                "Bearer " + "x" * 5000,
                "Basic %%%",
                "Basic " + base64.b64encode(b"a:b").decode(),
                "Negotiate",
                "\x7f",
                "Bearer é",
            )
        )
        return Attack(
            (message(target, "GET", "/none", headers=(("Authorization", token), ("Cookie", "a=b;" * 500))),),
            refused=True,
        )
    header = rng.choice(
        (
            (),
            (("X-Ruletune", "0"),),
            (("X-Ruletune", "1, 1"),),
            (("X-Ruletune", ""),),
            (("X_Ruletune", "1"),),
            (("Cookie", "x-ruletune=1"),),
        )
    )
    return Attack((message(target, method, path, rng.choice((b"{}", b"")), headers=(_JSON, *header)),), refused=True)


def methods(rng: random.Random, target: Target) -> Attack:
    method = rng.choice(
        (
            "PUT",
            "PATCH",
            "DELETE",
            "POST",
            "OPTIONS",
            "TRACE",
            "CONNECT",
            "PROPFIND",
            "M-SEARCH",
            "get",
            "Get",
            "GETS",
            "X" * 3000,
            "PURGE",
            "LINK",
            "0",
            "!#$%&'*+-.^_`|~",
        )
    )
    path = rng.choice(_READING[target.kind])
    if rng.random() < 0.3:
        method, path = "GET", rng.choice([path for way, path in _WRITING[target.kind] if path != "/api/train"])
    headers: list[tuple[str, str]] = [_JSON, _SEND]
    if rng.random() < 0.5:
        headers.append((rng.choice(("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method")), "POST"))
    if rng.random() < 0.1:
        return Attack((message(target, "HEAD", path, headers=headers),), bodiless=True)
    return Attack((message(target, method, path, rng.choice((None, b"", b"{}")), headers=headers),), refused=True)


def targets(rng: random.Random, target: Target) -> Attack:
    """Absolute, of an authority, of nothing, or of no form at all."""
    odd = rng.choice(
        (
            "http://evil.example/api/state", "http://evil.example/predict", "https://127.0.0.1:1/", "evil.example:443", "*", "[", "]", "http://[", "http://[::1", "//evil.example/", "//[/", "/[", "//",
            "%E2%84%80", "/%E2%84%80", "http://%E2%84%80/", "?", "#", "/#x", "/?", "a", "%", "/%", "/%zz", "/%00", "/%ff%fe", "/" + "a" * 8000, "/" + "%20" * 2000, "/;x=y", "/api/../api/state;",
            "/" + "/" * 3000, "/predict/", "/api/rules/", "/api/rules/-1", "/api/rules/" + "9" * 5000, "/api/rules/0x1", "/api/texts/" + "%F0%9F%98%80" * 900, "/api/texts/%ED%A0%80", "javascript:alert(1)",
            "/api/rules/%D9%A3", "/api/texts/%00", "/assets/" + "%2e" * 3000, "/{x}", "/<script>", "/api/texts/a/b/../c", "/\\..\\", "/%0d%0aSet-Cookie:%20a=b", "/api/rules/1e3", "/api/rules/1.0",
        )
    )  # fmt: skip
    method = rng.choice(("GET", "POST", "DELETE", "CONNECT", "OPTIONS", "PUT"))
    body = None if method in ("GET", "CONNECT") else b'{"hash": "x", "entry": {}}'
    return Attack((message(target, method, odd, body),))


_CATASTROPHES = (
    "(a+)+$",
    "(a|a)*b",
    "(.*)*x",
    "(?:a?){30}a{30}",
    "(x+x+)+y",
    "(",
    "[",
    "\\",
    "(?P<n",
    "a{99999}",
    "(?<=a+)b",
    "\\p{Han}",
    "(?i)" * 100,
)


def queries(rng: random.Random, target: Target) -> Attack:
    """Questions with odd parameters; expressions that would run for ever."""
    names = ("filter", "rule", "label", "query", "offset", "limit", "count", "x")
    odd = (
        "",
        "-1",
        "9" * 5000,
        "0",
        "1e3",
        "NaN",
        "all",
        "wrong",
        "covered",
        "null",
        "true",
        "\x00",
        "\ud800",
        "😀",
        "%",
        "a" * 1001,
        "500",
        "501",
        "../..",
        "[]",
        "{}",
        "praise",
        "good",
        "٣",
    )

    def said(name: str) -> str:
        if name == "query" and rng.random() < 0.5:
            expression = rng.choice(_CATASTROPHES)
            return f"/{expression}/" if rng.random() < 0.7 else expression
        return rng.choice(odd)

    path = (
        rng.choice(("/api/texts", "/api/texts", "/api/next", "/api/state"))
        if target.kind == "workbench"
        else rng.choice(_READING["serve"])
    )
    pairs = [(name, said(name)) for name in rng.choices(names, k=rng.randrange(1, 5))]
    query = "&".join(f"{name}={quote(value, errors='surrogatepass')}" for name, value in pairs)
    if rng.random() < 0.1:
        query = rng.choice(
            ("&" * 5000, "=" * 5000, "a=1&" * 2000, "%", "%%%", ";;;", "query[]=1&query[x]=2", "query=" + "%ff" * 100)
        )
    return Attack((message(target, "GET", f"{path}?{query}"),))


# -- the protocol itself


def header_bombs(rng: random.Random, target: Target) -> Attack:
    """Long headers, many headers, headers that are none."""
    method, path, right = harmless(target)
    more: list[tuple[str, str]] = []
    match rng.randrange(8):
        case 0:
            more = [("X-A", "a" * rng.choice((1000, 15_000, 16_384, 65_536, 1_000_000)))]
        case 1:
            more = [(f"X-{number}", "a") for number in range(rng.choice((100, 1000, 10_000)))]
        case 2:
            more = [("X" * rng.choice((1000, 20_000)), "a")]
        case 3:
            more = [("Cookie", "a=b; " * rng.choice((10, 1000, 5000)))]
        case 4:
            more = [("X-A", rng.choice(("\x00", "a\x01b", "\x7f", "é", "\ud800", "a\rb", "a\nb", "\x0b")))]
        case 5:
            more = [(rng.choice(("", " ", "X A", "X-A ", "é", "X:A", "(x)", "\x00")), "a")]
        case 6:
            more = [
                ("Accept", "application/" + "x,*/*;q=0." + "9" * 1000),
                ("Range", "bytes=" + "0-,5-" * 500),
                ("If-None-Match", '"' * 900),
            ]
        case _:
            more = [
                ("Content-Encoding", rng.choice(("gzip", "br", "x" * 500))),
                ("Forwarded", "for=" + "[" * 900),
                ("X-Forwarded-For", "1," * 900),
                ("X-Forwarded-Proto", "javascript"),
            ]
    return Attack((message(target, method, path, dumped(right), headers=(_JSON, _SEND, *more)),), answered=False)


def smuggling(rng: random.Random, target: Target) -> Attack:
    """Two lengths, or one that two servers would read differently; behind it a request that nobody sent."""
    method, path, right = harmless(target)
    body = dumped(right)
    hidden = message(target, "DELETE", "/api/rules/0", b'{"hash": "x"}')
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    encoding = rng.choice(
        (
            "chunked",
            "Chunked",
            "xchunked",
            "chunked, identity",
            "identity, chunked",
            "gzip, chunked",
            " chunked",
            "chunked\t",
            "\x0bchunked",
            '"chunked"',
            "chunked;q=1",
            "",
            "identity",
            "chunked, chunked",
        )
    )
    length = rng.choice(
        (
            str(len(body)),
            "0",
            "3",
            f"+{len(body)}",
            f"-{len(body)}",
            f"0x{len(body):x}",
            f"{len(body)}, {len(body)}",
            f"{len(body)},0",
            f" {len(body)} ",
            "1_0",
            "٣",
            "",
            "1e1",
            f"0{len(body)}",
        )
    )
    head = [f"{method} {path} HTTP/1.1", f"Host: {target.host}", "Content-Type: application/json", "X-Ruletune: 1"]
    lines = rng.choice(
        (
            [f"Content-Length: {length}", f"Transfer-Encoding: {encoding}"], [f"Transfer-Encoding: {encoding}", f"Content-Length: {length}"],
            [f"Content-Length: {len(body)}", f"Content-Length: {length}"], ["Transfer-Encoding: chunked", f"Transfer-Encoding: {encoding}"], [f"Transfer-Encoding : {encoding}"],
            [f"Transfer-Encoding:\r\n {encoding}"], [f"X: a\nTransfer-Encoding: {encoding}"], [f"X: a\rContent-Length: {length}"], [f" Content-Length: {length}"], [f"Content-Length: {length}"], [f"content_length: {length}", "Content-Length: 0"],
        )
    )  # fmt: skip
    end = rng.choice(("\r\n", "\n")) if rng.random() < 0.2 else "\r\n"
    raw = (
        end.join([*head, *lines, "", ""]).encode("utf-8")
        + rng.choice((body, chunked))
        + (hidden if rng.random() < 0.5 else b"")
    )
    return Attack((raw,), requests=2, answered=False, stays=True)


def chunks(rng: random.Random, target: Target) -> Attack:
    method, path, right = harmless(target)
    body = dumped(right)
    head = message(target, method, path, headers=(_JSON, _SEND, ("Transfer-Encoding", "chunked")))
    good = b"%x\r\n%s\r\n" % (len(body), body)
    wrong = rng.choice(
        (
            b"-1\r\n", b"g\r\n", b"0x5\r\n12345\r\n", b"f" * 17 + b"\r\n", b"f" * 5000 + b"\r\n", b"5;" + b"x" * 5000 + b"\r\n12345\r\n", b"5\r\n1234567\r\n", b"\r\n\r\n", b"5\n12345\n", b" 5\r\n12345\r\n",
            b"5 ;a\r\n12345\r\n", b"\x00\r\n", b"", b"0\r\n" + b"X-A: b\r\n" * 3000 + b"\r\n", b"0\r\nContent-Length: 5\r\nHost: evil\r\n\r\n", b"1\r\na\r\n" * 2000, "５\r\n".encode(), b"5\r\n123", b"0\r\n\r\n",
        )
    )  # fmt: skip
    last = rng.choice((b"0\r\n\r\n", b"0\r\n", b"", b"0\r\nx", b"0\r\n\r\nGET /"))
    parts = rng.choice(
        ((head, good, wrong, last), (head, wrong, last), (head + wrong + good + last,), (head, good, last, wrong))
    )
    return Attack(parts, requests=2, answered=False, stays=True)


def pipelines(rng: random.Random, target: Target) -> Attack:
    """Many requests at once, the last of them perhaps broken."""
    method, path, right = harmless(target)
    count = rng.choice((2, 3, 10, 40))
    several = [
        message(target, "GET", rng.choice(("/none", "/health/live", "/api/none", "/assets/none")), close=False)
        if rng.random() < 0.7
        else message(target, method, path, dumped(right), close=False)
        for _ in range(count)
    ]
    last = rng.choice(
        (
            message(target, "GET", "/none"),
            b"GET / HT",
            b"\x00\x01\x02\r\n\r\n",
            message(target, "POST", "/none", b"{}", length="9"),
        )
    )
    return Attack((b"".join([*several, last]),), requests=count + 1, answered=False, stays=True)


def upgrades(rng: random.Random, target: Target) -> Attack:
    path = rng.choice((*_READING[target.kind], "/ws", "/api/events", "/socket.io/?transport=websocket"))
    key = base64.b64encode(rng.randbytes(16)).decode()
    kind = rng.choice(("websocket", "websocket", "WebSocket", "h2c", "TLS/1.0", "x" * 3000, "websocket, h2c"))
    headers = [
        ("Connection", rng.choice(("Upgrade", "keep-alive, Upgrade", "upgrade, HTTP2-Settings"))),
        ("Upgrade", kind),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
    ]
    if rng.random() < 0.5:
        headers += [("Origin", "http://evil.example"), ("HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA")]
    if rng.random() < 0.2:
        headers = [("Accept", "text/event-stream"), ("Last-Event-ID", "x" * 500)]
    frames = b"".join(b"\x81\xfe\xff\xff" + rng.randbytes(50) for _ in range(rng.randrange(4)))
    return Attack(
        (message(target, "GET", path, headers=headers, close=False), frames), requests=2, answered=False, stays=True
    )


def no_http(rng: random.Random, target: Target) -> Attack:
    raw = rng.choice(
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(200), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /\r\n", b"GET / HTTP/0.9\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET  /  HTTP/1.1\r\n\r\n",
            b"\r\n" * 2000, b"\n" * 100, b"HELO x\r\n", b"*1\r\n$4\r\nPING\r\n", b"CONNECT x:1 HTTP/1.0\r\n\r\n", rng.randbytes(rng.randrange(1, 2000)), b"GET /" + b"\xff" * 100 + b" HTTP/1.1\r\n\r\n", b"\x00" * 1000,
            b"HTTP/1.1 200 OK\r\n\r\n", b"A" * 100_000, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"\x00" * 20 + b"\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n",
        )
    )  # fmt: skip
    return Attack((raw,), requests=2, refused=True, answered=False, stays=True)


def leaving(rng: random.Random, target: Target) -> Attack:
    """Clients that go before they were answered, or before they have said anything."""
    method, path, right = harmless(target)
    raw = message(target, method, path, dumped(right))
    if target.kind == "serve" and rng.random() < 0.3:
        raw = message(target, "POST", "/explain", dumped({"input": "a superb film", "words": False}))
    place = rng.choice((0, 1, rng.randrange(len(raw)), len(raw), len(raw)))
    return Attack((raw[:place],), answered=False, leaves=True)


# -- what may be right by chance


def values(rng: random.Random) -> Any:
    """A value that is not what was asked for."""
    plain = (
        None, True, False, 0, -1, 1, 3.5, -0.0, 1e308, 2**31, 2**63, 2**64, 10**30, "", " ", "\x00", "a", "good", "\ud800", "a\udfffb", "😀", "\u202e", "\ufeff", "a\x85b\u2028c", "x" * 20_001,
        [], {}, [None], [[]], {"": None}, {"text": None}, {"text": "a"}, "NaN", "null", "../../secret.txt", "/etc/passwd", "${x}", "{{7*7}}", "!!python/object:os.system", "&a [*a]", "<script>",
    )  # fmt: skip
    match rng.randrange(8):
        case 0:
            return [values(rng) for _ in range(rng.randrange(4))]
        case 1:
            return {
                rng.choice(("text", "id", "entry", "a", "", "\ud800", "x" * 300)): values(rng)
                for _ in range(rng.randrange(4))
            }
        case 2:
            return rng.choice(("a", "1", "x ")) * rng.choice((100, 4301, 20_000, 60_000))
        case _:
            return rng.choice(plain)


_ODD = (
    b"9" * 5000,
    b"-" + b"9" * 4301,
    b"1e999",
    b"-1e999",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1." + b"0" * 5000 + b"1",
    b"1e-99999",
    b'"\\ud800"',
    b'"\\udfff\\ud800"',
    b'"\\u0000"',
    b"0x1",
    b"01",
    b"1e99999999999999999999",
)


def _right(rng: random.Random, target: Target) -> tuple[str, str, dict[str, Any]]:
    """A request that would be right, or nearly."""
    if target.kind == "serve":
        text = {"text": "a superb film", "id": "a", "fields": {"stars": 3}}
        return rng.choice(
            (
                ("POST", "/predict", {"inputs": ["a superb film", text], "with_rules": True}), ("POST", "/predict", {"inputs": [text], "max_error": 0.3, "confidence": 0.9}),
                ("POST", "/explain", {"input": text, "words": False, "examples": 1, "label": "good"}),
            )
        )  # fmt: skip
    entry = {"name": f"n{rng.randrange(9)}", "regex": "superb", "vote": "good"}
    known = rng.choice(("x", "", "0" * 64))
    return rng.choice(
        (
            ("POST", "/api/rules", {"entry": entry, "position": 0}), ("POST", "/api/rules", {"written": "regex: film\nvote: bad"}), ("PUT", "/api/rules/0", {"hash": known, "entry": entry}),
            ("PATCH", "/api/rules/0", {"hash": known, "muted": True}), ("PATCH", "/api/rules/0", {"hash": known, "to": 1}), ("DELETE", "/api/rules/0", {"hash": known}), ("POST", "/api/undo", {"revision": known}),
            ("POST", "/api/redo", {"revision": known}), ("POST", "/api/labels", {"id": "1", "was": None, "answer": "good"}), ("POST", "/api/trial", {"entry": entry, "position": 1}), ("POST", "/api/train", {"x": 1}),
            ("POST", "/api/trial", {"written": "keywords: [film]\nvote: bad"}), ("POST", "/api/suggestions/refuse", {"title": "t"}),
        )
    )  # fmt: skip


def _changed(rng: random.Random, value: Any) -> Any:
    """A value with something in it replaced, taken out, or put in."""
    if isinstance(value, dict) and value:
        key = rng.choice(list(value))
        match rng.randrange(6):
            case 0:
                return {name: each for name, each in value.items() if name != key}
            case 1:
                return {**value, rng.choice(("extra", "__proto__", "", "x" * 5000, "\ud800", "text ")): values(rng)}
            case _:
                return {**value, key: _changed(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.6:
        place = rng.randrange(len(value))
        return [*value[:place], _changed(rng, value[place]), *value[place + 1 :]]
    return values(rng)


def wrong_types(rng: random.Random, target: Target) -> Attack:
    method, path, right = _right(rng, target)
    wrong = _changed(rng, right)
    if path == "/api/train":
        wrong = {"x": wrong}
    return Attack((message(target, method, path, dumped(wrong)),))


def odd_numbers(rng: random.Random, target: Target) -> Attack:
    """Numbers and strings that JSON can write and few can read, in any place; keys that stand twice."""
    method, path, right = _right(rng, target)
    body = dumped(right)
    places = [place for place in range(len(body)) if body[place : place + 2] == b": "]
    place = rng.choice(places) + 2
    end = rng.choice([place, *(number for number in range(place, len(body)) if body[number : number + 1] in b",}")][:3])
    body = body[:place] + rng.choice(_ODD) + body[end:]
    if rng.random() < 0.3:
        body = b"{" + dumped(right)[1:-1] + b", " + dumped(right)[1:]
    return Attack((message(target, method, path, body),))


def many_small(rng: random.Random, target: Target) -> Attack:
    """A hundred thousand things where a few were asked for."""
    count = rng.choice((64, 65, 1000, 100_000))
    if target.kind == "serve":
        one = rng.choice(("a", "", {"text": "a"}, 1, None))
        body = {"inputs": [one] * min(count, 60_000 if isinstance(one, dict) else count)}
        if rng.random() < 0.3:
            body = {"inputs": [{"text": "a", "fields": {str(number): number for number in range(min(count, 50_000))}}]}
        return Attack((message(target, "POST", "/predict", dumped(body)),))
    body = rng.choice(
        (
            {"entry": {"keywords": ["w"] * count, "vote": "good"}}, {"entry": {"any": [{"regex": "a"}] * min(count, 1000), "vote": "bad"}}, {"written": "- a\n" * count}, {"entry": {str(number): 1 for number in range(count)}},
            {"written": "keywords: [" + "a, " * count + "b]\nvote: good"}, {"written": "a: &a [x]\nb: " + "[*a, " * min(count, 40) + "1" + "]" * min(count, 40)},
        )
    )  # fmt: skip
    return Attack((message(target, "POST", "/api/trial", dumped(body)),))


REFUSED: dict[str, Maker] = {
    "bodies that are too long": long_bodies, "bodies at the limit": bodies_at_the_limit, "nested JSON": nested, "no UTF-8, NULs": no_utf8, "no JSON": no_json, "content types": content_types,
    "path traversal": traversal, "foreign hosts": foreign_hosts, "pages of other sites": cross_site, "without header or token": no_header, "methods": methods, "targets": targets, "queries": queries,
    "headers": header_bombs, "smuggling": smuggling, "chunks": chunks, "pipelines": pipelines, "upgrades": upgrades, "no HTTP": no_http, "clients that leave": leaving,
}  # fmt: skip
"""Nothing may be changed by these."""

WRITTEN: dict[str, Maker] = {
    "wrong types": wrong_types,
    "odd numbers, keys twice": odd_numbers,
    "many small things": many_small,
}
"""These may be right by chance."""

SHARES = {
    "bodies that are too long": 2, "bodies at the limit": 1, "nested JSON": 2, "no UTF-8, NULs": 4, "no JSON": 5, "content types": 4, "path traversal": 8, "foreign hosts": 8, "pages of other sites": 8,
    "without header or token": 4, "methods": 5, "targets": 5, "queries": 4, "headers": 4, "smuggling": 6, "chunks": 5, "pipelines": 2, "upgrades": 5, "no HTTP": 5, "clients that leave": 5,
    "wrong types": 6, "odd numbers, keys twice": 5, "many small things": 1,
}  # fmt: skip
"""How often each of them is sent."""


def slow(rng: random.Random, target: Target) -> Attack:
    """Clients that say nothing, or a byte at a time, for as long as they are let; or do not read what they asked for."""
    method, path, right = harmless(target)
    raw = message(target, method, path, dumped(right))
    head = raw.index(b"\r\n\r\n") + 4
    begun = rng.choice((0, 1, 10, head - 3, head, head + 1))
    drops: list[bytes | float] = []
    for place in range(begun, min(begun + 40, len(raw) - 1)):
        drops += [1.0, raw[place : place + 1]]
    match rng.randrange(4):
        case 0:
            drops = []
        case 1:
            refused = message(target, "POST", "/none", b" " * 5000, headers=())
            return Attack((refused[:-4999], *[1.0, b" "] * 40), answered=False, patience=60.0)
        case 2:
            drops = [0.5, b"\r\n"] * 80 if not begun else drops
        case _:
            pass
    return Attack((raw[:begun], *drops), answered=False, patience=60.0)


assert CANARY and set(SHARES) == {*REFUSED, *WRITTEN}
