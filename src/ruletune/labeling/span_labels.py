"""Weak labels for texts whose answers are spans, as a file: what each rule says, and what the label model makes of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ruletune.config import TaskSpec, parse_task
from ruletune.data.pieces import ChangedError
from ruletune.data.writing import write_lines
from ruletune.errors import Location, UserError
from ruletune.labeling.answer_model import AnswerModel
from ruletune.labeling.apply import check_faults
from ruletune.labeling.corpus import gold_of, read_given
from ruletune.labeling.passes import Map
from ruletune.labeling.piecework import Embedder, rules_digest
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_table import fit_span_model, gold_answers
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.stream import Labelled
from ruletune.labeling.values import answer_value
from ruletune.labeling.words import words
from ruletune.places import located
from ruletune.progress import Listener, counted, silent
from ruletune.rules import Fault
from ruletune.types import Example, Spans

__all__ = ["label_spans"]


_TEXTS = 2048
"""Texts that a process applies the rules to at a time."""


def label_spans(
    spec: TaskSpec,
    data: str,
    out: str | os.PathLike[str],
    *,
    map: Map = map,
    embedder: Embedder | None = None,
    listener: Listener = silent,
) -> Labelled:
    """Write ``id``, ``votes`` by rule, the entities found (``label``) and the least certain one's ``probability``, a text a line.

    The label model is fitted on these texts and on the gold spans of the training data. All texts are held in memory. The file
    appears when it is whole.

    Args:
        map: Where the rules are applied; default here. The label model is fitted and asked here in any case.
        embedder: As :func:`ruletune.labeling.stream.label_file` takes it.

    Raises:
        UserError: The data or a rule is wrong, or the file cannot be written.
    """
    target = located(out)
    if os.fspath(out).endswith("/"):
        raise UserError("entities and answers of all texts are written to one file", remedy="name it, without a slash")
    if Path(data).exists() and Path(data).resolve() == target.resolve():
        raise UserError("the output would replace the input", remedy="name another file")
    examples = read_given(spec, data)
    if not examples:
        raise UserError("there are no texts")
    work = ApplySpans(spec, embedder)
    rules = work.rules
    rules.check_fields(examples)
    progress, parts = counted(listener, "applying rules", len(examples)), []
    for part in map(work, (examples[start : start + _TEXTS] for start in range(0, len(examples), _TEXTS))):
        parts.append(part.votes(rules))
        progress(part.texts)
    votes = SpanVotes.joined(parts)
    check_faults(spec.rules, votes.faults, texts=len(examples))
    taught = gold_of(spec)
    learned = SpanVotes.joined([votes, rules.apply(taught)]) if taught else votes
    unknown = [replace(example, answer=None) for example in examples]
    reconciled = (_answered if spec.task.readout == "extract" else _marked)(spec, votes, learned, [*unknown, *taught])
    by_row: list[dict[str, list[object]]] = [{} for _ in examples]
    for row, rule, start, end, label in zip(
        *(column.tolist() for column in (votes.row, votes.rule, votes.start, votes.end, votes.label)), strict=True
    ):
        said = {"label": rules.labels[label]} if rules.rules[rule].sign else {}  # a link speaks of no label
        by_row[row].setdefault(rules.rules[rule].name, []).append({"start": start, "end": end, **said})

    def lines() -> Iterator[str]:
        for example, said, (answer, probability) in zip(examples, by_row, reconciled, strict=True):
            value = {
                "id": example.id,
                "votes": said,
                "label": answer_value(answer),
                "probability": probability,
            }
            yield json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"

    write_lines(target, lines())
    return Labelled(target, len(examples), int(votes.covered.sum()), votes.faults)


@dataclass(frozen=True, slots=True)
class Columns:
    """Votes as they travel: without the rules, which may hold functions."""

    texts: int
    row: np.ndarray
    rule: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray
    faults: tuple[Fault, ...]

    def votes(self, rules: SpanRules) -> SpanVotes:
        columns = (self.row, self.rule, self.start, self.end, self.label)
        return SpanVotes(rules.rules, rules.labels, self.texts, *columns, self.faults)


class ApplySpans:
    """Applies a task's rules to examples. It goes to another process as the task's source; there the rules are built anew."""

    def __init__(self, spec: TaskSpec, embedder: Embedder | None, digest: str | None = None) -> None:
        self._spec, self._embedder = spec, embedder
        self._digest = rules_digest(spec)
        if digest not in (None, self._digest):
            raise ChangedError("a file of the rules changed while they were applied", where=Location(str(spec.path)))
        self.rules = SpanRules(spec.rules, labels=spec.labels, embed=embedder(spec) if embedder else None)

    def __reduce__(self) -> tuple[Callable[..., ApplySpans], tuple[Any, ...]]:
        return _rebuilt, (self._spec.source, self._spec.path, self._embedder, self._digest)

    def __call__(self, examples: Sequence[Example]) -> Columns:
        votes = self.rules.apply(examples, whole=False)
        return Columns(votes.texts, votes.row, votes.rule, votes.start, votes.end, votes.label, votes.faults)


def _rebuilt(source: str, path: Path, embedder: Embedder | None, digest: str) -> ApplySpans:
    return ApplySpans(parse_task(source, path=path, check_data=False), embedder, digest)


def _marked(
    spec: TaskSpec, votes: SpanVotes, learned: SpanVotes, examples: Sequence[Example]
) -> list[tuple[Spans, float | None]]:
    """Entities by the label model, of the texts of ``votes``, which come first in ``learned`` and ``examples``."""
    ranges = [words(example.text) for example in examples]
    model = fit_span_model(spec, learned, ranges, gold_answers(examples))
    mine = ranges[: votes.texts]
    decoded, beliefs = model.decode(votes, mine), model.posterior(votes, mine)
    return [
        (found, _certainty(found, belief, places)) for found, belief, places in zip(decoded, beliefs, mine, strict=True)
    ]


def _answered(
    spec: TaskSpec, votes: SpanVotes, learned: SpanVotes, examples: Sequence[Example]
) -> list[tuple[Spans, float | None]]:
    """Answers by the label model, likewise; without a probability where the rules propose nothing and veto nothing."""
    model = AnswerModel.fit(learned, examples)
    proposals = model.proposals(votes, examples[: votes.texts])
    return [
        (answer, certain if each.spans or each.silenced else None)
        for each, (answer, certain) in zip(proposals, model.answers(proposals), strict=True)
    ]


def _certainty(answer: Spans, belief: np.ndarray, places: list[tuple[int, int]]) -> float | None:
    """How likely the least likely entity's words are in one at all; ``None`` where there is no entity."""
    if not answer.spans:
        return None
    edges = np.array(places, dtype=np.int64).reshape(-1, 2)
    first = np.searchsorted(edges[:, 1], [span.start for span in answer.spans], side="right")
    last = np.searchsorted(edges[:, 0], [span.end for span in answer.spans], side="left")
    return min(float(1.0 - belief[start:end, 0].max()) for start, end in zip(first, last, strict=True))
