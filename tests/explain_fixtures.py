"""Small runs of every shape of answer, trained no more than it takes to have one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ruletune.config import load_task
from ruletune.pipeline.fit import fit
from ruletune.pipeline.run import Run
from tests.model_fixtures import BAD, GOOD

QUICK = "baselines: false, guard: false, precision: fp32, weak: {epochs: 1}, gold: {epochs: 2}, curve: {shares: []}, contrast: {use: never}"

RULES = """
  - {name: praise, keywords: [superb, lovely, great], vote: good}
  - {name: blame, regex: 'awful|dull', vote: bad}
  - {name: no praise, regex: 'not (?:superb|great)', veto: good}
  - {name: loudly, keywords: [loud], prompt: 'film {text}'}
"""


def label_run(folder: Path, checkpoint: Path, *, rules: str = RULES, extra: str = "", head: str = "") -> Run:
    """Praise or blame; ``loudly`` chooses how a text is shown."""
    gold = [
        {"text": f"the {word} film {n}", "label": "good" if word in GOOD else "bad"}
        for n, word in enumerate(GOOD + BAD)
    ]
    return _run(
        folder, checkpoint, "classification", gold, [f"a {word} story" for word in GOOD + BAD],
        f"labels: {{bad: blames, good: praises}}\nrules: {rules or '[]'}\n{head}", extra=extra,
    )  # fmt: skip


def relation_run(folder: Path, checkpoint: Path) -> Run:
    gold = [
        {"text": f"<e1:MAN>film</e1> {word} <e2>review</e2> {n}", "label": "likes" if word in GOOD else "hates"}
        for n, word in enumerate(GOOD + BAD)
    ]
    rules = f"""
  - {{name: praise, keywords: [{", ".join(GOOD[:3])}], scope: between, vote: likes}}
  - {{name: never, keywords: [stale], veto: likes}}
"""
    return _run(
        folder, checkpoint, "relation", gold, [f"<e1>cast</e1> {word} <e2>story</e2>" for word in GOOD + BAD],
        f"labels: [likes, hates, none]\nnegative: none\nrules: {rules}", marked=True,
    )  # fmt: skip


def span_run(folder: Path, checkpoint: Path) -> Run:
    gold = []
    for n, word in enumerate(GOOD + BAD):
        label = "GOOD" if word in GOOD else "BAD"
        gold.append({"text": f"the {word} film {n}", "spans": [[4, 4 + len(word), label]]})
    rules = """
  - {name: praise, keywords: [superb, lovely, great, warm], vote: GOOD}
  - {name: blame, keywords: [awful, dull, weak], vote: BAD, priority: 1}
  - {name: all words, regex: 'superb|awful', vote: GOOD}
  - {name: never, keywords: [stale], veto: GOOD}
"""
    return _run(
        folder, checkpoint, "ner", gold * 2, [f"a {word} story" for word in GOOD + BAD],
        f"labels: {{GOOD: praise, BAD: blame}}\nrules: {rules}",
    )  # fmt: skip


def passage_run(folder: Path, checkpoint: Path) -> Run:
    gold = [
        {"text": f"the {word} film is {n}", "question": "is the film great ?", "answers": [{"text": word, "start": 4}]}
        for n, word in enumerate(GOOD + BAD)
    ]
    rules = "\n  - {name: praise, question: great, regex: 'superb|lovely|great', vote: answer}"
    rules = "\n  - {name: praise, regex: 'superb|lovely|great', vote: answer}"
    return _run(folder, checkpoint, "qa", gold, [], f"rules: {rules}")


def text_run(folder: Path, writer: Path) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    gold = [
        {"text": f"{source} {n}", "target": f"{target} {n}"}
        for n in range(3)
        for source, target in (("ein hund", "hund"), ("eine katze", "katze"), ("der hund und das haus", "hund haus"))
    ]
    rules = """
  - {keywords: [hund], require: [hund, hunde], name: dogs}
  - {always: true, veto: us, name: never}
"""
    _write(folder, "train", gold)
    (folder / "task.yaml").write_text(
        f"task: translation\ndata: {{train: train.jsonl, split: {{validation: 0, test: 0}}}}\nrules: {rules}\n"
        f"model: {{checkpoint: '{writer}', max_length: 24, max_target: 12, beams: 2, too_long: windows}}\n"
        "training: {gold: {epochs: 1}, precision: fp32, baselines: false, guard: false}\n"
    )
    return fit(load_task(folder / "task.yaml"), out=folder / "run")


def _run(
    folder: Path, checkpoint: Path, task: str, gold: list[dict[str, Any]], unlabeled: list[str], head: str,
    *, marked: bool = False, extra: str = "",
) -> Run:  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, "train", gold)
    _write(folder, "unlabeled", [{"text": text} for text in unlabeled])
    other = "unlabeled: unlabeled.jsonl, " if unlabeled else ""
    (folder / "task.yaml").write_text(
        f"task: {task}\nname: tiny\n{head}\ndata: {{train: train.jsonl, {other}split: {{validation: 0, test: 0}}}}\n"
        f"model: {{checkpoint: '{checkpoint}', max_length: 24}}\ntraining: {{{QUICK}{extra}}}\n",
        encoding="utf-8",
    )
    return fit(load_task(folder / "task.yaml"), out=folder / "run")


def _write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
