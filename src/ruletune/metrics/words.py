"""Words of texts in every script, for metrics that count them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ruletune.rules.scripts import NO_SPACES

__all__ = ["words"]

_ASCII = re.compile(r"[a-z0-9]+")
_ONE = re.compile(rf"{NO_SPACES}|(?:(?!{NO_SPACES})\S)+")


def words(text: str) -> list[str]:
    """Runs of letters, numbers and marks in lower case; in scripts without spaces each character is a word.

    >>> words("It's 5 o'clock."), words("Ça va, 北京?")
    (['it', 's', '5', 'o', 'clock'], ['ça', 'va', '北', '京'])
    """
    text = text.lower()
    if text.isascii():
        return _ASCII.findall(text)
    kept = "".join(character if _in_word(character) else " " for character in unicodedata.normalize("NFC", text))
    return _ONE.findall(kept)


@lru_cache(maxsize=1 << 16)
def _in_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM"
