"""The ``rules`` commands: what rules do, the texts behind the numbers, what a change changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from ruletune.cli.console import AllowCode, Json, embedder_of, emit, out, progress_bars
from ruletune.cli.skipping import BadRowsFile, SkipBad, left_out, skipping
from ruletune.errors import UserError

if TYPE_CHECKING:
    from ruletune.config import TaskSpec
    from ruletune.labeling.table import RuleTable
    from ruletune.types import Example

__all__ = ["app"]

TaskPath = Annotated[Path, typer.Argument(help="The task file.")]
Texts = Annotated[
    str | None, typer.Option("--data", help="Texts to look at; default all that the task names but its test file.")
]
Sorting = Literal["coverage", "conflict", "accuracy", "order"]

_ENTRIES = 10
"""Entries of glossaries and the like that are shown below the table."""


class _DefaultGroup(TyperGroup):
    """A group whose table is shown where no command is named: ``rules task.yaml`` is ``rules table task.yaml``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["table", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="rules",
    cls=_DefaultGroup,
    help="Show what each rule does; with a command: the texts behind it, suggestions, a comparison, an export.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _examples(spec: TaskSpec, data: str | None) -> list[Example] | None:
    if data is None:
        return None
    from ruletune.labeling.corpus import read_given

    return read_given(spec, data)


@app.command()
def table(
    task: TaskPath,
    data: Texts = None,
    sort: Annotated[Sorting, typer.Option(help="What comes first; order: as the task file has them.")] = "coverage",
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:
    """Show what each rule does: coverage, overlap, conflict, accuracy, and whether it says anything new."""
    from ruletune.config import load_task

    spec = skipping(load_task(task), skip_bad, bad_rows)
    if spec.task.readout == "generate":
        _demands(spec, data, sort, bad_rows, json=json)
        return
    tables = {half.task.name: _table(half, data) for half in spec.halves}
    skipped = left_out(spec.bad_rows, bad_rows)
    if json:
        values = {name: _table_value(found) | skipped for name, found in tables.items()}
        emit(next(iter(values.values())) if len(values) == 1 else values)
        return
    for name, found in tables.items():
        if not found.rows:
            what = f" for {name}" if len(tables) > 1 else ""
            out().print(f"{task} has no rules{what}.", markup=False)
        else:
            _print_table(found, sort)


def _table(spec: TaskSpec, data: str | None) -> RuleTable:
    from ruletune.labeling.table import rule_table
    from ruletune.progress import Event

    with progress_bars() as listener:
        return rule_table(
            spec,
            _examples(spec, data),
            progress=lambda done, total: listener(Event("applying rules", done, total)),
            embed=embedder_of(spec),
        )


def _table_value(found: RuleTable) -> dict[str, Any]:
    from dataclasses import asdict

    rows = [asdict(row) | {"interval": row.interval} for row in found.rows]
    return asdict(found) | {"rows": rows}


def _print_table(found: RuleTable, sort: Sorting) -> None:
    from ruletune.report.terminal import rule_notes, sorted_rules
    from ruletune.report.terminal import rule_table as printed

    console = out()
    console.print(printed(sorted_rules(found.rows, sort)))
    console.print(
        f"{found.texts} texts, {found.gold} with a gold label. Rules say something of {found.coverage:.1%}, several of "
        f"{found.overlap:.1%}, and they contradict each other on {found.conflict:.1%}.",
        markup=False,
    )
    for note in rule_notes(found.rows):
        console.print(f"Note: {note}", markup=False, soft_wrap=True)


def _demands(spec: TaskSpec, data: str | None, sort: Sorting, bad_rows: Path | None, *, json: bool) -> None:
    """The table where answers are texts."""
    from dataclasses import asdict

    from ruletune.labeling.demand_table import demand_table

    with progress_bars() as listener:
        found = demand_table(spec, _examples(spec, data), listener=listener, embed=embedder_of(spec))
    skipped = left_out(spec.bad_rows, bad_rows)
    if json:
        named = ("rows", found.rows), ("entries", found.entries)
        rows = {key: [asdict(row) | {"interval": row.interval} for row in rows] for key, rows in named}
        emit(asdict(found) | rows | skipped)
        return
    from ruletune.report.terminal_demands import demand_notes, sorted_demands
    from ruletune.report.terminal_demands import demand_table as printed

    console = out()
    if not found.rows:
        console.print(f"{spec.path} has no rules.", markup=False)
        return
    console.print(printed(sorted_demands(found.rows, sort)))
    if found.entries:
        console.print("\nWhat references break most often:", markup=False)
        console.print(printed(found.entries[:_ENTRIES], entries=True))
    console.print(
        f"{found.texts} texts, {found.references} with a reference. Rules demand something of {found.coverage:.1%}; "
        f"{found.whole} references keep all of them.",
        markup=False,
    )
    for note in demand_notes(found):
        console.print(f"Note: {note}", markup=False, soft_wrap=True)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The rule.")],
    task: TaskPath = Path("task.yaml"),
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Texts on which another rule says the contrary.")
    ] = False,
    overlaps: Annotated[
        bool, typer.Option("--overlaps", help="Texts of which another rule says something too.")
    ] = False,
    alone: Annotated[bool, typer.Option("--alone", help="Texts of which no other rule says anything.")] = False,
    right: Annotated[bool, typer.Option("--right", help="Texts on which gold agrees.")] = False,
    wrong: Annotated[bool, typer.Option("--wrong", help="Texts on which gold says otherwise.")] = False,
    faults: Annotated[bool, typer.Option("--faults", help="Texts on which it fails, and the first traceback.")] = False,
    uncovered: Annotated[
        bool, typer.Option("--uncovered", help="Texts of which no rule says anything; first those with its gold label.")
    ] = False,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Texts shown at most.")] = 10,
    data: Texts = None,
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:
    """Show a rule and the texts behind its numbers; without an option, those on which it fires."""
    from dataclasses import asdict

    from ruletune.config import load_task
    from ruletune.labeling.show import show as work
    from ruletune.report.rules import View

    asked: dict[View, bool] = {
        "conflicts": conflicts, "overlaps": overlaps, "alone": alone, "right": right, "wrong": wrong, "faults": faults,
        "uncovered": uncovered,
    }  # fmt: skip
    views = [view for view, wanted in asked.items() if wanted]
    if len(views) > 1:
        raise UserError(f"--{views[0]} and --{views[1]} are two questions", remedy="ask one of them")
    spec = skipping(load_task(task), skip_bad, bad_rows)
    with progress_bars() as listener:
        found = work(
            spec,
            name,
            view=views[0] if views else "fires",
            count=count,
            examples=_examples(spec, data),
            embed=embedder_of(spec),
            listener=listener,
        )
    skipped = left_out(spec.bad_rows, bad_rows)
    if json:
        emit(asdict(found) | {"row": asdict(found.row) | {"interval": found.row.interval}} | skipped)
        return
    from ruletune.report.demands import ShownDemands
    from ruletune.report.terminal import shown_rule
    from ruletune.report.terminal_demands import shown_demands

    out().print(shown_demands(found) if isinstance(found, ShownDemands) else shown_rule(found))


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="A task file, or a run folder.")],
    new: Annotated[Path, typer.Argument(help="Another.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Texts shown at most.")] = 10,
    data: Texts = None,
    allow_code: AllowCode = None,
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:
    """Show which texts change their votes and their label from one set of rules to another, before any training."""
    from dataclasses import asdict

    from ruletune.labeling.diff import diff as work

    before, after = _task_of(old, allow_code), skipping(_task_of(new, allow_code), skip_bad, bad_rows)
    with progress_bars() as listener:
        found = work(
            before,
            after,
            count=count,
            examples=_examples(after, data),
            embed=embedder_of(after) or embedder_of(before),
            listener=listener,
        )
    skipped = left_out(after.bad_rows, bad_rows)
    if json:
        emit(asdict(found) | skipped)
        return
    from ruletune.report.terminal import rule_diff

    out().print(rule_diff(found))


def _task_of(path: Path, allow_code: list[str] | None) -> TaskSpec:
    from ruletune.config import load_task

    if not path.is_dir():
        return load_task(path)
    from ruletune.pipeline.trust import allowing

    return load_task(path / "task.yaml", check_data=False, allow=allowing(allow_code or ()))
