"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ruletune.report.model import LabelsSaved, RuleRow, Score
from ruletune.report.words import labels_saved_sentence

__all__ = ["comparison_table", "rule_table"]


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


def rule_table(rows: Sequence[RuleRow]) -> Table:
    """What each rule does, most covering first."""
    table = Table()
    table.add_column("rule", overflow="fold", ratio=3)
    table.add_column("votes for", overflow="fold", ratio=2)
    for heading in ("covers", "overlaps", "conflicts", "right", "believed"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in sorted(rows, key=lambda r: (-r.coverage, r.name)):
        name = Text(row.name)
        if row.faults:
            name.append(f" (failed on {row.faults})", style="red")
        right = f"{row.correct}/{row.judged}" if row.judged else "-"
        shares = (_percent(row.coverage), _percent(row.overlap), _percent(row.conflict))
        table.add_row(name, Text(", ".join(row.labels) or "-"), *shares, right, _percent(row.estimated))
    return table


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
