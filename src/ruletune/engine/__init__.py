"""Where work runs. Two verbs: ``map`` a function over items, ``train`` a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ruletune.progress import Listener, silent

__all__ = ["Attempt", "Engine"]

T = TypeVar("T")
R = TypeVar("R")
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a training worker is told beside its work.

    Attributes:
        listener: Hears how far it is.
        again: An earlier attempt at the same work was cut off; what it left behind is to be gone on with.
    """

    listener: Listener = silent
    again: bool = False


class Engine(Protocol):
    """A place to run: this process, several, or a cluster.

    Everything that crosses to another machine names files by path. So all machines must see the same files: the task's
    folder, the data and the output stand in a shared folder or an object store.
    """

    @property
    def workers(self) -> int:
        """Items that :meth:`map` works on at once, and processes that :meth:`train` lets train together."""
        ...

    def map(self, fn: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Results of ``fn`` in the order of ``items``, one by one as they are ready.

        Items are taken as they are needed and no faster, so that they need not fit in memory together. ``fn``,
        items and results must be picklable where the work runs elsewhere, and ``fn`` may be applied to an item again after a
        machine went away. Closing the iterator drops what is under way.

        Raises:
            RuletuneError: The work was cut off: a process died, a machine went away for good.
        """
        ...

    def train(self, worker: Callable[[C, Attempt], R], config: C, *, listener: Listener = silent) -> R:
        """Run a training worker to its end and give back what it returns.

        Where several processes train together each of them runs the worker, as one of a
        :mod:`team <ruletune.training.team>`; what the leader tells and returns is what is heard here. Workers of which one
        dies are run again.
        """
        ...
