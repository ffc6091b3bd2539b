"""Accuracy by number of labels, against SetFit, fine-tuning and Snorkel with the same encoder, labels and rules.

Run: ``python -m benchmarks.label_efficiency --peers PYTHON``, PYTHON being the interpreter of an environment made from
``benchmarks/peers/requirements.txt``. Draws as in ``benchmarks/draws.py``: the figures are on a quarter of each
training part that nothing was chosen by. Ruletune runs with its defaults. Results are kept draw by draw in
``results/label_efficiency``, so that a run that was interrupted goes on and more seeds add to what is there. Draws the learning
curves, too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import altair
import numpy as np
from sklearn.metrics import f1_score

import ruletune
from benchmarks.draws import LABELS, Draw, draw
from benchmarks.record import RESULTS, ROOT, write
from ruletune.config import load_task
from ruletune.models import checkpoints

PEERS = (
    "majority vote",
    "Snorkel label model",
    "frozen + logistic regression",
    "fine-tuning",
    "SetFit",
    "Snorkel, fine-tuning, gold",
)
OURS = {"rules alone": "Ruletune, rules alone", "labels alone": "Ruletune, labels alone", "rules + labels": "Ruletune"}


def write_task(folder: Path, name: str, drawn: Draw, *, seed: int, training: dict[str, Any]) -> Path:
    """The draw as a task file; its test part is the report part."""
    labels = LABELS[name]
    for part, rows in (("train", drawn.gold), ("unlabeled", drawn.pool), ("test", drawn.report)):
        lines = [
            {"text": r["text"], "votes": r["votes"]} | ({"label": labels[r["label"]]} if part != "unlabeled" else {})
            for r in rows
        ]
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    task = {
        "task": "classification",
        "labels": list(labels),
        "data": {part: f"{part}.jsonl" for part in ("train", "unlabeled", "test")}
        | {"split": {"validation": 0, "test": 0}},
        "rules": [{"votes": "votes", "count": len(drawn.gold[0]["votes"])}],
        "training": training,
        "seed": seed,
    }
    path = folder / "task.yaml"
    path.write_text(json.dumps(task), encoding="utf-8")
    return path


def ours(name: str, drawn: Draw, *, seed: int) -> dict[str, dict[str, float]]:
    """Scores of the three ways, and the seconds of the whole run."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        task = write_task(folder, name, drawn, seed=seed, training={"curve": {"shares": []}})
        began = time.perf_counter()
        run = ruletune.fit(load_task(task), out=folder / "run")
        seconds = time.perf_counter() - began
        scores = run.metrics["scores"]
    found = {OURS[way]: {"accuracy": s["accuracy"], "macro_f1": s["macro_f1"]} for way, s in scores.items()}
    if "Ruletune" not in found:  # the guard left the rules out: what is delivered is labels alone
        found["Ruletune"] = dict(found["Ruletune, labels alone"])
    found["Ruletune"]["seconds"] = seconds
    return found


def peers(
    python: str, name: str, drawn: Draw, *, shots: int, seed: int, wanted: tuple[str, ...] = PEERS
) -> dict[str, dict[str, float]]:
    encoder = checkpoints.resolve("minilm", folder=Path()).source
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "draw.json"
        path.write_text(json.dumps(drawn.to_json()), encoding="utf-8")
        arguments = [str(path), encoder, str(len(LABELS[name])), str(shots), str(seed), *wanted]
        script = ROOT / "benchmarks" / "peers" / "few_labels.py"
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        done = subprocess.run([python, str(script), *arguments], stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"the peers failed on {name}, {shots} labels a class, seed {seed}")
    truth = np.array([row["label"] for row in drawn.report])
    lines = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return {
        line["peer"]: {
            "accuracy": float((np.array(line["answers"]) == truth).mean()),
            "macro_f1": float(f1_score(truth, line["answers"], average="macro")),
        }
        | ({"seconds": line["wall"]} if "wall" in line else {})
        for line in lines
    }


