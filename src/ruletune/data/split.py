"""Cut data into parts: the same shares of every label in each, and equal texts in one part only."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.types import Answer, Example, Label, Spans

__all__ = ["Key", "Splits", "kinds", "remove_leaks", "same_context", "same_text", "same_turn", "stratified_split"]

_RARE = 10
"""Different texts below which a combination of several labels is pooled with the other rare ones."""

_LISTED = 8
"""Labels that a warning names."""

_Stratum = tuple[str, ...] | None
"""The labels that its texts have; ``None`` for the pool of rare combinations."""


@dataclass(frozen=True, slots=True)
class Splits:
    """The parts, each in the order of the data, and what could not be done."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    warnings: tuple[str, ...] = ()


def same_text(example: Example) -> tuple[str, ...]:
    """A key that is equal for texts that are the same to a reader: case, width and spacing left aside.

    >>> same_text(Example("1", "Ｈello  World")) == same_text(Example("2", "hello world"))
    True
    """
    parts: tuple[str, ...] = (example.text,) if example.text_pair is None else (example.text, example.text_pair)
    parts += tuple(f"{span.start}-{span.end}" for span in example.entities)
    return tuple(" ".join(unicodedata.normalize("NFKC", part).casefold().split()) for part in parts)


Key = Callable[[Example], tuple[str, ...]]
"""What is equal for examples that must stand in one part."""


def same_context(example: Example) -> tuple[str, ...]:
    """A key that is equal for questions about the same text, which would give answers away from one part to another.

    >>> same_context(Example("1", "Ada left.", "Who left?")) == same_context(Example("2", "ada left.", "What did Ada do?"))
    True
    """
    return same_text(Example(example.id, example.text))


def same_turn(example: Example) -> tuple[str, ...]:
    """A key that is equal for inputs of a dialogue that are the same: the last turn, what was said before, what must be said.

    >>> hotel, taxi = (Example("1", "Yes.", fields={"history": asked}) for asked in ("A hotel?", "A taxi?"))
    >>> same_turn(hotel) == same_turn(taxi)
    False
    """
    shown = (example.fields.get(name) for name in ("history", "act", "facts"))
    return same_text(example) + same_text(Example("", "\n".join(text for text in shown if isinstance(text, str))))


def kinds(answer: Answer | None) -> tuple[str, ...]:
    """What texts are told apart by when parts are to be alike: the labels, or the labels of the spans, each once.

    Answers that are texts are all of one kind.
    """
    match answer:
        case Label(names=names):
            return names
        case Spans(spans=spans):
            return tuple(sorted({span.label for span in spans}))
        case _:
            return ()


def stratified_split(
    examples: Sequence[Example], *, validation: float, test: float, seed: int, key: Key = same_text
) -> Splits:
    """Hold out shares of the labelled examples.

    Each label gives its share of texts (by largest remainder, so that the shares of the whole hold too); rare
    combinations of labels are pooled. Copies of a text go together and count once; what the first one is labelled
    decides. A label with too few texts for all the parts stays in train, and so do texts without a label, except
    copies of held-out texts, which are left out.

    Args:
        validation, test: Shares in [0, 1), together below 1.
        key: What copies have in common, and nothing else has.

    >>> data = [Example(str(n), f"text {n}", answer=Label.of("ab"[n % 2])) for n in range(20)]
    >>> splits = stratified_split(data, validation=0.2, test=0.3, seed=0)
    >>> len(splits.train), len(splits.validation), len(splits.test)
    (10, 4, 6)
    """
    if min(validation, test) < 0 or validation + test >= 1:
        raise ValueError(f"not shares that leave something to train on: {validation}, {test}")
    shares = {part: share for part, share in (("test", test), ("validation", validation)) if share}
    if not shares:
        return Splits(tuple(examples), (), ())
    keys = [key(example) for example in examples]
    strata, warnings = _with_enough(_strata(examples, keys), parts=len(shares))
    rng = np.random.default_rng(seed)
    held: dict[tuple[str, ...], str] = {}
    counts = _counts({names: len(members) for names, members in strata.items()}, shares, rng)
    for names, members in strata.items():
        order = iter(rng.permutation(len(members)))
        for part in shares:
            held.update((members[next(order)], part) for _ in range(counts[part][names]))
    for part in shares:
        without = [names for names in strata if not counts[part][names]]
        if without:
            warnings.append(f"Too few texts to have some in the {part} part: {_listed(without)}.")
    parts: dict[str, list[Example]] = {"train": [], "validation": [], "test": []}
    copies = 0
    for example, mine in zip(examples, keys, strict=True):
        if example.answer is None and mine in held:
            copies += 1
        else:
            parts[held.get(mine, "train")].append(example)
    if copies:
        warnings.append(f"Texts without a label that also stand, labelled, in a held-out part were left out: {copies}.")
    return Splits(tuple(parts["train"]), tuple(parts["validation"]), tuple(parts["test"]), tuple(warnings))


