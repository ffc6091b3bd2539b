"""Beam search for answers that say what they must: dynamic beam allocation.

Hypotheses are sorted into banks by how many tokens they still need for what is required of them, and every bank has its
places in the beam: so a hypothesis that has begun a phrase does not compete with one that has not, and a phrase is written
where it is likely, not where it is last possible. Every step considers, beside the likeliest tokens, those that go on with a
phrase and the best token of every hypothesis.

Source: Post & Vilar 2018, *Fast Lexically Constrained Decoding with Dynamic Beam Allocation for Neural Machine Translation*.
Theirs count tokens; here what has been said is read off the text, so that a phrase counts in other tokens and another case, and
no longer counts once its last word goes on. Of several alternatives one is enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache, EncoderDecoderCache, GenerationConfig

from ruletune.models.lexical import Avoided, Speller
from ruletune.rules.demands import occurs

__all__ = ["Decoder", "Found", "Group", "Need", "never", "search"]

_WIDEST = 24
"""Beams at most: a bank more than there are tokens to be said, as long as that is affordable."""

_NEVER = -1e9

_LENGTH_PENALTY = 0.6


@dataclass(frozen=True, slots=True)
class Group:
    """Phrases of which one is to be said.

    Attributes:
        inside: Tokens of each of them inside a text.
        first: Tokens at its very beginning.
    """

    phrases: tuple[str, ...]
    inside: tuple[tuple[int, ...], ...]
    first: tuple[tuple[int, ...], ...]

    @property
    def shortest(self) -> int:
        return min(map(len, self.inside))

    def said(self, text: str) -> bool:
        return any(occurs(phrase, text) for phrase in self.phrases)


@dataclass(frozen=True, slots=True)
class Need:
    """What one answer is to say, and is not to say."""

    groups: tuple[Group, ...]
    avoided: Avoided | None = None

    @classmethod
    def of(cls, require: Sequence[Sequence[str]], avoided: Avoided | None, speller: Speller) -> Need:
        """The need for one of each group of phrases; those that cannot be written are no alternatives."""
        groups = []
        for phrases in require:
            inside = tuple(dict.fromkeys(way for phrase in phrases if (way := speller.inside(phrase))))
            first = tuple(dict.fromkeys(way for phrase in phrases for way in speller.first(phrase)))
            groups.append(Group(tuple(phrases), inside, first))
        return cls(tuple(groups), avoided)

    @property
    def most(self) -> int:
        """Tokens that are needed at the start."""
        return sum(group.shortest for group in self.groups)

    def unsaid(self, text: str) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if not group.said(text))


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: its tokens without the one that starts the decoder, their log-probability, and how many groups it leaves unsaid."""

    tokens: tuple[int, ...]
    total: float
    unsaid: int

    @property
    def score(self) -> float:
        """Mean log-probability per token."""
        return self.total / len(self.tokens)

    @property
    def rank(self) -> float:
        return _ranked(self.total, len(self.tokens))


def _ranked(total: float, length: int) -> float:
    """What answers of unlike length are compared by. A mean per token would reward one that may not end yet, for want of a
    phrase, for rambling on until the phrase fits; the sum would reward brevity (Wu et al. 2016, equation 14).
    """
    return total / math.pow((5 + length) / 6, _LENGTH_PENALTY)


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """An answer under way; ``missing`` tokens are needed at least to say all that is required."""

    tokens: tuple[int, ...]
    text: str
    total: float
    unsaid: tuple[Group, ...]
    missing: int
    parent: int = 0


def _steps(hypothesis: _Hypothesis, offset: int) -> dict[int, int]:
    """Tokens that go on with a phrase, and how many are missing after each of them.

    Args:
        offset: Tokens that every answer begins with.
    """
    tokens = hypothesis.tokens
    whole = sum(group.shortest for group in hypothesis.unsaid)
    found: dict[int, int] = {}
    for group in hypothesis.unsaid:
        others = whole - group.shortest
        for way in group.first:
            at = len(tokens) - offset
            if 0 <= at < len(way) and tokens[offset:] == way[:at]:
                found[way[at]] = min(found.get(way[at], whole), others + len(way) - at - 1)
        for way in group.inside:
            for at in range(min(len(way) - 1, len(tokens)), -1, -1):
                if at == 0 or tokens[-at:] == way[:at]:
                    found[way[at]] = min(found.get(way[at], whole), others + len(way) - at - 1)
    return found


