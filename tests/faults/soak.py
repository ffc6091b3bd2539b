#!/usr/bin/env python
"""Good and hostile requests at full rate for long: python -m tests.faults.soak [--minutes N] [--seed S].

Both servers run as users start them. Every few seconds their memory, descriptors and threads are written down, with the rate and
the latency of good requests. Some hostile requests happen to be right and add a rule; a client takes such rules out again, since
a project with hundreds of rules more takes more memory, and that is no leak. The verdict: after the warm-up, memory does not grow by more than :data:`TOLERANCE` (the slope of a
line through all samples, times the length); no more descriptors or threads are open at the end than after the warm-up; no answer
above 499 but a documented one. Results go to ``benchmarks/results/faults/soak.json``; a bad verdict is exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import attacks, hostile, servers
from tests.faults.fuzzing import BrokenPromiseError
from tests.faults.servers import Attack, Target

TOLERANCE = 20.0
"""Megabytes by which the memory may grow between warm-up and end, and 5% of what it is, whichever is more."""

SLACK = 40
"""Descriptors that may be open more at the end: connections that are just being ended."""

WARM_UP = 0.25
"""Share of the time in which memory may still grow: what is remembered fills, and so do the windows of drift."""

TIDIED = 2.0
"""Seconds between two looks at what hostile requests happened to add."""

GOOD, HOSTILE = 4, 4
"""Clients of each sort at a time, of each server."""


@dataclass(slots=True)
class Watched:
    """What was seen of one server."""

    samples: list[dict[str, float]] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    tallies: dict[str, hostile.Tally] = field(default_factory=dict)
    bad: Counter[str] = field(default_factory=Counter)
    tidied: int = 0


def slope(values: Sequence[float]) -> float:
    """By how much a line through values grows from first to last.

    >>> slope([1.0, 2.0, 3.0]), slope([5.0, 5.0])
    (2.0, 0.0)
    """
    count = len(values)
    if count < 2:
        return 0.0
    middle, mean = (count - 1) / 2, sum(values) / count
    rise = sum((place - middle) * (value - mean) for place, value in enumerate(values))
    return rise / sum((place - middle) ** 2 for place in range(count)) * (count - 1)


def verdict(watched: Watched) -> list[str]:
    """What is wrong; nothing where all is well."""
    late = watched.samples[int(len(watched.samples) * WARM_UP) :]
    memory = [sample["memory_mb"] for sample in late]
    wrong = [f"{count} times: {said}" for said, count in watched.bad.items()]
    wrong += [f"{name}: {what}" for name, tally in watched.tallies.items() for what in tally.failures]
    allowed = max(TOLERANCE, 0.05 * memory[0])
    if slope(memory) > allowed:
        wrong.append(f"memory grows by {slope(memory):.0f} MB; {allowed:.0f} are allowed")
    for name in ("descriptors", "threads"):
        half = len(late) // 2 or 1
        before, after = min(sample[name] for sample in late[:half]), min(sample[name] for sample in late[half:] or late)
        if after > before + SLACK:
            wrong.append(f"{name} grow from {before:.0f} to {after:.0f}")
    return wrong


async def soak(target: Target, watched: Watched, *, seconds: float, seed: int, every: float) -> None:
    """Send good and hostile requests for so many seconds."""
    until = time.monotonic() + seconds
    makers = attacks.REFUSED | attacks.WRITTEN
    async with asyncio.TaskGroup() as group:
        for number in range(GOOD):
            group.create_task(_good(target, watched, until, random.Random(f"good {seed} {number}")))
        for number in range(HOSTILE):
            group.create_task(_hostile(target, watched, until, makers, random.Random(f"bad {seed} {number}")))
        if target.kind == "workbench":
            group.create_task(_tidy(target, watched, until))
        group.create_task(_sample(target, watched, until, every))


async def _good(target: Target, watched: Watched, until: float, rng: random.Random) -> None:
    """A client that asks what may be asked, new texts and known ones."""
    while time.monotonic() < until:
        method, path, body = attacks.harmless(target)
        if target.kind == "serve":
            body = {"inputs": [f"a superb film {rng.randrange(10_000)}" for _ in range(rng.randrange(1, 9))]}
        elif rng.random() < 0.7:
            method, path = (
                "GET",
                rng.choice(
                    ("/api/state", f"/api/texts?offset={rng.randrange(200)}&limit=20", "/api/next", "/api/numbers")
                ),
            )
        sent = attacks.message(target, method, path, None if method == "GET" else attacks.dumped(body))
        began = time.monotonic()
        with contextlib.suppress(OSError):
            heard = await servers.exchange(target, Attack((sent,)))
            answers = servers.answers_of(bytes(heard.data))
            watched.latencies.append(time.monotonic() - began)
            watched.statuses.update(str(answer.status) for answer in answers)
            # 409: a newer draft is being tried by another of these clients.
            if [answer.status for answer in answers] not in ([200], [409]):
                watched.bad[f"{[answer.status for answer in answers]} to {method} {path.partition('?')[0]}"] += 1
            continue
        watched.bad["no connection"] += 1


async def _hostile(
    target: Target, watched: Watched, until: float, makers: dict[str, attacks.Maker], rng: random.Random
) -> None:
    names = list(makers)
    weights = [attacks.SHARES[name] for name in names]
    while time.monotonic() < until:
        [name] = rng.choices(names, weights)
        attack = makers[name](rng, target)
        await hostile.one(target, attack, watched.tallies.setdefault(name, hostile.Tally()), target.kind)


async def _tidy(target: Target, watched: Watched, until: float) -> None:
    """Take out of the project whatever was added to it."""
    own = {rule["hash"] for rule in await _rules(target)}
    while time.monotonic() < until:
        await asyncio.sleep(TIDIED)
        try:
            # From behind, so that the places of the others stay.
            added = [
                (place, rule["hash"]) for place, rule in enumerate(await _rules(target)) if rule["hash"] not in own
            ]
            for place, known in reversed(added):
                sent = attacks.message(target, "DELETE", f"/api/rules/{place}", attacks.dumped({"hash": known}))
                heard = await servers.exchange(target, Attack((sent,)))
                watched.tidied += [answer.status for answer in servers.answers_of(bytes(heard.data))] == [200]
        except (OSError, BrokenPromiseError) as error:
            watched.bad[f"no rules: {error}"] += 1


async def _rules(target: Target) -> list[dict[str, Any]]:
    state = json.loads((await servers.ask(target, "/api/state")).body)
    return list(state["rules"])


async def _sample(target: Target, watched: Watched, until: float, every: float) -> None:
    assert target.pid is not None
    began = time.monotonic()
    while time.monotonic() < until:
        await asyncio.sleep(every)
        watched.samples.append(
            {
                "seconds": round(time.monotonic() - began, 1),
                "memory_mb": round(servers.memory(target.pid), 1),
                "descriptors": servers.descriptors(target.pid),
                "threads": servers.threads(target.pid),
                "good": len(watched.latencies),
                "hostile": sum(tally.sent for tally in watched.tallies.values()),
            }
        )


def _row(kind: str, watched: Watched, wrong: list[str]) -> dict[str, Any]:
    late = watched.samples[int(len(watched.samples) * WARM_UP) :]
    latencies = sorted(watched.latencies)
    statuses: Counter[str] = Counter()
    for tally in watched.tallies.values():
        statuses.update(tally.statuses)
    return {
        "server": kind,
        "seconds": watched.samples[-1]["seconds"],
        "good requests": len(latencies),
        "hostile requests": sum(tally.sent for tally in watched.tallies.values()),
        "rules taken out again": watched.tidied,
        "answers to good ones": dict(sorted(watched.statuses.items())),
        "answers to hostile ones": dict(sorted(statuses.items())),
        "latency_seconds": {str(share): round(latencies[int(share * (len(latencies) - 1))], 3) for share in (0.5, 0.95, 0.99, 1.0)} if latencies else {},
        "memory_mb": {"after warm-up": late[0]["memory_mb"], "end": late[-1]["memory_mb"], "growth": round(slope([s["memory_mb"] for s in late]), 1)},
        "descriptors": [min(s["descriptors"] for s in late), max(s["descriptors"] for s in late)],
        "threads": [min(s["threads"] for s in late), max(s["threads"] for s in late)],
        "wrong": wrong,
        "samples": watched.samples,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="For both servers at a time.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=float, default=5.0, help="Seconds between two samples.")
    parser.add_argument("--no-record", action="store_true", help="Write no results.")
    asked = parser.parse_args()
    kinds = ("serve", "workbench")
    watched = {kind: Watched() for kind in kinds}
    with tempfile.TemporaryDirectory(prefix="ruletune-soak-") as scratch, contextlib.ExitStack() as stack:
        (base := Path(scratch) / "world").mkdir()
        servers.write_world(base)
        targets = []
        for kind in kinds:
            (place := Path(scratch) / kind).mkdir()
            targets.append(stack.enter_context(servers.process(kind, base, place)))

        async def both() -> None:
            seconds = asked.minutes * 60
            await asyncio.gather(
                *(
                    soak(target, watched[target.kind], seconds=seconds, seed=asked.seed, every=asked.every)
                    for target in targets
                )
            )

        asyncio.run(both())
        wrong = {target.kind: verdict(watched[target.kind]) for target in targets}
        for target in targets:
            said = hostile.quiet(target)
            wrong[target.kind] += [] if said is None else [f"a traceback in the log: {said}"]
    rows = [_row(kind, watched[kind], wrong[kind]) for kind in kinds]
    for row in rows:
        sys.stderr.write(f"{ {name: value for name, value in row.items() if name != 'samples'} }\n")
    if not asked.no_record:
        from benchmarks import record

        (record.RESULTS / "faults").mkdir(parents=True, exist_ok=True)
        record.write(
            "faults/soak",
            command=f"python -m tests.faults.soak --minutes {asked.minutes:g} --seed {asked.seed}",
            rows=rows,
        )
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
