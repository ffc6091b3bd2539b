"""The queue before the model: nothing is lost, nothing is answered twice or by another's answer, and it is bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from ruletune.serve.batching import Batcher, Budget, ClosedError, FullError, Meters, TextError, Ticket, key_of

Ask = Callable[..., Ticket[str, str]]


class Model:
    """Answers in capitals, when it is let; remembers its batches."""

    def __init__(self, *, open_: bool = True) -> None:
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.begun = threading.Event()
        if open_:
            self.gate.set()

    def __call__(self, asked: Sequence[str]) -> list[str | Exception]:
        self.batches.append(list(asked))
        self.begun.set()
        assert self.gate.wait(20)
        return [ValueError(each) if each.startswith("bad") else each.upper() for each in asked]


def run(
    model: Model, use: Callable[[Batcher[str, str]], Awaitable[None]], budget: Budget | None = None, **more: Any
) -> None:
    async def main() -> None:
        batcher = Batcher(model, budget=budget, **more)
        batcher.start()
        await use(batcher)
        model.gate.set()
        await batcher.close()

    asyncio.run(asyncio.wait_for(main(), 30))


def ask(batcher: Batcher[str, str], *texts: str, cost: int = 1) -> Ticket[str, str]:
    return batcher.submit([(text, text, cost) for text in texts])


async def begun(model: Model) -> None:
    """The worker has taken a batch."""
    assert await asyncio.to_thread(model.begun.wait, 20)


def test_answers_come_in_the_order_of_what_was_asked() -> None:
    async def use(batcher: Batcher[str, str]) -> None:
        tickets = [ask(batcher, f"a{n}", f"b{n}", f"c{n}") for n in range(50)]
        for n, ticket in enumerate(tickets):
            assert await ticket.future == [f"A{n}", f"B{n}", f"C{n}"]

    run(Model(), use, Budget(texts=4))


def test_what_came_meanwhile_is_one_batch() -> None:
    model = Model(open_=False)

    async def use(batcher: Batcher[str, str]) -> None:
        first = ask(batcher, "first")
        await begun(model)
        others = [ask(batcher, str(n)) for n in range(5)]
        model.gate.set()
        await asyncio.gather(first.future, *(other.future for other in others))

    run(model, use)
    assert model.batches == [["first"], ["0", "1", "2", "3", "4"]]


def test_a_batch_is_bounded_in_texts_and_tokens_but_one_text_may_have_more() -> None:
    model = Model(open_=False)

    async def use(batcher: Batcher[str, str]) -> None:
        tickets = [ask(batcher, "first")]
        await begun(model)
        tickets += [
            ask(batcher, text, cost=cost)
            for text, cost in (("a", 6), ("b", 6), ("huge", 99), ("c", 1), ("d", 1), ("e", 1), ("f", 1))
        ]
        model.gate.set()
        await asyncio.gather(*(ticket.future for ticket in tickets))

    run(model, use, Budget(texts=3, tokens=10))
    assert model.batches == [["first"], ["a"], ["b"], ["huge"], ["c", "d", "e"], ["f"]]


def test_a_full_queue_refuses_all_texts_of_a_request_or_none() -> None:
    model = Model(open_=False)

    async def use(batcher: Batcher[str, str]) -> None:
        ask(batcher, "first")
        await begun(model)
        ask(batcher, "a", "b")
        with pytest.raises(FullError) as caught:
            ask(batcher, "c", "d")
        assert caught.value.seconds >= 1
        assert batcher.waiting == 2
        ask(batcher, "e")
        assert batcher.waiting == 3

    run(model, use, Budget(queue=3))
    assert model.batches[1:] == [["a", "b", "e"]]


def test_what_nobody_waits_for_is_not_begun() -> None:
    model = Model(open_=False)

    async def use(batcher: Batcher[str, str]) -> None:
        first = ask(batcher, "first")
        await begun(model)
        gone, stays = ask(batcher, "gone", "gone too"), ask(batcher, "stays")
        batcher.drop(gone)
        batcher.drop(gone)
        batcher.drop(first)
        assert batcher.waiting == 1
        model.gate.set()
        assert await stays.future == ["STAYS"]
        assert gone.future.cancelled()

    run(model, use)
    assert model.batches == [["first"], ["stays"]]


def test_an_error_is_its_own_texts_alone() -> None:
    async def use(batcher: Batcher[str, str]) -> None:
        good, bad = ask(batcher, "good"), ask(batcher, "fine", "bad", "fine too")
        with pytest.raises(TextError) as caught:
            await bad.future
        assert (caught.value.place, str(caught.value.error)) == (1, "bad")
        assert await good.future == ["GOOD"]

    run(Model(), use)


def test_a_model_that_fails_fails_the_batch_and_not_the_worker() -> None:
    calls: list[int] = []

    def model(asked: Sequence[str]) -> list[str]:
        calls.append(len(asked))
        if len(calls) == 1:
            raise RuntimeError("no")
        return [each.upper() for each in asked]

    async def main() -> None:
        batcher: Batcher[str, str] = Batcher(model)
        batcher.start()
        with pytest.raises(TextError):
            await ask(batcher, "a").future
        assert await ask(batcher, "b").future == ["B"]
        await batcher.close()

    asyncio.run(asyncio.wait_for(main(), 30))


def test_closing_answers_what_was_taken_and_takes_no_more() -> None:
    model = Model(open_=False)

    async def main() -> None:
        batcher = Batcher(model)
        batcher.start()
        tickets = [ask(batcher, str(n)) for n in range(100)]
        closing = asyncio.ensure_future(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(ClosedError):
            ask(batcher, "late")
        model.gate.set()
        await closing
        assert [await ticket.future for ticket in tickets] == [[str(n)] for n in range(100)]

    asyncio.run(asyncio.wait_for(main(), 30))


def test_closing_an_idle_queue_ends() -> None:
    async def use(batcher: Batcher[str, str]) -> None:
        pass

    run(Model(), use)


def test_equal_texts_are_computed_once_and_remembered() -> None:
    model, remembered = Model(open_=False), []

    async def use(batcher: Batcher[str, str]) -> None:
        first = ask(batcher, "first")
        await begun(model)
        same = [ask(batcher, "same", "other", "same") for _ in range(3)]
        model.gate.set()
        for ticket in same:
            assert await ticket.future == ["SAME", "OTHER", "SAME"]
        assert await ask(batcher, "other", "new").future == ["OTHER", "NEW"]
        assert await first.future == ["FIRST"]

    run(model, use, Budget(cache=8), meters=Meters(remembered=remembered.append))
    assert model.batches == [["first"], ["same", "other"], ["new"]]
    assert sum(remembered) == 1


def test_memory_is_bounded_and_may_be_none() -> None:
    for cache, batches in ((2, 4), (0, 4)):
        model = Model()

        async def use(batcher: Batcher[str, str]) -> None:
            for text in ("a", "b", "c", "a"):
                await ask(batcher, text).future

        run(model, use, Budget(cache=cache))
        assert len(model.batches) == batches


def test_errors_are_not_remembered() -> None:
    model = Model()

    async def use(batcher: Batcher[str, str]) -> None:
        for _ in range(2):
            with pytest.raises(TextError):
                await ask(batcher, "bad").future

    run(model, use)
    assert len(model.batches) == 2


def test_keys_tell_texts_apart() -> None:
    assert key_of("a", None) != key_of("a", "None")
    assert key_of("a", "b") != key_of("a', 'b")
    assert key_of("\ud800") != key_of("?")
    assert key_of("a") == key_of("a")
