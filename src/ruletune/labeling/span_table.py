"""What each rule does where the answers are spans: shares of texts, and of its votes that are right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.analysis import kind_name, polarity
from ruletune.labeling.answer_model import AnswerModel
from ruletune.labeling.answer_table import proposals_judged
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.sequence_model import SEQUENCE_MODELS, SequenceModel
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.table import RuleTable
from ruletune.labeling.words import words
from ruletune.report.model import RuleRow
from ruletune.rules import Link, Vote
from ruletune.types import Example, Spans

__all__ = [
    "fit_span_model", "gold_answers", "judged_votes", "meetings", "rows_of", "rules_answers", "span_rule_rows",
    "span_rule_table", "verdict_on",
]  # fmt: skip


def span_rule_rows(
    votes: SpanVotes,
    *,
    gold: Sequence[Spans | None],
    accuracy: np.ndarray | None = None,
    verdict: tuple[np.ndarray, np.ndarray] | None = None,
    only: Collection[str] | None = None,
) -> tuple[RuleRow, ...]:
    """Rows of the rule table. Coverage, overlap and conflict are shares of texts; a vote is right where gold has the same span.

    A veto is right where no gold span of its label touches it. A link is right where an entity
    that its characters touch holds all of them, or none of them all where it parts them.

    Args:
        gold: Answers by text, ``None`` where nobody gave one.
        accuracy: (rules,) what a label model believes of each.
        verdict: Which votes are right and which are judged, (votes,) bool each, where that is said otherwise.
        only: Names of the rules that have a row; default all.
    """
    signs, links = votes.signs, votes.links
    overlaps, conflicts = meetings(votes)
    right, judged = judged_votes(votes, gold) if verdict is None else verdict
    reasons = {fault.rule: fault for fault in votes.faults}
    rows = []
    for position, rule in enumerate(votes.rules):
        if only is not None and rule.name not in only:
            continue
        mine = votes.rule == position
        labels = tuple(votes.labels[k] for k in np.unique(votes.label[mine])) if signs[position] else ()
        fault = reasons.get(rule.name)
        rows.append(
            RuleRow(
                name=rule.name,
                where=str(rule.where or ""),
                kind=kind_name(rule),
                labels=labels or ((rule.label,) if rule.label else ()),
                coverage=_texts(votes, mine),
                overlap=_texts(votes, mine & overlaps),
                conflict=_texts(votes, mine & conflicts),
                correct=int((mine & judged & right).sum()),
                judged=int((mine & judged).sum()),
                estimated=None
                if accuracy is None or not (signs[position] or links[position])
                else float(accuracy[position]),
                faults=fault.count if fault else 0,
                failure=fault.traceback.strip().splitlines()[-1] if fault else "",
                says=polarity(rule, labels),
                new=float((~overlaps[mine]).mean()) if mine.any() else 0.0,
            )
        )
    return tuple(rows)


def gold_answers(examples: Sequence[Example]) -> list[Spans | None]:
    """The gold spans of each text; ``None`` where nobody gave any."""
    return [example.answer if isinstance(example.answer, Spans) else None for example in examples]


def span_rule_table(
    spec: TaskSpec,
    examples: Sequence[Example],
    *,
    progress: Callable[[int], None] | None = None,
    embed: Embed | None = None,
) -> RuleTable:
    """Apply a task's rules and say what each of them does."""
    votes = SpanRules(spec.rules, labels=spec.labels, embed=embed).apply(examples, progress=progress)
    gold = gold_answers(examples)
    overlaps, conflicts = meetings(votes)
    return RuleTable(
        rows=rows_of(spec, votes, examples),
        texts=len(examples),
        gold=sum(answer is not None for answer in gold),
        coverage=float(votes.covered.mean()) if len(examples) else 0.0,
        overlap=_texts(votes, overlaps),
        conflict=_texts(votes, conflicts),
    )


def rows_of(spec: TaskSpec, votes: SpanVotes, examples: Sequence[Example]) -> tuple[RuleRow, ...]:
    """What each rule does, with what the task's label model believes of it."""
    gold = gold_answers(examples)
    if spec.task.readout == "extract":
        accuracy = AnswerModel.fit(votes, examples).accuracy
    else:
        accuracy = fit_span_model(spec, votes, [words(example.text) for example in examples], gold).accuracy
    return span_rule_rows(votes, gold=gold, accuracy=accuracy, verdict=verdict_on(spec, votes, examples))


