"""The texts of a task's data files, as rules and training read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import assert_never

import numpy as np

from ruletune.bad_rows import BadRows
from ruletune.config import TaskSpec
from ruletune.data.extracts import Extracts
from ruletune.data.pairs import Pairs
from ruletune.data.readers import MOST_PROBLEMS, Answers, Columns, Labels, read, read_all
from ruletune.data.spans import SpanLabels
from ruletune.data.split import Key, same_context, same_text, same_turn, stratified_split
from ruletune.data.texts import Texts
from ruletune.data.understood import Understood
from ruletune.errors import Location, Problem, UserError
from ruletune.labeling.hand_labels import HandLabels, read_hand_labels
from ruletune.sources import files_of
from ruletune.tasks import DIALOGUE
from ruletune.types import Example, Label

__all__ = [
    "Divided", "Sources", "asked_of", "columns_of", "corpus", "divided", "gold_matrix", "gold_of", "hand_labels", "key_of", "labels_of",
    "needs_label", "needs_one_task", "none_right", "read_given", "read_part", "read_rows", "sources", "texts_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sources:
    """The files that teach and choose, with the answers that were given by hand in them.

    Attributes:
        train: With the texts of ``data.unlabeled`` and of ``data.labels`` alone that were answered by hand behind its own.
        unlabeled: Without those. Answers that the file happens to carry are still in.
    """

    train: list[Example]
    unlabeled: list[Example]
    validation: list[Example]


@dataclass(frozen=True, slots=True)
class Divided:
    """The data of a task, with the shares of the training data that are held out; leaks are still in.

    Attributes:
        unlabeled: Of ``data.unlabeled``, with the answers that it happens to carry.
        warnings: What the reader of a report should know about the shares.
    """

    train: list[Example]
    unlabeled: list[Example]
    validation: list[Example]
    test: list[Example]
    calibration: list[Example]
    warnings: list[str]


def labels_of(spec: TaskSpec, *, labelled: bool = True) -> Answers:
    """How the task's answers are read.

    Args:
        labelled: Whether gold answers are read where there are any. A question is needed in any case.
    """
    if spec.slots is not None:
        intents, slots = (labels_of(half, labelled=labelled) for half in spec.halves)
        assert isinstance(intents, Labels) and isinstance(slots, SpanLabels)
        return Understood(intents, slots)
    match spec.task.readout:
        case "tokens":
            return SpanLabels(spec.labels, labelled)
        case "extract":
            return Extracts(labelled)
        case "text":
            return Labels(names=spec.labels, multi=spec.file.multi_label)
        case "generate":
            return Texts(dialogue=spec.task == DIALOGUE, labelled=labelled)
        case "pair":
            return Pairs(Labels(names=spec.labels), labelled)
        case _:
            assert_never(spec.task.readout)


def texts_of(spec: TaskSpec) -> Answers | None:
    """How the task's texts are read without answers; ``None`` where a row is a text and nothing else."""
    answers = labels_of(spec, labelled=False)
    return None if isinstance(answers, Labels) else answers


def key_of(spec: TaskSpec) -> Key:
    """What examples that must stand in one part have in common: the text, and all else that is answered; of questions, the
    text alone.
    """
    if spec.task.readout == "extract":
        return same_context
    return same_turn if spec.task == DIALOGUE else same_text


def asked_of(spec: TaskSpec) -> Key:
    """What is equal for examples that have the same answer: as :func:`key_of`, and of a text the question that is asked."""
    return same_text if spec.task.readout == "extract" else key_of(spec)


def needs_label(spec: TaskSpec, what: str) -> None:
    """Refuse what makes sense only where a text has a label.

    Raises:
        UserError: The task's answers are no labels, or not only.
    """
    needs_one_task(spec, what)
    if spec.task.answer is not Label:
        message = f"{what} is for tasks whose answer is a label, and this one is {spec.task.name!r}"
        raise UserError(message, where=Location(str(spec.path)), remedy="train and evaluate, or look at `rules`")


def needs_one_task(spec: TaskSpec, what: str) -> None:
    """Refuse what is done for one task at a time.

    Raises:
        UserError: The task file is one of intents and slots.
    """
    if spec.slots is not None:
        message = f"{what} is for one task, and this file has two: intents and slots"
        remedy = "check, rules, train, evaluate, predict and explain know both; in Python take one of spec.halves"
        raise UserError(message, where=Location(str(spec.path)), remedy=remedy)


def columns_of(spec: TaskSpec, source: str) -> Columns:
    """The columns of a data source: the task's, or for plain and parallel text those that there are."""
    if source.partition("#")[0].removesuffix(".gz").endswith(".txt") or len(files_of(source, spec.folder)) == 2:
        return Columns(label=None)
    return Columns(**spec.file.data.columns.model_dump())


