"""Entities from rules, from few gold sentences, and from both: laptop reviews and news, on their development parts.

Run: ``python -m benchmarks.ner``. Ruletune runs with its defaults on the packaged encoder. ``laptop_ner`` comes with the votes of 16
rules; its makers recommend three of them, which are used. ``wikigold_ner`` has in its training part the tags that a dictionary gave,
and no gold: what they mark is a list of terms for each type. The gold sentences are taken from the 280 of the development part, and
those that are left are scored: 230 beside 50, and 80 beside 200.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import ruletune
from benchmarks.record import shared_data, write
from ruletune.config import load_task
from ruletune.data.readers import Columns, read_all
from ruletune.data.spans import SpanLabels
from ruletune.types import Example, Spans

TYPES = ("PER", "ORG", "LOC", "MISC")
Draw = tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]
"""Gold, unlabelled and scored texts."""


def spans(example: Example) -> list[list[object]]:
    assert isinstance(example.answer, Spans)
    return [[span.start, span.end, span.label] for span in example.answer.spans]


def laptop(gold: int, seed: int) -> tuple[Draw, dict[str, Any]]:
    folder = shared_data() / "laptop_ner"
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    train, dev = (
        read_all(str(folder / f"{part}.json"), Columns(), labels=SpanLabels(("TERM",))) for part in ("train", "valid")
    )
    random.Random(seed).shuffle(train)
    positions = [meta["lf"].index(name) for name in meta["lf_rec"]]

    def row(example: Example, *, labelled: bool) -> dict[str, Any]:
        votes = example.fields["weak_labels"]
        assert isinstance(votes, list)
        found = {"text": example.text, "votes": [votes[position] for position in positions]}
        return found | ({"spans": spans(example)} if labelled else {})

    parts = (
        [row(example, labelled=True) for example in train[:gold]],
        [row(example, labelled=False) for example in train[gold:]],
        [row(example, labelled=True) for example in dev],
    )
    return parts, {"labels": ["TERM"], "rules": [{"votes": "votes", "names": meta["lf_rec"]}]}


def wikigold(gold: int, seed: int) -> tuple[Draw, dict[str, Any]]:
    folder = shared_data() / "wikigold_ner"
    train, dev = (
        read_all(str(folder / f"{part}.json"), Columns(), labels=SpanLabels(TYPES)) for part in ("train", "dev")
    )
    random.Random(seed).shuffle(dev)
    parts = (
        [{"text": example.text, "spans": spans(example)} for example in dev[:gold]],
        [{"text": example.text} for example in train],
        [{"text": example.text, "spans": spans(example)} for example in dev[gold:]],
    )
    rules = [
        {"name": label, "keywords": terms, "ignore_case": False, "vote": label}
        for label, terms in dictionary(train).items()
    ]
    return parts, {"labels": list(TYPES), "rules": rules}


def dictionary(examples: list[Example]) -> dict[str, list[str]]:
    """What the tags of the training part mark, by the type that they most often give it."""
    counts: dict[str, Counter[str]] = {}
    for example in examples:
        assert isinstance(example.answer, Spans)
        for span in example.answer.spans:
            counts.setdefault(example.text[span.start : span.end], Counter())[span.label] += 1
    found: dict[str, list[str]] = {label: [] for label in TYPES}
    for term, labels in sorted(counts.items()):
        found[labels.most_common(1)[0][0]].append(term)
    return found


SETS = {"laptop_ner": laptop, "wikigold_ner": wikigold}


def scores(name: str, gold: int, seed: int) -> dict[str, Any]:
    parts, settings = SETS[name](gold, seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for part, rows in zip(("train", "unlabeled", "test"), parts, strict=True):
            # A file cannot be empty: without gold texts the first unlabelled one stands in.
            lines = [json.dumps(row) + "\n" for row in rows or parts[1][:1]]
            (folder / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")
        task = {
            "task": "ner",
            "data": {part: f"{part}.jsonl" for part in ("train", "unlabeled", "test")}
            | {"split": {"validation": 0, "test": 0}},
            "training": {"curve": {"shares": []}},
            "seed": seed,
        }
        (folder / "task.yaml").write_text(json.dumps(task | settings), encoding="utf-8")
        run = ruletune.fit(load_task(folder / "task.yaml"), out=folder / "run")
        found = {way: score["f1"] for way, score in run.metrics["scores"].items()}
        return found | {"rules used": run.metrics["guard"] is None or run.metrics["guard"]["rules"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--gold", nargs="+", type=int, default=[0, 50, 200])
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    rows = []
    for name in options.sets:
        for gold in options.gold:
            found = [scores(name, gold, seed) for seed in range(options.seeds)]
            row: dict[str, Any] = {"data": name, "gold sentences": gold, "seeds": options.seeds}
            for way in ("rules alone", "labels alone", "rules + labels"):
                values = [each[way] for each in found if way in each]
                row[f"{way}, F1"] = round(sum(values) / len(values), 3) if values else None
            row["rules used"] = sum(each["rules used"] for each in found)
            rows.append(row)
            print(json.dumps(row), flush=True)
    write(
        "ner",
        command="python -m benchmarks.ner",
        rows=rows,
        notes=[
            "Strict entity F1 on the development part. Labels alone and rules + labels are trained on the packaged encoder; the rules "
            "count for nothing where the guard leaves them out, and rules + labels is then empty.",
            "wikigold_ner has gold in its development part alone: that is cut into the sentences to learn from and those to score, 80 "
            "beside 200 to learn from.",
            "wikigold_ner: the rules are the terms that the training part's distant tags mark, four lists.",
        ],
    )


if __name__ == "__main__":
    main()
