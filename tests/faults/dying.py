"""Work in a process of its own that is killed: after a while, or at one of its calls to the file system."""

from __future__ import annotations

import builtins
import io
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Ended", "Moment", "moments", "run"]

_CALLS = ("replace", "rename", "fsync", "unlink", "remove", "mkdir", "rmdir", "open")
"""Functions of ``os`` after which, or before which, a process may die."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a process is killed.

    Attributes:
        seconds: After it began; from outside.
        call: By itself: 1 before its first call to the file system, 2 behind it, 3 before its second, and so on.
        signal: What it is sent.
    """

    seconds: float | None = None
    call: int | None = None
    signal: int = signal.SIGKILL

    def __str__(self) -> str:
        return f"call {self.call}" if self.call is not None else f"{self.seconds:.3f} s"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended.

    Attributes:
        killed: Before it was done.
        calls: To the file system, where it lived.
        said: A traceback, if one escaped.
    """

    killed: bool
    code: int
    calls: int
    seconds: float
    said: str


def moments(count: int, plain: Ended, *, seed: int, timed: bool = True) -> list[Moment]:
    """Half of them by the clock, over the time that the work takes when left alone, half by calls."""
    rng = random.Random(seed)
    by_clock = count // 2 if timed else 0
    clock = [Moment(seconds=rng.uniform(0.0, plain.seconds)) for _ in range(by_clock)]
    return clock + [Moment(call=rng.randint(1, max(1, 2 * plain.calls))) for _ in range(count - by_clock)]


def run(work: Callable[[], None], folder: Path, moment: Moment | None = None, *, most: float = 120.0) -> Ended:
    """Do some work in a fork of this process, and kill it at a moment.

    Args:
        folder: Calls for files below it are counted.
        most: Seconds after which it hangs, which is a failure.
    """
    report = folder.parent / f"{folder.name}.ended"
    report.unlink(missing_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    began = time.monotonic()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the child takes it when it can say that it did
    pid = os.fork()
    if pid == 0:
        _child(work, folder, report, moment)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    deadline = began + most
    if moment is not None and moment.seconds is not None:
        while time.monotonic() < began + moment.seconds and not report.exists():
            time.sleep(0.0005)
        os.kill(pid, moment.signal)
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            break
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise TimeoutError(f"hangs, killed at {moment}")
        time.sleep(0.0005)
    seconds, code = time.monotonic() - began, os.waitstatus_to_exitcode(status)
    calls, _, said = report.read_text("utf-8").partition("\n") if report.exists() else ("0", "", "")
    return Ended(code == -signal.SIGKILL, code, int(calls or 0), seconds, said)


def _child(work: Callable[[], None], folder: Path, report: Path, moment: Moment | None) -> None:
    counted = [0]
    said, code = "", 0
    plain = os.open, os.write
    if moment is None or moment.call is not None:
        _count_calls(folder, counted, None if moment is None else moment.call)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        work()
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        said, code = traceback.format_exc(), 1
    finally:
        descriptor = plain[0](report, os.O_CREAT | os.O_WRONLY)
        plain[1](descriptor, f"{counted[0]}\n{said}".encode())
        os._exit(code)


def _count_calls(folder: Path, counted: list[int], last: int | None) -> None:
    """Let each call that changes a file below the folder be counted, and the last one never return."""
    below = str(folder)

    def about(arguments: tuple[Any, ...]) -> bool:
        first = arguments[0] if arguments else None
        if isinstance(first, int):  # a descriptor
            return True
        return isinstance(first, str | os.PathLike) and os.fspath(first).startswith(below)

    def wrapped(plain: Callable[..., Any], *, opens: bool = False) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            mode = arguments[1] if len(arguments) > 1 else named.get("mode", "r")
            if not about(arguments) or (opens and isinstance(mode, str) and not set(mode) & set("wax+")):
                return plain(*arguments, **named)
            counted[0] += 1
            if last is not None and 2 * counted[0] - 1 == last:
                os.kill(os.getpid(), signal.SIGKILL)
            made = plain(*arguments, **named)
            if last is not None and 2 * counted[0] == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return made

        return call

    for name in _CALLS:
        setattr(os, name, wrapped(getattr(os, name)))
    opened = wrapped(io.open, opens=True)
    io.open = builtins.open = opened
