"""Write the example's texts: what the front desk of a clinic that does not exist says, each as a dialogue act with replies to it.

Run: ``python examples/dialogue/prepare.py FOLDER``. Nothing is downloaded; the same seed gives the same files. A part of the doctors,
departments and times, and acts with more or fewer slots than in training, are kept for the test part. For the acts without a
reply, the task file has templates for some.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

VALUES: dict[str, tuple[str, ...]] = {
    "doctor": (
        "Dr Moreau", "Dr Lindgren", "Dr Castellano", "Dr Okafor", "Dr Weiss", "Dr Tanaka", "Dr Novotna", "Dr Halloran",
        "Dr Iversen", "Dr Zubiri",
    ),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    "time": ("8:15", "9:00", "9:40", "10:30", "11:20", "13:45", "14:10", "15:30", "16:05", "17:50"),
    "department": ("radiology", "the eye clinic", "dermatology", "the laboratory", "cardiology", "physiotherapy"),
    "floor": ("ground", "first", "second", "third", "fourth", "fifth"),
    "room": ("12", "27", "103", "118", "204", "215", "309", "321", "404", "412"),
    "fee": ("20 euros", "35 euros", "48 euros", "60 euros", "85 euros", "110 euros"),
    "document": ("your insurance card", "your referral letter", "your vaccination record", "a list of your allergies"),
    "minutes": ("10", "15", "20", "25", "40", "50"),
    "parking": ("yes", "no"),
}  # fmt: skip
"""Values of slots. The first six tenths of them occur in training."""

Act = tuple[str, tuple[str, ...]]
"""An intent, and the slots that the reply must say."""

SEEN: dict[Act, tuple[str, ...]] = {
    ("offer", ("doctor", "day", "time")): (
        "{doctor} could see you on {day} at {time}.",
        "There is an appointment with {doctor} on {day} at {time}.",
    ),
    ("offer", ("day", "time")): (
        "We have a free appointment on {day} at {time}.",
        "You could come on {day} at {time}.",
    ),
    ("confirm", ("doctor", "day", "time")): (
        "Your appointment with {doctor} is on {day} at {time}.",
        "You are booked with {doctor} on {day} at {time}.",
    ),
    ("cancel", ("doctor", "day")): (
        "I have cancelled your appointment with {doctor} on {day}.",
        "Your appointment with {doctor} on {day} is cancelled.",
    ),
    ("direct", ("department", "floor", "room")): (
        "Please go to {department} on the {floor} floor, room {room}.",
        "You will find {department} on the {floor} floor in room {room}.",
    ),
    ("price", ("fee",)): ("The consultation costs {fee}.", "You will be charged {fee}."),
    ("bring", ("document", "day")): ("Please bring {document} on {day}.", "Remember to bring {document} on {day}."),
    ("wait", ("doctor", "minutes")): (
        "{doctor} is running late, please wait about {minutes} minutes.",
        "You will have to wait {minutes} minutes for {doctor}.",
    ),
    ("ask", ("birthday?",)): ("What is your date of birth, please?", "May I have your date of birth?"),
    ("ask", ("name?",)): ("What is your name, please?", "May I have your full name?"),
    ("inform", ("parking",)): ("{parking}",),
}
NEW: dict[Act, tuple[str, ...]] = {
    ("offer", ("doctor", "time")): (
        "{doctor} could see you at {time}.",
        "There is an appointment with {doctor} at {time}.",
    ),
    ("confirm", ("day", "time")): ("Your appointment is on {day} at {time}.", "You are booked on {day} at {time}."),
    ("cancel", ("doctor", "day", "time")): (
        "I have cancelled your appointment with {doctor} on {day} at {time}.",
        "Your appointment with {doctor} on {day} at {time} is cancelled.",
    ),
    ("direct", ("department", "floor")): (
        "Please go to {department} on the {floor} floor.",
        "You will find {department} on the {floor} floor.",
    ),
    ("price", ("doctor", "fee")): ("The consultation with {doctor} costs {fee}.", "{doctor} will charge you {fee}."),
    ("bring", ("document", "day", "time")): (
        "Please bring {document} on {day} at {time}.",
        "Remember to bring {document} on {day} at {time}.",
    ),
}
PARKING = {"yes": "There is parking behind the building.", "no": "We have no parking at the clinic."}

# What people say without an act: the last turn is the source. The desk gives no medical advice, and sends emergencies away.
HELLO = "Good morning, how can I help you?"
GOODBYE = "You are welcome. Goodbye!"
ADVICE = "I cannot give medical advice. Shall I make an appointment for you?"
EMERGENCY = "That is an emergency. Please call 112 at once."
TURNS: list[tuple[str, str]] = [
    ("Hello!", HELLO),
    ("Good afternoon.", HELLO),
    ("Thank you very much.", GOODBYE),
    ("That is all, thanks.", GOODBYE),
    ("Which pills should I take for my headache?", ADVICE),
    ("Is this rash dangerous?", ADVICE),
    ("How much ibuprofen can my son have?", ADVICE),
    ("Do I need antibiotics?", ADVICE),
    ("What does this pain in my knee mean?", ADVICE),
    ("My father has chest pain.", EMERGENCY),
    ("I can hardly breathe.", EMERGENCY),
    ("My mother is unconscious.", EMERGENCY),
    ("My daughter has taken an overdose.", EMERGENCY),
    ("He is bleeding from the head.", EMERGENCY),
]
NEW_TURNS: list[tuple[str, str]] = [
    ("Good morning.", HELLO),
    ("Should I take more of my tablets?", ADVICE),
    ("What dose of aspirin is right for me?", ADVICE),
    ("My wife has had a strong chest pain since this morning.", EMERGENCY),
]


def row(act: Act, replies: tuple[str, ...], rng: random.Random, *, known: bool) -> dict[str, object]:
    """An act with values in its slots, and the replies to it."""
    intent, names = act
    values: dict[str, str] = {}
    for name in names:
        if not name.endswith("?"):
            choices = VALUES[name]
            values[name] = rng.choice(choices[: -(-len(choices) * 6 // 10)] if known and len(choices) > 2 else choices)
    said = values | ({"parking": PARKING[values["parking"]]} if "parking" in values else {})
    slots = "; ".join(f"{name} = {values[name]}" if name in values else name.strip("?") for name in names)
    return {"act": f"{intent}({slots})", "target": [capital(reply.format_map(said)) for reply in replies]}


def spoken(turns: Sequence[tuple[str, str]]) -> list[dict[str, object]]:
    """Rows of what people say without an act."""
    return [{"text": text, "target": [reply]} for text, reply in turns]


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


def several(
    count: int, acts: Mapping[Act, tuple[str, ...]], rng: random.Random, written: set[str], *, known: bool
) -> list[dict[str, object]]:
    """Rows of which no part has one that stands before, but for acts that have few values; every act in its turn."""
    rows: list[dict[str, object]] = []
    kinds = list(acts.items())
    turn = 0
    while len(rows) < count:
        act, replies = kinds[turn % len(kinds)]
        made = row(act, replies, rng, known=known)
        turn += 1
        if made["act"] not in written:
            written.add(str(made["act"]))
            rows.append(made)
    return rows


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gold", type=int, default=40, help="Acts with replies, beside turns without an act.")
    parser.add_argument("--unlabeled", type=int, default=60)
    parser.add_argument("--test", type=int, default=32, help="Acts, beside turns without an act.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    written: set[str] = set()
    everything = {act: replies for act, replies in (SEEN | NEW).items() if act[0] not in ("ask", "inform")}
    train = several(options.gold, SEEN, rng, written, known=True)
    test = several(options.test, everything, rng, written, known=False)
    unlabeled = several(options.unlabeled, everything, rng, written, known=False)
    parts: dict[str, list[dict[str, object]]] = {
        "train": [*train, *spoken(TURNS)],
        "test": [*test, *spoken(NEW_TURNS)],
        "unlabeled": [{"act": made["act"]} for made in unlabeled],
    }
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        lines = "".join(json.dumps(made) + "\n" for made in rows)
        (options.folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
