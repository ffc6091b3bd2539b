"""Metrics of relations between two entities: the negative class is no finding, and direction counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ruletune.metrics import classification
from ruletune.types import Label

__all__ = ["counts", "score", "semeval_macro_f1"]

_DIRECTION = re.compile(r"\((?:e1,e2|e2,e1)\)\Z")
"""How SemEval-2010 task 8 writes from which entity to which a relation goes, at the end of the label."""


def score(
    gold: Sequence[Label], predicted: Sequence[Label], *, labels: Sequence[str], negative: str | None
) -> dict[str, Any]:
    """Metrics of predicted relations against gold.

    Args:
        labels: All labels of the task, in its order, the negative one among them.
        negative: The label that says that there is no relation; ``None`` where every label is a relation.

    Returns:
        ``precision``, ``recall`` and ``f1`` over all relations but the negative one (micro average): a relation said
        where there is none costs precision, one missed costs recall, a wrong one costs both; ``macro_f1``, the mean F1
        over the relations but the negative one that occur in gold or among the predictions; ``semeval_f1`` where
        labels name a direction, see :func:`semeval_macro_f1`; and with the negative class ``accuracy``, ``per_label``
        with precision, recall, f1 and support, ``confusion``, rows gold, columns predicted. A share of nothing is 0.

    Source: Zhang et al. 2017, *Position-aware attention and supervised data improve slot filling* (micro F1 without
    the negative class).

    >>> works, none = Label.of("works for"), Label.of("none")
    >>> scores = score([works, works, none], [works, none, none], labels=["works for", "none"], negative="none")
    >>> scores["precision"], scores["recall"], round(scores["f1"], 3)
    (1.0, 0.5, 0.667)
    """
    truth, found = _names(gold), _names(predicted)
    result = classification.score(gold, predicted, labels=labels)
    relations = [label for label in labels if label != negative]
    occurring = {*truth, *found}
    each = [result["per_label"][label]["f1"] for label in relations if label in occurring]
    directed = any(_DIRECTION.search(label) for label in relations)
    return {
        **dict(zip(("precision", "recall", "f1"), _micro(truth, found, relations), strict=True)),
        "macro_f1": float(np.mean(each)) if each else 0.0,
        **({"semeval_f1": semeval_macro_f1(gold, predicted, negative=negative)} if directed else {}),
        **{name: result[name] for name in ("accuracy", "per_label", "confusion")},
    }


def semeval_macro_f1(gold: Sequence[Label], predicted: Sequence[Label], *, negative: str | None) -> float:
    """The official score of SemEval-2010 task 8: macro F1 over types of relation, "(9+1)-way with directionality".

    A type is a label without its direction, ``(e1,e2)`` or ``(e2,e1)``. An answer is right if type and direction are.
    For each type, precision is the right answers out of all answers of that type, recall the right answers out of all
    gold of that type, in whichever direction; so an answer of the right type in the wrong direction costs both, once.
    The score is the mean of the types' F1, over the types that occur in gold. The negative class is not among them;
    taken for a relation it costs that relation's precision, and a relation taken for it costs recall.

    Source: Hendrickx et al. 2010, *SemEval-2010 task 8: multi-way classification of semantic relations between pairs of
    nominals*, section 4; the definition is that of the task's scorer, version 1.2.

    >>> there, back = Label.of("Cause-Effect(e1,e2)"), Label.of("Cause-Effect(e2,e1)")
    >>> semeval_macro_f1([there, there, back], [there, back, back], negative="Other")
    0.6666666666666666
    """
    truth, found = _names(gold), _names(predicted)
    types: dict[str, list[str]] = {}
    for label in sorted({*truth, *found} - {negative, ""}):
        types.setdefault(_DIRECTION.sub("", label), []).append(label)
    scored = [
        _micro(truth, found, directions)[2] for directions in types.values() if not set(directions).isdisjoint(truth)
    ]
    return float(np.mean(scored)) if scored else 0.0


def counts(gold: Sequence[Label], predicted: Sequence[Label], *, negative: str | None) -> np.ndarray:
    """True positives, predicted and gold relations of each example but the negative one, (examples, 3) of 0 and 1.

    >>> counts([Label.of("born in"), Label.of("none")], [Label.of("none"), Label.of("none")], negative="none").tolist()
    [[0, 0, 1], [0, 0, 0]]
    """
    nothing = ("", negative)
    pairs = zip(_names(gold), _names(predicted), strict=True)
    table = [
        (truth == found and found not in nothing, found not in nothing, truth not in nothing) for truth, found in pairs
    ]
    return np.array(table, dtype=np.int64).reshape(-1, 3)


def _micro(gold: list[str], predicted: list[str], labels: Sequence[str]) -> tuple[float, float, float]:
    """Precision, recall and F1 over some of the labels together; zeros where there is nothing to measure."""
    if not gold or not labels:
        return 0.0, 0.0, 0.0
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        gold, predicted, labels=labels, average="micro", zero_division=0.0
    )
    return float(precision), float(recall), float(f1)


def _names(answers: Sequence[Label]) -> list[str]:
    """Labels by name, empty where an answer names none: nothing is said then."""
    return [str(answer) for answer in answers]