def remove_leaks(
    train: Iterable[Example], held_out: Iterable[Example], *, key: Key = same_text
) -> tuple[list[Example], list[Example]]:
    """Take texts out of ``train`` that stand in ``held_out`` too, which is where ``key`` is equal; (kept, dropped).

    >>> kept, dropped = remove_leaks([Example("1", "Good."), Example("2", "Bad.")], [Example("9", "good. ")])
    >>> [example.id for example in kept]
    ['2']
    """
    taken = {key(example) for example in held_out}
    kept: list[Example] = []
    dropped: list[Example] = []
    for example in train:
        (dropped if taken and key(example) in taken else kept).append(example)
    return kept, dropped


def _strata(examples: Sequence[Example], keys: Sequence[tuple[str, ...]]) -> dict[_Stratum, list[tuple[str, ...]]]:
    """Different labelled texts by their labels, rare combinations of several labels together."""
    names: dict[tuple[str, ...], tuple[str, ...]] = {}
    for example, key in zip(examples, keys, strict=True):
        if example.answer is not None:
            names.setdefault(key, kinds(example.answer))
    by_names: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for key, labels in names.items():
        by_names[labels].append(key)
    strata: dict[_Stratum, list[tuple[str, ...]]] = defaultdict(list)
    for labels, members in sorted(by_names.items()):
        strata[None if len(labels) > 1 and len(members) < _RARE else labels] += members
    return strata


def _with_enough(
    strata: dict[_Stratum, list[tuple[str, ...]]], *, parts: int
) -> tuple[dict[_Stratum, list[tuple[str, ...]]], list[str]]:
    """Strata with a text for each of the parts and one to train on, and a warning about the others."""
    few = [names for names, members in strata.items() if len(members) <= parts]
    enough = {names: members for names, members in strata.items() if len(members) > parts}
    return enough, [f"Too few different texts to hold some out, all kept for training: {_listed(few)}."] if few else []


def _counts(
    sizes: Mapping[_Stratum, int], shares: Mapping[str, float], rng: np.random.Generator
) -> dict[str, dict[_Stratum, int]]:
    """How many texts of each stratum go to each part: shares rounded down, and the rest of the part's size to those
    that would have none, then to those that lost most by rounding. Each stratum keeps one to train on."""
    counts = {part: {names: int(size * share) for names, size in sizes.items()} for part, share in shares.items()}
    for part, share in shares.items():
        lost = {names: size * share - counts[part][names] for names, size in sizes.items()}
        luck = {names: rng.random() for names in sizes}
        order = sorted(sizes, key=lambda names: (counts[part][names] > 0, -round(lost[names], 9), luck[names]))
        missing = round(sum(sizes.values()) * share) - sum(counts[part].values())
        for names in order:
            spare = sizes[names] - 1 - sum(counts[other][names] for other in shares)
            if missing > 0 and spare > 0:
                counts[part][names] += 1
                missing -= 1
    return counts


def _listed(strata: Sequence[_Stratum]) -> str:
    shown = ", ".join(
        "rare combinations" if names is None else ", ".join(names) or "no label" for names in strata[:_LISTED]
    )
    return shown + (f" and {len(strata) - _LISTED} more" if len(strata) > _LISTED else "")
