r"""Patterns over tokens, compiled to one regular expression of :mod:`re`.

There is no tokenizer at run time: where a token goes on is an assertion about a few neighbouring
characters, :data:`CONT`, and everything follows from it. A token begins at a character that is not skipped
and goes on as long as the assertion holds between two characters.

- Skipped, and no part of any token: white space, zero-width spaces and joiners, variation selectors.
- A word: letters, digits, underscores and the marks that combine with them, with single apostrophes
  between them (``o'clock``), and ``.`` or ``,`` between two digits (``1,000.50``).
- English clitics are tokens of their own: ``do`` ``n't``, ``it`` ``'s``, ``'m 'd 're 've 'll``.
- A character of a script written without spaces (Chinese, Japanese kana, Thai, ...) is a token.
- So is every other character: ``well-known`` is three tokens.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from ruletune.rules.scripts import NO_SPACES

__all__ = [
    "ANY",
    "BRACES",
    "CONT",
    "EMAIL",
    "END",
    "MOST_REPEATS",
    "MOST_WAYS",
    "URL",
    "Token",
    "alphabetic",
    "capital",
    "characters",
    "compile_tokens",
    "digits",
    "equals",
    "has",
    "length",
    "lower",
    "number",
    "only",
    "punctuation",
    "shape",
    "shapes",
    "title",
    "tokens",
    "upper",
]  # fmt: skip

MOST_REPEATS = 100
"""Tokens that one repeated token of a pattern may stand for."""

MOST_WAYS = 4096
"""Ways in which the repeated tokens of a pattern may be shared out at one place: the bound on backtracking."""

_SKIPPED = r"\s\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff"
SKIP = f"[{_SKIPPED}]*+"
ANY = f"[^{_SKIPPED}]"

_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u07eb-\u07f3\u0816-\u082d"
    "\u0859-\u085b\u0898-\u0903\u093a-\u0963\u0981-\u0983\u09bc-\u09e3\u0a01-\u0a03\u0a3c-\u0a51\u0a70\u0a71\u0a75"
    "\u0a81-\u0a83\u0abc-\u0ae3\u0b01-\u0b03\u0b3c-\u0b63\u0b82\u0bbe-\u0bd7\u0c00-\u0c04\u0c3c-\u0c63\u0c81-\u0c83"
    "\u0cbc-\u0ce3\u0d00-\u0d03\u0d3b-\u0d63\u0d81-\u0d83\u0dca-\u0df3\u0f18-\u0f39\u0f71-\u0f84\u0f8d-\u0fbc"
    "\u135d-\u135f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_WORD = f"(?:[^\\W{NO_SPACES[1:-1]}]|[{_MARKS}])"
_DIGIT = f"[^\\D{NO_SPACES[1:-1]}]"
_QUOTE = "['\u2019]"
_CLITIC = f"(?i:n{_QUOTE}t|{_QUOTE}(?:s|m|d|re|ve|ll))(?!{_QUOTE}?{_WORD})"
CONT = (
    f"(?:(?<={_WORD})(?={_QUOTE}?{_WORD})(?!{_CLITIC})|(?<={_WORD}{_QUOTE})(?={_WORD})"
    f"|(?<={_DIGIT})(?=[.,]{_DIGIT})|(?<={_DIGIT}[.,])(?={_DIGIT}))"
)
"""Between two characters: the token goes on."""

END = f"(?!{CONT})"
URL = f"(?i:(?:https?|ftp)://|www\\.){ANY}++"
"""Consumes a web address, up to the next space."""

EMAIL = rf"[\w.+%-]++@(?:[\w-]++\.)++[\w-]++{END}"
"""Consumes a mail address."""

BRACES = re.compile(r"\{(?P<low>[0-9]{0,4})(?P<comma>,)?(?P<high>[0-9]{0,4})\}")
_TOKEN = f"{ANY}(?:{CONT}{ANY})*+"


@lru_cache(maxsize=1)
def _tokenizer() -> re.Pattern[str]:
    return re.compile(_TOKEN)


def tokens(text: str) -> list[str]:
    """The tokens of a text. Matching does without it; it says what the tokens are.

    >>> tokens("It isn't well-known: $1,000.50 at 7 o'clock, 好吗?")
    ['It', 'is', "n't", 'well', '-', 'known', ':', '$', '1,000.50', 'at', '7', "o'clock", ',', '好', '吗', '?']
    """
    return _tokenizer().findall(text)


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a pattern, perhaps repeated.

    Attributes:
        checks: Assertions that hold at the token's first character.
        body: Consumes it, from its beginning to an end; default any token.
        low, high: How often it stands there.
        negated: The token is another one.
    """

    checks: tuple[str, ...] = ()
    body: str = ""
    low: int = 1
    high: int = 1
    negated: bool = False

    def expression(self) -> str:
        one = "".join(self.checks) + (self.body or _TOKEN)
        if self.negated:
            one = f"(?!{one}){_TOKEN}"
        one = f"{SKIP}{one}"
        return one if (self.low, self.high) == (1, 1) else f"(?:{one}){{{self.low},{self.high}}}"


