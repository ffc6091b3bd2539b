"""Options about bad rows, the same for all commands that read data, and what is said of rows that were left out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ruletune.cli.console import printable
from ruletune.errors import UserError

if TYPE_CHECKING:
    from ruletune.bad_rows import BadRows
    from ruletune.config import TaskSpec

__all__ = ["BadRowsFile", "SkipBad", "left_out", "skipping", "taker"]

SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave bad rows out, and say which; without it a bad row is an error.")
]
BadRowsFile = Annotated[
    Path | None, typer.Option("--bad-rows", help="With --skip-bad: JSONL file to write, a line for each row left out.")
]


def skipping(spec: TaskSpec, skip_bad: bool, file: Path | None) -> TaskSpec:
    """The task, whose bad rows are left out where the user says so, here or in the task file.

    Raises:
        UserError: They are to be listed, and are not left out.
    """
    from ruletune.config import skipping_bad_rows

    found = skipping_bad_rows(spec) if skip_bad else spec
    if file is not None and found.bad_rows is None:
        raise _without_skipping()
    return found


def taker(skip_bad: bool, file: Path | None) -> BadRows | None:
    """Takes the bad rows of data that is read without the task's own; ``None`` where they are an error.

    Raises:
        UserError: They are to be listed, and are not left out.
    """
    from ruletune.bad_rows import BadRows

    if file is not None and not skip_bad:
        raise _without_skipping()
    return BadRows() if skip_bad else None


def left_out(bad_rows: BadRows | None, file: Path | None) -> dict[str, Any]:
    """Say on stderr which rows were left out, list them where the user wants that, and give what JSON says of them.

    Raises:
        UserError: The list cannot be written.
    """
    if bad_rows is None:
        return {}
    for sentence in bad_rows.sentences():
        sys.stderr.write(f"Note: {printable(sentence)}\n")
    if file is not None:
        import json

        from ruletune.data.writing import write_lines

        write_lines(file, (json.dumps(row) + "\n" for row in bad_rows.rows()))
        sys.stderr.write(f"Note: the list of bad rows is in {printable(str(file))}\n")
    return {"bad_rows": bad_rows.to_json()}


def _without_skipping() -> UserError:
    return UserError("--bad-rows lists what --skip-bad leaves out", remedy="say --skip-bad, too")
