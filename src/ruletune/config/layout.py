"""Where the entries of a list stand in a YAML file, by the tokens that the scanner finds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.tokens import (
    AliasToken,
    AnchorToken,
    BlockEntryToken,
    FlowEntryToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    ScalarToken,
    Token,
)

from ruletune.config.yaml_text import line_end, line_start

__all__ = ["Item", "blocks", "bracketed", "with_comma"]

_OPEN = FlowMappingStartToken | FlowSequenceStartToken
_CLOSE = FlowMappingEndToken | FlowSequenceEndToken


@dataclass(frozen=True, slots=True)
class Item:
    """An entry's place in the source.

    Attributes:
        start, end: All that is its own; in a block whole lines.
        dash: Of a block, where its dash stands; else as ``start``.
        body: Where its mapping begins; the line below its dash where that stands alone.
        column: By how much its lines are indented; 0 in a list in brackets.
        node: Its mapping; ``None`` for an alias of one that stands elsewhere.
        anchored: An anchor or an alias stands in it.
    """

    start: int
    end: int
    dash: int
    body: int
    column: int
    node: MappingNode | None
    anchored: bool


def blocks(source: str, tokens: Sequence[Token], sequence: SequenceNode, above: int) -> list[Item]:
    """The entries of a list with a dash before each.

    Args:
        above: Where the line ends that the list stands below.
    """
    column, first, last = sequence.start_mark.column, sequence.start_mark.index, sequence.end_mark.index
    inside = [token for token in tokens if first <= token.start_mark.index < last]
    dashes = [n for n, t in enumerate(inside) if isinstance(t, BlockEntryToken) and t.start_mark.column == column]
    items: list[Item] = []
    for number, (start, stop) in enumerate(pairwise([*dashes, len(inside)])):
        items.append(_block(source, inside[start:stop], sequence.value[number], above))
        above = items[-1].end
    return items


def _block(source: str, tokens: Sequence[Token], node: Node, above: int) -> Item:
    """An entry whose dash is the first of its tokens."""
    dash, inner = tokens[0].start_mark, [t for t in tokens[1:] if t.end_mark.index > t.start_mark.index]
    end = line_end(source, max((_text_end(source, token) for token in inner), default=int(dash.index)))
    while (indent := _comment(source, end)) is not None and indent > dash.column:
        end = line_end(source, end)
    start = line_start(source, dash.index)
    while start > above:
        before = line_start(source, start - 1)
        indent = _comment(source, before)
        if indent is None or indent > dash.column:
            break
        start = before
    anchored = any(isinstance(token, AnchorToken | AliasToken) for token in tokens)
    if not isinstance(node, MappingNode) or not dash.index < node.start_mark.index < end:
        return Item(start, end, dash.index, dash.index, 0, None, anchored)
    body = int(node.start_mark.index)
    body = line_end(source, dash.index) if "\n" in source[dash.index : body] else body
    return Item(start, end, dash.index, body, node.start_mark.column, node, anchored)


def _text_end(source: str, token: Token) -> int:
    """The end of what a token says; blank lines behind a block of text are not its own, unless it keeps them."""
    start, end = int(token.start_mark.index), int(token.end_mark.index)
    if isinstance(token, ScalarToken) and token.style in ("|", ">"):
        text = source[start:end]
        kept = "+" in text.partition("\n")[0].partition("#")[0]
        return end - 1 if kept else start + len(text.rstrip(" \r\n"))
    return end


def _comment(source: str, start: int) -> int | None:
    """How far the comment is indented that the line beginning here consists of; ``None`` where it is none."""
    found = re.compile(r" *(?=#)").match(source, start)
    return None if found is None else found.end() - start


def bracketed(tokens: Sequence[Token], sequence: SequenceNode) -> list[Item]:
    """The entries of a list in brackets."""
    parts: list[list[Token]] = [[]]
    for token, depth in _levels(tokens, sequence):
        if depth == 1 and isinstance(token, FlowEntryToken):
            parts.append([])
        elif token.end_mark.index > token.start_mark.index:
            parts[-1].append(token)
    items = []
    for part, node in zip([part for part in parts if part], sequence.value, strict=True):
        start, end = int(part[0].start_mark.index), int(part[-1].end_mark.index)
        own = node if isinstance(node, MappingNode) and start <= node.start_mark.index < end else None
        anchored = any(isinstance(token, AnchorToken | AliasToken) for token in part)
        items.append(Item(start, end, start, start, 0, own, anchored))
    return items


def with_comma(source: str, tokens: Sequence[Token], sequence: SequenceNode, item: Item) -> tuple[int, int]:
    """An entry in brackets, with the comma that goes with it."""
    levels = _levels(tokens, sequence)
    commas = [int(t.start_mark.index) for t, depth in levels if depth == 1 and isinstance(t, FlowEntryToken)]
    after = next((comma for comma in commas if comma >= item.end), None)
    if after is not None:
        blank = re.compile(r"[ \t]*").match(source, after + 1)
        return item.start, blank.end() if blank else after + 1
    before = [comma for comma in commas if comma < item.start]
    return (before[-1] if before else item.start), item.end


def _levels(tokens: Sequence[Token], sequence: SequenceNode) -> Iterator[tuple[Token, int]]:
    """The tokens between the brackets of a list, and how deep each is in brackets."""
    depth = 0
    for token in tokens:
        if token.start_mark.index < sequence.start_mark.index or token.end_mark.index >= sequence.end_mark.index:
            continue
        if isinstance(token, _CLOSE):
            depth -= 1
        if depth:
            yield token, depth
        if isinstance(token, _OPEN):
            depth += 1
