"""From written texts to the report's figures: scores of every way of answering, and how the rules were kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.demanding import Demanded
from ruletune.metrics.texts import TextScoring, references_of
from ruletune.pipeline.findings import Outcome
from ruletune.pipeline.prepare import Parts
from ruletune.pipeline.text_judging import kept_by_gold
from ruletune.report.model import Case, Kept, RuleRow, Score
from ruletune.rules.demands import Demand, Say, unmet, words_of
from ruletune.types import Example

__all__ = ["Texts", "demand_rows", "kept_table", "outcome", "satisfaction", "scores_of"]

_CASES = 12
"""Cases of each kind that the report shows."""

_EXAMPLES = 3
"""Broken demands of a rule that the report shows."""


@dataclass(frozen=True, slots=True)
class Texts:
    """One way of answering: its texts for the test part, and how many gold answers it used."""

    answers: Sequence[str]
    labels: int


def scores_of(
    spec: TaskSpec, examples: Sequence[Example], answers: Sequence[str], demands: Sequence[Sequence[Demand]]
) -> dict[str, float]:
    """The task's metrics; the share of demands that answers keep, and of demanded phrases among them."""
    scores = dict(TextScoring(spec.task.name).score(examples, answers)) if examples else {}
    kept = []
    for example, answer, mine in zip(examples, answers, demands, strict=True):
        broken = unmet(mine, example, answer)
        kept += [(isinstance(demand.what, Say), demand not in broken) for demand in mine]
    if kept:
        scores["rules_kept"] = sum(good for _, good in kept) / len(kept)
    said = [good for phrase, good in kept if phrase]
    if said:
        scores["phrases_kept"] = sum(said) / len(said)
    return scores


def kept_table(
    examples: Sequence[Example], demands: Sequence[Sequence[Demand]], answers: Sequence[str]
) -> dict[str, dict[str, int]]:
    """By rule, of how many answers it demands something, and how many of them keep it."""
    table: dict[str, dict[str, int]] = {}
    for example, mine, answer in zip(examples, demands, answers, strict=True):
        broken = {demand.rule for demand in unmet(mine, example, answer)}
        for rule in dict.fromkeys(demand.rule for demand in mine):
            row = table.setdefault(rule, {"demanded": 0, "kept": 0})
            row["demanded"] += 1
            row["kept"] += rule not in broken
    return table


def satisfaction(
    examples: Sequence[Example], demands: Sequence[Sequence[Demand]], ways: Mapping[str, Texts]
) -> tuple[Kept, ...]:
    """How every way of answering keeps each rule, with answers of the last one that do not."""
    tables = {name: kept_table(examples, demands, way.answers) for name, way in ways.items()}
    last = list(ways.values())[-1].answers
    broken: dict[str, list[tuple[str, str, str]]] = {}
    for example, mine, answer in zip(examples, demands, last, strict=True):
        for demand in unmet(mine, example, answer):
            broken.setdefault(demand.rule, []).append((example.text, answer, words_of(demand.what)))
    first = next(iter(tables.values()))
    return tuple(
        Kept(
            rule,
            row["demanded"],
            {name: table[rule]["kept"] for name, table in tables.items()},
            tuple(broken.get(rule, [])[:_EXAMPLES]),
        )
        for rule, row in first.items()
    )


def demand_rows(parts: Parts, demanded: Mapping[str, Demanded]) -> tuple[RuleRow, ...]:
    """Rules over all parts together: where they demand something, and how often gold answers keep it."""
    names = ("gold", "unlabeled", "validation", "test")
    fired = np.concatenate([demanded[name].fired for name in names])
    examples = [example for name in names for example in getattr(parts, name)]
    demands = [mine for name in names for mine in demanded[name].by_example]
    judged = [kept_by_gold(example, mine) for example, mine in zip(examples, demands, strict=True)]
    rules = demanded["gold"].rules
    speaking = fired.sum(axis=1)
    faults = {fault.rule: fault for name in names for fault in demanded[name].faults}
    rows = []
    for position, rule in enumerate(rules):
        mine = fired[:, position]
        verdicts = [kept for each in judged for demand, kept in each if demand.rule == rule.name]
        fault = faults.get(rule.name)
        rows.append(
            RuleRow(
                name=rule.name,
                where=str(rule.where) if rule.where else "",
                kind=rule.kind,
                labels=(),
                coverage=float(mine.mean()) if len(mine) else 0.0,
                overlap=float((mine & (speaking > 1)).mean()) if len(mine) else 0.0,
                conflict=0.0,
                correct=sum(verdicts),
                judged=len(verdicts),
                estimated=None,
                faults=fault.count if fault else 0,
                failure=fault.traceback.strip().splitlines()[-1] if fault else "",
            )
        )
    return tuple(rows)


