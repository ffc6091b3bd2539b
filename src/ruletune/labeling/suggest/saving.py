"""Write a changed task file, and only if the change is right."""

from __future__ import annotations

from ruletune.config import TaskSpec, parse_task
from ruletune.config.tree import read_tree
from ruletune.errors import Location, UserError
from ruletune.store import write_text

__all__ = ["save_task"]

_BOM = b"\xef\xbb\xbf"


def save_task(before: TaskSpec, source: str) -> TaskSpec:
    """Write a changed task file, if it is right and nobody else has changed it since it was read.

    Args:
        before: As it was read.
        source: The new text; only ``rules:`` may differ.

    Returns:
        The task as it is now.

    Raises:
        UserError: It is not right, says something else than before, or was changed meanwhile.
    """
    where = Location(str(before.path))
    after = parse_task(source, path=before.path)
    old, new = (read_tree(text, file=str(before.path)).values for text in (before.source, source))
    if {**old, "rules": None} != {**new, "rules": None}:
        raise UserError(
            "the rules cannot be written without changing other keys", where=where, remedy="add them by hand"
        )
    target = before.path.resolve()
    now = target.read_bytes()
    if now.removeprefix(_BOM) != before.source.encode("utf-8"):
        raise UserError("the file was changed since it was read", where=where, remedy="run the command again")
    write_text(target, ("\ufeff" if now.startswith(_BOM) else "") + source)
    return after
