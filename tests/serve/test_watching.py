"""Windows over what is seen, and what is said when it has changed."""

from __future__ import annotations

import logging

import pytest

from ruletune.pipeline.reference import NOTHING, Reference, answers_of
from ruletune.pipeline.run import Run
from ruletune.serve.answering import Seen
from ruletune.serve.watching import Watch
from ruletune.types import Example, Label, Span, Spans, Text

REFERENCE = Reference("unlabeled", 1000, {"refund": 40, "thanks": 500}, 500, {"angry": 50, "glad": 450})


def watched(*, rules: tuple[str, ...] | None, answers: tuple[str, ...] | None, texts: int, watch: Watch) -> Watch:
    for _ in range(texts):
        watch.saw([Seen("", rules, answers)])
    return watch


def test_what_has_changed_is_said_in_words_and_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch({"": REFERENCE}, window=400)
    with caplog.at_level(logging.WARNING, "ruletune.serve"):
        watched(rules=("refund", "thanks"), answers=("glad",), texts=600, watch=watch)
    said = [drift.sentence for drift in watch.drifts]
    assert said[0] == "rule 'refund' fires on 100% of the last 400 texts; 4.0% in training"
    assert "'glad' is the answer to 100% of the last 400 texts; 90% in training" in said
    assert sum("'refund'" in record.message for record in caplog.records) == 1


def test_nothing_is_said_of_few_texts_and_nothing_any_more_when_texts_are_as_they_were() -> None:
    watch = Watch({"": REFERENCE}, window=300)
    watched(rules=("refund",), answers=None, texts=199, watch=watch)
    assert not watch.drifts
    watched(rules=("refund",), answers=None, texts=101, watch=watch)
    assert watch.drifts
    for number in range(300):
        rules = tuple(name for name, every in (("refund", 25), ("thanks", 2)) if number % every == 0)
        watch.saw([Seen("", rules, None)])
    assert not watch.drifts


def test_what_nobody_looked_at_counts_for_nothing() -> None:
    watch = watched(rules=None, answers=None, texts=500, watch=Watch({"": REFERENCE}))
    assert not watch.drifts
    assert {share.texts for share in watch.shares()} == {0}


def test_two_parts_are_watched_apart() -> None:
    watch = Watch({"intent": REFERENCE, "slots": None})
    for _ in range(300):
        watch.saw([Seen("intent", ("refund",), ("glad",)), Seen("slots", ("refund",), ("place",))])
    assert {drift.part for drift in watch.drifts} == {"intent"}
    assert watch.drifts[0].sentence.startswith("rule 'refund' (intent) fires on")
    assert {(s.training, s.now) for s in watch.shares() if s.part == "slots"} == {(None, 1.0)}


def test_a_label_that_never_was_is_seen() -> None:
    watch = watched(rules=None, answers=(NOTHING,), texts=300, watch=Watch({"": REFERENCE}))
    assert {drift.change.name for drift in watch.drifts} == {"angry", "glad", NOTHING}


def test_labels_of_answers() -> None:
    assert answers_of(Label.of("b", "a")) == ("a", "b")
    assert answers_of(Label(())) == (NOTHING,)
    assert answers_of(Spans((Span(0, 1, "X"), Span(2, 3, "X"), Span(4, 5, "A")))) == ("A", "X")
    assert answers_of(Spans((Span(0, 1),))) == ("answered",)
    assert answers_of(Text("a")) == ()


def test_a_reference_is_kept_and_later_ones_are_left_alone() -> None:
    assert Reference.from_json(REFERENCE.to_json()) == REFERENCE
    for other in (None, {}, [], {"format": 2}, "x"):
        assert Reference.from_json(other) is None


def test_training_leaves_what_its_texts_were_like(classified: Run) -> None:
    reference = Reference.from_json(classified.settings["reference"])
    assert reference is not None
    assert (reference.part, reference.texts) == ("unlabeled", 200)
    lines = (classified.folder.parent / "unlabeled.jsonl").read_text("utf-8").splitlines()
    examples = [Example("1", line.split('"text": "')[1].split('"')[0]) for line in lines]
    fired = [firing.rule for firings in classified.firings(examples) for firing in firings]
    assert reference.rules == {"praise": fired.count("praise"), "blame": fired.count("blame")}
    assert sum(reference.answers.values()) == reference.answered == 200
