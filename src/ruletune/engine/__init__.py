"""Where work runs. Two verbs: ``map`` a function over items, ``train`` a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

__all__ = ["Engine"]

T = TypeVar("T")
R = TypeVar("R")
C = TypeVar("C")


class Engine(Protocol):
    """A place to run: this process, several, or a cluster."""

    def map(self, fn: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Results of ``fn`` in the order of ``items``, one by one as they are ready.

        Items are taken as they are needed and no faster, so that they need not fit in memory together. ``fn``,
        items and results must be picklable where the work runs elsewhere.

        Raises:
            RuletuneError: The work was cut off: a process died, a machine went away.
        """
        ...

    def train(self, worker: Callable[[C], R], config: C) -> R:
        """Run a training worker to its end and give back what it returns."""
        ...
