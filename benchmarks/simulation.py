"""Ten million texts labelled by rules in constant memory, and what that says of a thousand million.

Run: ``python -m benchmarks.simulation``. Texts are made as they are needed and are on no disk; all else is what ``ruletune
label`` does: rules are applied piece by piece, votes are kept in shards, the label model is fitted on votes drawn from all of
them, and rows are written. Memory is that of all processes. The first tenth gives texts a core-second (processor time of the
processes that apply the rules), bytes of votes and of rows a text; the plan made from it is then held to what the whole took, and
``docs/scale.md`` is the same arithmetic for a thousand million. ``--plan`` prints it for any number of texts, cores and prices and
measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import Memory, busy
from benchmarks.record import RESULTS, write
from ruletune.config import TaskSpec, load_task
from ruletune.data.pieces import Piece
from ruletune.data.readers import Columns
from ruletune.engine.local import LocalEngine
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.passes import apply_pieces, write_pieces
from ruletune.labeling.piecework import ApplyRules, WriteRows, rules_digest
from ruletune.labeling.stream import fit_drawn
from ruletune.progress import silent

PIECE = 8192
"""Texts in a piece."""

DRAWN = 200_000
"""Texts that the label model is fitted on."""

WORDS = [
    "order",
    "invoice",
    "refund",
    "parcel",
    "late",
    "broken",
    "password",
    "login",
    "reset",
    "card",
    "charge",
    "twice",
    "cancel",
    "subscription",
    "renew",
    "upgrade",
    "price",
    "discount",
    "screen",
    "battery",
    "crash",
    "error",
    "update",
    "install",
    "driver",
    "colour",
    "size",
    "return",
    "shipping",
    "address",
    "change",
    "thank",
    "great",
    "love",
]


SAID = (*WORDS, *(f"word{n}" for n in range(7 * len(WORDS))))
"""What texts are made of: rules know every eighth word, and so say something of most texts, once or twice."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a plan is made from.

    Attributes:
        applied, written: Texts a core-second in either pass.
        votes, rows: Bytes on disk a text.
        rules: Number of rules.
        memory: Megabytes of a process.
    """

    applied: float
    written: float
    votes: float
    rows: float
    rules: int
    memory: float


def plan(
    texts: int, measured: Measured, *, cores: int, price: float, per_machine: int = 16, shard: int = 1_000_000
) -> dict[str, Any]:
    """What so many texts take on so many cores.

    Args:
        price: Of a machine with ``per_machine`` cores, an hour.
        shard: Texts in a file.

    >>> made = plan(10**9, Measured(50_000, 100_000, 40, 90, 40, 300), cores=160, price=0.5)
    >>> made["core-hours"], made["hours"], made["cost"]
    (8.3, 0.05, 0.26)
    """
    seconds = texts / measured.applied + texts / measured.written
    machines = -(-cores // per_machine)
    return {
        "texts": texts,
        "cores": cores,
        "machines": machines,
        "files": -(-texts // shard),
        "core-hours": round(seconds / 3600, 1),
        "hours": round(seconds / cores / 3600, 4),
        "votes on disk, GB": round(texts * measured.votes / 1e9, 1),
        "rows on disk, GB": round(texts * measured.rows / 1e9, 1),
        "votes that travel, MB": round(min(texts, DRAWN) * measured.rules * 2 / 1e6, 1),
        "memory of a machine, GB": round(min(cores, per_machine) * measured.memory / 1e3, 1),
        "cost": round(seconds / cores / 3600 * machines * price, 2),
    }


def made(count: int, *, seed: int = 0) -> Iterator[Piece]:
    """Pieces of texts that nobody stored; the same for the same seed."""
    for number, start in enumerate(range(0, count, PIECE)):
        size = min(PIECE, count - start)
        words = np.random.default_rng([seed, number]).integers(0, len(SAID), size=(size, 12)).tolist()
        lines = (json.dumps({"text": " ".join(SAID[word] for word in row)}) for row in words)
        data = ("\n".join(lines) + "\n").encode()
        yield Piece("jsonl", "simulated", start, start + 1, size, data, share=(start + size) / count)


def task(folder: Path) -> TaskSpec:
    """Forty rules in three labels, one of them with an expression for each pair of words."""
    rules = [
        {"name": f"word-{n}", "keywords": [word], "vote": ("billing", "product", "praise")[n % 3]}
        for n, word in enumerate(WORDS)
    ] + [
        {"name": f"pair-{n}", "regex": rf"\b{first}\b.*\b{second}\b", "vote": ("billing", "product", "praise")[n]}
        for n, (first, second) in enumerate(zip(WORDS[:3], WORDS[3:6], strict=True))
    ]
    (folder / "train.jsonl").write_text('{"text": "a refund please", "label": "billing"}\n', encoding="utf-8")
    value = {
        "task": "classification",
        "labels": ["billing", "product", "praise"],
        "data": {"train": "train.jsonl"},
        "rules": rules,
    }
    (folder / "task.yaml").write_text(json.dumps(value), encoding="utf-8")
    return load_task(folder / "task.yaml")


@dataclass(frozen=True, slots=True)
class Run:
    """What a simulation took.

    Attributes:
        apply, fit, write: Seconds of both passes and of the model between.
        applying, writing: Seconds that processors spent on the processes that did the passes.
        votes, rows: Bytes.
        memory: Megabytes at each tenth.
    """

    apply: float
    fit: float
    write: float
    applying: float
    writing: float
    votes: int
    rows: int
    memory: list[int]


def run(spec: TaskSpec, folder: Path, count: int, jobs: int) -> Run:
    """Label so many texts that are made on the way."""
    parts = folder / "parts"
    parts.mkdir()
    rules = RuleSet(spec.rules, labels=spec.labels)
    work = ApplyRules(spec, rules, digest=rules_digest(spec), columns=Columns(label=None), folder=parts)
    with LocalEngine(jobs, patience=-1) as engine, Memory() as memory:
        began, start = time.perf_counter(), busy(os.getpid())
        found = apply_pieces(work, made(count), engine.map, silent)
        applied, between = time.perf_counter(), busy(os.getpid())
        none = np.empty((0, len(spec.rules)), dtype=np.int16)
        model = fit_drawn(spec, found, none, [], parts, DRAWN, engine.map)
        fitted, after = time.perf_counter(), busy(os.getpid())
        names = tuple(rule.name for rule in spec.rules)
        out = folder / "rows"
        write_pieces(found, WriteRows(parts, names, spec.labels, model), out, engine.map, silent)
        over, end = time.perf_counter(), busy(os.getpid())
        written = out.stat().st_size
    votes = sum(path.stat().st_size for path in parts.iterdir())
    step = max(1, len(memory.samples) // 10)
    megabytes = [b // 10**6 for b in memory.samples[::step]]
    return Run(
        applied - began, fitted - applied, over - fitted, between - start, end - after, votes, written, megabytes
    )  # fmt: skip


def measured(done: Run, count: int, jobs: int, rules: int) -> Measured:
    """What a plan needs to know, from a run."""
    return Measured(
        applied=count / done.applying,
        written=count / done.writing,
        votes=done.votes / count,
        rows=done.rows / count,
        rules=rules,
        memory=max(done.memory) / (jobs + 1),
    )


def row(name: str, done: Run, count: int, jobs: int) -> dict[str, Any]:
    """A line of the results."""
    return {
        "what": name,
        "texts": count,
        "processes": jobs,
        "seconds of rules": round(done.apply, 1),
        "seconds of the label model": round(done.fit, 1),
        "seconds of rows": round(done.write, 1),
        "texts a core-second, rules": round(count / done.applying),
        "texts a core-second, rows": round(count / done.writing),
        "bytes of votes a text": round(done.votes / count, 1),
        "MB after a tenth": done.memory[1],
        "MB at the end": done.memory[-1],
        "MB at most": max(done.memory),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=10_000_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--plan", type=int, help="only print the plan for so many texts, from the results that are there"
    )
    parser.add_argument("--cores", type=int, default=256)
    parser.add_argument("--price", type=float, default=0.5, help="of a machine with 16 cores, an hour")
    arguments = parser.parse_args()
    if arguments.plan:
        [known] = [
            r["plan"] for r in json.loads((RESULTS / "simulation.json").read_text("utf-8"))["rows"] if "plan" in r
        ]
        told = plan(arguments.plan, Measured(**json.loads(known)), cores=arguments.cores, price=arguments.price)
        print(json.dumps(told, indent=2))
        return
    counts = {"a tenth": arguments.texts // 10, "all": arguments.texts}
    runs: dict[str, Run] = {}
    with tempfile.TemporaryDirectory() as place:
        spec = task(Path(place))
        for name, count in counts.items():
            folder = Path(place) / name
            folder.mkdir()
            runs[name] = run(spec, folder, count, arguments.jobs)
            shutil.rmtree(folder)
            print(name, runs[name], flush=True)
    tenth = measured(runs["a tenth"], counts["a tenth"], arguments.jobs, len(spec.rules))
    whole = runs["all"]
    hours = plan(arguments.texts, tenth, cores=arguments.jobs, price=arguments.price)["hours"]
    rows = [row(name, runs[name], counts[name], arguments.jobs) for name in counts]
    needed = (whole.applying + whole.writing) / arguments.jobs
    rows[-1]["core-seconds / what the plan says"] = round(needed / max(hours * 3600, 1e-9), 3)
    known = measured(whole, arguments.texts, arguments.jobs, len(spec.rules))
    rows.append({"what": "a thousand million on 256 cores", "plan": json.dumps(asdict(known))})
    rows[-1] |= {
        k: v for k, v in plan(10**9, known, cores=arguments.cores, price=arguments.price).items() if k != "texts"
    }
    notes = [
        f"{len(spec.rules)} rules, texts of 12 words, {arguments.jobs} processes and the one that makes the texts",
        f"memory is that of all processes together; a machine with 16 cores is taken to cost {arguments.price} an hour",
    ]
    command = f"python -m benchmarks.simulation --texts {arguments.texts}"
    print(write("simulation", command=command, rows=rows, notes=notes).read_text("utf-8"))


if __name__ == "__main__":
    main()
