"""Rule-guided fine-tuning of pretrained language models.

Start from a task file: ``run = ruletune.fit(ruletune.load_task("task.yaml"), out="runs/first")``, and later
``ruletune.load("runs/first").predict(examples)``. Names are imported when they are first used, so that
``import ruletune`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ruletune.config import TaskSpec, load_task
    from ruletune.errors import RuletuneError, UserError
    from ruletune.labeling.table import RuleTable, rule_table
    from ruletune.pipeline.fit import fit
    from ruletune.pipeline.run import Run, load
    from ruletune.pipeline.search import search
    from ruletune.types import Example, Firing, Label, Prediction, Span, Spans, Text

__all__ = [
    "Example", "Firing", "Label", "Prediction", "RuleTable", "RuletuneError", "Run", "Span", "Spans", "TaskSpec",
    "Text", "UserError", "fit", "load", "load_task", "rule_table", "search",
]  # fmt: skip

__version__ = "0.1.0"

_HOMES = {
    "ruletune.config": ("TaskSpec", "load_task"),
    "ruletune.errors": ("RuletuneError", "UserError"),
    "ruletune.labeling.table": ("RuleTable", "rule_table"),
    "ruletune.pipeline.fit": ("fit",),
    "ruletune.pipeline.run": ("Run", "load"),
    "ruletune.pipeline.search": ("search",),
    "ruletune.types": ("Example", "Firing", "Label", "Prediction", "Span", "Spans", "Text"),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
