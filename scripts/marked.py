"""Pages that people write and programs fill in: what stands between two markers is replaced, and nothing else.

A block begins with ``<!-- KIND: NAME -->`` and ends with ``<!-- /KIND -->``, each on a line of its own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path


def _blocks(kind: str) -> re.Pattern[str]:
    return re.compile(rf"^(<!-- {kind}: (.+?) -->\n)(.*?)^(<!-- /{kind} -->)$", re.MULTILINE | re.DOTALL)


def contents(text: str, kind: str) -> list[tuple[str, str]]:
    """The blocks of a page in their order: name, and what stands in it.

    >>> contents("<!-- figures: a -->\\nold\\n<!-- /figures -->", "figures")
    [('a', 'old\\n')]
    """
    return [(found[2], found[3]) for found in _blocks(kind).finditer(text)]


def filled(text: str, kind: str, made: Callable[[str], str | None]) -> str:
    """The page with its blocks replaced by what ``made`` gives for their names; ``None`` leaves a block as it is.

    >>> filled("<!-- figures: a -->\\nold\\n<!-- /figures -->", "figures", str.upper)
    '<!-- figures: a -->\\nA\\n<!-- /figures -->'
    """

    def block(found: re.Match[str]) -> str:
        content = made(found[2])
        return found[0] if content is None else f"{found[1]}{content.strip()}\n{found[4]}"

    return _blocks(kind).sub(block, text)


def update(page: Path, written: str, *, check: bool, again: str) -> bool:
    """Write a page, or with ``check`` only say where it is not what it should be; whether it is."""
    if not check:
        page.write_text(written, encoding="utf-8")
        return True
    if page.is_file() and page.read_text(encoding="utf-8") == written:
        return True
    print(f"{page} is out of date; run: {again}", file=sys.stderr)
    return False
