"""Options and words of abstention, the same for predict and evaluate."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ruletune.metrics.selective import Threshold
    from ruletune.types import Prediction

__all__ = ["Confidence", "MaxError", "evaluated", "summary"]

MaxError = Annotated[
    float | None,
    typer.Option("--max-error", help="Answer only so many texts that at most this share of the answers is wrong."),
]
Confidence = Annotated[
    float, typer.Option("--confidence", help="How sure the promise of --max-error is, over calibration labels.")
]


def summary(limit: Threshold, predictions: Sequence[Prediction]) -> None:
    """Say on stderr how many texts are answered, and what is promised."""
    answered = sum(not prediction.abstained for prediction in predictions)
    share = f" ({answered / len(predictions):.0%})" if predictions else ""
    sys.stderr.write(f"answered {answered} of {len(predictions)}{share}; {limit.sentence()}\n")


def evaluated(found: Mapping[str, Any], n: int) -> str:
    """How a promise fared on labelled texts, in words."""
    error = "" if found["error"] is None else f", {found['wrong']} of them wrong ({found['error']:.1%})"
    return f"answered {found['answered']} of {n} ({found['coverage']:.0%}){error}; {found['promise']}"
