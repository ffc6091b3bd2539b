"""From data files to the parts that training and evaluation work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ruletune.config import TaskSpec
from ruletune.data.readers import fingerprint
from ruletune.data.sampling import sample
from ruletune.data.split import Key, remove_leaks
from ruletune.errors import Location, UserError
from ruletune.labeling.corpus import divided, key_of
from ruletune.models import checkpoints
from ruletune.progress import Event, Listener
from ruletune.tasks import Readout
from ruletune.types import Example

__all__ = ["Parts", "joined", "prepare"]

_ANSWERS: dict[Readout, tuple[str, str]] = {"generate": ("target", "target")}
"""What a gold answer is called where it is no label, and the setting that names its column."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The data, each text in one part only.

    Attributes:
        gold: Labelled training texts that may be learned from.
        unlabeled: Texts without a label that may be used.
        validation: Labelled texts that choose (early stopping).
        test: Labelled texts that only measure.
        warnings: What the reader of the report should know about the data.
        calibration: Labelled texts that say how far the model can be believed, and nothing else.
    """

    gold: tuple[Example, ...]
    unlabeled: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    warnings: tuple[str, ...]
    calibration: tuple[Example, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The parts there are; calibration only where the task has one."""
        return ("gold", "validation", "test", "unlabeled", *(("calibration",) if self.calibration else ()))

    @property
    def calibrated_on(self) -> str:
        """The part whose labels calibrate: its own, else validation, which chose when to stop; empty for neither."""
        return "calibration" if self.calibration else "validation" if self.validation else ""

    def sizes(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in self.names}

    def fingerprints(self) -> dict[str, str]:
        """SHA-256 by part, over ids, texts and answers."""
        return {name: fingerprint(getattr(self, name)) for name in self.names}


def prepare(spec: TaskSpec, *, listener: Listener) -> Parts:
    """Read, split and sample the task's data.

    Raises:
        UserError: Bad rows, an empty part, or no text to learn from.
    """
    data = spec.file.data
    warnings: list[str] = []
    listener(Event("reading data", 0, 1))
    parts = divided(spec)
    warnings += parts.warnings
    train, validation, test, calibration = parts.train, parts.validation, parts.test, parts.calibration
    unlabeled = [_without_answer(example) for example in parts.unlabeled]
    for name, part, source in (
        ("validation", validation, data.validation),
        ("test", test, data.test),
        ("calibration", calibration, data.calibration),
    ):
        if source and part and all(example.answer is None for example in part):
            where = Location(str(spec.folder / source))
            what, setting = _ANSWERS.get(spec.task.readout, ("label", "label"))
            column = getattr(data.columns, setting)
            remedy = f"name the column in data.columns.{setting}"
            message = f"no text of the {name} part has a {what} in column {column!r}"
            raise UserError(message, where=where, remedy=remedy)
        missing = sum(example.answer is None for example in part)
        if missing:
            warnings.append(f"{missing} texts of the {name} part have no label and were left out of it.")
    warnings += spec.bad_rows.sentences() if spec.bad_rows is not None else []
    validation = [example for example in validation if example.answer is not None]
    test = [example for example in test if example.answer is not None]
    calibration = [example for example in calibration if example.answer is not None]
    key = key_of(spec)
    calibration, _ = remove_leaks(calibration, [*validation, *test], key=key)
    train, unlabeled, validation = _without_leaks(train, unlabeled, validation, [*test, *calibration], warnings, key)
    gold = [example for example in train if example.answer is not None]
    unlabeled += [example for example in train if example.answer is None]
    gold, rest = _few(spec, gold, warnings)
    unlabeled += [_without_answer(example) for example in rest]
    unlabeled = _limited(unlabeled, data.limit_unlabeled, spec.file.seed)
    if not gold and not unlabeled:
        raise UserError(
            "there is no text to learn from", where=Location(str(spec.path)), remedy="add rows to data.train"
        )
    listener(Event("reading data", 1, 1))
    return Parts(
        _named("train", gold),
        _named("unlabeled", unlabeled),
        tuple(validation),
        tuple(test),
        tuple(warnings),
        tuple(calibration),
    )


def joined(example: Example) -> str:
    """What an embedding is taken of: the text, or both texts of a pair."""
    return example.text if example.text_pair is None else f"{example.text} {example.text_pair}"


def _without_answer(example: Example) -> Example:
    return replace(example, answer=None, alternatives=())


def _named(part: str, examples: Sequence[Example]) -> tuple[Example, ...]:
    """Ids are unique within a file; where files are put together the part's position replaces them."""
    ids = [example.id for example in examples]
    if len(set(ids)) == len(ids):
        return tuple(examples)
    return tuple(replace(example, id=f"{part}-{n}") for n, example in enumerate(examples, start=1))


def _without_leaks(
    train: list[Example],
    unlabeled: list[Example],
    validation: list[Example],
    test: list[Example],
    warnings: list[str],
    key: Key,
) -> tuple[list[Example], list[Example], list[Example]]:
    """Texts of the test part stand nowhere else; texts of the validation part in no part that teaches."""
    validation, leaked = remove_leaks(validation, test, key=key)
    held_out = [*validation, *test]
    kept_train, from_train = remove_leaks(train, held_out, key=key)
    kept_unlabeled, from_unlabeled = remove_leaks(unlabeled, held_out, key=key)
    dropped = len(leaked) + len(from_train) + len(from_unlabeled)
    if dropped:
        warnings.append(f"{dropped} texts stood in a held-out part too and were taken out of the others.")
    return kept_train, kept_unlabeled, validation


def _few(spec: TaskSpec, gold: list[Example], warnings: list[str]) -> tuple[list[Example], list[Example]]:
    """Keep ``data.sample.shots`` gold labels a class where the task asks for it; (kept, the rest)."""
    settings = spec.file.data.sample
    if settings is None or not gold:
        return gold, []
    embeddings = None
    if settings.method == "diverse" and spec.task.readout == "generate":
        where, remedy = Location(str(spec.path)), "set data.sample.method to random"
        raise UserError(
            "sources of texts that are written have no embedding to spread them by", where=where, remedy=remedy
        )
    if settings.method == "diverse":
        from ruletune.pipeline.embedding import represent  # it joins texts as is done here

        checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder)
        embeddings = represent(spec, checkpoint, gold, view="sentence")
    chosen = sample(
        gold, shots=settings.shots, method=settings.method, seed=spec.file.seed, embeddings=embeddings, key=key_of(spec)
    )
    warnings += chosen.warnings
    taken = set(chosen.rows)
    return [gold[row] for row in chosen.rows], [e for row, e in enumerate(gold) if row not in taken]


def _limited(examples: list[Example], limit: int | None, seed: int) -> list[Example]:
    if limit is None or len(examples) <= limit:
        return examples
    rows = np.sort(np.random.default_rng(seed).permutation(len(examples))[:limit])
    return [examples[row] for row in rows]
