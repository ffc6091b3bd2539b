"""The command ``ruletune rules suggest``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ruletune.cli.console import Json, emit, out, progress_bars
from ruletune.cli.skipping import BadRowsFile, SkipBad, left_out, skipping
from ruletune.errors import UserError

if TYPE_CHECKING:
    from rich.text import Text

    from ruletune.labeling.suggest import Figures, Suggestion
    from ruletune.labeling.suggest.task import Suggestions

__all__ = ["suggest"]


def suggest(
    task: Annotated[Path, typer.Argument(help="The task file.")] = Path("task.yaml"),
    rule: Annotated[str | None, typer.Option(help="Suggest changes to this rule instead of new rules.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Suggestions at most.")] = 20,
    label: Annotated[list[str] | None, typer.Option(help="Only rules for this label; may be repeated.")] = None,
    min_precision: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Expected precision of a new rule, at least.")
    ] = 0.7,
    accept: Annotated[
        str | None, typer.Option(help="Write these suggestions into the task file: 1,3 or 2-5 or all.")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Go by the words alone; load no model.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Unlabelled texts looked at, at most.")] = 5000,
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:
    """Suggest rules from a few gold labels and unlabelled texts, and write the ones you accept into the task file."""
    from ruletune.config import load_task
    from ruletune.labeling.corpus import needs_label

    spec = skipping(load_task(task), skip_bad, bad_rows)
    needs_label(spec, "suggesting rules")
    with progress_bars() as listener:
        if fast:
            from ruletune.labeling.suggest.task import suggest_rules as work
        else:
            from ruletune.pipeline.suggest import suggest as work  # type: ignore[assignment]
        found = work(
            spec,
            rule=rule,
            count=count,
            labels=label or (),
            min_precision=min_precision,
            limit=limit,
            listener=listener,
        )
    skipped = left_out(spec.bad_rows, bad_rows)
    if not json:
        _show(found, rule)
        if accept is None and found.suggestions and _is_interactive():
            accept = typer.prompt("Accept which (1,3 or all; empty for none)", default="", show_default=False) or None
    chosen = _chosen(accept, found.suggestions) if accept is not None else []
    if chosen:
        from ruletune.labeling.suggest.task import accept as write

        write(spec, chosen)
    if json:
        emit(_as_json(found) | {"accepted": [one.number for one in chosen], "task": str(task)} | skipped)
    elif chosen:
        out().print(f"Wrote {len(chosen)} into {task}. See what they do: ruletune rules {task}", markup=False)
    elif found.suggestions:
        console = out()
        console.print(
            "The same data and seed give the same list: accept with --accept 1,3 or --accept all.", markup=False
        )


def _is_interactive() -> bool:
    import sys

    return sys.stdin.isatty() and sys.stdout.isatty()


def _chosen(accept: str, suggestions: tuple[Suggestion, ...]) -> list[Suggestion]:
    """The suggestions that an answer such as ``1,3-5`` or ``all`` names.

    Raises:
        UserError: It names what there is not.
    """
    if accept.strip().lower() == "all":
        return list(suggestions)
    numbers: dict[int, None] = {}
    for part in filter(None, (part.strip() for part in accept.split(","))):
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else True)):
            raise UserError(f"--accept takes numbers, not {part[:40]!r}", remedy="write 1,3 or 2-5 or all")
        low, high = int(first), int(last) if dash else int(first)
        if not 1 <= low <= high <= len(suggestions):
            raise UserError(f"there is no suggestion {part[:40]}", remedy=f"there are {len(suggestions)}, from 1")
        numbers.update(dict.fromkeys(range(low, high + 1)))
    return [suggestions[number - 1] for number in numbers]


def _as_json(found: Suggestions) -> dict[str, object]:
    from ruletune.config.edit import rule_yaml

    return {
        "suggestions": [
            one.to_json() | {"yaml": rule_yaml(one.entry or {**one.extend, **one.replace})} for one in found.suggestions
        ],
        "texts": found.texts,
        "gold": found.gold,
        "covered": found.covered,
        "accuracy": found.accuracy,
        "notes": list(found.notes),
    }


def _show(found: Suggestions, rule: str | None) -> None:
    from rich.text import Text

    from ruletune.config.edit import rule_yaml

    console = out()
    for one in found.suggestions:
        head = f"{one.number}. {one.reason or one.name}  ->  {one.label}"
        console.print(Text(head, style="bold"))
        if one.before is not None:
            console.print(f"   before  {_figures(one.before, change=True)}", markup=False)
            console.print(f"   after   {_figures(one.figures, change=True)}", markup=False)
        else:
            console.print(f"   {_figures(one.figures)}", markup=False)
        for line in rule_yaml(one.entry or {**one.extend, **one.replace}).split("\n"):
            console.print(f"   {line}", markup=False, style="cyan", soft_wrap=True)
        for shown in one.examples:
            console.print(Text("   · ", style="dim").append_text(_marked(shown.text, shown.matched)))
        console.print()
    what = f"changes to {rule!r}" if rule else "rules"
    console.print(
        f"{len(found.suggestions)} {what} suggested, from {found.gold} gold labels and "
        f"{found.texts - found.gold} other texts, {found.covered:.0%} of all covered by rules.",
        markup=False,
    )
    for note in found.notes:
        console.print(f"Note: {note}", markup=False, soft_wrap=True)


def _figures(figures: Figures, *, change: bool = False) -> str:
    support = f"gold {figures.correct}/{figures.judged}"
    new = "" if change else f", {figures.new_coverage:.1%} new"
    return (
        f"expected precision {figures.precision:.0%} [{figures.low:.0%}-{figures.high:.0%}], "
        f"matches {figures.coverage:.1%}{new}, {support}"
    )


def _marked(text: str, words: tuple[str, ...]) -> Text:
    from rich.text import Text

    one_line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    shown = Text(one_line)
    for word in words:
        at = one_line.find(word)
        if word and at >= 0:
            shown.stylize("bold green", at, at + len(word))
    return shown
