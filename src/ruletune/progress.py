"""What long work tells while it goes on, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

__all__ = ["Event", "Listener", "about", "counted", "silent"]


@dataclass(frozen=True, slots=True)
class Event:
    """``done`` of ``total`` units of the named piece of work are finished; ``detail`` says more, ``values`` in numbers."""

    name: str
    done: int
    total: int
    detail: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


Listener = Callable[[Event], None]


def about(listener: Listener, what: str) -> Listener:
    """Tells what pieces of work belong to, where several of one name are done.

    >>> about(lambda event: print(event.name), "slots")(Event("reading", 1, 2))
    slots: reading
    """
    return lambda event: listener(replace(event, name=f"{what}: {event.name}"))


def counted(listener: Listener, name: str, total: int) -> Callable[[int], None]:
    """Turn numbers of units just finished into events of one piece of work.

    >>> advance = counted(lambda event: print(event.done, event.total), "reading", 5)
    >>> advance(2), advance(3)
    2 5
    5 5
    (None, None)
    """
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        listener(Event(name, done, total))

    return advance


def silent(event: Event) -> None:
    """A listener that shows nothing."""
