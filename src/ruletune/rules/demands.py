"""What rules demand of an answer that is a text, and whether an answer meets it.

**How a phrase is found.** Word for word, whatever white space stands between the words, and without regard to case
unless the demand says so (case as :func:`ruletune.rules.matching.fold` has it: ``ſ`` is ``s``, and ``ß`` is not ``ss``).
It counts where no letter, digit or underscore continues it. Scripts that are written without spaces (Chinese, Japanese, Thai,
...) have no such boundary. A ``*`` at an edge of the phrase takes the boundary away there: ``Hund*`` is also in *Hunde*,
``*hund`` also in *Schäferhund*. A number is not found within another (``5`` is neither in *3.5* nor in *5,000*), but a unit may
follow it directly (``10`` is in *10km*). A typographic apostrophe is an apostrophe.

All functions here are pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import assert_never

from ruletune.rules.conditions import Length
from ruletune.rules.matching import fold, guard
from ruletune.rules.matching.terms import continues
from ruletune.rules.reading import sentences
from ruletune.rules.sayings import (
    Avoid,
    Copy,
    Glossary,
    Invented,
    Link,
    Matching,
    Prompt,
    Reply,
    Say,
    Says,
    Scored,
    Sized,
    Slots,
    Veto,
    Vote,
)
from ruletune.rules.structure import length_holds
from ruletune.rules.things import readings, things
from ruletune.types import Example, Span

__all__ = [
    "Avoid", "Demand", "Invented", "Matching", "Say", "Scored", "Sized", "What", "found", "invented", "met", "occurs", "unmet", "words_of",
]  # fmt: skip

What = Say | Avoid | Matching | Sized | Scored | Invented

_SOURCES = ("act", "facts", "history")
"""Columns that belong to the source of a dialogue's answer."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one rule demands of the answer to one source.

    Attributes:
        rule: The rule's name.
        spans: The characters of the source from which it follows; empty where it follows from none.
        entry: Of a rule that demands many things, which of them: a term, a slot's name, what is to be copied.
    """

    rule: str
    what: What
    spans: tuple[Span, ...] = ()
    entry: str = ""


def met(demand: Demand, example: Example, answer: str) -> bool:
    """Whether an answer meets a demand.

    Raises:
        MatchTimeoutError: The rule's expression works without end on the answer.
        Exception: Whatever the user's function raises; ``ValueError`` where it gives no number.

    >>> met(Demand("dogs", Say(("Hund", "Hunde"))), Example("1", "two dogs"), "Zwei Hunde laufen.")
    True
    >>> met(Demand("dogs", Say(("Hund",))), Example("1", "a dog"), "ein Hundehaus")
    False
    """
    match demand.what:
        case Say(alternatives=alternatives, ignore_case=ignore_case):
            return any(occurs(phrase, answer, ignore_case=ignore_case) for phrase in alternatives)
        case Avoid(phrases=phrases, ignore_case=ignore_case):
            return not any(occurs(phrase, answer, ignore_case=ignore_case) for phrase in phrases)
        case Matching(pattern=pattern, wanted=wanted):
            matched, overruns = guard.search(pattern, 0, [answer], [0], guard.default_budget)
            if overruns:
                raise guard.MatchTimeoutError(0, 0, overruns[0].seconds)
            return bool(matched) == wanted
        case Sized() as sized:
            return _sized(sized, answer)
        case Scored() as scored:
            score = _score(scored, example, answer)
            above = scored.at_least is None or score >= scored.at_least
            return above and (scored.at_most is None or score <= scored.at_most)
        case Invented() as what:
            return next(invented(what, example, answer), None) is None
        case _:
            assert_never(demand.what)


def unmet(demands: Sequence[Demand], example: Example, answer: str) -> tuple[Demand, ...]:
    """The demands that an answer does not meet, in their order. One that fails to be judged is not met."""

    def holds(demand: Demand) -> bool:
        try:
            return met(demand, example, answer)
        except Exception:  # a user's function may raise anything; the tables of satisfaction tell what
            return False

    return tuple(demand for demand in demands if not holds(demand))


def occurs(phrase: str, text: str, *, ignore_case: bool = True) -> bool:
    """Whether a phrase stands in a text.

    >>> occurs("new  york", "in New\\nYork"), occurs("10", "10km"), occurs("5", "3.5"), occurs("*hund*", "Schäferhunde")
    (True, True, False, True)
    >>> occurs("猫", "一只猫在睡觉")
    True
    """
    return next(found(phrase, text, ignore_case=ignore_case), None) is not None


def found(phrase: str, text: str, *, ignore_case: bool = True) -> Iterator[Span]:
    """Where a phrase stands in a text, in reading order; of occurrences that overlap, each."""
    expression, opens, closes = _sought(phrase, ignore_case)
    searched = _read(text, ignore_case)
    at = 0
    while match := expression.search(searched, at):
        start, end = match.span()
        if (opens or _begins(text, start)) and (closes or _ends(text, start, end)):
            yield Span(start, end)
        at = start + 1


_APOSTROPHES = {ord("’"): "'", ord("ʼ"): "'"}
_NUMBER = re.compile(r"[^\W\d_]*\d[\d.,'\u00a0\u202f ]*\Z")
_SIGNS = ".,'’"


@lru_cache(maxsize=1 << 16)
def _sought(phrase: str, ignore_case: bool) -> tuple[re.Pattern[str], bool, bool]:
    """The expression of a phrase, and whether words may go on before and behind it."""
    words = _read(phrase.strip("* \t\n"), ignore_case).split()
    if not words:
        raise ValueError(f"a phrase is empty: {phrase!r}")
    stripped = phrase.strip()
    return re.compile(r"\s+".join(map(re.escape, words))), stripped.startswith("*"), stripped.endswith("*")


@lru_cache(maxsize=256)
def _read(text: str, ignore_case: bool) -> str:
    """A text as phrases are looked for in it; offsets stay."""
    read = text if text.isascii() else text.translate(_APOSTROPHES)
    return fold(read) if ignore_case else read


def _begins(text: str, start: int) -> bool:
    if start == 0:
        return True
    if text[start].isdigit() and text[start - 1] in _SIGNS:
        return start < 2 or not text[start - 2].isdigit()
    return not continues(text[start], text[start - 1])


def _ends(text: str, start: int, end: int) -> bool:
    if end == len(text):
        return True
    if text[end - 1].isdigit():
        if text[end] in _SIGNS:
            return end + 1 == len(text) or not text[end + 1].isdigit()
        if text[end].isalpha() and _NUMBER.match(text[start:end]):
            return True
    return not continues(text[end - 1], text[end])


def _sized(sized: Sized, answer: str) -> bool:
    match sized.unit:
        case "sentences":
            count = len(sentences(answer))
            return sized.at_least <= count and (sized.at_most is None or count <= sized.at_most)
        case "words" | "characters":
            return length_holds(Length(sized.unit, sized.at_least, sized.at_most), answer)
        case _:
            assert_never(sized.unit)


def _score(scored: Scored, example: Example, answer: str) -> float:
    value = scored.call.function(example if scored.call.takes_example else example.text, answer)
    try:
        number = float(value)  # type: ignore[arg-type]  # a user's function gives what it likes
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        raise ValueError(f"{scored.call.path} returned {value!r:.80}, which is no number")
    return number


def invented(what: Invented, example: Example, answer: str) -> Iterator[str]:
    """What of an answer does not stand in the source. The act, facts and history of a dialogue are part of its source.

    >>> list(invented(Invented(("numbers",)), Example("1", "It cost 1,000 euros."), "1000 euros, paid in 2 parts"))
    ['2']
    """
    sources = [example.text, *(str(example.fields[name]) for name in _SOURCES if example.fields.get(name))]
    for thing, span in things(answer, what.things, what.pattern):
        written = answer[span.start : span.end]
        alike = readings(written) if thing == "numbers" else (written,)
        known = any(occurs(each, text) for each in alike for text in sources)
        if not known and not any(occurs(each, ignored) for each in alike for ignored in what.ignore):
            yield written


def words_of(what: What | Says) -> str:
    """What is demanded, or said of labels, in words.

    >>> words_of(Say(("Hund", "Hunde"))), words_of(Sized("words", 5, 30)), words_of(Invented(("numbers",)))
    ("says 'Hund' or 'Hunde'", 'has 5 to 30 words', 'invents no numbers')
    """
    match what:
        case Say(alternatives=alternatives):
            return f"says {' or '.join(map(repr, alternatives))}"
        case Avoid(phrases=phrases):
            return f"avoids {' and '.join(map(repr, phrases))}"
        case Matching(pattern=pattern, wanted=wanted):
            return f"{'matches' if wanted else 'does not match'} {pattern.regex}"
        case Sized(unit=unit, at_least=least, at_most=None):
            return f"has {least} {unit} or more"
        case Sized(unit=unit, at_least=0, at_most=most):
            return f"has {most} {unit} at most"
        case Sized(unit=unit, at_least=least, at_most=most):
            return f"has {least} to {most} {unit}"
        case Scored(call=call, at_least=least, at_most=most):
            bounds = [
                f"{word} {bound:g}" for word, bound in (("at least", least), ("at most", most)) if bound is not None
            ]
            return f"scores {' and '.join(bounds)} by {call.path}"
        case Invented(things=kinds):
            return f"invents no {' or '.join(kinds)}"
        case Copy(things=kinds):
            return f"copies {' and '.join(kinds)}"
        case Slots(only=only):
            return f"says the slots {', '.join(only)}" if only else "says every slot"
        case Glossary(entries=entries):
            return f"says {len(entries)} term{'' if len(entries) == 1 else 's'}"
        case Reply(templates=templates):
            return f"replies {' or '.join(map(repr, templates))}"
        case Vote(label=label) | Veto(label=label):
            return f"{'votes for' if isinstance(what, Vote) else 'vetoes'} {label}"
        case Prompt():
            return "prompts"
        case Link(together=together):
            return "links" if together else "parts"
        case _:
            assert_never(what)
