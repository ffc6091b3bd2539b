"""Draws of few labels from the public data sets, the same for every method that is compared.

A quarter of a set's training part is held out for reporting and touched by nothing else; gold labels are drawn from
the rest, which is unlabelled text otherwise. The sets' validation parts are left alone: defaults were chosen by them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.record import shared_data

__all__ = ["LABELS", "Draw", "draw"]

LABELS = {
    "youtube": ("HAM", "SPAM"),
    "trec": ("DESC", "ENTY", "HUM", "ABBR", "LOC", "NUM"),
    "sms": ("HAM", "SPAM"),
}
_CUT = 2026
"""Seed of the cut into what may be learned from and what is reported on."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Rows of JSON with ``text``, ``label`` (a position) and ``votes``: labels, pool without labels, report part."""

    gold: list[dict[str, Any]]
    pool: list[dict[str, Any]]
    report: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        return {"gold": self.gold, "pool": self.pool, "report": self.report}


def draw(name: str, *, shots: int, seed: int) -> Draw:
    """``shots`` labels of each class (all where there are fewer), drawn at random with ``seed``."""
    with (shared_data() / name / "train.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    order = np.random.default_rng(_CUT).permutation(len(rows))
    held = len(rows) // 4
    report, rest = [rows[r] for r in order[:held]], [rows[r] for r in order[held:]]
    # The same text may stand in both parts: then it would be known.
    seen = {row["text"] for row in report}
    rest = [row for row in rest if row["text"] not in seen]
    rng = np.random.default_rng([seed, shots])
    labels = np.array([row["label"] for row in rest])
    chosen = sorted(
        int(r) for k in range(len(LABELS[name])) for r in rng.permutation(np.flatnonzero(labels == k))[:shots]
    )
    taken = set(chosen)
    return Draw([rest[r] for r in chosen], [row for r, row in enumerate(rest) if r not in taken], report)
