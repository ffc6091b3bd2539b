"""Marks of two entities in a text, and marks that a text must not have itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ruletune.types import Example, Span

__all__ = ["MARKERS", "Piece", "apart", "marked_pieces"]

MARKERS = (("[SUBJ]", "[/SUBJ]"), ("[OBJ]", "[/OBJ]"))
"""What stands before and after the subject, and the object, where a model reads them; each a token of its own."""

Piece = tuple[str, int | None]
"""A part of an input, and where in the example's text it begins; ``None`` where it is not of the text."""

_MARKS = tuple(mark for marks in MARKERS for mark in marks)


def marked_pieces(example: Example, kinds: Sequence[str]) -> tuple[list[Piece], tuple[Span, ...]]:
    """The text with its two entities between markers, each behind what kind of thing it is, and where they are in it.

    Args:
        kinds: Of each entity, in words; empty where that is not known.

    >>> pieces, entities = marked_pieces(Example("1", "Ann runs Acme.", entities=(Span(0, 3), Span(9, 13))), ["a person", ""])
    >>> [words for words, begin in pieces if begin is None]
    ['[SUBJ] a person: ', ' [/SUBJ]', '[OBJ] ', ' [/OBJ]']
    """
    edges = []
    for entity, (span, kind, (opening, closing)) in enumerate(zip(example.entities, kinds, MARKERS, strict=True)):
        # Where marks meet, what ends comes before what begins, and of two entities in each other the longer one is outside.
        edges.append((span.start, 1, -span.end, entity, f"{opening} {kind}: " if kind else f"{opening} "))
        edges.append((span.end, 0, -span.start, entity, f" {closing}"))
    pieces: list[Piece] = []
    length, last = 0, 0
    places = [[0, 0] for _ in example.entities]
    for place, opens, _, entity, mark in sorted(edges):
        between = apart(example.text[last:place], last, _MARKS)
        pieces += [*between, (mark, None)]
        length, last = length + sum(len(words) for words, _ in between) + len(mark), place
        places[entity][1 - opens] = length if opens else length - len(mark)
    pieces += apart(example.text[last:], last, _MARKS)
    spans = (Span(start, end, span.label) for (start, end), span in zip(places, example.entities, strict=True))
    return [piece for piece in pieces if piece[0]], tuple(spans)


def apart(text: str, begin: int | None, marks: Sequence[str]) -> list[Piece]:
    """A text as pieces, in which every mark that it has itself is broken up by a space behind its first character.

    >>> apart("a [SUBJ]", 5, ["[SUBJ]"])
    [('a [', 5), (' ', None), ('SUBJ]', 8)]
    """
    if not marks:
        return [(text, begin)]
    breaks = "|".join(f"(?<={re.escape(mark[0])})(?={re.escape(mark[1:])})" for mark in marks)
    pieces: list[Piece] = []
    for words in re.split(breaks, text):
        pieces += [(" ", None)] if pieces else []
        pieces.append((words, begin))
        begin = None if begin is None else begin + len(words)
    return pieces
