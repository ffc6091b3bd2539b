"""Training workers for tests: a short course on a tiny model without dropout, and what came of it."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ruletune.engine import Attempt
from ruletune.errors import UserError
from ruletune.models import backbone
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import encode
from ruletune.progress import Event
from ruletune.templates import Rendering, Template
from ruletune.training import team
from ruletune.training.loop import Loop, Stage, Supervision
from tests.model_fixtures import texts


@dataclass(frozen=True, slots=True)
class Work:
    """A course on a checkpoint.

    Attributes:
        deadly: A file; while it is not there, the last process of a team makes it and dies after the third step.
        wrong: Raise a user's error at the end, which names the losses to the last bit.
    """

    checkpoint: Path
    deadly: Path | None = None
    wrong: bool = False


def without_dropout(checkpoint: Path, folder: Path) -> Path:
    """A copy of a checkpoint whose training draws no random number."""
    folder.mkdir()
    for path in checkpoint.rglob("*"):
        if path.is_file():
            (folder / path.relative_to(checkpoint)).parent.mkdir(exist_ok=True)
            (folder / path.relative_to(checkpoint)).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def train(work: Work, attempt: Attempt) -> tuple[list[float], list[float], int]:
    """Losses of the steps and of the checks, and the size of the team."""
    examples = texts(49, seed=5)
    classifier = backbone.new(
        Checkpoint("tiny", str(work.checkpoint)),
        labels=("bad", "good"),
        multi=False,
        max_length=32,
        dropout=0.0,
        seed=1,
    )
    encoded = encode(
        examples, rendering=Rendering(Template.parse("{text}")), tokenizer=classifier.tokenizer, max_length=32
    )
    targets = np.array([[float(name in str(e.answer)) for name in ("bad", "good")] for e in examples], np.float32)
    weights = np.linspace(0.2, 1.0, len(examples), dtype=np.float32)[:, None]  # shares of a batch are not its halves
    data = Supervision(encoded, targets, weights)
    stage = Stage(
        "weak",
        precision="fp32",
        epochs=3,
        batch_size=8,
        learning_rate=1e-3,
        head_learning_rate=1e-3,
        consistency=0.1,
        checks=2,
    )
    losses: list[float] = []
    checks: list[float] = []
    for step in Loop(classifier, stage, data.take(list(range(41))), data.take(list(range(41, 49))), seed=3).run():
        losses.append(step.loss)
        if step.validation is not None:
            checks.append(step.validation)
        attempt.listener(Event("training", step.step, step.total))
        if work.deadly and step.step == 3 and team.rank() == team.size() - 1 and not work.deadly.exists():
            work.deadly.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if work.wrong:
        raise UserError(f"losses {[loss.hex() for loss in losses]}", remedy="mend the task")
    return losses, checks, team.size()
