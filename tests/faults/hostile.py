#!/usr/bin/env python
"""Send hostile requests to both servers: python -m tests.faults.hostile [--requests N] [--seed S] [--only KIND] [--server NAME].

The servers run as users start them, over a project and a run that are made for this, and are talked to byte by byte. The promise:
no answer above 499 but a documented 503 or 504, each one well formed and with the headers that keep it safe; nothing that must be
refused is done; the server answers right afterwards, in bounded memory, and its log has no traceback; no file is touched that
must not be. Results go to ``benchmarks/results/faults/hostile.json``, failures to stderr; any is exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import attacks, servers
from tests.faults.fuzzing import BrokenPromiseError
from tests.faults.servers import Answer, Attack, Heard, Target

AT_ONCE = 24
"""Connections at a time."""

WAITING = 200
"""Connections on which nobody knows how much is still to come."""

EVERY = 500
"""Requests after which the server is asked something that it must answer."""

GROWTH = 300.0
"""Megabytes by which the memory of a server may grow under attack."""

_SAFE = ("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy")
"""Headers of every answer."""


@dataclass(slots=True)
class Tally:
    """What came of one kind of attack.

    Attributes:
        unheard: Attacks that had no answer, as far as none was due.
        failures: What was wrong, with the number of the attack, the first of each kind.
    """

    sent: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    unheard: int = 0
    failed: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    slowest: float = 0.0

    def fail(self, what: str, where: str) -> None:
        self.failed += 1
        self.failures.setdefault(what, where)

    def to_json(self) -> dict[str, Any]:
        return {
            "sent": self.sent,
            "answers": dict(sorted(self.statuses.items())),
            "without an answer": self.unheard,
            "failed": self.failed,
            "slowest_seconds": round(self.slowest, 2),
        }


Tallies = dict[str, Tally]


def complaint(attack: Attack, heard: Heard) -> str | None:
    """What is wrong with what a server made of an attack, if anything is."""
    if servers.CANARY.encode() in heard.data:
        return "it gave away what lies outside"
    if b"Traceback (most recent" in heard.data:
        return "a traceback was sent"
    if not heard.ended and not attack.stays and not attack.leaves:
        return f"the connection was not ended within {attack.patience:g} s"
    answers = servers.answers_of(bytes(heard.data), bodiless=attack.bodiless)
    if attack.answered and not answers:
        return "there was no answer"
    if len(answers) > attack.requests:
        return f"{len(answers)} answers to {attack.requests} requests"
    return next((said for answer in answers if (said := _wrong(attack, answer)) is not None), None)


def _wrong(attack: Attack, answer: Answer) -> str | None:
    if answer.status >= 500 and answer.status not in (503, 504):
        return f"{answer.status}: {answer.body[:200].decode('utf-8', 'replace')}"
    if attack.refused and answer.status < 400:
        return f"{answer.status} to what must be refused"
    missing = [name for name in _SAFE if name not in answer.headers]
    if missing:
        return f"{answer.status} without {', '.join(missing)}"
    if answer.status >= 400 and not attack.bodiless and not _says_why(answer):
        return f"{answer.status} does not say why: {answer.headers.get('content-type')}, {answer.body[:100]!r}"
    return None


def _says_why(answer: Answer) -> bool:
    """Whether an answer is a list of problems, as the documentation has it."""
    try:
        found = json.loads(answer.body)["problems"]
    except (ValueError, KeyError, TypeError):
        return False
    return (
        answer.headers.get("content-type") == "application/json"
        and all(each["message"].strip() for each in found)
        and bool(found)
    )


async def one(target: Target, attack: Attack, tally: Tally, where: str) -> None:
    """Send an attack and write down what came of it."""
    tally.sent += 1
    began = time.monotonic()
    try:
        heard = await servers.exchange(target, attack)
        said = complaint(attack, heard)
        answers = servers.answers_of(bytes(heard.data), bodiless=attack.bodiless)
    except (BrokenPromiseError, OSError, ValueError) as error:
        tally.fail(f"{type(error).__name__}: {error}"[:200], where)
        return
    tally.slowest = max(tally.slowest, time.monotonic() - began)
    tally.statuses.update(str(answer.status) for answer in answers)
    tally.unheard += not answers
    if said is not None:
        tally.fail(said[:300], f"{where}: {b''.join(part for part in attack.parts if isinstance(part, bytes))[:300]!r}")


async def storm(
    target: Target,
    makers: Mapping[str, attacks.Maker],
    tallies: Tallies,
    *,
    count: int,
    seed: int,
    look: Callable[[], None] = lambda: None,
) -> None:
    """Send so many attacks of these kinds, some at a time; ``look`` is called now and then.

    Raises:
        BrokenPromiseError: The server does not answer any more.
    """
    busy, idle = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(WAITING)

    async def send(number: int, name: str, attack: Attack) -> None:
        lane = idle if attack.stays else busy
        try:
            await one(target, attack, tallies[name], f"{target.kind}, seed {seed}, number {number}")
        finally:
            lane.release()

    async with asyncio.TaskGroup() as group:
        for number, name in _chosen(makers, count, seed):
            tallies.setdefault(name, Tally())
            attack = makers[name](random.Random(f"{seed} {number}"), target)
            await (idle if attack.stays else busy).acquire()
            group.create_task(send(number, name, attack))
            if number % EVERY == 0:
                await well(target)
                look()
    await well(target)
    look()


def _chosen(makers: Mapping[str, attacks.Maker], count: int, seed: int) -> Iterator[tuple[int, str]]:
    rng = random.Random(seed)
    names = list(makers)
    order = rng.choices(names, [attacks.SHARES.get(name, 1) for name in names], k=count)
    order[: len(names)] = names[:count]  # each at least once
    yield from enumerate(order)


async def well(target: Target) -> None:
    """Ask what any client may ask.

    Raises:
        BrokenPromiseError: There is no good answer.
    """
    path = "/health/live" if target.kind == "serve" else "/api/next?count=1"
    answer = await servers.ask(target, path)
    if answer.status != 200:
        raise BrokenPromiseError(f"{target.kind} answers {answer.status} to {path}")


async def siege(target: Target, tallies: Tallies, *, count: int, seed: int) -> None:
    """So many slow clients at a time, while good ones are answered."""
    tally = tallies.setdefault("slow clients", Tally())
    makers = [attacks.slow(random.Random(f"slow {seed} {number}"), target) for number in range(count)]
    going = [
        asyncio.ensure_future(one(target, attack, tally, f"slow {number}")) for number, attack in enumerate(makers)
    ]
    for _ in range(5):
        await asyncio.sleep(0.5)
        await well(target)
    await asyncio.gather(*going)


def attacked(target: Target, base: Path, tallies: Tallies, *, count: int, seed: int, slow: int) -> dict[str, Any]:
    """Everything against one server.

    Returns:
        What was seen of it from outside.

    Raises:
        BrokenPromiseError: It does not answer any more, or touched what it must not.
    """
    if target.kind == "workbench":  # what is refused for what is on disk waits for a lock, which is made once
        asyncio.run(servers.exchange(target, attacks.refused_edit(target)))
    before, peaks = servers.tree(base), [_memory(target)]

    def look() -> None:
        peaks.append(_memory(target))

    safe, rest = _split(count)
    asyncio.run(storm(target, attacks.REFUSED, tallies, count=safe, seed=seed, look=look))
    if slow:
        asyncio.run(siege(target, tallies, count=slow, seed=seed))
    _untouched(before, servers.tree(base), "by what was refused")
    asyncio.run(storm(target, attacks.WRITTEN, tallies, count=rest, seed=seed + 1, look=look))
    free = "project" if target.kind == "workbench" else None
    outside = servers.tree(base, without=free)
    _untouched(
        {name: value for name, value in before.items() if name in outside or free is None or not _below(name, free)},
        outside,
        "outside",
    )
    _still_loads(base)
    if max(peaks) - peaks[0] > GROWTH:
        raise BrokenPromiseError(f"{target.kind}: memory grew from {peaks[0]:.0f} to {max(peaks):.0f} MB")
    return {
        "requests": count + slow,
        "memory_mb_before": round(peaks[0]),
        "memory_mb_peak": round(max(peaks)),
        "memory_mb_after": round(peaks[-1]),
    }


def _split(count: int) -> tuple[int, int]:
    """How many attacks change nothing, and how many may be right."""
    share = sum(attacks.SHARES[name] for name in attacks.WRITTEN) / sum(attacks.SHARES.values())
    rest = round(count * share)
    return count - rest, rest


def _below(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")


def _untouched(before: Mapping[str, object], after: Mapping[str, object], how: str) -> None:
    changed = [name for name in servers.difference(before, after) if not name.endswith(".workbench/lock")]
    if changed:
        raise BrokenPromiseError(f"{how} these were changed: {', '.join(changed[:20])}")


def _still_loads(base: Path) -> None:
    from ruletune.config import load_task

    load_task(base / "project" / "task.yaml")


def _memory(target: Target) -> float:
    return servers.memory(target.pid) if target.pid is not None else 0.0


def quiet(target: Target) -> str | None:
    """What is wrong with a server's log; ``None`` where nothing is."""
    if target.log is None:
        return None
    said = target.log.read_text("utf-8", "replace")
    place = said.find("Traceback (most recent")
    return None if place < 0 else said[max(0, place - 300) : place + 3000]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--server", choices=("serve", "workbench"))
    parser.add_argument("--slow", type=int, default=200, help="Slow clients at a time, of each server.")
    parser.add_argument("--no-record", action="store_true", help="Write no results.")
    asked = parser.parse_args()
    kinds = [kind for kind in ("serve", "workbench") if asked.server in (None, kind)]
    rows: list[dict[str, Any]] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="ruletune-hostile-") as scratch:
        (base := Path(scratch) / "world").mkdir()
        servers.write_world(base)
        for kind in kinds:
            (place := Path(scratch) / kind).mkdir()
            tallies: Tallies = {}
            seen: dict[str, Any] = {}
            began = time.monotonic()
            try:
                with servers.process(kind, base, place) as target:
                    try:
                        seen = attacked(
                            target,
                            base,
                            tallies,
                            count=asked.requests // len(kinds) - asked.slow,
                            seed=asked.seed,
                            slow=asked.slow,
                        )
                    finally:
                        said = quiet(target)
                seen |= {
                    "log_bytes": (target.log.stat().st_size if target.log else 0),
                    "seconds": round(time.monotonic() - began),
                }
            except BrokenPromiseError as error:
                sys.stderr.write(f"--- {kind}: {error}\n")
                failed = True
            if said is not None:
                sys.stderr.write(f"--- {kind}: a traceback in the log\n{said}\n")
                failed = True
            failed |= _show(kind, tallies)
            rows += [{"server": kind, "kind": name, **tally.to_json()} for name, tally in tallies.items()]
            rows.append(
                {"server": kind, "kind": "all", **seen, "failed": sum(tally.failed for tally in tallies.values())}
            )
    if not asked.no_record and not asked.server:
        from benchmarks import record

        (record.RESULTS / "faults").mkdir(parents=True, exist_ok=True)
        record.write(
            "faults/hostile",
            command=f"python -m tests.faults.hostile --requests {asked.requests} --seed {asked.seed}",
            rows=rows,
        )
    return 1 if failed else 0


def _show(kind: str, tallies: Tallies) -> bool:
    """Print what came of every kind of attack; whether anything failed."""
    for name, tally in tallies.items():
        sys.stderr.write(f"{kind}, {name}: {tally.to_json()}\n")
        for what, where in tally.failures.items():
            sys.stderr.write(f"    {what}\n        {where}\n")
    return any(tally.failed for tally in tallies.values())


if __name__ == "__main__":
    sys.exit(main())
