"""Reports as a run would write them: two labels and 25 rules, six labels and 141 rules, and nearly nothing."""

from __future__ import annotations

import random

from ruletune.report.model import (
    Bin,
    Case,
    CurvePoint,
    LabelsSaved,
    LossPoint,
    Report,
    RuleRow,
    Score,
    Truncation,
)  # fmt: skip

__all__ = ["binary", "many", "nearly_empty"]

_TEXTS = (
    "A quiet triumph: the two leads carry a script that never once reaches for an easy laugh.",
    "Not bad, not memorable either. I kept waiting for the story to begin and then the credits rolled.",
    "What a waste of a terrific cast. The dialogue is wooden and the third act falls apart completely.",
    "剧情拖沓，但演员的表演非常精彩 🎬 值得一看。",
    "If you only see one film about lighthouse keepers this year, it might as well be this one, because it is funny, "
    "sad and beautifully shot, and because nobody else seems to be making films about lighthouse keepers at all.",
)


def binary() -> Report:
    """Film reviews: all three ways, a curve, everything measured."""
    rng = random.Random(7)
    labels = ("negative", "positive")
    return Report(
        title="Film reviews",
        description="Is a short film review positive or negative about the film?",
        created="2025-03-14T09:26:53+00:00",
        metric="accuracy",
        scores=(
            Score("rules alone", {"accuracy": 0.6512, "macro_f1": 0.6377}, (0.6213, 0.6801), 16, 0.7523, 0.5134),
            Score("labels alone", {"accuracy": 0.7231, "macro_f1": 0.7198}, (0.6945, 0.7502), 32, 0.7345, 0.7012),
            Score("rules + labels", {"accuracy": 0.8123, "macro_f1": 0.8106}, (0.7868, 0.8355), 32, 0.8367, 0.7741),
        ),
        labels=labels,
        parts={"train": 16, "validation": 16, "test": 1000, "unlabeled": 3000},
        rules=_rules(rng, labels, 25),
        rule_coverage=0.5837,
        labels_saved=LabelsSaved(
            71.0, 38.0, 204.0, 320, "Read off the curve of labels alone, carried on as a power law."
        ),
        curve=(
            CurvePoint(4, 0.5711, 0.5102, 0.6243),
            CurvePoint(8, 0.6314, 0.5807, 0.6748),
            CurvePoint(16, 0.7231, 0.7231, 0.7231),
        ),
        losses=_losses(rng, ("labels alone", "rules + labels: weak", "rules + labels: gold")),
        confusion=((389, 109), (79, 423)),
        per_label={
            "negative": {"precision": 0.8312, "recall": 0.7811, "f1": 0.8054, "support": 498},
            "positive": {"precision": 0.7951, "recall": 0.8426, "f1": 0.8182, "support": 502},
        },
        calibration=tuple(
            Bin(c, a, n)
            for c, a, n in (
                (0.55, 0.53, 81),
                (0.65, 0.62, 127),
                (0.75, 0.71, 168),
                (0.85, 0.79, 243),
                (0.94, 0.92, 381),
            )
        ),
        calibration_error=0.0413,
        truncation=(
            Truncation("train", 16, 0, 0, 61),
            Truncation("validation", 16, 1, 12, 140),
            Truncation("test", 1000, 31, 1204, 402),
            Truncation("unlabeled", 3000, 97, 4410, 611),
        ),
        disagreements=_cases(rng, labels, 8, covered=True),
        uncovered=_cases(rng, labels, 8, covered=False),
        warnings=(
            "129 of 4032 texts were longer than the model reads; 5626 tokens were left out.",
            "Rule 'negation' failed on 3 texts of the test part, first on '817': ValueError: no verb",
        ),
        settings={
            "model.checkpoint": "minilm",
            "model.max_length": "128",
            "training.optimizer": "adamw",
            "training.learning_rate": "default",
            "training.curve.shares": "(0.25, 0.5)",
            "template": "{text}",
            "seed": "0",
        },
        versions={"python": "3.11.9", "ruletune": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0"},
    )


def many() -> Report:
    """Question types: six labels, 141 rules, long names, and more labels saved than the curve can tell."""
    rng = random.Random(11)
    labels = ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
    sizes = (9, 138, 94, 65, 81, 113)
    confusion = tuple(_spread(rng, gold, len(labels), n) for gold, n in enumerate(sizes))
    return Report(
        title="Question types of a knowledge base with a rather long title that has to wrap on a phone",
        description="What kind of answer does the question ask for?",
        created="2025-03-14T09:26:53+00:00",
        metric="accuracy",
        scores=(
            Score("rules alone", {"accuracy": 0.6072, "macro_f1": 0.5523}, (0.5635, 0.6493), 30, 0.6398, 0.2213),
            Score("labels alone", {"accuracy": 0.6844, "macro_f1": 0.6341}, (0.6421, 0.7238), 60, 0.6911, 0.6042),
            Score("rules + labels", {"accuracy": 0.7702, "macro_f1": 0.7263}, (0.7313, 0.8051), 60, 0.7801, 0.6523),
        ),
        labels=labels,
        parts={"train": 30, "validation": 30, "test": 500, "unlabeled": 4922},
        rules=_rules(rng, labels, 141),
        rule_coverage=0.9502,
        labels_saved=LabelsSaved(
            None, 88.0, None, 600, "The curve does not reach the delivered model within 20 times the labels."
        ),
        curve=tuple(CurvePoint(n, v, v - 0.06, v + 0.05) for n, v in ((8, 0.41), (15, 0.53), (30, 0.6844))),
        losses=_losses(
            rng, ("labels alone", "learning curve, 8 labels, draw 1", "rules + labels: weak", "rules + labels: gold")
        ),
        confusion=confusion,
        per_label={
            label: {
                "precision": rng.uniform(0.5, 0.9),
                "recall": confusion[k][k] / sizes[k],
                "f1": rng.uniform(0.5, 0.9),
                "support": sizes[k],
            }
            for k, label in enumerate(labels)
        },
        calibration=tuple(Bin(0.25 + 0.1 * k, 0.18 + 0.095 * k, (12, 31, 50, 61, 77, 88, 90, 91)[k]) for k in range(8)),
        calibration_error=0.1037,
        truncation=tuple(
            Truncation(name, n, 0, 0, 41) for name, n in (("train", 30), ("test", 500), ("unlabeled", 4922))
        ),
        disagreements=_cases(rng, labels, 12, covered=True),
        uncovered=_cases(rng, labels, 5, covered=False),
        warnings=(),
        settings={"model.checkpoint": "minilm", "seed": "0"},
        versions={"python": "3.11.9", "ruletune": "0.1.0"},
    )


def nearly_empty() -> Report:
    """Several labels at once, no rules, no labelled test data: only what every run has."""
    return Report(
        title="Tags",
        description="",
        created="2025-03-14T09:26:53+00:00",
        metric="accuracy",
        scores=(),
        labels=("billing", "bug", "praise"),
        parts={"train": 12, "validation": 0, "test": 0, "unlabeled": 0},
        rules=(),
        rule_coverage=0.0,
        labels_saved=None,
        curve=(),
        losses=(),
        confusion=(),
        per_label={},
        calibration=(),
        calibration_error=None,
        truncation=(),
        disagreements=(),
        uncovered=(),
        warnings=("There is no labelled test data, so nothing could be measured: give data.test or data.split.test.",),
        settings={},
        versions={},
    )


def _rules(rng: random.Random, labels: tuple[str, ...], count: int) -> tuple[RuleRow, ...]:
    rows = []
    for n in range(count):
        coverage = 0.0 if n % 40 == 39 else round(min(0.6, rng.paretovariate(0.9) * 0.002), 5)
        judged = round(coverage * 1000)
        correct = round(judged * min(1.0, rng.betavariate(6, 2)))
        overlap = round(coverage * rng.uniform(0.2, 0.9), 5)
        name = ("praise", "verdict words", r"(?i)\b(what|which)\s+(country|city|state|town|island)s?\b.*\?$")[n % 3]
        chosen = labels[n % len(labels)] if n % 9 else labels[0]
        rows.append(
            RuleRow(
                name=f"{name} {n + 1}",
                where="" if n % 5 == 4 else f"rules/questions.tsv:{n + 2}",
                kind=("keywords", "regex", "table", "gazetteer", "function")[n % 5],
                labels=tuple(labels) if n == 4 else (chosen,),
                coverage=coverage,
                overlap=overlap,
                conflict=round(overlap * rng.uniform(0, 0.7), 5),
                correct=correct,
                judged=judged,
                estimated=None if coverage == 0 else round(rng.uniform(0.5, 0.98), 4),
                faults=3 if n == 9 else 0,
            )
        )
    return tuple(rows)


def _losses(rng: random.Random, stages: tuple[str, ...]) -> tuple[LossPoint, ...]:
    points = []
    for stage in stages:
        level = 0.69
        for step in range(1, 121):
            level *= 0.988
            points.append(LossPoint(stage, "train", step, max(0.02, level + rng.gauss(0, 0.05))))
            if step % 20 == 0:
                points.append(LossPoint(stage, "validation", step, level * 1.1 + 0.002 * step))
    return tuple(points)


def _spread(rng: random.Random, gold: int, width: int, total: int) -> tuple[int, ...]:
    counts = [0] * width
    for _ in range(total):
        counts[gold if rng.random() < 0.77 else rng.randrange(width)] += 1
    return tuple(counts)


def _cases(rng: random.Random, labels: tuple[str, ...], count: int, *, covered: bool) -> tuple[Case, ...]:
    cases = []
    for n in range(count):
        text = _TEXTS[n % len(_TEXTS)]
        first, second = rng.sample(labels, 2)
        start = len(text) // 4
        cases.append(
            Case(
                id=str(100 + n),
                text=text,
                rules_say=first if covered else None,
                model_says=second,
                gold=(first, second, None)[n % 3],
                probability=round(rng.uniform(0.5, 0.99), 4),
                rules=("verdict words 2", "praise 4") if covered else (),
                spans=((start, start + 9), (start + 5, start + 14), (start + 25, start + 31)) if covered else (),
            )
        )
    return tuple(cases)
