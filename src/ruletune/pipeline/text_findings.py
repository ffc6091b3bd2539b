"""From written texts to the report's figures: scores of every way of answering, and how the rules were kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.analysis import kind_name
from ruletune.labeling.demanding import Demanded
from ruletune.labeling.satisfaction import satisfaction
from ruletune.metrics.texts import TextScoring, references_of
from ruletune.pipeline.findings import Outcome
from ruletune.pipeline.prepare import Parts
from ruletune.report.model import Case, Kept, RuleRow, Score
from ruletune.rules.demands import Demand, unmet, words_of
from ruletune.types import Example

__all__ = ["Texts", "covered_by", "demand_rows", "kept_rows", "outcome", "scores_of"]

_CASES = 12
"""Cases of each kind that the report shows."""


@dataclass(frozen=True, slots=True)
class Texts:
    """One way of answering: its texts for the test part, and how many gold answers it used."""

    answers: Sequence[str]
    labels: int


def covered_by(demanded: Demanded) -> np.ndarray:
    """Of which answers something is demanded, (examples,) bool."""
    return np.array([bool(mine) for mine in demanded.by_example], dtype=bool)


def scores_of(
    spec: TaskSpec, examples: Sequence[Example], answers: Sequence[str], demanded: Demanded
) -> dict[str, float]:
    """The task's metrics; the share of demands that answers keep, and of demanded phrases and copies among them."""
    scores = dict(TextScoring(spec.task.name).score(examples, answers)) if examples else {}
    found = satisfaction(demanded, examples, [[answer] for answer in answers], shown=0)
    shares = {"term_accuracy": found.term_accuracy, "copied": found.copied}
    if any(row.demanded for row in found.rows):
        shares["rules_kept"] = found.share
    return scores | {name: share for name, share in shares.items() if share is not None}


def kept_rows(examples: Sequence[Example], demanded: Demanded, ways: Mapping[str, Texts]) -> tuple[Kept, ...]:
    """How every way of answering keeps each rule, with answers of the last one that do not."""
    tables = {
        name: {row.rule: row for row in satisfaction(demanded, examples, [[a] for a in way.answers]).rows}
        for name, way in ways.items()
    }
    last = list(tables.values())[-1]
    return tuple(
        Kept(
            rule,
            row.demanded,
            {name: table[rule].met for name, table in tables.items()},
            tuple((broken.source, broken.answer, broken.demanded) for broken in row.broken),
        )
        for rule, row in last.items()
        if row.demanded
    )


def demand_rows(parts: Parts, demanded: Mapping[str, Demanded]) -> tuple[RuleRow, ...]:
    """Rules over all parts together: where they demand something, and how often gold answers keep it."""
    names = ("gold", "unlabeled", "validation", "test")
    examples = [example for name in names for example in getattr(parts, name)]
    together = replace(
        demanded["gold"],
        by_example=[mine for name in names for mine in demanded[name].by_example],
        fired=np.concatenate([demanded[name].fired for name in names]),
    )
    found = satisfaction(together, examples, [references_of(example) for example in examples])
    kept = {row.rule: row for row in found.rows}
    faults = {fault.rule: fault for name in names for fault in demanded[name].faults}
    several = together.fired.sum(axis=1) > 1
    rows = []
    for position, rule in enumerate(together.rules):
        mine, row, fault = together.fired[:, position], kept.get(rule.name), faults.get(rule.name)
        rows.append(
            RuleRow(
                name=rule.name,
                where=str(rule.where or ""),
                kind=kind_name(rule),
                labels=(),
                coverage=float(mine.mean()) if len(mine) else 0.0,
                overlap=float((mine & several).mean()) if len(mine) else 0.0,
                conflict=0.0,
                correct=row.met if row else 0,
                judged=row.demanded if row else 0,
                estimated=None,
                faults=fault.count if fault else 0,
                failure=fault.traceback.strip().splitlines()[-1] if fault else "",
                says="helps others" if rule.says is None else words_of(rule.says),
            )
        )
    return tuple(rows)


def outcome(
    spec: TaskSpec,
    parts: Parts,
    *,
    heard: Mapping[str, Demanded],
    rules: tuple[RuleRow, ...],
    ways: Mapping[str, Texts],
    curve: Sequence[tuple[int, Sequence[str]]],
) -> Outcome:
    """What was found on the test part.

    Args:
        heard: By part, what the rules that are heard demand.
        ways: Name to answers, the delivered model last.
        curve: Answers of labels alone, by number of gold answers.
    """
    test, asked = parts.test, heard["test"]
    covered = covered_by(asked)
    metric = spec.task.metric
    scores = tuple(_score(spec, name, way, test, asked, covered) for name, way in ways.items()) if test else ()
    points = sorted((size, float(scores_of(spec, test, texts, asked)[metric])) for size, texts in curve) if test else []
    known = covered_by(heard["unlabeled"]) if parts.unlabeled else covered
    different, lone = _cases(test, asked.by_example, ways) if test else ((), ())
    return Outcome(
        scores=scores,
        points=points,
        confusion=(),
        per_label={},
        certainty=np.zeros(0),
        correct=np.zeros(0, dtype=bool),
        rules=rules,
        rule_coverage=float(known.mean()) if len(known) else 0.0,
        disagreements=different,
        uncovered=lone,
        faults={name: part.faults for name, part in heard.items()},
    )


def _score(
    spec: TaskSpec,
    name: str,
    way: Texts,
    test: Sequence[Example],
    demanded: Demanded,
    covered: np.ndarray,
) -> Score:
    scoring, metric = TextScoring(spec.task.name), spec.task.metric

    def part(mask: np.ndarray) -> float | None:
        rows = np.flatnonzero(mask).tolist()
        return scoring.score([test[r] for r in rows], [way.answers[r] for r in rows])[metric] if rows else None

    return Score(
        name=name,
        metrics=scores_of(spec, test, way.answers, demanded),
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
