"""Expressions that backtrack without end are stopped, in every thread.

Where CPython can be interrupted (the main thread of POSIX systems) a timer does it, at no cost to the
matching. Elsewhere an expression that might run away works in a process of its own, which is killed.
"""

from __future__ import annotations

import atexit
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType
from typing import Any

from ruletune.rules.conditions import Pattern

__all__ = [
    "GIVE_UP",
    "MatchTimeoutError",
    "Overrun",
    "default_budget",
    "find",
    "find_each",
    "may_run_away",
    "nested",
    "search",
]

GIVE_UP = 5
"""Texts on which a condition may use up its time before it is not tried on the rest."""

_TICK = 0.25
"""Seconds between two looks of the watchdog."""

_STEPS = 1e8
"""Steps of backtracking, at most, that may go unwatched: about a second's work."""


class MatchTimeoutError(Exception):
    """One condition worked on one text for longer than its budget.

    Attributes:
        condition, row: Positions of the condition and of the text.
        seconds: The budget, in seconds of processor time.
    """

    def __init__(self, condition: int, row: int, seconds: float) -> None:
        super().__init__(f"condition {condition} on text {row} took more than {seconds:.1f} s")
        self.condition, self.row, self.seconds = condition, row, seconds


@dataclass(frozen=True, slots=True)
class Overrun:
    """A cell that is unknown because the condition used up its time.

    Attributes:
        seconds: The budget; 0 where the condition was not even tried, having used up its time too often before.
    """

    condition: int
    row: int
    seconds: float


Budget = Callable[[int], float]


def default_budget(characters: int) -> float:
    """Seconds that one expression may work on a text of so many characters."""
    return 2.0 + characters / 100_000


def search(
    pattern: Pattern, condition: int, texts: Sequence[str], rows: Sequence[int], budget: Budget
) -> tuple[list[int], list[Overrun]]:
    """Those of some texts in which an expression is found, and those on which it used up its time.

    Args:
        rows: Positions in ``texts`` to look at.
    """
    compiled = re.compile(pattern.regex, pattern.flags)
    if not can_watch():
        return _unwatched(pattern, compiled, condition, texts, rows, budget)
    found: list[int] = []
    overruns: list[Overrun] = []
    at = [condition, 0, 0]
    while at[2] < len(rows):
        try:
            with watchdog(at, texts, budget):
                for position in range(at[2], len(rows)):
                    at[1], at[2] = rows[position], position
                    if compiled.search(texts[rows[position]]):
                        found.append(rows[position])
                break
        except MatchTimeoutError as error:
            overruns.append(Overrun(condition, error.row, error.seconds))
            at[2] += 1
            if len(overruns) == GIVE_UP:
                overruns += [Overrun(condition, row, 0.0) for row in rows[at[2] :]]
                break
    return found, overruns


def find(pattern: Pattern, condition: int, text: str, budget: Budget) -> list[tuple[int, int]]:
    """What ``re.finditer`` finds in a text, as (start, end); of the group ``entity`` or ``answer`` where the expression has one.

    Raises:
        MatchTimeoutError: It used up its time.
    """
    compiled = re.compile(pattern.regex, pattern.flags)
    if not can_watch() and may_run_away(pattern, len(text)):
        found = _elsewhere.ask("find", pattern, text, seconds=budget(len(text)))
        if found is None:
            raise MatchTimeoutError(condition, 0, budget(len(text)))
        return [(start, end) for start, end in found]
    with watchdog([condition, 0], [text], budget):
        return edges(compiled, text)


def find_each(
    pattern: Pattern, condition: int, texts: Sequence[str], budget: Budget
) -> Iterator[list[tuple[int, int]] | MatchTimeoutError]:
    """As :func:`find`, for each of many texts; the error, not raised, where an expression used up its time."""
    compiled = re.compile(pattern.regex, pattern.flags)
    group = group_of(compiled)
    wild = may_run_away(pattern, max(map(len, texts), default=0))
    for row, text in enumerate(texts):
        if wild:  # each is watched by itself
            try:
                yield find(pattern, condition, text, budget)
            except MatchTimeoutError as error:
                yield MatchTimeoutError(condition, row, error.seconds)
        elif group:
            yield edges(compiled, text)
        else:
            yield [match.span() for match in compiled.finditer(text)]


def group_of(compiled: re.Pattern[str]) -> int:
    """The number of the group ``entity`` or ``answer``, whichever the expression has; else 0, the whole match."""
    return compiled.groupindex.get("entity", compiled.groupindex.get("answer", 0))