def compile_tokens(pattern: Sequence[Token]) -> str:
    """A regular expression that matches where the tokens follow each other.

    Raises:
        ValueError: It would match everywhere, or in too many ways; the message is for people.
    """
    if not any(token.low for token in pattern):
        raise ValueError("every token may be missing, so that the pattern matches everywhere")
    if any(token.high > MOST_REPEATS for token in pattern):
        raise ValueError(f"a token may be repeated {MOST_REPEATS} times at most")
    ways = prod(token.high - token.low + 1 for token in pattern)
    if ways > MOST_WAYS:
        raise ValueError(
            f"its repeated tokens can be shared out in {ways} ways, more than {MOST_WAYS}; give them a smaller max"
        )
    return f"(?![{_SKIPPED}]){END}" + "".join(token.expression() for token in pattern)


def equals(values: Sequence[str], *, ignore_case: bool) -> str:
    """Consumes one of several literals. Straight and curly apostrophes are equal.

    Raises:
        ValueError: A value is blank or has a space in it.
    """
    for value in values:
        if not value or re.search(f"[{_SKIPPED}]", value.rstrip("\ufe0f")):
            raise ValueError(f"a token has no spaces, {value[:60]!r} is none; write one token for each word")
    ordered = sorted(dict.fromkeys(value.rstrip("\ufe0f") for value in values), key=len, reverse=True)
    literals = "|".join(re.sub(_QUOTE, _QUOTE, re.escape(value)) for value in ordered)
    return f"(?{'i' if ignore_case else ''}:{literals}){END}"


def only(character: str) -> str:
    """Every character of the token is of a class."""
    return f"(?={character}(?:{CONT}{character})*+{END})"


def has(character: str) -> str:
    """Some character of the token is of a class."""
    return f"(?=(?:{ANY}{CONT})*?{character})"


def _lacks(character: str) -> str:
    return f"(?!(?:{ANY}{CONT})*?{character})"


@lru_cache(maxsize=8)
def characters(holds: Callable[[str], bool]) -> str:
    """A class of all the characters for which something holds. Takes 0.1 s the first time."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1 if holds is is_punctuation else 0x20000):
        if holds(chr(code)):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "[" + "".join(_range(first, last) for first, last in ranges) + "]"


def _range(first: int, last: int) -> str:
    low, high = re.escape(chr(first)), re.escape(chr(last))
    return low if first == last else f"{low}{high}" if last == first + 1 else f"{low}-{high}"


def is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P")


def _upper() -> str:
    return characters(str.isupper)


def _lower() -> str:
    return characters(str.islower)


def capital() -> str:
    """It begins with a capital."""
    return f"(?={_upper()})"


def upper() -> str:
    """As :meth:`str.isupper`: it has capitals and no small letters."""
    return has(_upper()) + _lacks(_lower())


def lower() -> str:
    """As :meth:`str.islower`."""
    return has(_lower()) + _lacks(_upper())


def title() -> str:
    """As :meth:`str.istitle`: capitals begin its parts, small letters go on with them."""
    capital, small = _upper(), _lower()
    other = f"(?!{capital}|{small}){ANY}"
    part = f"{capital}(?:{CONT}{small})*+"
    return f"(?=(?:{other}{CONT})*+{part}(?:(?:{CONT}{other})++{CONT}{part})*+(?:{CONT}{other})*+{END})"


def digits() -> str:
    """As :meth:`str.isdigit`, for digits of every script."""
    return only(r"\d")


def alphabetic() -> str:
    """Letters, and the marks that combine with them."""
    return only(f"(?:[^\\W\\d_]|[{_MARKS}])")


def punctuation() -> str:
    """Of Unicode's categories P*."""
    return only(characters(is_punctuation))


