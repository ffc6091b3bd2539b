"""What a question asks for: types of answers as expressions, the sentences of a text, and how far they resemble a question.

A type is a shape, not a meaning: ``person`` is a row of capitalized words as English names are written. Rules say which
shape a question asks for; which of several matches is meant is for the sentence, the other rules and the model to tell.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ruletune.rules.scripts import NO_SPACES

__all__ = ["ANSWER_TYPES", "content", "likeness", "nearness", "sentences"]

_LITTLE = (
    "A An The In On At By As It Its He She They His Her Their This That These Those There When While Although However Once After Before "
    "During For From With Since Despite And But Or If To Of Many Most Some Each Every All Both Not No One What Who Where Which Among "
    "Also Then Thus Here We You I My Our Other Such Between Because Under Over According Together Additionally".replace(
        " ", "|"
    )
)
"""Words that are capitalized only where a sentence begins with them."""
_CAP = rf"(?!(?:{_LITTLE})\b)[A-ZÀ-ÖØ-Þ][\w'’\-]*"
_NAME = rf"{_CAP}(?: (?:(?:of|the|de|da|del|la|le|van|von|der|bin|al|and|&) ){{0,2}}(?:{_CAP}|[A-Z]\.))*"
_MORE = rf"(?: (?:[A-Z]\.? |(?:de|da|del|la|le|van|von|der|bin|al|of) ){{0,2}}{_CAP})"
_WORDS = (
    "(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    "eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|a hundred|a thousand|half)"
)
_DIGITS = r"\d+(?:[.,]\d+)*"
_AMOUNT = rf"(?:{_DIGITS}|{_WORDS}(?:[ -]{_WORDS})?)(?: (?:hundred|thousand|million|billion|trillion|dozen))?"
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_YEAR = r"(?:1\d{3}|20\d\d)"
_CENTURY = r"(?:\d{1,2}(?:st|nd|rd|th)|[a-z]+th|first|second|third) century"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_UNIT = (
    "(?:square |cubic )?(?:kilomet(?:er|re)s?|met(?:er|re)s?|centimet(?:er|re)s?|miles?|feet|foot|inch(?:es)?|yards?|acres?|hectares?|"
    "tons?|tonnes?|kilograms?|grams?|pounds?|lit(?:er|re)s?|gallons?|km2?|kg|mm|cm|m|degrees?|°[CF]?|mph|MHz|GHz|kW|MW)"
)
_SPAN_OF_TIME = "(?:seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?|decades?|century|centuries)"

ANSWER_TYPES: dict[str, str] = {
    "person": rf"\b(?:Dr|Mr|Mrs|Ms|Prof)\.? (?:{_CAP}{_MORE}{{0,3}})|\b{_CAP}{_MORE}{{1,3}}|(?<=[a-z,;] ){_CAP}\b",
    "place": rf"\b(?:in|at|near|from|to|on|into|across|around|through|outside|inside|of) (?P<answer>(?:the )?{_NAME})",
    "name": rf"\b(?:The )?{_NAME}",
    "date": (
        rf"\b(?:{_DAY} (?:of )?{_MONTH}(?:,? {_YEAR})?|{_MONTH}(?: {_DAY}\b)?(?:,? {_YEAR})?|(?:spring|summer|autumn|fall|winter)(?: of)? "
        rf"{_YEAR}|{_CENTURY}|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|{_YEAR}s?(?: ?(?:BC|AD|BCE|CE))?|\d{{1,4}} (?:BC|AD|BCE|CE))(?!\w)"
        r"|\d{4}年(?:\d{1,2}月(?:\d{1,2}日)?)?"
    ),
    "year": rf"\b{_YEAR}\b(?!,\d)",
    "number": rf"(?<![\w$€£¥.,]){_AMOUNT}(?![\w%]| ?percent)",
    "money": rf"[$€£¥] ?{_DIGITS}(?: (?:thousand|million|billion|trillion))?|\b{_AMOUNT} (?:dollars|euros|pounds|yen|crowns|francs|marks|cents)\b",
    "percent": rf"\b{_DIGITS} ?(?:%|percent\b|per cent\b)",
    "duration": rf"\b(?:{_AMOUNT}|several|a few|a|an)[ -]{_SPAN_OF_TIME}\b",
    "measure": rf"(?<![\w$€£¥.,]){_AMOUNT}[ -]?{_UNIT}(?!\w)",
    "quoted": r"[\"“] ?(?P<answer>[^\s\"“”][^\"“”\n]{0,78}[^\s\"“”]) ?[\"”]",
}
"""Name to an expression for passages of that shape; the group ``answer``, where there is one, is the passage."""

_END = re.compile(r"(?<=[.!?。！？])[\"”’)\]]*(?:\s+(?=[\"“(\[]?[^\Wa-z_])|(?=[^\s\x00-\x7f]))|\n+")
_ABBREVIATED = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|No|vs|etc|Inc|Ltd|Co|[A-Z])\.\s*$")
_WORD = re.compile(rf"{NO_SPACES}|(?:(?!{NO_SPACES})[^\W_])+")
_STOP = frozenset(
    re.findall(
        r"\w+",
        "a an the of in on at to from by for with and or but as is are was were be been being do does did has have had what which who "
        "whom whose when where why how many much long often far old it its this that these those he she they his her their him them "
        "there than then into about after before during between not no can could would should may might will name called",
    )
)
_STEM = 5
"""Letters by which words are compared at most."""
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s|e)$")
_HALF = 10.0
"""Words away at which a word counts half."""


@lru_cache(maxsize=4096)
def sentences(text: str) -> tuple[tuple[int, int], ...]:
    """Half-open ranges of the sentences, without white space around them.

    >>> [("Dr. Ahn came. It rained."[a:b]) for a, b in sentences("Dr. Ahn came. It rained.")]
    ['Dr. Ahn came.', 'It rained.']
    """
    found, begin = [], 0
    for match in _END.finditer(text):
        if not _ABBREVIATED.search(text, max(begin, match.start() - 8), match.start()):
            found.append((begin, match.start()))
            begin = match.end()
    found.append((begin, len(text)))
    trimmed = []
    for start, end in found:
        words = text[start:end]
        start += len(words) - len(words.lstrip())
        if words.strip():
            trimmed.append((start, start + len(words.strip())))
    return tuple(trimmed)


@lru_cache(maxsize=16384)
def content(text: str) -> frozenset[str]:
    """The beginnings of the words that say what a text is about, in small letters.

    >>> sorted(content("Who founded the harbour?"))
    ['found', 'harbo']
    """
    words = (match[0].casefold() for match in _WORD.finditer(text))
    return frozenset(_stem(word) for word in words if word not in _STOP)


def _stem(word: str) -> str:
    """What is alike in ``works`` and ``work``, ``founded`` and ``founder``."""
    return _ENDING.sub("", word)[:_STEM]


def likeness(question: str, passages: Sequence[str]) -> np.ndarray:
    """Share of a question's words that stand in each passage, rare ones counting more, (passages,) in [0, 1].

    A word counts by the logarithm of the share of passages that have it.

    >>> likeness("Who founded Lumen?", ["Ada founded Lumen.", "Lumen grew.", "It rained."]).round(2).tolist()
    [1.0, 0.32, 0.0]
    """
    asked = sorted(content(question))
    if not asked or not passages:
        return np.zeros(len(passages))
    there = np.array([[word in words for word in asked] for words in map(content, passages)], dtype=float)
    weight = np.log((len(passages) + 1.0) / (there.sum(axis=0) + 0.5))
    return np.asarray(there @ weight / weight.sum())


def nearness(question: str, text: str, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """How closely passages are surrounded by the words of a question, (passages,) in [0, 1].

    Each word of the question counts for what it tells (as in :func:`likeness`) and for how near it stands in the passage's own
    sentence: fully beside it, half as much ten words away. A passage made of the question's own words is no answer to it: 0.

    >>> nearness("Who founded Lumen?", "Ada founded Lumen. Bo left.", [(0, 3), (12, 17), (19, 21)]).round(2).tolist()
    [0.95, 0.0, 0.0]
    """
    ranges = sentences(text)
    found = np.zeros(len(spans))
    asked = sorted(content(question))
    if not asked or not ranges:
        return found
    starts = [start for start, _ in ranges]
    words: dict[int, _Words] = {}
    there = np.array([[word in content(text[start:end]) for word in asked] for start, end in ranges], dtype=float)
    weight = np.log((len(ranges) + 1.0) / (there.sum(axis=0) + 0.5))
    weight /= weight.sum()
    for position, (start, end) in enumerate(spans):
        own = content(text[start:end])
        if own and own <= set(asked):
            continue
        sentence = max(0, bisect_right(starts, start) - 1)
        if sentence not in words:
            words[sentence] = _Words.of(text, *ranges[sentence])
        found[position] = sum(
            weight[number] * _HALF / (_HALF + distance)
            for number, word in enumerate(asked)
            if (distance := words[sentence].distance(word, start, end)) is not None
        )
    return found


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a sentence: where they begin and end, and at which of them each stem stands."""

    starts: list[int]
    ends: list[int]
    places: Mapping[str, list[int]]

    @classmethod
    def of(cls, text: str, start: int, end: int) -> _Words:
        matches = list(_WORD.finditer(text, start, end))
        places: dict[str, list[int]] = {}
        for number, match in enumerate(matches):
            places.setdefault(_stem(match[0].casefold()), []).append(number)
        return cls([match.start() for match in matches], [match.end() for match in matches], places)

    def distance(self, stem: str, start: int, end: int) -> int | None:
        """Words between a passage and the nearest place of a stem outside it; ``None`` where there is none."""
        numbers = self.places.get(stem, [])
        before, after = bisect_right(self.ends, start), bisect_left(self.starts, end)
        left, right = bisect_left(numbers, before), bisect_left(numbers, after)
        found = [before - numbers[left - 1] - 1] if left else []
        found += [numbers[right] - after] if right < len(numbers) else []
        return min(found, default=None)
