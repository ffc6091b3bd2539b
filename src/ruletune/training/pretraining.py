"""The steps of continued pretraining: the training loop with the loss of a language model.

What is hidden is drawn anew in every step, from the step's own random stream; the held-out texts are
hidden once and for all, so that their losses can be compared. The weights that pretraining begins with
count as the best so far: where nothing is gained, nothing is changed.

For a sentence encoder the loss has a second term. Masked language modelling alone forgets what the
checkpoint's contrastive training taught, so the mean-pooled embedding of the *masked* text is held to
the embedding that the original model gave the *whole* text: 1 - cosine. One forward pass serves both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, assert_never

import numpy as np
import torch
from torch.nn.functional import cosine_similarity, cross_entropy

from ruletune.models import corruption, memory
from ruletune.models.backbone import autocast
from ruletune.models.encoding import Encoded, buckets, collate
from ruletune.models.pretraining import Pretrainable
from ruletune.training.loop import Loop, Stage, Step, Supervision

__all__ = ["PretrainingLoop", "embeddings"]

_HEADS = ("cls", "lm_head")
"""Where BERT and RoBERTa keep the head; it is then run on the hidden tokens alone, which saves most of its work."""


class PretrainingLoop(Loop):
    """One stage of pretraining. ``teacher`` holds the original embeddings, (training blocks, hidden size)."""

    def __init__(
        self,
        made: Pretrainable,
        stage: Stage,
        data: Encoded,
        held_out: Encoded,
        *,
        seed: int,
        share: float = 0.15,
        teacher: np.ndarray | None = None,
        keep: float = 0.0,
    ) -> None:
        self.made = made
        self.share = share
        self.teacher = teacher
        self.keep = keep
        self.vocabulary = made.vocabulary
        super().__init__(made, stage, _plain(data), _plain(held_out), seed=seed)  # type: ignore[arg-type]

    def run(self) -> Iterator[Step]:
        """As :meth:`Loop.run`; before the first step the held-out loss is measured once."""
        if self.step == 0:
            self._check()
        yield from super().run()

    def held_out_loss(self) -> float:
        """Cross-entropy per hidden token of the held-out texts, in nats."""
        return self._validation_loss()

    def _loss(self, data: Supervision, rows: np.ndarray) -> tuple[torch.Tensor, None]:
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        loss, states, attention = self._predict(data.encoded, rows, rng)
        if self.teacher is None or self.keep == 0 or data is not self.data:
            return loss, None
        wanted = torch.from_numpy(self.teacher[rows]).to(self._place)
        return loss + self.keep * (1 - cosine_similarity(_mean(states.float(), attention), wanted)).mean(), None

    def _validation_loss(self) -> float:
        assert self.validation is not None
        self.made.model.eval()
        total, count = 0.0, 0
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(self.seed)
            batches = buckets(self.validation.encoded.lengths, batch_size=64)
            for rows, loss in memory.fitting(batches, self._validation_part, what="validating"):
                total += loss * len(rows)
                count += len(rows)
        return total / max(count, 1)

    def _predict(self, encoded: Encoded, rows: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, Any, Any]:
        pairs = [self._corrupt(encoded, int(row), rng) for row in rows]
        batch = _padded([source for source, _ in pairs], self.made.pad_id, self._place)
        targets = _padded([target for _, target in pairs], corruption.IGNORED, self._place)["input_ids"]
        with autocast(self.stage.precision, self._place):
            if self.made.objective == "masked":
                return *self._masked(batch, targets), batch["attention_mask"]
            return self.made.model(**batch, labels=targets).loss.float(), None, None

    def _masked(self, batch: dict[str, torch.Tensor], targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        model = self.made.model
        hidden = targets != corruption.IGNORED
        head = next((getattr(model, name) for name in _HEADS if hasattr(model, name)), None)
        if head is None:
            output = model(**batch, output_hidden_states=True)
            states, logits = output.hidden_states[-1], output.logits[hidden]
        else:
            states = getattr(model, model.base_model_prefix)(**batch).last_hidden_state
            logits = head(states[hidden])
        return cross_entropy(logits.float(), targets[hidden], reduction="sum") / hidden.sum().clamp(min=1), states

    def _corrupt(self, encoded: Encoded, row: int, rng: np.random.Generator) -> tuple[list[int], list[int]]:
        ids, vocabulary = encoded.columns["input_ids"][row], self.vocabulary
        match self.made.objective:
            case "masked":
                stored = encoded.columns.get("words")
                words = [None if word < 0 else word for word in stored[row]] if stored else None
                return corruption.mask(ids, vocabulary=vocabulary, share=self.share, rng=rng, words=words)
            case "spans":
                return corruption.spans(ids, vocabulary=vocabulary, share=self.share, rng=rng)
            case "infilling":
                return corruption.infill(ids, vocabulary=vocabulary, share=self.share, rng=rng)
            case _:
                assert_never(self.made.objective)


def embeddings(made: Pretrainable, encoded: Encoded, *, precision: str = "auto") -> np.ndarray:
    """Mean-pooled last hidden states of whole blocks: float32 of shape (blocks, hidden size)."""
    model = getattr(made.model, made.model.base_model_prefix).eval()
    place = next(model.parameters()).device
    plain = replace(encoded, columns={n: v for n, v in encoded.columns.items() if n != "words"})
    result = np.zeros((len(encoded), made.model.config.hidden_size), dtype=np.float32)
    with torch.inference_mode(), autocast(precision, place):

        def embed(rows: np.ndarray) -> np.ndarray:
            batch = collate(plain, rows.tolist(), pad_id=made.pad_id, device=place)
            states = model(**batch).last_hidden_state.float()
            return np.asarray(_mean(states, batch["attention_mask"]).cpu().numpy())

        for rows, found in memory.fitting(buckets(encoded.lengths, batch_size=64), embed, what="embedding"):
            result[rows] = found
    return result


def _mean(states: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    mask = attention.unsqueeze(-1).float()
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1)


def _plain(encoded: Encoded) -> Supervision:
    """Texts without an answer, in the form that the loop takes."""
    return Supervision(encoded, np.zeros((len(encoded), 0)), np.ones((len(encoded), 1)))


def _padded(rows: list[list[int]], fill: int, place: torch.device) -> dict[str, torch.Tensor]:
    width = max(map(len, rows))
    ids = np.full((len(rows), width), fill, dtype=np.int64)
    attention = np.zeros((len(rows), width), dtype=np.int64)
    for position, row in enumerate(rows):
        ids[position, : len(row)] = row
        attention[position, : len(row)] = 1
    return {"input_ids": torch.from_numpy(ids).to(place), "attention_mask": torch.from_numpy(attention).to(place)}
