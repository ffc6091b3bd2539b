"""Public sets of texts to be written, as rows of task data: few to learn from, sources without targets, and what is reported.

What is reported is touched by nothing else: the validation part of multi30k, the development part of SciTLDR, the test
part of FewShotWOZ, the validation part of SNIPS. Choices are made on ``tune``, which is cut from the training part. Draws
follow from the seed; of two sizes under one seed the smaller is the beginning of the larger.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.glossary import Entry, glossary
from benchmarks.record import shared_data

__all__ = ["TextData", "fewshotwoz", "multi30k", "multi30k_glossary", "overlap", "scitldr", "snips", "write_rows"]

Row = dict[str, Any]

_CUT = 2026
"""Seed of the cut into what may be learned from and what choices are made on."""

_TUNE = 300
"""Rows that choices are made on."""


@dataclass(frozen=True, slots=True)
class TextData:
    """Rows as the readers take them.

    Attributes:
        settings: What the task file says of them: ``task``, ``description``, ``data.columns`` as ``columns``.
        train: Rows with targets to learn from.
        unlabeled: Rows of the training part without targets.
        tune: Rows with targets that choices may be made on; none where a set has too few.
        report: Rows with targets that only measure.
    """

    settings: dict[str, Any]
    train: list[Row]
    unlabeled: list[Row]
    tune: list[Row]
    report: list[Row]


def write_rows(data: TextData, folder: Path) -> dict[str, Any]:
    """Write the parts as JSON lines into a folder; the beginning of a task file that reads them from there."""
    sources: dict[str, Any] = {}
    parts = {"train": data.train, "unlabeled": data.unlabeled, "validation": data.tune, "test": data.report}
    for part, rows in parts.items():
        if rows:
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (folder / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")
            sources[part] = f"{part}.jsonl"
    settings = {key: value for key, value in data.settings.items() if key != "columns"}
    split = {"validation": 0, "test": 0}
    return settings | {"data": sources | {"columns": data.settings.get("columns", {}), "split": split}}


def multi30k(pairs: int, *, seed: int, unlabeled: int = 2000) -> TextData:
    """Captions of pictures from English into German (Elliott et al. 2016, *Multi30K*)."""
    train, tune = _cut(_captions("train"))
    order = np.random.default_rng(seed).permutation(len(train))
    chosen = [train[n] for n in order[:pairs]]
    others = [train[n]["text"] for n in order[pairs : pairs + unlabeled]]
    return TextData(
        {"task": "translation", "description": "translate English to German:"},
        chosen,
        [{"text": text} for text in others],
        tune,
        _captions("val"),
    )


def multi30k_glossary(*, pairs: int, seed: int, size: int = 100) -> list[Entry]:
    """A glossary of nouns from training pairs that the draw of so many pairs under this seed does not have.

    The pairs of ``tune`` and of the report are not looked at, either; a caption that occurs twice counts as seen.
    """
    drawn = multi30k(pairs, seed=seed, unlabeled=0)
    seen = {row["text"] for row in (*drawn.train, *drawn.tune, *drawn.report)}
    return glossary([(r["text"], r["target"]) for r in _captions("train") if r["text"] not in seen], size=size)


def scitldr(shots: int, *, seed: int, unlabeled: int = 500) -> TextData:
    """Papers (abstract, introduction, conclusion, or the abstract alone, as the set has them) to one sentence.

    Source: Cachola et al. 2020, *TLDR: extreme summarization of scientific documents*.
    """
    train, tune = _cut(_papers("train"))
    order = np.random.default_rng(seed).permutation(len(train))
    chosen = [train[n] for n in order[:shots]]
    others = [{key: train[n][key] for key in ("source", "title")} for n in order[shots : shots + unlabeled]]
    settings = {
        "task": "summarization",
        "description": "summarize:",
        "columns": {"text": "source", "target": "target"},
    }
    return TextData(settings, chosen, others, tune, _papers("dev"))


def fewshotwoz(domain: str) -> TextData:
    """Replies from dialogue acts, ``restaurant`` or ``hotel``: the 50 given to learn from, nothing drawn, none to tune on.

    Replies are lower case and cut into words, with endings apart (``child -s``, ``moderate -ly``): as they are, in training and
    in the references, for the field measures them so. BLEU is that of sacreBLEU over the reference of each act; published
    figures are of other scripts (multi-bleu, or the best of several answers), and not the same number. The slot
    error rate is that of :mod:`ruletune.metrics.dialogue`, which leaves out yes, no, none and dont_care. By it the references of
    the test parts themselves have errors: 1.5% (restaurant) and 1.4% (hotel) of the slots, most of them ``st`` for ``street`` and
    the like. 12 acts of the restaurants' test part and 15 of the hotels' stand in the training part, too: ``request(area)``, but
    also acts with names. A run takes them out of what is learned from; :func:`overlap` says which.

    Source: Peng et al. 2020, *Few-shot natural language generation for task-oriented dialog*.
    """
    settings = {"task": "dialogue", "description": f"Say this to a guest who looks for a {domain}:"}
    return TextData(settings, _replies(domain, "train"), [], [], _replies(domain, "test"))


def overlap(data: TextData) -> list[Row]:
    """Rows to learn from whose act is reported on, too."""
    reported = {row["act"] for row in data.report}
    return [row for row in data.train if row["act"] in reported]


def snips(shots: int, *, seed: int, unlabeled: int = 2000) -> TextData:
    """Requests with an intent and slots: ``shots`` of each of the 7 intents, columns ``text``, ``tokens``, ``tags``, ``intent``.

    The same rows are classification (``columns: {label: intent}``) and ner. ``settings`` names the ``intents`` and the ``slots``.

    Source: Coucke et al. 2018, *Snips voice platform*.
    """
    train, tune = _cut(_requests("train"))
    by_intent: dict[str, list[Row]] = defaultdict(list)
    for n in np.random.default_rng(seed).permutation(len(train)):
        by_intent[train[n]["intent"]].append(train[n])
    chosen = [row for intent in sorted(by_intent) for row in by_intent[intent][:shots]]
    rest = [row for intent in sorted(by_intent) for row in by_intent[intent][shots:]]
    order = np.random.default_rng([seed, 1]).permutation(len(rest))[:unlabeled]
    bare = [{"text": rest[n]["text"], "tokens": rest[n]["tokens"]} for n in order]
    names = {tag[2:] for row in train for tag in row["tags"] if tag != "O"}
    settings = {"intents": sorted(by_intent), "slots": sorted(names)}
    return TextData(settings, chosen, bare, tune, _requests("valid"))


def _cut(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """What may be learned from, and what choices are made on; no row of the first has a text of the second."""
    order = np.random.default_rng(_CUT).permutation(len(rows))
    tune = [rows[n] for n in order[:_TUNE]]
    seen = {_text(row) for row in tune}
    return [rows[n] for n in sorted(order[_TUNE:]) if _text(rows[n]) not in seen], tune


def _text(row: Row) -> str:
    found = row.get("text") or row["source"]
    return found if isinstance(found, str) else " ".join(found)


def _captions(part: str) -> list[Row]:
    sides = []
    for language in ("en", "de"):
        with gzip.open(shared_data() / "multi30k_mt" / f"{part}.{language}.gz", "rt", encoding="utf-8") as file:
            sides.append([line.strip() for line in file])
    return [{"text": source, "target": target} for source, target in zip(*sides, strict=True)]


def _papers(part: str) -> list[Row]:
    with (shared_data() / "scitldr_sum" / f"{part}.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [{"source": row["source"], "target": row["target"], "title": row["title"]} for row in rows]


def _replies(domain: str, part: str) -> list[Row]:
    path = shared_data() / "fewshotwoz_dialogue" / domain / f"{part}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [{"act": act, "target": reply} for act, reply, _ in rows]


def _requests(part: str) -> list[Row]:
    folder = shared_data() / "snips_dialogue" / part
    words, tags, intents = (
        (folder / name).read_text(encoding="utf-8").splitlines() for name in ("seq.in", "seq.out", "label")
    )
    rows = zip(words, tags, intents, strict=True)
    return [
        {"text": " ".join(w.split()), "tokens": w.split(), "tags": t.split(), "intent": intent.strip()}
        for w, t, intent in rows
    ]
