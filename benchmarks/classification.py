"""Rules alone, labels alone, rules + labels on three public data sets with few labels.

Run: ``python -m benchmarks.classification``. Gold labels are drawn from the training part, everything else in it is
unlabelled text; what is measured is the data sets' validation part, which nothing here chooses by. Rules are the votes
that come with the data.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import ruletune
from benchmarks.record import shared_data, write
from ruletune.config import load_task

LABELS = {
    "youtube": ("HAM", "SPAM"),
    "trec": ("DESC", "ENTY", "HUM", "ABBR", "LOC", "NUM"),
    "sms": ("HAM", "SPAM"),
}


def task_file(folder: Path, name: str, *, shots: int, seed: int) -> Path:
    """The task: the defaults, but for the number of labels and one pass over the weak labels."""
    data = shared_data() / name
    with (data / "train.jsonl").open(encoding="utf-8") as lines:
        rules = len(json.loads(next(lines))["votes"])
    path = folder / f"{name}-{shots}-{seed}.yaml"
    value = {
        "task": "classification",
        "name": name,
        "labels": list(LABELS[name]),
        "data": {
            "train": str(data / "train.jsonl"),
            "test": str(data / "valid.jsonl"),
            "split": {"validation": 0, "test": 0},
            "sample": {"shots": shots},
        },
        "rules": [{"votes": "votes", "count": rules}],
        "training": {"weak": {"epochs": 1}, "curve": {"shares": []}},
        "seed": seed,
    }
    path.write_text(json.dumps(value), encoding="utf-8")  # JSON is YAML
    return path


def once(name: str, *, shots: int, seed: int) -> dict[str, Any]:
    """One run: its scores and wall time."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        spec = load_task(task_file(Path(folder), name, shots=shots, seed=seed))
        run = ruletune.fit(spec, out=Path(folder) / "run")
        seconds = time.perf_counter() - begin
        scores = run.metrics["scores"]
    return {
        "seconds": seconds,
        **{f"{way}: {m}": scores[way][m] for way in scores for m in ("accuracy", "macro_f1")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(LABELS), choices=list(LABELS))
    parser.add_argument("--shots", nargs="+", type=int, default=[5, 10])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in arguments.sets:
        for shots in arguments.shots:
            runs = [once(name, shots=shots, seed=seed) for seed in range(arguments.seeds)]
            row: dict[str, Any] = {"data": name, "labels a class": shots, "seeds": len(runs)}
            for key in runs[0]:
                values = [run[key] for run in runs]
                row[key] = round(statistics.mean(values), 4)
                if key != "seconds" and len(values) > 1:
                    row[f"{key}, deviation"] = round(statistics.stdev(values), 4)
            rows.append(row)
            print(json.dumps(row), flush=True)
            write(
                "classification",
                command="python -m benchmarks.classification",
                rows=rows,
                notes=["mean over seeds; seconds are the whole run: both trainings, scoring and the report"],
            )


if __name__ == "__main__":
    main()
