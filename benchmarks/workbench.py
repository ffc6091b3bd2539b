"""How long a draft of a rule takes to be tried while it is typed, on 100,000 texts among 30 rules.

Run: ``python -m benchmarks.workbench``. Texts are those of public data sets; beyond these, sentences whose first half is
of one text and whose second is of another, drawn with a fixed seed. Drafts are what a person types: an expression letter by letter,
lists of keywords that grow, and expressions of other shapes. Each is tried once, as a further rule, in a process in which nothing
else goes on; what was typed before is remembered, as it is for a person. On one thread; CPU seconds are what matters, where other work keeps the
machine busy as well.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.record import shared_data, write
from ruletune.config import TaskSpec, load_task
from ruletune.types import Answer
from ruletune.workbench.live import Live

TEXTS, RULES = 100_000, 30
GOLD = 200


class Fixed:
    """A task that nobody changes."""

    revision = "1"

    def __init__(self, path: Path) -> None:
        self.spec: TaskSpec = load_task(path)

    def hand_labels(self) -> dict[str, Answer]:
        return {}


def recombined(texts: Sequence[str], count: int) -> Iterator[str]:
    """The texts, and then halves of two put together."""
    rng = random.Random(0)
    yield from texts[:count]
    for _ in range(count - len(texts)):
        first, second = rng.choice(texts).split(), rng.choice(texts).split()
        yield " ".join([*first[: len(first) // 2 + 1], *second[len(second) // 2 :]])


def classification(folder: Path) -> Path:
    data = shared_data() / "trec"
    rows = [json.loads(line) for line in (data / "train.jsonl").read_text("utf-8").splitlines()]
    names = json.loads((data / "labels.jsonl").read_text("utf-8").splitlines()[0])
    labels = [names[str(n)] for n in range(len(names))]
    lines = (data / "rules.tsv").read_text("utf-8").splitlines()
    rules = [line.split("\t")[:2] for line in lines[:RULES]]
    known = [{"text": row["text"], "label": labels[row["label"]]} for row in rows[:GOLD]]
    more = [{"text": text} for text in recombined([row["text"] for row in rows[GOLD:]], TEXTS - GOLD)]
    said = [{"regex": regex, "vote": _label(label, labels), "ignore_case": True} for label, regex in rules]
    return _task(folder, "classification", labels, known, more, said)


def _label(name: str, labels: Sequence[str]) -> str:
    """The set's rules write labels out."""
    long = {
        "DESCRIPTION": "DESC",
        "ENTITY": "ENTY",
        "HUMAN": "HUM",
        "ABBREVIATION": "ABBR",
        "LOCATION": "LOC",
        "NUMERIC": "NUM",
    }
    return long.get(name, name) if long.get(name, name) in labels else labels[0]


NAMES = (
    "the", "of", "Hill", "Smith", "River", "Bank", "United", "Mr", "Dr", "Inc", "Party", "University", "Park", "January", "Germany",
    "France", "London", "King", "Queen", "War", "Street", "City", "Church", "Team", "Club", "Lake", "Army", "Mount", "County", "School",
)  # fmt: skip
KINDS = ("PER", "ORG", "LOC", "MISC")


def ner(folder: Path) -> Path:
    data = shared_data() / "wikigold_ner"
    found = json.loads((data / "dev.json").read_text("utf-8"))
    texts = json.loads((data / "train.json").read_text("utf-8"))
    tags = {number: name for name, number in json.loads((data / "tag_to_id.json").read_text("utf-8")).items()}
    known = [
        {"tokens": row["str_words"], "tags": [tags[tag] for tag in row["tags"]]} for row in _values(found)[:GOLD]
    ]  # fmt: skip
    whole = [" ".join(row["str_words"]) for row in _values(texts)]
    more = [{"text": text} for text in recombined(whole, TEXTS - GOLD)]
    rules = [
        {"regex": rf"\b(?:[A-Z]\w+ )?{name}\b", "vote": KINDS[n % len(KINDS)]} for n, name in enumerate(NAMES[:RULES])
    ]  # fmt: skip
    return _task(folder, "ner", KINDS, known, more, rules)


def _values(found: Any) -> list[dict[str, Any]]:
    return list(found.values()) if isinstance(found, dict) else found


def _task(
    folder: Path, kind: str, labels: Sequence[str], known: list[dict[str, Any]], more: list[dict[str, Any]], rules: Any
) -> Path:
    for name, rows in (("train", known), ("unlabeled", more)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    split = {"validation": 0, "test": 0}
    data = {"train": "train.jsonl", "unlabeled": "unlabeled.jsonl", "split": split}
    task = {"task": kind, "labels": list(labels), "data": data, "rules": rules}
    (folder / "task.yaml").write_text(json.dumps(task), encoding="utf-8")
    return folder / "task.yaml"


def typed(vote: str) -> list[dict[str, Any]]:
    """What a person types, one draft after the other."""
    whole = r"\bhow many people live in"
    letters = [whole[:size] for size in range(1, len(whole) + 1)]
    words = ["city", "country", "river", "state", "capital", "mountain", "lake", "island"]
    others = [r"^who\b", r"\b(19|20)\d\d\b", r"[A-Z]\w+ [A-Z]\w+", r"\w+ing\b.*\?", r".", r"(?i)the|of", r"(\w+ )+is"]
    drafts: list[dict[str, Any]] = [{"regex": one} for one in (*letters, *others)]
    drafts += [{"keywords": words[:size]} for size in range(1, len(words) + 1)]
    return [draft | {"vote": vote} for draft in drafts]


TASKS = {"classification": (classification, "NUM", 1), "ner": (ner, "LOC", 3)}
"""How the task is made, what drafts vote for, and of how many drafts one is tried."""


def measure(name: str) -> dict[str, Any]:
    make, vote, step = TASKS[name]
    with tempfile.TemporaryDirectory() as folder:
        live = Live(Fixed(make(Path(folder))))
        began = time.process_time()
        numbers = live.numbers()
        first = time.process_time() - began
        taken, wrong = [], 0
        for draft in typed(vote)[::step]:
            before = time.process_time()
            trial = live.trial(draft)
            if trial.problems:  # half an expression is none
                wrong += 1
            else:
                taken.append((time.process_time() - before, trial.seconds, next(iter(draft.values()))))
    slowest = max(taken)
    return {
        "task": name,
        "texts": numbers.table.texts,
        "rules": len(numbers.table.rows),
        "drafts": len(taken),
        "unfinished drafts": wrong,
        "CPU seconds, median": round(statistics.median(cpu for cpu, _, _ in taken), 3),
        "CPU seconds, worst": round(slowest[0], 3),
        "worst draft": str(slowest[2]),
        "wall seconds, median": round(statistics.median(wall for _, wall, _ in taken), 3),
        "CPU seconds, first look": round(first, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    arguments = parser.parse_args()
    rows = []
    for name in arguments.tasks:
        rows.append(measure(name))
        print(json.dumps(rows[-1]), flush=True)
    if set(arguments.tasks) == set(TASKS):
        write("workbench", command="python -m benchmarks.workbench", rows=rows)


if __name__ == "__main__":
    main()
