"""What a model that writes learns from: gold answers, and answers that rules write for sources without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ruletune.metrics.texts import references_of
from ruletune.models.encoding import Encoded
from ruletune.pipeline.writing import Shown, Writing, show
from ruletune.rules.demands import Demand
from ruletune.training.loop import Supervision
from ruletune.types import Example

__all__ = ["Taught", "TextInputs", "taught", "text_inputs"]


@dataclass(frozen=True, slots=True)
class Taught:
    """Sources with what should be answered, a row for each answer.

    Attributes:
        owner: (rows,) the example of the part that each row is of.
        weights: (rows,) how much each counts; those of one example add up to 1.
    """

    encoded: Encoded
    owner: np.ndarray
    weights: np.ndarray

    def take(self, examples: Sequence[int]) -> Supervision:
        rows = np.flatnonzero(np.isin(self.owner, np.asarray(list(examples), dtype=np.int64))).tolist()
        weights = self.weights[rows].reshape(-1, 1).astype(np.float32)
        return Supervision(self.encoded.take(rows), np.zeros((len(rows), 0), dtype=np.float32), weights)


@dataclass(frozen=True, slots=True)
class TextInputs:
    """Sources as a model reads them.

    Attributes:
        shown, bare: By part, to be answered: where rules are heard, and where none is.
        taught, taught_bare: The parts that have answers: gold, validation, and unlabelled sources that rules answer.
        kinds: (gold examples,) all of one kind.
        evidence: (unlabelled examples,) 1 where a rule has written an answer.
    """

    shown: Mapping[str, Shown]
    bare: Mapping[str, Shown]
    taught: Mapping[str, Taught]
    taught_bare: Mapping[str, Taught]
    kinds: np.ndarray
    evidence: np.ndarray

    @property
    def encoded(self) -> dict[str, Encoded]:
        return {part: shown.encoded for part, shown in self.shown.items()}

    @property
    def plain(self) -> dict[str, Encoded]:
        return {part: shown.encoded for part, shown in self.bare.items()}

    def gold(self, rows: Sequence[int], *, plain: bool) -> Supervision:
        return (self.taught_bare if plain else self.taught)["gold"].take(rows)

    def validation(self, *, plain: bool) -> Supervision | None:
        part = (self.taught_bare if plain else self.taught)["validation"]
        return part.take(range(int(part.owner.max()) + 1)) if len(part.owner) else None

    def weak(self, rows: Sequence[int]) -> Supervision:
        return self.taught["unlabeled"].take(rows)


def text_inputs(
    parts: Mapping[str, Sequence[Example]],
    demands: Mapping[str, Sequence[Sequence[Demand]]],
    weak: Sequence[str | None],
    writing: Writing,
    tokenizer: Any,
) -> TextInputs:
    """Render and tokenize every part.

    Args:
        weak: What rules answer to each unlabelled source; ``None`` where they answer nothing.
    """
    unheard = writing.unheard()
    silent: dict[str, list[tuple[Demand, ...]]] = {name: [()] * len(examples) for name, examples in parts.items()}
    answers: dict[str, list[tuple[str, ...]]] = {
        name: [references_of(example) for example in parts[name]] for name in ("gold", "validation")
    }
    answers["unlabeled"] = [() if text is None else (text,) for text in weak]
    return TextInputs(
        shown={name: show(parts[name], demands[name], writing, tokenizer) for name in parts},
        bare={name: show(parts[name], silent[name], unheard, tokenizer) for name in parts},
        taught={name: taught(parts[name], demands[name], answers[name], writing, tokenizer) for name in answers},
        taught_bare={name: taught(parts[name], silent[name], answers[name], unheard, tokenizer) for name in answers},
        kinds=np.zeros(len(parts["gold"]), dtype=np.int64),
        evidence=np.array([float(text is not None) for text in weak]),
    )


def taught(
    examples: Sequence[Example],
    demands: Sequence[Sequence[Demand]],
    answers: Sequence[tuple[str, ...]],
    writing: Writing,
    tokenizer: Any,
) -> Taught:
    """Sources with their answers, for training.

    Args:
        answers: By example, as many as there are; all of them are learned.
    """
    rows = [(n, text, 1.0 / len(texts)) for n, texts in enumerate(answers) for text in texts]
    shown = show(
        [examples[n] for n, _, _ in rows],
        [demands[n] for n, _, _ in rows],
        replace(writing, too_long="cut") if writing.too_long == "windows" else writing,
        tokenizer,
        targets=[text for _, text, _ in rows],
    )
    owner, weights = np.array([n for n, _, _ in rows], dtype=np.int64), np.array([weight for _, _, weight in rows])
    return Taught(shown.encoded, owner, weights)
