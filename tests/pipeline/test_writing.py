"""What is asked of a model that writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ruletune.models import backbone
from ruletune.models.checkpoints import resolve
from ruletune.models.generating import Candidate, Constraint
from ruletune.pipeline import writing
from ruletune.pipeline.writing import Writing, write
from ruletune.rules.demands import Demand, Say
from ruletune.templates import Rendering, Template
from ruletune.types import Example
from tests.writer_fixtures import build_writer


def test_a_required_word_may_go_on_in_the_search_as_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Constraint] = []

    def generate(classifier: object, sources: object, *, constraints: list[Constraint], **others: Any) -> list[Any]:
        asked.extend(constraints)
        return [(Candidate("zwei hunde", -0.1),)]

    monkeypatch.setattr(writing, "generate", generate)
    classifier = backbone.new(
        resolve(str(build_writer(tmp_path / "tiny", "t5")), folder=tmp_path),
        labels=(), multi=False, max_length=32, dropout=None, seed=0, readout="generate",
    )  # fmt: skip
    how = Writing(Rendering(Template.parse("{text}")), 32, 16, 2, "cut", told=True, held=True, precision="fp32")
    demand = Demand("dogs", Say(("hund*", "haus")))
    [draft] = write(classifier, [Example("1", "two dogs")], [(demand,)], how)
    assert asked == [Constraint(require=(("hund*", "haus"),), avoid=("(",))]  # hints stand in brackets
    assert draft.broken == ()
