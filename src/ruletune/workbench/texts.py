"""The texts that the workbench shows: those that rules may be written by, with the labels that were given by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ruletune.config import TaskSpec
from ruletune.data.split import Key, same_text
from ruletune.labeling.corpus import asked_of, hand_labels, read_part
from ruletune.labeling.hand_labels import HandLabels
from ruletune.types import Answer, Example

__all__ = ["Texts", "read_texts"]

_PARTS = ("train", "unlabeled", "validation")
"""The test file is not among them: rules that are rewritten until they are right there have been tuned on it."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts in the order of their files.

    Attributes:
        examples: With ids that are unique over all parts.
        parts: The part of the data that each text is of.
        index: Id to row.
        keys: What is equal for texts that have the same answer, to the rows of those.
        hand: Rows whose answer was given by hand.
        read: The examples with the answers that the data has.
    """

    examples: tuple[Example, ...]
    parts: tuple[str, ...]
    index: Mapping[str, int]
    keys: Mapping[tuple[str, ...], Sequence[int]]
    hand: frozenset[int] = frozenset()
    read: tuple[Example, ...] = ()

    @classmethod
    def of(cls, by_part: Mapping[str, Sequence[Example]], *, key: Key = same_text) -> Texts:
        """The texts of several parts. Where an id stands in two parts, every id gets its part's name in front."""
        ids = [example.id for several in by_part.values() for example in several]
        clash = len(set(ids)) < len(ids)
        examples: list[Example] = []
        parts: list[str] = []
        for part, several in by_part.items():
            examples += [replace(each, id=f"{part}-{each.id}") for each in several] if clash else several
            parts += [part] * len(several)
        keys: dict[tuple[str, ...], list[int]] = {}
        for row, example in enumerate(examples):
            keys.setdefault(key(example), []).append(row)
        index = {each.id: row for row, each in enumerate(examples)}
        return cls(tuple(examples), tuple(parts), index, keys, read=tuple(examples))

    def with_hand(self, labels: HandLabels | Mapping[str, Answer]) -> Texts:
        """The texts with answers that were given by hand in the place of what the data has; by id, or by what they are about."""
        if isinstance(labels, HandLabels):
            given = {row: each.answer for key, each in labels.by_key.items() for row in self.keys.get(key, ())}
        else:
            given = {self.index[name]: answer for name, answer in labels.items() if name in self.index}
        if not given:
            return replace(self, examples=self.read, hand=frozenset())
        examples = list(self.read)
        for row, answer in given.items():
            examples[row] = replace(examples[row], answer=answer, alternatives=())
        return replace(self, examples=tuple(examples), hand=frozenset(given))

    @property
    def known(self) -> np.ndarray:
        """Which texts have a gold answer, (texts,) bool."""
        return np.array([example.answer is not None for example in self.examples], dtype=bool)


def read_texts(spec: TaskSpec) -> Texts:
    """Read the texts of a task's files.

    Raises:
        UserError: A file cannot be read, or a row is wrong.
    """
    sources = {part: getattr(spec.file.data, part) for part in _PARTS}
    found = {part: read_part(spec, source) for part, source in sources.items() if source}
    others = hand_labels(spec).others(example for several in found.values() for example in several)
    if others:  # answered by hand, and in none of the files
        found["labels"] = [replace(example, answer=None, alternatives=()) for example in others]
    return Texts.of(found, key=asked_of(spec))
