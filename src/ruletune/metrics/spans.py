"""Metrics of labelled spans: strict ones as seqeval computes them, lenient ones as nervaluate does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ruletune.types import Span, Spans

__all__ = ["counts", "score"]


def score(gold: Sequence[Spans], predicted: Sequence[Spans], *, labels: Sequence[str]) -> dict[str, Any]:
    """Metrics of predicted spans against gold.

    Strictly, a span is right if start, end and label are; the same span twice in a text counts once. A share of nothing
    is 0, without a warning: where nothing is to be found and nothing is found, all scores are 0.

    Args:
        labels: All labels of the task, in its order.

    Returns:
        ``precision``, ``recall`` and ``f1`` over all spans; ``macro_f1``, the mean F1 over the labels that occur in
        gold or among the predictions; ``per_label`` with precision, recall, f1 and support. They equal seqeval's
        report (``mode="strict"``, ``scheme=IOB2``) to the last digit. Beside it, the F1 of three lenient comparisons
        over characters, as SemEval-2013 task 9 defines them: ``partial_f1`` (whatever the label; a span that only
        overlaps counts half), ``boundary_f1`` (both ends right, whatever the label) and ``type_f1`` (the label right,
        some overlap); nervaluate's ``partial``, ``exact`` and ``ent_type``, where an overlap is at least a hundredth of the
        gold span. Spans without characters have no overlap and are left out of those.

    Sources: Ramshaw & Marcus 1995, *Text chunking using transformation-based learning* (spans by both ends and label);
    Segura-Bedmar et al. 2013, *SemEval-2013 task 9: extraction of drug-drug interactions* (lenient ones).

    >>> gold, found = Spans((Span(0, 5, "PER"), Span(9, 14, "LOC"))), Spans((Span(0, 5, "PER"), Span(9, 12, "LOC")))
    >>> scores = score([gold], [found], labels=["PER", "LOC"])
    >>> scores["f1"], scores["macro_f1"], scores["partial_f1"], scores["type_f1"]
    (0.5, 0.5, 0.75, 1.0)
    """
    return {**_strict(gold, predicted, labels=labels), **_lenient(gold, predicted)}


def counts(gold: Sequence[Spans], predicted: Sequence[Spans]) -> np.ndarray:
    """True positives, predicted and gold spans of each text, (texts, 3), by strict comparison.

    >>> counts([Spans((Span(0, 2, "A"),))], [Spans((Span(0, 2, "A"), Span(3, 4, "A")))]).tolist()
    [[1, 2, 1]]
    """
    rows = [(set(truth.spans), set(found.spans)) for truth, found in zip(gold, predicted, strict=True)]
    table = [(len(truth & found), len(found), len(truth)) for truth, found in rows]
    return np.array(table, dtype=np.int64).reshape(-1, 3)


def _strict(gold: Sequence[Spans], predicted: Sequence[Spans], *, labels: Sequence[str]) -> dict[str, Any]:
    """Seqeval's report on sequences with one token for every different span of a text, gold or predicted.

    Each token carries a beginning where its span is, and is outside where it is not. So the same spans meet as in any
    tokenization that has their ends, and spans that overlap, which no tags over words can write, are counted as well.
    """
    # Tags are numbers in the order of the names: seqeval takes hyphens off names, and averages in the tags' order.
    tags = {label: f"B-{position:06}" for position, label in enumerate(sorted(labels))}
    truths: list[list[str]] = []
    founds: list[list[str]] = []
    for truth, found in zip(gold, predicted, strict=True):
        spans = dict.fromkeys((*truth.spans, *found.spans))
        for answer, sequences in ((set(truth.spans), truths), (set(found.spans), founds)):
            sequences.append([tags[span.label] if span in answer else "O" for span in spans])
    report = _report(truths, founds)
    micro = _row(report.get("micro avg"))
    return {
        **{name: micro[name] for name in ("precision", "recall", "f1")},
        "macro_f1": _row(report.get("macro avg"))["f1"],
        "per_label": {label: _row(report.get(tags[label].removeprefix("B-"))) for label in labels},
    }


def _report(gold: list[list[str]], predicted: list[list[str]]) -> dict[str, dict[str, Any]]:
    """Seqeval's rows by tag; none where there is no span at all, of which it can take no mean."""
    if not any(gold):
        return {}
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    report: dict[str, dict[str, Any]] = classification_report(
        gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    return report


def _row(row: dict[str, Any] | None) -> dict[str, Any]:
    if row is None:
        return {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    return {
        "precision": float(row["precision"]),
        "recall": float(row["recall"]),
        "f1": float(row["f1-score"]),
        "support": int(row["support"]),
    }


def _lenient(gold: Sequence[Spans], predicted: Sequence[Spans]) -> dict[str, float]:
    """The lenient F1 scores; texts are compared one by one and their counts added up."""
    from nervaluate.entities import EvaluationResult
    from nervaluate.strategies import EntityTypeEvaluation, ExactEvaluation, PartialEvaluation

    texts = [(_entities(truth), _entities(found)) for truth, found in zip(gold, predicted, strict=True)]
    result = {}
    strategies = {
        "partial_f1": PartialEvaluation(),
        "boundary_f1": ExactEvaluation(),
        "type_f1": EntityTypeEvaluation(),
    }
    for name, strategy in strategies.items():
        total = EvaluationResult()
        for truth, found in texts:
            one, _ = strategy.evaluate(truth, found, [])
            for kind in ("correct", "incorrect", "partial", "missed", "spurious"):
                setattr(total, kind, getattr(total, kind) + getattr(one, kind))
        total.compute_metrics(partial_or_type=True)  # where nothing is partly right, both formulas agree
        result[name] = float(total.f1)
    return result


def _entities(answer: Spans) -> list[Any]:
    """Nervaluate's entities, whose ends are inclusive, in reading order: it matches greedily."""
    from nervaluate.entities import Entity

    def place(span: Span) -> tuple[int, int, str]:
        return span.start, span.end, span.label

    return [
        Entity(label=span.label, start=span.start, end=span.end - 1)
        for span in sorted(set(answer.spans), key=place)
        if span.start < span.end
    ]
