"""The task file that a run folder keeps: it must go on working where the run is moved."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruletune.config import TaskSpec
from ruletune.errors import Location
from ruletune.models import checkpoints
from ruletune.rules import KINDS, RuleContext, RuleEntry, kind_of
from ruletune.rules.snorkel import SnorkelEntry

__all__ = ["relocated"]


def relocated(spec: TaskSpec, folder: Path, *, prefix: str = "") -> TaskSpec:
    """The task as the run folder holds it.

    Files of terms and tables are copied beside it, so that the run needs nothing else; data and Python files are
    named by absolute paths, since code may read what lies beside it.

    Args:
        prefix: What the names of the copies begin with.
    """
    data = spec.file.data
    names = ("train", "validation", "test", "calibration", "unlabeled", "labels")
    update: dict[str, object] = {
        "data": data.model_copy(update={name: _absolute(getattr(data, name), spec.folder) for name in names}),
        "rules": tuple(
            _rule(rule, f"{prefix}rule-{n}", spec.folder, folder) for n, rule in enumerate(spec.file.rules, start=1)
        ),
        "knowledge": tuple(
            entry.model_copy(update={"file": _kept(entry.file, f"{prefix}knowledge-{n}", spec.folder, folder)})
            for n, entry in enumerate(spec.file.knowledge, start=1)
        ),
    }
    local = (spec.folder / spec.file.model.checkpoint).expanduser()
    if spec.file.model.checkpoint not in checkpoints.PACKAGED and local.is_dir():
        update["model"] = spec.file.model.model_copy(update={"checkpoint": str(local.resolve())})
    slots = None if spec.slots is None else relocated(spec.slots, folder, prefix="slots-")
    return replace(spec, file=spec.file.model_copy(update=update), slots=slots)


def _absolute(source: str | None, folder: Path) -> str | None:
    return source if source is None or source.startswith("hf:") else str((folder / source).resolve())


def _kept(file: str, name: str, source: Path, folder: Path) -> str:
    """Copy a file into the run; its path relative to the run's task file."""
    (folder / "files").mkdir(exist_ok=True)
    target = folder / "files" / f"{name}{Path(file).suffix}"
    shutil.copyfile(source / file, target)
    return target.relative_to(folder).as_posix()


def _rule(entry: RuleEntry, name: str, source: Path, folder: Path) -> RuleEntry:
    written = entry.model_dump(by_alias=True, exclude_unset=True)
    written["name"] = entry.name or entry.lasting_name()
    if written["name"] is None:
        del written["name"]
    if (
        isinstance(entry, SnorkelEntry) and not entry.only
    ):  # so that the run can say which they are without importing them
        written["only"] = entry.names(RuleContext(source, (), Location(entry.snorkel), 1))
    return type(entry).model_validate(_condition(written, name, source, folder))


def _condition(written: Mapping[str, Any], name: str, source: Path, folder: Path) -> dict[str, Any]:
    """A rule or a condition inside one, with the files that it and its parts name."""
    entry = KINDS[kind_of(written)]
    moved = dict(written)
    for key in entry.files:
        moved[key] = _kept(str(written[key]), name, source, folder)
    for key in entry.code:
        path, colon, rest = str(written[key]).rpartition(":") if ".py:" in str(written[key]) else (written[key], "", "")
        if str(path).endswith(".py"):
            moved[key] = f"{(source / path).resolve()}{colon}{rest}"
    for key in ("trigger", "entity"):
        if isinstance(moved.get(key), Mapping):
            moved[key] = _condition(moved[key], f"{name}-{key}", source, folder)
    for key in ("all", "any", "not", "unless"):
        if key in moved:
            several = moved[key] if isinstance(moved[key], list | tuple) else [moved[key]]
            moved[key] = [
                _condition(part, f"{name}-{key}-{n}", source, folder) if isinstance(part, Mapping) else part
                for n, part in enumerate(several, start=1)
            ]
    return moved
