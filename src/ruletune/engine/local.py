"""This machine: work runs in this process, or in several where there is enough of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from ruletune.engine import Attempt
from ruletune.progress import Listener, silent

if TYPE_CHECKING:
    from ruletune.engine.processes import Processes

__all__ = ["LocalEngine", "cores"]

T = TypeVar("T")
R = TypeVar("R")
C = TypeVar("C")

_PATIENCE = 1.0


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


class LocalEngine:
    """Runs work where it is called, and in other processes where it lasts.

    A process takes about a second to start and to import what it needs. So work begins here, and processes are
    started only when ``patience`` is used up; what is done sooner never pays for them.

    Args:
        jobs: Most processes; default one for each core that this process may use. With one, all work is done here.
        patience: Seconds of work done here before others are called in.

    >>> list(LocalEngine().map(len, ["a", "bc"]))
    [1, 2]
    """

    def __init__(self, jobs: int | None = None, *, patience: float = _PATIENCE) -> None:
        self.jobs = cores() if jobs is None else jobs
        self._patience = patience
        self._processes: Processes | None = None

    @property
    def workers(self) -> int:
        """Most processes."""
        return self.jobs

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the other processes, at once."""
        if self._processes is not None:
            self._processes.close()
            self._processes = None

    def map(self, fn: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """As :meth:`ruletune.engine.Engine.map`. The processes stay for the next call, until :meth:`close`."""
        left = iter(items)
        spent = 0.0
        while self.jobs < 2 or (self._processes is None and spent <= self._patience):
            try:
                item = next(left)
            except StopIteration:
                return
            begin = perf_counter()
            result = fn(item)
            spent += perf_counter() - begin
            yield result
        if self._processes is None:
            from ruletune.engine.processes import Processes

            self._processes = Processes(self.jobs)
        yield from self._processes.map(fn, left)

    def train(self, worker: Callable[[C, Attempt], R], config: C, *, listener: Listener = silent) -> R:
        """Run the worker in this process. One that a launcher started, such as ``torchrun``, is one of a team already."""
        return worker(config, Attempt(listener))
