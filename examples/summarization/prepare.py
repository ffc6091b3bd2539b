"""Write the example's texts: short reports of incidents in a factory that does not exist, and summaries of one sentence.

Run: ``python examples/summarization/prepare.py FOLDER``. Nothing is downloaded; the same seed gives the same files. A report is a list of
sentences; what matters is said in different places and in different words, among sentences that do not matter. Some of the
causes and machines, and of the words, are kept for the test part, in which events are frequent that are rare in training.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass
from pathlib import Path

# Machines, and what stopped them. The second half of both occurs in the test part only.
MACHINES = (
    "press",
    "oven",
    "mixer",
    "conveyor",
    "packing robot",
    "label printer",
    "pump",
    "crane",
    "saw",
    "paint booth",
)
CAUSES = (
    "a worn belt", "a blocked filter", "a power cut", "a loose cable", "a broken sensor",
    "a burst hose", "an empty oil tank", "a failed update", "a jammed roller", "a blown fuse",
)  # fmt: skip
INJURIES = ("cut a finger", "burned a hand", "twisted an ankle", "bruised a knee")
HALLS = "ABCDE"

BEFORE = (
    "The morning shift had begun as usual.", "It was the last day before the holidays.", "A group of visitors was being shown around.",
    "The canteen had just opened.", "Two colleagues were on sick leave.", "The heating had been repaired the week before.",
)  # fmt: skip
AFTER = (
    "The shift leader has written to the supplier.", "The matter will be discussed on Monday.", "The fire brigade was not called.",
    "The log book has been signed.", "Photographs are in the usual folder.", "The night shift has been told.",
)  # fmt: skip

# What happened, in one sentence that says it all, or in several. Fields: {machine}, {hall}, {cause}, {minutes}.
WHOLE = (
    "{Machine} in hall {hall} stood still for {minutes} minutes because of {cause}.",
    "Because of {cause}, {machine} in hall {hall} was out of service for {minutes} minutes.",
)
WHOLE_NEW = ("{Cause} kept {machine} in hall {hall} idle for {minutes} minutes.",)
APART = (
    ("{Machine} in hall {hall} stopped at {time}.", "The mechanics found {cause}.", "After {minutes} minutes everything ran again."),
    ("At {time} the alarm of {machine} went off in hall {hall}.", "The reason was {cause}.", "Work went on {minutes} minutes later."),
)  # fmt: skip
APART_NEW = (
    (
        "Nothing came out of {machine} in hall {hall} any more.",
        "It turned out to be {cause}.",
        "The repair took {minutes} minutes.",
    ),
)
GRAVE = (
    ("The whole hall was evacuated.", "the hall was evacuated"),
    ("All colleagues were evacuated to the car park.", "the staff were evacuated"),
    ("Some oil leaked into the drain.", "oil leaked into the drain"),
    ("Solvent had leaked onto the floor.", "solvent leaked onto the floor"),
)
"""Sentences about events that are rare in training, and what a summary says of them."""

UNHURT = ("Nobody was hurt.", "There were no injuries.")
HURT = ("One worker {injury} and was taken to the doctor.", "While helping, an apprentice {injury}.")


@dataclass(frozen=True, slots=True)
class Kind:
    """Which words and things a part of the data is made of."""

    machines: tuple[str, ...]
    causes: tuple[str, ...]
    whole: tuple[str, ...]
    apart: tuple[tuple[str, ...], ...]
    grave: float
    """Share of the reports with an event that is rare and must not be missed."""


LEARNED = Kind(MACHINES[:6], CAUSES[:6], WHOLE, APART, 0.15)
TESTED = Kind(MACHINES, CAUSES, (*WHOLE, *WHOLE_NEW), (*APART, *APART_NEW), 0.4)


def report(kind: Kind, rng: random.Random) -> tuple[list[str], str]:
    """The sentences of a report, and its summary."""
    machine, cause = f"{rng.choice(kind.machines)} {rng.randint(1, 9)}", rng.choice(kind.causes)
    values = {
        "machine": machine,
        "Machine": machine[0].upper() + machine[1:],
        "cause": cause,
        "Cause": cause[0].upper() + cause[1:],
        "hall": rng.choice(HALLS),
        "minutes": str(rng.randint(11, 95)),
        "time": f"{rng.randint(6, 21)}:{rng.randint(10, 59)}",
        "injury": rng.choice(INJURIES),
    }
    told = [rng.choice(kind.whole)] if rng.random() < 0.5 else list(rng.choice(kind.apart))
    ends: list[str] = []
    if rng.random() < kind.grave:
        sentence, end = rng.choice(GRAVE)
        told.append(sentence)
        ends.append(end)
    hurt = rng.random() < 0.4
    told.append(rng.choice(HURT if hurt else UNHURT))
    ends += ["one person was injured"] if hurt else []
    sentences = [*rng.sample(BEFORE, rng.randint(1, 2)), *told, *rng.sample(AFTER, rng.randint(1, 2))]
    summary = "{Cause} stopped {machine} in hall {hall} for {minutes} minutes"
    summary = ", ".join([summary, *ends[:-1]]) + "".join(f", and {end}" for end in ends[-1:]) + "."
    return [sentence.format_map(values) for sentence in sentences], summary.format_map(values)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gold", type=int, default=40)
    parser.add_argument("--unlabeled", type=int, default=60)
    parser.add_argument("--test", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    parts = {
        "train": [report(LEARNED, rng) for _ in range(options.gold)],
        "unlabeled": [report(TESTED, rng) for _ in range(options.unlabeled)],
        "test": [report(TESTED, rng) for _ in range(options.test)],
    }
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, reports in parts.items():
        rows = [{"text": text, "target": summary} for text, summary in reports]
        if name == "unlabeled":
            rows = [{"text": row["text"]} for row in rows]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (options.folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
