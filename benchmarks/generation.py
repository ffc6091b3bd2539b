"""Texts from rules, from few gold answers, and from both: translation, summarization, replies in a dialogue.

Run: ``python -m benchmarks.generation``. Ruletune with its defaults on the packaged flan-t5-small, one draw, and budgets that
fit two cores: at most ``--scored`` examples of each report part are answered (the first ones of a seeded draw). The ways: the
pretrained model as it is, the same under the rules, fine-tuning on the labels alone, and rules + labels.

- multi30k en-de, 50 and 500 pairs; the rules are a glossary of 100 nouns, derived from training pairs that the draws do not have
  (``benchmarks/glossary.py``), and that numbers are copied.
- SciTLDR, 50 and 200 papers; the rules: what the title names must be mentioned (terms that are written in it in capitals), no
  number is invented, the length, and sentences that say what is done are preferred, by which unlabelled papers get a summary.
- FewShotWOZ restaurant and hotel, the 50 replies that are given: every slot is said; replies to some acts are written as templates.

``--tune`` answers a part of the training data instead and writes nothing; defaults were chosen on it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import ruletune
from benchmarks import text_data
from benchmarks.glossary import written
from benchmarks.record import write
from benchmarks.text_data import TextData
from ruletune.config import load_task

Rules = list[dict[str, Any]]

_TITLED = r"\b[A-Z][A-Za-z]*[A-Z][A-Za-z]*\b"
"""A name with two capitals: GAN, BERT, VAEs, AutoML."""

_MOST_TITLES = 150

SLOTS = {"slots": "all", "name": "slots"}


def translation(pairs: int, folder: Path) -> tuple[TextData, Rules]:
    data = text_data.multi30k(pairs, seed=0)
    entries = text_data.multi30k_glossary(pairs=pairs, seed=0)
    (folder / "terms.tsv").write_text(written(entries), encoding="utf-8")
    return data, [{"glossary": "terms.tsv", "name": "glossary"}, {"copy": "numbers", "name": "numbers"}]


def summarization(papers: int, folder: Path) -> tuple[TextData, Rules]:
    data = text_data.scitldr(papers, seed=0, unlabeled=200)
    done = r"(?i)\b(?:we|this (?:paper|work)|our)\b.*\b(?:propos|present|introduc|show|stud|develop|investigat|provid|demonstrat|us)"
    return data, [
        {"invented": "numbers", "name": "no invented numbers"},
        {"answer_length": "words", "at_least": 6, "at_most": 45, "name": "length"},
        {"answer": done, "name": "says what is done"},
    ]


def dialogue(domain: str, folder: Path) -> tuple[TextData, Rules]:
    return text_data.fewshotwoz(domain), [SLOTS, {"answer": r"^\S", "name": "not empty"}]


SETS: dict[str, tuple[Callable[[Any, Path], tuple[TextData, Rules]], tuple[Any, ...], dict[str, Any]]] = {
    "multi30k": (translation, (50, 500), {"max_length": 64, "max_target": 64}),
    "scitldr": (summarization, (50, 200), {"max_length": 320, "max_target": 64, "too_long": "cut"}),
    "fewshotwoz": (dialogue, ("restaurant", "hotel"), {"max_length": 128, "max_target": 64}),
}


def run(
    name: str, size: Any, *, scored: int, tune: bool, settings: dict[str, Any], keep: Path | None = None
) -> dict[str, Any]:
    """Scores by way, and how the rules are kept."""
    make, _, model = SETS[name]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data, rules = make(size, folder)
        report = data.tune if tune and data.tune else data.report
        order = np.sort(np.random.default_rng(5).permutation(len(report))[:scored])
        data = replace(data, tune=[], report=[report[n] for n in order])
        task = text_data.write_rows(data, folder)
        task |= {"rules": settings.pop("rules", rules), "model": model | settings.pop("model", {})} | settings
        (folder / "task.yaml").write_text(json.dumps(task), encoding="utf-8")
        began = time.perf_counter()
        made = ruletune.fit(load_task(folder / "task.yaml"), out=keep or folder / "run", overwrite=True)
        kept = {row.rule: {"demanded": row.demanded} | row.kept for row in made.report.kept}
        return {
            "scores": made.metrics["scores"],
            "kept": kept,
            "seconds": round(time.perf_counter() - began),
            "guard": made.metrics["guard"],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--sizes", nargs="+", help="Of these only, such as 50 or hotel.")
    parser.add_argument("--scored", type=int, default=200, help="Examples that are answered, at most.")
    parser.add_argument("--tune", action="store_true", help="Answer a part of the training data; write nothing.")
    parser.add_argument("--settings", type=json.loads, default={}, help="More of the task file, as JSON.")
    parser.add_argument("--keep", type=Path, help="Run folder to keep.")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in options.sets:
        for size in SETS[name][1]:
            if options.sizes and str(size) not in options.sizes:
                continue
            found = run(
                name,
                size,
                scored=options.scored,
                tune=options.tune,
                settings=json.loads(json.dumps(options.settings)),
                keep=options.keep,
            )
            for way, scores in found["scores"].items():
                figures = {
                    key: round(value, 4)
                    for key, value in scores.items()
                    if isinstance(value, float) and key not in ("covered", "uncovered")
                }
                rows.append({"data": name, "size": size, "way": way, **figures})
                print(json.dumps(rows[-1]), flush=True)
            print(
                json.dumps(
                    {"kept": found["kept"], "seconds": found["seconds"], "guard": (found["guard"] or {}).get("reason")}
                ),
                flush=True,
            )
            if not options.tune:
                write(
                    "generation",
                    command="python -m benchmarks.generation",
                    rows=rows,
                    notes=[
                        f"flan-t5-small as packaged, defaults, one draw; {options.scored} examples of each report part at most.",
                        "phrases_kept: of the phrases that rules demand, the share that stands in the answers (of the glossary: term "
                        "accuracy). rules_kept: of all demands.",
                        "multi30k: the glossary holds of 91% of the reference's own terms, so term accuracy beyond that contradicts it.",
                    ],
                )


if __name__ == "__main__":
    main()
