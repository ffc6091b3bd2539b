"""The texts of a task's data files, as rules and training read them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ruletune.config import TaskSpec
from ruletune.data.readers import Columns, Labels, read_all
from ruletune.types import Example, Label

__all__ = ["columns_of", "corpus", "gold_matrix", "labels_of", "read_part"]


def labels_of(spec: TaskSpec) -> Labels:
    """How the task's labels are read."""
    return Labels(names=spec.labels, multi=spec.file.multi_label)


def columns_of(spec: TaskSpec, source: str) -> Columns:
    """The columns of a data source: the task's, or for plain text the one that there is."""
    if source.partition("#")[0].removesuffix(".gz").endswith(".txt"):
        return Columns(label=None)
    columns = spec.file.data.columns
    return Columns(text=columns.text, text_pair=columns.text_pair, label=columns.label, id=columns.id)


def read_part(spec: TaskSpec, source: str) -> list[Example]:
    """All examples of one data source; a relative path is relative to the task file."""
    return read_all(source, columns_of(spec, source), labels=labels_of(spec), folder=spec.folder)


def corpus(spec: TaskSpec) -> list[Example]:
    """The texts that rules may be written by: train, unlabeled, validation, in this order.

    The test file is left out: rules that are rewritten until they are right there have been tuned on it.
    """
    data = spec.file.data
    sources = [data.train, data.unlabeled, data.validation]
    return [example for source in sources if source for example in read_part(spec, source)]


def gold_matrix(examples: Sequence[Example], labels: Sequence[str]) -> np.ndarray:
    """Gold answers, (examples, labels) in {0, 1}; NaN rows where nobody gave one.

    >>> gold_matrix([Example("1", "a", answer=Label.of("y")), Example("2", "b")], ["x", "y"])
    array([[ 0.,  1.],
           [nan, nan]])
    """
    index = {label: position for position, label in enumerate(labels)}
    matrix = np.full((len(examples), len(labels)), np.nan)
    for row, example in enumerate(examples):
        if isinstance(example.answer, Label):
            matrix[row] = 0.0
            for name in example.answer.names:
                matrix[row, index[name]] = 1.0
    return matrix
