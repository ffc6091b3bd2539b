"""Write the example's texts: how people, companies and places that do not exist are related, made from patterns.

Run: ``python examples/relations/prepare.py FOLDER``. Nothing is downloaded; the same seed gives the same files. Some of the
patterns, and a third of the names, are kept for the test part, so that what is measured there is more than remembering.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

FIRST = "Alma Boris Celia Dmitri Elin Fritz Gerda Henrik Ilse Joost Karin Lars Maren Niko Odile Pia Quirin Rhea Stig Thea Udo Vera Willem Xenia"
LAST = (
    "Abendroth Brannigan Corvalan Dahlberg Eskola Fonseca Gruber Halloran Isaksen Jankovic Kerrigan Lundqvist Marchetti Novotny "
    "Ortmann Pereira Quist Roussel Steiger Tamm Ulbricht Vestergaard Wexler Zielinski"
)
STEMS = "Ashgrove Bluepeak Cinder Deltaport Elmwood Foxglove Granite Harrow Ironleaf Jasper Kite Larkspur Moss Nimbus Osprey Pinnacle"
ENDS = "Foods Robotics Textiles Instruments Press Shipping Optics Chemicals"
PLACES = (
    "Arndale Bexhaven Corrinstadt Drumore Elvesund Farnhagen Glenmara Holmsby Inverleigh Jostedal Karlsport Lindeborg Mirefield "
    "Norrvik Ostrava_Bay Pellworth Quayside Rosmere"
)
TIMES = "in_March last_year in_2011 this_week in_spring two_years_ago"

Pattern = tuple[str, str]
"""A relation, and a text with the pair as {S:type} and {O:type} and other names as {type}."""

SEEN: list[Pattern] = [
    ("works for", "{S:PERSON} has worked for {O:COMPANY} since the mill in {PLACE} closed ."),
    ("works for", "{S:PERSON} , an engineer at {O:COMPANY} , met {PERSON} {TIME} ."),
    ("works for", "{O:COMPANY} hired {S:PERSON} {TIME} , and {PERSON} left ."),
    ("works for", "The new head of sales at {O:COMPANY} is {S:PERSON} ."),
    ("founded", "{S:PERSON} founded {O:COMPANY} in {PLACE} {TIME} ."),
    ("founded", "{O:COMPANY} was founded by {S:PERSON} and {PERSON} ."),
    ("founded", "{S:PERSON} , the founder of {O:COMPANY} , sold her shares to {PERSON} ."),
    ("founded", "Together with {PERSON} , {S:PERSON} set up {O:COMPANY} ."),
    ("based in", "{S:COMPANY} has its headquarters in {O:PLACE} ."),
    ("based in", "{S:COMPANY} , based in {O:PLACE} , bought a rival of {COMPANY} ."),
    ("based in", "The {O:PLACE} company {S:COMPANY} is looking for welders ."),
    ("based in", "{S:COMPANY} moved its head office to {O:PLACE} {TIME} ."),
    ("born in", "{S:PERSON} was born in {O:PLACE} and went to school in {PLACE} ."),
    ("born in", "A native of {O:PLACE} , {S:PERSON} never liked {PLACE} ."),
    ("born in", "{S:PERSON} grew up in {O:PLACE} , where her parents had a shop ."),
    ("none", "{S:PERSON} complained to {O:COMPANY} about the noise ."),
    ("none", "{S:PERSON} drove through {O:PLACE} without stopping ."),
    ("none", "{S:COMPANY} sent a van to {O:PLACE} {TIME} ."),
    ("none", "{PERSON} works for {COMPANY} , but {S:PERSON} has never heard of {O:COMPANY} ."),
    ("none", "{S:PERSON} bought a coat from {O:COMPANY} in {PLACE} ."),
    ("none", "{S:PERSON} met {O:PERSON} at a fair in {PLACE} ."),
    ("none", "A strike in {O:PLACE} delayed a delivery from {S:COMPANY} ."),
]
NEW: list[Pattern] = [
    ("works for", "{S:PERSON} joined {O:COMPANY} as a bookkeeper {TIME} ."),
    ("works for", "{S:PERSON} runs the research department of {O:COMPANY} ."),
    ("works for", "According to {S:PERSON} , a spokesman of {O:COMPANY} , nobody was hurt in {PLACE} ."),
    ("founded", "{S:PERSON} started {O:COMPANY} in a garage in {PLACE} ."),
    ("founded", "The idea for {O:COMPANY} came to its founder {S:PERSON} on a train to {PLACE} ."),
    ("based in", "{S:COMPANY} opened its first office in {O:PLACE} and stayed there ."),
    ("based in", "From its main building in {O:PLACE} , {S:COMPANY} ships to {PLACE} ."),
    ("born in", "{S:PERSON} comes from {O:PLACE} ."),
    ("born in", "{S:PERSON} left {O:PLACE} , the town of her birth , for {PLACE} ."),
    ("none", "{S:PERSON} owes {O:COMPANY} a large sum ."),
    ("none", "{S:COMPANY} lost a lawsuit in {O:PLACE} {TIME} ."),
    ("none", "{S:PERSON} spent the summer in {O:PLACE} with {PERSON} ."),
]


def names(written: str, rng: random.Random) -> tuple[list[str], list[str]]:
    """Names for training and names for testing."""
    values = [value.replace("_", " ") for value in written.split()]
    rng.shuffle(values)
    return values[: len(values) * 2 // 3], values[len(values) // 3 :]


def sentence(pattern: Pattern, pools: dict[str, list[str]], rng: random.Random) -> dict[str, object]:
    """A pattern with its blanks filled in, no name twice, and where the pair is."""
    relation, written = pattern
    text, used = "", set[str]()
    pair: dict[str, list[object]] = {}
    for word in written.split():
        text += " " if text else ""
        if not word.startswith("{"):
            text += word
            continue
        role, _, kind = word.strip("{}").rpartition(":")
        name = entity(kind, pools, rng)
        while name in used:
            name = entity(kind, pools, rng)
        used.add(name)
        if role:
            pair[role] = [len(text), len(text) + len(name), kind]
        text += name
    return {"text": text, "subject": pair["S"], "object": pair["O"], "relation": relation}


def entity(kind: str, pools: dict[str, list[str]], rng: random.Random) -> str:
    match kind:
        case "PERSON":
            return f"{rng.choice(pools['first'])} {rng.choice(pools['last'])}"
        case "COMPANY":
            return f"{rng.choice(pools['stem'])} {rng.choice(ENDS.split())}"
        case "PLACE":
            return rng.choice(pools["place"])
        case _:
            return rng.choice(TIMES.split()).replace("_", " ")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gold", type=int, default=30)
    parser.add_argument("--unlabeled", type=int, default=400)
    parser.add_argument("--test", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    cut = {
        kind: names(value, rng)
        for kind, value in (("first", FIRST), ("last", LAST), ("place", PLACES), ("stem", STEMS))
    }
    train, test = ({kind: parts[n] for kind, parts in cut.items()} for n in (0, 1))
    everything = {kind: sorted({*parts[0], *parts[1]}) for kind, parts in cut.items()}
    written: set[str] = set()

    def several(count: int, patterns: list[Pattern], pools: dict[str, list[str]]) -> list[dict[str, object]]:
        """Sentences of which no part has one that stands before."""
        rows: list[dict[str, object]] = []
        while len(rows) < count:
            row = sentence(rng.choice(patterns), pools, rng)
            if row["text"] not in written:
                written.add(str(row["text"]))
                rows.append(row)
        return rows

    unlabeled = several(options.unlabeled, SEEN + NEW, everything)
    parts = {
        "train": several(options.gold, SEEN, train),
        "test": several(options.test, SEEN + NEW, test),
        "unlabeled": [{key: value for key, value in row.items() if key != "relation"} for row in unlabeled],
    }
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        (options.folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
