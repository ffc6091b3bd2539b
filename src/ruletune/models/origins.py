"""Where the tokens of an input come from: the user's text, the template, knowledge that was put into it.

What is said of a token, how much it mattered, is only of use where a person can see the token. So every token of an input is
traced back to the characters of the text as the user wrote it, through templates, markers, cuts and windows; and what is not of the
text is named by the field of the template that it fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ruletune.errors import RuletuneError
from ruletune.marking import Piece
from ruletune.models.around import GAP
from ruletune.models.encoding import Part, part_shown
from ruletune.models.markers import markers_of
from ruletune.models.verbalizer import Cloze
from ruletune.models.windows import Windows, visible
from ruletune.templates import Rendering, Stretch, Template
from ruletune.types import Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["SPECIAL", "Origins", "of_text", "of_window", "origin_of", "trace"]

SPECIAL = "special"
"""What tokens are of that stand for no characters, or that the tokenizer does not take apart: ends, markers, a blank."""


@dataclass(frozen=True, slots=True)
class Origins:
    """Where each token of one input comes from.

    Attributes:
        ids: Of the tokens.
        fields: For each token the template's field that it is of; ``special`` for the tokenizer's own.
        places: (tokens, 2) the half-open characters of the text, or of the second text, that it stands for; -1, -1 elsewhere.
        words: What each token reads in the input.
    """

    ids: tuple[int, ...]
    fields: tuple[str, ...]
    places: np.ndarray
    words: tuple[str, ...]

    @property
    def hideable(self) -> np.ndarray:
        """Tokens that stand for something, (tokens,) bool."""
        return np.array([field != SPECIAL for field in self.fields], dtype=bool)


def of_text(
    example: Example,
    *,
    rendering: Rendering,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    template: Template | None = None,
    cloze: Cloze | None = None,
) -> tuple[Origins, Part]:
    """Of an input as :func:`ruletune.models.encoding.encode` makes it, and what part of the example it shows."""
    chosen = template or rendering.template
    part, segments = part_shown(
        example, rendering=rendering, tokenizer=tokenizer, max_length=max_length, template=chosen, cloze=cloze
    )
    moved, added = _kept(part, len(example.text)), "cut"
    if markers_of(tokenizer):
        moved, added = origin_of(rendering.marked_pieces(part.example), moved), "markers"
    return trace(tokenizer, segments, moved=moved, added=added, max_length=max_length), part


def of_window(
    example: Example, shown: Windows, window: int, *, rendering: Rendering, tokenizer: PreTrainedTokenizerBase
) -> Origins:
    """Of a window of an example's text, as :func:`ruletune.models.windows.windows` makes it."""
    start, end, asked = map(int, shown.shown[window])
    question = None if example.text_pair is None else example.text_pair[:asked]
    seen = Example(example.id, example.text[start:end], question, fields=example.fields, entities=())
    segments = rendering.stretches(seen)
    length = int(shown.encoded.lengths[window])
    return trace(tokenizer, segments, moved=np.arange(start, end), whole=True, max_length=length)


def origin_of(pieces: Sequence[Piece], moved: np.ndarray | None = None) -> np.ndarray:
    """For every character of some pieces its place in the text, or -1.

    Args:
        moved: The text's own characters' places in a longer one, where it is part of one.

    >>> origin_of([("a ", 0), ("(x) ", None), ("b", 2)]).tolist()
    [0, 1, -1, -1, -1, -1, 2]
    """
    parts = [
        np.full(len(words), -1, dtype=np.int64) if begin is None else np.arange(begin, begin + len(words))
        for words, begin in pieces
    ]
    places = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
    return places if moved is None else np.where(places >= 0, moved[np.maximum(places, 0)], -1)


def _kept(part: Part, length: int) -> np.ndarray:
    """For every character of the text that is left of an example its place in the whole."""
    if part.pieces == ((0, length),):
        return np.arange(length)
    ranges = [np.arange(start, end) for start, end in part.pieces]
    gap = np.full(len(GAP), -1, dtype=np.int64)
    parts = [array for each in ranges for array in (gap, each)][1:]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def trace(
    tokenizer: PreTrainedTokenizerBase,
    segments: Sequence[Sequence[Stretch]],
    *,
    moved: np.ndarray,
    added: str = "template",
    whole: bool = False,
    max_length: int,
) -> Origins:
    """The tokens of an input, and where they come from.

    Args:
        moved: For every character of the text as it is shown its place in the user's, or -1.
        added: What characters of the text without such a place are of.
        whole: White space at the edges of a segment is part of the input.

    Raises:
        RuletuneError: The tokenizer knows nothing of characters; those that are not "fast" do not.
    """
    written = ["".join(stretch.words for stretch in segment) for segment in segments]
    bare = [visible(text) if whole else text.strip() for text in written]
    origins = [_characters(segment, moved, added) for segment in segments]
    cut = [0 if whole else len(text) - len(text.lstrip()) for text in written]
    made: Any = tokenizer(
        [bare[0]], [bare[1]] if len(bare) > 1 else None, truncation=False, padding=False, verbose=False
    )
    if len(made["input_ids"][0]) > max_length and not whole:
        made = tokenizer(
            [bare[0]], [bare[1]] if len(bare) > 1 else None, truncation=True, max_length=max_length, verbose=False
        )
    if not getattr(made, "encodings", None):
        raise RuletuneError("the model's tokenizer does not say which characters its tokens stand for")
    encoding = made.encodings[0]
    fields, words = [], []
    places = np.full((len(encoding.ids), 2), -1, dtype=np.int64)
    special = set(tokenizer.all_special_ids)
    for token, (segment, (start, end), number) in enumerate(
        zip(encoding.sequence_ids, encoding.offsets, encoding.ids, strict=True)
    ):
        if segment is None or end <= start or number in special - {tokenizer.unk_token_id}:
            fields.append(SPECIAL)
            words.append(encoding.tokens[token])
            continue
        field, place = _origin(origins[segment], start + cut[segment], end + cut[segment], written[segment])
        fields.append(field)
        places[token] = place
        words.append(bare[segment][start:end].strip())
    kept = slice(0, max_length)
    return Origins(tuple(encoding.ids[kept]), tuple(fields[kept]), places[kept], tuple(words[kept]))


def _characters(segment: Sequence[Stretch], moved: np.ndarray, added: str) -> tuple[list[str], np.ndarray]:
    """For every character of a segment what it is of, and its place in the text or the second text, or -1."""
    fields: list[str] = []
    places: list[np.ndarray] = [np.zeros(0, dtype=np.int64)]
    for stretch in segment:
        own = np.full(len(stretch.words), -1, dtype=np.int64)
        if stretch.begin is not None:
            own = np.arange(stretch.begin, stretch.begin + len(stretch.words))
            own = moved[own] if stretch.field == "text" else own
        fields += [added if stretch.field == "text" and place < 0 else stretch.field for place in own.tolist()]
        places.append(own)
    return fields, np.concatenate(places)


def _origin(origins: tuple[list[str], np.ndarray], start: int, end: int, text: str) -> tuple[str, tuple[int, int]]:
    """What a token is of, that of most of its characters, and which characters it stands for."""
    fields, places = origins
    inside = [n for n in range(start, end) if not text[n].isspace()] or list(range(start, end))
    mine = [fields[n] for n in inside]
    found = max(dict.fromkeys(mine), key=mine.count)
    own = [int(places[n]) for n in inside if fields[n] == found and places[n] >= 0]
    return found, (min(own), max(own) + 1) if own else (-1, -1)
