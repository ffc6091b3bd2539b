"""The quick tier: how long a look takes after a rule was changed, and how far its model is from the one that is trained.

Run: ``python -m benchmarks.preview``. Draws as in ``benchmarks/draws.py``. ``ruletune preview`` looks at a task with a cache that is
empty, then again after a rule was dropped; each time in a process of its own, so that its start counts. The accuracy of
the linear head, with what rules say, is on the report part, beside that of the full training of the same draw, which
``benchmarks/label_efficiency.py`` left in ``results/label_efficiency``. Seconds are of processor time, on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.draws import LABELS, Draw, draw
from benchmarks.guard import fitted
from benchmarks.record import RESULTS, write
from ruletune.models import checkpoints
from ruletune.models.embeddings import embeddings
from ruletune.training.quick import Pool, guided_beliefs, guided_head, reduced


def look(folder: Path, drawn: Draw, name: str, *, rules: int) -> tuple[float, dict[str, Any]]:
    """Processor seconds of ``ruletune preview`` with the first ``rules`` rules, and what it says."""
    labels = LABELS[name]
    for part, rows in (("train", drawn.gold), ("unlabeled", drawn.pool)):
        lines = [
            {"text": r["text"], "votes": r["votes"][:rules]}
            | ({"label": labels[r["label"]]} if part == "train" else {})
            for r in rows
        ]
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    task = {
        "task": "classification",
        "labels": list(labels),
        "data": {"train": "train.jsonl", "unlabeled": "unlabeled.jsonl", "split": {"validation": 0, "test": 0}},
        "rules": [{"votes": "votes", "count": rules}],
    }
    (folder / "task.yaml").write_text(json.dumps(task), encoding="utf-8")
    environment = os.environ | {"RULETUNE_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    program = "from ruletune.cli import main; main()"
    command = [sys.executable, "-c", program, "preview", str(folder / "task.yaml"), "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True, env=environment
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found: dict[str, Any] = json.loads(done.stdout)
    return used, found


def head_accuracy(drawn: Draw, name: str) -> float:
    """Of the linear head with the rules, on the report part."""
    rows, classes = [*drawn.gold, *drawn.pool], len(LABELS[name])
    checkpoint = checkpoints.resolve("minilm", folder=Path())
    gold = np.full((len(rows), classes), np.nan)
    gold[: len(drawn.gold)] = np.eye(classes)[[row["label"] for row in drawn.gold]]
    votes = np.array([row["votes"] for row in rows], dtype=np.int16)
    texts = [row["text"] for row in (*rows, *drawn.report)]
    features = reduced(embeddings(checkpoint, texts, view="layers", max_length=128), seed=0)
    model = fitted(votes, gold, classes=classes)
    head = guided_head(Pool(features[: len(rows)], gold, votes), model)
    truth = np.array([row["label"] for row in drawn.report])
    said = np.array([row["votes"] for row in drawn.report], dtype=np.int16)
    return float((guided_beliefs(head, model, features[len(rows) :], said).argmax(axis=1) == truth).mean())


def full_accuracy(name: str, *, shots: int, seed: int) -> float | None:
    path = RESULTS / "label_efficiency" / f"ours-{name}-{shots}-{seed}.json"
    if not path.exists():
        return None
    return float(json.loads(path.read_text(encoding="utf-8"))["scores"]["Ruletune"]["accuracy"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=int, nargs="+", default=[5, 10, 50])
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    rows = []
    for name in LABELS:
        for shots in arguments.shots:
            found: dict[str, list[float]] = {}
            for seed in range(arguments.seeds):
                drawn = draw(name, shots=shots, seed=seed)
                count = len(drawn.gold[0]["votes"])
                with tempfile.TemporaryDirectory() as place:
                    first, said = look(Path(place), drawn, name, rules=count)
                    again, _ = look(Path(place), drawn, name, rules=count - 1)
                full = full_accuracy(name, shots=shots, seed=seed)
                values = {
                    "CPU seconds, empty cache": first,
                    "CPU seconds, rule dropped": again,
                    "estimate": said["estimates"]["rules + labels"]["accuracy"],
                    "estimate, standard error": said["estimates"]["rules + labels"]["error"],
                    "linear head": head_accuracy(drawn, name),
                }
                if full is not None:
                    values |= {"full training": full, "difference": full - values["linear head"]}
                for key, value in values.items():
                    found.setdefault(key, []).append(value)
            means = {key: round(statistics.mean(values), 3) for key, values in found.items()}
            row = {"data": name, "labels a class": shots, "seeds": arguments.seeds, "texts": len(drawn.pool)}
            rows.append(row | means)
            print(json.dumps(rows[-1]), flush=True)
    write("preview", command="python -m benchmarks.preview", rows=rows)


if __name__ == "__main__":
    main()
