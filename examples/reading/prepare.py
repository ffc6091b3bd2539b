"""Write the example's texts: short passages about firms, people and towns that do not exist, and questions about them.

Run: ``python examples/reading/prepare.py FOLDER``. Nothing is downloaded; the same seed gives the same files. A third of the names
and half of the ways to ask are kept for the test part, so that what is measured there is more than remembering. One question in six
asks for something that the passage does not say. The gold questions are written in the format of SQuAD, the others as
JSON lines.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass
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
TRADES = {
    "Boats": "boats",
    "Bakeries": "bread",
    "Clocks": "clocks",
    "Pianos": "pianos",
    "Glass": "bottles",
    "Paper": "paper",
}
MONTHS = "January February March April May June July August September October November December"

SENTENCES: dict[str, list[str]] = {
    "founder": ["{firm} was founded by {founder}.", "{founder} founded {firm} together with a cousin.", "It was {founder} who set up {firm}."],
    "year": ["{firm} opened its doors in {year}.", "The history of {firm} begins in {year}.", "Since {year} {firm} has been making {goods}."],
    "town": ["{firm} has its workshops in {town}.", "The main office of {firm} is in {town}.", "{firm} makes {goods} near {town}."],
    "staff": ["{firm} employs {staff} people.", "Some {staff} workers earn their living at {firm}.", "The payroll of {firm} lists {staff} workers."],
    "price": ["Last year {firm} earned {price}.", "{firm} reported a profit of {price}.", "The bank lent {firm} {price}."],
    "head": ["{head} has led {firm} since the spring.", "The director of {firm} is {head}.", "{firm} is run by {head}."],
    "fire": ["A fire destroyed the warehouse of {firm} on {fire}.", "On {fire} {firm} lost its warehouse to a fire.", "{firm} will not forget {fire}, when its warehouse burned down."],
}  # fmt: skip
FILLERS = [
    "The region is known for its long winters.",
    "Visitors are welcome on weekdays.",
    "Local newspapers wrote about it for weeks.",
    "Most of the goods are sold abroad.",
    "The old mill next door is now a museum.",
]
ASKED: dict[str, tuple[list[str], list[str]]] = {
    "founder": (["Who founded {firm}?", "Who set up {firm}?"], ["By whom was {firm} founded?", "Who was the founder of {firm}?"]),
    "year": (["When did {firm} open?", "When did {firm} begin to make {goods}?"], ["In what year did {firm} open its doors?", "Since when has {firm} been making {goods}?"]),
    "town": (["Where is the office of {firm}?", "Where does {firm} make its {goods}?"], ["In which town are the workshops of {firm}?", "Where can one find {firm}?"]),
    "staff": (["How many people does {firm} employ?", "How many people work at {firm}?"], ["How many workers does {firm} have?", "What is the number of workers at {firm}?"]),
    "price": (["How much did {firm} earn?", "How much money did {firm} get?"], ["How much profit did {firm} report?", "How much was lent to {firm}?"]),
    "head": (["Who leads {firm}?", "Who is the director of {firm}?"], ["Who runs {firm}?", "Who has led {firm} since the spring?"]),
    "fire": (["When did the warehouse of {firm} burn down?", "When did {firm} have a fire?"], ["On what date was the warehouse of {firm} destroyed?", "On which day did {firm} lose its warehouse?"]),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Names:
    """What names are drawn from."""

    first: list[str]
    last: list[str]
    places: list[str]
    stems: list[str]

    @classmethod
    def cut(cls, rng: random.Random) -> tuple[Names, Names, Names]:
        """Names for training, for testing, and all of them."""
        several = [[name.replace("_", " ") for name in words.split()] for words in (FIRST, LAST, PLACES, STEMS)]
        for words in several:
            rng.shuffle(words)
        train, test = (cls(*(words[part] for words in several)) for part in (slice(0, 14), slice(-12, None)))
        return train, test, cls(*several)

    def person(self, rng: random.Random) -> str:
        return f"{rng.choice(self.first)} {rng.choice(self.last)}"


def facts(names: Names, rng: random.Random) -> dict[str, str]:
    """What is true of one firm."""
    trade = rng.choice(sorted(TRADES))
    amount = f"{rng.randint(2, 90)}"
    return {
        "firm": f"{rng.choice(names.stems)} {trade}",
        "goods": TRADES[trade],
        "founder": names.person(rng),
        "head": names.person(rng),
        "year": str(rng.randint(1840, 2015)),
        "town": rng.choice(names.places),
        "staff": rng.choice([str(rng.randint(12, 900)), f"{rng.randint(1, 9)},{rng.randint(100, 999)}"]),
        "price": rng.choice([f"{amount} million crowns", f"${amount} million", f"{amount},000 dollars"]),
        "fire": f"{rng.randint(1, 28)} {rng.choice(MONTHS.split())} {rng.randint(2001, 2019)}",
    }


def passage(
    names: Names, rng: random.Random
) -> tuple[str, list[tuple[dict[str, str], str, int]], list[tuple[dict[str, str], str]]]:
    """A text, the facts that it states with the place of each, and some that it does not state."""
    firms = [facts(names, rng)]
    if rng.random() < 0.5:
        firms.append(facts(names, rng))
    told = [(firm, kind) for firm in firms for kind in rng.sample(sorted(SENTENCES), 4 - len(firms))]
    written: list[tuple[str, dict[str, str] | None, str]] = []
    for firm, kind in told:
        written.append((rng.choice(SENTENCES[kind]), firm, kind))
    written.append((rng.choice(FILLERS), None, ""))
    rng.shuffle(written)
    text, stated = "", []
    for pattern, owner, kind in written:
        text += " " if text else ""
        if owner is not None:
            before = pattern.partition(f"{{{kind}}}")[0]
            stated.append((owner, kind, len(text) + len(before.format(**owner))))
        text += pattern.format(**(owner or {}))
    missing = [(firm, kind) for firm in firms for kind in sorted(SENTENCES) if (firm, kind) not in told]
    return text, stated, missing


def questions(names: Names, rng: random.Random, *, test: bool, most: int) -> list[dict[str, object]]:
    """Some questions about one passage, with their answers."""
    text, stated, missing = passage(names, rng)
    rows: list[dict[str, object]] = []
    for _ in range(most):
        if missing and rng.random() < 1 / 6:
            firm, kind = rng.choice(missing)
            answers: list[dict[str, object]] = []
        else:
            firm, kind, start = rng.choice(stated)
            answers = [{"text": firm[kind], "start": start}]
        seen, new = ASKED[kind]
        question = rng.choice(seen + new if test else seen).format(**firm)
        if all(row["question"] != question for row in rows):
            rows.append({"text": text, "question": question, "answers": answers})
    return rows


def squad(rows: list[dict[str, object]]) -> dict[str, object]:
    """Questions in the format of SQuAD, those about one passage together."""
    paragraphs: dict[str, list[dict[str, object]]] = {}
    for number, row in enumerate(rows, start=1):
        answers = row["answers"]
        assert isinstance(answers, list)
        paragraphs.setdefault(str(row["text"]), []).append(
            {
                "id": f"q{number}",
                "question": row["question"],
                "answers": [{"text": answer["text"], "answer_start": answer["start"]} for answer in answers],
                "is_impossible": not answers,
            }
        )
    listed = [{"context": text, "qas": asked} for text, asked in paragraphs.items()]
    return {"version": "v2.0", "data": [{"title": "firms", "paragraphs": listed}]}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gold", type=int, default=40)
    parser.add_argument("--unlabeled", type=int, default=300)
    parser.add_argument("--test", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    train, test, everything = Names.cut(rng)

    def several(count: int, names: Names, *, new: bool) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        while len(rows) < count:
            rows += questions(names, rng, test=new, most=2)
        return rows[:count]

    gold = several(options.gold, train, new=False)
    held_out = several(options.test, test, new=True)
    unlabeled = [
        {key: row[key] for key in ("text", "question")} for row in several(options.unlabeled, everything, new=True)
    ]
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "train.json").write_text(
        json.dumps(squad(gold), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    for name, rows in {"test": held_out, "unlabeled": unlabeled}.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        (options.folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
