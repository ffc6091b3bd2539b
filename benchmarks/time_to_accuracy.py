"""How long it takes to be as good as SetFit in the end, with the same encoder, labels and processor.

Run: ``python -m benchmarks.time_to_accuracy --peers PYTHON``, PYTHON as for ``benchmarks/label_efficiency.py``, and draws as there.
SetFit trains first. Ruletune then trains with the rules in larger and larger budgets, each in a process of its own with an
empty cache, until it is at least as accurate on the report part; what counts is the wall time of that last run alone, with
start, guard, embeddings and the report in it. Where no budget gets there, the largest is shown.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.draws import LABELS, Draw, draw
from benchmarks.label_efficiency import peers, write_task
from benchmarks.record import write

BUDGETS = ((150, 5), (300, 10), (600, 15), (1200, 30))
"""Weakly labelled texts and epochs on gold labels; the last is the default."""

PROGRAM = """
import json, sys, time
began = time.perf_counter()
import ruletune
run = ruletune.fit(ruletune.load_task(sys.argv[1]), out=sys.argv[2])
print(json.dumps([time.perf_counter() - began, run.metrics["scores"]]))
"""


def trained(name: str, drawn: Draw, *, seed: int, texts: int, epochs: int) -> tuple[float, float]:
    """Wall seconds, and accuracy of what is delivered."""
    training = {"baselines": False, "weak": {"max_texts": texts}, "gold": {"epochs": epochs}}
    with tempfile.TemporaryDirectory() as place:
        task = write_task(Path(place), name, drawn, seed=seed, training=training)
        command = [sys.executable, "-c", PROGRAM, str(task), str(Path(place) / "run")]
        environment = os.environ | {"RULETUNE_CACHE": str(Path(place) / "cache")}
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True, env=environment
        )
    seconds, scores = json.loads(done.stdout.strip().splitlines()[-1])
    way = "rules + labels" if "rules + labels" in scores else "labels alone"
    return float(seconds), float(scores[way]["accuracy"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", required=True, help="Interpreter that has SetFit.")
    parser.add_argument("--shots", type=int, nargs="+", default=[10])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for shots in arguments.shots:
        for name in LABELS:
            drawn, seed = draw(name, shots=shots, seed=arguments.seed), arguments.seed
            peer = peers(arguments.peers, name, drawn, shots=shots, seed=seed, wanted=("SetFit",))["SetFit"]
            for texts, epochs in BUDGETS:
                seconds, accuracy = trained(name, drawn, seed=seed, texts=texts, epochs=epochs)
                if accuracy >= peer["accuracy"]:
                    break
            rows.append(
                {
                    "data": name,
                    "labels a class": shots,
                    "SetFit: accuracy": round(peer["accuracy"], 4),
                    "SetFit: seconds": round(peer["seconds"], 1),
                    "Ruletune: accuracy": round(accuracy, 4),
                    "Ruletune: seconds": round(seconds, 1),
                    "weak texts": texts,
                    "gold epochs": epochs,
                    "share of SetFit's time": round(seconds / peer["seconds"], 3),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
            write("time_to_accuracy", command="python -m benchmarks.time_to_accuracy --peers PYTHON", rows=rows)


if __name__ == "__main__":
    main()
