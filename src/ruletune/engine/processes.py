"""Processes that apply a function to items, in order and with only so many items on their way.

Each worker has a pipe of its own and nothing else in common with the others. So a worker that dies is
noticed and named, and workers whose parent dies see their pipe close and end: none is left behind.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

from ruletune.errors import RuletuneError

__all__ = ["Answer", "Processes", "Source", "failure", "result"]

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 2
"""Items that a worker is given at once: one to work on, and the next, so that it never waits for it."""

_AWAITED = 4
"""Items on their way, times the number of workers; results that are ready before their turn count."""


_FUNCTION, _ITEM = b"f", b"i"
"""What a message to a worker holds."""

Answer = tuple[bool, Any, str]
"""Whether the work was done; the result, or what was raised; the traceback of that."""


class _Worker:
    """A process, and the numbers of the items that it was given and has not answered."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a process that has threads must not be forked
        self._connection, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _deaf():
            self._process.start()
        theirs.close()
        self.given: deque[int] = deque()

    @property
    def connection(self) -> Connection:
        return self._connection

    def send(self, kind: bytes, message: bytes) -> None:
        try:
            self._connection.send_bytes(kind + message)
        except OSError:
            raise self._death() from None

    def give(self, number: int, item: bytes) -> None:
        self.send(_ITEM, item)
        self.given.append(number)

    def receive(self) -> Answer:
        try:
            return self._connection.recv()  # type: ignore[no-any-return]
        except (EOFError, OSError):
            raise self._death() from None

    def _death(self) -> RuletuneError:
        """What became of a process that does not answer."""
        self._process.join(timeout=5)
        code = self._process.exitcode
        if code is None or code >= 0:
            return RuletuneError(f"a worker process ended before its work was done (exit code {code})")
        name = next((known.name for known in signal.Signals if known == -code), f"signal {-code}")
        hint = "; if memory ran out, try fewer --jobs" if name == "SIGKILL" else ""
        return RuletuneError(f"a worker process was killed before its work was done ({name}){hint}")

    def end(self) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


@contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C waits meanwhile, here; a process that is started inside never hears it.

    It reaches the whole group, and a process that is still importing would print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Processes:
    """Up to ``jobs`` worker processes, started as there is work for them."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._workers: list[_Worker] = []

    def map(self, fn: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """As :meth:`ruletune.engine.Engine.map`. What ``fn`` and ``items`` raise is raised here in its turn."""
        function = _dump(fn)
        for started in self._workers:
            started.send(_FUNCTION, function)
        source = Source(items)
        ready: dict[int, Answer] = {}
        turn = given = 0
        whole = False
        try:
            while source.has_next or turn < given:
                while (
                    source.has_next
                    and given - turn < _AWAITED * self._jobs
                    and (worker := self._free(function)) is not None
                ):
                    worker.give(given, _dump(source.next()))
                    given += 1
                while turn not in ready:
                    self._collect(ready)
                yield result(*ready.pop(turn))
                turn += 1
            whole = True
            source.check()
        finally:
            if not whole:
                self.close()  # what the workers still answer is no answer to the next question

    def _free(self, function: bytes) -> _Worker | None:
        """The worker with the least to do; a new one rather than one that is busy."""
        best = min(self._workers, key=lambda worker: len(worker.given), default=None)
        if best is not None and (not best.given or len(self._workers) == self._jobs):
            return best if len(best.given) < _AHEAD else None
        worker = _Worker()
        self._workers.append(worker)
        worker.send(_FUNCTION, function)
        return worker

    def _collect(self, ready: dict[int, Answer]) -> None:
        """Wait for an answer, and take every one that is there."""
        working = {worker.connection: worker for worker in self._workers if worker.given}
        for connection in wait(list(working)):
            assert isinstance(connection, Connection)
            worker = working[connection]
            answer = worker.receive()
            ready[worker.given.popleft()] = answer

    def close(self) -> None:
        """End every worker at once, whatever it is doing."""
        while self._workers:
            self._workers.pop().end()


class Source:
    """Items with a look at whether there is another. An error in making them waits until those before are done."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = iter(items)
        self._held: list[Any] = []
        self._error: Exception | None = None
        self._pull()

    def _pull(self) -> None:
        try:
            self._held = [next(self._items)]
        except StopIteration:
            self._held = []
        except Exception as error:
            self._held, self._error = [], error

    @property
    def has_next(self) -> bool:
        return bool(self._held)

    def next(self) -> Any:
        [item] = self._held
        self._pull()
        return item

    def check(self) -> None:
        if self._error is not None:
            raise self._error


def _dump(value: object) -> bytes:
    return bytes(ForkingPickler.dumps(value))


def result(good: bool, value: Any, trace: str) -> Any:
    if good:
        return value
    if not isinstance(value, RuletuneError | OSError):
        value.add_note(f"In a worker process:\n{trace}")
    raise value


def _serve(connection: Connection) -> None:
    """A worker's life: apply the function that was sent last to each item that comes after it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers itself
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        # A thread, so that the parent never waits to be heard, and a worker whose parent is gone ends whatever it does.
        while True:
            try:
                inbox.put(connection.recv_bytes())
            except (EOFError, OSError):
                os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    function: tuple[Callable[[Any], Any] | None, Answer | None] = (None, None)
    while True:
        message = inbox.get()
        if message[:1] == _FUNCTION:
            function = _load(message[1:])
        else:
            _answer(connection, *function, message[1:])


def _load(message: bytes) -> tuple[Callable[[Any], Any] | None, Answer | None]:
    """The function, or why there is none: then that is the answer to every item."""
    try:
        return ForkingPickler.loads(message), None
    except BaseException as error:  # building it may run a user's module
        return None, failure(error)


def _answer(connection: Connection, fn: Callable[[Any], Any] | None, failed: Answer | None, message: bytes) -> None:
    if fn is None:
        connection.send(failed)
        return
    try:
        answer = _dump((True, fn(ForkingPickler.loads(message)), ""))
    except BaseException as error:  # whatever it is, the parent is to raise it
        answer = _dump(failure(error))
    connection.send_bytes(answer)


def failure(error: BaseException) -> Answer:
    trace = traceback.format_exc()
    try:
        ForkingPickler.loads(_dump(error))
    except Exception:  # an exception class that does not cross
        error = RuntimeError(f"{type(error).__name__}: {error}")
    return False, error, trace