def edges(compiled: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    """Where an expression matches, or its group ``entity`` or ``answer``: what stands around it is then no part of it."""
    named = group_of(compiled)
    return [match.span(named) for match in compiled.finditer(text) if match.start(named) >= 0]


def _unwatched(
    pattern: Pattern,
    compiled: re.Pattern[str],
    condition: int,
    texts: Sequence[str],
    rows: Sequence[int],
    budget: Budget,
) -> tuple[list[int], list[Overrun]]:
    found: list[int] = []
    overruns: list[Overrun] = []
    for row in rows:
        if len(overruns) >= GIVE_UP:
            overruns.append(Overrun(condition, row, 0.0))
        elif not may_run_away(pattern, len(texts[row])):
            found += [row] if compiled.search(texts[row]) else []
        else:
            seconds = budget(len(texts[row]))
            answer = _elsewhere.ask("search", pattern, texts[row], seconds=seconds)
            if answer is None:
                overruns.append(Overrun(condition, row, seconds))
            elif answer:
                found.append(row)
    return found, overruns


def may_run_away(pattern: Pattern, characters: int) -> bool:
    """Whether an expression might work for more than about a second on a text of that length."""
    nested, loops = _loops(pattern)
    return nested or float(characters) ** (loops + 1) > _STEPS


def nested(pattern: Pattern) -> bool:
    """Whether repetitions of no fixed number stand inside each other, so that backtracking may be exponential."""
    return _loops(pattern)[0]


@lru_cache(maxsize=4096)
def _loops(pattern: Pattern) -> tuple[bool, int]:
    """Whether repetitions of no fixed number stand inside each other, and how many there are.

    Without nesting, backtracking is bounded by a power of the length: one factor for each of them, and one for
    where the match begins. That is an upper bound, and mostly far from what happens.
    """
    from re import _parser  # type: ignore[attr-defined]

    def walk(nodes: Any, inside: bool) -> Iterator[bool]:
        for op, value in nodes:
            match str(op):
                case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                    least, most, body = value
                    loose = most != least and most != 1
                    if loose:
                        yield inside
                    yield from walk(body, inside or loose)
                case "SUBPATTERN":
                    yield from walk(value[3], inside)
                case "BRANCH":
                    for way in value[1]:
                        yield from walk(way, inside)
                case "ASSERT" | "ASSERT_NOT":
                    yield from walk(value[1], inside)
                case "ATOMIC_GROUP":
                    yield from walk(value, inside)
                case "GROUPREF":
                    yield False
                case "GROUPREF_EXISTS":
                    for way in value[1:]:
                        yield from walk(way or [], inside)

    found = list(walk(_parser.parse(pattern.regex, pattern.flags), False))
    return any(found), len(found)


class _Elsewhere:
    """A process that matches and can be killed; started when it is first needed, and again after it was killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def ask(self, what: str, pattern: Pattern, text: str, *, seconds: float) -> Any:
        """The answer; ``None`` where it did not come in time."""
        with self._lock:
            process = self._process = self._process or _start()
            assert process.stdin is not None and process.stdout is not None
            late = threading.Event()

            def kill() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(seconds, kill)
            timer.start()
            line = ""
            try:
                with suppress(BrokenPipeError):
                    process.stdin.write(json.dumps([what, pattern.regex, pattern.flags, text]) + "\n")
                    process.stdin.flush()
                    line = process.stdout.readline()
            finally:
                timer.cancel()
            if not line:
                process.kill()
                process.communicate()  # waits, and closes the pipes
                self._process = None
                if not late.is_set():
                    raise RuntimeError("the process that matches expressions ended unexpectedly")
                return None
            return json.loads(line)


_CHILD = """
import json, re, sys
print("ready", flush=True)
for line in sys.stdin:
    what, regex, flags, text = json.loads(line)
    compiled = re.compile(regex, flags)
    if what == "search":
        answer = compiled.search(text) is not None
    else:
        named = compiled.groupindex.get("entity", compiled.groupindex.get("answer", 0))
        answer = [match.span(named) for match in compiled.finditer(text) if match.start(named) >= 0]
    print(json.dumps(answer), flush=True)
"""


def _start() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="ascii"
    )
    assert process.stdout is not None
    process.stdout.readline()  # starting takes its time, which is not the expression's
    return process


_elsewhere = _Elsewhere()
atexit.register(_elsewhere.close)


@contextmanager
def watchdog(at: list[int], texts: Sequence[str], budget: Callable[[int], float]) -> Iterator[None]:
    """Stop the matching of one (condition, text) that outlasts its budget.

    CPython's regular expressions look for signals while they backtrack, so a timer can end them.
    It looks now and then whether the work has moved on; the matching itself pays nothing. Processor
    time is what counts, so that a busy machine makes no expression look bad. A timer that is running
    already goes on: its handler is called when it is due.
    """
    if not texts or not can_watch():
        yield
        return
    seen, since, finished = (-1, -1), 0.0, False

    def look() -> None:
        nonlocal seen, since
        now, cell = time.thread_time(), (at[0], at[1])
        if cell != seen:
            seen, since = cell, now
            return
        allowed = budget(len(texts[cell[1]]))
        if now - since > allowed:
            raise MatchTimeoutError(*cell, allowed)

    remaining, interval = signal.getitimer(signal.ITIMER_REAL)
    due = time.monotonic() + remaining if remaining else None
    previous = signal.getsignal(signal.SIGALRM)

    def on_alarm(number: int, frame: FrameType | None) -> None:
        nonlocal due
        if finished:
            return
        if due is not None and callable(previous) and time.monotonic() >= due:
            due = time.monotonic() + interval if interval else None
            previous(number, frame)
        look()

    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    try:
        yield
    finally:
        finished = True  # an alarm that is pending must not raise while the handler is put back
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        if due is not None:
            signal.setitimer(signal.ITIMER_REAL, max(due - time.monotonic(), 1e-3), interval)


def can_watch() -> bool:
    """Python handles signals on its main thread; a handler that C code installed cannot be put back."""
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) is not None
    )
