"""Memory of a process and of all that it started, sampled while something runs."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Memory", "busy", "resident"]

_PAGE = os.sysconf("SC_PAGE_SIZE")


def _family(root: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue  # it ended meanwhile
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def resident(root: int) -> int:
    """Bytes that a process and its descendants hold, memory that they share counted once for each."""
    total = 0
    for process in _family(root):
        try:
            total += int(Path(f"/proc/{process}/statm").read_text(encoding="utf-8").split()[1]) * _PAGE
        except OSError:
            continue
    return total


def busy(root: int) -> float:
    """Seconds that processors spent on the descendants of a process that are there, and not on it."""
    ticks = 0
    for process in _family(root)[1:]:
        try:
            told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(told[11]) + int(told[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Memory:
    """Samples, a few a second, between entering and leaving.

    Attributes:
        samples: Bytes, in order.
    """

    def __init__(self, every: float = 0.25) -> None:
        self.samples: list[int] = []
        self._every, self._over = every, threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(self._every):
            self.samples.append(resident(os.getpid()))

    @property
    def peak(self) -> float:
        """In megabytes."""
        return max(self.samples, default=0) / 1e6
