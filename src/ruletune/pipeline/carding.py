"""The model card of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruletune.errors import UserError
from ruletune.models.checkpoints import PACKAGED
from ruletune.pipeline.run import Run, load
from ruletune.report.card import Facts, card
from ruletune.report.model import Report
from ruletune.store import write_text
from ruletune.tasks import TASKS, UNDERSTANDING
from ruletune.templates import Rendering

__all__ = ["card_of", "facts_of", "write_card"]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def facts_of(settings: Mapping[str, Any], report: Report) -> Facts:
    """What a card says beside the report, from the settings of a run."""
    checkpoint = report.settings.get("model.checkpoint", "")
    packaged = PACKAGED.get(checkpoint)
    task = TASKS[str(settings["task"])]
    calibration = settings.get("calibration") or {}
    return Facts(
        task=task.name,
        base=checkpoint if packaged or _is_hub_id(checkpoint) else Path(checkpoint).name or "a checkpoint",
        base_model=packaged.upstream if packaged else checkpoint if _is_hub_id(checkpoint) else None,
        readout=task.readout,
        multi=bool(settings["multi_label"]),
        cloze=settings.get("cloze") is not None,
        templates=tuple(template.source for template in Rendering.from_json(settings["rendering"]).templates),
        max_length=int(settings["max_length"]),
        data=settings["data"],
        promises=task.readout in ("text", "pair", "tokens") and bool(calibration.get("scores")),
    )


def _is_hub_id(checkpoint: str) -> bool:
    """Whether it looks like one and is no folder here, where the run was trained from it."""
    return bool(_HUB_ID.fullmatch(checkpoint)) and not Path(checkpoint).exists()


def card_of(run: str | Path | Run) -> str:
    """The model card of a run, as Markdown.

    Raises:
        UserError: It is no run, or one of two models, each of which has its own card.
    """
    opened = run if isinstance(run, Run) else load(run)
    if opened.settings["task"] == UNDERSTANDING:
        remedy = f"name one of them: {opened.folder / 'intent'} or {opened.folder / 'slots'}"
        raise UserError(f"{opened.folder} has two models, and a card is of one", remedy=remedy)
    return card(opened.report, facts_of(opened.settings, opened.report))


def write_card(run: str | Path | Run, output: Path | None = None) -> Path:
    """Write a run's card, by default to where it belongs: beside the model. Gives the file."""
    opened = run if isinstance(run, Run) else load(run)
    text = card_of(opened)
    file = opened.model_folder / "README.md" if output is None else output
    write_text(file, text)
    return file
