"""Talk with a model that writes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ruletune.cli.console import AllowCode, out
from ruletune.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from ruletune.pipeline.text_run import TextRun
    from ruletune.types import Example, Prediction

__all__ = ["chat"]


def chat(
    run: Annotated[Path, typer.Argument(help="A run folder of a task that writes.")],
    facts: Annotated[
        Path | None, typer.Option("--facts", help="What replies may draw on: a text file, a fact a line.")
    ] = None,
    allow_code: AllowCode = None,
) -> None:
    """Talk with a trained model: a turn a line, and which rules fired. /new begins a new dialogue; Ctrl-D ends.

    Of a dialogue task a line may also be a dialogue act, such as inform(name='Eiji').
    """
    from ruletune.pipeline.run import load
    from ruletune.pipeline.text_run import TextRun

    opened = load(run, allow_code=allow_code or ())
    if not isinstance(opened, TextRun):
        raise UserError(f"{run} does not write: its task is {opened.settings['task']!r}", remedy="use ruletune predict")
    known = _facts(facts)
    turns: list[tuple[str, str]] = []
    console = out()
    for line in _lines(console):
        if line == "/new":
            turns.clear()
            continue
        try:
            example = opened.turn(line, turns, facts=known)
        except UserError as error:  # a line that cannot be read ends no dialogue
            console.print(str(error), style="red", markup=False)
            continue
        answer = _answered(opened, example, console)
        turns += [("user", example.text), ("system", answer)]


def _facts(path: Path | None) -> str:
    if path is None:
        return ""
    from ruletune.errors import Location
    from ruletune.rules.entry import read_text

    return read_text(path, where=Location(str(path))).strip()


def _lines(console: Console) -> Iterator[str]:
    """What the user types; from a pipe without a prompt."""
    prompt = "> " if sys.stdin.isatty() else ""
    while True:
        sys.stdout.write(prompt)
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


def _answered(run: TextRun, example: Example, console: Console) -> str:
    """The reply: on a terminal as it is written, and again where rules demand more than its first words could keep."""
    from ruletune.report.terminal import printable

    said = ""
    if sys.stdout.isatty():
        for piece in run.reply(example):
            sys.stdout.write(printable(piece))
            sys.stdout.flush()
            said += piece
        sys.stdout.write("\n")
    [prediction] = run.predict([example])
    answer = str(prediction.answer)
    if not said:
        console.print(answer, markup=False)
    elif run.broken(example, said) and answer.strip() != said.strip():
        console.print(f"rather: {printable(answer)}", markup=False)
    else:
        answer = said.strip()
    _rules(prediction, console)
    return answer


def _rules(prediction: Prediction, console: Console) -> None:
    names = ", ".join(firing.rule for firing in prediction.rules)
    if names:
        console.print(f"  rules: {names}", style="dim", markup=False)
    for rule in prediction.broken:
        console.print(f"  breaks {rule}", style="red", markup=False)
