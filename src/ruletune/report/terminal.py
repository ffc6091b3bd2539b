"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ruletune.metrics.understanding import JOINT
from ruletune.report.model import Kept, LabelsSaved, RuleRow, Score
from ruletune.report.rules import Diff, Shown
from ruletune.report.words import further_metrics, labels_saved_sentence

__all__ = [
    "comparison_table",
    "excerpt",
    "kept_table",
    "printable",
    "rule_diff",
    "rule_notes",
    "rule_table",
    "shown_rule",
    "sorted_rules",
]


_WRITTEN = ("chrf", "rouge_1", "slot_error_rate", "term_accuracy", "rules_kept")
"""Of the metrics of written texts, those that a terminal has room for; the report page has all."""


def comparison_table(scores: Sequence[Score], metric: str, labels_saved: LabelsSaved | None) -> RenderableType:
    """The ways of answering side by side, and what the rules were worth in labels."""
    table = Table(
        title="On held-out texts", title_justify="left", box=SIMPLE_HEAD, show_edge=False, collapse_padding=True
    )
    table.add_column("", no_wrap=True)
    further = further_metrics(scores, metric) or [("macro_f1", "macro-F1")]
    written = any(name == "rules_kept" for name, _ in further)
    if written:
        further = [shown for shown in further if shown[0] in _WRITTEN][-3:]
    divided = not written and metric != JOINT  # of two answers at once, each has its own coverage
    sides = ("covered", "uncovered") if divided else ()
    for heading in ("labels", metric, "95% interval", *(words for _, words in further), *sides):
        table.add_column(heading, justify="right", no_wrap=True)
    for score in scores:
        table.add_row(
            Text(score.name, style="bold" if score is scores[-1] else ""),
            str(score.labels),
            _percent(score.metrics[metric]),
            f"{_percent(score.interval[0])} - {_percent(score.interval[1])}",
            *(_percent(score.metrics.get(name)) for name, _ in further),
            *(_percent(getattr(score, side)) for side in sides),
        )
    parts: list[RenderableType] = [table] if scores else [Text("No labelled test data: nothing was measured.")]
    if labels_saved is not None:
        parts.append(Text(f"Labels saved: {labels_saved_sentence(labels_saved)}"))
    return Group(*parts)


def kept_table(kept: Sequence[Kept]) -> Table:
    """How answers keep each rule, by way of answering; the rules that are broken most come first."""
    ways = list(dict.fromkeys(name for row in kept for name in row.kept))
    table = Table(title="Rules kept", title_justify="left", box=SIMPLE_HEAD, show_edge=False, collapse_padding=True)
    table.add_column("rule", overflow="fold")
    for heading in ("answers", *ways):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in sorted(kept, key=lambda row: row.kept[ways[-1]] - row.demanded):
        shares = (_percent(row.kept[way] / row.demanded) for way in ways)
        table.add_row(Text(printable(row.rule)), str(row.demanded), *shares)
    return table


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
        name = Text(printable(row.name))
        if row.faults:
            name.append(f" (failed on {row.faults})", style="red")
        right = "-"
        if row.interval is not None:
            low, high = row.interval
            right = f"{row.correct}/{row.judged} {100 * low:.0f}-{100 * high:.0f}%"
        shares = (_percent(row.coverage), _percent(row.overlap), _percent(row.conflict))
        says = printable(row.says or ", ".join(row.labels) or "-")
        table.add_row(name, Text(says), *shares, right, _percent(row.estimated))
    return table


def rule_notes(rows: Sequence[RuleRow]) -> list[str]:
    """What the table cannot say: rules that fail, never fire, or say nothing new."""
    covers = {row.name: row.coverage for row in rows}
    failed = [
        f"rule {row.name!r} failed on {_texts(row.faults)}: {printable(row.failure)}" for row in rows if row.faults
    ]
    never = [repr(row.name) for row in rows if not row.coverage and not row.faults]
    redundant = []
    for row in rows:
        if row.echo is not None and row.echo_share == 1 and covers.get(row.echo) == row.coverage:
            redundant.append(f"rule {row.name!r} says nothing new: {row.echo!r} says exactly the same")
        elif row.echo is not None:
            redundant.append(
                f"rule {row.name!r} says nothing new: {row.echo!r} says {int(100 * row.echo_share)}% of it"
            )
        elif row.redundant:
            redundant.append(
                f"rule {row.name!r} says nothing new: others together say {int(100 * (1 - row.new))}% of it"
            )
    notes = [*_first(failed, "rules failed")]
    if never:
        more = f" and {len(never) - _LISTED} more" if len(never) > _LISTED else ""
        notes.append(f"these rules never fire: {', '.join(never[:_LISTED])}{more}")
    return [*notes, *_first(redundant, "rules say nothing new")]


def _first(notes: list[str], what: str) -> list[str]:
    more = [f"and {len(notes) - _LISTED} more {what} (--json names them)"] if len(notes) > _LISTED else []
    return notes[:_LISTED] + more


