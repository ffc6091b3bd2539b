"""Answers to questions from rules, from 163 questions with gold answers, and from both.

Run: ``python -m benchmarks.qa``. The training questions are those of ``explained_164.csv``, one of which is left out since its
answer does not stand in its text; the rules were written after them and the explanations beside them, and after nothing
else. Measured is ``xquad_en_first24.json``, 632 questions that all have an answer. Ruletune runs with its defaults on the
packaged encoder. Without gold answers the same questions are unlabelled, for the rules to teach from.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import ruletune
from benchmarks.record import shared_data, write
from ruletune.config import load_task

CAP = r"[A-Z][\w'-]+"

RULES: list[dict[str, Any]] = [
    {"name": "same words", "sentence": "words"},
    {"name": "same meaning", "sentence": "meaning"},
    {
        "name": "when",
        "question": r"\b(when|what (year|years|date|day|century|period|decade)|which year)\b",
        "type": "date",
    },
    {"name": "year", "question": r"\b(what|which) years?\b", "type": "year"},
    {"name": "how long", "question": "how long|what length of time", "type": "duration"},
    {"name": "since", "question": "how long", "pattern": r"\b(?:since|until|from) [^,.;]{3,40}"},
    {"name": "how many", "question": "how many|what number|what age|how old|population", "type": "number"},
    {"name": "money", "question": "how much|what price|cost|revenue|budget", "type": "money"},
    {"name": "percent", "question": "how much|percent", "type": "percent"},
    {
        "name": "size",
        "question": "how (tall|high|far|large|big|deep|wide|heavy|fast|much)|what (distance|height|speed|size)",
        "type": "measure",
    },
    {"name": "who", "question": r"\bwho(m|se)?\b", "type": "person"},
    {"name": "by whom", "question": r"\bwho\b", "pattern": rf"\bby (?P<answer>{CAP}(?: {CAP})*)"},
    {
        "name": "where",
        "question": r"\bwhere\b|\b(what|which) (city|country|plain|location|place|park|state|county|town|region)",
        "type": "place",
    },
    {
        "name": "names",
        "question": r"\b(what|which)\b (?!(is|was|are|were|do|does|did|percent|percentage|year|years|number|age)\b)",
        "type": "name",
    },
    {"name": "what is", "question": r"\bwhat (is|was|are|were)\b", "type": ["name", "quoted"]},
    {
        "name": "called",
        "question": "name|called|term|word|known as",
        "pattern": r"\b(?:called|known as|named|termed) (?:the |a |an |\")?(?P<answer>[^,.;\"]{3,40})",
    },
    {
        "name": "why",
        "question": r"\bwhy\b|what (caus|reason)",
        "pattern": r"\b(?:because of|because|due to|caused by|in order to|to avoid) (?P<answer>[^,.;]{5,80})",
    },
]


def training() -> list[dict[str, Any]]:
    """The explained questions whose answers stand in their texts."""
    found = []
    with (shared_data() / "squad_qa" / "explained_164.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text, answer = re.sub(r"</?font[^>]*>", "", row["Input.context"]), row["Input.answer"].strip()
            start = text.find(answer)
            if start >= 0:
                answers = [{"text": answer, "start": start}]
                found.append({"text": text, "question": row["Input.question"], "answers": answers})
    return found


def run(gold: bool, seed: int) -> dict[str, Any]:
    rows = training()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shown = rows if gold else [{key: row[key] for key in ("text", "question")} for row in rows]
        (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in shown), encoding="utf-8")
        task = {
            "task": "qa",
            "data": {"train": "train.jsonl", "test": str(shared_data() / "squad_qa" / "xquad_en_first24.json")},
            "rules": [rule | {"vote": "answer"} for rule in RULES],
            "model": {"max_length": 256},
            "training": {"curve": {"shares": []}},
            "seed": seed,
        }
        (folder / "task.yaml").write_text(json.dumps(task), encoding="utf-8")
        made = ruletune.fit(load_task(folder / "task.yaml"), out=folder / "run")
        guard = made.metrics["guard"]
        return {"scores": made.metrics["scores"], "rules used": guard is None or guard["rules"], "guard": guard}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = []
    for gold in (True, False):
        found = run(gold, options.seed)
        row: dict[str, Any] = {"gold questions": len(training()) if gold else 0, "seed": options.seed}
        for way in ("rules alone", "labels alone", "rules + labels"):
            scores = found["scores"].get(way, {})
            for metric in ("exact_match", "f1"):
                row[f"{way}, {metric}"] = round(scores[metric], 3) if metric in scores else None
        rows.append(row | {"rules used": found["rules used"], "weight": (found["guard"] or {}).get("weight")})
        print(json.dumps(rows[-1]), flush=True)
        write(
            "qa",
            command="python -m benchmarks.qa",
            rows=rows,
            notes=[
                "Exact match and F1 as SQuAD's scorer has them, 632 questions of XQuAD's English part, the packaged encoder, one draw.",
                "The rules were written after the training questions and their explanations only.",
            ],
        )


if __name__ == "__main__":
    main()
