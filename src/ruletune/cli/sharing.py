"""Commands for handing a model to others: its card, and the way to a hub."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ruletune.cli.console import Json, emit, out

__all__ = ["card", "push"]

RunFolder = Annotated[Path, typer.Argument(help="A run folder that `ruletune train` wrote.")]


def card(
    run: RunFolder,
    output: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file; default model/README.md of the run. - prints it.")
    ] = None,
    json: Json = False,
) -> None:
    """Write a run's model card: what it is, how it was made, how good it is, and its limits."""
    from ruletune.pipeline.carding import card_of, write_card

    if output == Path("-"):
        text = card_of(run)
        emit({"card": text}) if json else sys.stdout.write(text)
        return
    file = write_card(run, output)
    emit({"card": str(file)}) if json else out().print(f"Model card: {file}", markup=False, soft_wrap=True)


def push(
    run: RunFolder,
    hub_id: Annotated[str, typer.Argument(help="The repository, OWNER/NAME; it is made where there is none.")],
    public: Annotated[bool, typer.Option("--public", help="For everybody to see; else private.")] = False,
    with_examples: Annotated[
        bool,
        typer.Option("--with-examples", help="Also the report and the rules' tests, which show texts of the data."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be uploaded, and do not.")] = False,
    json: Json = False,
) -> None:
    """Upload a trained model with its card to the Hugging Face hub."""
    from ruletune.pipeline.push import push as upload

    pushed = upload(run, hub_id, public=public, with_examples=with_examples, dry_run=dry_run)
    if json:
        emit({"hub_id": hub_id, "url": pushed.url, "files": pushed.files, "warnings": list(pushed.warnings)})
        return
    console = out()
    for name, size in pushed.files.items():
        console.print(f"{size:>13,}  {name}", markup=False, soft_wrap=True)
    for warning in pushed.warnings:
        console.print(f"Note: {warning}", markup=False, soft_wrap=True)
    told = pushed.url or f"nothing was uploaded; {'public' if public else 'private'} repository {hub_id}"
    console.print(
        f"{len(pushed.files)} files, {sum(pushed.files.values()):,} bytes: {told}", markup=False, soft_wrap=True
    )
