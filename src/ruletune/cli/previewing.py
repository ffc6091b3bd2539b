"""The command ``ruletune preview``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ruletune.cli.console import Json, emit, out, progress_bars
from ruletune.cli.engines import Address, EngineName, Workers, engine_of
from ruletune.cli.skipping import BadRowsFile, SkipBad, left_out, skipping

__all__ = ["preview"]


def preview(
    task: Annotated[Path, typer.Argument(help="The task file.")] = Path("task.yaml"),
    engine: EngineName = "local",
    workers: Workers = None,
    address: Address = None,
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:
    """Estimate in seconds what labels, rules, and both would reach, without training the model."""
    from ruletune.config import load_task
    from ruletune.pipeline.preview import preview as look

    spec = skipping(load_task(task), skip_bad, bad_rows)
    with engine_of(engine, workers, address, model=True) as place, progress_bars() as listener:
        found = look(spec, listener=listener, engine=place)
    skipped = left_out(spec.bad_rows, bad_rows)
    if json:
        emit(found.to_json() | skipped)
        return
    from rich.table import Table

    table = Table(title=f"A linear head on frozen embeddings, cross-validated on {found.table.gold} gold labels")
    for name in ("", "accuracy", "standard error"):
        table.add_column(name, justify="left" if not name else "right")
    for alternative in found.verdict.alternatives:
        table.add_row(alternative.name, f"{alternative.accuracy:.1%}", f"{alternative.error:.1%}")
    console = out()
    if found.verdict.alternatives:
        console.print(table)
    console.print(found.verdict.reason, markup=False)
    console.print(
        f"Rules cover {found.table.coverage:.1%} of {found.table.texts} texts, overlap on {found.table.overlap:.1%} and "
        f"contradict each other on {found.table.conflict:.1%}.",
        markup=False,
    )
    shares = ", ".join(f"{label} {share:.0%}" for label, share in found.labels.items())
    console.print(f"Labels that both give the unlabelled texts: {shares}.", markup=False)
