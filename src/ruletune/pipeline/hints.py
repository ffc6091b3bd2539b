"""What rules demand of an answer, said in the input: how a model is told the words that it should use.

The words stand in brackets behind what asks for them: ``a dog (Hund) runs``. A model that was fine-tuned on such sources copies
them, in the form that the sentence needs (Dinu et al. 2019, *Training neural machine translation to apply terminology
constraints*; Bergmanis & Pinnis 2021, for base forms that the model inflects).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ruletune.rules.demands import Demand, Say, unmet
from ruletune.templates import Piece
from ruletune.types import Example, Text

__all__ = ["hinted", "hinted_pieces"]

_MOST = 12
"""Words that one source is told at most."""


def hinted(example: Example, demands: Sequence[Demand], *, kept_by: Text | None = None) -> Example:
    """The example with the demanded words in its text.

    What the source has already, for instance a number to be copied, needs no hint.

    Args:
        kept_by: A gold answer: only demands that it keeps are told, so that a model learns to follow what it is told.

    >>> from ruletune.types import Span
    >>> dog = Demand("dog", Say(("Hund",)), (Span(2, 5),))
    >>> hinted(Example("1", "a dog runs"), [dog]).text
    'a dog (Hund) runs'
    >>> hinted(Example("1", "a dog runs"), [dog], kept_by=Text("eine Katze")).text
    'a dog runs'
    """
    return replace(example, text="".join(words for words, _ in hinted_pieces(example, demands, kept_by=kept_by)))


def hinted_pieces(example: Example, demands: Sequence[Demand], *, kept_by: Text | None = None) -> list[Piece]:
    """The text of :func:`hinted` as pieces: each with the place in the example's text where it begins."""
    shown = example.text.casefold()
    inserted: dict[int, str] = {}
    for demand in demands:
        if not isinstance(demand.what, Say) or any(words.casefold() in shown for words in demand.what.plain):
            continue
        if kept_by is not None and unmet([demand], example, kept_by.text):
            continue
        place = demand.spans[0].end if demand.spans else len(example.text)
        if len(inserted) < _MOST:
            inserted.setdefault(place, demand.what.plain[0])
    pieces: list[Piece] = []
    done = 0
    for place, words in sorted(inserted.items()):
        pieces += [(example.text[done:place], done), (f" ({words})", None)]
        done = place
    return [*pieces, (example.text[done:], done)]
