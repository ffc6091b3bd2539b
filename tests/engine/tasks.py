"""A small task of every kind that `ruletune label` takes, with texts to label; and rules that break processes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Rows = Iterable[dict[str, Any]]

WORDS = ("free", "prize", "thanks", "谢谢", "lunch 😀")

SINGLE = """
task: classification
labels: [ham, spam]
data: {train: train.jsonl}
rules:
  - {name: prize, keywords: [prize], vote: spam, weight: 2}
  - {name: free, regex: free, vote: spam}
  - {name: thanks, keywords: [thanks, 谢谢], vote: ham}
"""

TASKS = {
    "one label": SINGLE,
    "several labels": SINGLE.replace("data:", "multi_label: true\ndata:"),
    "majority": f"{SINGLE}training: {{label_model: majority}}\n",
    "relation": """
task: relation
labels: [none, owns]
negative: none
data: {train: train.jsonl}
rules:
  - {name: owns, keywords: [owns], vote: owns}
""",
    "entities": """
task: ner
labels: [ORG, PER]
data: {train: train.jsonl}
rules:
  - {name: caps, shape: [Xx+ Xx+], vote: ORG}
  - {name: title, trigger: [Mr], right: 2, vote: PER}
""",
    "answers": """
task: qa
data: {train: train.jsonl}
rules:
  - {name: town, regex: 'in (?P<answer>[A-Z][a-z]+)', vote: answer}
""",
}


def texts(kind: str, count: int) -> list[dict[str, Any]]:
    """Rows to label, every word once in a while."""
    numbers = range(count)
    match kind:
        case "relation":
            return [{"text": f"<e1>Ada</e1> {('owns', 'sees')[n % 2]} <e2>firm {n}</e2>"} for n in numbers]
        case "entities":
            return [{"text": f"{('Bo Ltd', 'Mr Lee Orr', 'nobody')[n % 3]} came {n} times 😀"} for n in numbers]
        case "answers":
            return [{"context": f"Ada lives in Lumen {n}.", "question": "Where does Ada live?"} for n in numbers]
        case _:
            return [{"text": f"{WORDS[n % 5]} {WORDS[n * 7 % 4]} {n}"} for n in numbers]


GOLD: dict[str, list[dict[str, Any]]] = {
    "relation": [{"text": "<e1>A</e1> owns <e2>B</e2>", "label": "owns"}],
    "entities": [{"text": "Bo Ltd", "spans": [{"start": 0, "end": 6, "label": "ORG"}]}],
    "answers": [{"context": "He is in Lumen.", "question": "Where is he?", "answers": ["Lumen"]}],
}


def write_rows(path: Path, rows: Rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write(folder: Path, kind: str, extra: str = "") -> Path:
    """A task file of this kind with its gold labels."""
    gold = GOLD.get(kind, [{"text": "free prize", "label": "spam"}, {"text": "thanks", "label": "ham"}])
    write_rows(folder / "train.jsonl", gold)
    path = folder / "task.yaml"
    path.write_text(TASKS[kind] + extra, encoding="utf-8")
    return path


DEADLY = """
import os, pathlib, signal

def deadly(text):
    once = pathlib.Path(__file__).with_name("died")
    if text.endswith(" 17") and os.getpid() != int(pathlib.Path(__file__).with_name("driver").read_text()):
        if not once.exists() or pathlib.Path(__file__).with_name("always").exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return None
"""
"""A rule that kills the process that applies it to the text with the number 17: once, or always; never the driver."""
