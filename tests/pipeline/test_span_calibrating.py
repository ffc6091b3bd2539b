"""How far a tagger can be believed, and what it may answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ruletune.config import load_task
from ruletune.errors import UserError
from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import resolve
from ruletune.models.tagging import decode_tags, token_tags
from ruletune.models.windows import Windows, windows
from ruletune.pipeline.calibrating import Calibration
from ruletune.pipeline.fit import fit
from ruletune.pipeline.span_calibrating import calibrate_spans, spans_before_and_after
from ruletune.templates import Rendering, default_template
from ruletune.types import Example, Span, Spans
from tests.pipeline.test_tag_answers import sentences, task  # noqa: F401

TOKENIZER = load_tokenizer(resolve("minilm", folder=Path()))


def sure(examples: list[Example], *, wrong: int, by: float) -> tuple[Windows, list[np.ndarray]]:
    """A tagger that is equally sure of everything, and finds nothing in the first texts."""
    rendering = Rendering(default_template(pair=False))
    shown = windows(examples, rendering=rendering, tokenizer=TOKENIZER, max_length=16)
    said = [Spans(()) if n < wrong else example.answer for n, example in enumerate(examples)]
    tags = token_tags(shown, said, ["LOC"])  # type: ignore[arg-type]
    return shown, [by * np.eye(3)[np.maximum(each, 0)] for each in tags]


def examples(n: int) -> list[Example]:
    return [Example(str(k), "to Rome " + "and on " * 12, answer=Spans((Span(3, 7, "LOC"),))) for k in range(n)]


def test_one_that_is_too_sure_is_cooled_and_answers_the_same() -> None:
    texts = examples(30)
    shown, scores = sure(texts, wrong=15, by=12.0)
    assert len(scores) > len(texts)  # they are cut into windows
    found = calibrate_spans(shown, scores, texts, labels=["LOC"], source="calibration")
    assert found.temperature[0] > 1.5
    assert found.correct == (False,) * 15 + (True,) * 15
    assert found.held_out
    tempered = [found.temper(values) for values in scores]
    before, after = (decode_tags(shown, values, ["LOC"], texts) for values in (scores, tempered))
    assert [each.spans for each in before] == [each.spans for each in after]
    assert max(each.certainty for each in after) < min(each.certainty for each in before)
    told = spans_before_and_after(found, shown, scores, texts, labels=["LOC"])
    assert told["log_loss"] < told["uncalibrated_log_loss"]
    assert told["calibration_labels"] == 30
    assert spans_before_and_after(Calibration(), shown, scores, texts, labels=["LOC"]) == {}


def test_nothing_to_calibrate_on() -> None:
    shown, scores = sure([], wrong=0, by=1.0)
    assert calibrate_spans(shown, scores, [], labels=["LOC"], source="validation") == Calibration()


def test_an_answer_is_as_sure_as_the_least_sure_thing_in_it() -> None:
    [text] = texts = examples(1)
    shown, scores = sure(texts, wrong=0, by=8.0)
    [found] = decode_tags(shown, scores, ["LOC"], texts)
    assert found.certainty > 0.99
    scores[-1] = scores[-1] * 0.1  # an outer word of the last window
    [unsure] = decode_tags(shown, scores, ["LOC"], texts)
    assert unsure.spans == found.spans == text.answer
    assert unsure.scores.tolist() == found.scores.tolist()
    assert unsure.certainty < 0.7


def test_a_run_holds_back_what_it_may_have_wrong(task: Path, tmp_path: Path) -> None:  # noqa: F811
    (task.parent / "calibration.jsonl").write_text(sentences(60, seed=5, gold=True), encoding="utf-8")
    written = task.read_text("utf-8").replace("test: test.jsonl", "test: test.jsonl, calibration: calibration.jsonl")
    task.write_text(written.replace("epochs: 12", "epochs: 4").replace("shares: [0.5]", "shares: []"), "utf-8")
    run = fit(load_task(task), out=tmp_path / "run")
    assert run.metrics["uncalibrated_log_loss"] is not None
    assert run.report.calibration_labels == 60
    test = run.read(str(task.parent / "test.jsonl"))
    everything = run.predict(test)
    try:
        some = run.predict(test, max_error=0.3)
    except UserError:  # nothing can be promised of a model as bad as that
        pytest.fail("60 texts are enough for a promise or for no answers")
    given = [prediction for prediction in some if not prediction.abstained]
    assert {p.id for p in given} <= {p.id for p in everything}
    for before, after in zip(everything, some, strict=True):
        assert after.answer in (None, before.answer)
        assert after.score == before.score
        assert after.answer is not None or after.scores == ()
    measured = run.evaluate(test, max_error=0.3)["abstention"]
    assert measured["answered"] == len(given)
    assert measured["wrong"] <= measured["answered"]
