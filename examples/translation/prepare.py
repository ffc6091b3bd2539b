"""Write the example's texts: what a bicycle repair shop writes to its customers, in English and in German, made from patterns.

Run: ``python examples/translation/prepare.py FOLDER``. Nothing is downloaded; the same seed gives the same files. A third of the parts
of a bicycle, and some of the patterns, are kept for the test part, so that what is measured there is more than remembering.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

Part = tuple[str, str, str, str, str]
"""Singular and plural in English; in German the gender (m, f or n), singular and plural."""

PARTS: list[Part] = [
    ("chain", "chains", "f", "Kette", "Ketten"),
    ("saddle", "saddles", "m", "Sattel", "Sättel"),
    ("rim", "rims", "f", "Felge", "Felgen"),
    ("inner tube", "inner tubes", "m", "Schlauch", "Schläuche"),
    ("tyre", "tyres", "m", "Reifen", "Reifen"),
    ("handlebar", "handlebars", "m", "Lenker", "Lenker"),
    ("frame", "frames", "m", "Rahmen", "Rahmen"),
    ("brake pad", "brake pads", "m", "Bremsbelag", "Bremsbeläge"),
    ("brake lever", "brake levers", "m", "Bremshebel", "Bremshebel"),
    ("cassette", "cassettes", "f", "Kassette", "Kassetten"),
    ("crank", "cranks", "f", "Kurbel", "Kurbeln"),
    ("mudguard", "mudguards", "n", "Schutzblech", "Schutzbleche"),
    ("rear light", "rear lights", "n", "Rücklicht", "Rücklichter"),
    ("bell", "bells", "f", "Klingel", "Klingeln"),
    ("spoke", "spokes", "f", "Speiche", "Speichen"),
    ("hub", "hubs", "f", "Nabe", "Naben"),
    ("fork", "forks", "f", "Gabel", "Gabeln"),
    ("brake cable", "brake cables", "m", "Bremszug", "Bremszüge"),
    ("shifter", "shifters", "m", "Schalthebel", "Schalthebel"),
    ("kickstand", "kickstands", "m", "Seitenständer", "Seitenständer"),
    ("front light", "front lights", "m", "Scheinwerfer", "Scheinwerfer"),
    ("seatpost", "seatposts", "f", "Sattelstütze", "Sattelstützen"),
]
KNOWN = 14
"""So many of the parts, the first, occur in training."""

DAYS = [
    ("Monday", "Montag"),
    ("Tuesday", "Dienstag"),
    ("Thursday", "Donnerstag"),
    ("Friday", "Freitag"),
    ("Saturday", "Samstag"),
]
MONTHS = [
    ("March", "März"),
    ("May", "Mai"),
    ("June", "Juni"),
    ("July", "Juli"),
    ("October", "Oktober"),
    ("December", "Dezember"),
]
# By gender: the article in three cases, "a new" in two, and the pronoun.
FORMS = {
    "m": ("der", "den", "dem", "ein neuer", "einen neuen", "ihn"),
    "f": ("die", "die", "der", "eine neue", "eine neue", "sie"),
    "n": ("das", "das", "dem", "ein neues", "ein neues", "es"),
}

Pattern = tuple[str, str]
"""A sentence in English and in German. Of parts the German one says the case: {nom}, {acc}, {dat}, {new} for a new one."""

SEEN: list[Pattern] = [
    ("The {part} is worn out.", "{nom} ist verschlissen."),
    ("The {parts} are worn out.", "Die {plural} sind verschlissen."),
    ("We have replaced the {part}.", "Wir haben {acc} ersetzt."),
    ("We have replaced both {parts}.", "Wir haben beide {plural} ersetzt."),
    ("Your bike needs a new {part}.", "Ihr Fahrrad braucht {new}."),
    ("A new {part} costs {price} euros.", "{new_nom} kostet {price} Euro."),
    ("Two {parts} cost {price} euros.", "Zwei {plural} kosten {price} Euro."),
    ("The {part} will arrive in {n} days.", "{nom} kommt in {n} Tagen an."),
    ("Please bring the {part} with you.", "Bitte bringen Sie {acc} mit."),
    ("We could not repair the {part}.", "Wir konnten {acc} nicht reparieren."),
    ("Do you want us to change the {part}?", "Sollen wir {acc} wechseln?"),
    ("We checked the {part} and the {other}.", "Wir haben {acc} und {other_acc} geprüft."),
    ("The {part} was loose, so we tightened it.", "{nom} war locker, deshalb haben wir {it} festgezogen."),
    ("On {date} we ordered a new {part}.", "Am {datum} haben wir {new} bestellt."),
    ("Your bike is ready.", "Ihr Fahrrad ist fertig."),
    ("Your bike will be ready on {day}.", "Ihr Fahrrad ist am {tag} fertig."),
    ("The repair costs {price} euros.", "Die Reparatur kostet {price} Euro."),
    ("The workshop is closed on {day}.", "Die Werkstatt ist am {tag} geschlossen."),
    ("You can collect your bike from {day} on.", "Sie können Ihr Fahrrad ab {tag} abholen."),
    ("Please call us on {phone}.", "Bitte rufen Sie uns unter {phone} an."),
]  # fmt: skip
NEW: list[Pattern] = [
    ("The {part} makes a strange noise.", "{nom} macht ein seltsames Geräusch."),
    ("Something is wrong with the {part}.", "Mit {dat} stimmt etwas nicht."),
    ("The {part} is {n} years old.", "{nom} ist {n} Jahre alt."),
    ("Can you order two {parts} before {date}?", "Können Sie vor dem {datum} zwei {plural} bestellen?"),
    ("Can we sell you a new {part}?", "Können wir Ihnen {new} verkaufen?"),
    ("We will send you a photo of the {part}.", "Wir schicken Ihnen ein Foto von {dat}."),
    ("Unfortunately the {part} is broken.", "Leider ist {nom} kaputt."),
]  # fmt: skip


def forms(part: Part) -> dict[str, str]:
    """What the parts' places in patterns stand for.

    >>> forms(PARTS[1])["new"], forms(PARTS[0])["dat"]
    ('einen neuen Sattel', 'der Kette')
    """
    one, many, gender, singular, plural = part
    nom, acc, dat, new_nom, new, it = FORMS[gender]
    cases = {"nom": nom, "acc": acc, "dat": dat, "new_nom": new_nom, "new": new}
    return {"part": one, "parts": many, "plural": plural, "it": it} | {
        case: f"{article} {singular}" for case, article in cases.items()
    }


def sentence(pattern: Pattern, parts: Sequence[Part], rng: random.Random) -> tuple[str, str]:
    """A pattern with its places filled in, in both languages."""
    part, other = rng.sample(parts, 2)
    day, month = rng.choice(DAYS), rng.choice(MONTHS)
    date = rng.randint(2, 30)
    values = forms(part) | {
        "other": other[0],
        "other_acc": forms(other)["acc"],
        "n": str(rng.randint(2, 14)),
        "price": str(rng.randint(9, 240)),
        "phone": f"0{rng.randint(300, 900)} {rng.randint(1000, 9999)}",
        "day": day[0],
        "tag": day[1],
        "date": f"{date} {month[0]}",
        "datum": f"{date}. {month[1]}",
    }
    english, german = (written.format_map(values) for written in pattern)
    return english, german[0].upper() + german[1:]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gold", type=int, default=50)
    parser.add_argument("--test", type=int, default=36)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    written: set[str] = set()

    def several(count: int, patterns: Sequence[Pattern], parts: Sequence[Part]) -> list[tuple[str, str]]:
        """Pairs of which no part has one that stands before; every pattern in its turn."""
        pairs: list[tuple[str, str]] = []
        turn = 0
        while len(pairs) < count:
            pair = sentence(patterns[turn % len(patterns)], parts, rng)
            turn += 1
            if pair[0] not in written:
                written.add(pair[0])
                pairs.append(pair)
        return pairs

    about_parts = [pattern for pattern in SEEN if "{part" in pattern[0]]
    parts = {
        "train": several(options.gold, SEEN, PARTS[:KNOWN]),
        # Half of the test part is said as in training and about other parts, half in other words about any of them.
        "test": [
            *several(options.test - options.test // 2, about_parts, PARTS[KNOWN:]),
            *several(options.test // 2, NEW, PARTS),
        ],
    }
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, pairs in parts.items():
        for language, column in (("en", 0), ("de", 1)):
            lines = "".join(f"{pair[column]}\n" for pair in pairs)
            (options.folder / f"{name}.{language}").write_text(lines, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
