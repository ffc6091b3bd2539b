"""The label model over words: what it must hold to, and what it learns."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.labeling.observations import Observations
from ruletune.labeling.sequence_model import (
    SEQUENCE_MODELS,
    SequenceModel,
    fit_majority,
    fit_sequence_model,
    spans_of,
    tags_of,
)
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.words import words
from ruletune.rules.base import Link, Pattern, Rule, Terms, Veto, Vote
from ruletune.types import Example, Span, Spans

LABELS = ("PER", "LOC")
MODELS = sorted(SEQUENCE_MODELS)
Ranges = list[list[tuple[int, int]]]


def rule(name: str, says: object = None) -> Rule:
    return Rule(name, Pattern("x"), says if says is not None else Vote("PER"))  # type: ignore[arg-type]


def made(
    rules: list[Rule], texts: int, *cells: tuple[int, int, int, int, int], labels: tuple[str, ...] = LABELS
) -> SpanVotes:
    """Votes from (row, rule, start, end, label)."""
    ordered = sorted(cells, key=lambda cell: (cell[0], cell[2], cell[3], cell[1]))
    row, number, start, end, label = np.array(ordered, dtype=np.int32).reshape(-1, 5).T
    return SpanVotes(tuple(rules), labels, texts, row, number, start, end, label)


def numbered(*lengths: int) -> Ranges:
    """Words of one character with a space after each, so that word n is at 2n."""
    return [[(2 * n, 2 * n + 1) for n in range(length)] for length in lengths]


def beliefs(model: SequenceModel, votes: SpanVotes, ranges: Ranges) -> np.ndarray:
    return np.concatenate(model.posterior(votes, ranges))


@dataclass(frozen=True, slots=True)
class World:
    votes: SpanVotes
    ranges: Ranges
    gold: list[Spans]


def simulate(*, precisions: list[float], texts: int, seed: int, recall: float = 0.6, doubled: int = 0) -> World:
    """Texts of 12 words with two entities of one or two words; rules find them, and other words, one by one."""
    rng = np.random.default_rng(seed)
    cells: list[tuple[int, int, int, int, int]] = []
    gold = []
    for row in range(texts):
        entities = [(int(rng.integers(0, 4)), int(rng.integers(2))), (int(rng.integers(6, 10)), int(rng.integers(2)))]
        sizes = rng.integers(1, 3, size=2).tolist()
        gold.append(
            Spans(tuple(Span(2 * s, 2 * (s + n) - 1, LABELS[k]) for (s, k), n in zip(entities, sizes, strict=True)))
        )
        for number, precision in enumerate(precisions):
            for (start, label), size in zip(entities, sizes, strict=True):
                if rng.random() < recall:
                    at, as_label, reach = start, label, size
                    if rng.random() >= precision:
                        at, as_label, reach = int(rng.integers(0, 12)), int(rng.integers(2)), 1
                    cells.append((row, number, 2 * at, 2 * (at + reach) - 1, as_label))
    extra = [(r, len(precisions) + copy, s, e, k) for r, n, s, e, k in cells if n == 0 for copy in range(doubled)]
    rules = [rule(f"r{n}") for n in range(len(precisions) + doubled)]
    return World(made(rules, texts, *cells, *extra), numbered(*[12] * texts), gold)


def strict_f1(found: list[Spans], gold: list[Spans]) -> float:
    right = sum(len(set(a.spans) & set(b.spans)) for a, b in zip(found, gold, strict=True))
    return 2 * right / max(sum(len(a.spans) + len(b.spans) for a, b in zip(found, gold, strict=True)), 1)


CELLS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 12), st.integers(0, 8), st.integers(0, 1)),
    max_size=14,
).map(lambda cells: [(row, number, start, start + size, label) for row, number, start, size, label in cells])
MIXED = [rule("a"), rule("b"), rule("veto", Veto("PER")), rule("link", Link(True))]
"""Rules of every kind; a veto's and a link's cells carry labels as well."""


@pytest.mark.parametrize("kind", MODELS)
@given(cells=CELLS, told=st.booleans())
@settings(max_examples=40, deadline=None)
def test_rows_sum_to_one_and_decoding_is_valid(
    kind: str, cells: list[tuple[int, int, int, int, int]], told: bool
) -> None:
    ranges = numbered(5, 0, 7)
    votes = made(MIXED, 3, *cells)
    gold = [Spans((Span(0, 3, "LOC"),)), None, None] if told else None
    model = SEQUENCE_MODELS[kind](votes, ranges, gold=gold)
    found = model.posterior(votes, ranges)
    assert [table.shape for table in found] == [(5, 5), (0, 5), (7, 5)]
    for table in found:
        assert (table >= 0).all()
        np.testing.assert_allclose(table.sum(axis=1), 1.0)
        assert table[:1, 2::2].sum() == pytest.approx(0.0) or kind == "majority"
    for answer, words_ in zip(model.decode(votes, ranges), ranges, strict=True):
        assert spans_of(tags_of(answer, words_, LABELS), words_, LABELS) == answer
        assert all(a.end <= b.start for a, b in pairwise(answer.spans))
    assert all(((c >= 0) & (c <= 1)).all() for c in model.confidence(votes, ranges))


@pytest.mark.parametrize("kind", MODELS)
def test_no_votes_and_no_texts(kind: str) -> None:
    for votes, ranges in (
        (made([rule("a")], 2), numbered(3, 1)),
        (made([], 2), numbered(3, 1)),
        (made([], 0), []),
        (made([rule("a")], 1), numbered(0)),
    ):
        model = SEQUENCE_MODELS[kind](votes, ranges)
        assert model.decode(votes, ranges) == [Spans(())] * len(ranges)
        assert all((c <= 0.1).all() for c in model.confidence(votes, ranges))
        assert SequenceModel.from_json(model.to_json()).precision.shape == (len(votes.rules), 2)


@pytest.mark.parametrize("kind", MODELS)
def test_one_word(kind: str) -> None:
    votes = made([rule("a")], 1, (0, 0, 0, 1, 1))
    model = SEQUENCE_MODELS[kind](votes, numbered(1))
    assert model.decode(votes, numbered(1)) == [Spans((Span(0, 1, "LOC"),))]


def test_a_lone_vote_is_believed_as_far_as_its_rule_and_once_however_long() -> None:
    ranges = numbered(8)
    for end in (3, 11):
        votes = made([rule("a")], 1, (0, 0, 2, end, 0))
        table = beliefs(fit_sequence_model(votes, ranges), votes, ranges)
        assert 0.6 < table[1, 1] < 0.95


def test_gold_fixes_tags() -> None:
    world = simulate(precisions=[0.7, 0.7], texts=20, seed=1)
    gold: list[Spans | None] = [None, world.gold[1], Spans(())] + [None] * 17
    model = fit_sequence_model(world.votes, world.ranges, gold=gold)
    found = model.posterior(world.votes, world.ranges, gold=gold)
    assert found[1].argmax(axis=1).tolist() == tags_of(world.gold[1], world.ranges[1], LABELS).tolist()
    assert found[1].max(axis=1).min() == 1.0
    assert (found[2][:, 0] == 1.0).all()


def test_gold_tells_good_rules_from_bad_ones() -> None:
    world = simulate(precisions=[0.95, 0.3, 0.3], texts=300, seed=2)
    told: list[Spans | None] = [*world.gold[:60], *[None] * 240]
    model = fit_sequence_model(world.votes, world.ranges, gold=told)
    assert model.accuracy[0] > 0.85
    assert (model.accuracy[1:] < 0.65).all()
    rest = world.votes.take(np.arange(60, 300))
    mine = strict_f1(model.decode(rest, world.ranges[60:]), world.gold[60:])
    majority = strict_f1(fit_majority(rest, world.ranges[60:]).decode(rest, world.ranges[60:]), world.gold[60:])
    assert mine > majority + 0.1


def test_without_gold_it_is_about_as_good_as_the_majority() -> None:
    world = simulate(precisions=[0.9, 0.8, 0.7], texts=200, seed=3)
    found = [SEQUENCE_MODELS[kind](world.votes, world.ranges).decode(world.votes, world.ranges) for kind in MODELS]
    hmm, majority = (strict_f1(answers, world.gold) for answers in found)
    assert MODELS == ["hmm", "majority"]
    assert hmm > majority - 0.02


@pytest.mark.parametrize("kind", MODELS)
def test_a_veto_forbids_its_label_and_no_other(kind: str) -> None:
    rules = [rule("a"), rule("b"), rule("veto", Veto("PER"))]
    ranges = numbered(4, 4)
    votes = made(rules, 2, (0, 0, 0, 5, 0), (0, 1, 0, 5, 0), (0, 2, 2, 3, 0), (1, 0, 2, 3, 1), (1, 2, 2, 3, 0))
    model = SEQUENCE_MODELS[kind](votes, ranges)
    first, second = model.posterior(votes, ranges)
    assert (first[1, 1:3] == 0).all()
    assert second[1].argmax() == 3
    assert not any(span.start < 3 and span.end > 2 for span in model.decode(votes, ranges)[0].spans)


def test_gold_tells_what_a_veto_is_worth() -> None:
    rules = [rule("good", Veto("PER")), rule("bad", Veto("PER"))]
    ranges = numbered(*[3] * 40)
    votes = made(rules, 40, *[(row, 1, 0, 1, 0) for row in range(40)], *[(row, 0, 4, 5, 0) for row in range(40)])
    model = fit_sequence_model(votes, ranges, gold=[Spans((Span(0, 1, "PER"),))] * 40)
    assert model.accuracy[0] > 0.9
    assert model.accuracy[1] < 0.2


def test_links_join_and_split() -> None:
    rules = [rule("a"), rule("b"), rule("join", Link(True)), rule("part", Link(False))]
    ranges = numbered(5, 5, 5)
    # Two rules disagree whether the entity goes on to the third word.
    both = [cell for row in range(3) for cell in ((row, 0, 2, 3, 0), (row, 1, 2, 5, 0))]
    votes = made(rules, 3, *both, (1, 2, 2, 5, 0), (2, 3, 2, 5, 0))
    plain, joined, parted = fit_sequence_model(votes, ranges).posterior(votes, ranges)
    assert joined[2, 2] > plain[2, 2] + 0.05
    assert parted[2, 2] < plain[2, 2] - 0.05
    assert joined[1, 1] == pytest.approx(plain[1, 1], abs=0.1)  # it says nothing of whether there is an entity


def test_a_link_on_one_word_is_of_those_beside_it() -> None:
    rules = [rule("a"), rule("join", Link(True)), rule("part", Link(False))]
    ranges = numbered(5, 5, 5)
    both = [(row, 0, 2, 7, 0) for row in range(3)]
    votes = made(rules, 3, *both, (1, 1, 4, 5, 0), (2, 2, 4, 5, 0))
    seen = Observations.of(votes, ranges)
    assert seen.links.word.tolist() == [7, 8, 12, 13]
    assert seen.share.tolist() == [1.0, 1.0, 0.5, 0.5]
    edges = Observations.of(made(rules, 1, (0, 1, 0, 1, 0), (0, 2, 8, 9, 0)), numbered(5))
    assert edges.links.word.tolist() == [1, 4]  # at a text's edge there is a word on one side only


def test_links_move_what_is_found_in_texts() -> None:
    """Two lists of words disagree how far names reach; what stands between the parts tells."""
    towns = Rule("towns", Terms(("Rome", "Bonn", "Oslo", "Graz")), Vote("LOC"))
    long = Rule("long", Pattern(r"[A-Z]\w+(?: [&,] [A-Z]\w+)?"), Vote("LOC"))
    join, part = Rule("join", Terms(("&",)), Link(True, 5.0)), Rule("part", Terms((",",)), Link(False, 5.0))
    texts = [Example(str(n), text) for n, text in enumerate(("to Rome & Bonn now", "to Oslo , Graz now") * 5)]
    found = {}
    for name, several in {"without": (towns, long), "with": (towns, long, join, part)}.items():
        votes = SpanRules(several, labels=("LOC",)).apply(texts)
        ranges = [words(example.text) for example in texts]
        beliefs = fit_sequence_model(votes, ranges).posterior(votes, ranges)
        found[name] = [belief[2, 2] for belief in beliefs[:2]]
    assert found["with"][0] > found["without"][0]
    assert found["with"][1] < found["without"][1]


def test_a_link_alone_makes_no_entity() -> None:
    votes = made([rule("join", Link(True))], 1, (0, 0, 0, 5, 0))
    model = fit_sequence_model(votes, numbered(4))
    assert model.decode(votes, numbered(4)) == [Spans(())]
    assert votes.links.tolist() == [1]
    assert not votes.covered.any()


def test_gold_tells_what_a_link_is_worth() -> None:
    ranges = numbered(*[3] * 40)
    votes = made(
        [rule("join", Link(True)), rule("part", Link(False))], 40, *[(n, k, 0, 3, 0) for n in range(40) for k in (0, 1)]
    )
    model = fit_sequence_model(votes, ranges, gold=[Spans((Span(0, 3, "PER"),))] * 40)
    assert model.accuracy[0] > 0.9
    assert model.accuracy[1] < 0.2


def test_copies_of_a_rule_do_not_run_away() -> None:
    alone = simulate(precisions=[0.6, 0.9], texts=200, seed=4)
    copied = simulate(precisions=[0.6, 0.9], texts=200, seed=4, doubled=8)
    hmm = fit_sequence_model(copied.votes, copied.ranges)
    assert (hmm.precision < 0.95).all()
    # Where the copies are silent, the other rule is still believed.
    before = fit_sequence_model(alone.votes, alone.ranges).decode(alone.votes, alone.ranges)
    after = hmm.decode(copied.votes, copied.ranges)
    assert strict_f1(after, copied.gold) > strict_f1(before, alone.gold) - 0.05


def test_of_overlapping_votes_of_one_rule_the_longest_is_heard() -> None:
    votes = made([rule("a"), rule("b")], 1, (0, 0, 0, 3, 0), (0, 0, 2, 9, 0), (0, 0, 8, 11, 1), (0, 1, 0, 3, 0))
    seen = Observations.of(votes, numbered(8))
    assert sorted(zip(seen.begins.word.tolist(), seen.begins.rule.tolist(), strict=True)) == [(0, 1), (1, 0)]
    assert sorted(seen.continues.word.tolist()) == [1, 2, 3, 4]


def test_votes_that_hold_no_word_say_nothing() -> None:
    votes = made([rule("a")], 2, (0, 0, 1, 2, 0), (0, 0, 50, 60, 0), (1, 0, 3, 3, 0))
    assert not len(Observations.of(votes, numbered(3, 3)).begins)


def test_votes_and_words_of_different_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="votes on 2 texts, words of 1"):
        fit_sequence_model(made([rule("a")], 2), numbered(3))


def test_rules_weigh_what_they_say() -> None:
    ranges = numbered(4)
    votes = made([rule("a"), rule("b")], 1, (0, 0, 0, 1, 0), (0, 1, 0, 1, 1))
    for weights, best in (([3.0, 1.0], 1), ([1.0, 3.0], 3)):
        for kind in MODELS:
            model = SEQUENCE_MODELS[kind](votes, ranges, weights=weights)
            assert beliefs(model, votes, ranges)[0].argmax() == best
    silent = beliefs(fit_sequence_model(votes, ranges, weights=[0.0, 0.0]), votes, ranges)
    assert silent[0].argmax() == 0


def test_extreme_weights_stay_finite() -> None:
    votes = made([rule("a"), rule("b"), rule("join", Link(True))], 1, (0, 0, 0, 5, 0), (0, 1, 2, 3, 1), (0, 2, 0, 7, 0))
    model = fit_sequence_model(votes, numbered(5), weights=[1e6, 1e6, 1e6])
    table = beliefs(model, votes, numbered(5))
    assert np.isfinite(table).all()


def test_chinese_is_counted_in_characters() -> None:
    text = "我住在北京市 👍"
    ranges = [words(text)]
    votes = made([rule("a")], 1, (0, 0, 3, 6, 1))
    found = fit_sequence_model(votes, ranges).decode(votes, ranges)
    assert [(text[span.start : span.end], span.label) for span in found[0].spans] == [("北京市", "LOC")]


@pytest.mark.parametrize("kind", MODELS)
def test_models_survive_json(kind: str) -> None:
    world = simulate(precisions=[0.9, 0.6], texts=30, seed=5)
    model = SEQUENCE_MODELS[kind](world.votes, world.ranges, gold=[world.gold[0], *[None] * 29])
    back = SequenceModel.from_json(json.loads(json.dumps(model.to_json())))
    assert (beliefs(back, world.votes, world.ranges) == beliefs(model, world.votes, world.ranges)).all()
    assert back.labels == model.labels
    assert back.kind == kind


def test_fitting_twice_is_the_same_bit_for_bit() -> None:
    world = simulate(precisions=[0.9, 0.6], texts=60, seed=6)
    one, two = (fit_sequence_model(world.votes, world.ranges) for _ in range(2))
    assert one.to_json() == two.to_json()
    assert (beliefs(one, world.votes, world.ranges) == beliefs(two, world.votes, world.ranges)).all()


def test_texts_together_are_as_one_by_one() -> None:
    world = simulate(precisions=[0.9, 0.6], texts=12, seed=7)
    model = fit_sequence_model(world.votes, world.ranges)
    together = model.posterior(world.votes, world.ranges)
    for number in range(12):
        alone = model.posterior(world.votes.take([number]), [world.ranges[number]])[0]
        np.testing.assert_allclose(alone, together[number], atol=1e-12)


def test_votes_of_some_texts() -> None:
    world = simulate(precisions=[0.9, 0.6], texts=9, seed=8)
    part = world.votes.take([4, 2, 4])
    assert part.texts == 3
    assert (np.diff(part.row) >= 0).all()
    for new, old in enumerate((4, 2, 4)):
        assert part.start[part.row == new].tolist() == world.votes.start[world.votes.row == old].tolist()
    mask = np.arange(9) == 2
    assert world.votes.take(mask).end.tolist() == world.votes.end[world.votes.row == 2].tolist()
    assert world.votes.take([]).texts == 0


def test_a_text_of_ten_thousand_words_takes_seconds() -> None:
    size = 10_000
    cells = [(0, n % 3, 4 * n, 4 * n + 3, n % 2) for n in range(size // 2)]
    votes = made([rule("a"), rule("b"), rule("c")], 1, *cells)
    begun = time.process_time()
    model = fit_sequence_model(votes, numbered(size))
    assert len(model.decode(votes, numbered(size))[0].spans) > size // 4
    assert time.process_time() - begun < 30


def test_many_texts_take_seconds() -> None:
    world = simulate(precisions=[0.5 + 0.03 * n for n in range(16)], texts=2500, seed=9)
    begun = time.process_time()
    fit_sequence_model(world.votes, world.ranges)
    assert time.process_time() - begun < 30
