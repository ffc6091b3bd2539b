#!/usr/bin/env python
"""Write docs/benchmarks.md from benchmarks/results/*.json; with --check, only say whether it is up to date."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "benchmarks"
TARGET = ROOT / "docs" / "benchmarks.md"

_KEYS = {"machine": str, "date": str, "commit": str, "command": str, "rows": list}
"""What every result must say, and of which type."""

_INTRODUCTION = """\
# Benchmarks

<!-- Written by scripts/make_benchmarks_page.py from benchmarks/results; to write it again, run: make docs -->

What was measured, where and with which command. Each benchmark is a module in `benchmarks/` that prints its figures and
writes them to `benchmarks/results/`; this page is made from these files and holds nothing that was typed by hand. Figures
are shares in [0, 1] unless their column says otherwise, and wall times belong to the machine that is named.

The public data sets that most of them read are not part of the project; a benchmark that misses them says where it looks.
"""


@dataclass(frozen=True, slots=True)
class Result:
    """One results file, in the shape that every benchmark writes."""

    machine: str
    date: str
    commit: str
    command: str
    rows: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()


def read_result(path: Path) -> Result:
    """A results file.

    Raises:
        ValueError: It is not JSON, or lacks something; the message names the file.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    wrong = [key for key, kind in _KEYS.items() if not isinstance(value, dict) or not isinstance(value.get(key), kind)]
    if wrong:
        raise ValueError(f"{path}: missing or of the wrong type: {', '.join(wrong)}")
    if not all(isinstance(row, dict) for row in value["rows"]):
        raise ValueError(f"{path}: rows must be objects")
    return Result(**{key: value[key] for key in _KEYS}, notes=tuple(value.get("notes", ())))


def page(benchmarks: Path) -> str:
    """The whole page, benchmarks in the order of their names."""
    parts = [_INTRODUCTION]
    modules = {path.stem: path for path in sorted(benchmarks.glob("*.py"))}
    results = {path.stem: path for path in sorted((benchmarks / "results").glob("*.json"))}
    runnable = {name for name, path in modules.items() if "__main__" in path.read_text(encoding="utf-8")}
    for name in sorted(runnable | results.keys()):
        parts += _section(name, modules.get(name), read_result(results[name]) if name in results else None)
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _section(name: str, module: Path | None, result: Result | None) -> Iterator[str]:
    documented = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) if module else None
    title, _, rest = (documented or name).partition("\n")
    yield f"\n## {name}\n"
    yield title
    if rest.strip():
        yield "\n" + rest.replace("``", "`")
    if result is None:
        yield "\nNot measured yet.\n"
        return
    yield f"\n```console\n$ {result.command}\n```\n"
    yield f"\nMeasured {result.date} on {result.machine}; commit {result.commit}.\n"
    if result.notes:
        yield "\n" + "\n".join(f"- {note}" for note in result.notes)
    yield "\n" + table(result.rows)
    if (TARGET.parent / "images" / f"{name}.png").is_file():
        yield f"\n![{title}](images/{name}.png)\n"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table; columns in the order in which they first occur, numbers to the right.

    >>> print(table([{"data": "trec", "accuracy": 0.25}, {"data": "sms"}]))
    | data | accuracy |
    |---|---:|
    | trec | 0.250 |
    | sms | – |
    """
    columns = list(dict.fromkeys(column for row in rows for column in row))
    right = [all(isinstance(row.get(c, 0), int | float | None) for row in rows) for c in columns]
    lines = [_line(columns), "|" + "|".join("---:" if r else "---" for r in right) + "|"]
    return "\n".join([*lines, *(_line([row.get(column) for column in columns]) for row in rows)])


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: object) -> str:
    """A value as people read it; numbers with as many decimals as their size deserves."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.{0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 3}f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def main(arguments: list[str]) -> int:
    try:
        written = page(SOURCES)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    if "--check" in arguments:
        if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == written:
            return 0
        print(f"{TARGET} is out of date; run: make docs", file=sys.stderr)
        return 1
    TARGET.write_text(written, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