_TITLES = {
    "fires": "on which it fires",
    "conflicts": "on which another rule says the contrary",
    "overlaps": "of which another rule says something too",
    "alone": "of which no other rule says anything",
    "right": "on which gold agrees",
    "wrong": "on which gold says otherwise",
    "faults": "on which it fails",
    "uncovered": "of which no rule says anything",
}


def shown_rule(found: Shown) -> RenderableType:
    """A rule as written, its numbers, and texts with what made it fire underlined."""
    row = found.row
    head = Text.assemble((printable(row.name), "bold"), f"  {row.kind}: {printable(row.says)}  {row.where}")
    parts: list[RenderableType] = [head]
    if found.written:
        parts.append(Text("\n".join(f"    {printable(line)}" for line in found.written.splitlines()), style="dim"))
    parts += [Text(""), rule_table([row]), Text("")]
    if found.view == "faults" and found.failure:
        lines = map(printable, found.failure.rstrip().splitlines())
        parts.append(Text("\n".join(lines) + "\n", style="red"))
    first = ", the first of them:" if len(found.texts) < found.found else ":"
    parts.append(Text(f"{_texts(found.found)} {_TITLES[found.view]}{first if found.texts else '.'}"))
    for text in found.texts:
        parts += [excerpt(text.id, text.text, text.spans), *_asked(text.asked)]
        said = [printable(f"{rule}: {says}" if says else rule) for rule, says in text.others]
        gold = [f"gold: {printable(text.gold)}"] if text.gold else []
        if gold or said:
            parts.append(Text("    " + "; ".join([*gold, *said]), style="dim"))
    return Group(*parts)


def rule_diff(found: Diff) -> RenderableType:
    """What a change of the rules changes."""
    parts: list[RenderableType] = []
    if found.rules:
        parts += [_changes(found), Text("")]
    moved = sum(times for _, _, times in found.labels)
    if not found.rules and not moved:
        return Text(f"No rule is written otherwise, and none says anything else of {_texts(found.texts)}.")
    before, after = found.covered
    what = {"label": f"the label on {moved}", "passage": f"the answer on {moved}"}.get(
        found.shape, f"and {moved} entities"
    )
    lines = [
        f"{_texts(found.texts)}: votes change on {found.votes}, {what}. "
        f"Covered: {before:.1%} before, {after:.1%} after."
    ]
    if found.judged:
        lines.append(f"Right where gold is known: {found.right[0]} of {found.judged} before, {found.right[1]} after.")
    lines += [printable(f"  {was} -> {now}: {times}") for was, now, times in found.labels]
    parts.append(Text("\n".join(lines)))
    for text in found.changed:
        parts += [excerpt(text.id, text.text, ()), *_asked(text.asked)]
        label = f"{text.before} -> {text.after}" if text.before != text.after else f"still {text.after}"
        gold = f"; gold: {text.gold}" if text.gold else ""
        votes = [f"{rule}: {was} -> {now}" for rule, was, now in text.votes]
        why = "; ".join(votes) if votes else "no vote changes, the label model weighs them otherwise"
        parts.append(Text(printable(f"    {label}{gold}  ({why})"), style="dim"))
    return Group(*parts)


def _changes(found: Diff) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("rule", overflow="fold", ratio=3)
    table.add_column("is", overflow="fold", ratio=2)
    for heading in ("gained", "lost", "turned"):
        table.add_column(heading, justify="right", no_wrap=True)
    for change in found.rules:
        parts = f" ({', '.join(change.parts)})" if change.parts else ""
        counts = map(str, (change.gained, change.lost, change.turned))
        table.add_row(Text(printable(change.name)), f"{change.kind}{parts}", *counts)
    return table


def printable(text: str) -> str:
    """A text of strangers' as one line that cannot steer the terminal; every character keeps its place."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)


def excerpt(name: str, text: str, spans: Sequence[tuple[int, int]]) -> Text:
    """A text behind its id, with what matched underlined; of a long one, the part around the first match."""
    start = 0
    if len(text) > _EXCERPT and spans:
        start = max(0, min(spans[0][0] - _EXCERPT // 3, len(text) - _EXCERPT))
    body = Text("..." if start else "")
    offset = len(body) - start
    body.append(printable(text[start : start + _EXCERPT]) + ("..." if start + _EXCERPT < len(text) else ""))
    for first, last in spans:
        if start <= first < start + _EXCERPT:
            body.stylize("bold underline", first + offset, min(last, start + _EXCERPT) + offset)
    return Text.assemble((f"{printable(name)}  ", "dim"), body)


def _asked(words: str) -> list[Text]:
    """What is asked about a text, where anything is."""
    return [Text(f"    {printable(words[:_EXCERPT])}")] if words else []


def _texts(count: int) -> str:
    return f"{count} text{'' if count == 1 else 's'}"


_EXCERPT = 400
"""Characters of a text that are shown."""

_LISTED = 10
"""Rules that a note names."""


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
