"""Everything in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["LocalEngine"]

T = TypeVar("T")
R = TypeVar("R")
C = TypeVar("C")


class LocalEngine:
    """Runs work where it is called.

    >>> list(LocalEngine().map(len, ["a", "bc"]))
    [1, 2]
    """

    def map(self, fn: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        return map(fn, items)

    def train(self, worker: Callable[[C], R], config: C) -> R:
        return worker(config)
