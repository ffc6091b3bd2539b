"""Commands that train a model or use one: train, evaluate, predict."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ruletune.cli.abstaining import Confidence, MaxError, evaluated, summary
from ruletune.cli.console import INTERRUPTED, AllowCode, Json, emit, follows, out, printable, progress_bars
from ruletune.cli.engines import Address, EngineName, Workers, engine_of
from ruletune.cli.skipping import BadRowsFile, SkipBad, left_out, skipping, taker
from ruletune.cli.stdin import texts_of_stdin
from ruletune.errors import UserError
from ruletune.types import Answer, Spans

if TYPE_CHECKING:
    from ruletune.metrics.selective import Threshold
    from ruletune.pipeline.predict_file import Predicted
    from ruletune.pipeline.run import Run
    from ruletune.types import Example, Firing, Prediction

__all__ = ["RunFolder", "evaluate", "open_run", "predict", "train"]

RunFolder = Annotated[Path, typer.Argument(help="A run folder that `ruletune train` wrote.")]


def train(
    task: Annotated[Path, typer.Argument(help="The task file.")],
    folder: Annotated[Path, typer.Option("--out", "-o", help="The run folder to write.")] = Path("runs/run"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run folder if it exists.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the task file's seed.")] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(
            "--track",
            help="Also send losses and metrics to tensorboard, mlflow or wandb; instead of training.report_to.",
        ),
    ] = None,
    engine: EngineName = "local",
    workers: Workers = None,
    address: Address = None,
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:
    """Fine-tune a model from labels and rules, and report what the rules were worth."""
    from ruletune.config import load_task, with_seed

    spec = skipping(load_task(task), skip_bad, bad_rows)
    if seed is not None:
        spec = with_seed(spec, seed)
    if engine == "local" and (workers or 1) > 1:
        remedy = f"say --engine ray, or `torchrun --nproc-per-node {workers} -m ruletune train ...`"
        raise UserError("on this machine training is one process", remedy=remedy)
    from ruletune.pipeline.fit import fit

    try:
        with engine_of(engine, workers, address, model=True) as place, progress_bars() as listener:
            run = fit(
                spec, out=folder, resume=resume, overwrite=overwrite, listener=listener, engine=place, report_to=track
            )
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing is lost: go on with the same command and --resume\n")
        raise typer.Exit(INTERRUPTED) from None
    if follows():
        return
    skipped = left_out(spec.bad_rows, bad_rows)
    if json:
        emit({"run": str(run.folder), "report": str(run.folder / "report.html"), **run.metrics, **skipped})
    else:
        _print_result(run)


def _print_result(run: Run) -> None:
    from ruletune.report.terminal import comparison_table, kept_table
    from ruletune.report.words import calibration_sentence, effects_sentence, guard_sentence, reliance_sentence

    console = out()
    report = run.report
    console.print(comparison_table(report.scores, report.metric, report.labels_saved))
    for what, half in _halves(run).items():
        if said := guard_sentence(half.report.guard, half.report.shape):
            console.print(f"{what}: {said}", markup=False)
    if report.kept:
        shown = sorted(report.kept, key=lambda row: list(row.kept.values())[-1] - row.demanded)[:_RULES]
        console.print(kept_table(shown))
    by_rules = (
        (reliance_sentence(report.reliance, report.shape), effects_sentence(report.effects, report.shape))
        if report.rules
        else ()
    )
    for said in (guard_sentence(report.guard, report.shape), *by_rules, calibration_sentence(report)):
        if said:
            console.print(said, markup=False)
    for warning in report.warnings:
        console.print(f"Note: {warning}", markup=False)
    console.print(f"Report: {run.folder / 'report.html'}", markup=False)


def _halves(run: Run) -> dict[str, Run]:
    """The two runs of a run of intents and slots; none of another."""
    from ruletune.pipeline.understanding_run import UnderstandingRun

    return {"Intents": run.intent, "Slots": run.slots} if isinstance(run, UnderstandingRun) else {}


_RULES = 20
"""Rules that a table has a line for each of, at most; the report has all."""

_LABELS = 50
"""Labels that a table has a line for each of, at most."""


def evaluate(
    run: RunFolder,
    data: Annotated[str, typer.Argument(help="Labelled data: a file, a saved dataset, or a hub id.")],
    max_error: MaxError = None,
    confidence: Confidence = 0.9,
    allow_code: AllowCode = None,
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:
    """Measure a trained model on labelled data."""
    taken = taker(skip_bad, bad_rows)
    opened = open_run(run, allow_code)
    examples = opened.read(data, bad_rows=taken)
    with progress_bars() as listener:
        result = opened.evaluate(examples, max_error=max_error, confidence=confidence, listener=listener)
    skipped = left_out(taken, bad_rows)
    if json:
        emit(result | skipped)
        return
    from rich.table import Table

    from ruletune.report.terminal import printable

    table = Table("metric", "value", title=f"{opened.name} on {data}")
    for name, value in result.items():
        if isinstance(value, float):
            table.add_row(name, f"{value:.4f}")
        elif isinstance(value, int):
            table.add_row(name, str(value))
    for part in ("covered", "uncovered"):
        scores = result[part]
        shown = f"{scores[opened.metric]:.4f}" if scores["n"] else "-"
        table.add_row(f"{opened.metric}, {part} by rules (n={scores['n']})", shown)
    out().print(table)
    for part in (result, *(result[half] for half in ("intent", "slots") if half in result)):
        if 0 < len(part.get("per_label", {})) <= _LABELS:
            report = Table("label", "precision", "recall", "f1", "support")
            for label, row in part["per_label"].items():
                shares = (f"{row[name]:.4f}" for name in ("precision", "recall", "f1"))
                report.add_row(printable(label), *shares, str(int(row["support"])))
            out().print(report)
    if "abstention" in result:
        out().print(evaluated(result["abstention"], result["n"]), markup=False)


def predict(
    run: RunFolder,
    data: Annotated[
        str,
        typer.Argument(
            help="Texts: a file, a folder of files, a pattern, a URI, a hub id, or - for stdin, a text a line."
        ),
    ],
    output: Annotated[
        str | None, typer.Option("--out", "-o", help="JSONL file to write. FOLDER/: a file for each that is read.")
    ] = None,
    max_error: MaxError = None,
    confidence: Confidence = 0.9,
    n_best: Annotated[
        int, typer.Option("--n-best", min=1, help="So many answers to each, where passages or texts are asked for.")
    ] = 1,
    engine: EngineName = "local",
    workers: Workers = None,
    address: Address = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where a run was interrupted.")] = False,
    allow_code: AllowCode = None,
    skip_bad: SkipBad = False,
    bad_rows: BadRowsFile = None,
    json: Json = False,
) -> None:
    """Answer new texts, and say which rules fired; with --max-error only those that can be answered safely."""
    from ruletune.pipeline.values import n_best_value, prediction_value

    taken = taker(skip_bad, bad_rows)
    opened = open_run(run, allow_code)
    limit = None if max_error is None else opened.threshold(max_error, confidence=confidence)
    readout = opened.task.readout
    if n_best > 1 and readout not in ("extract", "generate"):
        raise UserError("only passages and texts have a second best", remedy="leave --n-best out")
    if output is not None and data != "-":
        from ruletune.pipeline.predict_file import Asking, predict_file

        asking = Asking(max_error, confidence, n_best)
        try:
            with engine_of(engine, workers, address, model=True) as place, progress_bars() as listener:
                found = predict_file(
                    opened, data, output, asking=asking, map=place.map, resume=resume, overwrite=overwrite, listener=listener,
                    bad_rows=taken,
                )  # fmt: skip
        except KeyboardInterrupt:
            sys.stderr.write("interrupted; nothing is lost: go on with the same command and --resume\n")
            raise typer.Exit(INTERRUPTED) from None
        _told(found, limit, left_out(taken, bad_rows), json=json)
        return
    if engine != "local":
        raise UserError("answers of several machines are written to a file", remedy="name one with --out")
    examples = texts_of_stdin(opened, taken) if data == "-" else opened.read(data, labelled=False, bad_rows=taken)
    with progress_bars() as listener:
        asked: dict[str, Any] = {"several": n_best} if readout == "generate" else {}
        predictions = opened.predict(examples, max_error=max_error, confidence=confidence, listener=listener, **asked)
    if limit is not None:
        summary(limit, sum(not prediction.abstained for prediction in predictions), len(predictions))
    skipped = left_out(taken, bad_rows)
    rows = [prediction_value(prediction) | _held_back(prediction, limit) for prediction in predictions]
    if n_best > 1:
        rows = [row | {"n_best": n_best_value(p, n_best)} for row, p in zip(rows, predictions, strict=True)]
    if output is not None:
        from ruletune.data.readers import write_jsonl

        write_jsonl(Path(output), rows)
    if json:
        emit(({"predictions": rows} if output is None else {"output": str(output), "n": len(rows)}) | skipped)
    elif output is None:
        _print_predictions(examples, predictions, n_best)
    else:
        out().print(f"{len(rows)} predictions in {output}", markup=False)


def _told(found: Predicted, limit: Threshold | None, skipped: dict[str, Any], *, json: bool) -> None:
    if limit is not None:
        summary(limit, found.answered, found.texts)
    if json:
        emit({"output": str(found.output), "n": found.texts} | skipped)
    else:
        out().print(f"{found.texts} predictions in {found.output}", markup=False)


def _held_back(prediction: Prediction, limit: Threshold | None) -> dict[str, Any]:
    """Only where abstention was asked for do rows say whether it happened."""
    return {} if limit is None else {"abstained": prediction.abstained}


def _print_predictions(examples: Iterable[Example], predictions: list[Prediction], n_best: int = 1) -> None:
    from ruletune.data.pairs import written_marked

    console = out()
    for example, prediction in zip(examples, predictions, strict=True):
        shown = written_marked(example.text, example.entities)
        text = shown if len(shown) <= 200 else f"{shown[:200]}…"
        console.print(text, style="bold", markup=False)
        if example.text_pair is not None:
            console.print(f"  {example.text_pair}", markup=False)
        for each in (prediction, *([prediction.slots] if prediction.slots is not None else [])):
            _print_prediction(example, each, n_best)


def _print_prediction(example: Example, prediction: Prediction, n_best: int) -> None:
    console = out()
    # An empty set of labels is an answer, too.
    shown = "(no answer)" if prediction.answer is None else in_words(prediction.answer, example.text)
    console.print(f"  → {shown}  {prediction.score:.0%}", markup=False)
    for answer, score in prediction.ranked[1:n_best]:
        console.print(f"    or {in_words(answer, example.text)}  {score:.0%}", markup=False)
    for rule in prediction.broken:
        console.print(f"    breaks {rule}", style="red", markup=False)
    for firing in prediction.rules:
        words = ", ".join(f"“{example.text[s.start : s.end]}”" for s in firing.spans[:4])
        console.print(f"    {firing.rule} {_says(firing)}{f': {words}' if words else ''}", markup=False)
    if not prediction.rules:
        console.print("    no rule fired", markup=False)


def in_words(answer: Answer, text: str) -> str:
    """An answer as a line of text; of spans, the words and their labels.

    >>> from ruletune.types import Label, Span
    >>> in_words(Label.of("spam"), "Buy!"), in_words(Spans((Span(0, 3, "PER"),)), "Ann met Bo")
    ('spam', 'Ann (PER)')
    """
    if not isinstance(answer, Spans):
        return str(answer) or "(no label)"
    found = [text[s.start : s.end] + (f" ({s.label})" if s.label else "") for s in answer.spans]
    return ", ".join(found) or "(nothing)"


def _says(firing: Firing) -> str:
    """What a rule says, in words."""
    if firing.answer is None:
        return "fires"
    if isinstance(firing.answer, Spans):
        labels = ", ".join(dict.fromkeys(span.label for span in firing.answer.spans))
        return f"{'vetoes' if firing.veto else 'says'} {labels}"
    return f"{'vetoes' if firing.veto else 'says'} {firing.answer}"


def open_run(folder: Path, allow_code: list[str] | None = None) -> Run:
    """A run folder, opened, with a word on stderr about rules of it whose code is not allowed to run."""
    from ruletune.pipeline.run import load

    run = load(folder, allow_code=allow_code or ())
    for module, rules in run.withheld.items():
        names = ", ".join(map(repr, rules[:_RULES])) + (", ..." if len(rules) > _RULES else "")
        said = f"Note: the rules {names} say nothing: look at {module}, and allow it with --allow-code {module}\n"
        sys.stderr.write(printable(said))
    return run
