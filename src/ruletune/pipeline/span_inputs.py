"""What a tagger learns from: tags of gold texts, and beliefs of the rules about the words of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.models.encoding import Encoded
from ruletune.models.readout import Ragged
from ruletune.models.windows import Windows
from ruletune.training.loop import Supervision

__all__ = ["SpanInputs", "kinds_of"]


@dataclass(frozen=True, slots=True)
class SpanInputs:
    """Texts as windows, which are what the model sees; a text is one or several.

    Attributes:
        windows: By part of the data.
        targets, weights: By part, a window each, shaped as the model's outputs; of the unlabelled part what rules say.
        kinds: (gold texts,) int: texts of one number have entities of the same kinds.
        evidence: (unlabelled texts,) how much what rules say of each is worth.
    """

    windows: dict[str, Windows]
    targets: dict[str, Ragged]
    weights: dict[str, Ragged]
    kinds: np.ndarray
    evidence: np.ndarray

    @property
    def encoded(self) -> dict[str, Encoded]:
        return {part: windows.encoded for part, windows in self.windows.items()}

    @property
    def plain(self) -> dict[str, Encoded]:
        """No rule chooses how a text is shown."""
        return self.encoded

    def gold(self, rows: Sequence[int], *, plain: bool) -> Supervision:
        return self._of("gold", rows)

    def validation(self, *, plain: bool) -> Supervision | None:
        texts = int(self.windows["validation"].owner.max(initial=-1)) + 1
        return self._of("validation", range(texts)) if texts else None

    def weak(self, rows: Sequence[int]) -> Supervision:
        return self._of("unlabeled", rows)

    def _of(self, part: str, texts: Sequence[int]) -> Supervision:
        """The windows of some texts."""
        rows = np.flatnonzero(np.isin(self.windows[part].owner, np.asarray(list(texts), dtype=np.int64))).tolist()
        encoded = self.windows[part].encoded.take(rows)
        return Supervision(encoded, self.targets[part].take(rows), self.weights[part].take(rows))


def kinds_of(labels: Sequence[frozenset[str]]) -> np.ndarray:
    """A number for every set of labels, so that texts of like content can be spread evenly, (texts,) int.

    >>> kinds_of([frozenset("a"), frozenset(), frozenset("a")]).tolist()
    [1, 0, 1]
    """
    numbers = {key: number for number, key in enumerate(sorted({tuple(sorted(found)) for found in labels}))}
    return np.array([numbers[tuple(sorted(found))] for found in labels], dtype=np.int64)