def verdict_on(spec: TaskSpec, votes: SpanVotes, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Which votes are right and which are judged at all, (votes,) bool each, as the task counts it."""
    if spec.task.readout == "extract":
        return proposals_judged(votes, examples)
    return judged_votes(votes, gold_answers(examples))


def rules_answers(spec: TaskSpec, votes: SpanVotes, examples: Sequence[Example]) -> list[Spans]:
    """What the rules and the task's label model make of each text: its entities, or the answer to its question."""
    if spec.task.readout == "extract":
        model = AnswerModel.fit(votes, examples)
        return [answer for answer, _ in model.answers(model.proposals(votes, examples))]
    places = [words(example.text) for example in examples]
    return fit_span_model(spec, votes, places, gold_answers(examples)).decode(votes, places)


def fit_span_model(
    spec: TaskSpec, votes: SpanVotes, words: Sequence[Sequence[tuple[int, int]]], gold: Sequence[Spans | None]
) -> SequenceModel:
    """The task's label model over words, fitted on votes and what gold there is.

    Args:
        words: Of each text, as ranges of characters.
        gold: Of each text, ``None`` where nobody gave one.
    """
    weights = [rule.says.weight if isinstance(rule.says, Vote | Link) else rule.weight for rule in votes.rules]
    kind = "majority" if spec.file.training.label_model == "majority" else "hmm"
    return SEQUENCE_MODELS[kind](votes, words, gold=gold, weights=weights)


def _texts(votes: SpanVotes, which: np.ndarray) -> float:
    rows = votes.row[which]  # sorted, as all votes are
    return (int((np.diff(rows) > 0).sum()) + bool(len(rows))) / votes.texts if votes.texts else 0.0


def meetings(votes: SpanVotes) -> tuple[np.ndarray, np.ndarray]:
    """Votes that share a character with a vote of another rule, and those of them where the labels differ, (votes,) bool.

    Votes are sorted by text and start: what meets a later one meets all between, so that each is compared with the next,
    then with the one after, and so on, as long as it reaches.
    """
    overlaps, conflicts = np.zeros(len(votes.row), dtype=bool), np.zeros(len(votes.row), dtype=bool)
    voting = np.flatnonzero(votes.signs[votes.rule] > 0)
    base = votes.row[voting].astype(np.int64) * (int(votes.end.max(initial=0)) + 1)  # one axis for all texts
    begins, ends = base + votes.start[voting], base + votes.end[voting]
    left = np.arange(len(voting))
    for distance in range(1, len(voting)):
        left = left[left < len(voting) - distance]
        left = left[begins[left + distance] < ends[left]]
        if not len(left):
            break
        first, second = voting[left], voting[left + distance]
        others = votes.rule[first] != votes.rule[second]
        differ = others & (votes.label[first] != votes.label[second])
        for found, which in ((overlaps, others), (conflicts, differ)):
            found[first[which]] = True
            found[second[which]] = True
    return overlaps, conflicts


def judged_votes(votes: SpanVotes, gold: Sequence[Spans | None]) -> tuple[np.ndarray, np.ndarray]:
    """Votes that are right, and those that gold says anything about, (votes,) bool."""
    right, judged = np.zeros(len(votes.row), dtype=bool), np.zeros(len(votes.row), dtype=bool)
    signs, links = votes.signs, votes.links
    known = [
        None if answer is None else {(span.start, span.end, span.label) for span in answer.spans} for answer in gold
    ]
    for vote in range(len(votes.row)):
        there = known[votes.row[vote]]
        sign = signs[votes.rule[vote]]
        if there is None or (sign == 0 and links[votes.rule[vote]] == 0):
            continue
        start, end, label = int(votes.start[vote]), int(votes.end[vote]), votes.labels[votes.label[vote]]
        judged[vote] = True
        if sign == 0:
            touched = [(s, e) for s, e, _ in there if s < end and start < e]
            judged[vote] = bool(touched)
            right[vote] = any(s <= start and end <= e for s, e in touched) == (links[votes.rule[vote]] > 0)
        elif sign > 0:
            right[vote] = (start, end, label) in there
        else:
            right[vote] = not any(name == label and s < end and start < e for s, e, name in there)
    return right, judged
