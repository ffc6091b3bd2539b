"""The command ``ruletune search``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ruletune.cli.console import INTERRUPTED, Json, emit, out, progress_bars
from ruletune.cli.engines import Address, EngineName, Workers, engine_of
from ruletune.cli.skipping import BadRowsFile, SkipBad, left_out, skipping
from ruletune.errors import UserError

if TYPE_CHECKING:
    from ruletune.pipeline.search import Search

__all__ = ["search"]

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def search(
    task: Annotated[Path, typer.Argument(help="The task file.")] = Path("task.yaml"),
    folder: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")] = Path("runs/search"),
    budget: Annotated[str, typer.Option(help="Time to spend: 90s, 10m, 1h, or none.")] = "10m",
    trials: Annotated[int | None, typer.Option(min=1, help="Settings to try at most, your own included.")] = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the gold labels, each held out in turn.")] = 3,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted search.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the folder if it exists.")] = False,
    engine: EngineName = "local",
    workers: Workers = None,
    address: Address = None,
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:
    """Look for a better schedule, template and learning rate on the gold labels; the test part is not looked at."""
    from ruletune.config import load_task

    seconds, spec = _seconds(budget), skipping(load_task(task), skip_bad, bad_rows)
    if folder.exists() and not overwrite:
        raise UserError(f"{folder} exists already", remedy="name another folder, or say --overwrite")
    from ruletune.pipeline.search import search as look

    try:
        with engine_of(engine, workers, address, model=True) as place, progress_bars() as listener:
            found = look(
                spec,
                out=folder,
                budget=seconds,
                trials=trials,
                folds=folds,
                resume=resume,
                overwrite=overwrite,
                listener=listener,
                engine=place,
            )
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing is lost: go on with the same command and --resume\n")
        raise typer.Exit(INTERRUPTED) from None
    skipped = left_out(spec.bad_rows, bad_rows)
    if json:
        emit({"folder": str(found.folder), **found.to_json(), **skipped})
    else:
        _show(found, folds)


def _seconds(text: str) -> float | None:
    if text == "none":
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if not match or not float(match[1]):
        raise UserError(f"--budget {text}: not a time", remedy="write 90s, 10m, 1h or none")
    return float(match[1]) * _UNITS[match[2]]


def _show(found: Search, folds: int) -> None:
    from rich.table import Table

    own = found.trials[0].settings
    table = Table(title=f"Settings compared on {found.gold} gold labels, each held out once")
    for name in ("", "log loss", "accuracy", "folds", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("instead of the task file's")
    for trial in found.trials:
        changed = {name: value for name, value in trial.settings.items() if value != own[name]}
        said = ", ".join(f"{name.removeprefix('training.')} {_shown(value)}" for name, value in changed.items())
        figures = (f"{trial.log_loss:.3f}", f"{trial.accuracy:.1%}", str(trial.folds), f"{trial.seconds:.0f}")
        table.add_row(str(trial.number + 1), *figures, said or "nothing: your own setting")
    console = out()
    console.print(table)
    console.print(sentence(found), markup=False)
    console.print(f"Train with it: ruletune train {found.folder / 'task.yaml'}", markup=False)


def sentence(found: Search) -> str:
    """What came of it."""
    if len(found.trials) == 1:
        return "There was time for your own setting only: give it a larger budget."
    if not found.best:
        return "Your own setting is the best of those that were tried."
    difference, error = found.difference
    how = f"setting {found.best + 1} has a log loss lower by {difference:.3f} ± {error:.3f}"
    if found.chosen:
        return f"Chosen: {how}. It is the best of {len(found.trials)}, so expect a little less."
    return f"Your own setting is kept: {how}, which is within chance."


def _shown(value: Any) -> str:
    return f"{value:.1e}" if isinstance(value, float) else str(value)
