"""What the model is to learn of texts without gold labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ruletune.config import load_task
from ruletune.models import checkpoints
from ruletune.pipeline import judging
from ruletune.pipeline.judging import weak_beliefs
from ruletune.pipeline.prepare import prepare
from ruletune.pipeline.teaching import label_parts
from ruletune.progress import silent
from tests.model_fixtures import write_task


def _beliefs(task: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Beliefs and weights; what the label model says; which texts rules cover."""
    spec = load_task(task)
    parts = prepare(spec, listener=silent)
    weak = label_parts(spec, parts, listener=silent)
    checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder)
    beliefs, weights = weak_beliefs(spec, parts, weak.votes, weak.model, checkpoint, listener=silent)
    return beliefs, weights, weak.posterior("unlabeled"), weak.votes["unlabeled"].covered


def test_votes_alone_are_what_the_label_model_makes_of_them(tmp_path: Path, checkpoint: Path) -> None:
    task = write_task(tmp_path, checkpoint)
    task.write_text(task.read_text(encoding="utf-8").replace("weak: {", "weak: {targets: votes, "), encoding="utf-8")
    beliefs, weights, by_rules, covered = _beliefs(task)
    assert np.array_equal(beliefs, by_rules)
    assert np.array_equal(weights[:, 0] > 0, covered)


@pytest.mark.parametrize("sees", [True, False])
def test_a_head_that_sees_something_teaches_where_no_rule_fires(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, sees: bool
) -> None:
    monkeypatch.setattr(judging, "sighted", lambda pool, *, seed: sees)
    beliefs, weights, by_rules, covered = _beliefs(write_task(tmp_path, checkpoint))
    assert not covered.all()
    assert beliefs.sum(axis=1) == pytest.approx(1.0)
    assert bool((weights[~covered] > 0).any()) is sees
    assert np.array_equal(beliefs, by_rules) is not sees
