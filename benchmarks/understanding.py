"""Intents and slots from rules, from few utterances, and from both: commands to a voice assistant (snips).

Run: ``python -m benchmarks.understanding``. Ruletune runs with its defaults on the packaged encoder. 5 and 20 utterances of each of the
7 intents are drawn from the training part, with their slots; 700 others of it are text without labels. The 700 utterances of
the validation part are scored, and nothing was chosen by them. The rules, `benchmarks/snips_rules.yaml`, were written by somebody who
had read a few hundred utterances of the training part and knew the most frequent values of its slots.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

import ruletune
from benchmarks.record import shared_data, write
from ruletune.config import load_task
from ruletune.data.labels import Labels
from ruletune.data.readers import Columns, read_all
from ruletune.data.spans import SpanLabels
from ruletune.data.understood import SLOTS, Understood
from ruletune.types import Label, Spans

POOL = 700
"""Utterances without labels."""

WAYS = ("rules alone", "labels alone", "rules + labels")
Rows = list[dict[str, Any]]


def names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Intents and slots of the training part."""
    folder = shared_data() / "snips_dialogue" / "train"
    intents = set((folder / "label").read_text(encoding="utf-8").split())
    tags = set((folder / "seq.out").read_text(encoding="utf-8").split())
    return tuple(sorted(intents)), tuple(sorted({tag[2:] for tag in tags} - {""}))


def utterances(part: str, intents: tuple[str, ...], slots: tuple[str, ...]) -> Rows:
    """Text, label and spans of each."""
    labels = Understood(Labels(intents), SpanLabels(slots))
    found = []
    for example in read_all(str(shared_data() / "snips_dialogue" / part), Columns(), labels=labels):
        spans, intent = example.fields[SLOTS], example.answer
        assert isinstance(spans, Spans) and isinstance(intent, Label)
        listed = [[span.start, span.end, span.label] for span in spans.spans]
        found.append({"text": example.text, "label": str(intent), "spans": listed})
    return found


def drawn(train: Rows, shots: int, seed: int) -> tuple[Rows, Rows]:
    """So many utterances of each intent, and others without what is known of them."""
    order = np.random.default_rng([seed, shots]).permutation(len(train))
    taken: dict[str, Rows] = {}
    pool: Rows = []
    for row in (train[position] for position in order):
        of_intent = taken.setdefault(row["label"], [])
        if len(of_intent) < shots:
            of_intent.append(row)
        elif len(pool) < POOL:
            pool.append({"text": row["text"]})
    return [row for of_intent in taken.values() for row in of_intent], pool


def scores(shots: int, seed: int, keep: Path | None) -> dict[str, Any]:
    intents, slots = names()
    train = utterances("train", intents, slots)
    gold, pool = drawn(train, shots, seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        parts = {"train": gold, "unlabeled": pool, "test": utterances("valid", intents, slots)}
        for part, lines in parts.items():
            written = "".join(json.dumps(row) + "\n" for row in lines)
            (folder / f"{part}.jsonl").write_text(written, encoding="utf-8")
        task = {
            "task": "understanding",
            "intents": list(intents),
            "slots": list(slots),
            "data": {part: f"{part}.jsonl" for part in parts} | {"split": {"validation": 0, "test": 0}},
            "rules": YAML(typ="safe").load(Path(__file__).with_name("snips_rules.yaml")),
            "training": {"curve": {"shares": []}},
            "seed": seed,
        }
        (folder / "task.yaml").write_text(json.dumps(task), encoding="utf-8")
        begun = time.monotonic()
        run = ruletune.fit(load_task(folder / "task.yaml"), out=keep or folder / "run", overwrite=True)
        used = {half: run.metrics[half]["guard"] for half in ("intent", "slots")}
        return {
            "scores": run.metrics["scores"],
            "seconds": time.monotonic() - begun,
            "rules used": [half for half, guard in used.items() if guard is None or guard["rules"]],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shots", nargs="+", type=int, default=[5, 20])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="A folder for the last run.")
    options = parser.parse_args()
    rows = []
    for shots in options.shots:
        found = [scores(shots, seed, options.keep) for seed in range(options.seeds)]
        row: dict[str, Any] = {"utterances an intent": shots, "seeds": options.seeds}
        for way in WAYS:
            known = [each["scores"][way] for each in found if way in each["scores"]]
            for metric in ("intent_accuracy", "slot_f1", "joint_accuracy"):
                values = [score[metric] for score in known]
                row[f"{way}, {metric}"] = round(sum(values) / len(values), 3) if values else None
        row["rules used"] = [each["rules used"] for each in found]
        row["seconds"] = round(sum(each["seconds"] for each in found) / len(found))
        rows.append(row)
        print(json.dumps(row), flush=True)
        write(
            "understanding",
            command="python -m benchmarks.understanding",
            rows=rows,
            notes=[
                "Scored on the 700 utterances of snips' validation part. Joint accuracy: the intent and all slots are right.",
                f"Beside the labelled utterances, {POOL} others of the training part without labels. Rules: snips_rules.yaml.",
                "Where the guard leaves a half's rules out, its labels alone stand for it in rules + labels; rules used says where not.",
            ],
        )


if __name__ == "__main__":
    main()
