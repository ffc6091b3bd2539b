"""Write the example's texts: short news items about people, companies and places that do not exist, made from patterns.

Run: ``python examples/named_entities/prepare.py FOLDER``. Nothing is downloaded; the same seed gives the same files. Half of
the patterns and of the names are kept for the test part, so that what is measured there is more than remembering.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

FIRST = "Ada Bruno Carla Dario Edda Farid Greta Hanno Ines Jaro Kira Luca Mira Nils Olga Pavel Rosa Sven Tara Ulla Viktor Wanda Yara Zeno"
LAST = (
    "Almquist Barros Castellan Dorneau Ekberg Fiorelli Grunwald Hakimi Ivanek Jorsted Kalinka Lindqvist Moravec Nakamura "
    "Okonkwo Petrakis Quintero Rautio Sandoval Teixeira Uzun Varga Westerlund Yilmaz"
)
PLACES = (
    "Brindlemouth Castelmare Dunhaven Eastwick Ferrowall Grauburg Halvorstad Ironbridge Juniper_Bay Kestrel_Falls Lorvanna "
    "Marrowdale New_Ostia Oldenmoor Port_Calder Quillfort Ravenna_Heights Saltmere Thornbury Upper_Velden"
)
STEMS = "Aldermore Brightwater Cobalt Driftwood Evergreen Fennwick Glacier Hearthstone Indigo Juno Kingfisher Lumen Meridian Northgate Orchard Palisade"
ENDS = "Energy Logistics Foods Bank Systems Pharma Motors Airlines Group Media"
FORMS = ("Inc.", "Ltd", "AG", "Holdings", "")
MISC = "Halvorstadian Lorvannan Castelmarese Grauburger Oldenmoorish Velden_Cup Saltmere_Prize Thornbury_Accord Copper_Marathon Harbour_Festival"

SEEN = [
    "{PER} will lead {ORG} from its office in {LOC} .",
    "{ORG} said on Tuesday that it would close its plant in {LOC} .",
    "The {MISC} minister met {PER} in {LOC} last week .",
    "Shares of {ORG} fell after {PER} left the board .",
    "{PER} , who was born in {LOC} , won the {MISC} twice .",
    "Police in {LOC} are looking for two witnesses .",
    "{ORG} and {ORG2} agreed to merge , {PER} told reporters .",
    "The {MISC} was moved from {LOC} to {LOC2} because of the storm .",
    "Analysts expect {ORG} to raise its prices in spring .",
    "Dr. {PER} teaches {MISC} literature at the university of {LOC} .",
    "There was no comment from the company on Friday .",
    "Rain is expected in {LOC} and along the coast .",
    "According to {PER} , the talks with {ORG} have failed .",
    "{LOC} will host the {MISC} again next year .",
    "Mr. {PER} bought the old mill near {LOC} for his family .",
    "The council voted against the plan , and the road stays closed .",
]
NEW = [
    "In {LOC} , thousands welcomed {PER} after the {MISC} .",
    "{ORG} hired {PER} as its new head of research .",
    "A court in {LOC} fined {ORG} for breaking {MISC} law .",
    "Mrs. {PER} and {PER2} signed the {MISC} on Monday .",
    "The ferry between {LOC} and {LOC2} runs twice a day .",
    "Workers at {ORG} went on strike , said {PER} .",
    "Nobody was hurt when the bridge collapsed on Sunday .",
    "{PER} scored twice as {LOC} reached the final of the {MISC} .",
    "Customers of {ORG} in {LOC} waited for hours .",
    "Tourists love the {MISC} kitchen of {LOC} .",
]


def names(written: str, rng: random.Random) -> tuple[list[str], list[str]]:
    """Names for training and names for testing."""
    values = [value.replace("_", " ") for value in written.split()]
    rng.shuffle(values)
    return values[: len(values) * 2 // 3], values[len(values) // 3 :]


def sentence(pattern: str, pools: dict[str, list[str]], rng: random.Random) -> dict[str, object]:
    """A pattern with its blanks filled in, and where they are."""
    text, spans = "", []
    for word in pattern.split():
        text += " " if text else ""
        if word.startswith("{"):
            label = word.strip("{}2")
            name = entity(label, pools, rng)
            spans.append({"start": len(text), "end": len(text) + len(name), "label": label})
            text += name
        else:
            text += word
    return {"text": text, "spans": spans}


def entity(label: str, pools: dict[str, list[str]], rng: random.Random) -> str:
    match label:
        case "PER":
            first, last = rng.choice(pools["first"]), rng.choice(pools["last"])
            return rng.choice([f"{first} {last}", last, f"{first} {last[0]}. {rng.choice(pools['last'])}"])
        case "ORG":
            name = f"{rng.choice(pools['stem'])} {rng.choice(ENDS.split())}"
            return " ".join([name, rng.choice(FORMS)]).strip()
        case "LOC":
            return rng.choice(pools["place"])
        case _:
            return rng.choice(pools["misc"])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gold", type=int, default=30)
    parser.add_argument("--unlabeled", type=int, default=400)
    parser.add_argument("--test", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    listed = {"first": FIRST, "last": LAST, "place": PLACES, "stem": STEMS, "misc": MISC}
    cut = {kind: names(value, rng) for kind, value in listed.items()}
    train, test = ({kind: parts[n] for kind, parts in cut.items()} for n in (0, 1))
    everything = {kind: sorted({*parts[0], *parts[1]}) for kind, parts in cut.items()}
    written: set[str] = set()

    def several(count: int, patterns: list[str], pools: dict[str, list[str]]) -> list[dict[str, object]]:
        """Sentences of which no part has one that stands before."""
        rows: list[dict[str, object]] = []
        while len(rows) < count:
            row = sentence(rng.choice(patterns), pools, rng)
            if row["text"] not in written:
                written.add(str(row["text"]))
                rows.append(row)
        return rows

    parts = {
        "train": several(options.gold, SEEN, train),
        "test": several(options.test, SEEN + NEW, test),
        "unlabeled": [{"text": row["text"]} for row in several(options.unlabeled, SEEN + NEW, everything)],
    }
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        (options.folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
