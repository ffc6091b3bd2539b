"""The command that goes on with a model's pretraining: pretrain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ruletune.cli.console import INTERRUPTED, Json, emit, out, progress_bars
from ruletune.cli.skipping import BadRowsFile, SkipBad, left_out, taker
from ruletune.errors import UserError

__all__ = ["pretrain"]

Sources = Annotated[
    list[str] | None, typer.Argument(help="Texts: files (text, JSON lines, CSV, Parquet), saved datasets, hub ids.")
]


def pretrain(
    texts: Sources = None,
    folder: Annotated[Path, typer.Option("--out", "-o", help="The checkpoint folder to write.")] = Path("models/pretrained"),
    task: Annotated[Path | None, typer.Option(help="Learn from this task's texts too, except its held-out parts.")] = None,
    column: Annotated[str, typer.Option("--text", help="The column with the text.")] = "text",
    checkpoint: Annotated[str, typer.Option(help="Short name, folder or hub id to begin with.")] = "minilm",
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Begin with random weights and an own tokenizer.")] = False,
    vocabulary: Annotated[int, typer.Option(min=100, help="From scratch: tokens.")] = 8000,
    layers: Annotated[int, typer.Option(min=1, help="From scratch: layers.")] = 4,
    hidden: Annotated[int, typer.Option(min=8, help="From scratch: width.")] = 256,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the texts at most.")] = 3,
    batch_size: Annotated[int, typer.Option(min=1)] = 32,
    learning_rate: Annotated[float | None, typer.Option(min=1e-9, max=1.0, help="Peak rate.")] = None,
    max_length: Annotated[int, typer.Option(min=8, help="Tokens; a longer text becomes several.")] = 128,
    whole_words: Annotated[bool, typer.Option("--whole-words", help="Hide words as a whole.")] = False,
    keep: Annotated[float, typer.Option(min=0, help="How hard a sentence encoder's embeddings are held; 0: not at all.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it was interrupted.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the folder if it exists.")] = False,
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Go on with a model's pretraining on your own unlabelled text."""
    from ruletune.config import load_task, skipping_bad_rows

    taken = taker(skip_bad, bad_rows)
    spec = load_task(task) if task else None
    if spec is not None and taken is not None:
        spec = skipping_bad_rows(spec, taken)
    if folder.exists() and not overwrite:
        raise UserError(f"{folder} exists already", remedy="name another folder, or say --overwrite")
    from ruletune.models.pretraining import Scratch
    from ruletune.pipeline.pretrain import Pretraining, pretrain, read_texts

    settings = Pretraining(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate or (5e-4 if from_scratch else 5e-5),
        max_length=max_length,
        whole_words=whole_words,
        keep=keep,
        seed=seed,
    )
    shape = Scratch(vocabulary, layers, hidden, heads=max(1, hidden // 64)) if from_scratch else None
    try:
        with progress_bars() as listener:
            done = pretrain(
                read_texts(texts or [], text=column, task=spec, bad_rows=taken, listener=listener),
                out=folder,
                checkpoint=checkpoint,
                scratch=shape,
                settings=settings,
                resume=resume,
                overwrite=overwrite,
                listener=listener,
            )
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing is lost: go on with the same command and --resume\n")
        raise typer.Exit(INTERRUPTED) from None
    skipped = left_out(taken, bad_rows)
    if json:
        emit({"folder": str(done.folder), **{k: v for k, v in done.record.items() if k != "curve"}, **skipped})
        return
    loss = done.record["loss"]
    out().print(
        f"Held-out loss {loss['before']:.3f} -> {loss['after']:.3f} on {done.record['held_out']} texts", markup=False
    )
    out().print(f"Use it in a task file with  model: {{checkpoint: {done.folder}}}", markup=False)
