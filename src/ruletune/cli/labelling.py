"""The command ``label``: weak labels by the rules alone. It loads no model, unless a rule compares embeddings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ruletune.cli.console import INTERRUPTED, Json, emit, out, progress_bars
from ruletune.cli.engines import Address, EngineName, Workers, engine_of
from ruletune.cli.skipping import BadRowsFile, SkipBad, left_out, skipping

if TYPE_CHECKING:
    from ruletune.config import TaskSpec
    from ruletune.labeling.evaluate import Embed
    from ruletune.labeling.stream import Labelled

__all__ = ["label"]


def label(
    task: Annotated[Path, typer.Argument(help="The task file.")],
    data: Annotated[
        str, typer.Argument(help="The texts to label: a file, a folder of files, a pattern; a path or a URI.")
    ],
    output: Annotated[
        str,
        typer.Option(
            "--out", "-o", help="JSONL file to write: id, votes, label, probability. FOLDER/: a file for each read."
        ),
    ],
    jobs: Annotated[int | None, typer.Option(min=1, help="The same as --workers.")] = None,
    engine: EngineName = "local",
    workers: Workers = None,
    address: Address = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where a run was interrupted.")] = False,
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:
    """Label texts by the rules alone: each rule's vote, and what the label model makes of them."""
    from ruletune.config import load_task
    from ruletune.labeling.apply import needs_embedding
    from ruletune.labeling.corpus import needs_one_task
    from ruletune.labeling.stream import label_file

    spec = skipping(load_task(task), skip_bad, bad_rows)
    needs_one_task(spec, "a file of weak labels")
    make: Callable[[TaskSpec], Embed | None] | None = None
    if needs_embedding(spec.rules):
        from ruletune.pipeline.embedding import embedder

        make = embedder
    try:
        with (
            engine_of(engine, workers or jobs, address, model=make is not None) as place,
            progress_bars() as listener,
        ):
            found = label_file(
                spec, data, output, map=place.map, embedder=make, resume=resume, overwrite=overwrite, listener=listener
            )
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing is lost: go on with the same command and --resume\n")
        raise typer.Exit(INTERRUPTED) from None
    _told(found, output, left_out(spec.bad_rows, bad_rows), json=json)


def _told(found: Labelled, output: str, skipped: dict[str, Any], *, json: bool) -> None:
    if json:
        failed = {fault.rule: fault.count for fault in found.faults}
        emit({"output": output, "n": found.texts, "covered": found.covered, "faults": failed} | skipped)
        return
    share = found.covered / found.texts
    out().print(f"{found.texts} texts in {output}, {found.covered} with a label ({share:.0%}).", markup=False)
    for fault in found.faults:
        last = fault.traceback.strip().splitlines()[-1]
        note = f"Note: rule {fault.rule!r} failed on {fault.count} texts, first on {fault.example_id!r}: {last}"
        out().print(note, markup=False, soft_wrap=True)
