"""Servers under attack: started as users start them, or in a thread; talked to byte by byte, and watched from outside.

Everything stands in one folder: a project, a run, and neighbours that nobody may read or touch. What the neighbours hold is
:data:`CANARY`; an answer that has it in it came from where no answer may come from.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.fuzzing import BrokenPromiseError

CANARY = "nobody-may-read-this-7f3a"

Kind = str
"""``serve`` or ``workbench``."""

_MOST = 32 << 20
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server that answers.

    Attributes:
        pid: Its process; ``None`` where it is a thread of this one.
        log: Where it writes what it has to say; ``None``: nowhere.
    """

    kind: Kind
    port: int
    pid: int | None = None
    log: Path | None = None

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"


@dataclass(frozen=True, slots=True)
class Attack:
    """What is sent to a server over one connection.

    Attributes:
        parts: Bytes, and seconds to wait between them.
        requests: Most answers that there may be.
        refused: Whether no answer may say that it was done.
        answered: Whether there must be an answer.
        stays: The server may leave the connection open.
        leaves: The client goes without hearing an answer.
        bodiless: Answers have no body, whatever their length says.
        patience: Seconds within which the server must have ended the connection.
    """

    parts: tuple[bytes | float, ...]
    requests: int = 1
    refused: bool = False
    answered: bool = True
    stays: bool = False
    leaves: bool = False
    bodiless: bool = False
    patience: float = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Heard:
    """What came back over one connection, and whether the server ended it."""

    data: bytearray = field(default_factory=bytearray)
    ended: bool = False


# -- folders


