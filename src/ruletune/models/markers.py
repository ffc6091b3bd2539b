"""Markers of two entities: tokens of their own, which a tokenizer is taught and a model given vectors for.

They are saved with both, so that a model is shown pairs in one way whenever and by whomever it is loaded.
"""

from __future__ import annotations

from typing import Any

import torch

from ruletune.templates import MARKERS

__all__ = ["add_markers", "markers_of", "marking"]


def markers_of(tokenizer: Any) -> tuple[int, ...]:
    """Ids of the markers before the subject and before the object; none where the tokenizer does not know them."""
    known = tokenizer.get_added_vocab()
    markers = [opening for opening, _ in MARKERS]
    return tuple(known[marker] for marker in markers) if all(marker in known for marker in markers) else ()


_MEANT = {"[SUBJ]": "subject", "[/SUBJ]": "subject", "[OBJ]": "object", "[/OBJ]": "object"}
"""Words whose vectors the markers of entities begin with: what they stand for is known from the start, on which half of the
pair a state depends."""


def marking(tokenizer: Any) -> Any:
    """The tokenizer, with the markers of two entities as tokens of their own."""
    if not markers_of(tokenizer):
        tokenizer.add_tokens(list(_MEANT), special_tokens=True)
    return tokenizer


@torch.no_grad()
def add_markers(model: Any, tokenizer: Any) -> None:
    """Give the markers vectors: the mean of those of the words that they stand for, set apart where they close."""
    words = {mark: tokenizer(word, add_special_tokens=False)["input_ids"] for mark, word in _MEANT.items()}
    marking(tokenizer)
    known = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > known:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    vectors = model.get_input_embeddings().weight
    separator = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.pad_token_id or 0
    for mark, ids in words.items():
        vector = vectors[ids].mean(dim=0) if ids else vectors[:known].mean(dim=0)
        closing = mark.startswith("[/")
        vectors[tokenizer.convert_tokens_to_ids(mark)] = (vector + vectors[separator]) / 2 if closing else vector
