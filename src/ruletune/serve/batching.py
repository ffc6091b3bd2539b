"""Texts of many requests, answered together by one thread.

A model answers several texts in little more time than one. So requests put their texts into one bounded queue, and a worker
takes from its front as many as a batch may hold: whatever came while it was busy with the batch before. Nothing waits when
the worker is idle; after a batch of several texts it waits for a moment for as many again, since their senders are about to
ask anew.

Everything here but :meth:`Batcher._work` happens on the event loop; the queue is guarded by a lock, and a batch's answers come
back to the loop in one call.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["Batcher", "Budget", "ClosedError", "FullError", "Job", "Meters", "TextError", "Ticket", "key_of"]

logger = logging.getLogger("ruletune.serve")

T = TypeVar("T")
"""What is asked."""

R = TypeVar("R")
"""What is answered."""


class FullError(Exception):
    """The queue has no room. ``seconds``: when it may have."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"try again in {seconds} s")
        self.seconds = seconds


class TextError(Exception):
    """One text of a request could not be answered: its place, and what went wrong."""

    def __init__(self, place: int, error: Exception) -> None:
        super().__init__(f"text {place}: {error}")
        self.place = place
        self.error = error


class ClosedError(Exception):
    """No more texts are taken."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is taken at a time.

    Attributes:
        texts: Most texts in a batch.
        tokens: Most tokens in a batch, as far as they can be told from a text's length; one text may have more.
        queue: Most texts that wait.
        wait: Seconds to wait for further texts after a batch of several; none where the worker was idle.
        cache: Answers that are remembered; 0: none, and equal texts are computed each time.
    """

    texts: int = 64
    tokens: int = 4096
    queue: int = 1024
    wait: float = 0.002
    cache: int = 1024


@dataclass(slots=True, eq=False)
class Job(Generic[T, R]):
    """One text.

    Attributes:
        key: Equal for jobs with the same answer.
        cost: Estimated tokens.
    """

    asked: T
    key: Hashable
    cost: int
    ticket: Ticket[T, R]
    place: int
    since: float = 0.0


@dataclass(slots=True, eq=False)
class Ticket(Generic[T, R]):
    """The texts of one request, and the answers as they come."""

    future: asyncio.Future[list[R]]
    answers: list[R | None] = field(default_factory=list)
    left: int = 0
    dropped: bool = False


@dataclass(slots=True)
class Meters:
    """What is told about the work; each is called on the event loop.

    Attributes:
        batch: Of each batch: texts, and seconds that it took.
        waited: Seconds for which a text waited.
        remembered: Texts whose answer was remembered.
    """

    batch: Callable[[int, float], None] = lambda texts, seconds: None
    waited: Callable[[float], None] = lambda seconds: None
    remembered: Callable[[int], None] = lambda texts: None