def read_part(spec: TaskSpec, source: str) -> list[Example]:
    """All examples of one data source; a relative path is relative to the task file."""
    columns = columns_of(spec, source)
    return read_rows(source, columns, labels=labels_of(spec), folder=spec.folder, bad_rows=spec.bad_rows)


def read_given(spec: TaskSpec, source: str) -> list[Example]:
    """All examples of data that the user names beside the task's; a relative path is relative to the working folder."""
    return read_rows(source, columns_of(spec, source), labels=labels_of(spec), bad_rows=spec.bad_rows)


def read_rows(
    source: str,
    columns: Columns,
    *,
    labels: Answers | None = None,
    folder: Path | None = None,
    bad_rows: BadRows | None = None,
) -> list[Example]:
    """As :func:`ruletune.data.readers.read_all`; bad rows are left out where somebody takes them.

    Raises:
        UserError: Bad rows that nobody takes, or no row that is right.
    """
    if bad_rows is None:
        return read_all(source, columns, labels=labels, folder=folder)
    examples = read_all(source, columns, labels=labels, folder=folder, on_bad=bad_rows.of(source))
    if not examples:
        raise none_right(source, bad_rows)
    return examples


def none_right(source: str, bad_rows: BadRows) -> UserError:
    """What is said where all rows of a source are bad."""
    return UserError.of(
        [Problem("no row is right", Location(source)), *islice(bad_rows.problems(source), MOST_PROBLEMS)]
    )


def hand_labels(spec: TaskSpec) -> HandLabels:
    """The answers of ``data.labels``.

    Raises:
        UserError: A row is wrong or has no answer, or two rows answer the same text.
    """
    columns = Columns(**spec.file.data.columns.model_dump())
    return read_hand_labels(spec, answers=labels_of(spec), columns=columns, key=asked_of(spec))


def sources(spec: TaskSpec) -> Sources:
    """Read the training, unlabelled and validation data, and put in what was answered by hand.

    An answer given by hand goes before that of a file. A text of ``data.unlabeled`` that has one belongs to the training data, and
    so does a text that stands in none of the three files.
    """
    data, given = spec.file.data, hand_labels(spec)
    train = [given.answered(example) for example in read_part(spec, data.train)]
    loose = read_part(spec, data.unlabeled) if data.unlabeled else []
    validation = [given.answered(e) for e in (read_part(spec, data.validation) if data.validation else [])]
    others = given.others([*train, *loose, *validation])
    known = {given.key(example) for example in train} if len(given) else set()
    moved = [given.answered(e) for e in loose if given.holds(e) and given.key(e) not in known]
    unlabeled = [example for example in loose if not given.holds(example)]
    return Sources([*train, *moved, *others], unlabeled, validation)


def divided(spec: TaskSpec) -> Divided:
    """Read a task's data and hold out what the task says: from files of their own, else as shares of the training data."""
    data, files = spec.file.data, sources(spec)
    validation = 0.0 if data.validation else data.split.validation
    test = 0.0 if data.test else data.split.test
    key = key_of(spec)
    first = stratified_split(files.train, validation=validation, test=test, seed=spec.file.seed, key=key)
    learn, warnings = list(first.train), list(first.warnings)
    calibration = read_part(spec, data.calibration) if data.calibration else []
    if data.split.calibration and not data.calibration:
        share = data.split.calibration / (1.0 - validation - test)
        second = stratified_split(learn, validation=share, test=0.0, seed=spec.file.seed, key=key)
        warnings += [warning.replace("validation part", "calibration part") for warning in second.warnings]
        learn, calibration = list(second.train), list(second.validation)
    return Divided(
        train=learn,
        unlabeled=files.unlabeled,
        validation=files.validation if data.validation else list(first.validation),
        test=read_part(spec, data.test) if data.test else list(first.test),
        calibration=calibration,
        warnings=warnings,
    )


def gold_of(spec: TaskSpec) -> list[Example]:
    """The training texts that have an answer, and nothing else in memory."""
    data, given = spec.file.data, hand_labels(spec)
    on_bad = spec.bad_rows.of(data.train) if spec.bad_rows is not None else None
    stream = read(data.train, columns_of(spec, data.train), labels=labels_of(spec), folder=spec.folder, on_bad=on_bad)
    gold = [example for example in map(given.answered, stream) if example.answer is not None]
    held_out = read_part(spec, data.validation) if data.validation and len(given) else []
    return [*gold, *given.others([*gold, *held_out])]


def corpus(spec: TaskSpec) -> list[Example]:
    """The texts that rules may be written by: train, unlabeled, validation, in this order.

    The test file is left out: rules that are rewritten until they are right there have been tuned on it.
    """
    files = sources(spec)
    return [*files.train, *files.unlabeled, *files.validation]


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
