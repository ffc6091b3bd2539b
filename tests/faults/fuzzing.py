"""The common part of all fuzzers: run cases, hold them to one promise, and count what came out.

The promise: a case does its work or raises a :class:`~ruletune.errors.UserError` whose message a person can read, in bounded
time and memory. Anything else is a failure, and is printed with the seed that makes it again.
"""

from __future__ import annotations

import contextlib
import random
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from ruletune.bad_rows import reason_of
from ruletune.errors import UserError

LONGEST_PROBLEM = 2500
"""Characters of one problem."""

LONGEST_MESSAGE = 30_000
"""Characters of a whole message: twenty problems at most are printed."""

SLOWEST = 20.0
"""Seconds of processor time that a case may take."""

Case = Callable[[random.Random], str]
"""Makes a case from chance, runs it, and says in a word what came out where nothing is wrong."""


class TooSlowError(Exception):
    """A case took longer than :data:`SLOWEST`."""


class BrokenPromiseError(Exception):
    """A case ended well, and what came out is wrong."""


@dataclass(slots=True)
class Outcome:
    """What came of many cases.

    Attributes:
        accepted: By what came out.
        refused: Cases that ended in a UserError.
        reasons: First problems of these, by what they have in common.
        failures: (seed, traceback) of cases that broke the promise, the first of each kind.
        failed: How many cases did.
        slowest: Seconds of processor time of the slowest case.
        memory: Megabytes by which the process's peak grew.
    """

    cases: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    failures: dict[str, tuple[int, str]] = field(default_factory=dict)
    failed: int = 0
    slowest: float = 0.0
    seconds: float = 0.0
    memory: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "cases": self.cases,
            "accepted": sum(self.accepted.values()),
            "refused": self.refused,
            "failed": self.failed,
            "reasons": len(self.reasons),
            "slowest_seconds": round(self.slowest, 2),
            "seconds": round(self.seconds, 1),
            "memory_mb": round(self.memory, 1),
        }


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Stop what takes too much processor time. The matcher uses the timer of real time itself, so this is another one."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TooSlowError(f"more than {SLOWEST:.0f} s")

    previous = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, SLOWEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)


def check_message(error: UserError) -> None:
    """A message must be one that a person can read."""
    longest = max(len(str(problem)) for problem in error.problems)
    if longest > LONGEST_PROBLEM or len(str(error)) > LONGEST_MESSAGE:
        raise BrokenPromiseError(f"a problem of {longest} characters: {str(error)[:300]}")
    if not error.problems[0].message.strip():
        raise BrokenPromiseError("a problem without a message")


def peak() -> float:
    """Megabytes that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(case: Case, seeds: Iterator[int], *, seconds: float | None = None) -> Outcome:
    """Run a case for every seed, or for so many seconds of processor time."""
    found = Outcome()
    begin, before = time.process_time(), peak()
    for seed in seeds:
        if seconds is not None and time.process_time() - begin > seconds:
            break
        one(case, seed, found)
    found.seconds, found.memory = time.process_time() - begin, peak() - before
    return found


def one(case: Case, seed: int, found: Outcome) -> None:
    """Run one case and write down what came out."""
    began = time.process_time()
    found.cases += 1
    try:
        with limited(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found.accepted[case(random.Random(seed))] += 1
            except UserError as error:
                check_message(error)
                found.refused += 1
                if len(found.reasons) < 5000:
                    found.reasons[reason_of(error.problems[0])] += 1
    except Exception as error:
        found.failed += 1
        trace = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} {trace.filename.rpartition('/')[2]}:{trace.lineno}"
        found.failures.setdefault(kind, (seed, traceback.format_exc(limit=-8)))
    found.slowest = max(found.slowest, time.process_time() - began)


def show(name: str, found: Outcome) -> None:
    """Print a line on stderr, and every kind of failure with the seed that makes it again."""
    values = found.to_json()
    sys.stderr.write(f"{name}: {', '.join(f'{key} {value}' for key, value in values.items())}\n")
    for kind, (seed, trace) in found.failures.items():
        sys.stderr.write(f"--- {name}, seed {seed}: {kind}\n{trace}\n")