def key_of(*parts: object) -> bytes:
    """A short key for values that are told apart by ``repr``; different ones have different keys in practice."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=20).digest()


class Batcher(Generic[T, R]):
    """A bounded queue before one worker thread.

    Args:
        answer: Answers to what is asked, in its order, an exception in place of an answer that could not be given. It is
            called in the worker's thread, with no two things of one key.
        begin: Called first in the worker's thread.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[T]], Sequence[R | Exception]],
        *,
        budget: Budget | None = None,
        begin: Callable[[], None] | None = None,
        meters: Meters | None = None,
    ) -> None:
        self.budget = budget or Budget()
        self._answer = answer
        self._begin = begin
        self._meters = meters or Meters()
        self._waiting: deque[Job[T, R]] = deque()
        self._working = 0
        self._changed = threading.Condition()
        self._closed = False
        self._memory: OrderedDict[Hashable, R] = OrderedDict()
        self._pace = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the worker; answers come to the event loop that is running."""
        self._loop = asyncio.get_running_loop()
        self._idle = asyncio.Event()
        self._idle.set()
        # A daemon: a second signal must end the process whatever the model is doing.
        self._thread = threading.Thread(target=self._work, name="ruletune-model", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Texts that wait."""
        return len(self._waiting)

    def submit(self, asked: Sequence[tuple[T, Hashable, int]]) -> Ticket[T, R]:
        """Put the texts of one request into the queue, all of them or none.

        Args:
            asked: What is asked, its key, and its estimated tokens.

        Raises:
            FullError: There is not enough room.
            ClosedError: The worker is being stopped.
        """
        assert self._loop is not None, "the worker has not been started"
        if self._closed:
            raise ClosedError
        ticket: Ticket[T, R] = Ticket(self._loop.create_future(), [None] * len(asked))
        jobs = []
        for place, (what, key, cost) in enumerate(asked):
            known = self._remembered(key)
            if known is not None:
                ticket.answers[place] = known
            else:
                jobs.append(Job(what, key, cost, ticket, place, time.monotonic()))
        self._meters.remembered(len(asked) - len(jobs))
        ticket.left = len(jobs)
        if not jobs:
            self._finish(ticket)
            return ticket
        if self.waiting + len(jobs) > self.budget.queue:
            raise FullError(self._later())
        assert self._idle is not None
        self._idle.clear()
        with self._changed:
            self._waiting.extend(jobs)
            self._changed.notify()
        return ticket

    def drop(self, ticket: Ticket[T, R]) -> None:
        """Nobody waits for these answers any more: what has not begun never does."""
        if ticket.dropped or ticket.future.done():
            return
        ticket.future.cancel()
        self._forget(ticket)

    def _forget(self, ticket: Ticket[T, R]) -> None:
        ticket.dropped = True
        with self._changed:
            self._waiting = deque(job for job in self._waiting if job.ticket is not ticket)
        self._rest()

    async def close(self) -> None:
        """Take no more, and wait until everything that was taken is answered."""
        self._closed = True
        if self._idle is not None:
            await self._idle.wait()
        with self._changed:
            self._changed.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _remembered(self, key: Hashable) -> R | None:
        if not self.budget.cache or key not in self._memory:
            return None
        self._memory.move_to_end(key)
        return self._memory[key]

    def _later(self) -> int:
        """Seconds after which there may be room: what waits, at the pace of late."""
        cost = sum(job.cost for job in self._waiting)
        return max(1, min(60, math.ceil(cost * self._pace)))

    # --- in the worker's thread

    def _work(self) -> None:
        if self._begin is not None:
            self._begin()
        expected, finished = 1, 0.0
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                # Where several were just answered as many are about to come again.
                until = finished + self.budget.wait
                while expected > len(self._waiting) and (left := until - time.monotonic()) > 0:
                    if not self._changed.wait(left):
                        break
                batch = self._take()
            if batch:
                began = time.monotonic()
                self._hand_over(batch, self._answered(batch), began)
                expected, finished = len(batch), time.monotonic()

    def _take(self) -> list[Job[T, R]]:
        """The front of the queue, as much as a batch may hold."""
        batch: list[Job[T, R]] = []
        cost = 0
        while self._waiting and len(batch) < self.budget.texts:
            if batch and cost + self._waiting[0].cost > self.budget.tokens:
                break
            job = self._waiting.popleft()
            cost += job.cost
            batch.append(job)
        self._working += len(batch)
        return batch

    def _answered(self, batch: Sequence[Job[T, R]]) -> list[R | Exception]:
        """Answers in the order of the batch; what has one key is asked once."""
        shared = bool(self.budget.cache)
        first: dict[Hashable, int] = {}
        for number, job in enumerate(batch):
            first.setdefault(job.key if shared else number, number)
        chosen = list(first.values())
        try:
            found = list(self._answer([batch[number].asked for number in chosen]))
        except Exception as error:  # whatever fails, the worker goes on
            logger.exception("a batch of %d texts failed", len(batch))
            return [error] * len(batch)
        by_number = dict(zip(chosen, found, strict=True))
        return [by_number[first[job.key if shared else number]] for number, job in enumerate(batch)]

    def _hand_over(self, batch: list[Job[T, R]], answers: list[R | Exception], began: float) -> None:
        assert self._loop is not None
        seconds = time.monotonic() - began
        try:
            self._loop.call_soon_threadsafe(self._deliver, batch, answers, began, seconds)
        except RuntimeError:  # the loop is closed: the process ends
            self._closed = True

    # --- on the event loop again

    def _deliver(self, batch: list[Job[T, R]], answers: list[R | Exception], began: float, seconds: float) -> None:
        with self._changed:
            self._working -= len(batch)
        pace = seconds / max(1, sum(job.cost for job in batch))
        self._pace = pace if not self._pace else 0.8 * self._pace + 0.2 * pace
        self._meters.batch(len(batch), seconds)
        for job, answer in zip(batch, answers, strict=True):
            self._meters.waited(began - job.since)
            if not isinstance(answer, Exception):
                self._remember(job.key, answer)
            self._give(job, answer)
        self._rest()

    def _remember(self, key: Hashable, answer: R) -> None:
        if not self.budget.cache:
            return
        self._memory[key] = answer
        self._memory.move_to_end(key)
        if len(self._memory) > self.budget.cache:
            self._memory.popitem(last=False)

    def _give(self, job: Job[T, R], answer: R | Exception) -> None:
        ticket = job.ticket
        if ticket.dropped or ticket.future.done():
            return
        if isinstance(answer, Exception):
            ticket.future.set_exception(TextError(job.place, answer))
            self._forget(ticket)
            return
        ticket.answers[job.place] = answer
        ticket.left -= 1
        if not ticket.left:
            self._finish(ticket)

    def _finish(self, ticket: Ticket[T, R]) -> None:
        ticket.future.set_result([answer for answer in ticket.answers if answer is not None])

    def _rest(self) -> None:
        with self._changed:
            resting = not self._waiting and not self._working
        if resting and self._idle is not None:
            self._idle.set()
