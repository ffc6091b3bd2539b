"""Texts as overlapping windows of tokens, for models that answer with spans: nothing of a long text is cut off.

Every window is an input of its own: what stands around the text in the template, and what is known about the terms in the
window, is shown in each of them. Tokens know which characters of the example's text they stand for, by the tokenizer's
own offsets. Where two windows overlap, the one in which a token lies farther from the edge decides about it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ruletune.models.encoding import Encoded, Loss
from ruletune.templates import Piece, Rendering
from ruletune.types import Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Windows", "visible", "windows"]

_OVERLAP = 0.25
"""Share of the room for text that neighbouring windows have in common."""

_DROPPED = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufffd]")
_LEFT_OUT = re.compile(rf"{_DROPPED.pattern[:-1]}\x0b\x0c\x1c-\x1f\x85]")
"""The same with those that are white space to Python: tokenizers leave them out, too, and split nothing there."""

_INVISIBLE = re.compile(rf"(?<!\S){_DROPPED.pattern}+(?!\S)")

_FAR = 64
"""Characters behind a window's last token from which on they belong to the windows that follow."""

_BATCH = 1024
"""Inputs tokenized at once."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Texts as windows, one row of ``encoded`` each, the windows of a text one after the other.

    Attributes:
        owner: (windows,) which text.
        offsets: For each window (tokens, 2): the half-open characters of the text that each token stands for; -1, -1 for
            special tokens and everything that is not of the text.
        decides: (windows, 2) half-open characters about whose tokens the window decides: those that begin there.
        texts: Number of texts.
        shown: (windows, 3) half-open characters of the text that the window has, and how many of the question's.
    """

    encoded: Encoded
    owner: np.ndarray
    offsets: tuple[np.ndarray, ...]
    decides: np.ndarray
    texts: int
    shown: np.ndarray

    def rows_of(self, texts: Sequence[int]) -> list[int]:
        """The windows of some texts, in the windows' order."""
        wanted = np.zeros(self.texts, dtype=bool)
        wanted[list(texts)] = True
        return np.flatnonzero(wanted[self.owner]).tolist()

    def tokens(self, window: int) -> np.ndarray:
        """Positions of the tokens that a window decides about."""
        start = self.offsets[window][:, 0]
        first, last = self.decides[window]
        return np.flatnonzero((start >= first) & (start < last))


