"""The ``ruletune`` command. Argument parsing and printing only: the work is done below."""

from __future__ import annotations

import sys

import typer

from ruletune.cli import (
    authoring,
    checking,
    console,
    delivering,
    explaining,
    exporting,
    labelling,
    modelling,
    pretraining,
    previewing,
    rules,
    searching,
    serving,
    sharing,
    suggesting,
    talking,
    workbench,
)
from ruletune.errors import RuletuneError

__all__ = ["app", "main"]

app = typer.Typer(
    name="ruletune",
    help="Fine-tune a pretrained language model from a few labels and what you know.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from ruletune import __version__

        typer.echo(f"ruletune {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


app.command()(authoring.init)
app.command()(checking.check)
app.add_typer(rules.app)
app.command()(labelling.label)
app.command()(authoring.sample)
app.command()(pretraining.pretrain)
app.command()(previewing.preview)
app.command()(searching.search)
app.command()(modelling.train)
app.command()(modelling.evaluate)
app.command()(modelling.predict)
app.command()(explaining.explain)
app.command()(talking.chat)
app.command()(serving.serve)
app.command()(workbench.workbench)
app.command()(delivering.export)
app.command()(sharing.card)
app.command()(sharing.push)


rules.app.command()(suggesting.suggest)
rules.app.command()(exporting.export)


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    as_json = "--json" in sys.argv[1:]
    try:
        app(standalone_mode=True)
    except RuletuneError as error:
        if not console.follows():
            console.show_error(error, as_json=as_json)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(console.INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does.
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        told = failure_of(error)
        if told is None:
            raise
        console.show_error(told, as_json=as_json)
        sys.exit(told.exit_code)


def failure_of(error: Exception) -> RuletuneError | None:
    """What the machine failed at, where no command knew better: a disk, or memory. ``None`` for what is a defect.

    >>> str(failure_of(OSError(28, "No space left on device", "out.jsonl")))
    'out.jsonl: No space left on device'
    """
    from ruletune.models.memory import ran_out
    from ruletune.store import disk_error

    if ran_out(error):
        return RuletuneError("memory ran out; end what else uses it, or give smaller pieces of work")
    reason = disk_error(error)
    if reason is None:
        return None
    name = getattr(error, "filename", None)
    return RuletuneError(f"{name}: {reason}" if name is not None else reason)
