"""Task files that came with a run folder: they name no file outside of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruletune.config.schema import TaskFile
from ruletune.config.tree import Tree
from ruletune.errors import Problem
from ruletune.rules import KINDS, kind_of

__all__ = ["outside_files"]

_SHOWN = 200


def outside_files(file: TaskFile, tree: Tree, positions: list[int], folder: Path) -> Iterator[Problem]:
    """Files of rules and of knowledge that lie elsewhere than in the task file's folder, links followed.

    Args:
        positions: Of the file's rules in ``rules:``.
    """
    for entry, position in zip(file.rules, positions, strict=True):
        for name in _named(entry.model_dump(by_alias=True, exclude_unset=True)):
            if not _inside(name, folder):
                yield _problem(name, tree, "rules", position)
    for position, source in enumerate(file.knowledge):
        if not _inside(source.file, folder):
            yield _problem(source.file, tree, "knowledge", position)


def _problem(name: str, tree: Tree, *place: object) -> Problem:
    shown = name if len(name) <= _SHOWN else f"...{name[-_SHOWN:]}"
    remedy = "a run keeps copies of its files below files/"
    return Problem(f"{shown!r} lies outside of the run folder", tree.at(*place), remedy)


def _named(written: Mapping[str, Any]) -> Iterator[str]:
    """Files that a rule and the conditions in it name."""
    try:
        kind = kind_of(written)
    except ValueError:
        kind = ""
    for key in KINDS[kind].files if kind else ():
        if isinstance(written.get(key), str):
            yield written[key]
    for value in written.values():
        for inner in value if isinstance(value, list | tuple) else [value]:
            if isinstance(inner, Mapping):
                yield from _named(inner)


def _inside(name: str, folder: Path) -> bool:
    try:
        return (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return False