def write_world(base: Path) -> None:
    """A project and a finished run, and what lies around them."""
    from ruletune.config import load_task
    from ruletune.pipeline.fit import fit
    from tests.model_fixtures import build_checkpoint, write_task

    for name in ("secret.txt", "project.bak/task.yaml", "neighbour/data.jsonl", "etc/passwd"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text(f"{CANARY}\n", encoding="utf-8")
    checkpoint = build_checkpoint(base / "checkpoint")
    (base / "project").mkdir()
    task = write_task(base / "project", checkpoint)
    with (base / "project" / "unlabeled.jsonl").open("a", encoding="utf-8") as file:
        for text in ("a" * 5000 + "!", "好😀" * 400, "x" * 200_000):
            file.write(json.dumps({"text": text}) + "\n")
    source = task.read_text("utf-8")
    quick = source.replace("curve: {shares: [0.5], repeats: 1}", "curve: {shares: []}\n  baselines: false")
    task.write_text(quick.replace("weak: {epochs: 4}", "weak: {epochs: 1}"), encoding="utf-8")
    fit(load_task(task), out=base / "run")


def tree(folder: Path, *, without: str | None = None) -> dict[str, tuple[object, ...]]:
    """Every file and folder below: size, time of change, and hash.

    Args:
        without: A folder whose content is left out.
    """
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if without is not None and (name == without or name.startswith(f"{without}/")):
            continue
        info = path.lstat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[name] = (info.st_size, info.st_mtime_ns, oct(info.st_mode), digest)
    return found


def difference(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Names of what is other than before."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


# -- processes and threads


@contextmanager
def process(kind: Kind, base: Path, scratch: Path) -> Iterator[Target]:
    """A server as its command starts it; its cache and its log are in ``scratch``."""
    command = {
        "serve": ["serve", str(base / "run"), "--threads", "1"],
        "workbench": ["workbench", str(base / "project" / "task.yaml"), "--no-browser"],
    }[kind]
    settings = {"RULETUNE_CACHE": str(scratch / "cache"), "RULETUNE_CONFIG": str(scratch / "config")}
    environ = os.environ | settings | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    log = scratch / f"{kind}.log"
    with log.open("wb") as out:
        arguments = [sys.executable, "-m", "ruletune", *command, "--port", "0"]
        started = subprocess.Popen(arguments, stdout=out, stderr=out, env=environ, cwd=scratch)
    try:
        port = _port(started, log)
        target = Target(kind, port, started.pid, log)
        _until_ready(target)
        yield target
        if started.poll() is not None:
            raise BrokenPromiseError(f"{kind} ended by itself with {started.returncode}")
        started.terminate()
        if started.wait(60) != 0:
            raise BrokenPromiseError(f"{kind} stopped with {started.returncode}")
    finally:
        started.kill()
        started.wait()


def _port(started: subprocess.Popen[bytes], log: Path) -> int:
    for _ in range(1200):
        said = log.read_text("utf-8", "replace")
        if (found := re.search(r"http://127\.0\.0\.1:(\d+)", said)) is not None:
            return int(found[1])
        if started.poll() is not None:
            raise BrokenPromiseError(f"it did not start: {said[-2000:]}")
        time.sleep(0.1)
    raise BrokenPromiseError("it did not start within two minutes")


@contextmanager
def thread(kind: Kind, base: Path) -> Iterator[Target]:
    """The same server in a thread of this process, which starts at once."""
    from ruletune.serve.listening import listen

    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(listen("127.0.0.1", 0))
        server = _server(kind, base, stack)
        running = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        running.start()
        try:
            target = Target(kind, listener.getsockname()[1])
            _until_ready(target)
            yield target
        finally:
            if kind == "workbench":
                server._desk.hub.close()  # streams of events never end by themselves
            server.should_exit = True
            running.join(30)


def _server(kind: Kind, base: Path, stack: contextlib.ExitStack) -> object:
    from ruletune.serve.guarding import Guards

    if kind == "serve":
        from ruletune.pipeline.run import load
        from ruletune.serve.model import OPEN_PATHS, Service, Settings
        from ruletune.serve.running import server_of as serving

        service = Service(load(base / "run"), Settings(threads=1))
        service.warm()
        return serving(service, Guards(open_paths=OPEN_PATHS, body=2_000_000, reading=2.0, seconds=None))
    from dataclasses import replace

    from ruletune.serve.workbench import GUARDS
    from ruletune.serve.workbench_server import server_of as editing
    from ruletune.workbench.live import Live
    from ruletune.workbench.project import Project

    project = Project(base / "project" / "task.yaml")
    live = stack.enter_context(Live(project))
    return editing(project, live, replace(GUARDS, reading=2.0), begun=lambda: None)


def _until_ready(target: Target) -> None:
    """Wait until it answers, and has done what it does behind after its start."""
    for _ in range(1200):
        with contextlib.suppress(OSError, BrokenPromiseError, ValueError, TimeoutError):
            value = json.loads(asyncio.run(ask(target, "/api/state" if target.kind == "workbench" else "/health")).body)
            if target.kind == "serve" or value["ready"] == {"texts": True, "embedded": 1.0}:
                return
        time.sleep(0.1)
    raise BrokenPromiseError(f"{target.kind} was not ready within two minutes")


# -- talking


async def ask(target: Target, path: str, *, seconds: float = 20.0) -> Answer:
    """What a good client gets, within so many seconds."""
    head = f"GET {path} HTTP/1.1\r\nHost: {target.host}\r\nConnection: close\r\n\r\n".encode()
    heard = await exchange(target, Attack((head,), patience=seconds))
    answers = answers_of(bytes(heard.data))
    if len(answers) != 1:
        raise BrokenPromiseError(f"{path}: no answer")
    return answers[0]


async def exchange(target: Target, attack: Attack) -> Heard:
    """Send an attack, and hear what comes until the server ends the connection or patience does."""
    heard = Heard()
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    hearing = asyncio.ensure_future(_hear(reader, heard))
    try:
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(attack.patience):
                for part in attack.parts:
                    if isinstance(part, float):
                        await asyncio.wait([hearing], timeout=part)
                    else:
                        writer.write(part)
                        await writer.drain()
                if attack.leaves:
                    return heard
        await (_silence(hearing, heard) if attack.stays else asyncio.wait([hearing], timeout=attack.patience))
        return heard
    finally:
        hearing.cancel()
        writer.transport.abort()


async def _silence(hearing: asyncio.Future[None], heard: Heard, *, seconds: float = 2.0, quiet: float = 0.3) -> None:
    """Wait until the server ends the connection, or says nothing for a while after it has spoken, or never speaks."""
    for _ in range(round(seconds / quiet)):
        before = len(heard.data)
        await asyncio.wait([hearing], timeout=quiet)
        if hearing.done() or len(heard.data) == before > 0:
            return


async def _hear(reader: asyncio.StreamReader, heard: Heard) -> None:
    with contextlib.suppress(ConnectionError):
        while len(heard.data) < _MOST and (piece := await reader.read(1 << 16)):
            heard.data += piece
    heard.ended = True


def answers_of(data: bytes, *, bodiless: bool = False) -> list[Answer]:
    """The answers in what a server sent; one that is cut off at the end does not count.

    Raises:
        BrokenPromiseError: It is no HTTP.
    """
    found: list[Answer] = []
    while data:
        head, separator, rest = data.partition(b"\r\n\r\n")
        if not separator:
            break
        first, *lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 ([1-5][0-9]{2}) ?[^\r\n]*", first)
        if match is None:
            raise BrokenPromiseError(f"no status line: {first[:100]!r}")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(match[1])
        if status < 200:
            data = rest
            continue
        if not bodiless and len(rest) < int(headers.get("content-length", 0)):
            break
        body, data = _body_of(headers, rest, bodiless or status in (204, 304))
        found.append(Answer(status, headers, body))
    return found


def _body_of(headers: Mapping[str, str], rest: bytes, bodiless: bool) -> tuple[bytes, bytes]:
    """A body, and what comes after it."""
    if bodiless:
        return b"", rest
    if "content-length" in headers:
        length = int(headers["content-length"])
        return rest[:length], rest[length:]
    if headers.get("transfer-encoding") != "chunked":
        return rest, b""
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return body, rest.removeprefix(b"\r\n")
        body, rest = body + rest[:length], rest[length + 2 :]
    return body, b""


# -- watching


def memory(pid: int) -> float:
    """Megabytes of memory that a process holds."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii", "replace"))
    return int(found[1]) / 1024 if found else 0.0


def descriptors(pid: int) -> int:
    """Files and connections that a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def threads(pid: int) -> int:
    """Threads of a process."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
