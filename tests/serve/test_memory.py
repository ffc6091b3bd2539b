"""Memory that nobody uses goes back to the system while a server runs, and where that cannot be nothing happens."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
import sys

import pytest

from ruletune.serve import memory


def test_it_is_given_back_again_and_again_until_the_server_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []

    def trim(kept: int) -> int:
        given.append(kept)
        return 1

    async def serve() -> int:
        async with memory.giving_back(every=0.01):
            while len(given) < 3:
                await asyncio.sleep(0.01)
        return len(given)

    monkeypatch.setattr(memory, "_trim", lambda: trim)
    before = asyncio.run(serve())
    assert before >= 3 and len(given) == before and set(given) == {0}


def test_other_systems_have_no_such_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve() -> str:
        async with memory.giving_back(every=0.0):
            return "served"

    monkeypatch.setattr(sys, "platform", "win32")
    assert memory._trim() is None and asyncio.run(serve()) == "served"


@pytest.mark.skipif(sys.platform != "linux", reason="it is a call of the GNU C library")
def test_an_error_of_the_server_ends_it_as_well() -> None:
    async def serve() -> None:
        async with memory.giving_back(every=0.0):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(serve())


PROGRAM = """
import threading
from ruletune.serve.memory import sparing
sparing(large=True)
held, gate = [], threading.Barrier(9)
def work():
    held.append([bytearray(2000) for _ in range(50)])
    gate.wait()
for _ in range(8):
    threading.Thread(target=work).start()
gate.wait()
import ctypes
ctypes.CDLL(None).malloc_stats()
"""


def heaps(**environ: str) -> int:
    """Heaps of a process with eight threads, in the words of the C library."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=os.environ | environ
    )
    return done.stderr.count("Arena ")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is a call of the GNU C library")
def test_threads_share_heaps_unless_the_environment_says_otherwise() -> None:
    assert heaps() == 2
    assert heaps(MALLOC_ARENA_MAX="5") == 5