def windows(
    examples: Sequence[Example],
    *,
    rendering: Rendering,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
) -> Windows:
    """Render and tokenize examples; a text that is too long becomes several windows that overlap by a quarter.

    A first segment without text, a question, is cut at its end where it takes more than half of the room; that, and
    nothing else, counts as lost.

    >>> windows([], rendering=Rendering.from_json, tokenizer=None, max_length=8).texts  # doctest: +SKIP
    0
    """
    shower = _Shower(rendering, tokenizer, max_length)
    shown = shower.tokenized(examples)
    whole = [len(each.ids) <= max_length for each in shown]
    found: list[_Window] = []
    for number, (example, first, fits) in enumerate(zip(examples, shown, whole, strict=True)):
        if fits:
            held = (0, len(example.text), len(example.text_pair or ""))
            found.append(_Window(number, first, (0, len(example.text) + 1), held))
        else:
            found += shower.cut(number, example)
    columns: dict[str, list[list[int]]] = {"input_ids": [w.shown.ids for w in found]}
    columns["attention_mask"] = [[1] * len(w.shown.ids) for w in found]
    if "token_type_ids" in tokenizer.model_input_names:
        columns["token_type_ids"] = [w.shown.types for w in found]
    lost = shower.lost
    longest = max((len(each.ids) for each in shown), default=0)
    return Windows(
        Encoded(columns, Loss(len(examples), len(lost), sum(lost.values()), longest)),
        np.array([w.owner for w in found], dtype=np.int64),
        tuple(_adjoined(w.shown.offsets, examples[w.owner].text) for w in found),
        np.array([w.decides for w in found], dtype=np.int64).reshape(-1, 2),
        len(examples),
        np.array([w.held for w in found], dtype=np.int64).reshape(-1, 3),
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """One input: token ids, segment numbers, and the characters of the example's text that each token stands for."""

    ids: list[int]
    types: list[int]
    offsets: np.ndarray

    def moved(self, by: int) -> _Shown:
        """The same where the text is a part of a longer one that begins at ``by``."""
        return replace(self, offsets=np.where(self.offsets >= 0, self.offsets + by, -1))


@dataclass(frozen=True, slots=True)
class _Window:
    owner: int
    shown: _Shown
    decides: tuple[int, int]
    held: tuple[int, int, int]


class _Shower:
    """Everything about showing texts that is the same for all of them."""

    def __init__(self, rendering: Rendering, tokenizer: Any, max_length: int) -> None:
        self.rendering, self.tokenizer, self.max_length = rendering, tokenizer, max_length
        self.lost: dict[int, int] = {}

    def tokenized(self, examples: Sequence[Example]) -> list[_Shown]:
        found: list[_Shown] = []
        for start in range(0, len(examples), _BATCH):
            batch = [self.rendering.pieces(example) for example in examples[start : start + _BATCH]]
            texts = [[visible("".join(words for words, _ in segment)) for segment in segments] for segments in batch]
            seconds = [text[1] for text in texts] if len(texts[0]) > 1 else None
            made: Any = self.tokenizer(
                [text[0] for text in texts], seconds, truncation=False, padding=False, verbose=False
            )
            found += [_shown(made.encodings[row], segments) for row, segments in enumerate(batch)]
        return found

    def one(self, example: Example) -> _Shown:
        return self.tokenized([example])[0]

    def cut(self, number: int, example: Example) -> list[_Window]:
        """The windows of a text that is too long."""
        room = self.max_length - len(self.one(replace(example, text="")).ids)
        if example.text_pair and room < self.max_length // 2:
            example, room = self._shorter_question(number, example)
        made: Any = self.tokenizer(example.text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ranges = np.array([r for r in made["offset_mapping"] if r[1] > r[0]], dtype=np.int64).reshape(-1, 2)
        room = max(1, room)
        step = max(1, room - int(room * _OVERLAP))
        found: list[tuple[_Shown, int, int]] = []
        first = 0
        while True:
            last = min(first + room, len(ranges))
            shown, last = self._fitting(example, ranges, first, last)
            found.append((shown, int(ranges[first, 0]) if first else 0, last))
            if last >= len(ranges):
                break
            first = _word_start(example.text, ranges, max(first + 1, min(first + step, last)), least=first + 1)
        return self._deciding(number, example, ranges, found)

    def _fitting(self, example: Example, ranges: np.ndarray, first: int, last: int) -> tuple[_Shown, int]:
        """The window of some tokens of the text, and its end; fewer where knowledge about them leaves less room."""
        while True:
            start = int(ranges[first, 0]) if first else 0
            end = int(ranges[last - 1, 1]) if last < len(ranges) else len(example.text)
            shown = self.one(replace(example, text=example.text[start:end])).moved(start)
            surplus = len(shown.ids) - self.max_length
            if surplus <= 0:
                return shown, last
            if last - first <= 1:  # not even one token has room beside what stands around the text
                keep = self.max_length
                return _Shown(shown.ids[:keep], shown.types[:keep], shown.offsets[:keep]), last
            last = max(first + 1, last - surplus)

    def _deciding(
        self, number: int, example: Example, ranges: np.ndarray, found: list[tuple[_Shown, int, int]]
    ) -> list[_Window]:
        """Windows with what each decides about: up to the middle of what it shares with the next."""
        result = []
        begin = 0
        asked = len(example.text_pair or "")
        for position, (shown, start, last) in enumerate(found):
            stop = int(ranges[last - 1, 1]) if last < len(ranges) else len(example.text)
            end = len(example.text) + 1
            if position + 1 < len(found):
                following = found[position + 1][1]
                end_of_this = int(ranges[last - 1, 1])
                inside = ranges[(ranges[:, 0] >= following) & (ranges[:, 1] <= end_of_this)]
                end = int(inside[len(inside) // 2, 0]) if len(inside) else following
            result.append(_Window(number, shown, (begin, end), (start, stop, asked)))
            begin = end
        return result

    def _shorter_question(self, number: int, example: Example) -> tuple[Example, int]:
        """The example with so much of its question that half of the room is left for the text, and that room."""
        question = example.text_pair or ""
        made: Any = self.tokenizer(question, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ends = [end for _, end in made["offset_mapping"]]
        bare = len(self.one(replace(example, text="", text_pair="")).ids)
        keep = max(1, (self.max_length - bare) // 2)
        if len(ends) > keep:
            self.lost[number] = len(ends) - keep
            example = replace(example, text_pair=question[: ends[keep - 1]])
        return example, self.max_length - len(self.one(replace(example, text="")).ids)


def _word_start(text: str, ranges: np.ndarray, position: int, *, least: int) -> int:
    """The token at or before ``position``, but not before ``least``, that begins a word, so that no window cuts one."""
    for candidate in range(position, least - 1, -1):
        start = int(ranges[candidate, 0])
        before = start - 1
        while before >= 0 and _LEFT_OUT.match(text[before]):
            before -= 1  # to the tokenizer, what stands before such a sign goes on behind it
        if before < 0 or not text[before].isalnum() or not text[start].isalnum():
            return candidate
    return position


def _shown(encoding: Any, segments: Sequence[Sequence[Piece]]) -> _Shown:
    """Token ids with the characters of the example's text that they stand for."""
    origins = [_origins(segment) for segment in segments]
    ranges = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    offsets = np.full(ranges.shape, -1, dtype=np.int64)
    segment_of = np.array([-1 if number is None else number for number in encoding.sequence_ids], dtype=np.int64)
    for number, origin in enumerate(origins):
        rows = np.flatnonzero((segment_of == number) & (ranges[:, 1] > ranges[:, 0]))
        start, end = origin[ranges[rows, 0]], origin[ranges[rows, 1] - 1]
        ours = (start >= 0) & (end >= start)
        offsets[rows[ours], 0], offsets[rows[ours], 1] = start[ours], end[ours] + 1
    return _Shown(list(encoding.ids), list(encoding.type_ids), offsets)


def visible(text: str) -> str:
    """The text with a sign in place of every word that tokenizers leave out, which would then be in no token.

    Many of them drop control characters and U+FFFD, and an entity may hold a word of nothing else.
    """
    return _INVISIBLE.sub(lambda found: "\u25a1" * len(found[0]), text) if _DROPPED.search(text) else text


def _adjoined(offsets: np.ndarray, text: str) -> np.ndarray:
    """Tokens with the characters beside them that are no white space and in no token: dropped by the tokenizer, but there."""
    rows = np.flatnonzero(offsets[:, 0] >= 0)
    if not len(rows):
        return offsets
    starts, ends = offsets[rows, 0].tolist(), offsets[rows, 1].tolist()
    changed = False
    for position, end in enumerate(ends):
        following = starts[position + 1] if position + 1 < len(rows) else len(text)
        last = position + 1 == len(rows) and len(text) - end > _FAR
        if end < following and not last and not text[end].isspace():
            ends[position] = end + len(text[end:following].split(maxsplit=1)[0])
            changed = True
        if position and ends[position - 1] < starts[position] and not text[starts[position] - 1].isspace():
            starts[position] -= len(text[ends[position - 1] : starts[position]].rsplit(maxsplit=1)[-1])
            changed = True
    if not changed:
        return offsets
    grown = offsets.copy()
    grown[rows, 0], grown[rows, 1] = starts, ends
    return grown


def _origins(segment: Sequence[Piece]) -> np.ndarray:
    """For every character of a segment its place in the example's text, or -1."""
    parts = [
        np.full(len(words), -1, dtype=np.int64) if begin is None else np.arange(begin, begin + len(words))
        for words, begin in segment
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
