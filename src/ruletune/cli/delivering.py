"""The command that makes a model ready to run elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ruletune.cli.console import Json, emit, out, progress_bars

if TYPE_CHECKING:
    from ruletune.pipeline.export import Export

__all__ = ["export"]


class _Format(StrEnum):
    ONNX = "onnx"


class _Precision(StrEnum):
    FP32 = "fp32"
    INT8 = "int8"
    BOTH = "both"


def export(
    run: Annotated[Path, typer.Argument(help="A run folder that `ruletune train` wrote.")],
    folder: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
    to: Annotated[_Format, typer.Option("--to", help="What to write: graphs for ONNX Runtime.")] = _Format.ONNX,
    precision: Annotated[
        _Precision, typer.Option("--precision", help="fp32, int8 (a quarter of the size), or both.")
    ] = _Precision.FP32,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the folder if it exists.")] = False,
    json: Json = False,
) -> None:
    """Write a trained model for another runtime, and check that it still gives the same answers."""
    assert to is _Format.ONNX
    from ruletune.pipeline.export import export as write

    with progress_bars() as listener:
        made = write(run, out=folder, precision=precision.value, overwrite=overwrite, listener=listener)
    if json:
        checks = [asdict(check) | {"speed": check.speed} for check in made.checks]
        emit({"export": str(made.folder), "checks": checks, "warnings": list(made.warnings)})
    else:
        _print(made)


def _print(made: Export) -> None:
    from rich.table import Table

    console = out()
    table = Table("", "equal answers", "logits differ by", "mean", "MB", "times as fast as PyTorch")
    for check in made.checks:
        table.add_row(
            " ".join(filter(None, (check.half, check.precision))),
            f"{check.equal:.1%}",
            f"≤ {check.largest_difference:.1e}",
            f"{check.mean_difference:.1e}",
            f"{check.bytes / 1e6:.1f}",
            f"{check.speed:.1f}",
        )
    console.print(table)
    first = made.checks[0]
    console.print(f"Compared on {first.texts} texts: {first.source}.", markup=False)
    for warning in made.warnings:
        console.print(f"Note: {warning}", markup=False, soft_wrap=True)
    console.print(f"Export: {made.folder}", markup=False, soft_wrap=True)
