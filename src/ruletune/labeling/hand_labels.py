"""Answers given by hand (``data.labels``): they go before those of the data files, and bring along texts that these do not have.

The file is JSON lines. A row has the task's input columns and the answer in the column where the data has it; so it says
itself what it is about, whatever becomes of the data files, and can be read, edited and merged like any other data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import assert_never

from ruletune.config import TaskSpec
from ruletune.data.columns import Columns
from ruletune.data.lines import lines
from ruletune.data.readers import MOST_PROBLEMS, Answers, RowParser, given_up
from ruletune.data.rows import jsonl
from ruletune.data.split import Key
from ruletune.data.understood import SLOTS
from ruletune.errors import Problem, UserError
from ruletune.types import Answer, Example, Label, Spans, Text

__all__ = ["HandLabels", "label_row", "parse_hand_labels", "read_hand_labels"]

_ID = "id"
"""The column of ids where the task names none."""


@dataclass(frozen=True, slots=True)
class HandLabels:
    """Texts with the answers that a person gave them.

    Attributes:
        key: What is equal for texts that are the same.
        by_key: In the order of the file.
        line_of: The line of each in the file.
    """

    key: Key
    by_key: Mapping[tuple[str, ...], Example] = field(default_factory=dict)
    line_of: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.by_key)

    def answered(self, example: Example) -> Example:
        """An example with the answer that it was given by hand; itself where it was given none."""
        given = self.by_key.get(self.key(example)) if self.by_key else None
        if given is None:
            return example
        fields = example.fields
        if SLOTS in given.fields and isinstance(given.fields[SLOTS], Spans):  # the second half of an answer
            fields = {**fields, SLOTS: given.fields[SLOTS]}
        return replace(example, answer=given.answer, alternatives=given.alternatives, fields=fields)

    def holds(self, example: Example) -> bool:
        """Whether somebody answered this text by hand."""
        return bool(self.by_key) and self.key(example) in self.by_key

    def others(self, known: Iterable[Example]) -> list[Example]:
        """The texts that are in none of the data, under ids that these do not have."""
        if not self.by_key:
            return []
        there, taken = set(), set()
        for example in known:
            there.add(self.key(example))
            taken.add(example.id)
        found = []
        for key, example in self.by_key.items():
            if key not in there:
                identity = example.id
                while identity in taken:
                    identity = f"labels:{identity}"
                taken.add(identity)
                found.append(replace(example, id=identity))
        return found


def read_hand_labels(spec: TaskSpec, *, answers: Answers, columns: Columns, key: Key) -> HandLabels:
    """The answers of ``data.labels``; none where the task names no such file, or it is not there yet.

    Args:
        answers, columns, key: How the task's data is read, and what is equal for texts that are the same.

    Raises:
        UserError: A row is wrong or has no answer, or two rows answer the same text.
    """
    source = spec.file.data.labels
    path = None if source is None else (spec.folder / source).expanduser()
    if path is None or not path.exists():
        return HandLabels(key)
    return parse_hand_labels(lines(path), path, answers=answers, columns=columns, key=key)


def parse_hand_labels(
    numbered: Iterable[tuple[int, str]], path: Path, *, answers: Answers, columns: Columns, key: Key
) -> HandLabels:
    """As :func:`read_hand_labels`, from numbered lines; ``path`` is where they stand."""
    parser = RowParser(replace(columns, id=columns.id or _ID), answers)
    found: dict[tuple[str, ...], Example] = {}
    places: dict[tuple[str, ...], int] = {}
    problems: list[Problem] = []
    for number, row in enumerate(jsonl(numbered, path), start=1):
        parsed = parser.parse(row, number)
        if isinstance(parsed, Problem):
            problems.append(parsed)
        elif parsed.answer is None:
            problems.append(Problem("the row has no answer", row.where, "give one, or take the row out"))
        elif found.setdefault(key(parsed), parsed) is not parsed:
            problems.append(Problem("an earlier row answers the same text", row.where, "keep one of them"))
        else:
            places[key(parsed)] = row.line or 0
        if len(problems) >= MOST_PROBLEMS:
            problems.insert(0, given_up(row.where))
            break
    if problems:
        raise UserError.of(problems)
    return HandLabels(key, found, places)


def label_row(example: Example, answer: Answer, *, columns: Columns, multi: bool = False) -> dict[str, object]:
    """A text and its answer as a row of ``data.labels``, which reads as the same again.

    Args:
        multi: Whether any number of labels may hold.

    >>> label_row(Example("7", "See Paris."), Label.of("travel"), columns=Columns())
    {'id': '7', 'text': 'See Paris.', 'label': 'travel'}
    """
    row: dict[str, object] = {columns.id or _ID: example.id, columns.text: example.text}
    match answer:
        case Label(names=names):
            if example.text_pair is not None and columns.text_pair is not None:
                row[columns.text_pair] = example.text_pair
            for column, entity in zip((columns.subject, columns.object), example.entities, strict=False):
                row[column] = [entity.start, entity.end, *([entity.label] if entity.label else [])]
            row[columns.label or "label"] = list(names) if multi else names[0]
        case Spans(spans=spans) if example.text_pair is not None:
            row[columns.question] = example.text_pair
            said = [{"text": example.text[span.start : span.end], "start": span.start} for span in spans]
            row[columns.answers] = said
        case Spans(spans=spans):
            row[columns.spans] = [{"start": s.start, "end": s.end, "label": s.label} for s in spans]
        case Text(text=text):
            if isinstance(example.fields.get("sentences"), tuple):
                row[columns.text] = list(example.fields["sentences"])  # type: ignore[call-overload]
            shown = {"history": columns.history, "act": columns.act, "facts": columns.facts}
            row |= {column: example.fields[name] for name, column in shown.items() if example.fields.get(name)}
            row[columns.target] = text
        case _:
            assert_never(answer)
    return row
