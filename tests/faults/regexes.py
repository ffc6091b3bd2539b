"""Two hundred expressions that backtrack without end, and a text for each on which they do.

The kinds are those of the literature: repetitions in repetitions, alternatives that overlap, neighbours that overlap, and
repetitions that a failure far behind makes try every way.

Sources: Davis et al. 2018, *The impact of regular expression denial of service (ReDoS) in practice*; Wüstholz et al. 2017,
*Static detection of DoS vulnerabilities in programs that use regular expressions*; Berglund et al. 2014, *Analyzing
catastrophic backtracking behavior in practical regular expression matching*.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CASES", "Catastrophe"]


@dataclass(frozen=True, slots=True)
class Catastrophe:
    """An expression, and a text on which backtracking takes exponential time, or time of a high power of the length.

    Attributes:
        kind: How it goes wrong.
    """

    regex: str
    text: str
    kind: str


ATOMS = (
    ("a", "a", "b"),
    ("[a-z]", "q", "0"),
    (r"\w", "w", "!"),
    (r"\d", "7", "x"),
    (r"\s", " ", "x"),
    (".", "z", "\n"),
    ("中", "中", "文"),
    ("[一-龥]", "好", "a"),
    ("[а-я]", "ж", "1"),
    ("é", "é", "e"),
    ("[ぁ-ん]", "あ", "ア"),
    ("(?i:ß)", "ß", "s"),
)
"""An expression for one character, a character that it matches, and one that it does not."""

NESTED = (
    "(?:{a}+)+{e}", "(?:{a}*)*{e}", "(?:{a}+)*{e}", "(?:{a}+){{2,}}{e}", "(?:{a}|{a})+{e}", "(?:{a}|{a}{a})+{e}", "(?:{a}*{a})*{e}", "(?:{a}?{a})+{e}",
    "(?:(?:{a}+)+)+{e}", "^(?:{a}+)+{e}", "({a}+)+{e}", "(?:{a}+?)+?{e}", "(?:{a}{{1,30}}){{1,30}}{e}",
)  # fmt: skip

POLYNOMIAL = ("{a}*{a}*{a}*{a}*{a}*{e}", "{a}+.*{a}+.*{a}+.*{e}", "(?:{a}*{a}*{a}*)?{e}")

KNOWN = (
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 60),
    (
        r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$",
        "a" * 60,
    ),
    (r"^\s*(?:\w+\s*)+\s*:$", "word " * 30),
    (r"(?:\"(?:\\.|[^\"])*\"|'(?:\\.|[^'])*'|[^\"'])*;$", '"\\' * 40),
    (r"^(?:\d+,?)+\.$", "1234567890" * 6),
    (r"(x+x+)+y", "x" * 60),
    (r"^(?:[^<]|<[^>]*>)*$(?<=z)", "<" * 60),
    (r"(?:[A-Z][a-z]*\s?)+\.", "Aa" * 50),
    (r"^((?:https?://)?(?:\w+\.?)+/?)+$", "a" * 60 + "!"),
    (r"(?:\b\w+\b\s*)+$(?!x)\d", "the quick brown fox " * 10),
    (r"(.*)*\1z", "ab" * 30),
    (r"(?:[\w.-]+)*@$", "a.b-" * 30),
    (r"(?=(?:a+)+b)c", "a" * 60),
    (r"(?:a|b|ab)*c$", "ab" * 40),
    (r"(?:北京|北|京)+市$", "北京" * 40),
    (r"^(?:\w+\W?)+\?$", "who are you " * 10),
    (r"(?:(?:a+)?(?:b+)?)+c$", "ab" * 40),
    (r"(?:😀+)+😁", "😀" * 60),
    (r"(?<!x)(?:y+)+z", "y" * 60),
    (r"(?:(?:\(\w*\))|\w+)+\)$", "(a)" * 30 + "("),
)


def _cases() -> list[Catastrophe]:
    found = [Catastrophe(regex, text, "known from practice") for regex, text in KNOWN]
    for atom, good, bad in ATOMS:
        escaped = bad if bad not in "!\n" else {"!": "[!]", "\n": r"\Z(?<=x)"}[bad]
        for shape in NESTED:
            # What must follow is not there, so that every way to divide the run is tried.
            end = f"{escaped}{escaped}$"
            found.append(Catastrophe(shape.format(a=atom, e=end), good * 80 + bad, "repetition in repetition"))
        for shape in POLYNOMIAL[: 3 if atom in ("a", "中") else 2]:
            found.append(
                Catastrophe(
                    shape.format(a=atom, e=f"{escaped}{escaped}$"), good * 3000 + bad, "neighbours that overlap"
                )
            )
    return found


CASES: tuple[Catastrophe, ...] = tuple(_cases())
