"""Labelling and training on Ray with one and two workers, and what Ray costs where there is little to do.

Run: ``python -m benchmarks.ray_scaling``. Labelling: a file of short texts and some forty rules. Training: steps of MiniLM on
batches of 32, each batch split between the workers; a worker has one thread, and this process one or two. Every engine labels
twice, small input first, so that its start is in the first figure and not in the second. Memory is that of all processes
together, Ray's own included, and what processes share counts once for each.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import Memory
from benchmarks.record import write
from benchmarks.simulation import made, task
from ruletune.config import TaskSpec
from ruletune.engine import Attempt
from ruletune.engine.local import LocalEngine
from ruletune.engine.ray import RayEngine
from ruletune.labeling.stream import label_file

SMALL = 1000


@dataclass(frozen=True, slots=True)
class Course:
    """So many steps on batches of so many texts, and the threads of a process."""

    steps: int
    threads: int = 1
    batch: int = 32


def engines() -> dict[str, Callable[[], AbstractContextManager[Any]]]:
    """By name, what is compared."""
    return {
        "local, 1 process": lambda: LocalEngine(1),
        "local, 2 processes": lambda: LocalEngine(2),
        "ray, 1 worker": lambda: RayEngine(1),
        "ray, 2 workers": lambda: RayEngine(2),
    }


def train(course: Course, attempt: Attempt) -> tuple[float, list[float]]:
    """Seconds of the steps, and their losses."""
    import torch

    from ruletune.models import backbone, checkpoints
    from ruletune.models.encoding import encode
    from ruletune.templates import Rendering, default_template
    from ruletune.training.loop import Loop, Stage, Supervision
    from ruletune.types import Example

    torch.set_num_threads(course.threads)
    found = checkpoints.resolve("minilm", folder=Path(), where=None)
    classifier = backbone.new(found, labels=("a", "b"), multi=False, max_length=64, dropout=0.0, seed=0)
    rng = np.random.default_rng(0)
    words = np.array(
        [
            "the",
            "order",
            "was",
            "late",
            "and",
            "the",
            "screen",
            "is",
            "broken",
            "but",
            "thanks",
            "for",
            "a",
            "quick",
            "answer",
        ]
    )
    count = course.batch * course.steps
    texts = [Example(str(n), " ".join(rng.choice(words, 30))) for n in range(count)]
    rendering = Rendering(default_template(pair=False))
    encoded = encode(texts, rendering=rendering, tokenizer=classifier.tokenizer, max_length=64)
    targets = np.eye(2, dtype=np.float32)[rng.integers(0, 2, count)]
    data = Supervision(encoded, targets, np.ones((count, 1), dtype=np.float32))
    stage = Stage("weak", 1, course.batch, 5e-5, 1e-3, precision="fp32")
    steps = Loop(classifier, stage, data, None, seed=0).run()
    losses = [next(steps).loss]
    began = time.perf_counter()
    losses += [step.loss for step in steps]
    return time.perf_counter() - began, losses


def labelling(spec: TaskSpec, folder: Path, count: int) -> list[dict[str, Any]]:
    """Seconds, texts a second, start-up and memory of every engine."""
    for name, texts in (("small", SMALL), ("large", count)):
        with (folder / f"{name}.jsonl").open("wb") as file:
            for piece in made(texts):
                assert isinstance(piece.data, bytes)
                file.write(piece.data)
    rows: list[dict[str, Any]] = []
    wrote: set[str] = set()
    for name, make in engines().items():
        seconds = {}
        with Memory() as memory, make() as engine:
            for size in ("small", "large"):
                began = time.perf_counter()
                label_file(spec, str(folder / f"{size}.jsonl"), folder / "out.jsonl", map=engine.map)
                seconds[size] = time.perf_counter() - began
        wrote.add(hashlib.sha256((folder / "out.jsonl").read_bytes()).hexdigest())
        rows.append(
            {
                "what": "labelling",
                "engine": name,
                "texts": count,
                f"seconds, {SMALL:,} texts and the start": round(seconds["small"], 1),
                "seconds": round(seconds["large"], 1),
                "a second": round(count / seconds["large"]),
                "MB at most": round(memory.peak),
            }
        )
        print(rows[-1], flush=True)
    assert len(wrote) == 1, "all engines write the same"
    return _sped_up(rows)


def training(steps: int) -> list[dict[str, Any]]:
    """Seconds a step of every engine that trains."""
    rows: list[dict[str, Any]] = []
    there = engines()
    ways = {
        "local, 1 thread": (there["local, 1 process"], 1),
        "local, 2 threads": (there["local, 1 process"], 2),
        "ray, 1 worker": (there["ray, 1 worker"], 1),
        "ray, 2 workers": (there["ray, 2 workers"], 1),
    }
    for name, (make, threads) in ways.items():
        with Memory() as memory, make() as engine:
            began = time.perf_counter()
            seconds, losses = engine.train(train, Course(steps, threads))
            whole = time.perf_counter() - began
        rows.append(
            {
                "what": "training",
                "engine": name,
                "texts": 32 * steps,
                "seconds": round(seconds, 1),
                "seconds with the start": round(whole, 1),
                "a second": round(32 * (steps - 1) / seconds, 1),
                "last loss": round(losses[-1], 5),
                "MB at most": round(memory.peak),
            }
        )
        print(rows[-1], flush=True)
    return _sped_up(rows)


def _sped_up(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With how much faster each engine is than the first, one process with one thread."""
    return [row | {"times one process": round(row["a second"] / rows[0]["a second"], 2)} for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        spec = task(Path(place))
        rows = labelling(spec, Path(place), arguments.texts)
    rows += training(arguments.steps)
    notes = [f"{len(spec.rules)} rules; MiniLM in 32 bits, batches of 32 texts of 30 words"]
    command = f"python -m benchmarks.ray_scaling --texts {arguments.texts} --steps {arguments.steps}"
    print(write("ray_scaling", command=command, rows=rows, notes=notes).read_text("utf-8"))


if __name__ == "__main__":
    main()
