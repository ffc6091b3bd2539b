"""Words and their tags in two files, a sentence a line, as data for slots has them: ``seq.in`` and ``seq.out``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ruletune.data.lines import lines, wrong_bytes
from ruletune.data.row import Row
from ruletune.errors import Location, Problem, UserError

__all__ = ["beside", "slots"]


def beside(path: Path) -> dict[str, Path]:
    """The files that belong to one of words: ``tags`` (``seq.out``) and ``label``, those that are there."""
    names = {"tags": path.with_suffix(".out"), "label": path.with_name("label")}
    return {name: other for name, other in names.items() if other.is_file()}


def slots(path: Path) -> Iterator[Row]:
    """Sentences of words, with the tags of the file beside them where there is one, and what is said of each as a whole.

    The tags are in the file of the same name that ends in ``.out``. A file called ``label`` beside it becomes the column
    of that name. Lines belong together by their number; blank ones are left out.

    Raises:
        UserError: The files have different numbers of lines.
    """
    others = beside(path)
    columns = [lines(path), *(lines(other) for other in others.values())]
    for number, several in enumerate(zip_longest(*columns), start=1):
        if None in several:
            short = [path, *others.values()][several.index(None)]
            remedy = "each line of words has its line in every file"
            raise UserError(f"the file ends before line {number}", where=Location(str(short)), remedy=remedy)
        (_, words), *rest = several
        values: dict[str, Any] = {"tokens": words.split(), "text": " ".join(words.split())}
        problem = next((wrong for _, line in several if (wrong := wrong_bytes(line))), None)
        for name, (_, line) in zip(others, rest, strict=True):
            values[name] = line.split() if name == "tags" else line.strip()
        tags = values.get("tags", values["tokens"])
        if problem is None and len(tags) != len(values["tokens"]):
            where = Location(str(others["tags"]), number)
            problem = Problem(
                f"{len(tags)} tags for {len(values['tokens'])} words", where, "write a tag for every word"
            )
        if values["tokens"] or problem:
            yield Row(str(path), number, {} if problem else values, problem)
