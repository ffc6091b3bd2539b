"""Texts from standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ruletune.errors import UserError

if TYPE_CHECKING:
    from ruletune.bad_rows import BadRows
    from ruletune.pipeline.run import Run
    from ruletune.types import Example

__all__ = ["texts_of_stdin"]


def texts_of_stdin(run: Run, bad_rows: BadRows | None) -> list[Example]:
    """Texts, a line each, read as a file of plain text is; a line's number is its id."""
    from ruletune.data.cells import text_of
    from ruletune.data.lines import decode, raw_lines
    from ruletune.data.rows import plain
    from ruletune.errors import Problem

    name = Path("stdin")
    lines = ((number, decode(line, name, number)) for number, line in raw_lines(sys.stdin.buffer, name))
    examples: list[Example] = []
    problems: list[Problem] = []
    take = problems.append if bad_rows is None else bad_rows.of(str(name))
    for row in plain(lines, name):
        try:
            if row.problem is not None:
                take(row.problem)
            else:
                text = text_of(row.values["text"], "text")
                examples.append(run.example(text, identity=str(row.line)))
        except UserError as error:
            take(Problem(error.problems[0].message, row.where, error.problems[0].remedy))
        except ValueError as error:
            take(Problem(str(error), row.where))
    if problems:
        raise UserError.of(problems)
    return examples
