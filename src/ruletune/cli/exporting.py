"""The command that hands votes to other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ruletune.cli.console import Json, embedder_of, emit, out, progress_bars, same_file
from ruletune.cli.skipping import BadRowsFile, SkipBad, left_out, skipping
from ruletune.errors import UserError

__all__ = ["export"]


def export(
    task: Annotated[Path, typer.Argument(help="The task file.")],
    data: Annotated[str, typer.Argument(help="The texts to apply the rules to.")],
    output: Annotated[
        Path, typer.Option("--out", "-o", help="votes.npz or votes.npy for NumPy, train.json for WRENCH.")
    ],
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:
    """Write the votes of every rule on every text, for NumPy or for WRENCH."""
    from ruletune.config import load_task
    from ruletune.labeling.apply import RuleSet
    from ruletune.labeling.corpus import needs_label, read_given
    from ruletune.labeling.export import FORMATS, write_votes
    from ruletune.progress import Event

    spec = skipping(load_task(task), skip_bad, bad_rows)
    needs_label(spec, "an export of votes")
    if output.suffix.lower() not in FORMATS:
        raise UserError(f"cannot tell the format of {output.name!r}", remedy=f"end the name in {', '.join(FORMATS)}")
    if (Path.cwd() / data).exists() and same_file(Path(data), output):
        raise UserError("the output would replace the input", remedy="name another file with --out")
    if not spec.rules:
        raise UserError(f"{task} has no rules to export the votes of", remedy="write some under rules:")
    examples = read_given(spec, data)
    done = 0
    with progress_bars() as listener:

        def advance(count: int) -> None:
            nonlocal done
            done += count
            listener(Event("applying rules", done, len(examples)))

        votes = RuleSet(spec.rules, labels=spec.labels, embed=embedder_of(spec)).apply(examples, progress=advance)
    exported = write_votes(output, votes, examples)
    faults = {fault.rule: fault.count for fault in votes.faults}
    files = [str(path) for path in exported.files]
    skipped = left_out(spec.bad_rows, bad_rows)
    if json:
        emit(
            {
                "files": files,
                "texts": exported.texts,
                "rules": exported.rules,
                "notes": exported.notes,
                "faults": faults,
                **skipped,
            }
        )
        return
    out().print(
        f"{exported.texts} texts x {exported.rules} rules in {' and '.join(files)}.", markup=False, soft_wrap=True
    )
    for note in exported.notes:
        out().print(f"Note: {note}.", markup=False, soft_wrap=True)
    for rule, count in faults.items():
        out().print(f"Note: rule {rule!r} failed on {count} texts.", markup=False, soft_wrap=True)