def outcome(
    spec: TaskSpec,
    parts: Parts,
    *,
    demanded: Mapping[str, Demanded],
    demands: Mapping[str, Sequence[Sequence[Demand]]],
    rules: tuple[RuleRow, ...],
    ways: Mapping[str, Texts],
    curve: Sequence[tuple[int, Sequence[str]]],
) -> Outcome:
    """What was found on the test part.

    Args:
        demanded: By part, of all rules; ``demands`` are those of the rules that are heard.
        ways: Name to answers, the delivered model last.
        curve: Answers of labels alone, by number of gold answers.
    """
    test, asked = parts.test, demands["test"]
    covered = np.array([bool(mine) for mine in asked], dtype=bool)
    metric = spec.task.metric
    scores = tuple(_score(spec, name, way, test, asked, covered) for name, way in ways.items()) if test else ()
    points = sorted((size, float(scores_of(spec, test, texts, asked)[metric])) for size, texts in curve) if test else []
    known = demands["unlabeled"] if parts.unlabeled else asked
    different, lone = _cases(test, asked, ways) if test else ((), ())
    return Outcome(
        scores=scores,
        points=points,
        confusion=(),
        per_label={},
        certainty=np.zeros(0),
        correct=np.zeros(0, dtype=bool),
        rules=rules,
        rule_coverage=sum(map(bool, known)) / len(known) if known else 0.0,
        disagreements=different,
        uncovered=lone,
        faults={name: part.faults for name, part in demanded.items()},
    )


def _score(
    spec: TaskSpec,
    name: str,
    way: Texts,
    test: Sequence[Example],
    demands: Sequence[Sequence[Demand]],
    covered: np.ndarray,
) -> Score:
    scoring, metric = TextScoring(spec.task.name), spec.task.metric

    def part(mask: np.ndarray) -> float | None:
        rows = np.flatnonzero(mask).tolist()
        return scoring.score([test[r] for r in rows], [way.answers[r] for r in rows])[metric] if rows else None

    return Score(
        name=name,
        metrics=scores_of(spec, test, way.answers, demands),
        interval=scoring.interval(test, way.answers, seed=spec.file.seed),
        labels=way.labels,
        covered=part(covered),
        uncovered=part(~covered),
    )


def _cases(
    test: Sequence[Example], demands: Sequence[Sequence[Demand]], ways: Mapping[str, Texts]
) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """Answers that break rules; and answers of which no rule demands anything."""
    answers = list(ways.values())[-1].answers
    broken = [(row, unmet(demands[row], test[row], answers[row])) for row in range(len(test))]
    wrong = [(row, faults) for row, faults in broken if faults]
    lone = [row for row in range(len(test)) if not demands[row]]
    return (
        tuple(_case(test[row], answers[row], faults) for row, faults in wrong[:_CASES]),
        tuple(_case(test[row], answers[row], ()) for row in lone[:_CASES]),
    )


def _case(example: Example, answer: str, broken: Sequence[Demand]) -> Case:
    said: dict[str, Any] = {"rules_say": "; ".join(words_of(demand.what) for demand in broken) or None}
    spans = dict.fromkeys((span.start, span.end) for demand in broken for span in demand.spans)
    return Case(
        id=example.id,
        text=example.text,
        model_says=answer,
        gold=" | ".join(references_of(example)) or None,
        probability=1.0,
        rules=tuple(dict.fromkeys(demand.rule for demand in broken)),
        spans=tuple(spans),
        asked=str(example.fields.get("history", "")),
        **said,
    )
