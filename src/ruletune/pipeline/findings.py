"""From predictions to the report: scores, labels saved, cases worth a look."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Literal

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.corpus import gold_matrix
from ruletune.labeling.label_model import LabelModel
from ruletune.labeling.span_show import asked
from ruletune.labeling.table import covered as covered_by
from ruletune.labeling.table import rule_rows
from ruletune.labeling.votes import Votes
from ruletune.metrics.calibration import expected_calibration_error, reliability
from ruletune.metrics.learning_curve import labels_saved
from ruletune.models.encoding import Loss
from ruletune.pipeline.deciding import answers, probabilities
from ruletune.pipeline.embedding import embedder
from ruletune.pipeline.fits import Outputs
from ruletune.pipeline.prepare import Parts
from ruletune.pipeline.scoring import LabelScoring
from ruletune.report.model import Bin, Case, CurvePoint, LabelsSaved, LossPoint, Report, RuleRow, Score, Truncation
from ruletune.rules import Fault
from ruletune.tasks import Readout
from ruletune.types import Example, Label

__all__ = ["Curve", "Judged", "Outcome", "assemble", "judge", "measure", "metrics", "report", "rules", "settings_of"]

_SHAPES: dict[Readout, Literal["label", "spans", "passage", "text"]] = {
    "text": "label",
    "pair": "label",
    "tokens": "spans",
    "extract": "passage",
    "generate": "text",
}

_CASES = 12
"""Cases of each kind that the report shows."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Labels alone at one number of labels: what it makes of the test part."""

    labels: int
    outputs: Outputs


@dataclass(frozen=True, slots=True)
class Judged:
    """Predictions on a part, beside its gold answers."""

    gold: list[Label]
    predicted: list[Label]
    scores: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        return np.array([g == p for g, p in zip(self.gold, self.predicted, strict=True)], dtype=bool)


def judge(probability: np.ndarray, examples: Sequence[Example], labels: Sequence[str], *, multi: bool) -> Judged:
    """Decide for each example and put the decision beside gold."""
    decided = answers(probability, labels, multi=multi)
    gold = [example.answer for example in examples]
    assert all(isinstance(answer, Label) for answer in gold)
    return Judged(
        gold,  # type: ignore[arg-type]
        [label for label, _ in decided],
        np.array([value for _, value in decided], dtype=np.float64),
    )


def measure(
    name: str, judged: Judged, scoring: LabelScoring, *, covered: np.ndarray, labels_used: int, seed: int
) -> Score:
    """One line of the comparison: metrics, interval, and both sides of the rules' coverage."""

    def part(mask: np.ndarray) -> float | None:
        rows = np.flatnonzero(mask).tolist()
        return scoring.main([judged.gold[row] for row in rows], [judged.predicted[row] for row in rows])

    result = scoring.score(judged.gold, judged.predicted)
    return Score(
        name=name,
        metrics={key: value for key, value in result.items() if isinstance(value, float)},
        interval=scoring.interval(judged.gold, judged.predicted, seed=seed),
        labels=labels_used,
        covered=part(covered),
        uncovered=part(~covered),
    )


def cases(
    judged: Judged,
    examples: Sequence[Example],
    rule_set: RuleSet,
    covered: np.ndarray,
    posterior: np.ndarray,
    *,
    multi: bool,
) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """Texts where rules and model disagree, surest disagreement first; and texts that no rule covers,
    least certain first."""
    by_rules = [label for label, _ in answers(posterior, rule_set.labels, multi=multi)]
    different = [row for row in map(int, np.flatnonzero(covered)) if by_rules[row] != judged.predicted[row]]
    different.sort(key=lambda row: (-judged.scores[row], row))
    lone = sorted(map(int, np.flatnonzero(~covered)), key=lambda row: (judged.scores[row], row))
    return (
        tuple(_case(row, judged, examples, rule_set, str(by_rules[row])) for row in different[:_CASES]),
        tuple(_case(row, judged, examples, rule_set, None) for row in lone[:_CASES]),
    )


def _case(row: int, judged: Judged, examples: Sequence[Example], rule_set: RuleSet, rules_say: str | None) -> Case:
    example = examples[row]
    firings = rule_set.firings(example)
    return Case(
        id=example.id,
        text=example.text,
        rules_say=rules_say,
        model_says=str(judged.predicted[row]),
        gold=str(judged.gold[row]),
        probability=float(judged.scores[row]),
        rules=tuple(firing.rule for firing in firings),
        spans=tuple((span.start, span.end) for firing in firings for span in firing.spans),
        asked=asked(example),
    )


