"""Commands for beginning a task: init, and sample, which loads a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ruletune.cli.console import Json, emit, out, progress_bars
from ruletune.cli.skipping import BadRowsFile, SkipBad, left_out, skipping
from ruletune.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ruletune.config import TaskSpec
    from ruletune.data.sniff import Questions
    from ruletune.types import Example

__all__ = ["init", "sample"]

TaskPath = Annotated[Path, typer.Argument(help="The task file.")]


def init(
    data: Annotated[str, typer.Argument(help="A data file with some labels: JSONL, CSV, TSV or Parquet.")],
    output: Annotated[Path, typer.Option("--out", "-o", help="The task file to write.")] = Path("task.yaml"),
    text: Annotated[str | None, typer.Option(help="The column with the text.")] = None,
    label: Annotated[str | None, typer.Option(help="The column with the label.")] = None,
    labels: Annotated[str | None, typer.Option(help="Label names, with commas between them.")] = None,
    name: Annotated[str | None, typer.Option(help="The task's name.")] = None,
    description: Annotated[str | None, typer.Option(help="What the labels are about, in a sentence.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take what the data suggests.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the task file if it exists.")] = False,
    json: Json = False,
) -> None:
    """Write a commented task file from a data file, asking what the data does not say."""
    from ruletune.config.starter import reading_starter, starter
    from ruletune.data.sniff import sniff, sniff_questions
    from ruletune.store import write_text

    if output.exists() and not overwrite:
        raise UserError(f"{output} exists already", remedy="name another file with --out, or say --overwrite")
    asked = sniff_questions(data) if text is None and label is None and labels is None else None
    if asked is not None:
        written = reading_starter(
            name=name or output.resolve().parent.name,
            description=description or "",
            train=_relative(data, output),
            text=asked.text,
            question=asked.question,
            answers=asked.answers,
        )
        write_text(output, written)
        _told(output, asked, json=json)
        return
    found = sniff(data, text=text, label=label)
    ask = not yes and not json and _is_interactive()
    text = text or (typer.prompt("Column with the text", default=found.text) if ask else found.text)
    if label is None and found.label is not None:
        label = typer.prompt("Column with the label", default=found.label) if ask else found.label
    if (text, label) != (found.text, found.label):
        found = sniff(data, text=text, label=label)
    names = [part.strip() for part in labels.split(",") if part.strip()] if labels else list(found.labels)
    if ask and not labels:
        shown = ", ".join(names)
        names = [n.strip() for n in typer.prompt("Labels", default=shown or None).split(",") if n.strip()]
    if len(names) < 2:
        raise UserError(
            f"found {len(names)} labels in {data!r}",
            remedy="name the column with --label, or the labels with --labels a,b; for entities see docs/entities.md",
        )
    if ask:
        name = name or typer.prompt("Name of the task", default=output.resolve().parent.name)
        description = description or typer.prompt("What are the labels about, in a sentence?", default="")
    source = starter(
        name=name or output.resolve().parent.name,
        description=description or "",
        train=_relative(data, output),
        text=text,
        label=label,
        labels={n: found.labels.get(n, 0) for n in names},
        multi_label=found.multi_label,
        pair=found.pair,
    )
    write_text(output, source)
    if json:
        said = {"labels": names, "multi_label": found.multi_label, "text": text, "label": label}
        emit({"task": str(output), "rows": found.rows, **said})
    else:
        console = out()
        several = " (several at once: multi_label)" if found.multi_label else ""
        console.print(f"Wrote {output}: {found.rows} rows, labels {', '.join(names)}{several}.", markup=False)
        console.print(f"Next: write rules into it, then  ruletune check {output}", markup=False)


def _told(output: Path, asked: Questions, *, json: bool) -> None:
    """What was written for questions about texts."""
    if json:
        emit({"task": str(output), "rows": asked.rows, "answered": asked.answered, "text": asked.text})
        return
    console = out()
    console.print(f"Wrote {output}: {asked.rows} questions, {asked.answered} of them answered.", markup=False)
    console.print(f"Next: look at its rules and write your own, then  ruletune check {output}", markup=False)


def _is_interactive() -> bool:
    import sys

    return sys.stdin.isatty() and sys.stdout.isatty()


def _relative(data: str, output: Path) -> str:
    """The data's path as seen from the task file."""
    import os

    return data if data.startswith("hf:") else Path(os.path.relpath(data, output.resolve().parent)).as_posix()


def sample(
    task: TaskPath,
    data: Annotated[str | None, typer.Option(help="Texts to choose from; default the task's unlabelled ones.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many texts.")] = 20,
    run: Annotated[Path | None, typer.Option(help="A run folder: prefer texts that its model is unsure of.")] = None,
    output: Annotated[Path | None, typer.Option("--out", "-o", help="JSONL file to write, ready for labels.")] = None,
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:
    """Choose what to label next: texts unlike each other and unlike those that have a label."""
    from ruletune.config import load_task
    from ruletune.data.pairs import written_marked
    from ruletune.pipeline.choose import choose

    spec = skipping(load_task(task), skip_bad, bad_rows)
    with progress_bars() as listener:
        examples = choose(spec, data=data, count=count, run=run, listener=listener)
    answer, rows = _to_fill_in(spec, examples)
    skipped = left_out(spec.bad_rows, bad_rows)
    if output is not None:
        from ruletune.data.readers import write_jsonl

        write_jsonl(output, rows)
    if json:
        emit(({"texts": rows} if output is None else {"output": str(output), "n": len(rows)}) | skipped)
    elif output is None:
        for example in examples:
            text = written_marked(example.text, example.entities) if example.entities else example.text
            shown = [text, example.text_pair or ""] if spec.task.readout == "extract" else [text]
            typer.echo("\t".join([example.id, *shown]))  # as it is, for other programs to read
    else:
        out().print(f"{len(rows)} texts in {output}: fill in the column {answer!r}.", markup=False)


def _to_fill_in(spec: TaskSpec, examples: Sequence[Example]) -> tuple[str, list[dict[str, Any]]]:
    """The column that takes the answers, and rows as the task's data has them, with that column empty."""
    columns, readout = spec.file.data.columns, spec.task.readout
    answer = {"tokens": columns.spans, "extract": columns.answers}.get(readout, columns.label)
    second = columns.question if readout == "extract" else columns.text_pair
    both = (columns.subject, columns.object)
    return answer, [
        {"id": example.id, columns.text: example.text}
        | ({second: example.text_pair} if second else {})
        | {name: [s.start, s.end, s.label] for name, s in zip(both, example.entities, strict=False)}
        | {answer: None}
        for example in examples
    ]
