"""What a frozen encoder makes of texts, as vectors: sentence embeddings, and what a linear head reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from transformers import AutoModel

from ruletune.models.backbone import autocast, device, load_tokenizer, loading
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import buckets
from ruletune.models.memory import fitting

__all__ = ["embed", "embed_layers"]


def embed(
    checkpoint: Checkpoint,
    texts: list[str],
    *,
    max_length: int = 128,
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Sentence embeddings: mean of the last hidden states over the text's tokens, unit length.

    Returns:
        float32 of shape (texts, hidden size).

    Source: Reimers & Gurevych 2019, Sentence-BERT, section 3 (mean pooling).
    """

    def last(states: Sequence[torch.Tensor], mask: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        return _mean(states[-1], mask)

    return _read_off(checkpoint, texts, last, max_length=max_length, batch_size=batch_size, progress=progress)


def embed_layers(
    checkpoint: Checkpoint,
    texts: list[str],
    *,
    max_length: int = 128,
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """What a linear head reads of a frozen encoder: means over tokens a third, two thirds and all of the way up, and the
    first word two thirds up.

    The last layer of a sentence encoder says what a text is about. What kind of text it is, a question for a person or for
    a number, stands in lower layers and in the first word, which has read the others there. The four parts have unit length,
    one behind the other; so has the whole. ``benchmarks/representations.py`` compares it with the last layer alone.

    Returns:
        float32 of shape (texts, 4 x hidden size).
    """

    def layers(states: Sequence[torch.Tensor], mask: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        top = len(states) - 1
        low, middle = max(1, round(top / 3)), max(1, round(2 * top / 3))
        word = states[middle][torch.arange(len(first), device=first.device), first].float()
        parts = [_mean(states[low], mask), _mean(states[middle], mask), _mean(states[top], mask), _unit(word)]
        joined: torch.Tensor = torch.cat(parts, dim=1)
        return _unit(joined)

    return _read_off(checkpoint, texts, layers, max_length=max_length, batch_size=batch_size, progress=progress)


def _mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean over the tokens of each text, unit length."""
    return _unit((states.float() * mask).sum(1) / mask.sum(1).clamp(min=1))


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    unit: torch.Tensor = torch.nn.functional.normalize(vectors, dim=1)
    return unit


def _read_off(
    checkpoint: Checkpoint,
    texts: list[str],
    read: Callable[[Sequence[torch.Tensor], torch.Tensor, torch.Tensor], torch.Tensor],
    *,
    max_length: int,
    batch_size: int,
    progress: Callable[[int], None] | None,
) -> np.ndarray:
    """A vector for each text from the hidden states of the frozen encoder.

    Args:
        read: Given the states of all layers, each (texts, tokens, width), the mask (texts, tokens, 1), and the position of
            each text's first word.
    """
    tokenizer = load_tokenizer(checkpoint)
    with loading(f"the checkpoint {checkpoint.name!r}"):
        model = AutoModel.from_pretrained(
            checkpoint.source,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=not checkpoint.hub,
            trust_remote_code=False,
        )
    place = device()
    model.to(place).eval()
    found: list[tuple[np.ndarray, np.ndarray]] = []
    lengths = np.array([len(text) for text in texts], dtype=np.int64)

    def ask(rows: np.ndarray) -> np.ndarray:
        batch = tokenizer(
            [texts[row] for row in rows],
            padding=True,
            truncation=True,
            max_length=max_length,
            return_special_tokens_mask=True,
            return_tensors="pt",
        ).to(place)
        special = batch.pop("special_tokens_mask")
        states = model(**batch, output_hidden_states=True).hidden_states
        vectors = read(states, batch["attention_mask"].unsqueeze(-1).float(), special.argmin(1))
        return np.asarray(vectors.cpu().numpy())

    with torch.inference_mode(), autocast("auto", place):
        for rows, vectors in fitting(buckets(lengths, batch_size=batch_size), ask, what="embedding"):
            found.append((rows, vectors))
            if progress:
                progress(len(rows))
    result = np.zeros((len(texts), found[0][1].shape[1] if found else 0), dtype=np.float32)
    for rows, vectors in found:
        result[rows] = vectors
    return result
