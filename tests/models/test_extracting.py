"""Answers as edges of tokens, and back."""

from __future__ import annotations

import numpy as np
import pytest
from transformers import AutoTokenizer

from ruletune.models.extracting import edge_targets, read_edges
from ruletune.models.windows import windows
from ruletune.templates import Rendering, default_template
from ruletune.types import Example, Span, Spans
from tests.model_fixtures import build_checkpoint

RENDERING = Rendering(default_template(pair=False, asked=True))
SURE = 30.0


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> object:
    return AutoTokenizer.from_pretrained(str(build_checkpoint(tmp_path_factory.mktemp("checkpoint"))))


def asked(text: str, answer: str, *, at: int | None = None) -> Example:
    start = text.index(answer) if at is None else at
    return Example("1", text, "is the film great ?", Spans((Span(start, start + len(answer)),)))


EXAMPLES = [
    asked("the film is a story of two people", "two people"),
    asked("这 很 好 film", "很 好"),
    asked("这很好这很好", "好这"),
    asked("a 😀 👩‍👩‍👧 film", "👩‍👩‍👧"),
    asked("the film \ufffd is", "\ufffd"),
    asked("great " * 200 + "superb " + "great " * 200, "superb"),
    asked("great " * 200 + "superb cast", "superb cast"),
    asked("dull " + "great " * 300, "dull", at=0),
    Example("1", "the film is a story " * 60, "is it ?", Spans(())),
    Example("1", "the film", "great " * 100, Spans((Span(4, 8),))),
]


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("length", [16, 32, 64])
def test_decoding_gives_back_what_was_encoded(tokenizer: object, example: Example, length: int) -> None:
    assert isinstance(example.answer, Spans)
    shown = windows([example], rendering=RENDERING, tokenizer=tokenizer, max_length=length)  # type: ignore[arg-type]
    targets, mass = edge_targets(shown, [[(span, 1.0) for span in example.answer.spans]])
    assert all(len(ids) <= length for ids in shown.encoded.columns["input_ids"])
    assert max(float(each[0]) for each in mass) == float(bool(example.answer.spans))
    [read] = read_edges(shown, [target * SURE for target in targets], [example], longest=30)
    if example.answer.spans:
        assert read.spans[0] == example.answer.spans[0]
        assert read.scores[0] > read.none
        assert read.score(read.spans[0]) == pytest.approx(read.scores[0])
    else:
        assert len(read.scores) == 0 or read.none > read.scores[0]


def test_alternatives_share_the_target(tokenizer: object) -> None:
    example = Example("1", "the film is a story", "what ?")
    shown = windows([example], rendering=RENDERING, tokenizer=tokenizer, max_length=32)  # type: ignore[arg-type]
    [target], _ = edge_targets(shown, [[(Span(4, 8), 0.25), (Span(14, 19), 0.75)]])
    assert np.allclose(target.sum(axis=1), 1.0)
    assert sorted(target[0][target[0] > 0].tolist()) == [0.25, 0.75]


def test_passages_come_in_the_order_of_their_scores_and_none_is_too_long(tokenizer: object) -> None:
    example = Example("1", "the film is a story of two people", "what ?")
    shown = windows([example], rendering=RENDERING, tokenizer=tokenizer, max_length=32)  # type: ignore[arg-type]
    logits = [np.random.default_rng(0).normal(size=(2, len(shown.offsets[0])))]
    [read] = read_edges(shown, logits, [example], longest=3)
    assert read.scores.tolist() == sorted(read.scores.tolist(), reverse=True)
    assert all(len(example.text[span.start : span.end].split()) <= 3 for span in read.spans)
    assert len(set(read.spans)) == len(read.spans)


def test_no_answer_where_no_window_has_one(tokenizer: object) -> None:
    """One window that is sure of an answer outweighs all that have none."""
    example = asked("great " * 100 + "superb", "superb")
    shown = windows([example], rendering=RENDERING, tokenizer=tokenizer, max_length=32)  # type: ignore[arg-type]
    assert len(shown.owner) > 2
    bare, _ = edge_targets(shown, [[]])
    [read] = read_edges(shown, [target * SURE for target in bare], [example], longest=5)
    assert read.none > read.scores.max()