def table(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and deviation over seeds, a row for each set, number of labels and method."""
    rows = []
    keys = dict.fromkeys((r["data"], r["shots"], m) for r in results for m in r["scores"])
    for data, shots, method in sorted(keys, key=lambda key: key[:2]):
        scores = [
            r["scores"][method] for r in results if (r["data"], r["shots"]) == (data, shots) and method in r["scores"]
        ]
        row: dict[str, Any] = {"data": data, "labels a class": shots, "method": method, "seeds": len(scores)}
        for metric in ("accuracy", "macro_f1", "seconds"):
            values = [score[metric] for score in scores if metric in score]
            if values:
                row[metric] = round(statistics.mean(values), 4 if metric != "seconds" else 1)
            if len(values) > 1 and metric == "accuracy":
                row["deviation"] = round(statistics.stdev(values), 4)
        rows.append(row)
    return rows


CURVES = {
    "Ruletune": "#d62728",
    "Ruletune, labels alone": "#ff9896",
    "SetFit": "#1f77b4",
    "Snorkel, fine-tuning, gold": "#2ca02c",
    "fine-tuning": "#7f7f7f",
    "majority vote": "#bcbd22",
}
"""Methods of the plot with their colours; the table has all."""


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Accuracy by labels a class, a panel for each set; a bar is one standard deviation over seeds where there are several."""
    shown = [
        row | {"low": row["accuracy"] - row.get("deviation", 0.0), "high": row["accuracy"] + row.get("deviation", 0.0)}
        for row in rows
        if row["method"] in CURVES
    ]
    budgets = sorted({row["labels a class"] for row in rows})
    base = altair.Chart().encode(
        x=altair.X("labels a class:Q", scale=altair.Scale(type="log"), axis=altair.Axis(values=budgets)),
        color=altair.Color(
            "method:N", scale=altair.Scale(domain=list(CURVES), range=list(CURVES.values())), sort=list(CURVES)
        ),
    )
    accuracy = altair.Y("accuracy:Q", scale=altair.Scale(zero=False), axis=altair.Axis(format=".0%"))
    bars = base.mark_rule(opacity=0.5).encode(y=altair.Y("low:Q", title="accuracy"), y2="high:Q")
    layers = altair.layer(bars, base.mark_line(point=True).encode(y=accuracy), data=altair.InlineData(values=shown))
    chart = layers.properties(width=240, height=240).facet("data:N").resolve_scale(y="independent")
    chart.save(str(path), scale_factor=1.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="Interpreter that has SetFit and Snorkel; without it only Ruletune runs.")
    parser.add_argument("--shots", type=int, nargs="+", default=[5, 10, 50])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--keep", type=Path, default=RESULTS / "label_efficiency", help="Folder of single results.")
    parser.add_argument("--note", default="", help="What a reader of the table should know about the machine.")
    arguments = parser.parse_args()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.seeds):
        for shots in arguments.shots:
            for name in LABELS:
                drawn = draw(name, shots=shots, seed=seed)
                for who in ("ours", "peers"):
                    path = arguments.keep / f"{who}-{name}-{shots}-{seed}.json"
                    if path.exists() or (who == "peers" and not arguments.peers):
                        continue
                    scores = (
                        ours(name, drawn, seed=seed)
                        if who == "ours"
                        else peers(arguments.peers, name, drawn, shots=shots, seed=seed)
                    )
                    value = {"data": name, "shots": shots, "seed": seed, "scores": scores}
                    path.write_text(json.dumps(value), encoding="utf-8")
                    print(json.dumps(value), flush=True)
                _write(arguments.keep, note=arguments.note)


def _draw(result: dict[str, Any]) -> tuple[str, int, int]:
    return result["data"], result["shots"], result["seed"]


def _write(keep: Path, *, note: str = "") -> None:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(keep.glob("*.json"))]
    results = [r for r in found if sum(_draw(other) == _draw(r) for other in found) == 2] or found
    notes = [
        "only draws that both Ruletune and the peers have been run on, where there are such",
        "mean over seeds; Ruletune's seconds are the whole run: both trainings, scoring and the report",
        "the guard may leave the rules out: then Ruletune is labels alone",
        *([note] if note else []),
    ]
    rows = table(results)
    write("label_efficiency", command="python -m benchmarks.label_efficiency --peers PYTHON", rows=rows, notes=notes)
    plot(rows, ROOT / "docs" / "images" / "label_efficiency.png")


if __name__ == "__main__":
    main()
