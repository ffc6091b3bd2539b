"""A user's regular expression, kept within one token.

The expression is searched for in the token alone, as if that were the whole text. It is rewritten from
Python's own parse tree: every character but the token's first is read only where the token goes on.
"""

from __future__ import annotations

import re
import warnings
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from ruletune.rules.tokens import ANY, CONT, END

__all__ = ["searched"]

_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
}  # fmt: skip
_MANY = 100
"""Repetitions from which one inside another is taken for endless backtracking."""

_AT = {
    # Where: at the token's first character with nothing read, None where it cannot hold; and further on.
    "AT_BEGINNING": ("", "(?!)"),
    "AT_BEGINNING_STRING": ("", "(?!)"),
    "AT_END": (None, END),
    "AT_END_STRING": (None, END),
    "AT_BOUNDARY": (r"(?=\w)", rf"(?:{END}(?<=\w)|(?={CONT})\b)"),
    "AT_NON_BOUNDARY": (r"(?!\w)", rf"(?:{END}(?<!\w)|(?={CONT})\B)"),
}


def searched(expression: str) -> str:
    """An assertion at a token's first character: the expression matches somewhere in the token.

    Raises:
        ValueError: The expression does not compile, or has what cannot be kept within a token.

    >>> pattern = searched("^un.*ed$")
    >>> bool(re.match(pattern, "untested yet")), bool(re.match(pattern, "un tested"))
    (True, False)
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(expression)
            parsed = _parser.parse(expression)
            first, empty, rest = _sequence(list(parsed), depth=0)
    except (re.error, Warning, RecursionError, OverflowError) as error:
        raise ValueError(f"bad regular expression {expression[:80]!r}: {error}") from None
    if empty is not None:
        raise ValueError(f"the regular expression {expression[:80]!r} matches every token")
    flags = _flags(parsed.state.flags)
    ways = [way for way in (first, f"{ANY}(?:{CONT}{ANY})*?{rest}") if way is not None]
    return f"(?=(?{flags}:{'|'.join(ways)}))"


_Written = tuple[str | None, str | None, str]
"""Three ways to write a part: begun at the token's first character and reading some (``None``: impossible); reading
nothing there (``None``: impossible); and further on in the token."""


def _sequence(items: list[Any], *, depth: int) -> _Written:
    parts = [_item(str(operator), argument, depth=depth) for operator, argument in items]
    ways: list[str] = []
    empty: str | None = ""
    for position, (first, none, _) in enumerate(parts):
        if first is not None and empty is not None:
            ways.append(empty + first + "".join(rest for _, _, rest in parts[position + 1 :]))
        empty = None if none is None or empty is None else empty + none
    return _any_of(ways), empty, "".join(rest for _, _, rest in parts)


def _any_of(ways: list[str]) -> str | None:
    return f"(?:{'|'.join(ways)})" if ways else None


def _item(operator: str, argument: Any, *, depth: int) -> _Written:
    match operator:
        case "LITERAL":
            return _character(re.escape(chr(argument)))
        case "NOT_LITERAL":
            return _character(f"[^{_escaped(argument)}]")
        case "ANY":
            return _character(ANY)
        case "IN":
            return _character(_class(argument))
        case "BRANCH":
            return _branch([_sequence(list(way), depth=depth) for way in argument[1]])
        case "SUBPATTERN":
            _, added, removed, inside = argument
            return _flagged(_sequence(list(inside), depth=depth), added, removed)
        case "MAX_REPEAT" | "MIN_REPEAT":
            return _repeat(operator, *argument, depth=depth)
        case "AT":
            nothing, further = _AT[str(argument)]
            return None, nothing, further
        case _:
            raise ValueError(f"a token's regular expression cannot have {operator.lower().replace('_', ' ')}")


def _character(written: str) -> _Written:
    return written, None, CONT + written


def _escaped(code: int) -> str:
    return re.escape(chr(code)) if chr(code) not in "&~|" else f"\\{chr(code)}"


def _class(members: list[Any]) -> str:
    written = ""
    for operator, argument in members:
        match str(operator):
            case "NEGATE":
                written += "^"
            case "LITERAL":
                written += _escaped(argument)
            case "RANGE":
                written += f"{_escaped(argument[0])}-{_escaped(argument[1])}"
            case _:
                written += _CATEGORIES[str(argument)]
    return f"[{written}]"


def _branch(ways: list[_Written]) -> _Written:
    first = _any_of([way for way, _, _ in ways if way is not None])
    empty = _any_of([way for _, way, _ in ways if way is not None])
    return first, empty, f"(?:{'|'.join(way for _, _, way in ways)})"


def _flagged(inside: _Written, added: int, removed: int) -> _Written:
    flags = _flags(added) + (f"-{_flags(removed)}" if _flags(removed) else "")
    first, empty, rest = inside
    return (
        None if first is None else f"(?{flags}:{first})",
        None if empty is None else f"(?{flags}:{empty})",
        f"(?{flags}:{rest})",
    )


def _flags(flags: int) -> str:
    return ("a" if flags & re.ASCII else "") + ("i" if flags & re.IGNORECASE else "")


def _repeat(operator: str, low: Any, high: Any, inside: Any, *, depth: int) -> _Written:
    low, high = int(low), int(high)
    many = high > _MANY
    if many and depth:
        raise ValueError("a repetition inside a repetition can take for ever; write it without one of them")
    first, empty, rest = _sequence(list(inside), depth=depth + many)
    lazy = "?" if operator == "MIN_REPEAT" else ""

    def times(fewest: int, most: int) -> str:
        return f"{{{fewest},{'' if many else most}}}{lazy}"

    begun = None
    if first is not None and high:
        begun = f"{first}(?:{rest}){times(max(low - 1, 0), high - 1)}"
    return begun, "" if low == 0 else empty, f"(?:{rest}){times(low, high)}"
