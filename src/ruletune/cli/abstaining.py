"""Options and words of abstention, the same for predict and evaluate."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ruletune.metrics.selective import Threshold

__all__ = ["Confidence", "MaxError", "evaluated", "summary"]

MaxError = Annotated[
    float | None,
    typer.Option("--max-error", help="Answer only so many texts that at most this share of the answers is wrong."),
]
Confidence = Annotated[
    float, typer.Option("--confidence", help="How sure the promise of --max-error is, over calibration labels.")
]


def summary(limit: Threshold, answered: int, texts: int) -> None:
    """Say on stderr how many texts are answered, and what is promised."""
    share = f" ({answered / texts:.0%})" if texts else ""
    sys.stderr.write(f"answered {answered} of {texts}{share}; {limit.sentence()}\n")


def evaluated(found: Mapping[str, Any], n: int) -> str:
    """How a promise fared on labelled texts, in words."""
    error = "" if found["error"] is None else f", {found['wrong']} of them wrong ({found['error']:.1%})"
    return f"answered {found['answered']} of {n} ({found['coverage']:.0%}){error}; {found['promise']}"
