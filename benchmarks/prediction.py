"""Predicting short texts, against the Transformers pipeline on the same model, processor and threads.

Run: ``python -m benchmarks.prediction``. One model, trained briefly on trec, answers 10,000 comments, messages and questions.
The pipeline runs as it does by default, a text at a time, and with batches of 64. All take turns in one process, and
ratios are of the times of one turn. Ruletune answers twice: with the rules that fired, as ``ruletune predict`` does, and
without.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import pipeline
from transformers.utils import logging

import ruletune
from benchmarks.draws import LABELS, draw
from benchmarks.record import shared_data, write
from ruletune import Example

TURNS = 3
RULES = [
    {"name": "people", "regex": r"\b[Ww]ho(se)?\b", "vote": "HUM"},
    {"name": "places", "regex": r"\b[Ww]here\b", "vote": "LOC"},
    {"name": "numbers", "keywords": ["how many", "how much", "when"], "vote": "NUM"},
]


def texts(count: int) -> list[str]:
    """Short texts of three sets, as they come."""
    found = []
    for name in ("trec", "sms", "youtube"):
        with (shared_data() / name / "train.jsonl").open(encoding="utf-8") as lines:
            found += [json.loads(line)["text"] for line in lines]
    return found[:count]


def train(folder: Path) -> ruletune.Run:
    """A model whose answers are those of a trained one; how good they are is no matter here."""
    drawn = draw("trec", shots=10, seed=0)
    rows = [{"text": row["text"], "label": LABELS["trec"][row["label"]]} for row in drawn.gold]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    task = {"task": "classification", "labels": list(LABELS["trec"]), "data": {"train": "train.jsonl"}, "rules": RULES}
    (folder / "task.yaml").write_text(json.dumps(task), encoding="utf-8")
    return ruletune.fit(ruletune.load_task(folder / "task.yaml"), out=folder / "run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=10_000)
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    asked = texts(arguments.texts)
    examples = [Example(str(number), text) for number, text in enumerate(asked)]
    with tempfile.TemporaryDirectory() as place:
        run = train(Path(place))
        model = str(run.folder / "model")
        ask = pipeline("text-classification", model=model, tokenizer=model, device="cpu")
        limit = {"truncation": True, "max_length": int(run.settings["max_length"])}

        def ours(with_rules: bool) -> list[str]:
            return [str(prediction.answer) for prediction in run.predict(examples, with_rules=with_rules)]

        def theirs(batch: int) -> list[str]:
            return [answer["label"] for answer in ask(asked, batch_size=batch, **limit)]

        methods: dict[str, Callable[[], list[str]]] = {
            "pipeline": lambda: theirs(1),
            "pipeline, batches of 64": lambda: theirs(64),
            "Ruletune": lambda: ours(False),
            "Ruletune, with the rules that fired": lambda: ours(True),
        }
        seconds: dict[str, list[float]] = {name: [] for name in methods}
        answers: dict[str, list[str]] = {}
        ours(True)  # what is loaded at the first call is loaded
        for turn in range(TURNS):
            for name, method in methods.items():
                began = time.perf_counter()
                answers[name] = method()
                seconds[name].append(time.perf_counter() - began)
                print(f"turn {turn + 1}: {name}: {seconds[name][-1]:.1f} s", flush=True)
    rows: list[dict[str, Any]] = []
    for name in methods:
        agreed = sum(a == b for a, b in zip(answers[name], answers["pipeline"], strict=True))
        rows.append(
            {
                "method": name,
                "texts": len(asked),
                "seconds": round(statistics.median(seconds[name]), 2),
                "texts a second": round(len(asked) / statistics.median(seconds[name])),
                "times the pipeline": _ratio(seconds["pipeline"], seconds[name]),
                "times the pipeline in batches": _ratio(seconds["pipeline, batches of 64"], seconds[name]),
                "same answers": round(agreed / len(asked), 5),
            }
        )
    notes = [
        f"median of {TURNS} turns; {torch.get_num_threads()} threads; the same model folder, precision and truncation for all",
        "ratios are medians of the turns' ratios",
    ]
    print(write("prediction", command="python -m benchmarks.prediction", rows=rows, notes=notes).read_text("utf-8"))


def _ratio(theirs: list[float], ours: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(theirs, ours, strict=True)), 2)


if __name__ == "__main__":
    main()
