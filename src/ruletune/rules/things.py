"""Things that an answer takes over from its source as they are: numbers, names, addresses, code.

- *numbers*: digits, with ``.``, ``,`` or ``'`` between digits, that do not continue a word: 1,000 and the 10 of 10km, not the 4 of A4.
- *names*: words with a capital that follow each other, ``of``, ``van`` and the like between them. The first word of a sentence is
  left out, since every sentence begins with a capital; so is a sentence without small letters. Not for languages that write
  nouns with a capital, such as German.
- *urls*, *emails*; *code*: what stands between backticks, and words such as ``snake_case``, ``module.call()`` and ``--option``.

The same number may be written in several ways (:func:`readings`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ruletune.rules.conditions import Pattern
from ruletune.rules.matching import guard
from ruletune.rules.reading import ANSWER_TYPES, sentences
from ruletune.rules.sayings import Thing
from ruletune.rules.scripts import NO_SPACES
from ruletune.types import Span

__all__ = ["readings", "things"]

_NUMBERS = re.compile(rf"(?:(?<!\w)|(?<={NO_SPACES}))(?<!\d[.,'’])\d+(?:[.,'’]\d+)*")
_NAMES = re.compile(ANSWER_TYPES["name"])
_URLS = re.compile(r"\b(?:https?://|www\.)[^\s<>\"“”「」]*[^\s<>\"“”「」.,;:!?)\]}']")
_EMAILS = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CODE = re.compile(
    r"`(?P<quoted>[^`\n]+)`|(?<![\w./-])(?:--[a-z][\w-]*|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\(\)|[A-Za-z]\w*_\w+)"
)
_SEPARATORS = ("", ",", ".", " ", "'", "\u00a0", "\u202f")
"""What may stand between groups of three digits."""


def things(text: str, kinds: Sequence[Thing], pattern: Pattern | None = None) -> list[tuple[Thing, Span]]:
    """All things of some kinds in a text, in reading order; what lies within an earlier or longer one is part of that.

    Args:
        pattern: What is found for the kind ``pattern``.

    Raises:
        MatchTimeoutError: The pattern works without end on the text.

    >>> text = "Write to Ann Lee of Acme (ann@acme.org) before 1,500 are sold."
    >>> [(kind, text[span.start : span.end]) for kind, span in things(text, ["names", "numbers", "emails"])]
    [('names', 'Ann Lee of Acme'), ('emails', 'ann@acme.org'), ('numbers', '1,500')]
    """
    found = [(kind, span) for kind in kinds for span in _of_kind(kind, text, pattern)]
    kept: list[tuple[Thing, Span]] = []
    for kind, span in sorted(found, key=lambda item: (item[1].start, -item[1].end)):
        if not kept or span.start >= kept[-1][1].end:
            kept.append((kind, span))
    return kept


def _of_kind(kind: Thing, text: str, pattern: Pattern | None) -> Iterator[Span]:
    match kind:
        case "pattern":
            assert pattern is not None  # the entry asks for it
            edges = guard.find(pattern, 0, text, guard.default_budget)
            yield from (Span(start, end) for start, end in edges if end > start)
        case "names":
            yield from _names(text)
        case "code":
            yield from (Span(*match.span("quoted" if match["quoted"] else 0)) for match in _CODE.finditer(text))
        case "numbers" | "urls" | "emails":
            expression = {"numbers": _NUMBERS, "urls": _URLS, "emails": _EMAILS}[kind]
            yield from (Span(*match.span()) for match in expression.finditer(text))


def _names(text: str) -> Iterator[Span]:
    for start, end in sentences(text):
        sentence = text[start:end]
        if not any(letter.islower() for letter in sentence):
            continue
        for match in _NAMES.finditer(sentence):
            begin: int | None = 4 if match[0].startswith("The ") else 0
            if not sentence[: match.start()].strip("\"'“”‘’(["):
                begin = _second_word(match[0])
            if begin is not None:
                yield Span(start + match.start() + begin, start + match.end())


def _second_word(name: str) -> int | None:
    """Where the next word with a capital begins, if there is one."""
    following = re.search(r" (?=[^\W\d_a-zß-ÿ])", name)
    return following.end() if following else None


def readings(number: str) -> tuple[str, ...]:
    """The ways to write a number: with other signs between groups of three digits, or none, and with the other decimal sign.

    Where it is not clear whether a sign groups digits or begins the decimals (``1.000``), both are ways to read it.

    >>> "2.500,5" in readings("2,500.5"), "1,000" in readings("1000"), readings("3.5"), readings("42")
    (True, True, ('3.5', '3,5'), ('42',))
    """
    found = [number]
    whole, sign, decimals = _read(number)
    endings = [f"{mark}{decimals}" for mark in dict.fromkeys((sign, ".", ","))] if decimals else [""]
    for ending in endings:
        for separator in _SEPARATORS:
            if ending[:1] != separator or not separator:
                found.append(_grouped(whole, separator) + ending)
    if re.fullmatch(r"\d{1,3}[.,]\d{3}", number):
        found.append(number.translate({ord("."): ",", ord(","): "."}))
    return tuple(dict.fromkeys(found))


def _read(number: str) -> tuple[str, str, str]:
    """Digits before the decimal sign, that sign, and digits behind it."""
    if re.fullmatch(r"\d{1,3}(?P<sign>[.,'’ ])\d{3}(?:(?P=sign)\d{3})*", number):
        return re.sub(r"\D", "", number), "", ""
    match = re.fullmatch(r"(\d{1,3}(?:(?:,\d{3})+|(?:\.\d{3})+|(?:['’]\d{3})+)|\d+)([.,])(\d+)", number)
    if match and match[2] not in match[1]:
        return re.sub(r"\D", "", match[1]), match[2], match[3]
    return (number, "", "")


def _grouped(digits: str, separator: str) -> str:
    if not separator or not digits.isdecimal() or len(digits) < 4:
        return digits
    first = len(digits) % 3
    groups = ([digits[:first]] if first else []) + [digits[n : n + 3] for n in range(first, len(digits), 3)]
    return separator.join(groups)
