"""Where the words of a text are: what the label model of spans, and decoding, count in."""

from __future__ import annotations

import re

from ruletune.rules.tokens import ANY, CONT

__all__ = ["words"]

# A token of rules' patterns; what joins or varies the character before it belongs to it, though patterns skip it.
_JOINING = "[\u200c\u200d\ufe00-\ufe0f]"
_WORD = re.compile(f"{ANY}(?:{CONT}{ANY})*+{_JOINING}*+|{_JOINING}++")


def words(text: str) -> list[tuple[int, int]]:
    """Half-open ranges of characters, one for each word, number or punctuation mark, in reading order.

    A word is a token of :mod:`ruletune.rules.tokens`, so that rules and the label model agree on what one is: a
    character of a script written without spaces is a word, ``don't`` is two. Nothing is left out but white space and
    characters that stand for a space without width. Takes time linear in the text's length.

    >>> [text[start:end] for text in ["In Paris: 1,000.5€ 东京!"] for start, end in words(text)]
    ['In', 'Paris', ':', '1,000.5', '€', '东', '京', '!']
    """
    return [match.span() for match in _WORD.finditer(text)]
