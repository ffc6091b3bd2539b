"""The two verbs on this machine: in this process, and spread over several."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ruletune.engine import Attempt
from ruletune.engine.local import LocalEngine, cores
from ruletune.errors import Location, RuletuneError, UserError
from ruletune.progress import Event


def square(number: int) -> int:
    return number * number


def trained(number: int, attempt: Attempt) -> tuple[int, bool]:
    attempt.listener(Event("training", 1, 1))
    return number * number, attempt.again


def slow_when_even(number: int) -> tuple[int, int]:
    time.sleep(0.05 if number % 2 == 0 else 0.0)
    return number, os.getpid()


def picky(number: int) -> int:
    if number == 5:
        raise UserError("five", where=Location("numbers.txt", 5), remedy="leave it out")
    if number == 6:
        raise ZeroDivisionError("six")
    return number


class OddError(Exception):
    """Does not survive a journey: it wants two arguments and keeps one."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(one)


def odd(number: int) -> int:
    raise OddError(number, number)


def die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def leave(number: int) -> int:
    os._exit(7)


def size(data: bytes) -> int:
    return len(data)


class Unbuilt:
    """A function that cannot be built where it arrives."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return _raise, ("no such rule",)

    def __call__(self, number: int) -> int:
        return number


def _raise(message: str) -> None:
    raise UserError(message)


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    with LocalEngine(2, patience=-1) as engine:
        yield engine


def test_results_come_in_order_from_several_processes(engine: LocalEngine) -> None:
    results = list(engine.map(slow_when_even, range(12)))
    assert [number for number, _ in results] == list(range(12))
    pids = {pid for _, pid in results}
    assert len(pids) == 2 and os.getpid() not in pids


def test_nothing_comes_of_nothing(engine: LocalEngine) -> None:
    assert list(engine.map(square, [])) == []
    assert list(LocalEngine(1).map(square, [])) == []


def test_one_job_is_this_process() -> None:
    assert {pid for _, pid in LocalEngine(1, patience=-1).map(slow_when_even, range(3))} == {os.getpid()}


def test_what_is_done_soon_stays_here() -> None:
    with LocalEngine(2, patience=60) as engine:
        assert {pid for _, pid in engine.map(slow_when_even, range(3))} == {os.getpid()}


def test_items_are_taken_as_they_are_needed(engine: LocalEngine) -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = engine.map(square, endless())
    for _ in range(20):
        next(results)
    assert taken <= 20 + 4 * 2 + 1
    results.close()  # type: ignore[attr-defined]
    assert list(engine.map(square, range(3))) == [0, 1, 4], "another question gets its own answers"


def test_large_items_do_not_block(engine: LocalEngine) -> None:
    assert list(engine.map(size, (bytes(3_000_000) for _ in range(10)))) == [3_000_000] * 10


def test_a_users_error_crosses_whole(engine: LocalEngine) -> None:
    done = []
    with pytest.raises(UserError) as caught:
        for number in engine.map(picky, range(20)):
            done.append(number)
    assert done == [0, 1, 2, 3, 4], "it is raised in its turn"
    assert str(caught.value) == "numbers.txt:5: five; leave it out"
    assert caught.value.problems[0].where == Location("numbers.txt", 5)


def test_other_errors_bring_their_traceback(engine: LocalEngine) -> None:
    with pytest.raises(ZeroDivisionError, match="six") as caught:
        list(engine.map(picky, [6]))
    assert "in picky" in "".join(caught.value.__notes__)
    with pytest.raises(RuntimeError, match="OddError"):
        list(engine.map(odd, [1]))


def test_a_function_that_cannot_be_built_there(engine: LocalEngine) -> None:
    with pytest.raises(UserError, match="no such rule"):
        list(engine.map(Unbuilt(), range(3)))


def test_an_error_in_the_items_waits_for_those_before(engine: LocalEngine) -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise UserError("line 6 is broken")

    done = []
    with pytest.raises(UserError, match="line 6"):
        for result in engine.map(square, items()):
            done.append(result)
    assert done == [0, 1, 4, 9, 16]


def test_a_worker_that_dies_is_told(engine: LocalEngine) -> None:
    with pytest.raises(RuletuneError, match=r"killed before its work was done \(SIGKILL\); if memory ran out"):
        list(engine.map(die, range(50)))
    with pytest.raises(RuletuneError, match="exit code 7"):
        list(engine.map(leave, range(2)))
    assert list(engine.map(square, range(3))) == [0, 1, 4], "the next call begins with new processes"


def test_training_is_a_call() -> None:
    heard: list[Event] = []
    assert LocalEngine().train(trained, 3, listener=heard.append) == (9, False)
    assert heard == [Event("training", 1, 1)]


def test_cores() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
    assert LocalEngine().jobs == cores()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, time\n"
        "from ruletune.engine.local import LocalEngine\n"
        "def work(n):\n    print(os.getpid(), flush=True)\n    time.sleep(60)\n"
        "if __name__ == '__main__':\n    list(LocalEngine(2, patience=-1).map(work, range(2)))\n",
        encoding="utf-8",
    )
    parent = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert parent.stdout is not None
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while any(_alive(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker was left behind"
        time.sleep(0.05)
    parent.stdout.close()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
