"""Writing answers: beam search, the best few of it, and how likely each of them is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import GenerationConfig

from ruletune.models.backbone import Classifier, autocast
from ruletune.models.encoding import Encoded, buckets, collate
from ruletune.models.seq2seq import decoding, encode_texts

__all__ = ["Candidate", "Constraint", "encode_texts", "generate"]

_TOKENS = 4096
"""Source tokens in a batch at most, padding included, counted once for every beam."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """What an answer must and must not say.

    Attributes:
        require: Groups of phrases; of each group one must stand in the answer.
        avoid: Phrases that must not.
    """

    require: tuple[tuple[str, ...], ...] = ()
    avoid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer, and its mean log-probability per token, the token that ends it included."""

    text: str
    score: float


def generate(
    classifier: Classifier,
    sources: Encoded,
    *,
    constraints: Sequence[Constraint] | None = None,
    beams: int = 4,
    candidates: int = 1,
    max_target: int,
    precision: str = "auto",
    progress: Callable[[int], None] | None = None,
) -> list[tuple[Candidate, ...]]:
    """The most likely answers to every source, best first; nothing is drawn at random.

    Args:
        sources: As :func:`encode_texts` makes them.
        constraints: One a source.
        beams: Answers under way at a time; 1 takes the likeliest token each time.
        candidates: How many answers are wanted of each source; there are as many beams at least.
        max_target: Tokens of an answer at most.
        progress: Told how many sources have just been answered.
    """
    place = next(classifier.model.parameters()).device
    classifier.model.eval()
    beams = max(beams, candidates)
    search = _search(decoding(classifier.model, classifier.tokenizer), beams, candidates, max_target)
    plain = replace(sources, columns={name: sources.columns[name] for name in ("input_ids", "attention_mask")})
    answers: list[tuple[Candidate, ...]] = [()] * len(plain)
    with torch.inference_mode(), autocast(precision, place):
        for rows in buckets(plain.lengths, batch_size=64, tokens=_TOKENS // beams):
            batch = collate(plain, rows.tolist(), pad_id=classifier.pad_id, device=place)
            for row, found in zip(rows, _searched(classifier, batch, search), strict=True):
                answers[row] = found
            if progress:
                progress(len(rows))
    return answers


def _search(ids: GenerationConfig, beams: int, candidates: int, max_target: int) -> GenerationConfig:
    """Beam search with the mean log-probability as an answer's score."""
    ids.update(num_beams=beams, num_return_sequences=candidates, max_new_tokens=max_target, do_sample=False)
    return ids


def _searched(
    classifier: Classifier, batch: dict[str, torch.Tensor], search: GenerationConfig
) -> list[tuple[Candidate, ...]]:
    model = classifier.model
    encoder = model.get_encoder()
    states = encoder(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
    found = model.generate(
        encoder_outputs=type(states)(last_hidden_state=states.last_hidden_state.clone()),
        attention_mask=batch["attention_mask"],
        generation_config=search,
    )
    each = search.num_return_sequences
    scores = _likelihoods(model, states.last_hidden_state, batch["attention_mask"], found, search, each)
    texts = classifier.tokenizer.batch_decode(found, skip_special_tokens=True)
    made = [Candidate(text.strip(), score) for text, score in zip(texts, scores, strict=True)]
    return [tuple(made[start : start + each]) for start in range(0, len(made), each)]


def _likelihoods(
    model: Any, states: torch.Tensor, attention: torch.Tensor, found: torch.Tensor, search: GenerationConfig, each: int
) -> list[float]:
    """Mean log-probability per token of written answers, ``each`` of every source; the search's own are not kept, since it
    would keep those of the whole vocabulary for every step.
    """
    ends = search.eos_token_id if isinstance(search.eos_token_id, list) else [search.eos_token_id]
    tokens = found[:, 1:]
    ended = torch.isin(tokens, torch.tensor(ends, device=tokens.device)).long()
    counted = (ended.cumsum(dim=1) - ended == 0).float()
    logits = model(
        encoder_outputs=(states.repeat_interleave(each, dim=0),),
        attention_mask=attention.repeat_interleave(each, dim=0),
        decoder_input_ids=found[:, :-1],
    ).logits
    likely = logits.float().log_softmax(dim=-1).gather(2, tokens[..., None])[..., 0]
    total = (likely * counted).sum(dim=1) / counted.sum(dim=1).clamp(min=1)
    return [float(value) for value in total]
