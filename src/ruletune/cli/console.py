"""Terminal manners: results on stdout, progress and errors on stderr, exit codes 0, 1 and 2."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ruletune.errors import RuletuneError, UserError
from ruletune.progress import silent

if TYPE_CHECKING:
    from rich.console import Console

    from ruletune.config import TaskSpec
    from ruletune.labeling.evaluate import Embed
    from ruletune.progress import Event

__all__ = [
    "INTERRUPTED", "AllowCode", "Json", "embedder_of", "emit", "follows", "out", "printable", "progress_bars", "show_error",
]  # fmt: skip

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]

AllowCode = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-code", help="A Python file or a module whose functions the run's rules may call; may be repeated."
    ),
]

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def follows() -> bool:
    """Whether a launcher, such as ``torchrun``, started this process beside others, and another one speaks for all."""
    return os.environ.get("WORLD_SIZE", "1") != "1" and os.environ.get("RANK", "0") != "0"


def embedder_of(spec: TaskSpec) -> Embed | None:
    """The task's sentence embeddings where a rule compares some; else ``None``, and no model is imported."""
    from ruletune.labeling.apply import needs_embedding

    if not needs_embedding(spec.rules):
        return None
    from ruletune.pipeline.embedding import embedder

    return embedder(spec)


def out() -> Console:
    """The console that results go to."""
    from rich.console import Console

    return Console(soft_wrap=False, highlight=False)


def emit(value: object) -> None:
    """Print a result as one JSON value."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def show_error(error: RuletuneError, *, as_json: bool) -> None:
    """Print what is wrong on stderr; as JSON where the user asked for JSON."""
    if as_json:
        problems = (
            [
                {
                    "message": problem.message,
                    "file": problem.where.file if problem.where else None,
                    "line": problem.where.line if problem.where else None,
                    "remedy": problem.remedy,
                }
                for problem in error.problems
            ]
            if isinstance(error, UserError)
            else [{"message": str(error), "file": None, "line": None, "remedy": None}]
        )
        sys.stderr.write(json.dumps({"problems": problems}, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"{printable(str(error))}\n")


def printable(text: str) -> str:
    """Without characters that the terminal cannot show (lone surrogates) or that steer it."""
    kept = "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
    encoding = sys.stderr.encoding or "utf-8"
    return kept.encode(encoding, "backslashreplace").decode(encoding)


@contextmanager
def progress_bars() -> Iterator[Callable[[Event], None]]:
    """A listener that draws one bar per piece of work on stderr; plain lines where that is no terminal."""
    if follows():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _plain_lines()
        return
    columns: list[Any] = [
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}", style="dim", markup=False),
    ]
    with Progress(*columns, console=console, transient=False) as progress:
        rows: dict[str, Any] = {}

        def listen(event: Event) -> None:
            if event.name not in rows:
                rows[event.name] = progress.add_task(event.name, total=event.total, detail="")
            progress.update(rows[event.name], completed=event.done, total=event.total, detail=event.detail)

        yield listen


def _plain_lines() -> Callable[[Event], None]:
    """For logs: a line when a piece of work begins, at each quarter, and at its end."""
    shown: dict[str, int] = {}

    def listen(event: Event) -> None:
        quarter = 4 * event.done // max(event.total, 1)
        if shown.get(event.name) == quarter:
            return
        shown[event.name] = quarter
        detail = f"  {event.detail}" if event.detail else ""
        sys.stderr.write(f"{event.name}  {event.done}/{event.total}{detail}\n")
        sys.stderr.flush()

    return listen


def same_file(first: Path, second: Path) -> bool:
    """Whether two paths are one file, also where the second does not exist yet."""
    return first.resolve() == second.resolve()
