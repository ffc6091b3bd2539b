"""Texts that teach without the words by which rules vote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ruletune.config import load_task
from ruletune.models import checkpoints
from ruletune.models.backbone import load_tokenizer
from ruletune.pipeline.hiding import without_its_triggers
from ruletune.pipeline.inputs import LabelInputs
from ruletune.pipeline.prepare import prepare
from ruletune.pipeline.teaching import encode_parts, label_parts
from ruletune.progress import silent
from ruletune.types import Example, Firing, Label, Span
from tests.model_fixtures import write_task


def inputs(folder: Path, checkpoint: Path, hide: float) -> LabelInputs:
    folder.mkdir()
    task = write_task(folder, checkpoint)
    task.write_text(task.read_text("utf-8").replace("weak: {", f"weak: {{hide: {hide}, "), "utf-8")
    spec = load_task(task)
    parts = prepare(spec, listener=silent)
    found = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder)
    return encode_parts(spec, parts, label_parts(spec, parts, listener=silent), found, listener=silent)


def test_the_words_of_votes_are_hidden_and_no_others() -> None:
    example = Example("1", "a superb film, a dull end", entities=(Span(9, 13, "X"),))
    good = Firing("praise", Label.of("good"), (Span(2, 8),))
    veto = Firing("no", Label.of("bad"), (Span(17, 21),), veto=True)
    hidden = without_its_triggers(example, [good, veto, Firing("helper", None, (Span(22, 25),))], mask="[MASK]")
    assert hidden.text == "a [MASK] film, a dull end"
    [entity] = hidden.entities
    assert hidden.text[entity.start : entity.end] == "film"


def test_a_text_of_nothing_else_stays() -> None:
    example = Example("1", "superb")
    assert without_its_triggers(example, [Firing("praise", Label.of("good"), (Span(0, 6),))], mask="?") == example


@pytest.mark.parametrize("hide", [0.0, 0.5, 1.0])
def test_the_share_that_was_asked_for_teaches_so(tmp_path: Path, checkpoint: Path, hide: float) -> None:
    found, plain = (inputs(tmp_path / name, checkpoint, share) for name, share in (("some", hide), ("none", 0.0)))
    covered = np.flatnonzero((found.votes >= 0).any(axis=1)).tolist()
    mask = load_tokenizer(checkpoints.resolve(str(checkpoint), folder=tmp_path)).mask_token_id
    shown, as_it_is = found.weak(covered), plain.weak(covered)
    without = [mask in ids for ids in shown.encoded.columns["input_ids"]]
    assert np.mean(without) == pytest.approx(hide, abs=0.15)
    assert np.array_equal(shown.targets, as_it_is.targets)
    for ids, others, hidden in zip(
        shown.encoded.columns["input_ids"], as_it_is.encoded.columns["input_ids"], without, strict=True
    ):
        assert (ids == others) is not hidden
    again = inputs(tmp_path / "again", checkpoint, hide)
    assert again.weak(covered).encoded.columns == shown.encoded.columns
