"""How a terminal shows what rules demand of texts."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ruletune.report.demands import DemandRow, DemandTable, ShownDemands
from ruletune.report.terminal import excerpt, printable

__all__ = ["demand_notes", "demand_table", "shown_demands", "sorted_demands"]

_SUSPECT = 0.5
"""A rule that references keep less often than that is probably wrong."""

_LISTED = 10
"""Rules that a note names."""


def sorted_demands(rows: Sequence[DemandRow], by: str) -> list[DemandRow]:
    """Rules by what matters most: ``coverage``, ``conflict`` or ``accuracy`` (least kept by references first), or the task file's
    ``order``.
    """
    match by:
        case "coverage":
            return sorted(rows, key=lambda row: (-row.coverage, row.name))
        case "conflict" | "accuracy":
            return sorted(rows, key=lambda row: (row.kept / row.judged if row.judged else 2.0, row.name))
        case _:
            return list(rows)


def demand_table(rows: Sequence[DemandRow], *, entries: bool = False) -> Table:
    """What each rule demands, in the order given."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("rule", overflow="fold", ratio=2)
    table.add_column("entry" if entries else "kind", overflow="fold")
    table.add_column("demands that the answer", overflow="fold", ratio=3)
    table.add_column("fires", justify="right", no_wrap=True)
    table.add_column("references keep it", justify="right", no_wrap=True)
    for row in rows:
        name = Text(printable(row.name))
        if row.faults:
            name.append(f" (failed on {row.faults})", style="red")
        kept = "-"
        if row.interval is not None:
            low, high = row.interval
            kept = f"{row.kept}/{row.judged} {100 * low:.0f}-{100 * high:.0f}%"
        second = Text(printable(row.entry if entries else row.kind))
        table.add_row(name, second, Text(printable(row.demands)), f"{row.coverage:.1%}", kept)
    return table


def demand_notes(found: DemandTable) -> list[str]:
    """What the table cannot say: rules that fail, never fire, or that references break more often than not."""
    notes = [
        f"rule {row.name!r} failed on {row.faults} text{'' if row.faults == 1 else 's'}: {printable(row.failure)}"
        for row in found.rows
        if row.faults
    ]
    never = [repr(row.name) for row in found.rows if not row.coverage and not row.faults]
    if never:
        more = f" and {len(never) - _LISTED} more" if len(never) > _LISTED else ""
        notes.append(f"these rules never fire: {', '.join(never[:_LISTED])}{more}")
    for row in found.rows:
        if row.judged and row.kept < _SUSPECT * row.judged:
            message = (
                f"references keep rule {row.name!r} {row.kept} times of {row.judged}: it may ask for what is wrong"
            )
            notes.append(message)
    return notes


_VIEWS = {
    "fires": "on which it fires",
    "right": "whose reference keeps it",
    "wrong": "whose reference breaks it",
    "faults": "on which it fails",
    "uncovered": "of whose answer no rule demands anything",
}


def shown_demands(found: ShownDemands) -> RenderableType:
    """A rule as written, its numbers, and sources with what it follows from underlined."""
    row = found.row
    parts: list[RenderableType] = [
        Text.assemble((printable(row.name), "bold"), f"  {row.kind}: {printable(row.demands)}  {row.where}")
    ]
    if found.written:
        parts.append(Text(printable(found.written), style="dim"))
    parts.append(demand_table([row]))
    shown = f", {len(found.texts)} shown" if len(found.texts) < found.found else ""
    parts.append(Text(f"\n{found.found} text{'' if found.found == 1 else 's'} {_VIEWS[found.view]}{shown}"))
    for text in found.texts:
        parts.append(excerpt(text.id, text.text, text.spans))
        parts += [Text(f"    {printable(line)}", style="dim") for line in text.demands]
        sign = {True: "keeps it", False: "breaks it", None: ""}[text.kept]
        parts += [Text(f"    reference {sign}: {printable(line)}".replace(" :", ":")) for line in text.references]
    if found.failure:
        parts.append(Text(printable(found.failure), style="red"))
    return Group(*parts)
