"""The process that trains for the workbench: it reads a task as it was, and tells events as JSON lines on stdout.

``python -m ruletune.workbench.trainee SNAPSHOT TASK RUN``: the snapshot is the task file's text when training was asked
for, and ``TASK`` is where it stands, which paths in it are relative to. An interrupted run of the same task and data is
gone on with; one of anything else is begun anew.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from ruletune.config import parse_task
from ruletune.errors import Location, RuletuneError, UserError
from ruletune.progress import Event
from ruletune.rules.entry import read_text
from ruletune.store import OtherRunError

__all__ = ["main"]

INTERRUPTED = 130


def main(snapshot: str, task: str, run: str) -> int:
    """Train, and return the exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    try:
        spec = parse_task(read_text(Path(snapshot), where=Location(task)), path=Path(task))
        from ruletune.pipeline.fit import fit

        try:
            fit(spec, out=run, resume=True, listener=_tell)
        except OtherRunError:
            fit(spec, out=run, overwrite=True, listener=_tell)
    except KeyboardInterrupt:
        return INTERRUPTED
    except RuletuneError as error:
        _say({"error": str(error)})
        return 2 if isinstance(error, UserError) else 1
    _say({"run": run})
    return 0


def _tell(event: Event) -> None:
    _say({"name": event.name, "done": event.done, "total": event.total, "detail": event.detail})


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # A workbench that a shell put into the background ignores interrupts, and this process would with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(*sys.argv[1:]))
