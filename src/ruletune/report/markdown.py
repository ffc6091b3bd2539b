"""Strangers' words inside Markdown: shown as they are, and never read as markup."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

__all__ = ["code", "cut", "fenced", "plain", "quoted", "table"]

_MARKUP = re.compile(r"[\\`*_{}\[\]<>|~$&@]|:(?=//)|^[#+\-=]")
"""What begins something in one dialect of Markdown or another, be it only at the beginning of a line; a backslash takes that from
it in all of them."""

_NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")

_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""Control characters, those that turn the direction of writing, and halves of characters."""

_HIDDEN = re.compile(f"[`<]|{_INVISIBLE.pattern}")


def plain(text: str) -> str:
    r"""A text as a part of a line.

    >>> print(plain("<b>spam</b> | [x](y)\n# no heading"))
    \<b\>spam\</b\> \| \[x\](y) # no heading
    >>> print(plain("1. no list"), plain("- none here"))
    1\. no list \- none here
    """
    line = " ".join(_INVISIBLE.sub(" ", text).split())
    return _NUMBERED.sub(r"\1\\\2", _MARKUP.sub(r"\\\g<0>", line))


def cut(text: str, most: int) -> str:
    """The beginning of a text that is too long to be shown, on one line.

    >>> cut("a long story", 6)
    'a long…'
    """
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}…"


def code(text: str, most: int = 200) -> str:
    """A text as inline code; backquotes, which would end it, become apostrophes.

    >>> code("{text} `it`")
    "`{text} 'it'`"
    """
    return f"`{cut(_INVISIBLE.sub(' ', text.replace('`', chr(39))), most)}`"


def quoted(text: str) -> str:
    r"""A text as a string of Python that cannot end the code around it.

    >>> print(quoted('say "```"'))
    "say \"\u0060\u0060\u0060\""
    """
    written = json.dumps(text, ensure_ascii=False)
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def fenced(code: str, language: str) -> str:
    """Lines of code."""
    return f"```{language}\n{code.strip()}\n```"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A table of cells that are Markdown; its first ``left`` columns are text, the others numbers.

    >>> print(table(["label", "F1"], [["spam", "91.0%"]]))
    | label | F1 |
    |:---|---:|
    | spam | 91.0% |
    """
    rule = "".join("|:---" if column < left else "|---:" for column in range(len(header))) + "|"
    return "\n".join([f"| {' | '.join(header)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)])
