"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ruletune.metrics.calibration import wilson_interval
from ruletune.report.model import LabelsSaved, RuleRow, Score
from ruletune.report.rules import Diff, Shown
from ruletune.report.words import labels_saved_sentence

__all__ = ["comparison_table", "rule_diff", "rule_notes", "rule_table", "shown_rule", "sorted_rules"]


def comparison_table(scores: Sequence[Score], metric: str, labels_saved: LabelsSaved | None) -> RenderableType:
    """The ways of answering side by side, and what the rules were worth in labels."""
    table = Table(
        title="On held-out texts", title_justify="left", box=SIMPLE_HEAD, show_edge=False, collapse_padding=True
    )
    table.add_column("", no_wrap=True)
    for heading in ("labels", metric, "95% interval", "macro-F1", "covered", "uncovered"):
        table.add_column(heading, justify="right", no_wrap=True)
    for score in scores:
        table.add_row(
            Text(score.name, style="bold" if score is scores[-1] else ""),
            str(score.labels),
            _percent(score.metrics[metric]),
            f"{_percent(score.interval[0])} - {_percent(score.interval[1])}",
            _percent(score.metrics.get("macro_f1")),
            _percent(score.covered),
            _percent(score.uncovered),
        )
    parts: list[RenderableType] = [table] if scores else [Text("No labelled test data: nothing was measured.")]
    if labels_saved is not None:
        parts.append(Text(f"Labels saved: {labels_saved_sentence(labels_saved)}"))
    return Group(*parts)


def sorted_rules(rows: Sequence[RuleRow], by: str) -> list[RuleRow]:
    """Rules by what matters most: ``coverage``, ``conflict``, ``accuracy`` (worst first), or the task file's ``order``."""
    match by:
        case "coverage":
            return sorted(rows, key=lambda row: (-row.coverage, row.name))
        case "conflict":
            return sorted(rows, key=lambda row: (-row.conflict, row.name))
        case "accuracy":
            return sorted(rows, key=lambda row: (_accuracy(row), row.name))
        case _:
            return list(rows)


def _accuracy(row: RuleRow) -> float:
    if row.judged:
        return row.correct / row.judged
    return 2.0 if row.estimated is None else row.estimated


def rule_table(rows: Sequence[RuleRow]) -> Table:
    """What each rule does, in the order given."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("rule", overflow="fold", ratio=3)
    table.add_column("says", overflow="fold", ratio=2)
    for heading in ("covers", "overlaps", "conflicts", "right", "believed"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        name = Text(row.name)
        if row.faults:
            name.append(f" (failed on {row.faults})", style="red")
        right = "-"
        if row.judged:
            low, high = wilson_interval(row.correct, row.judged)
            right = f"{row.correct}/{row.judged} {100 * low:.0f}-{100 * high:.0f}%"
        shares = (_percent(row.coverage), _percent(row.overlap), _percent(row.conflict))
        says = row.says or ", ".join(row.labels) or "-"
        table.add_row(name, Text(says), *shares, right, _percent(row.estimated))
    return table


def rule_notes(rows: Sequence[RuleRow]) -> list[str]:
    """What the table cannot say: rules that fail, never fire, or say nothing new."""
    notes = [f"rule {row.name!r} failed on {row.faults} texts: {row.failure}" for row in rows if row.faults]
    never = [row.name for row in rows if not row.coverage and not row.faults]
    if never:
        shown = ", ".join(map(repr, never[:_LISTED])) + (
            f" and {len(never) - _LISTED} more" if len(never) > _LISTED else ""
        )
        notes.append(f"these rules never fire: {shown}")
    echoes = [row for row in rows if row.echo]
    notes += [f"rule {row.name!r} says nothing new: {row.echo!r} says the same" for row in echoes[:_LISTED]]
    if len(echoes) > _LISTED:
        notes.append(f"{len(echoes) - _LISTED} more rules say nothing new (--json names them)")
    return notes


def shown_rule(found: Shown) -> RenderableType:
    """A rule's numbers, and texts with what made it fire underlined."""
    row = found.row
    titles = {
        "fires": "on which it fires",
        "conflicts": "on which another rule says the contrary",
        "overlaps": "of which another rule says something too",
        "alone": "of which no other rule says anything",
        "wrong": "on which gold says otherwise",
        "faults": "on which it fails",
    }
    head = Text.assemble((row.name, "bold"), f"  {row.kind}: {row.says}  {row.where}")
    parts: list[RenderableType] = [head, rule_table([row]), Text("")]
    if found.view == "faults" and found.failure:
        parts.append(Text(found.failure.rstrip() + "\n", style="red"))
    parts.append(Text(f"{found.found} texts {titles[found.view]}" + (", the first of them:" if found.texts else ".")))
    for text in found.texts:
        body = Text(f"{text.id}  ", style="dim") + Text(text.text)
        for start, end in text.spans:
            body.stylize("bold underline", len(text.id) + 2 + start, len(text.id) + 2 + end)
        said = [f"{rule}: {says}" if says else rule for rule, says in text.others]
        gold = [f"gold: {text.gold}"] if text.gold else []
        parts += [body, Text("    " + "; ".join([*gold, *said]), style="dim")] if gold or said else [body]
    return Group(*parts)


def rule_diff(found: Diff) -> RenderableType:
    """What a change of the rules changes."""
    if not found.rules:
        return Text(f"No rule says anything else on any of {found.texts} texts.")
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("rule", overflow="fold", ratio=3)
    table.add_column("")
    for heading in ("gained", "lost", "turned"):
        table.add_column(heading, justify="right", no_wrap=True)
    for change in found.rules:
        table.add_row(Text(change.name), change.kind, str(change.gained), str(change.lost), str(change.turned))
    before, after = found.covered
    moved = sum(times for _, _, times in found.labels)
    lines = [
        f"{found.texts} texts: votes change on {found.votes}, the label on {moved}. "
        f"Covered: {before:.1%} before, {after:.1%} after."
    ]
    if found.judged:
        lines.append(f"Right where gold is known: {found.right[0]} of {found.judged} before, {found.right[1]} after.")
    lines += [f"  {was} -> {now}: {times}" for was, now, times in found.labels]
    parts: list[RenderableType] = [table, Text("\n".join(lines))]
    for text in found.changed:
        gold = f"; gold: {text.gold}" if text.gold else ""
        parts.append(Text.assemble((f"{text.id}  ", "dim"), text.text))
        parts.append(Text(f"    {text.before} -> {text.after}{gold}  ({', '.join(text.rules)})", style="dim"))
    return Group(*parts)


_LISTED = 10
"""Rules that a note names."""


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
