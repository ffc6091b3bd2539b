"""Scores of written texts are those of the field's scorers, in every script, and worth an interval."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.data.readers import read_all
from ruletune.data.texts import Texts
from ruletune.errors import UserError
from ruletune.metrics.bleu import bleu, bleu_counts, bleu_interval, bleu_of_sums, chrf, chrf_each, signatures
from ruletune.metrics.intervals import difference_interval
from ruletune.metrics.texts import TextScoring, references_of, sentences_of
from ruletune.types import Example, Text

metrics = pytest.importorskip("sacrebleu.metrics", reason="the extra 'text' is not installed")
pytest.importorskip("rouge_score", reason="the extra 'text' is not installed")

GERMAN = ["Ein Hund läuft.", "Zwei Männer sitzen auf einer Bank.", "", "Das ist gut ."]
RIGHT = [["Ein Hund rennt."], ["Zwei Männer sitzen auf der Bank.", "Zwei Herren auf einer Bank."], ["Etwas."], ["Gut."]]
STREAMS = [[right[n] if n < len(right) else None for right in RIGHT] for n in range(2)]

sentences = st.lists(st.sampled_from(["a", "b", "c", "house", ".", "der", "北"]), max_size=9).map(" ".join)


def example(target: str, *others: str, text: str = "a", **fields: object) -> Example:
    return Example("1", text, answer=Text(target), alternatives=tuple(map(Text, others)), fields=fields)


def test_bleu_and_chrf_are_those_of_sacrebleu() -> None:
    assert bleu(GERMAN, RIGHT) == pytest.approx(metrics.BLEU().corpus_score(GERMAN, STREAMS).score / 100)
    assert chrf(GERMAN, RIGHT) == pytest.approx(metrics.CHRF().corpus_score(GERMAN, STREAMS).score / 100)
    assert chrf_each(GERMAN, RIGHT)[1] == pytest.approx(metrics.CHRF().sentence_score(GERMAN[1], RIGHT[1]).score / 100)


@given(answers=st.lists(st.tuples(sentences, sentences.filter(bool)), min_size=1, max_size=5))
def test_sums_of_counts_are_the_corpus(answers: list[tuple[str, str]]) -> None:
    said, right = [each[0] for each in answers], [each[1] for each in answers]
    counts = bleu_counts(said, [[each] for each in right])
    # The tokenizer is that of the references' script.
    theirs = metrics.BLEU(tokenize="zh" if "北" in "".join(right) and bleu_uses_zh(right) else "13a", force=True)
    assert bleu_of_sums(counts.sum(axis=0, keepdims=True))[0] == pytest.approx(
        theirs.corpus_score(said, [right]).score / 100
    )


def bleu_uses_zh(right: list[str]) -> bool:
    return ":zh|" in signatures([[each] for each in right])["bleu"]


def test_scripts_without_spaces_are_cut_into_characters() -> None:
    chinese, japanese = [["今天天气很好。"]], [["今日は天気がいいです。"]]
    assert 0.3 < bleu(["今天天气不好。"], chinese) < 1.0
    assert 0.3 < bleu(["今日は天気がいい。"], japanese) < 1.0
    assert ":zh|" in signatures(chinese)["bleu"]
    assert ":char|" in signatures(japanese)["bleu"]


def test_signatures_say_how() -> None:
    found = signatures(RIGHT)
    assert found["bleu"].startswith("nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert found["chrf"].startswith("nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")
    assert signatures([]) == {}


def test_nothing_to_score() -> None:
    for task in ("translation", "summarization", "dialogue"):
        assert set(TextScoring(task).score([], []).values()) == {0.0}
        assert TextScoring(task).interval([], [], seed=0) == (0.0, 0.0)
        assert len(TextScoring(task).right([], [])) == 0


def test_every_task_has_its_metrics() -> None:
    asked = [example("ein Haus am Meer", text="inform(a = Haus)", slots=(("a", "Haus"),))]
    said = ["ein Haus am Meer"]
    assert TextScoring("translation").score(asked, said) == {"bleu": 1.0, "chrf": 1.0}
    assert TextScoring("summarization").score(asked, said) == {"rouge_1": 1.0, "rouge_2": 1.0, "rouge_l": 1.0}
    assert TextScoring("dialogue").score(asked, said) == {
        "bleu": 1.0,
        "distinct_1": 1.0,
        "distinct_2": 1.0,
        "slot_error_rate": 0.0,
    }
    assert "slot_error_rate" not in TextScoring("dialogue").score([example("b")], ["b"])


@pytest.mark.parametrize("task", ["translation", "summarization", "dialogue"])
def test_intervals_hold_the_score_and_follow_the_seed(task: str) -> None:
    asked = [example(right[0], *right[1:]) for right in RIGHT * 10]
    scoring, said = TextScoring(task), GERMAN * 10
    low, high = scoring.interval(asked, said, seed=1)
    main = {"summarization": "rouge_l"}.get(task, "bleu")
    assert low < scoring.score(asked, said)[main] < high
    assert scoring.interval(asked, said, seed=1) == (low, high)
    assert scoring.interval(asked, said, seed=2) != (low, high)


def test_a_paired_interval_sees_what_two_intervals_hide() -> None:
    said = [f"{sentence} noch" for sentence in GERMAN] * 10
    right = RIGHT * 10
    ours, theirs = bleu_interval(GERMAN * 10, right, seed=0), bleu_interval(said, right, seed=0)
    assert ours[0] < theirs[1]
    low, _ = difference_interval(bleu_counts(GERMAN * 10, right), bleu_counts(said, right), bleu_of_sums, seed=0)
    assert low > 0


def test_single_answers_are_ranked() -> None:
    asked = [example("ein Haus am Meer")] * 3
    for task in ("translation", "summarization", "dialogue"):
        scores = TextScoring(task).right(asked, ["ein Haus am Meer", "ein Haus im Wald", ""])
        assert np.all(np.diff(scores) < 0)
        assert (scores[0], scores[2]) == (1.0, 0.0)


def test_sentences_are_those_of_the_data_or_cut() -> None:
    assert sentences_of(example("x", sentences=("One", "two."))) == ("One", "two.")
    assert sentences_of(Example("1", "One here. Two there.\nThree")) == ("One here.", "Two there.", "Three")


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sacrebleu", "sacrebleu.metrics"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=r"BLEU needs an optional dependency; pip install 'ruletune\[text\]'"):
        bleu(["a"], [["a"]])


def test_public_references_against_themselves(shared: Path) -> None:
    pairs = read_all(str(shared / "multi30k_mt" / "val.{en,de}.gz"), labels=Texts())[:50]
    right = [references_of(pair)[0] for pair in pairs]
    assert TextScoring("translation").score(pairs, right) == {"bleu": 1.0, "chrf": 1.0}
