"""The command that says why: explain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ruletune.cli.console import AllowCode, Json, emit, out
from ruletune.cli.modelling import RunFolder, open_run
from ruletune.errors import UserError

__all__ = ["explain"]


def explain(
    run: RunFolder,
    text: Annotated[str, typer.Argument(help="The text to explain, or - for stdin, a text a line.")],
    text_pair: Annotated[
        str | None,
        typer.Option("--text-pair", "--question", help="The second text where the task compares two, or the question."),
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Weigh the words for this label, in place of the answer.")
    ] = None,
    examples: Annotated[int, typer.Option("--examples", min=0, help="So many of the nearest gold examples.")] = 3,
    words: Annotated[bool, typer.Option("--words/--no-words", help="Find out which words mattered.")] = True,
    html: Annotated[Path | None, typer.Option("--html", help="Also write a page: one file, no scripts.")] = None,
    allow_code: AllowCode = None,
    json: Json = False,
) -> None:
    """Say why: rules that fired and how far they are believed, words that mattered, the nearest gold examples."""
    texts = [line.strip() for line in sys.stdin if line.strip()] if text == "-" else [text]
    if not texts or not texts[0].strip():
        raise UserError("the text is empty")
    opened = open_run(run, allow_code)
    found = [
        opened.explain(opened.example(each, text_pair), words=words, examples=examples, label=label) for each in texts
    ]
    if html is not None:
        from ruletune.data.writing import write_lines
        from ruletune.report.explanation_page import render

        write_lines(html, [render(found)])
    if json:
        emit(found[0].to_json() if text != "-" else {"explanations": [each.to_json() for each in found]})
        return
    from ruletune.report.terminal_explanation import explanation_text

    for each in found:
        out().print(explanation_text(each))
    if html is not None:
        out().print(f"Page: {html}", markup=False)
