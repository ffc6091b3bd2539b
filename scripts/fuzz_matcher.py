#!/usr/bin/env python
"""Look for a disagreement between the matcher and Python's re: random expressions on random texts, of all of Unicode.

Run: python scripts/fuzz_matcher.py [ROUNDS] [SEED]. Every round compiles a handful of expressions together and
compares every cell. It ends with exit code 1 at the first disagreement, and prints it.
"""

from __future__ import annotations

import random
import re
import sys
import warnings
from collections import Counter

from ruletune.rules.base import Pattern
from ruletune.rules.matching import Matcher, matcher

warnings.simplefilter("ignore")

LETTERS = "abkKsSiI019_ -.\n\r\t\x0b\x1c\x1f\x85\xa0éÉſKıİßẞςσΣ中文あ😀\u0301\u200b\u2028\ud800\U0010ffff"
CLASSES = [
    r"\w",
    r"\W",
    r"\d",
    r"\D",
    r"\s",
    r"\S",
    ".",
    "[a-k]",
    "[^a-k]",
    r"[\w-]",
    r"[^\s\d]",
    "[é-ſ]",
    "[中-鿿]",
    "[kſ]",
]
ANCHORS = ["^", "$", r"\b", r"\B", r"\A", r"\Z"]
FLAGS = [0, re.I, re.M, re.S, re.A, re.I | re.A, re.I | re.M | re.S]


def expression(rng: random.Random, depth: int = 0) -> str:
    kind = rng.random()
    if depth > 3 or kind < 0.4:
        return re.escape(rng.choice(LETTERS)) if rng.random() < 0.6 else rng.choice(CLASSES)
    inner = lambda: expression(rng, depth + 1)  # noqa: E731
    if kind < 0.6:
        return "".join(inner() for _ in range(rng.randint(1, 3)))
    if kind < 0.7:
        return f"(?:{'|'.join(inner() for _ in range(rng.randint(1, 3)))})"
    if kind < 0.82:
        return f"(?:{inner()}){rng.choice(['*', '+', '?', '*?', '+?', '{2}', '{1,3}', '{0,2}', '{2,}', '{70}'])}"
    if kind < 0.92:
        return rng.choice(ANCHORS)
    if kind < 0.95:
        return f"(?{rng.choice(['=', '!', '<=', '<!'])}{re.escape(rng.choice(LETTERS))})"
    if kind < 0.97:
        return f"({inner()})\\1"
    return f"(?{rng.choice(['i', 's', 'm', '-i', 'a', 'i-s'])}:{inner()})"


def compiles(source: str, flags: int) -> bool:
    try:
        re.compile(source, flags)
    except (re.error, RecursionError, OverflowError, ValueError):
        return False
    return True


def main(rounds: int, seed: int) -> int:
    matcher._FEW = 0  # the automaton, even for a few texts
    rng, engines, cells = random.Random(seed), Counter[str](), 0
    for number in range(rounds):
        patterns: list[Pattern] = []
        while len(patterns) < 8:
            source, flags = expression(rng), rng.choice(FLAGS)
            if compiles(source, flags):
                patterns.append(Pattern(source, int(flags)))
        texts = ["".join(rng.choices(LETTERS, k=rng.randint(0, 9))) for _ in range(40)]
        texts += ["".join(chr(rng.randrange(0x110000)) for _ in range(4)) for _ in range(4)]
        together = Matcher(patterns)
        found = together.match(texts)
        got = set(zip(found.rows.tolist(), found.conditions.tolist(), strict=True))
        expected = {
            (row, n) for n, p in enumerate(patterns) for row, t in enumerate(texts) if re.search(p.regex, t, p.flags)
        }
        unknown = {(overrun.row, overrun.condition) for overrun in found.overruns}
        if wrong := (got ^ expected) - unknown:
            row, n = min(wrong)
            print(
                f"seed {seed}, round {number}: {patterns[n]} on {texts[row]!a}: {together.plans[n]}, re says {(row, n) in expected}"
            )
            return 1
        engines.update(plan.engine for plan in together.plans)
        cells += len(patterns) * len(texts)
    print(f"{cells} cells, no disagreement; {dict(engines)}")
    return 0


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(arguments + [500, 0][len(arguments) :])))
