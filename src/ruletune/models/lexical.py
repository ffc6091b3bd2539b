"""Phrases in a text that is being written: what its tokens spell, which phrases it says, which tokens would say them.

Whether a phrase is there is read off the text, never off the tokens, and just as :mod:`ruletune.rules.demands` reads it:
the same words come in many tokens and many cases.

A phrase that ends a text may yet become a longer word: *Hund* is said only when something other than *e* follows. So a
text that is under way is asked twice: what has it said for good, and what would it say if it ended here?
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from transformers import LogitsProcessor

from ruletune.rules.demands import found, occurs
from ruletune.rules.matching import fold
from ruletune.rules.scripts import NO_SPACES

__all__ = ["Avoided", "Speller", "Vetoes", "inexpressible"]

_BROKEN = "\N{REPLACEMENT CHARACTER}"
"""What a decoder gives for a part of a character."""


class Speller:
    """What tokens spell in the middle of a text, and which tokens spell a phrase there."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._special = frozenset(tokenizer.all_special_ids)
        self._pieces: dict[int, str] = {}
        words = (n for n in range(len(tokenizer)) if n not in self._special and self.text([n]).isalnum())
        self._anchor = [next(words, 0)]
        self._before = self.text(self._anchor)

    def text(self, tokens: Sequence[int]) -> str:
        """The text that tokens spell, without special ones; a part of a character at its end is ``�``."""
        decoded = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(decoded).lstrip()

    def extended(self, tokens: Sequence[int], text: str, token: int) -> str:
        """What ``tokens``, which spell ``text``, spell with one more."""
        piece = self._piece(token)
        if not text or _BROKEN in piece or text.endswith(_BROKEN):
            return self.text([*tokens, token])
        return text + piece

    def _piece(self, token: int) -> str:
        piece = self._pieces.get(token)
        if piece is None:
            whole = self.text([*self._anchor, token])
            piece = whole[len(self._before) :] if whole.startswith(self._before) else _BROKEN
            self._pieces[token] = piece
        return piece

    def inside(self, phrase: str) -> tuple[int, ...]:
        """The tokens of a phrase inside a text: behind a space, or behind a character of a script that has none.

        Empty where there are none for it.
        """
        phrase = _plain(phrase)
        context, space = (self._before, " ") if not re.match(NO_SPACES, phrase) else ("的", "")
        before, whole = self._ids(context), self._ids(context + space + phrase)
        way = whole[len(before) :] if whole[: len(before)] == before else self._ids(phrase)
        return tuple(way) if self._spells(way, phrase) else ()

    def first(self, phrase: str) -> tuple[tuple[int, ...], ...]:
        """The ways to begin a text with a phrase, which may then begin with a capital."""
        phrase = _plain(phrase)
        ways = (self._ids(way) for way in dict.fromkeys((phrase, phrase[:1].upper() + phrase[1:])))
        return tuple(tuple(way) for way in ways if self._spells(way, phrase))

    def _spells(self, tokens: Sequence[int], phrase: str) -> bool:
        known = bool(tokens) and self._tokenizer.unk_token_id not in tokens
        return known and occurs(phrase, self.text(tokens))

    def _ids(self, text: str) -> list[int]:
        made: Any = self._tokenizer(text_target=[text], add_special_tokens=False, verbose=False)
        return list(made["input_ids"][0])


def _plain(phrase: str) -> str:
    return " ".join(phrase.strip("* \t\n").split())


def inexpressible(tokenizer: Any, phrases: Sequence[str]) -> list[str]:
    """The phrases that a model with this tokenizer cannot write, for want of their characters."""
    speller = Speller(tokenizer)
    return [phrase for phrase in dict.fromkeys(phrases) if not speller.inside(phrase)]


@dataclass(frozen=True, slots=True)
class Avoided:
    """Phrases that are not to be said."""

    phrases: tuple[str, ...]

    def said(self, text: str, *, final: bool) -> bool:
        """Whether one of them stands in the text.

        Args:
            final: Nothing follows. Else a phrase counts only where it is said however the text goes on.

        >>> Avoided(("Hund",)).said("ein Hund", final=False), Avoided(("Hund",)).said("ein Hund ", final=False)
        (False, True)
        """
        folded = fold(text)
        # Almost always the longest word is not even there, which is much faster to see.
        return any(_longest_word(phrase) in folded and _says(text, phrase, final=final) for phrase in self.phrases)


def _says(text: str, phrase: str, *, final: bool) -> bool:
    if final:
        return occurs(phrase, text)
    # A word may go on with a letter, a number with a digit: what is there whichever it is stays there.
    with_letter, with_digit = ({span.end for span in found(phrase, text + more)} for more in "x0")
    return any(end <= len(text) for end in with_letter & with_digit)


@lru_cache(maxsize=1 << 14)
def _longest_word(phrase: str) -> str:
    return max(re.findall(r"\w+", fold(phrase)), key=len, default="")


class Vetoes(LogitsProcessor):  # type: ignore[misc]
    """Takes away tokens that would say what is to be avoided, at the least cost: tokens are tried from the likeliest on, until
    as many are found as the search looks at, and all others are taken away.

    A phrase may stand at the end of a text as long as the text goes on with the same word. With one beam there is no
    second thought, and with the last token no going on: then it may not.

    Args:
        avoided: One a text; ``None`` where there is nothing to avoid.
        beams: Beams of each text.
        ends: Tokens that end a text.
        length: Tokens of a text at most.
    """

    def __init__(
        self, avoided: Sequence[Avoided | None], speller: Speller, *, beams: int, ends: Sequence[int], length: int
    ) -> None:
        self._avoided = avoided
        self._speller = speller
        self._beams = beams
        self._ends = frozenset(ends)
        self._length = length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores of the next token, (texts x beams, vocabulary), those of forbidden ones minus infinity."""
        keep = max(2, 1 + len(self._ends)) * self._beams
        cautious = self._beams == 1 or input_ids.shape[1] >= self._length
        for row, tokens in enumerate(input_ids[:, 1:].tolist()):
            avoided = self._avoided[row // self._beams]
            if avoided is None or self._ends.intersection(tokens):
                continue
            allowed = self._allowed(tokens, scores[row], avoided, keep, cautious=cautious)
            masked = torch.full_like(scores[row], -torch.inf)
            masked[allowed] = scores[row][allowed]
            scores[row] = masked
        return scores

    def _allowed(
        self, tokens: list[int], scores: torch.Tensor, avoided: Avoided, keep: int, *, cautious: bool
    ) -> list[int]:
        text, looked_at = self._speller.text(tokens), keep + 8
        while True:
            best = scores.topk(min(looked_at, len(scores))).indices.tolist()
            allowed = [token for token in best if not self.forbids(avoided, tokens, text, token, cautious=cautious)]
            if len(allowed) >= keep or len(best) == len(scores):
                return allowed
            looked_at *= 8

    def forbids(self, avoided: Avoided, tokens: Sequence[int], text: str, token: int, *, cautious: bool) -> bool:
        """Whether a token may not follow ``tokens``, which spell ``text``."""
        if token in self._ends:
            return avoided.said(text, final=True)
        return avoided.said(self._speller.extended(tokens, text, token), final=cautious)
