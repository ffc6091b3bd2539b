"""Whether a text was seen before, for more texts than fit into memory themselves."""

from __future__ import annotations

from array import array
from hashlib import blake2b

__all__ = ["Unique"]

_SMALLEST = 1024
"""Slots at first; always a power of two."""


class Unique:
    """Texts that were seen, as 64-bit digests in a hash table with open addressing.

    A text takes 12 to 24 bytes, half as much again while the table grows; a set of the same digests would take 70.
    That two of n different texts have one digest has a chance of n² / 2⁶⁵: 1 in 40 million for a million texts,
    1 in 4,000 for a hundred million.

    >>> seen = Unique()
    >>> seen.add("a"), seen.add("b"), seen.add("a"), len(seen)
    (True, True, False, 2)
    """

    __slots__ = ("_count", "_slots")

    def __init__(self) -> None:
        self._slots = _empty(_SMALLEST)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, text: str) -> bool:
        """Add a text, which holds no half surrogate pair; false where it was there before."""
        digest = int.from_bytes(blake2b(text.encode("utf-8"), digest_size=8).digest(), "little") or 1  # 0: empty slot
        slots = self._slots
        mask = len(slots) - 1
        slot = digest & mask
        while found := slots[slot]:
            if found == digest:
                return False
            slot = (slot + 1) & mask
        slots[slot] = digest
        self._count += 1
        if 3 * self._count > 2 * len(slots):
            self._grow()
        return True

    def _grow(self) -> None:
        larger = _empty(2 * len(self._slots))
        mask = len(larger) - 1
        for digest in filter(None, self._slots):
            slot = digest & mask
            while larger[slot]:
                slot = (slot + 1) & mask
            larger[slot] = digest
        self._slots = larger


def _empty(size: int) -> array[int]:
    return array("Q", [0]) * size
