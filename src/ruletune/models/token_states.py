"""What a frozen encoder makes of every token: the representation that quick heads on words work with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from transformers import AutoConfig, AutoModel

from ruletune.models.backbone import autocast, device, load_tokenizer, loading
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import Encoded, buckets, collate
from ruletune.models.memory import fitting
from ruletune.models.pooling import pools_by_mean, words_end

__all__ = ["token_states"]


def token_states(
    checkpoint: Checkpoint,
    encoded: Encoded,
    *,
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> list[np.ndarray]:
    """For each row (tokens, width) float32, of unit length: states of the highest layer that still stands for words."""
    tokenizer = load_tokenizer(checkpoint)
    with loading(f"the checkpoint {checkpoint.name!r}"):
        config = AutoConfig.from_pretrained(
            checkpoint.source, local_files_only=not checkpoint.hub, trust_remote_code=False
        )
        if pools_by_mean(checkpoint.source, config.model_type):
            config.num_hidden_layers = words_end(config.num_hidden_layers)
        model = AutoModel.from_pretrained(
            checkpoint.source,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=not checkpoint.hub,
            trust_remote_code=False,
        )
    place = device()
    model.to(place).eval()
    found: list[np.ndarray] = [np.zeros((0, 0), dtype=np.float32)] * len(encoded)
    lengths = encoded.lengths

    def ask(rows: np.ndarray) -> np.ndarray:
        batch = collate(encoded, rows.tolist(), pad_id=int(tokenizer.pad_token_id or 0), device=place)
        made = model(**batch).last_hidden_state.float()
        return np.asarray(torch.nn.functional.normalize(made, dim=-1).cpu().numpy())

    with torch.inference_mode(), autocast("auto", place):
        for rows, states in fitting(buckets(lengths, batch_size=batch_size), ask, what="embedding"):
            for row, values in zip(rows, states, strict=True):
                found[row] = np.ascontiguousarray(values[: lengths[row]])
            if progress:
                progress(len(rows))
    return found
