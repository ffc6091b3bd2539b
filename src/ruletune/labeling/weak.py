"""Weak labels: what the rules make of texts that nobody labelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.apply import ABSTAIN, RuleSet
from ruletune.labeling.corpus import gold_matrix, read_part
from ruletune.labeling.table import fit_label_model
from ruletune.rules import Fault
from ruletune.types import Example

__all__ = ["label_rows"]


def label_rows(
    spec: TaskSpec, examples: Sequence[Example], *, progress: Callable[[int, int], None] | None = None
) -> tuple[list[dict[str, Any]], tuple[Fault, ...]]:
    """One row a text: ``id``, ``votes`` by rule, ``label`` and ``probability``; and the rules that failed on some.

    The label model is fitted on these texts and the task's gold labels. A text that no rule covers
    has the label ``None``; in a multi-label task ``label`` is the list of labels above one half.
    """
    rules = RuleSet(spec.rules, labels=spec.labels)
    gold = [example for example in read_part(spec, spec.file.data.train) if example.answer is not None]
    everything = [*examples, *gold]
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, len(everything))

    applied = rules.apply(everything, progress=advance)
    votes = applied.matrix
    known = gold_matrix(everything, spec.labels)
    known[: len(examples)] = np.nan
    posterior = fit_label_model(spec, votes, known).posterior(votes[: len(examples)])
    rows = [_row(spec, example, votes[n], posterior[n]) for n, example in enumerate(examples)]
    return rows, applied.faults


def _row(spec: TaskSpec, example: Example, votes: np.ndarray, posterior: np.ndarray) -> dict[str, Any]:
    named = {rule.name: spec.labels[v] for rule, v in zip(spec.rules, votes, strict=True) if v != ABSTAIN}
    row: dict[str, Any] = {"id": example.id, "votes": named, "label": None, "probability": None}
    if named and spec.file.multi_label:
        row["label"] = [label for label, p in zip(spec.labels, posterior, strict=True) if p > 0.5]
        row["probability"] = float(np.maximum(posterior, 1 - posterior).mean())
    elif named:
        row["label"] = spec.labels[int(posterior.argmax())]
        row["probability"] = float(posterior.max())
    return row
