"""Cut data into parts: the same shares of every label in each, and equal texts in one part only."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.types import Example, Label

__all__ = ["Splits", "remove_leaks", "same_text", "stratified_split"]


@dataclass(frozen=True, slots=True)
class Splits:
    """The parts, each in the order of the data, and what could not be done."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    warnings: tuple[str, ...] = ()


def same_text(example: Example) -> str:
    """A key that is equal for texts that are the same to a reader: case, width and spacing left aside.

    >>> same_text(Example("1", "Ｈello  World")) == same_text(Example("2", "hello world"))
    True
    """
    parts = [example.text] if example.text_pair is None else [example.text, example.text_pair]
    return "\0".join(" ".join(unicodedata.normalize("NFKC", part).casefold().split()) for part in parts)


def stratified_split(examples: Sequence[Example], *, validation: float, test: float, seed: int) -> Splits:
    """Hold out shares of the labelled examples.

    Each label gives its share of texts; rare combinations of labels are pooled. Equal texts stay together. Texts
    without a label stay in train, and so does a label with too few texts to share.

    Args:
        validation, test: Shares in [0, 1), together below 1.
    """
    if validation == test == 0:
        return Splits(tuple(examples), (), ())
    groups: dict[str, list[int]] = defaultdict(list)
    for row, example in enumerate(examples):
        if example.answer is not None:
            groups[same_text(example)].append(row)
    strata: dict[tuple[str, ...], list[list[int]]] = defaultdict(list)
    for rows in groups.values():
        strata[_names(examples[rows[0]])].append(rows)
    rng = np.random.default_rng(seed)
    part_of = dict.fromkeys(range(len(examples)), "train")
    warnings = []
    for names, members in _pooled(strata).items():
        counts = {"test": round(len(members) * test), "validation": round(len(members) * validation)}
        if any(
            share > 0 and not count for share, count in ((test, counts["test"]), (validation, counts["validation"]))
        ):
            warnings.append(f"{len(members)} texts of {', '.join(names) or 'no label'} are too few to hold some out.")
        order = [members[position] for position in rng.permutation(len(members))]
        held = iter(order)
        for part, count in counts.items():
            for _ in range(count):
                part_of.update(dict.fromkeys(next(held), part))
    parts = {part: tuple(e for row, e in enumerate(examples) if part_of[row] == part) for part in _PARTS}
    return Splits(parts["train"], parts["validation"], parts["test"], tuple(warnings))


_PARTS = ("train", "validation", "test")


def _names(example: Example) -> tuple[str, ...]:
    return example.answer.names if isinstance(example.answer, Label) else ()


def _pooled(strata: dict[tuple[str, ...], list[list[int]]]) -> dict[tuple[str, ...], list[list[int]]]:
    """Combinations of several labels that are rare go together; single labels stay apart."""
    result: dict[tuple[str, ...], list[list[int]]] = defaultdict(list)
    for names, members in sorted(strata.items()):
        rare = len(names) > 1 and len(members) < 10
        result[("several labels",) if rare else names] += members
    return result


def remove_leaks(train: Iterable[Example], held_out: Iterable[Example]) -> tuple[list[Example], list[Example]]:
    """Take texts out of ``train`` that stand in ``held_out`` too; (kept, dropped)."""
    taken = {same_text(example) for example in held_out}
    kept: list[Example] = []
    dropped: list[Example] = []
    for example in train:
        (dropped if taken and same_text(example) in taken else kept).append(example)
    return kept, dropped