@dataclass(slots=True)
class _Search:
    """The search for the answers to one source."""

    need: Need
    width: int
    wanted: int
    max_target: int
    speller: Speller
    ends: frozenset[int]
    running: list[_Hypothesis] = field(default_factory=list)
    finished: list[Found] = field(default_factory=list)

    def begin(self, start: tuple[int, ...]) -> None:
        self.running = [_Hypothesis(start, "", 0.0, self.need.groups, self.need.most)]

    def advance(self, best: list[list[tuple[int, float]]], steps: list[dict[int, tuple[int, float]]]) -> None:
        """One token more.

        Args:
            best: Of each hypothesis, its likeliest next tokens and their log-probabilities.
            steps: Of each hypothesis, the tokens that go on with a phrase: how many are missing then, and log-probability.
        """
        chosen: dict[tuple[int, int], float] = {}
        ranked = [(h.total + value, n, token) for n, h in enumerate(self.running) for token, value in best[n]]
        # What a hypothesis would do by itself, whatever the others are worth; and the likeliest of all.
        for total, n, token in [*sorted(ranked, reverse=True)[: 2 * self.width], *self._own(best)]:
            chosen[n, token] = total
        for n, (hypothesis, onward) in enumerate(zip(self.running, steps, strict=True)):
            for token, (_, value) in onward.items():
                chosen[n, token] = hypothesis.total + value
        made = (self._made(n, token, total, steps[n]) for (n, token), total in chosen.items())
        self.running = self._allotted([hypothesis for hypothesis in made if hypothesis is not None])

    def _own(self, best: list[list[tuple[int, float]]]) -> list[tuple[float, int, int]]:
        """Of every hypothesis its likeliest token, and the likeliest with which nothing that it has said is lost."""
        rows = []
        for n, hypothesis in enumerate(self.running):
            token, value = best[n][0]
            rows.append((hypothesis.total + value, n, token))
            for token, value in best[n]:
                if token in self.ends:
                    continue
                text = self.speller.extended(hypothesis.tokens, hypothesis.text, token)
                if len(self.need.unsaid(text)) <= len(hypothesis.unsaid):
                    rows.append((hypothesis.total + value, n, token))
                    break
        return rows

    def _made(self, n: int, token: int, total: float, onward: dict[int, tuple[int, float]]) -> _Hypothesis | None:
        """A hypothesis with one token more; ``None`` where it is finished, or may not be."""
        before, avoided = self.running[n], self.need.avoided
        if total <= _NEVER:
            return None
        tokens = (*before.tokens, token)
        if token in self.ends:
            if not before.unsaid and not (avoided and avoided.said(before.text, final=True)):
                self.finished.append(Found(tokens, total, 0))
            return None
        text = self.speller.extended(before.tokens, before.text, token)
        last = len(tokens) >= self.max_target
        if avoided and avoided.said(text, final=last):
            return None
        unsaid = self.need.unsaid(text)
        missing = sum(group.shortest for group in unsaid)
        if token in onward and len(unsaid) == len(before.unsaid):
            missing = min(missing, onward[token][0])
        return _Hypothesis(tokens, text, total, unsaid, missing, n)

    def _allotted(self, made: list[_Hypothesis]) -> list[_Hypothesis]:
        """The beam: the banks take turns, that with the least missing first, and send their likeliest."""
        room = self.max_target - len(made[0].tokens) if made else 0
        made = [h for h in made if h.missing <= room] or made
        banks: dict[int, list[_Hypothesis]] = {}
        for hypothesis in sorted(made, key=lambda h: (-h.total, h.tokens)):
            banks.setdefault(hypothesis.missing, []).append(hypothesis)
        order = [banks[missing] for missing in sorted(banks)]
        chosen: list[_Hypothesis] = []
        for turn in range(max(map(len, order), default=0)):
            chosen += [bank[turn] for bank in order if turn < len(bank)]
        return chosen[: self.width]

    @property
    def done(self) -> bool:
        """Whether what is under way can hardly be better than what is finished."""
        if not self.running or len(self.running[0].tokens) >= self.max_target:
            return True
        if len(self.finished) < self.wanted:
            return False
        worst = sorted((answer.rank for answer in self.finished), reverse=True)[self.wanted - 1]
        return max(_ranked(h.total, len(h.tokens) + 1) for h in self.running) <= worst

    def answers(self) -> list[Found]:
        """What was found, best first; where there was no room to say everything, what says most."""
        cut = [Found(h.tokens, h.total, len(h.unsaid)) for h in self.running if h.tokens]
        at_end = [answer for answer in cut if len(answer.tokens) >= self.max_target]
        answers = [*self.finished, *(at_end or ([] if self.finished else cut))]
        return sorted(answers, key=lambda answer: (answer.unsaid, -answer.rank))[: self.wanted]


