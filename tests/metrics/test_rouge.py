"""ROUGE is the package's on ASCII, and something on every other script; the oracle looks at references, lead does not."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.errors import UserError
from ruletune.metrics import rouge as module
from ruletune.metrics.rouge import lead, oracle, rouge, rouge_each

scorers = pytest.importorskip("rouge_score.rouge_scorer", reason="the extra 'text' is not installed")

ascii_texts = st.lists(st.sampled_from(["cats", "cat", "sat", "_", "running", "on", "-", "A.", "x2"]), max_size=9).map(
    " ".join
)


@given(answer=ascii_texts, reference=ascii_texts)
def test_ascii_is_scored_as_by_the_package(answer: str, reference: str) -> None:
    theirs = scorers.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True).score(reference, answer)
    ours = rouge_each([answer], [[reference]])[0].tolist()
    assert ours == pytest.approx([theirs[kind].fmeasure for kind in ("rouge1", "rouge2", "rougeL")])


def test_the_best_reference_counts() -> None:
    assert rouge(["the cat sat"], [["a dog ran", "the cat sat"]])["rouge_l"] == 1.0


@pytest.mark.parametrize(
    ("answer", "reference"),
    [("北京天气好", "北京天气很好"), ("Köln ist schön", "Köln war schön"), ("нет пути", "нет дома")],
)
def test_other_scripts_have_words(answer: str, reference: str) -> None:
    assert 0.0 < rouge([answer], [[reference]])["rouge_1"] < 1.0


def test_a_word_with_an_accent_is_one_word() -> None:
    assert rouge(["naïve"], [["na ve"]])["rouge_1"] == 0.0
    assert rouge(["naïve cats"], [["cat"]])["rouge_1"] == pytest.approx(2 / 3)


def test_lead_and_oracle() -> None:
    text = ["We begin here.", "Models learn fast.", "It rained.", "They forget slowly."]
    assert lead(text, count=1) == "We begin here."
    assert lead(text, count=9) == " ".join(text)
    assert oracle(text, ["Models learn fast and forget slowly."], count=2) == "Models learn fast. They forget slowly."
    assert oracle(text, ["Models learn fast and forget slowly."], count=1) == "Models learn fast."
    assert oracle(text, ["nothing alike"], count=2) == ""
    assert oracle([], ["x"], count=2) == ""


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    module._scorer.cache_clear()
    monkeypatch.setitem(sys.modules, "rouge_score", None)
    with pytest.raises(UserError, match=r"ruletune\[text\]"):
        rouge(["a"], [["a"]])
