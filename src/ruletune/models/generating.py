"""Writing answers: beam search, the best few of it, how likely each of them is, and what each must and must not say.

What is to be avoided is kept out by :class:`ruletune.models.lexical.Vetoes` whatever the search. What is required costs nothing
where the best answer of a plain search says it. Else the likeliest of its candidates that says all of it is preferred, and
where none does, :mod:`ruletune.models.constrained` searches again for answers that do.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import GenerationConfig, LogitsProcessorList
from transformers.modeling_outputs import BaseModelOutput

from ruletune.errors import UserError
from ruletune.models.backbone import Classifier, autocast
from ruletune.models.constrained import Decoder, Need, never, search
from ruletune.models.encoding import Encoded, buckets, collate
from ruletune.models.lexical import Avoided, Speller, Vetoes, inexpressible
from ruletune.models.memory import fitting
from ruletune.models.seq2seq import decoding, encode_texts

__all__ = ["Candidate", "Constraint", "encode_texts", "generate", "inexpressible", "stream"]

_TOKENS = 4096
"""Source tokens in a batch at most, padding included, counted once for every beam."""

_SCORED = 2048
"""Tokens of answers that are scored at a time: a logit for every word of the vocabulary is a quarter of a gigabyte then."""


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

    No answer says what it is to avoid. One that says all that is required comes before one that does not; where
    ``max_target`` has no room for all of it, an answer may be left that says less, which the caller can see for itself.

    Args:
        sources: As :func:`encode_texts` makes them.
        constraints: One a source.
        beams: Answers under way at a time; 1 takes the likeliest token each time.
        candidates: How many different answers are wanted of each source; there are as many beams at least. Where the search
            finds fewer, there are fewer, but one at least.
        max_target: Tokens of an answer at most.
        progress: Told how many sources have just been answered.

    Raises:
        UserError: The model cannot write any phrase of a group that is required.
    """
    assert constraints is None or len(constraints) == len(sources), "one constraint a source"
    constraints = constraints or [Constraint()] * len(sources)
    writer = _Writer.of(classifier, constraints, max(beams, candidates), candidates, max_target)
    place = classifier.model.device
    classifier.model.eval()
    plain = replace(sources, columns={name: sources.columns[name] for name in ("input_ids", "attention_mask")})
    answers: list[tuple[Candidate, ...]] = [()] * len(plain)
    with torch.inference_mode(), autocast(precision, place):

        def write(rows: np.ndarray) -> list[list[Candidate]]:
            batch = collate(plain, rows.tolist(), pad_id=classifier.pad_id, device=place)
            return writer.write(batch, rows.tolist())

        batches = buckets(plain.lengths, batch_size=64, tokens=_TOKENS // writer.beams)
        for rows, written in fitting(batches, write, what="writing answers"):
            for row, found in zip(rows, written, strict=True):
                different = {candidate.text: candidate for candidate in reversed(found)}  # the first of each text
                answers[row] = tuple([c for c in found if different[c.text] is c][:candidates])
            if progress:
                progress(len(rows))
    return answers


def stream(
    classifier: Classifier,
    source: str,
    *,
    avoid: Sequence[str] = (),
    max_length: int | None = None,
    max_target: int,
    precision: str = "auto",
) -> Iterator[str]:
    """An answer piece by piece as it is written, the likeliest token each time; the pieces together are the answer.

    Args:
        avoid: Phrases that it does not say.
    """
    limit = max_length or classifier.max_length
    encoded = encode_texts([source], None, tokenizer=classifier.tokenizer, max_length=limit, max_target=max_target)
    writer = _Writer.of(classifier, [Constraint(avoid=tuple(avoid))], 1, 1, max_target)
    given = text = ""
    for tokens in writer.greedy(encoded, precision):
        text = writer.speller.text(tokens)
        if text != given and not text.endswith(
            "\N{REPLACEMENT CHARACTER}"
        ):  # of a character, all of its tokens at once
            yield text[len(given) :]
            given = text
    if text != given:
        yield text[len(given) :]


@dataclass(slots=True)
class _Writer:
    """Everything about writing answers that is the same for all batches."""

    classifier: Classifier
    speller: Speller
    ids: GenerationConfig
    beams: int
    candidates: int
    max_target: int
    needs: list[Need]

    @classmethod
    def of(
        cls, classifier: Classifier, constraints: Sequence[Constraint], beams: int, candidates: int, max_target: int
    ) -> _Writer:
        speller = Speller(classifier.tokenizer)
        made = {constraint: _need(constraint, speller) for constraint in dict.fromkeys(constraints)}
        ids = decoding(classifier.model, classifier.tokenizer)
        positions = getattr(classifier.model.config, "max_position_embeddings", None)
        max_target = min(max_target, positions - 1) if positions else max_target
        return cls(
            classifier, speller, ids, beams, candidates, max_target, [made[constraint] for constraint in constraints]
        )

    def write(self, batch: dict[str, torch.Tensor], rows: list[int]) -> list[list[Candidate]]:
        """Candidates for every source of a batch, best first."""
        needs = [self.needs[row] for row in rows]
        attention = batch["attention_mask"]
        states = self.classifier.model.get_encoder()(**batch).last_hidden_state
        found = self._plain(states, attention, needs)
        again = [n for n, need in enumerate(needs) if need.unsaid(found[n][0].text)]
        for n in again:  # what says more comes first, the likelier first among equals
            found[n].sort(key=lambda candidate: len(needs[n].unsaid(candidate.text)))
        again = [n for n in again if needs[n].unsaid(found[n][0].text)]
        if again:
            for n, answers in zip(again, self._constrained(states, attention, needs, again), strict=True):
                found[n] = sorted([*answers, *found[n]], key=lambda candidate: len(needs[n].unsaid(candidate.text)))
        return found

    def _plain(self, states: torch.Tensor, attention: torch.Tensor, needs: Sequence[Need]) -> list[list[Candidate]]:
        # All beams are looked through where one may say what the best does not.
        each = self.beams if any(need.groups for need in needs) else self.candidates
        found = self.classifier.model.generate(
            # Beam search writes over what it is given.
            encoder_outputs=BaseModelOutput(last_hidden_state=states.clone()),
            attention_mask=attention,
            generation_config=self._config(each),
            logits_processor=LogitsProcessorList(self._vetoes(needs)),
        )
        scores = self._likelihoods(states, attention, found, each)
        made = [Candidate(self.text(row), score) for row, score in zip(found.tolist(), scores, strict=True)]
        return [made[start : start + each] for start in range(0, len(made), each)]

    def _config(self, each: int) -> GenerationConfig:
        config = copy.deepcopy(self.ids)
        config.update(num_beams=self.beams, num_return_sequences=each, max_new_tokens=self.max_target, do_sample=False)
        return config

    def _vetoes(self, needs: Sequence[Need]) -> list[Vetoes]:
        avoided = [need.avoided for need in needs]
        if not any(avoided):
            return []
        return [Vetoes(avoided, self.speller, beams=self.beams, ends=self.ends, length=self.max_target)]

    def _constrained(
        self, states: torch.Tensor, attention: torch.Tensor, needs: Sequence[Need], rows: Sequence[int]
    ) -> list[list[Candidate]]:
        found = search(
            self.classifier.model, states[rows], attention[rows], [needs[row] for row in rows],
            ids=self.ids, speller=self.speller, beams=self.beams, wanted=self.beams, max_target=self.max_target,
        )  # fmt: skip
        return [[Candidate(self.text(answer.tokens), answer.score) for answer in answers] for answers in found]

    @property
    def ends(self) -> list[int]:
        end = self.ids.eos_token_id
        return end if isinstance(end, list) else [end]

    def text(self, tokens: Sequence[int]) -> str:
        return self.speller.text(tokens).strip()

    def _likelihoods(
        self, states: torch.Tensor, attention: torch.Tensor, found: torch.Tensor, each: int
    ) -> list[float]:
        """Mean log-probability per token of written answers, ``each`` of every source; the search's own are not kept, since it
        would keep those of the whole vocabulary for every step.
        """
        tokens = found[:, 1:]
        ended = torch.isin(tokens, torch.tensor(self.ends, device=tokens.device)).long()
        counted = (ended.cumsum(dim=1) - ended == 0).float()
        totals = []
        for rows in torch.split(torch.arange(len(found), device=found.device), max(1, _SCORED // found.shape[1])):
            logits = self.classifier.model(
                encoder_outputs=(states[rows // each],),
                attention_mask=attention[rows // each],
                decoder_input_ids=found[rows, :-1],
            ).logits.float()
            likely = logits.gather(2, tokens[rows][..., None])[..., 0] - logits.logsumexp(dim=-1)
            totals += ((likely * counted[rows]).sum(dim=1) / counted[rows].sum(dim=1).clamp(min=1)).tolist()
        return totals

    def greedy(self, encoded: Encoded, precision: str) -> Iterator[list[int]]:
        """The tokens of one answer so far, each time that there is one more; the last that is given is the whole answer."""
        model, place = self.classifier.model.eval(), self.classifier.model.device
        batch = collate(encoded, [0], pad_id=self.classifier.pad_id, device=place)
        vetoes = LogitsProcessorList(self._vetoes(self.needs))
        first = [] if self.ids.forced_bos_token_id is None else [self.ids.forced_bos_token_id]
        prompt, tokens = [self.ids.decoder_start_token_id, *first], list[int]()
        decoder = None
        while len(tokens) < self.max_target:
            # A generator that is left alone must not leave its mode behind.
            with torch.inference_mode(), autocast(precision, place):
                if decoder is None:
                    states = model.get_encoder()(**batch).last_hidden_state
                    decoder = Decoder(model, states, batch["attention_mask"], never(self.ids))
                    logs = decoder.step([prompt], [0], None)
                else:
                    logs = decoder.step([tokens[-1:]], [0], [0])
                scores = vetoes(torch.tensor([prompt + tokens], device=place), logs)
                tokens = [*tokens, int(scores.argmax())]
            if tokens[-1] in self.ends:
                return
            yield tokens


def _need(constraint: Constraint, speller: Speller) -> Need:
    avoided = Avoided(constraint.avoid) if constraint.avoid else None
    need = Need.of(constraint.require, avoided, speller)
    lost = [group.phrases for group in need.groups if not group.inside]
    if lost:
        listed = "; ".join(" or ".join(map(repr, phrases)) for phrases in lost)
        raise UserError(
            f"the model cannot write what is required, for want of its characters: {listed}",
            remedy="name an alternative that it can, or take another checkpoint",
        )
    return need
