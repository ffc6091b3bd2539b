"""What an explanation says in words, the same in the terminal and on the page."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ruletune.report.explanation import Attribution, Explanation, RuleSaid, Word

__all__ = [
    "LEGEND", "Marked", "in_words", "marked", "measure_sentence", "others_sentence", "reliability_sentence", "signed", "strongest",
    "without_sentence",
]  # fmt: skip

LEGEND = "Underlined words speak for the answer, struck-through ones against it; the bolder, the more. Bracketed words fired a rule."

_SHOWN = 2400
"""Characters of a text that are shown."""

_BEFORE = 160
"""Characters in front of the first word that matters that are shown of a longer text."""

_LEVELS = (0.1, 0.33, 0.66)
"""Shares of the largest weight from which a word is shown as weak, middling and strong."""

_NOTICED = 0.00005
"""What is less than this is printed as 0."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A stretch of a text as it is shown.

    Attributes:
        level: From -3, strongly against the answer, to 3; 0: it hardly matters.
        weight: Of the word; ``None`` between words.
        fired: It triggered a rule.
    """

    words: str
    level: int = 0
    weight: float | None = None
    fired: bool = False


def marked(text: str, words: Sequence[Word], spans: Sequence[tuple[int, int]]) -> list[Marked]:
    """A text as stretches; of a long one the part that matters, cut ends shown by an ellipsis.

    Args:
        words: With their weights, in reading order.
        spans: Characters that triggered rules.

    >>> [(m.words, m.level) for m in marked("so dull!", [Word(3, 7, -2.0)], [])]
    [('so ', 0), ('dull', -3), ('!', 0)]
    """
    top = max((abs(word.weight) for word in words), default=0.0)
    strong = [word.start for word in words if abs(word.weight) >= _LEVELS[-1] * top]
    begin = 0 if len(text) <= _SHOWN else max(0, min([*strong, *(start for start, _ in spans), len(text)]) - _BEFORE)
    end = min(len(text), begin + _SHOWN)
    by_start = {word.start: word for word in words if begin <= word.start and word.end <= end}
    edges = sorted({begin, end, *(e for w in by_start.values() for e in (w.start, w.end)), *_within(spans, begin, end)})
    found = [Marked("… ")] if begin else []
    inside: Word | None = None
    for start, stop in itertools.pairwise(edges):
        inside = by_start.get(start, inside)
        word = inside if inside is not None and start < inside.end else None
        fired = any(first <= start and stop <= last for first, last in spans)
        weight = None if word is None else word.weight
        found.append(Marked(text[start:stop], _level(weight or 0.0, top), weight, fired))
    return [*found, Marked(" …")] if end < len(text) else found


def _within(spans: Sequence[tuple[int, int]], begin: int, end: int) -> list[int]:
    return [edge for span in spans for edge in span if begin < edge < end]


def _level(weight: float, top: float) -> int:
    share = abs(weight) / top if top > 0 else 0.0
    size = sum(share >= limit for limit in _LEVELS)
    return size if weight >= 0 else -size


def strongest(
    text: str, words: Sequence[Word], *, most: int = 6
) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """The words that speak most for an answer, and those that speak most against it, with their weights."""
    top = max((abs(word.weight) for word in words), default=0.0)
    heard = [word for word in words if abs(word.weight) >= max(_LEVELS[0] * top, _NOTICED)]
    ordered = sorted(heard, key=lambda word: (-abs(word.weight), word.start))
    shown = [(text[word.start : word.end], word.weight) for word in ordered]
    return [each for each in shown if each[1] > 0][:most], [each for each in shown if each[1] < 0][:most]


def signed(weight: float) -> str:
    """A weight with its sign: two decimals, or two digits where it is small.

    >>> signed(1.5), signed(-0.01234)
    ('+1.50', '-0.012')
    """
    return f"{weight:+.2f}" if abs(weight) >= 0.1 else f"{weight:+.2g}"


def in_words(answer: Any, text: str) -> str:
    """An answer as a line of text.

    >>> in_words([{"start": 0, "end": 3, "label": "PER"}], "Ann ran"), in_words([], "Ann"), in_words("good", "")
    ('Ann (PER)', '(nothing)', 'good')
    """
    if isinstance(answer, dict):
        answer = [answer]
    if not isinstance(answer, list):
        return "(no answer)" if answer is None else str(answer)
    if not answer:
        return "(nothing)"
    if isinstance(answer[0], dict):
        return ", ".join(text[s["start"] : s["end"]] + (f" ({s['label']})" if s["label"] else "") for s in answer)
    return ", ".join(answer)


def measure_sentence(each: Attribution) -> str:
    """What the weights of words add up to."""
    return (
        f"The {each.measure} of this answer is {each.hidden:+.2f} with all words hidden and {each.shown:+.2f} as it is; the weights "
        f"add up to the difference, which they miss by {abs(each.delta):.3f} ({each.points} points)."
    )


def others_sentence(each: Attribution) -> str:
    """What was shown beside the texts, part by part; empty where there was nothing."""
    parts = {part: value for part, value in each.totals().items() if part not in ("text", "text_pair")}
    if not parts:
        return ""
    listed = ", ".join(f"{part} {signed(value)}" for part, value in parts.items())
    return f"Shown beside the text: {listed}; the text itself {signed(each.totals()['text'])}."


def reliability_sentence(rule: RuleSaid) -> str:
    """How far a rule is believed and why; empty where nothing is known."""
    said = [] if rule.reliability is None else [f"believed {rule.reliability:.0%}"]
    found = rule.evidence
    if found is not None and found.judged:
        kept = "right on" if rule.reliability is not None else "kept on"
        low, high = found.interval or (0.0, 1.0)
        said.append(f"{kept} {found.correct} of {found.judged} with gold ({low:.0%} to {high:.0%})")
    elif found is not None and rule.reliability is not None:
        said.append("no gold label to judge it by")
    if found is not None and found.coverage is not None:
        said.append(f"fires on {found.coverage:.1%}")
    if found is not None and found.faults:
        said.append(f"failed on {found.faults}")
    return "; ".join(said)


def without_sentence(rule: RuleSaid, explanation: Explanation) -> str:
    """What if a rule were gone, on this text and overall."""
    gone = rule.without
    if gone is None:
        return ""
    said = []
    if explanation.shape != "text":
        said.append(f"the rules would say {_believed(gone.label_model, explanation.text)}")
    if gone.changes:
        said.append(f"the answer would be {in_words(gone.answer, explanation.text)}, {gone.score:.0%}")
    else:
        said.append("the answer stays")
    if gone.overall is not None:
        helps = "helps" if gone.overall > _NOTICED else "harms" if gone.overall < -_NOTICED else "does not matter"
        said.append(f"overall it {helps} ({gone.overall:+.4f} nats without it)")
    return "; ".join(said)


def _believed(label_model: Any, text: str) -> str:
    """What the label model believes: the likeliest label, or the spans."""
    if label_model is None:
        return "nothing"
    if isinstance(label_model, dict):
        best = max(label_model, key=lambda label: label_model[label])
        return f"{best} ({label_model[best]:.0%})"
    return in_words(label_model, text)
