r"""An alphabet of bytes for a set of expressions.

Characters that no expression tells apart share a byte. A few dozen rules tell apart perhaps sixty kinds of character
out of the million that there are: without regard to case the letters, the ten digits together, and the rest by
whether it belongs to words and whether it is space. So a text becomes one byte a character, whatever its script, and an
automaton that knows only bytes matches exactly what Unicode means, offsets in characters included.

The automaton's own idea of a word decides ``\b``: of the bytes ``0-9A-Z_a-z`` are in words. Kinds of character that belong
to words get these bytes, the others get other ones, and the line break is kept to divide texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.rules.matching.charsets import Flips, contains, named
from ruletune.rules.matching.rewrite import Rewritten

__all__ = ["Alphabet", "AlphabetFullError", "alphabet_for"]

_WORD_BYTES = [*range(48, 58), *range(65, 91), 95, *range(97, 123)]
_OTHER_BYTES = [byte for byte in range(256) if byte not in _WORD_BYTES and byte != 10]

DIVIDER = 10
"""The byte between two texts."""


class AlphabetFullError(Exception):
    """More kinds of character than there are bytes for them."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """Which byte stands for a character.

    Attributes:
        table: (1114112,) uint8, the byte of every code point.
        samples, codes: One code point of every kind, and its byte.
    """

    table: np.ndarray
    samples: np.ndarray
    codes: np.ndarray

    def encode(self, texts: Sequence[str]) -> tuple[bytes, np.ndarray]:
        """The texts, one behind the other, dividers around them, and the offset of the divider behind each, (texts,)."""
        joined = "\n".join(("", *texts, ""))
        if joined.isascii():
            encoded = self.table[np.frombuffer(joined.encode("ascii"), dtype=np.uint8)]
        else:
            encoded = self.table[np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)]
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        ends = np.cumsum(lengths + 1)
        encoded[0] = DIVIDER
        encoded[ends] = DIVIDER
        return encoded.tobytes(), ends

    def spell(self, rewritten: Rewritten) -> bytes:
        """An expression over the bytes."""
        return b"".join(
            token.encode("ascii") if isinstance(token, str) else self._class(token) for token in rewritten.tokens
        )

    def _class(self, flips: Flips) -> bytes:
        members = sorted(int(byte) for byte in self.codes[contains(flips, self.samples)])
        if not members:
            return rb"[^\x00-\xff]"
        if len(members) == 1:
            return b"\\x%02x" % members[0]
        return b"[" + b"".join(b"\\x%02x" % byte for byte in members) + b"]"


def alphabet_for(expressions: Sequence[Rewritten]) -> Alphabet:
    """The alphabet that tells apart what the expressions tell apart.

    Raises:
        AlphabetFullError: That is too much for one alphabet; make one for each half of the expressions.
    """
    by_ascii = any(expression.boundaries for expression in expressions)
    words = named(r"\w", ascii_only=by_ascii)
    sets = list(dict.fromkeys([words, *(t for e in expressions for t in e.tokens if not isinstance(t, str))]))
    starts = np.unique(np.array([0, *(flip for flips in sets for flip in flips if flip < 0x110000)], dtype=np.int64))
    kinds = np.zeros(len(starts), dtype=np.int64)
    for flips in sets:
        _, kinds = np.unique(kinds * 2 + contains(flips, starts), return_inverse=True)
    _, first = np.unique(kinds, return_index=True)
    samples = starts[first]
    in_words = contains(words, samples)
    if in_words.sum() > len(_WORD_BYTES) or (~in_words).sum() > len(_OTHER_BYTES):
        raise AlphabetFullError
    codes = np.zeros(len(samples), dtype=np.uint8)
    codes[in_words] = _WORD_BYTES[: in_words.sum()]
    codes[~in_words] = _OTHER_BYTES[: (~in_words).sum()]
    lengths = np.diff([*starts, 0x110000])
    return Alphabet(np.repeat(codes[kinds], lengths), samples, codes)
