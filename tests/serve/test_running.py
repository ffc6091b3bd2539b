"""A server on a real port: it takes one, stops in good order, gives up what is late and drops what nobody waits for."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from ruletune.cli import main
from ruletune.errors import RuletuneError, UserError
from ruletune.pipeline.run import Run
from ruletune.serve import running
from ruletune.serve.answering import Answered, Asked
from ruletune.serve.batching import Budget
from ruletune.serve.guarding import Guards
from ruletune.serve.listening import listen
from ruletune.serve.model import Service, Settings, guarded
from ruletune.serve.running import Server

BODY = {"inputs": ["a superb film"]}


class Gate:
    """Stands before a run's answers until it is opened."""

    def __init__(self, service: Service) -> None:
        self.answer, self.opened, self.begun = service.answerer, threading.Event(), threading.Event()
        self.batches: list[int] = []
        service.batcher._answer = self

    def __call__(self, asked: Sequence[Asked]) -> Sequence[Answered | Exception]:
        self.batches.append(len(asked))
        self.begun.set()
        assert self.opened.wait(30)
        return self.answer(asked)


class Running:
    """A server in a thread, its model behind a gate."""

    def __init__(self, run: Run, settings: Settings) -> None:
        self.service = Service(run, settings)
        self.gate = Gate(self.service)
        self.listener = listen("127.0.0.1", 0)
        config = uvicorn.Config(
            guarded(self.service, Guards(seconds=None)), log_config=None, timeout_graceful_shutdown=5
        )
        self.server = Server(config, self.service)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def post(self, **more: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/predict", json=BODY, timeout=more.pop("timeout", 30), **more)

    def until(self, condition: Any) -> None:
        """Wait for something that is about to happen."""
        for _ in range(3000):
            if condition():
                return
            time.sleep(0.01)
        raise AssertionError("it did not happen")


@contextmanager
def running_server(run: Run, **settings: Any) -> Iterator[Running]:
    made = Running(run, Settings(**settings))
    made.thread.start()
    made.until(lambda: made.server.started)
    try:
        yield made
    finally:
        made.gate.opened.set()
        made.server.should_exit = True
        made.thread.join(30)
        made.listener.close()
    assert not made.thread.is_alive()


def test_stopping_answers_what_was_accepted_and_refuses_the_rest(classified: Run) -> None:
    with running_server(classified, budget=Budget(cache=0)) as server, ThreadPoolExecutor() as pool:
        accepted: list[Future[httpx.Response]] = [pool.submit(server.post) for _ in range(3)]
        server.until(lambda: server.service.active == 3)
        server.server.handle_exit(signal.SIGTERM, None)
        refused = server.post()
        assert refused.status_code == 503
        assert "being stopped" in refused.json()["problems"][0]["message"]
        assert refused.headers["retry-after"] == "1"
        assert httpx.get(f"{server.url}/health/ready").status_code == 503
        assert httpx.get(f"{server.url}/health/live").status_code == 200
        assert httpx.get(f"{server.url}/health").json()["status"] == "stopping"
        server.gate.opened.set()
        assert [each.result().status_code for each in accepted] == [200, 200, 200]
        server.thread.join(30)
        assert not server.thread.is_alive()
        with pytest.raises(httpx.ConnectError):
            server.post()


def test_a_second_signal_stops_at_once(classified: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(running.os, "_exit", codes.append)
    with running_server(classified) as server, ThreadPoolExecutor() as pool:
        pool.submit(server.post)
        server.until(lambda: server.service.active)
        server.server.handle_exit(signal.SIGTERM, None)
        assert not codes
        server.server.handle_exit(signal.SIGTERM, None)
        assert codes == [128 + signal.SIGTERM]
        server.gate.opened.set()


def test_an_answer_that_does_not_come_is_given_up(classified: Run) -> None:
    with running_server(classified, timeout=0.1, budget=Budget(cache=0)) as server:
        first = server.post()
        assert first.status_code == 504
        assert "0.1 s" in first.json()["problems"][0]["message"]
        assert server.post().status_code == 504  # the worker is still busy with the first
        server.until(lambda: server.service.batcher.waiting == 0)
        server.gate.opened.set()
        server.until(lambda: not server.service.active)
        assert server.gate.batches == [1]


def test_what_a_client_that_has_gone_asked_is_dropped(classified: Run) -> None:
    with running_server(classified, budget=Budget(cache=0)) as server, ThreadPoolExecutor() as pool:
        stays = pool.submit(server.post)
        assert server.gate.begun.wait(30)
        with pytest.raises(httpx.ReadTimeout):
            server.post(timeout=0.2)
        server.until(lambda: server.service.active == 1)
        assert server.service.batcher.waiting == 0
        server.gate.opened.set()
        assert stays.result().status_code == 200
    assert server.gate.batches == [1]


def test_a_full_queue_is_said_with_a_time(classified: Run) -> None:
    with running_server(classified, budget=Budget(queue=1, cache=0)) as server, ThreadPoolExecutor() as pool:
        first = pool.submit(server.post)
        assert server.gate.begun.wait(30)
        second = pool.submit(server.post)
        server.until(lambda: server.service.batcher.waiting == 1)
        full = server.post()
        assert full.status_code == 429
        assert int(full.headers["retry-after"]) >= 1
        server.gate.opened.set()
        assert (first.result().status_code, second.result().status_code) == (200, 200)


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(RuletuneError) as caught:
        listen("127.0.0.1", taken.getsockname()[1])
    assert not isinstance(caught.value, UserError)
    assert re.search(r"port \d+ of 127.0.0.1 is in use", str(caught.value))


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_a_host_that_is_not_of_this_machine_is_said(host: str) -> None:
    with pytest.raises(UserError):
        listen(host, 0)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["ruletune", "serve", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_off_loopback_a_token_is_needed(
    classified: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RULETUNE_TOKEN", raising=False)
    assert command(monkeypatch, classified.folder, "--host", "0.0.0.0", "--port", 0) == 2
    assert "there is no token" in capsys.readouterr().err
    monkeypatch.setenv("RULETUNE_TOKEN", "short")
    assert command(monkeypatch, classified.folder, "--host", "0.0.0.0", "--port", 0) == 2
    assert "short" not in capsys.readouterr().err.replace("too short", "")


def test_wrong_use_is_said_before_anything_is_loaded(
    classified: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, tmp_path) == 2
    assert "is not a run folder" in capsys.readouterr().err
    assert command(monkeypatch, classified.folder, "--max-texts", 9, "--queue", 3) == 2
    assert "only 3 may wait" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert command(monkeypatch, classified.folder, "--port", taken.getsockname()[1]) == 1
    assert "is in use" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
def test_the_command_serves_and_ends_with_zero(classified: Run, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-that-is-long-enough\n")
    arguments = [
        sys.executable,
        "-m",
        "ruletune",
        "serve",
        classified.folder,
        "--port",
        "0",
        "--token-file",
        token,
        "--threads",
        "1",
    ]
    with subprocess.Popen(list(map(str, arguments)), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said = ""
            while "how to ask" not in said:
                line = process.stderr.readline()
                assert line, said
                said += line
            url = re.search(r"http://127\.0\.0\.1:\d+", said)[0]  # type: ignore[index]
            assert httpx.post(f"{url}/predict", json=BODY).status_code == 401
            headers = {"Authorization": "Bearer a-token-that-is-long-enough"}
            answer = httpx.post(f"{url}/predict", json=BODY, headers=headers)
            assert json.loads(answer.content)["predictions"][0]["answer"] in ("good", "bad")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert "a-token-that" not in said + process.stderr.read()
        finally:
            process.kill()
