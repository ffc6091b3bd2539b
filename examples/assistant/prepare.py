"""Write the example's texts: what people say to a home assistant, made from patterns, with its intent and its slots.

Run: ``python examples/assistant/prepare.py FOLDER``. Nothing is downloaded; the same seed gives the same files. Some of the
patterns, and a third of the values, are kept for the test part, so that what is measured there is more than remembering.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

VALUES = {
    "room": "kitchen hall study nursery bathroom bedroom garage cellar attic porch laundry dining_room",
    "device": "lamp ceiling_light desk_light floor_lamp spotlight reading_lamp night_light lantern chandelier",
    "degrees": "16 17 18 19 20 21 22 23 24",
    "time": "6:15 7:00 7:30 8:45 noon midnight 9:20 10:05 half_past_five a_quarter_to_six sunrise eleven",
    "artist": "Nora_Vance The_Tin_Foxes Ada_Lindqvist Blue_Harbour Miro_Castell Paper_Kites_Club Selma_Orr The_Late_Trams Juno_Bell",
}

Pattern = tuple[str, str]
"""An intent, and a text with the slots as {name}."""

SEEN: list[Pattern] = [
    ("light", "turn on the {device} in the {room}"),
    ("light", "switch off the {device} , please"),
    ("light", "it is too dark in the {room}"),
    ("light", "the {device} can go off at {time}"),
    ("heating", "set the {room} to {degrees} degrees"),
    ("heating", "make it {degrees} degrees in the {room} at {time}"),
    ("heating", "it is too cold in the {room}"),
    ("heating", "turn the heating down to {degrees}"),
    ("music", "play something by {artist}"),
    ("music", "play {artist} in the {room}"),
    ("music", "I would like to hear {artist} at {time}"),
    ("music", "turn the music off in the {room}"),
    ("alarm", "wake me at {time}"),
    ("alarm", "set an alarm for {time}"),
    ("alarm", "cancel the alarm at {time}"),
    ("alarm", "when does my alarm ring"),
]
NEW: list[Pattern] = [
    ("light", "dim the {device} in the {room} a little"),
    ("light", "I cannot see a thing in the {room}"),
    ("heating", "could the {room} be {degrees} degrees by {time}"),
    ("heating", "I am freezing in the {room}"),
    ("music", "put on the new record by {artist}"),
    ("music", "songs by {artist} for the {room} , please"),
    ("alarm", "I have to be up at {time}"),
    ("alarm", "no alarm tomorrow , let me sleep"),
]


def cut(rng: random.Random) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Values for training and values for testing, by slot; a third of them are in both."""
    train, test = {}, {}
    for slot, written in VALUES.items():
        values = [value.replace("_", " ") for value in written.split()]
        rng.shuffle(values)
        train[slot], test[slot] = values[: len(values) * 2 // 3], values[len(values) // 3 :]
    return train, test


def utterance(pattern: Pattern, values: dict[str, list[str]], rng: random.Random) -> dict[str, object]:
    """A pattern with its blanks filled in, its intent, and where its slots are."""
    intent, written = pattern
    text, spans = "", []
    for word in written.split():
        text += " " if text else ""
        if not word.startswith("{"):
            text += word
            continue
        slot = word.strip("{}")
        value = rng.choice(values[slot])
        spans.append({"start": len(text), "end": len(text) + len(value), "label": slot})
        text += value
    return {"text": text, "label": intent, "spans": spans}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gold", type=int, default=24)
    parser.add_argument("--unlabeled", type=int, default=300)
    parser.add_argument("--test", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    train, test = cut(rng)
    everything = {slot: sorted({*train[slot], *test[slot]}) for slot in VALUES}
    written: set[str] = set()

    def several(count: int, patterns: list[Pattern], values: dict[str, list[str]]) -> list[dict[str, object]]:
        """Utterances in turn of every pattern, none of which stands in a part before."""
        rows: list[dict[str, object]] = []
        for turn in range(40 * count):
            row = utterance(patterns[turn % len(patterns)], values, rng)
            if row["text"] not in written and len(rows) < count:
                written.add(str(row["text"]))
                rows.append(row)
        rng.shuffle(rows)
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
