"""What a frozen encoder makes of some of the texts: embedded once, in the background, and kept in the user's cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location
from ruletune.labeling.evaluate import Embed
from ruletune.pipeline.prepare import joined
from ruletune.training.quick import reduced
from ruletune.types import Example
from ruletune.workbench.texts import Texts

__all__ = ["Vectors", "chosen_rows"]

_DIRECT = 256
"""Texts that are embedded while somebody waits; of more, those that have no vector yet are like nothing."""


@dataclass
class Vectors:
    """Vectors of texts by row.

    Attributes:
        spec: The task, which names the checkpoint.
        pairs: Texts have two entities whose relation is asked for: it is these that are represented.
    """

    spec: TaskSpec
    _by_row: dict[int, np.ndarray] = field(default_factory=dict)
    _by_text: dict[str, np.ndarray] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def pairs(self) -> bool:
        return self.spec.task.readout == "pair"

    @property
    def rows(self) -> np.ndarray:
        """Which texts have a vector, in order."""
        with self._lock:
            return np.array(sorted(self._by_row), dtype=np.int64)

    def add(self, texts: Texts, rows: Sequence[int], *, progress: Callable[[int], None] | None = None) -> None:
        """Embed texts that are not yet, all at once.

        Raises:
            UserError: There is no such checkpoint.
        """
        fresh = [row for row in rows if row not in self._by_row]
        if not fresh:
            return
        found = self._embedded([texts.examples[row] for row in fresh], progress)
        with self._lock:
            self._by_row.update(zip(fresh, found, strict=True))
            if not self.pairs:
                sentences = _sentences(found)
                self._by_text.update(zip((texts.examples[row].text for row in fresh), sentences, strict=True))

    def _embedded(self, examples: Sequence[Example], progress: Callable[[int], None] | None) -> np.ndarray:
        from ruletune.models import checkpoints
        from ruletune.models.embeddings import embeddings

        spec, length = self.spec, self.spec.file.model.max_length
        checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder, where=Location(str(spec.path)))
        if self.pairs:
            from ruletune.models.pair_states import pair_states

            return pair_states(checkpoint, examples, max_length=length, progress=progress).astype(np.float16)
        inputs = [joined(example) for example in examples]
        found = embeddings(checkpoint, inputs, view="layers", max_length=length, progress=progress)
        return found.astype(np.float16)

    def features(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """What a quick head reads of texts that have a vector, (texts, width) float32."""
        return reduced(self._stacked(rows), seed=self.spec.file.seed)

    def meanings(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """How far texts that have a vector are from each other, (texts, width) float32 of unit length."""
        found = self._stacked(rows)
        return found if self.pairs else _sentences(found)

    def _stacked(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        with self._lock:
            several = [self._by_row[int(row)] for row in rows]
        return np.stack(several).astype(np.float32) if several else np.zeros((0, 1), dtype=np.float32)

    def embed(self, direct: Embed) -> Embed:
        """Sentence embeddings from what is known, for rules that compare them.

        Of many texts, those without a vector get one of zeros: it is like nothing, and nobody has to wait.

        Args:
            direct: Embeds anew.
        """

        def found(texts: Sequence[str]) -> np.ndarray:
            with self._lock:
                known = {text: self._by_text[text] for text in texts if text in self._by_text}
            missing = [text for text in dict.fromkeys(texts) if text not in known]
            if missing and len(missing) <= _DIRECT:
                known |= dict(zip(missing, direct(missing), strict=True))
            size = len(next(iter(known.values()))) if known else 1
            nothing = np.zeros(size, dtype=np.float32)
            return np.stack([np.asarray(known.get(text, nothing), dtype=np.float32) for text in texts])

        return found


def _sentences(layers: np.ndarray) -> np.ndarray:
    """Sentence embeddings: the third of the four parts that quick heads read is the mean of the last layer."""
    width = layers.shape[1] // 4
    part = layers[:, 2 * width : 3 * width].astype(np.float32)
    return np.asarray(part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12))


def chosen_rows(texts: Texts, *, limit: int, seed: int) -> np.ndarray:
    """The texts that are worth a vector: as many with gold as ``limit``, and as many without, drawn at random.

    The validation part is left out, which chooses in training and teaches nothing.
    """
    teaches = np.array([part != "validation" for part in texts.parts], dtype=bool)
    order = np.random.default_rng([seed, 41]).permutation(len(teaches))
    gold, rest = (order[(texts.known == known)[order] & teaches[order]][:limit] for known in (True, False))
    return np.concatenate([gold, rest])
