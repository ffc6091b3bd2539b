"""Rules that could be proposed: words and phrases, starts, gaps, negated words, shapes of numbers and links.

All candidates are found in one pass over the texts' words, together with the texts that they occur in, so that
thousands of them can be scored at once. What a candidate matches is counted here by its words; the few that are
proposed are matched again by the rule engine, whose word is final.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ruletune.rules.base import Pattern, Terms
from ruletune.rules.matching import fold
from ruletune.rules.scripts import NO_SPACES

__all__ = [
    "SHAPES",
    "Candidates",
    "Token",
    "candidates",
    "entry_of",
    "gap",
    "least_support",
    "plain_words",
    "start",
    "tokens",
]

Family = Literal["word", "phrase", "start", "gap", "negated", "shape"]

_LONGEST = 3
"""Words of a phrase."""

_WINDOW = 5
"""Words between which a gap is looked for."""

_GAP = 25
"""Characters that a gap may span."""

_READ = 120
"""Words of a text that are read; rules are about what recurs, and long texts would outweigh the others."""

_MOST = 30_000
"""Candidates that are kept, the most frequent ones."""

_NEGATIONS = ("not", "no", "never", "cannot", "can't", "won't", "don't", "doesn't", "didn't", "isn't", "wasn't", "n't")

_NEGATION = r"(?:not|no|never|cannot|\w+n['’]t)"

_TOKEN = re.compile(rf"{NO_SPACES}+|(?:(?!{NO_SPACES})\w)+(?:['’](?:(?!{NO_SPACES})\w)+)*")
_UNSPACED = re.compile(NO_SPACES)

SHAPES = {
    "a link": r"https?://|\bwww\.",
    "a web domain": r"\b[\w-]+\.(?:com|net|org|co\.uk|info)\b",
    "an e-mail address": r"\b[\w.+-]+@[\w-]+\.\w{2,}",
    "a long number": r"\b\d{5,}\b",
    "a year": r"\b(?:1[5-9]|20)\d\d\b",
    "an amount of money": r"[£$€¥]\s?\d|\b\d+\s?(?:usd|eur|gbp|dollars|euros|pounds)\b",
    "a percentage": r"\b\d+(?:\.\d+)?\s?%",
    "a time of day": r"\b\d{1,2}(?::\d\d)?\s?(?:am|pm)\b",
    "a date": r"\b\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b",
    "letters and digits mixed": r"\b(?=\w*[a-z]\w*\b)\w*\d{3,}\w*\b",
    "any number": r"\b\d+\b",
    "a question mark at the end": r"\?\s*$",
    "several exclamation marks": r"!\s*!",
    "an ellipsis": r"\.\.\.|…",
    "a smiley": r"[:;]-?[)(DPp]",
    "a quotation": r"[\"“”«»]|``",
}
"""Shapes that recur in all kinds of text, as regular expressions that ignore case."""

_STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "he",
        "her",
        "here",
        "him",
        "his",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "me",
        "my",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "out",
        "s",
        "she",
        "so",
        "some",
        "t",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "too",
        "up",
        "us",
        "was",
        "we",
        "were",
        "will",
        "with",
        "would",
        "you",
        "your",
        "im",
        "m",
        "re",
        "ve",
        "ll",
        "d",
        "am",
        "about",
        "all",
        "also",
        "any",
        "because",
    ]
)
"""Words that say nothing of a text's content alone. Question words are none of them: they carry intent."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text: its folded form and where it stands."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """Conditions and where they hold.

    Attributes:
        conditions: What could be proposed.
        families: How each was found.
        matrix: (texts, candidates) sparse, 1 where the condition holds.
        parts: For each, the positions of the simpler candidates that it is made of.
    """

    conditions: tuple[Pattern | Terms, ...]
    families: tuple[Family, ...]
    matrix: Any
    parts: tuple[tuple[int, ...], ...]


def tokens(text: str) -> list[Token]:
    """The words of a text; a run of characters of a script without spaces is one.

    >>> [token.word for token in tokens("Don't PANIC, 你好")]
    ["don't", 'panic', '你好']
    """
    folded = fold(text)
    found = []
    for match in _TOKEN.finditer(folded):
        found.append(Token(match.group().replace("’", "'"), match.start(), match.end()))
        if len(found) == _READ:
            break
    return found


def start(words: str) -> Pattern:
    """The text begins with these words."""
    return Pattern(rf"^\s*{_literal(words)}\b", int(re.IGNORECASE))


def gap(first: str, second: str) -> Pattern:
    r"""One word with another after it in the same line, not far off.

    >>> gap("what", "city").regex
    '\\bwhat\\b.{0,25}\\bcity\\b'
    """
    return Pattern(rf"\b{_literal(first)}\b.{{0,{_GAP}}}\b{_literal(second)}\b", int(re.IGNORECASE))


def negated(word: str) -> Pattern:
    """The word behind a negation."""
    return Pattern(rf"\b{_NEGATION}\b.{{0,{_GAP}}}\b{_literal(word)}\b", int(re.IGNORECASE))


def _literal(words: str) -> str:
    return re.escape(words).replace(r"\ ", " ").replace("'", "['’]")


def entry_of(condition: Pattern | Terms) -> dict[str, Any]:
    """A condition as an entry of a task file writes it.

    >>> entry_of(Terms(("prize", "you won")))
    {'keywords': ['prize', 'you won']}
    """
    match condition:
        case Terms(terms=terms):
            return {"keywords": list(terms)}
        case Pattern(regex=regex, flags=flags):
            return {"regex": regex} | ({"ignore_case": True} if flags & re.IGNORECASE else {})


def plain_words(regex: str) -> str:
    r"""An expression made here as a reader would say it.

    >>> plain_words(r"\bwhat\b.{0,25}\bcity\b"), plain_words(r"^\s*(?:how many|how much)\b")
    ('what ... city', 'how many, how much ...')
    """
    begins = regex.startswith("^")
    words = regex.replace(_NEGATION, "not").replace(rf"\b.{{0,{_GAP}}}\b", " ... ").replace("['’]", "'")
    words = (
        words.replace(r"^\s*", "")
        .replace(r"\b", "")
        .replace("(?:", "")
        .replace(")", "")
        .replace("|", ", ")
        .replace("\\", "")
    )
    return f"{words} ..." if begins else words


_Key = tuple[str, ...]
"""A family and its words."""


def candidates(texts: Sequence[str], *, support: int) -> Candidates:
    """Every candidate that holds in ``support`` texts at least, and not in nearly all of them."""
    from scipy.sparse import csc_matrix

    rows = _frequent(texts, support)
    keys = [key for key in rows if _readable(key)]
    place = {key: position for position, key in enumerate(keys)}
    indices = np.concatenate([rows[key] for key in keys]) if keys else np.zeros(0, dtype=np.int32)
    ends = np.cumsum([0, *(len(rows[key]) for key in keys)])
    matrix = csc_matrix((np.ones(len(indices), dtype=np.float32), indices, ends), shape=(len(texts), len(keys)))
    return Candidates(
        conditions=tuple(map(_condition, keys)),
        families=tuple(_family(key) for key in keys),
        matrix=matrix,
        parts=tuple(tuple(place[part] for part in _parts(key) if part in place) for key in keys),
    )


def _frequent(texts: Sequence[str], support: int) -> dict[_Key, np.ndarray]:
    """Rows of every key that is neither rare nor everywhere."""
    words = [tokens(text) for text in texts]
    most = 0.9 * len(texts)
    simple = _rows((_simple(text, row) for text, row in zip(texts, words, strict=True)), support)
    common = {key[1] for key in simple if key[0] == "word" and len(simple[key]) >= support}
    found = simple | _rows((set(_pairs(row, common)) for row in words), support)
    for name, regex in SHAPES.items():
        compiled = re.compile(regex, re.IGNORECASE)
        rows = np.array([row for row, text in enumerate(texts) if compiled.search(text)], dtype=np.int32)
        if len(rows) >= support:
            found["shape", name] = rows
    kept = sorted((key for key in found if len(found[key]) <= most), key=lambda key: (-len(found[key]), key))
    return {key: found[key] for key in kept[:_MOST]}


def _rows(keys_by_text: Iterable[set[_Key]], support: int) -> dict[_Key, np.ndarray]:
    rows: dict[_Key, list[int]] = defaultdict(list)
    for row, keys in enumerate(keys_by_text):
        for key in keys:
            rows[key].append(row)
    return {key: np.array(found, dtype=np.int32) for key, found in rows.items() if len(found) >= support}


def _simple(text: str, words: Sequence[Token]) -> set[_Key]:
    """Words, phrases and starts of one text."""
    keys: set[_Key] = set()
    folded = fold(text)
    for first, token in enumerate(words):
        if _UNSPACED.match(token.word):
            keys.update(("word", run) for run in _character_ngrams(token.word))
            continue
        keys.add(("word", token.word))
        phrase = token.word
        end = token.end
        for following in words[first + 1 : first + _LONGEST]:
            if folded[end : following.start] != " " or _UNSPACED.match(following.word):
                break
            phrase, end = f"{phrase} {following.word}", following.end
            keys.add(("phrase", phrase))
            if first == 0 and not text[: token.start].strip():
                keys.add(("start", phrase))
        if first == 0 and not text[: token.start].strip():
            keys.add(("start", token.word))
    return keys


def _character_ngrams(run: str) -> Iterator[str]:
    """Runs of two to four characters, which is how long most words of these scripts are."""
    for size in (2, 3, 4):
        for first in range(len(run) - size + 1):
            yield run[first : first + size]


def _pairs(words: Sequence[Token], common: set[str]) -> Iterator[_Key]:
    """Gaps and negated words of one text."""
    for first, token in enumerate(words):
        if token.word not in common and token.word not in _NEGATIONS and not token.word.endswith("n't"):
            continue
        negation = token.word in _NEGATIONS or token.word.endswith("n't")
        for following in words[first + 1 : first + 1 + _WINDOW]:
            if following.word not in common or following.word == token.word or following.start - token.end > _GAP:
                continue
            if negation:
                yield "negated", following.word
            elif following.start - token.end >= 0:
                yield "gap", token.word, following.word


def _readable(key: _Key) -> bool:
    """Whether a rule made of it could mean something to a reader: not only numbers, letters and stop words."""
    match key:
        case ("shape", _):
            return True
        case ("gap", first, second):
            return not (_empty(first) and _empty(second)) and not (first.isdigit() or second.isdigit())
        case (_, words):
            split = words.split()
            letters = len(split) > 1 and any(len(word) == 1 and word not in ("a", "i") for word in split)
            return not all(map(_empty, split)) and not letters  # letters of a phrase are cut from u.s. and the like
        case _:
            return False


def _empty(word: str) -> bool:
    return word in _STOP_WORDS or word.isdigit() or (len(word) == 1 and not _UNSPACED.match(word))


def _condition(key: _Key) -> Pattern | Terms:
    match key:
        case ("start", words):
            return start(words)
        case ("gap", first, second):
            return gap(first, second)
        case ("negated", word):
            return negated(word)
        case ("shape", name):
            return Pattern(SHAPES[name], int(re.IGNORECASE))
        case (_, words):
            return Terms((words,))
        case _:
            raise ValueError(f"no candidate: {key}")


def _family(key: _Key) -> Family:
    return key[0]  # type: ignore[return-value]


def _parts(key: _Key) -> Iterator[_Key]:
    """Simpler candidates that hold wherever this one does."""
    match key:
        case ("phrase" | "start", words):
            split = words.split()
            if key[0] == "start":
                yield ("phrase" if len(split) > 1 else "word"), words
            for size in range(1, len(split)):
                for first in range(len(split) - size + 1):
                    yield ("phrase" if size > 1 else "word"), " ".join(split[first : first + size])
                if key[0] == "start":
                    yield "start", " ".join(split[:size])
        case ("gap", first_word, second_word):
            yield "word", first_word
            yield "word", second_word
        case ("negated", word):
            yield "word", word


def least_support(texts: int) -> int:
    """Texts that a candidate must hold in: one in five hundred, and three at least.

    >>> least_support(100), least_support(5000)
    (3, 10)
    """
    return max(3, math.ceil(texts / 500))
