"""A task whose bad rows are left out."""

from __future__ import annotations

from dataclasses import replace

from ruletune.bad_rows import BadRows
from ruletune.config.load import TaskSpec

__all__ = ["skipping_bad_rows"]


def skipping_bad_rows(spec: TaskSpec, bad_rows: BadRows | None = None) -> TaskSpec:
    """The same task, whose bad rows are left out.

    Args:
        bad_rows: Takes them; default one that takes no others.
    """
    bad_rows = bad_rows or spec.bad_rows or BadRows()
    slots = None if spec.slots is None else skipping_bad_rows(spec.slots, bad_rows)
    data = spec.file.data.model_copy(update={"skip_bad": True})
    return replace(spec, file=spec.file.model_copy(update={"data": data}), slots=slots, bad_rows=bad_rows)
