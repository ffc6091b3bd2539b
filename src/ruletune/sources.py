"""Names of data sources: the files that they stand for, and whether these are there."""

from __future__ import annotations

import re
from pathlib import Path

from ruletune.errors import Location, UserError, close_match
from ruletune.places import is_pattern, is_uri, located, matching

__all__ = ["existing", "files_of", "sides"]

_BRACES = re.compile(r"\{([^{}]*)\}")

_SHOWN = 200
"""Characters of a name that a message repeats."""


def sides(name: str, *, where: Location | None = None) -> tuple[str, str] | None:
    """The two files that a name with braces stands for, as in a shell; ``None`` where there are none.

    Raises:
        UserError: Braces that do not hold two names.

    >>> sides("multi30k/train.{en,de}.gz")
    ('multi30k/train.en.gz', 'multi30k/train.de.gz')
    """
    found = _BRACES.findall(name)
    if not found:
        return None
    endings = [ending.strip() for ending in found[0].split(",")]
    if len(found) > 1 or len(endings) != 2 or endings[0] == endings[1]:
        remedy = "put two endings into one pair of braces, that of the sources first: train.{en,de}.gz"
        raise UserError(f"cannot tell two files from {name[:_SHOWN]!r}", where=where, remedy=remedy)
    before, _, after = _BRACES.split(name)
    return f"{before}{endings[0]}{after}", f"{before}{endings[1]}{after}"


def files_of(source: str, folder: Path, *, where: Location | None = None) -> tuple[str, ...]:
    """The files that a data source names: two where it has braces and nothing is called so, else one, without its split.

    Raises:
        UserError: Braces that do not hold two names.
    """
    name = source.partition("#")[0]
    if "{" not in name or source.startswith("hf:"):
        return (name,)
    try:
        existing(name, folder)
    except UserError:
        return sides(name, where=where) or (name,)
    return (name,)


def existing(name: str, folder: Path, *, shown: str | None = None, where: Location | None = None) -> Path:
    """The path of a file or folder that is there, or the path of a pattern that some file matches.

    Args:
        shown: What a message calls it; default its path.

    Raises:
        UserError: Nothing is there.
    """
    path = located(name, folder)
    beside: list[str] = []
    try:
        path = path.expanduser()
        if path.exists() or (is_pattern(name) and matching(name, folder)[1]):
            return path
        if not is_uri(name) and path.parent.is_dir():
            beside = [entry.name for entry in path.parent.iterdir()]
    except (
        OSError,
        RuntimeError,
    ) as error:  # a name that no file can have, a folder that may not be read, an unknown ~user
        if is_uri(name):
            raise UserError(f"cannot reach {name[:_SHOWN]!r}: {str(error)[:_SHOWN]}", where=where) from error
        beside = []
    shown = shown or str(path)
    cut = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    raise UserError(f"no data at {cut!r}", where=where, remedy=close_match(path.name[:_SHOWN], beside))
