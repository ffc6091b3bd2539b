"""What long work tells while it goes on, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Event", "Listener", "silent"]


@dataclass(frozen=True, slots=True)
class Event:
    """``done`` of ``total`` units of the named piece of work are finished; ``detail`` says more."""

    name: str
    done: int
    total: int
    detail: str = ""


Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """A listener that shows nothing."""
