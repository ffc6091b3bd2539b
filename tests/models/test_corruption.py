"""What is hidden can be put back, the shares are right, and special tokens are never touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.models.corruption import IGNORED, Vocabulary, infill, mask, spans

BERT = Vocabulary(1000, frozenset({0, 101, 102, 103}), mask=103)
T5 = Vocabulary(1000, frozenset({0, 1, *range(900, 1000)}), sentinels=tuple(range(999, 899, -1)), end=1)


def test_masking_follows_80_10_10() -> None:
    ids = [101, *range(200, 700), 102]
    rng = np.random.default_rng(0)
    fates = {"mask": 0, "same": 0, "random": 0}
    for _ in range(100):
        changed, targets = mask(ids, vocabulary=BERT, share=0.15, rng=rng)
        assert targets[0] == targets[-1] == IGNORED
        for before, after, target in zip(ids, changed, targets, strict=True):
            if target == IGNORED:
                assert before == after
            else:
                assert target == before
                fates["mask" if after == 103 else "same" if after == before else "random"] += 1
    total = sum(fates.values())
    assert total == 7500
    assert fates["mask"] / total == pytest.approx(0.8, abs=0.02)
    assert fates["random"] / total == pytest.approx(0.1, abs=0.02)


def test_words_are_hidden_as_a_whole() -> None:
    ids, words = [101, 5, 6, 7, 8, 9, 10, 102], [None, 0, 0, 1, 1, 2, 2, None]
    for seed in range(20):
        _, targets = mask(ids, vocabulary=BERT, share=0.3, rng=np.random.default_rng(seed), words=words)
        hidden = [target != IGNORED for target in targets]
        assert hidden[1] == hidden[2]
        assert hidden[3] == hidden[4]
        assert hidden[5] == hidden[6]
        assert sum(hidden) == 2


def test_a_text_of_special_tokens_only_is_left_alone() -> None:
    assert mask([101, 102], vocabulary=BERT, share=0.15, rng=np.random.default_rng(0)) == ([101, 102], [IGNORED] * 2)


@given(st.lists(st.integers(2, 899), min_size=1, max_size=300), st.integers(0, 99))
def test_spans_put_back_give_the_text(body: list[int], seed: int) -> None:
    source, target = spans([*body, 1], vocabulary=T5, share=0.15, rng=np.random.default_rng(seed))
    hidden: dict[int, list[int]] = {}
    for token in target[:-1]:
        if token in T5.sentinels:
            current = hidden.setdefault(token, [])
        else:
            current.append(token)
    restored = [t for token in source[:-1] for t in hidden.get(token, [token])]
    assert restored == body
    assert source[-1] == target[-1] == 1
    assert sum(map(len, hidden.values())) == max(1, round(0.15 * len(body)))


@given(st.lists(st.integers(104, 999), min_size=1, max_size=300), st.integers(0, 99))
def test_infilling_hides_the_share_and_asks_for_the_whole(body: list[int], seed: int) -> None:
    ids = [101, *body, 102]
    source, target = infill(ids, vocabulary=BERT, share=0.3, rng=np.random.default_rng(seed))
    assert target == ids
    assert source[0] == 101
    assert source[-1] == 102
    kept = [token for token in source if token != 103]
    assert len(kept) == len(ids) - max(1, round(0.3 * len(body)))
    rest = iter(ids)
    assert all(token in rest for token in kept)  # in order


def test_corruption_depends_on_the_generator_only() -> None:
    ids = [101, *range(200, 260), 102]
    first, second = (mask(ids, vocabulary=BERT, share=0.15, rng=np.random.default_rng(7)) for _ in range(2))
    assert first == second
