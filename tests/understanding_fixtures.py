"""A small task of intents and slots that the small checkpoint can learn: what a sentence does, praise or blame, and of what."""

from __future__ import annotations

import json
import random
from pathlib import Path

from tests.model_fixtures import BAD, GOOD

THINGS = ("film", "story", "cast", "review")
OTHER = ("the", "is", "a", "of", "two", "people", "and", "its")

RULES = r"""
rules:
  - {name: praise, keywords: [superb, lovely, great], vote: Praise}
  - {name: blame, regex: 'awful|dull', vote: Blame}
  - {name: things, keywords: [film, story], vote: thing}
  - {name: opinions, keywords: [superb, lovely, awful], vote: opinion}
"""


def rows(n: int, *, seed: int, labelled: bool = True) -> list[dict[str, object]]:
    """Sentences with an opinion and a thing among other words."""
    rng = random.Random(seed)
    made: list[dict[str, object]] = []
    for number in range(n):
        good = number % 2 == 0
        tagged = [(rng.choice(GOOD if good else BAD), "opinion"), (rng.choice(THINGS), "thing")]
        tagged += [(word, "") for word in rng.choices(OTHER, k=rng.randint(3, 6))]
        rng.shuffle(tagged)
        text, spans = "", []
        for word, label in tagged:
            start = len(text) + bool(text)
            text = f"{text} {word}".strip()
            spans += [[start, start + len(word), label]] if label else []
        row: dict[str, object] = {"text": text}
        made.append(row | ({"label": "Praise" if good else "Blame", "spans": spans} if labelled else {}))
    return made


def write_understanding(folder: Path, checkpoint: Path, *, rules: str = RULES, extra: str = "") -> Path:
    """A complete task: 12 labelled sentences, 80 without, a test part, and rules that know half of the words."""
    parts = {"train": (12, 1, True), "unlabeled": (80, 2, False), "test": (30, 3, True)}
    for name, (n, seed, labelled) in parts.items():
        lines = [json.dumps(row) + "\n" for row in rows(n, seed=seed, labelled=labelled)]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    task = folder / "task.yaml"
    task.write_text(
        f"""task: understanding
name: tiny
intents: {{Praise: praises, Blame: blames}}
slots: {{opinion: a word of praise or blame, thing: what it is about}}
data:
  train: train.jsonl
  unlabeled: unlabeled.jsonl
  test: test.jsonl
  split: {{validation: 0, test: 0}}
model: {{checkpoint: {json.dumps(str(checkpoint))}, max_length: 32}}
training:
  learning_rate: 0.002
  batch_size: 8
  weak: {{epochs: 1}}
  gold: {{epochs: 4}}
  curve: {{shares: [], repeats: 1}}
  guard: false
  contrast: {{use: never}}
{rules}
{extra}
""",
        encoding="utf-8",
    )
    return task
