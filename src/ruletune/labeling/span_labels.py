"""Weak labels of texts whose answers are spans: what the label model makes of each shard, and how it is fitted on some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ruletune.labeling.answer_model import AnswerModel
from ruletune.labeling.piecework import ApplyRules
from ruletune.labeling.sequence_model import SequenceModel
from ruletune.labeling.shards import read_span_shard, shard_path
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_table import fit_span_model, gold_answers
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.values import answer_value, json_line
from ruletune.labeling.words import words
from ruletune.types import Example, Spans

__all__ = ["TakeSpans", "WriteSpans", "fit_spans"]

Texts = Sequence[tuple[str, str | None]]
"""Text and second text of each."""


@dataclass(frozen=True, slots=True)
class TakeSpans:
    """What the rules say of some texts, given shards by number and the rows of each: a table of votes, and the texts.

    The table is that of :attr:`ruletune.labeling.span_votes.SpanVotes.table`, its rows counted over the texts taken.
    """

    work: ApplyRules

    def __call__(self, wanted: Sequence[tuple[int, np.ndarray]]) -> tuple[np.ndarray, Texts]:
        tables, texts = [np.empty((0, 5), dtype=np.int32)], list[tuple[str, str | None]]()
        for number, rows in wanted:
            shard = read_span_shard(shard_path(self.work.folder, number))
            table = _votes(self.work, len(shard.ids), shard.votes).take(rows).table
            table[:, 0] += len(texts)
            tables.append(table)
            texts += [shard.texts[row] for row in rows.tolist()]
        return np.concatenate(tables), texts


def fit_spans(
    work: ApplyRules,
    parts: Sequence[tuple[np.ndarray, Texts]],
    said: SpanVotes,
    gold: Sequence[Example],
) -> SequenceModel | AnswerModel:
    """The label model of texts, as :class:`TakeSpans` takes them, and of gold ones.

    Args:
        said: What the rules say of ``gold``.
    """
    spec = work.spec
    several = [_votes(work, len(texts), table) for table, texts in parts]
    votes = SpanVotes.joined([*several, said])
    examples = [*(each for _, texts in parts for each in _examples(texts)), *gold]
    if spec.task.readout == "extract":
        return AnswerModel.fit(votes, examples)
    return fit_span_model(spec, votes, [words(example.text) for example in examples], gold_answers(examples))


@dataclass(frozen=True, slots=True)
class WriteSpans:
    """Makes the lines of a shard, as UTF-8, and counts those in which a rule votes for an entity or an answer.

    Attributes:
        left_out: (shard, row) of texts that get no line.
    """

    work: ApplyRules
    model: SequenceModel | AnswerModel
    left_out: frozenset[tuple[int, int]] = frozenset()

    def __call__(self, number: int) -> tuple[bytes, int]:
        shard = read_span_shard(shard_path(self.work.folder, number))
        votes = _votes(self.work, len(shard.ids), shard.votes)
        found = self._answered(votes, shard.texts)
        lines, labelled = [], 0
        for row, (identity, said, covered) in enumerate(zip(shard.ids, _by_rule(votes), votes.covered, strict=True)):
            if (number, row) in self.left_out:
                continue
            answer, probability = found[row]
            value = {"id": identity, "votes": said, "label": answer_value(answer), "probability": probability}
            lines.append(json_line(value))
            labelled += bool(covered)
        return b"".join(lines), labelled

    def _answered(self, votes: SpanVotes, texts: Texts) -> list[tuple[Spans, float | None]]:
        """What the label model makes of texts, and how sure it is."""
        if isinstance(self.model, AnswerModel):
            proposals = self.model.proposals(votes, _examples(texts))
            # Where the rules propose nothing and veto nothing, nothing is known.
            return [
                (answer, certain if each.spans or each.silenced else None)
                for each, (answer, certain) in zip(proposals, self.model.answers(proposals), strict=True)
            ]
        ranges = [words(text) for text, _ in texts]
        beliefs = self.model.posterior(votes, ranges)
        decoded = self.model.decode(votes, ranges, beliefs=beliefs)
        return [
            (answer, _certainty(answer, belief, places))
            for answer, belief, places in zip(decoded, beliefs, ranges, strict=True)
        ]


def _votes(work: ApplyRules, texts: int, table: np.ndarray) -> SpanVotes:
    assert isinstance(work.rules, SpanRules)
    return SpanVotes.of(work.rules.rules, work.rules.labels, texts, table)


def _examples(texts: Texts) -> list[Example]:
    """As the label model reads them, which asks for no id."""
    return [Example("", text, text_pair=second) for text, second in texts]


def _by_rule(votes: SpanVotes) -> list[dict[str, list[dict[str, Any]]]]:
    """Of each text what every rule says."""
    found: list[dict[str, list[dict[str, Any]]]] = [{} for _ in range(votes.texts)]
    for row, rule, start, end, label in votes.table.tolist():
        each = votes.rules[rule]
        said = {"label": votes.labels[label]} if each.sign else {}  # a link speaks of no label
        found[row].setdefault(each.name, []).append({"start": start, "end": end, **said})
    return found


def _certainty(answer: Spans, belief: np.ndarray, places: list[tuple[int, int]]) -> float | None:
    """How likely the least likely entity's words are in one at all; ``None`` where there is no entity."""
    if not answer.spans:
        return None
    edges = np.array(places, dtype=np.int64).reshape(-1, 2)
    first = np.searchsorted(edges[:, 1], [span.start for span in answer.spans], side="right")
    last = np.searchsorted(edges[:, 0], [span.end for span in answer.spans], side="left")
    return min(float(1.0 - belief[start:end, 0].max()) for start, end in zip(first, last, strict=True))