def search(
    model: Any,
    states: torch.Tensor,
    attention: torch.Tensor,
    needs: Sequence[Need],
    *,
    ids: GenerationConfig,
    speller: Speller,
    beams: int,
    wanted: int,
    max_target: int,
) -> list[list[Found]]:
    """At most ``wanted`` answers to every source, best first, that say all they must unless ``max_target`` has no room for it.

    Args:
        states: (texts, tokens, width) what the encoder made of the sources.
        attention: (texts, tokens).
        needs: One a source.
        ids: Which tokens begin and end an answer.
        beams: Answers under way at a time; there are more of them where much is to be said.
    """
    ends = frozenset(ids.eos_token_id if isinstance(ids.eos_token_id, list) else [ids.eos_token_id])
    start = () if ids.forced_bos_token_id is None else (int(ids.forced_bos_token_id),)
    searches = []
    for need in needs:
        width = min(max(beams, need.most + 1), max(beams, _WIDEST))
        made = _Search(need, width, wanted, max_target, speller, ends)
        made.begin(start)
        searches.append(made)
    decoder = Decoder(model, states, attention, never(ids))
    active = list(range(len(searches)))
    logs = decoder.step([[int(ids.decoder_start_token_id), *start] for _ in active], active, None)
    while active:
        places = _advance([searches[n] for n in active], logs, offset=len(start))
        rows = [
            (n, place + hypothesis.parent, hypothesis.tokens[-1])
            for n, place in zip(active, places, strict=True)
            if not searches[n].done
            for hypothesis in searches[n].running
        ]
        active = list(dict.fromkeys(n for n, _, _ in rows))
        if rows:
            owners, parents, tokens = zip(*rows, strict=True)
            logs = decoder.step([[token] for token in tokens], owners, parents)
    return [made.answers() for made in searches]


def _advance(searches: Sequence[_Search], logs: torch.Tensor, *, offset: int) -> list[int]:
    """Every search by one token; the row of the first hypothesis that each had.

    Args:
        logs: (hypotheses of one search after the other, vocabulary) log-probabilities of the next token.
    """
    many = min(2 * max(made.width for made in searches) + 8, logs.shape[1])
    values, tokens = (part.tolist() for part in logs.topk(many, dim=1))
    best = [list(zip(*row, strict=True)) for row in zip(tokens, values, strict=True)]
    steps = [_steps(hypothesis, offset) for made in searches for hypothesis in made.running]
    asked = [(row, token) for row, onward in enumerate(steps) for token in onward]
    answered = logs[[row for row, _ in asked], [token for _, token in asked]].tolist() if asked else []
    onward: list[dict[int, tuple[int, float]]] = [{} for _ in steps]
    for (row, token), value in zip(asked, answered, strict=True):
        onward[row][token] = (steps[row][token], value)
    places, at = [], 0
    for made in searches:
        places.append(at)
        at += len(made.running)
        made.advance(best[places[-1] : at], onward[places[-1] : at])
    return places


def never(ids: GenerationConfig) -> list[int]:
    """Tokens that are never written: Marian's padding, for one."""
    return [row[0] for row in ids.bad_words_ids or () if len(row) == 1]


class Decoder:
    """The model's decoder over all hypotheses of all searches, with what it remembers of their tokens."""

    def __init__(self, model: Any, states: torch.Tensor, attention: torch.Tensor, forbidden: Sequence[int]) -> None:
        self._model = model
        self._states = states
        self._attention = attention
        self._never = list(forbidden)
        self._cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self._owners: list[int] = []

    def step(self, tokens: list[list[int]], owners: Sequence[int], parents: Sequence[int] | None) -> torch.Tensor:
        """Log-probabilities of the next token, (hypotheses, vocabulary) float32.

        Args:
            tokens: New tokens of every hypothesis.
            owners: The source of each.
            parents: The rows that they had in the last step; ``None`` in the first.
        """
        place = self._states.device
        if parents is not None:
            rows = torch.tensor(parents, device=place)
            self._cache.self_attention_cache.batch_select_indices(rows)
            if list(owners) != self._owners:  # of one source, all hypotheses read the same
                self._cache.cross_attention_cache.batch_select_indices(rows)
        self._owners = list(owners)
        which = torch.tensor(owners, device=place)
        output = self._model(
            encoder_outputs=(self._states[which],),
            attention_mask=self._attention[which],
            decoder_input_ids=torch.tensor(tokens, device=place),
            past_key_values=self._cache,
            use_cache=True,
        )
        logs: torch.Tensor = output.logits[:, -1].float().log_softmax(dim=-1)
        logs[:, self._never] = -torch.inf
        return logs
