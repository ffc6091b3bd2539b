r"""Rewrite a regular expression for an automaton that reads bytes, one a character.

The automaton decides whether an expression occurs in a text; it need not say where. So greedy and
lazy are the same, groups are only brackets, and what an expression ends (or begins) with can be cut
to what is needed for there to be a match: ``colou?r.*`` occurs where ``colou?r`` does.

Texts stand one behind the other with a divider before, between and behind them, and every character of a text is one
byte that is not the divider (:mod:`ruletune.rules.matching.alphabet`). Sets of characters become sets of such bytes, so
that ``\w`` means what Unicode says, and no match can reach into the next text. ``^`` and ``$`` read the divider.

An expression is rewritten *exactly*, or to one that occurs wherever the original does and perhaps
elsewhere (look-around, back-references): then what is found must be confirmed. What can be neither is
:class:`UnsupportedError`.

The parse tree is that of :mod:`re`'s own parser, so that there is one reading of the syntax.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ruletune.rules.conditions import Pattern
from ruletune.rules.matching.charsets import ALL, Flips, complement, ignoring_case, named, of_ranges, union

__all__ = ["Rewritten", "Token", "UnsupportedError", "rewrite"]

_MOST_REPEATS = 60
"""A counted repetition beyond this makes the automaton large; it is widened to "or more" and confirmed."""

_LARGEST_RANGE = 3000
"""Characters of a class that are lowered one by one."""


_DIVIDER = r"\x0a"


class UnsupportedError(Exception):
    """An expression that no automaton here can stand for; the message says why."""


Token = str | Flips
"""A piece of the rewritten expression: syntax as it is, or a set of characters that becomes a class of bytes."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """An expression for the automaton.

    Attributes:
        tokens: The expression; sets of characters are spelled when the alphabet is known.
        inexact: Why what is found must be confirmed; ``None`` where it need not be.
        boundaries: Whether ``\\b`` and ``\\B`` in it go by ASCII words (True), Unicode words (False), or there are none.
    """

    tokens: tuple[Token, ...]
    inexact: str | None
    boundaries: bool | None


@dataclass(slots=True)
class _Writer:
    inexact: str | None = None
    boundaries: bool | None = None
    groups: dict[int, int] = field(default_factory=dict)

    # -- sequences ---------------------------------------------------------------------------------------------------

    def sequence(self, nodes: Sequence[Any], flags: int, *, head: bool, tail: bool) -> list[Token]:
        """A sequence; ``head`` and ``tail`` say that nothing of the whole expression stands before or behind it."""
        nodes = list(nodes)
        if head:
            nodes = _cut(nodes, front=True)
        if tail:
            nodes = _cut(nodes, front=False)
        tokens: list[Token] = []
        for position, node in enumerate(nodes):
            first, last = head and position == 0, tail and position == len(nodes) - 1
            tokens += self.node(node, flags, head=first, tail=last)
        return tokens

    def node(self, node: Any, flags: int, *, head: bool, tail: bool) -> list[Token]:
        op, value = str(node[0]), node[1]
        match op:
            case "LITERAL" | "NOT_LITERAL" | "IN" | "ANY":
                return [_characters(op, value, flags)]
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, body = value
                return self.repeat(op, least, most, body, flags)
            case "SUBPATTERN":
                _, added, removed, inner = value
                return ["(?:", *self.sequence(inner, _combined(flags, added, removed), head=head, tail=tail), ")"]
            case "ATOMIC_GROUP":
                self.confirm("an atomic group")
                return ["(?:", *self.sequence(value, flags, head=False, tail=False), ")"]
            case "BRANCH":
                return self.branch([list(way) for way in value[1]], flags, head=head, tail=tail)
            case "AT":
                return self.at(str(value), flags, head=head, tail=tail)
            case "ASSERT" | "ASSERT_NOT":
                return self.around(op, value, flags, head=head, tail=tail)
            case "GROUPREF":
                self.confirm("a back-reference")
                return [ALL, "*"]
            case "GROUPREF_EXISTS":
                self.confirm("a condition on a group")
                return self.branch([list(value[1]), list(value[2] or [])], flags, head=False, tail=False)
            case _:
                raise UnsupportedError(f"the construct {op.lower()}")

    def branch(self, ways: list[list[Any]], flags: int, *, head: bool, tail: bool) -> list[Token]:
        tokens: list[Token] = ["(?:"]
        for position, way in enumerate(ways):
            tokens += ["|"] if position else []
            tokens += self.sequence(way, flags, head=head, tail=tail)
        return [*tokens, ")"]

    def repeat(self, op: str, least: int, most: Any, body: Any, flags: int) -> list[Token]:
        if op == "POSSESSIVE_REPEAT":
            self.confirm("a possessive repetition")
        highest = None if str(most) == "MAXREPEAT" else int(most)
        if least and body.getwidth()[0] == 0:
            self.confirm("a repetition of what may be empty")
            least = 0
        if least > _MOST_REPEATS or (highest is not None and highest > _MOST_REPEATS):
            self.confirm(f"a repetition of more than {_MOST_REPEATS}")
            least, highest = min(least, _MOST_REPEATS), None
        inner = self.sequence(body, flags, head=False, tail=False)
        many = "*" if (least, highest) == (0, None) else "+" if (least, highest) == (1, None) else None
        counted = f"{{{least},{'' if highest is None else highest}}}"
        return ["(?:", *inner, ")", many or counted]

    # -- where -------------------------------------------------------------------------------------------------------

    def at(self, where: str, flags: int, *, head: bool, tail: bool) -> list[Token]:
        line_break: Flips = (10, 11)
        of_lines = bool(flags & re.MULTILINE)
        match where:
            case "AT_BEGINNING" | "AT_BEGINNING_STRING":
                if not head:
                    raise UnsupportedError("^ inside an expression")
                if of_lines and where == "AT_BEGINNING":
                    return ["(?:", _DIVIDER, "|", line_break, ")"]
                return [_DIVIDER]
            case "AT_END" | "AT_END_STRING":
                if not tail:
                    raise UnsupportedError("$ inside an expression")
                if where == "AT_END_STRING":
                    return [_DIVIDER]
                return ["(?:", _DIVIDER, "|", line_break, ")"] if of_lines else ["(?:", line_break, "?", _DIVIDER, ")"]
            case "AT_BOUNDARY" | "AT_NON_BOUNDARY":
                by_ascii = bool(flags & re.ASCII)
                if self.boundaries not in (None, by_ascii):
                    raise UnsupportedError("word boundaries of two kinds")
                self.boundaries = by_ascii
                return [r"\b" if where == "AT_BOUNDARY" else r"\B"]
            case _:
                raise UnsupportedError(f"the position {where.lower()}")

    def around(self, op: str, value: Any, flags: int, *, head: bool, tail: bool) -> list[Token]:
        """Look-around. What a positive one looks at may be read over where nothing else is read there."""
        direction, inner = value
        if op == "ASSERT" and ((direction > 0 and tail) or (direction < 0 and head)):
            return ["(?:", *self.sequence(inner, flags, head=head and direction < 0, tail=tail and direction > 0), ")"]
        self.confirm("a look-ahead" if direction > 0 else "a look-behind")
        return []

    def confirm(self, why: str) -> None:
        self.inexact = self.inexact or why


def _combined(flags: int, added: int, removed: int) -> int:
    kinds = int(re.ASCII | re.UNICODE | re.LOCALE)
    if added & kinds & ~flags:
        # CPython 3.11 reads the first character of such a group by the flags around it: (?a:\W) does not find "é".
        raise UnsupportedError("a group with an alphabet of its own, (?a:...) or (?u:...)")
    return (flags | added) & ~removed


def _cut(nodes: list[Any], *, front: bool) -> list[Any]:
    """Take from one end of a sequence what there need not be: optional parts go, repetitions happen least often."""
    while nodes:
        op, value = str(nodes[0 if front else -1][0]), nodes[0 if front else -1][1]
        if op not in ("MAX_REPEAT", "MIN_REPEAT"):
            break
        least, _, body = value
        if least == 1:
            nodes = [*body, *nodes[1:]] if front else [*nodes[:-1], *body]
            continue
        if least == 0:
            nodes = nodes[1:] if front else nodes[:-1]
            continue
        kept = (nodes[0 if front else -1][0], (least, least, body))
        return [kept, *nodes[1:]] if front else [*nodes[:-1], kept]
    return nodes


def _characters(op: str, value: Any, flags: int) -> Flips:
    """The characters that a node matching one of them matches.

    >>> _characters("LITERAL", 107, re.I | re.U) == of_ranges([(75, 75), (107, 107), (0x212A, 0x212A)])
    True
    """
    if op == "ANY":
        return ALL if flags & re.DOTALL else complement((10, 11))
    items = [("LITERAL", value)] if op != "IN" else [(str(name), argument) for name, argument in value]
    negate = op == "NOT_LITERAL" or any(name == "NEGATE" for name, _ in items)
    members = tuple((name, str(v) if name == "CATEGORY" else v) for name, v in items if name != "NEGATE")
    return _members(members, negate, bool(flags & re.IGNORECASE), bool(flags & re.ASCII))


@lru_cache(maxsize=4096)
def _members(items: tuple[tuple[str, Any], ...], negate: bool, ignore_case: bool, by_ascii: bool) -> Flips:
    ranges: list[tuple[int, int]] = []
    categories: list[Flips] = []
    for name, argument in items:
        match name:
            case "LITERAL":
                ranges.append((argument, argument))
            case "RANGE":
                ranges.append((argument[0], argument[1]))
            case "CATEGORY":
                categories.append(_category(argument, by_ascii))
            case _:
                raise UnsupportedError(f"a class with {name.lower()}")
    if ignore_case:
        if sum(last - first for first, last in ranges) > _LARGEST_RANGE:
            raise UnsupportedError("a large class without regard to case")
        return ignoring_case(ranges, categories, negate=negate, ascii_only=by_ascii)
    plain = union([of_ranges(ranges), *categories])
    return complement(plain) if negate else plain


def _category(name: str, by_ascii: bool) -> Flips:
    letter = {"WORD": r"\w", "DIGIT": r"\d", "SPACE": r"\s"}[name.rpartition("_")[2]]
    flips = named(letter, ascii_only=by_ascii)
    return complement(flips) if "_NOT_" in name else flips


def _parser() -> Callable[[str, int], Any]:
    from re import _parser as parser  # type: ignore[attr-defined]

    return parser.parse  # type: ignore[no-any-return]


def rewrite(pattern: Pattern) -> Rewritten:
    r"""Rewrite an expression.

    Raises:
        UnsupportedError: It cannot be; the message says why.

    >>> rewrite(Pattern(r"a+(?:b|c)*$")).tokens[0]
    (97, 98)
    >>> rewrite(Pattern(r"(.)\1x")).inexact
    'a back-reference'
    """
    tree = _parser()(pattern.regex, pattern.flags)
    flags = int(tree.state.flags)
    if flags & re.LOCALE:
        raise UnsupportedError("the locale's letters")
    writer = _Writer()
    try:
        tokens = writer.sequence(list(tree), flags, head=True, tail=True)
    except RecursionError:
        raise UnsupportedError("it is nested deeply") from None
    if tree.getwidth()[0] == 0:
        raise UnsupportedError("it matches the empty string")
    if not any(isinstance(token, tuple) for token in tokens):
        raise UnsupportedError(f"nothing is left of it without {writer.inexact or 'its positions'}")
    return Rewritten(tuple(tokens), writer.inexact, writer.boundaries)