def report(
    spec: TaskSpec,
    parts: Parts,
    *,
    votes: Mapping[str, Votes],
    label_model: LabelModel,
    ways: Mapping[str, np.ndarray],
    labels_used: Mapping[str, int],
    curve: Sequence[Curve],
    losses: Sequence[LossPoint],
    truncation: Mapping[str, Loss],
    created: str,
) -> Report:
    """Everything that the report page shows.

    Args:
        votes: By part of the data.
        ways: Name to probabilities on the test part, the delivered model last.
        labels_used: Name to gold labels, validation included.
    """
    labels, multi, scoring = spec.labels, spec.file.multi_label, LabelScoring.of(spec)
    rule_set = RuleSet(spec.rules, labels=labels, embed=embedder(spec))
    test, covered = parts.test, covered_by(spec.task, votes["test"])
    judged = {name: judge(values, test, labels, multi=multi) for name, values in ways.items()} if test else {}
    scores = tuple(
        measure(name, j, scoring, covered=covered, labels_used=labels_used[name], seed=spec.file.seed)
        for name, j in judged.items()
    )
    delivered = list(judged.values())[-1] if judged else None
    detail = scoring.score(delivered.gold, delivered.predicted) if delivered else {}
    different, lone = (
        cases(delivered, test, rule_set, covered, label_model.posterior(votes["test"].matrix), multi=multi)
        if delivered
        else ((), ())
    )
    coverage = covered_by(spec.task, votes["unlabeled"]) if parts.unlabeled else covered
    return assemble(
        spec,
        parts,
        Outcome(
            scores=scores,
            points=_curve_points(curve, parts, scoring),
            confusion=tuple(tuple(row) for row in detail.get("confusion", ())),
            per_label=detail.get("per_label", {}),
            certainty=delivered.scores if delivered else np.zeros(0),
            correct=delivered.correct if delivered else np.zeros(0, dtype=bool),
            rules=_all_rows(parts, votes, label_model, labels, multi=multi),
            rule_coverage=float(coverage.mean()) if len(coverage) else 0.0,
            disagreements=different,
            uncovered=lone,
            faults={name: part.faults for name, part in votes.items()},
        ),
        losses=losses,
        truncation=truncation,
        created=created,
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found on the test part, whatever the shape of the answers.

    Attributes:
        scores: Of the ways of answering, the delivered model last.
        points: Of the labels-only learning curve: gold labels, and the main metric.
        certainty, correct: Of everything that the delivered model answered: how sure it was, and whether it was right.
        faults: By part of the data.
    """

    scores: tuple[Score, ...]
    points: Sequence[tuple[int, float]]
    confusion: tuple[tuple[int, ...], ...]
    per_label: dict[str, dict[str, float]]
    certainty: np.ndarray
    correct: np.ndarray
    rules: tuple[RuleRow, ...]
    rule_coverage: float
    disagreements: tuple[Case, ...]
    uncovered: tuple[Case, ...]
    faults: Mapping[str, Sequence[Fault]]


def assemble(
    spec: TaskSpec,
    parts: Parts,
    found: Outcome,
    *,
    losses: Sequence[LossPoint],
    truncation: Mapping[str, Loss],
    created: str,
) -> Report:
    """The report of an outcome."""
    metric, answered = spec.task.metric, len(found.certainty) > 0
    return Report(
        title=spec.file.name or spec.path.stem,
        description=spec.file.description,
        created=created,
        metric=metric,
        scores=found.scores,
        labels=spec.labels,
        parts=parts.sizes(),
        rules=found.rules,
        rule_coverage=found.rule_coverage,
        labels_saved=_saved(found.points, found.scores, metric, spec.file.seed) if _compared(spec, found) else None,
        curve=_summary(found.points),
        losses=tuple(losses),
        confusion=found.confusion,
        per_label=found.per_label,
        calibration=tuple(Bin(*values) for values in reliability(found.certainty, found.correct)) if answered else (),
        calibration_error=expected_calibration_error(found.certainty, found.correct) if answered else None,
        truncation=tuple(
            Truncation(name, loss.texts, loss.truncated, loss.tokens_lost, loss.longest)
            for name, loss in truncation.items()
        ),
        disagreements=found.disagreements,
        uncovered=found.uncovered,
        warnings=_warnings(parts, found.faults, truncation, found.scores, metric),
        settings=settings_of(spec),
        versions=_versions(),
        shape=_SHAPES[spec.task.readout],
    )


def _compared(spec: TaskSpec, found: Outcome) -> bool:
    """Whether there is a curve; where texts are written, only if the task file asks for one."""
    return spec.task.readout != "generate" or len({size for size, _ in found.points}) > 1


def _all_rows(
    parts: Parts, votes: Mapping[str, Votes], label_model: LabelModel, labels: Sequence[str], *, multi: bool
) -> tuple[RuleRow, ...]:
    """Rules over all parts together; accuracy from every gold label at hand, none of which taught the rules."""
    names = ("gold", "unlabeled", "validation", "test")
    first = votes["gold"]
    faults: dict[str, Fault] = {}
    for name in names:
        for fault in votes[name].faults:
            faults.setdefault(fault.rule, fault)
    matrix = np.concatenate([votes[name].matrix for name in names])
    gold = np.full((len(matrix), len(labels)), np.nan)
    start = 0
    for name in names:
        examples = getattr(parts, name)
        if name != "unlabeled" and examples:
            gold[start : start + len(examples)] = gold_matrix(examples, labels)
        start += len(examples)
    together = Votes(first.rules, first.labels, matrix, tuple(faults.values()))
    return rule_rows(together, gold=gold, label_model=label_model, multi=multi)


def _curve_points(curve: Sequence[Curve], parts: Parts, scoring: LabelScoring) -> list[tuple[int, float]]:
    points = []
    for point in curve:
        assert isinstance(point.outputs, np.ndarray)
        judged = judge(
            probabilities(point.outputs, multi=scoring.multi), parts.test, scoring.labels, multi=scoring.multi
        )
        points.append((point.labels, scoring.main(judged.gold, judged.predicted) or 0.0))
    return sorted(points)


def _summary(points: Sequence[tuple[int, float]]) -> tuple[CurvePoint, ...]:
    by_size: dict[int, list[float]] = {}
    for size, value in points:
        by_size.setdefault(size, []).append(value)
    return tuple(CurvePoint(n, float(np.mean(v)), min(v), max(v)) for n, v in sorted(by_size.items()))


def _saved(points: Sequence[tuple[int, float]], scores: Sequence[Score], metric: str, seed: int) -> LabelsSaved | None:
    """Only where there is something to compare: labels alone on a curve, and a model that rules taught too."""
    if not points or len(scores) < 2 or scores[-1].name == "labels alone":
        return None
    used = max(size for size, _ in points)
    saved = labels_saved(points, target=scores[-1].metrics[metric], used=used, seed=seed)
    return LabelsSaved(saved.estimate, saved.low, saved.high, saved.limit, saved.note)


def _warnings(
    parts: Parts,
    faults: Mapping[str, Sequence[Fault]],
    truncation: Mapping[str, Loss],
    scores: Sequence[Score],
    metric: str,
) -> tuple[str, ...]:
    warnings = list(parts.warnings)
    if not parts.test:
        warnings.append(
            "There is no labelled test data, so nothing could be measured: give data.test or data.split.test."
        )
    elif len(parts.test) < 100:
        warnings.append(f"The test part has {len(parts.test)} texts: differences of a few points mean nothing.")
    for name, failed in faults.items():
        for fault in failed:
            last = fault.traceback.strip().splitlines()[-1]
            warnings.append(
                f"Rule {fault.rule!r} failed on {fault.count} texts of the {name} part, first on {fault.example_id!r}: {last}"
            )
    cut = sum(loss.truncated for loss in truncation.values())
    if cut:
        total = sum(loss.texts for loss in truncation.values())
        lost = sum(loss.tokens_lost for loss in truncation.values())
        warnings.append(f"{cut} of {total} texts were longer than the model reads; {lost} tokens were left out.")
    by_name = {s.name: s for s in scores}
    both, alone = by_name.get("rules + labels"), by_name.get("labels alone")
    if both and alone and both.metrics[metric] < alone.metrics[metric]:
        warnings.append("On the test part, labels alone did better than rules + labels: the rules did harm here.")
    return tuple(warnings)


def settings_of(spec: TaskSpec) -> dict[str, str]:
    """The resolved model and training settings, flattened."""
    flat: dict[str, str] = {}

    def add(prefix: str, value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                add(f"{prefix}.{key}", inner)
        else:
            flat[prefix] = "default" if value is None else str(value)

    add("model", spec.file.model.model_dump())
    add("training", spec.file.training.model_dump())
    flat["template"] = " | ".join(template.source for template in spec.rendering.templates)
    flat["seed"] = str(spec.file.seed)
    return flat


def _versions() -> dict[str, str]:
    packages = ("ruletune", "torch", "transformers", "numpy", "scikit-learn")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def metrics(report: Report) -> dict[str, Any]:
    """What ``metrics.json`` holds."""
    return {
        "metric": report.metric,
        "scores": {
            score.name: {
                **score.metrics,
                "interval": list(score.interval),
                "labels": score.labels,
                "covered": score.covered,
                "uncovered": score.uncovered,
            }
            for score in report.scores
        },
        "labels_saved": asdict(report.labels_saved) if report.labels_saved else None,
        **(
            {"kept": {row.rule: {"demanded": row.demanded, "kept": row.kept} for row in report.kept}}
            if report.kept
            else {}
        ),
        "guard": asdict(report.guard) if report.guard else None,
        "rule_reliance": asdict(report.reliance) if report.reliance else None,
        "rule_effects": {effect.rule: effect.loss for effect in report.effects},
        "calibration_error": report.calibration_error,
        "uncalibrated_error": report.uncalibrated_error,
        "log_loss": report.log_loss,
        "uncalibrated_log_loss": report.uncalibrated_log_loss,
        "rule_coverage": report.rule_coverage,
        "per_label": report.per_label,
        "parts": report.parts,
        "warnings": list(report.warnings),
    }


def rules(report: Report, label_model: Mapping[str, Any]) -> dict[str, Any]:
    """What ``rules.json`` holds: the rule table and the label model."""
    return {"rules": [asdict(row) for row in report.rules], "label_model": dict(label_model)}
