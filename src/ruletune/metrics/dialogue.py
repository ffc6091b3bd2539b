"""What is asked of replies in a dialogue beside BLEU: that they vary, and that they say what they must.

Sources: Li et al. 2016, *A diversity-promoting objective function for neural conversation models* (distinct-n); Wen et al.
2015, *Semantically conditioned LSTM-based natural language generation for spoken dialogue systems* (slot error rate).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ruletune.metrics.words import words
from ruletune.rules.sayings import UNSAID

__all__ = ["SlotErrors", "distinct", "slot_error_rate", "slot_errors"]

Slots = Sequence[tuple[str, str]]
"""Name and value of each slot, as a dialogue act has them."""


def distinct(answers: Sequence[str], *, n: int) -> float:
    """Different n-grams of words by all n-grams of all answers together, in [0, 1]; 0 where there are none.

    It falls as there are more answers: compare it for the same inputs only.

    >>> distinct(["yes it is", "yes it was"], n=1)
    0.6666666666666666
    """
    grams = [gram for answer in answers for gram in _grams(words(answer), n)]
    return len(set(grams)) / len(grams) if grams else 0.0


@dataclass(frozen=True, slots=True)
class SlotErrors:
    """Slots of one reply.

    Attributes:
        missing: Slots whose value is not said.
        redundant: Slots whose value is said more often than there are slots that have it, as often as it is.
        count: Slots that had to be said.
    """

    missing: tuple[tuple[str, str], ...]
    redundant: tuple[tuple[str, str], ...]
    count: int


def slot_errors(slots: Slots, answer: str) -> SlotErrors:
    """Which slots a reply does not say, and which it says too often.

    A value is said where its words stand in the answer, in this order and next to each other; capitals, punctuation and
    blanks do not matter, spelling does (``st`` is no ``street``). Slots that are asked for, and those whose value is yes,
    no or that it does not matter (:data:`ruletune.rules.sayings.UNSAID`), are not looked at. A value inside a longer one of the same act does not
    count as said too often.

    >>> slot_errors([("name", "Eiji"), ("phone", "415-552"), ("dogs", "yes")], "Eiji, yes: eiji allows dogs.")
    SlotErrors(missing=(('phone', '415-552'),), redundant=(('name', 'Eiji'),), count=2)
    """
    wanted: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for name, value in slots:
        if value.strip().lower() not in UNSAID:
            wanted.setdefault(tuple(words(value)), []).append((name, value))
    said = words(answer)
    alone = _alone(list(wanted), said)
    missing = [slot for value, named in wanted.items() for slot in named if not _stands(value, said)]
    redundant = [named[-1] for value, named in wanted.items() for _ in range(alone[value] - len(named))]
    return SlotErrors(tuple(missing), tuple(redundant), sum(map(len, wanted.values())))


def slot_error_rate(slots: Sequence[Slots], answers: Sequence[str]) -> float:
    """(missing + redundant) / slots that had to be said, over all replies; 0 where none had to be. It may pass 1.

    >>> slot_error_rate([[("name", "Eiji"), ("food", "sushi")], []], ["Eiji is open.", "Goodbye."])
    0.5
    """
    errors = [slot_errors(mine, answer) for mine, answer in zip(slots, answers, strict=True)]
    count = sum(error.count for error in errors)
    return sum(len(error.missing) + len(error.redundant) for error in errors) / count if count else 0.0


def _grams(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]


def _stands(value: tuple[str, ...], said: Sequence[str]) -> bool:
    """Whether the words of a value stand in an answer. One without words, such as ``$$``, is not looked for."""
    return not value or value in _grams(said, len(value))


def _alone(values: Sequence[tuple[str, ...]], said: Sequence[str]) -> dict[tuple[str, ...], int]:
    """How often each value is said where no longer one of the act is."""
    left: list[str | None] = list(said)
    counts = dict.fromkeys(values, 0)
    for value in sorted(filter(None, values), key=len, reverse=True):
        size = len(value)
        for start in range(len(left) - size + 1):
            if tuple(left[start : start + size]) == value:
                left[start : start + size] = [None] * size
                counts[value] += 1
    return counts
