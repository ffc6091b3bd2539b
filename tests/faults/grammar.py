"""Changes to values, texts and bytes that keep most of their shape, so that they get past the first check."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

ODD_TEXTS = (
    "", " ", "\n", "\t", "\0", "\ud800", "\udfff x", "é", "ß", "İ", "ſ", "中文", "。", "😀", "👩‍👩‍👧", "\u202e", "\ufeff", "\u2028", "a" * 5000,
    "中" * 2000, "null", "true", "0", "-1", "1e999", "0x10", "08", "2024-01-01", "~", "yes", "|", "a|b", "O", "B-PER", "I-", "-", "--",
    "{text}", "{text", "}", "{{", "{mask}", "{text} {mask}", "{sep}{text}", "{unknown}", "{text}{text}", "{0}", "{text!r}", "{text.x}",
    "(", "[", "a{", "(?P<entity>a)", "(?P<answer>.)", "(?P<x>a)(?P<x>b)", "(a+)+$", r"\b", r"\1", "(?i)a", "a(?i)", "(?z)", "\\", ".*", "^$", "a{99999999}",
    "((((((((((a))))))))))", "(" * 200 + "a" + ")" * 200, "[" * 300, r"\N{BULLET}", "(?<=a+)b", "a++", "(?>a)", "../../etc/passwd", "/dev/null", "/", ".", "terms.txt",
    "table.tsv", "patterns.jsonl", "hf:x/y#z", "train.{a,b}", "{a,b}{c,d}", "x" * 300, "a,b;c\td", '"', "'", '"a', "''", "#", ": ", "- a", "&a", "*a", "!!python/object:os.system",
    "<e1>a</e1><e2>b</e2>", "<e1>", "[1, 2]", "{\"a\": 1}", "inform(name='x'", "inform(name=a;b)", "[" * 2000, "{\"a\":" * 500, "9" * 5000,
)  # fmt: skip

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 7, 10**6, 2**31, 2**63, 10**400, 0.0, 0.5, 1.0, -0.5, 1e308, float("inf"), float("-inf"), float("nan"), [], {}, [[]], [None], [{}],
    {"a": None}, [[[[[]]]]], [1, 2, 3], [0, 1, "PER"], {"start": 0, "end": 1, "label": "PER"}, {"text": "a"}, ["a", "b"], [""], {"": ""}, [True], ["a"] * 300,
)  # fmt: skip

OTHER_TEXTS = (
    "text",
    "label",
    "name",
    "spam",
    "ham",
    "PER",
    "LOC",
    "answer",
    "word",
    "a",
    "The quick brown fox",
    "free prize",
    "北京大学",
)


def odd(rng: random.Random) -> Any:
    """A value that is likely wrong wherever it stands."""
    if rng.random() < 0.5:
        return odd_text(rng)
    value = copy.deepcopy(rng.choice(ODD_VALUES))
    return deep(rng.randrange(2, 60)) if rng.random() < 0.02 else value


def odd_text(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.6:
        return rng.choice(ODD_TEXTS)
    if kind < 0.8:
        return rng.choice(OTHER_TEXTS)
    return "".join(rng.choice(rng.choice(ODD_TEXTS) or " ") for _ in range(rng.randrange(1, 12)))


def deep(depth: int) -> Any:
    value: Any = "a"
    for _ in range(depth):
        value = [value] if depth % 2 else {"a": value}
    return value


def _places(value: Any, found: list[tuple[Any, Any]]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            found.append((value, key))
            _places(inner, found)
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            found.append((value, n))
            _places(inner, found)


def changed(
    value: Any, rng: random.Random, *, keys: Sequence[str] = (), donors: Sequence[Any] = (), times: int | None = None
) -> Any:
    """A copy of a value of dictionaries and lists with a few changes.

    Args:
        keys: Names that a key may get.
        donors: Values whose parts may be put anywhere.
    """
    value = copy.deepcopy(value)
    for _ in range(times or rng.choice((1, 1, 1, 2, 3, 6))):
        places: list[tuple[Any, Any]] = []
        _places(value, places)
        if not places:
            return odd(rng)
        holder, key = rng.choice(places)
        _change(holder, key, rng, keys, donors)
    return value


def _change(holder: Any, key: Any, rng: random.Random, keys: Sequence[str], donors: Sequence[Any]) -> None:
    kind = rng.random()
    if kind < 0.35:
        holder[key] = odd(rng)
    elif kind < 0.45:
        del holder[key]
    elif kind < 0.55 and isinstance(holder, dict):
        holder[rng.choice(keys) if keys else odd_text(rng)] = holder.pop(key)
    elif kind < 0.65 and isinstance(holder, dict):
        holder[rng.choice(keys) if keys and rng.random() < 0.8 else odd_text(rng)] = odd(rng)
    elif kind < 0.72 and isinstance(holder, list):
        holder.insert(
            rng.randrange(len(holder) + 1), copy.deepcopy(rng.choice(holder)) if rng.random() < 0.6 else odd(rng)
        )
    elif kind < 0.85 and isinstance(holder[key], str):
        holder[key] = changed_text(holder[key], rng)
    elif kind < 0.95 and donors:
        places: list[tuple[Any, Any]] = []
        _places(rng.choice(donors), places)
        if places:
            other, at = rng.choice(places)
            holder[key] = copy.deepcopy(other[at])
    else:
        holder[key] = rng.choice(([holder[key]], {"a": holder[key]}, str(holder[key])[:2000]))


def changed_text(text: str, rng: random.Random) -> str:
    """A text with a part cut out, doubled, moved, or something odd put into it."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 1, 1, 3, 20)))
        part = text[start:end]
        kind = rng.random()
        if kind < 0.4:
            text = text[:start] + odd_text(rng)[:200] + text[end:]
        elif kind < 0.6:
            text = text[:start] + text[end:]
        elif kind < 0.75:
            text = text[:end] + part * rng.choice((1, 2, 50)) + text[end:]
        elif kind < 0.9:
            text = text[:start] + rng.choice(" \t\n\r:-[]{}#&*!|>'\"%@`,?\\(){}0\x85\u2028\ud800") + text[start:]
        else:
            at = rng.randrange(len(text) + 1)
            text = text[:at] + part + text[at:]
    return text


def changed_bytes(data: bytes, rng: random.Random) -> bytes:
    """The same of bytes, with bits that turn."""
    held = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 10))):
        at = rng.randrange(len(held) + 1)
        kind = rng.random()
        if kind < 0.35 and at < len(held):
            held[at] ^= 1 << rng.randrange(8)
        elif kind < 0.5:
            held[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 2, 8))))
        elif kind < 0.65:
            del held[at : at + rng.choice((1, 4, 64))]
        elif kind < 0.75:
            held[at:at] = rng.choice(
                (
                    b"\r",
                    b"\r\n",
                    b"\n\n",
                    b"\0",
                    b"\xef\xbb\xbf",
                    b"\xff\xfe",
                    b'"',
                    b"\x1f\x8b",
                    b"PK\x03\x04",
                    b"\xe9",
                    b"\xed\xa0\x80",
                )
            )
        elif kind < 0.85:
            held = held[:at]
        else:
            part = held[at : at + rng.choice((1, 10, 100))]
            held[at:at] = part * rng.choice((1, 3))
    return bytes(held)


def as_json(value: Any) -> str:
    """A value as JSON, odd numbers included; half surrogate pairs are escaped."""
    try:
        return json.dumps(value)
    except (ValueError, TypeError):
        return repr(value)


Maker = Callable[[random.Random], Any]
