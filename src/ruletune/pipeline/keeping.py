"""Gold examples in the run folder: what an explanation compares a text with.

Beside every example's text and answer stands a vector, of what the *trained* model makes of it. That is what the model's own answer
rests on, so that "nearest" means: what this model takes to be alike. The pretrained checkpoint would say what is alike to begin with;
but it is no part of a run folder, which must work without it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from ruletune.errors import UserError
from ruletune.labeling.values import answer_value
from ruletune.models.encoding import Encoded, encode
from ruletune.models.nearest import vectors
from ruletune.models.seq2seq import encode_texts
from ruletune.progress import Listener, counted
from ruletune.report.explanation import Neighbour
from ruletune.store import write_bytes, write_text
from ruletune.types import Example

if TYPE_CHECKING:
    from ruletune.pipeline.run import Run

__all__ = ["Kept", "keep", "load_kept"]

_TEXTS, _VECTORS = "examples.jsonl", "examples.safetensors"

_MOST = 5000
"""Examples that are kept at most; of more, so many drawn at random. They take 4 MB of MiniLM's vectors."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Gold examples and their vectors.

    Attributes:
        rows: ``id``, ``text``, ``answer``, perhaps ``text_pair``.
        matrix: (examples, width) float32, rows of unit length.
    """

    rows: tuple[dict[str, object], ...]
    matrix: np.ndarray

    def nearest(self, vector: np.ndarray, count: int) -> tuple[Neighbour, ...]:
        """So many examples, the nearest first; of equally near ones those that stand first in the data.

        Args:
            vector: (width,), of unit length.
        """
        near = self.matrix @ vector
        found = []
        for row in np.argsort(-near, kind="stable")[:count].tolist():
            each = self.rows[row]
            pair = each.get("text_pair")
            similarity = float(np.clip(near[row], -1.0, 1.0))
            found.append(
                Neighbour(
                    str(each["id"]), str(each["text"]), each["answer"], similarity, None if pair is None else str(pair)
                )
            )
        return tuple(found)


def keep(run: Run, gold: Sequence[Example], folder: Path, *, listener: Listener) -> None:
    """Write gold examples and their vectors into a run folder."""
    rng = np.random.default_rng([int(run.settings["seed"]), 31])
    examples = [gold[row] for row in sorted(rng.permutation(len(gold))[:_MOST].tolist())]
    progress = counted(listener, "keeping gold examples", len(examples))
    matrix = vectors(run.classifier, shown(run, examples), precision=str(run.settings["precision"]), progress=progress)
    lines = [json.dumps(_row(example), ensure_ascii=False, allow_nan=False) + "\n" for example in examples]
    write_text(folder / _TEXTS, "".join(lines))
    write_bytes(folder / _VECTORS, save({"vectors": matrix.astype(np.float16)}))


def load_kept(folder: Path) -> Kept | None:
    """What :func:`keep` wrote; ``None`` where a run has no examples.

    Raises:
        UserError: The files are damaged.
    """
    if not (folder / _TEXTS).is_file():
        return None
    try:
        rows = tuple(json.loads(line) for line in (folder / _TEXTS).read_text(encoding="utf-8").split("\n") if line)
        matrix = load_file(folder / _VECTORS)["vectors"].astype(np.float32)
        if matrix.ndim != 2 or len(matrix) != len(rows):
            raise ValueError(f"{len(rows)} texts and {len(matrix)} vectors")
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        remedy = f"delete {_TEXTS} and {_VECTORS}: a run answers without them"
        raise UserError(f"{folder / _VECTORS}: damaged: {error}", remedy=remedy) from error
    return Kept(rows, matrix)


def shown(run: Run, examples: Sequence[Example]) -> Encoded:
    """Examples as the model reads them; of a text that is too long its beginning, or what is around its entities."""
    classifier = run.classifier
    if run.task.readout == "generate":
        sources = [run.rendering.render(example).first for example in examples]
        length = classifier.max_length
        return encode_texts(sources, None, tokenizer=classifier.tokenizer, max_length=length, max_target=1)
    encoded = encode(
        examples,
        rendering=run.rendering,
        tokenizer=classifier.tokenizer,
        max_length=classifier.max_length,
        cloze=run.cloze,
    )
    return encoded.each()[0]


def _row(example: Example) -> dict[str, object]:
    assert example.answer is not None, "gold examples have answers"
    return {
        "id": example.id,
        "text": example.text,
        **({} if example.text_pair is None else {"text_pair": example.text_pair}),
        **({"entities": [[e.start, e.end, e.label] for e in example.entities]} if example.entities else {}),
        "answer": answer_value(example.answer),
    }
