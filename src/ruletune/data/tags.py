"""Tags of words, in whatever scheme, as ranges of characters, and back. Nothing behind this boundary knows tags.

A tag is ``O``, or a prefix and a type with a hyphen between: B begins an entity, I goes on, E and L end it, S and U are
entities of one word. How a sequence is grouped is what conlleval does in every scheme: an entity begins at B, S or U, after
an end, or where the type changes; so malformed sequences have a meaning, too. In IOB1, where B only parts neighbours,
the same holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ruletune.types import Span, Spans

__all__ = ["Scheme", "joined", "spans_of_tags", "tags_of_spans"]

Scheme = Literal["IOB1", "IOB2", "BIOES", "BILOU"]

_PREFIXES = {"B": "B", "I": "I", "E": "E", "L": "E", "S": "S", "U": "S", "M": "I"}


def joined(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Tokens as a text with a space between them, and where each of them is.

    >>> joined(["To", "Paris"])
    ('To Paris', [(0, 2), (3, 8)])
    """
    ranges, position = [], 0
    for token in tokens:
        ranges.append((position, position + len(token)))
        position += len(token) + 1
    return " ".join(tokens), ranges


def spans_of_tags(tags: Sequence[str], ranges: Sequence[tuple[int, int]]) -> Spans:
    """The entities that tags stand for.

    Args:
        ranges: Half-open characters of each word.

    Raises:
        ValueError: A tag is none; the message is for people.

    >>> spans_of_tags(["B-PER", "I-PER", "O", "S-LOC"], [(0, 3), (4, 7), (8, 10), (11, 16)]).spans
    (Span(start=0, end=7, label='PER'), Span(start=11, end=16, label='LOC'))
    """
    if len(tags) != len(ranges):
        raise ValueError(f"{len(tags)} tags for {len(ranges)} words")
    found: list[Span] = []
    open_type: str | None = None
    for tag, (start, end) in zip(tags, ranges, strict=True):
        prefix, label = _parsed(tag)
        if prefix == "O":
            open_type = None
            continue
        if open_type == label and prefix in "IE":
            found[-1] = Span(found[-1].start, end, label)
        else:
            found.append(Span(start, end, label))
        open_type = None if prefix in "ES" else label
    return Spans(tuple(found))


def _parsed(tag: str) -> tuple[str, str]:
    """Prefix and type of a tag, BIOES for every scheme; a tag without a prefix is a type that goes on."""
    if not isinstance(tag, str) or not tag:
        raise ValueError(f"{tag!r} is no tag")
    if tag in ("O", "o"):
        return "O", ""
    prefix, hyphen, label = tag.partition("-")
    if not hyphen and (prefix not in _PREFIXES):
        return "I", tag
    if prefix.upper() not in _PREFIXES:
        raise ValueError(f"{tag[:40]!r} is no tag; write O, B-TYPE or I-TYPE")
    return _PREFIXES[prefix.upper()], label


def tags_of_spans(spans: Spans, ranges: Sequence[tuple[int, int]], *, scheme: Scheme = "IOB2") -> list[str]:
    """Tags of words; a span that cuts a word takes the whole word, and of overlapping ones the first counts.

    >>> tags_of_spans(Spans((Span(0, 7, "PER"),)), [(0, 3), (4, 7), (8, 10)], scheme="BIOES")
    ['B-PER', 'E-PER', 'O']
    """
    tags = ["O"] * len(ranges)
    before: tuple[int, str] | None = None
    for span in sorted(spans.spans, key=lambda span: (span.start, span.end)):
        words = [n for n, (start, end) in enumerate(ranges) if start < span.end and span.start < end and tags[n] == "O"]
        for position, word in enumerate(words):
            last, first = position == len(words) - 1, position == 0
            touches = before is not None and before == (words[0] - 1, span.label)
            tags[word] = f"{_prefix(scheme, first=first, last=last, touches=touches)}-{span.label}"
        if words:
            before = (words[-1], span.label)
    return tags


def _prefix(scheme: Scheme, *, first: bool, last: bool, touches: bool) -> str:
    match scheme:
        case "IOB1":
            return "B" if first and touches else "I"
        case "IOB2":
            return "B" if first else "I"
        case "BIOES":
            return "S" if first and last else "B" if first else "E" if last else "I"
        case "BILOU":
            return "U" if first and last else "B" if first else "L" if last else "I"