def shape(written: str) -> str:
    """As spaCy's shape: X a capital, x a small letter, d a digit, others themselves; four of a kind are four or more.

    A ``+`` behind X, x or d: so many, or more.

    Raises:
        ValueError: It is empty or has a space in it.
    """
    if not written or re.search(r"\s", written):
        raise ValueError(f"{written[:60]!r} is no shape of a token; write Xxxx, Xx+, dd or the like")
    expression = ""
    for kind, count, more in _runs(written):
        character = _shaped(kind)
        following = f"{CONT}{character}"
        repeats = f"{{{count - 1},}}+" if more else f"{{{count - 1}}}"
        expression += following if expression else character
        expression += f"(?:{following}){repeats}" if more or count > 1 else ""
    return f"(?={expression}{END})"


def shapes(written: str) -> str:
    """A regular expression for words of certain shapes that follow each other, each written as :func:`shape` has it.

    It begins where a token begins and ends where one ends. A sign between letters stands for itself: ``X.X.``.

    Raises:
        ValueError: It is blank.

    >>> re.findall(shapes("Xx+ Xx+"), "so Ann Lee met McKay Jo")
    ['Ann Lee']
    >>> re.findall(shapes("XX+"), "NATO, A and USA2")
    ['NATO']
    """
    if not written.strip():
        raise ValueError("a shape is blank; write Xx+, XX+, dd or the like")
    words = []
    for word in written.split():
        runs = ((_shaped(kind), f"{{{count},}}+" if more else f"{{{count}}}") for kind, count, more in _runs(word))
        words.append("".join(f"(?:{character}){repeats}" for character, repeats in runs))
    return f"(?![{_SKIPPED}]){END}" + r"\s++".join(words) + END


def _runs(written: str) -> list[tuple[str, int, bool]]:
    """Runs of one character in a shape: which, how many, and whether more are welcome."""
    found = re.findall(r"(([Xxd])\2*)(\+?)|((.)\5*)", written)
    return [
        (kind or other, len(run or sign), bool(plus) or len(run or sign) >= 4) for run, kind, plus, sign, other in found
    ]


def _shaped(kind: str) -> str:
    match kind:
        case "X":
            return _upper()
        case "x":  # letters of scripts without case count as small, as spaCy has it
            return f"(?!{_upper()})[^\\W\\d_]"
        case "d":
            return r"\d"
        case _:
            return re.escape(kind)


_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion "
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth "
    "ninetieth hundredth thousandth millionth billionth trillionth"
)


def number() -> str:
    """Digits, with points and commas between them, an ordinal in digits, or an English number word."""
    words = "|".join(sorted(_NUMBER_WORDS.split(), key=len, reverse=True))
    digits = rf"\d(?:{CONT}[\d.,])*+(?:(?:{CONT}(?i:st|nd|rd|th))|)"
    return f"(?=(?:{digits}|(?i:{words})){END})"


def length(at_least: int, at_most: int | None) -> str:
    """So many characters.

    Raises:
        ValueError: No token has so few.
    """
    if at_most is not None and (at_most < 1 or at_most < at_least):
        raise ValueError(f"no token has {at_least} to {at_most} characters")
    high = "" if at_most is None else str(at_most - 1)
    return f"(?={ANY}(?:{CONT}{ANY}){{{max(at_least, 1) - 1},{high}}}+{END})"
