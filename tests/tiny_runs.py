"""A trained run of each kind of answer, as fast as one comes about."""

from __future__ import annotations

import json
from pathlib import Path

import ruletune
from ruletune.config import load_task
from ruletune.pipeline.fit import fit
from tests.model_fixtures import BAD, GOOD, texts, write_task
from tests.understanding_fixtures import write_understanding

KINDS = ("text", "multi", "cloze", "pair", "tokens", "extract", "generate", "understanding")

_QUICK = """
training:
  precision: fp32
  baselines: false
  guard: false
  weak: {epochs: 1}
  gold: {epochs: 2}
  contrast: {use: never}
"""


def tiny_run(kind: str, folder: Path, *, checkpoint: Path, masked: Path, writer: Path) -> ruletune.Run:
    """A run in ``folder / "run"``, its task file and data beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    match kind:
        case "text" | "multi" | "cloze":
            _labels(kind, folder, masked if kind == "cloze" else checkpoint)
        case "pair":
            row = "the <e1>film</e1> is {} of <e2>people</e2>"
            _write(folder, [{"text": row.format(word), "label": name} for word, name in _words()])
            rules = "- {name: praise, keywords: [superb], scope: between, vote: good}"
            _task(folder, checkpoint, f"task: relation\nlabels: [good, bad]\nnegative: bad\nrules:\n{rules}")
        case "tokens":
            rows = [{"text": f"the {word} film", "spans": [[4, 4 + len(word), name]]} for word, name in _words()]
            _write(folder, rows)
            _task(folder, checkpoint, "task: ner\nlabels: [good, bad]\nrules: [{keywords: [superb], vote: good}]")
        case "extract":
            question = {"question": "is the film great ?"}
            rows = [
                {"text": f"the {word} film", "answers": [{"text": word, "start": 4}]} | question for word, _ in _words()
            ]
            _write(folder, rows)
            _task(folder, checkpoint, "task: qa\nrules: [{question: great, pattern: superb, vote: answer}]")
        case "generate":
            _write(folder, [{"text": f"ein {word}", "target": word} for word in ("hund", "haus", "katze", "hund 3")])
            _task(folder, writer, "task: translation\nrules: [{keywords: [hund], require: hund}]", ", max_target: 12")
        case "understanding":
            task = write_understanding(folder, checkpoint)
            task.write_text(
                task.read_text("utf-8").replace("gold: {epochs: 4}", "gold: {epochs: 1}\n  baselines: false"), "utf-8"
            )
    return fit(load_task(folder / "task.yaml"), out=folder / "run")


def _words() -> list[tuple[str, str]]:
    return [pair for good, bad in zip(GOOD, BAD, strict=True) for pair in ((good, "good"), (bad, "bad"))]


def _labels(kind: str, folder: Path, checkpoint: Path) -> None:
    extra = 'templates: ["{text} is {mask}"]\nverbalizer: {bad: [awful, dull], good: great}' if kind == "cloze" else ""
    task = write_task(folder, checkpoint, extra, test=20)
    written = task.read_text("utf-8")
    before, after = written.index("training:"), written.index("rules:")
    head = written[:before].replace("name: tiny", "name: tiny\nmulti_label: true" if kind == "multi" else "name: tiny")
    task.write_text(head + _QUICK + written[after:], "utf-8")
    if kind == "multi":
        for part, n in (("train", 8), ("test", 20)):
            rows = [{"text": f"{e.text} {part}", "label": [str(e.answer)]} for e in texts(n, seed=n)]
            (folder / f"{part}.jsonl").write_text(_lines(rows), "utf-8")


def _write(folder: Path, rows: list[dict[str, object]]) -> None:
    marked = [row | {"text": f"{row['text']} {part}"} for part in ("a", "two") for row in rows]
    (folder / "train.jsonl").write_text(_lines(marked[: len(rows)]), "utf-8")
    (folder / "test.jsonl").write_text(_lines(marked[len(rows) :]), "utf-8")


def _lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _task(folder: Path, checkpoint: Path, head: str, model: str = "") -> None:
    (folder / "task.yaml").write_text(
        f"{head}\nname: tiny\ndata: {{train: train.jsonl, test: test.jsonl, split: {{validation: 0, test: 0}}}}\n"
        f"model: {{checkpoint: {json.dumps(str(checkpoint))}, max_length: 32{model}}}\n{_QUICK}",
        encoding="utf-8",
    )
