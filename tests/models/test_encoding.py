from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import buckets, collate, encode
from ruletune.templates import Rendering, Template
from ruletune.types import Example


@pytest.fixture(scope="module")
def tokenizer(checkpoint: Path):  # type: ignore[no-untyped-def]
    return load_tokenizer(Checkpoint("tiny", str(checkpoint)))


def shown(tokenizer, template: str, text: str, *, pair: str | None = None, limit: int = 10):  # type: ignore[no-untyped-def]
    rendering = Rendering(Template.parse(template))
    encoded = encode([Example("1", text, pair)], rendering=rendering, tokenizer=tokenizer, max_length=limit)
    return tokenizer.convert_ids_to_tokens(encoded.columns["input_ids"][0]), encoded.loss


def test_a_short_text_is_shown_whole(tokenizer) -> None:  # type: ignore[no-untyped-def]
    tokens, loss = shown(tokenizer, "review {text}", "a superb film")
    assert tokens == ["[CLS]", "review", "a", "superb", "film", "[SEP]"]
    assert (loss.truncated, loss.tokens_lost, loss.longest) == (0, 0, 6)


def test_truncation_cuts_the_text_and_spares_what_stands_around_it(tokenizer) -> None:  # type: ignore[no-untyped-def]
    tokens, loss = shown(tokenizer, "review {text} is it great", "superb film " * 20)
    assert tokens[:2] == ["[CLS]", "review"] and tokens[-4:] == ["is", "[UNK]", "great", "[SEP]"]
    assert len(tokens) == 10
    assert (loss.truncated, loss.longest) == (1, 46) and loss.tokens_lost == 36


def test_a_second_text_survives_a_long_first_one(tokenizer) -> None:  # type: ignore[no-untyped-def]
    tokens, _ = shown(tokenizer, "{text}{sep}{text_pair}", "film " * 50, pair="two people")
    assert tokens[-4:] == ["[SEP]", "two", "people", "[SEP]"] and len(tokens) == 10


def test_a_scaffold_that_is_too_long_is_cut_by_the_tokenizer(tokenizer) -> None:  # type: ignore[no-untyped-def]
    tokens, loss = shown(tokenizer, "film " * 40 + "{text}", "superb")
    assert len(tokens) == 10 and loss.truncated == 1


def test_a_megabyte_in_one_row(tokenizer) -> None:  # type: ignore[no-untyped-def]
    tokens, loss = shown(tokenizer, "{text}", "很好 film " * 120_000)
    assert len(tokens) == 10 and loss.tokens_lost > 300_000


def test_no_examples(tokenizer) -> None:  # type: ignore[no-untyped-def]
    assert len(encode([], rendering=Rendering(Template.parse("{text}")), tokenizer=tokenizer, max_length=8)) == 0


def test_padding_is_on_the_right_and_masked(tokenizer) -> None:  # type: ignore[no-untyped-def]
    import torch

    rendering = Rendering(Template.parse("{text}"))
    examples = [Example("1", "film"), Example("2", "a superb film")]
    encoded = encode(examples, rendering=rendering, tokenizer=tokenizer, max_length=16)
    batch = collate(encoded, [0, 1], pad_id=0, device=torch.device("cpu"))
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch["input_ids"][0, 3:].tolist() == [0, 0]


@given(st.lists(st.integers(1, 300), max_size=200), st.integers(1, 40), st.booleans())
def test_every_row_is_in_exactly_one_batch(lengths: list[int], batch_size: int, shuffled: bool) -> None:
    rng = np.random.default_rng(0) if shuffled else None
    batches = list(buckets(np.array(lengths, dtype=np.int64), batch_size=batch_size, rng=rng))
    assert sorted(int(row) for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(0 < len(batch) <= batch_size for batch in batches)


@given(st.lists(st.integers(0, 300), max_size=100), st.integers(1, 400), st.integers(0, 300) | st.none())
def test_batches_for_answering_have_no_more_tokens_than_allowed(
    lengths: list[int], tokens: int, padding: int | None
) -> None:
    found = list(buckets(np.array(lengths, dtype=np.int64), batch_size=8, tokens=tokens, padding=padding))
    assert sorted(int(row) for batch in found for row in batch) == list(range(len(lengths)))
    for batch in found:
        longest = max(lengths[row] for row in batch)
        assert len(batch) == 1 or len(batch) * longest <= tokens
        assert padding is None or sum(longest - lengths[row] for row in batch) <= padding
        assert len(batch) <= 8


def test_buckets_leave_little_padding() -> None:
    lengths = np.random.default_rng(1).integers(5, 120, 2000)
    batches = list(buckets(lengths, batch_size=16, rng=np.random.default_rng(2)))
    padded = sum(int(lengths[batch].max()) * len(batch) for batch in batches)
    assert padded < 1.1 * lengths.sum()
