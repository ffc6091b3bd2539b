"""How far a model that finds entities leans on its rules."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ruletune.labeling.span_apply import SpanRules
from ruletune.pipeline.span_reliance import Letters, measure_span_reliance
from ruletune.report.words import reliance_sentence
from ruletune.rules.base import Column, Rule, Terms, Veto, Vote
from ruletune.types import Example, Span, Spans

TOWNS = ("Paris", "Oslo", "Rome", "Bonn")
RULES = SpanRules((Rule("towns", Terms(TOWNS), Vote("LOC")), Rule("no", Terms(("the",)), Veto("LOC"))), labels=("LOC",))


def examples() -> list[Example]:
    found = []
    for n in range(40):
        town = TOWNS[n % 4]
        text = f"they went to {town} by train number {n}"
        found.append(Example(str(n), text, answer=Spans((Span(13, 13 + len(town), "LOC"),))))
    return found


def by_names(asked: Sequence[Example], heard: bool) -> list[Spans]:
    """A model that knows the rules' names by heart, and nothing at all where it does not hear them."""
    return [Spans(tuple(Span(*m.span(), "LOC") for m in re.finditer("|".join(TOWNS), e.text) if heard)) for e in asked]


def by_shape(asked: Sequence[Example], heard: bool) -> list[Spans]:
    """A model that has learned past them: a capital, wherever."""
    return [Spans(tuple(Span(*m.span(), "LOC") for m in re.finditer(r"[A-Z]\w+", e.text))) for e in asked]


def test_a_model_that_knows_names_leans_and_one_that_knows_shapes_does_not() -> None:
    leans = measure_span_reliance(RULES, examples(), by_names, seed=0)
    learned = measure_span_reliance(RULES, examples(), by_shape, seed=0)
    assert leans is not None
    assert learned is not None
    assert leans.texts == learned.texts == 40
    assert (leans.intact, leans.triggers_hidden, leans.random_hidden, leans.unheard) == (1.0, 0.0, 1.0, 0.0)
    assert (learned.intact, learned.triggers_hidden, learned.random_hidden, learned.unheard) == (1.0, 1.0, 1.0, 1.0)
    assert leans.interval[0] > 0.9
    said = reliance_sentence(leans, "spans")
    assert "Rule reliance: +100.0 points" in said
    assert "Without rules at prediction it is 0.0%" in said


def test_votes_that_the_data_carries_go_with_the_words() -> None:
    rules = SpanRules((Rule("given", Column("votes", 0, ("LOC",))),), labels=("LOC",))
    asked = [
        Example(e.id, e.text, answer=e.answer, fields={"votes": [[[13, e.text.index(" by"), "LOC"]]]})
        for e in examples()
    ]

    def hears(seen: Sequence[Example], heard: bool) -> list[Spans]:
        return [Spans(tuple(Span(*span) for span in e.fields["votes"][0]) if heard else ()) for e in seen]  # type: ignore[index]

    found = measure_span_reliance(rules, asked, hears, seed=0)
    assert found is not None
    assert (found.intact, found.triggers_hidden, found.random_hidden) == (1.0, 0.0, 1.0)


def test_unseen_words_have_the_same_shape() -> None:
    letters = Letters.of(["Paris McKay IBM 1984 Ü Ö东京中 étude"])
    rng = np.random.default_rng(0)
    for word in ("Paris", "McKay", "IBM", "1984", "Ü", "x-1", "东京", "🙂", ""):
        made = letters.unseen(word, rng)
        assert len(made) == len(word)
        assert [c.isupper() for c in made] == [c.isupper() for c in word]
        assert [c.isdigit() for c in made] == [c.isdigit() for c in word]
        assert (made != word) == letters.changes(word)


def test_nothing_to_measure() -> None:
    assert measure_span_reliance(RULES, [], by_shape, seed=0) is None
    alone = [Example("1", "Oslo", answer=Spans((Span(0, 4, "LOC"),)))]
    assert measure_span_reliance(RULES, alone, by_shape, seed=0) is None
    assert "not measured" in reliance_sentence(None, "spans")


def test_the_same_seed_gives_the_same() -> None:
    assert measure_span_reliance(RULES, examples(), by_names, seed=3) == measure_span_reliance(
        RULES, examples(), by_names, seed=3
    )
