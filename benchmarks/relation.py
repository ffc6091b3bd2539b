"""Relations from rules, from few labels, and from both: SemEval-2010 task 8, 19 directed relations.

Run: ``python -m benchmarks.relation``. Ruletune runs with its defaults on the packaged encoder. ``semeval_re`` comes with 164
surface patterns, which are the rules; so many gold labels of each relation are drawn from its training part, all else of that
part has none, and the validation part is what is scored. It names no types of entities, so that patterns that ask for one
(``SUBJ-TITLE``) match nothing.

``--tune`` scores a share of the training part instead, which choices may be made by.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import ruletune
from benchmarks.record import shared_data, write
from ruletune.config import load_task

WAYS = ("rules alone", "labels alone", "rules + labels")
_HELD = 1000
"""Texts of the training part that ``--tune`` scores."""

Row = dict[str, Any]


def parts(shots: int, seed: int, *, tune: bool) -> dict[str, list[Row]]:
    """Gold, unlabelled and scored rows."""
    folder = shared_data() / "semeval_re"
    train, test = (
        [json.loads(line) for line in (folder / f"{name}.txt").read_text("utf-8").splitlines()]
        for name in ("train", "val")
    )
    random.Random(99).shuffle(train)
    if tune:
        train, test = train[_HELD:], train[:_HELD]
    random.Random(seed).shuffle(train)
    taken: dict[str, int] = {}
    gold: list[Row] = []
    rest: list[Row] = []
    for row in train:
        taken[row["relation"]] = taken.get(row["relation"], 0) + 1
        (gold if taken[row["relation"]] <= shots else rest).append(row)
    unlabeled = [{key: value for key, value in row.items() if key != "relation"} for row in rest]
    return {"train": gold, "unlabeled": unlabeled, "test": test}


def scores(
    shots: int, seed: int, *, texts: int, tune: bool = False, settings: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Micro F1 without Other, the official macro F1, and accuracy of every way."""
    folder = shared_data() / "semeval_re"
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for part, rows in parts(shots, seed, tune=tune).items():
            lines = [json.dumps(row) + "\n" for row in rows]
            (place / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")
        task = {
            "task": "relation",
            "labels": sorted(json.loads((folder / "rel2id.json").read_text("utf-8"))),
            "negative": "Other",
            "data": {part: f"{part}.jsonl" for part in ("train", "unlabeled", "test")}
            | {"split": {"validation": 0, "test": 0}},
            "rules": [{"pattern_file": str((folder / "pattern.json").resolve())}],
            "training": {"curve": {"shares": []}, "weak": {"max_texts": texts}},
            "seed": seed,
        }
        for section, values in (settings or {}).items():
            task[section] = {**task.get(section, {}), **values}  # type: ignore[dict-item]
        (place / "task.yaml").write_text(json.dumps(task), encoding="utf-8")
        run = ruletune.fit(load_task(place / "task.yaml"), out=place / "run")
        guard = run.metrics["guard"]
        return {
            "gold": len(parts(shots, seed, tune=tune)["train"]),
            "rules used": guard is None or guard["rules"],
            **{
                way: {m: found[m] for m in ("f1", "semeval_f1", "accuracy")}
                for way, found in run.metrics["scores"].items()
            },
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shots", nargs="+", type=int, default=[5, 10, 50])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--texts", type=int, default=1200, help="Weakly labelled texts used at most.")
    parser.add_argument("--tune", action="store_true", help="Score a share of the training part; write nothing.")
    parser.add_argument("--settings", type=json.loads, default=None, help="More of the task file, as JSON.")
    options = parser.parse_args()
    rows = []
    for shots in options.shots:
        found = [
            scores(shots, seed, texts=options.texts, tune=options.tune, settings=options.settings)
            for seed in range(options.seeds)
        ]
        row: dict[str, Any] = {"labels a class": shots, "gold": found[0]["gold"], "seeds": options.seeds}
        for way in WAYS:
            for metric, shown in (("f1", "micro F1"), ("semeval_f1", "SemEval macro F1")):
                values = [each[way][metric] for each in found if way in each]
                row[f"{way}, {shown}"] = round(sum(values) / len(values), 3) if values else None
        row["rules used"] = sum(each["rules used"] for each in found)
        rows.append(row)
        print(json.dumps(row), flush=True)
        if not options.tune:
            save(rows, options)


def save(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Write what there is so far: the last row takes longest."""
    write(
        "relation",
        command=f"python -m benchmarks.relation --shots {' '.join(map(str, options.shots))} --seeds {options.seeds} --texts {options.texts}",
        rows=sorted(rows, key=lambda row: row["labels a class"]),
        notes=[
            "semeval_re: trained on labels drawn from the training part and its 164 patterns, scored on the 1,493 texts of the "
            "validation part. Micro F1 and SemEval's official macro F1 leave Other out. Packaged encoder, defaults.",
            "Rules alone: the label model, which has seen the same gold labels; where no pattern matches the answer is Other.",
            "Rules + labels is empty where the guard left the rules out in every draw.",
        ],
    )


if __name__ == "__main__":
    main()
