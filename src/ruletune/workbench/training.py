"""Full training, in a process of its own: one run at a time, which can be stopped and gone on with."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from ruletune.config import TaskSpec
from ruletune.errors import UserError
from ruletune.store import write_text
from ruletune.workbench.trainee import INTERRUPTED
from ruletune.workbench.values import Training

__all__ = ["TrainingJob"]

_LINES = 500
"""Log lines that are kept."""

_PATIENCE = 20.0
"""Seconds in which a run that is told to stop ends by itself."""

_DONE = "Trained. The report says what the rules were worth."
_STOPPED = "Stopped. Nothing is lost: training goes on from here if the task and the data stay as they are."


class TrainingJob:
    """The training of one workbench.

    Args:
        runs: The folder of run folders, which are called as the task file is, with a number.
        hidden: A folder for the task file's text as it is trained with.
        listener: Told each new state, from a thread of the job's own.
    """

    def __init__(self, runs: Path, hidden: Path, *, stem: str, listener: Callable[[Training], None]) -> None:
        self._runs, self._hidden, self._stem, self._listener = runs, hidden, stem, listener
        self._lock = Lock()
        self._state = Training()
        self._process: subprocess.Popen[str] | None = None
        self._thread: Thread | None = None

    @property
    def state(self) -> Training:
        return self._state

    def newest(self) -> Path | None:
        """The newest finished run."""
        return next((run for _, run in sorted(self._finished(), reverse=True)), None)

    def _finished(self) -> list[tuple[int, Path]]:
        shape = re.compile(rf"{re.escape(self._stem)}-([0-9]+)")
        found = []
        with suppress(OSError):
            for folder in self._runs.iterdir():
                match = shape.fullmatch(folder.name)
                if match and (folder / "ruletune.json").is_file():
                    found.append((int(match[1]), folder))
        return found

    def start(self, spec: TaskSpec) -> Training:
        """Train the task as it is now. What was stopped is gone on with, if it was begun from the same.

        Raises:
            UserError: It trains already.
        """
        with self._lock:
            if self._process is not None:
                raise UserError("training is going on already", remedy="wait for it, or stop it")
            number = max((n for n, _ in self._finished()), default=0) + 1
            run = self._runs / f"{self._stem}-{number}"
            self._hidden.mkdir(parents=True, exist_ok=True)
            self._runs.mkdir(parents=True, exist_ok=True)
            snapshot = self._hidden / "training.yaml"
            write_text(snapshot, spec.source)
            command = [sys.executable, "-m", "ruletune.workbench.trainee", str(snapshot), str(spec.path), str(run)]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # an interrupt at the terminal is the workbench's to pass on
            )
            self._state = Training("running", stage="starting", run=str(run))
            self._thread = Thread(target=self._watch, args=(self._process, run), name="training", daemon=True)
            self._thread.start()
        self._listener(self._state)
        return self._state

    def stop(self) -> Training:
        """Interrupt the training, if there is any; the state follows when it has ended."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(signal.SIGINT)
                self._state = replace(self._state, detail="stopping")
        return self._state

    def close(self) -> None:
        """Stop, and wait for the end."""
        self.stop()
        process, thread = self._process, self._thread
        if process is not None:
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
        if thread is not None:
            thread.join()

    def _watch(self, process: subprocess.Popen[str], run: Path) -> None:
        assert process.stdout is not None and process.stderr is not None
        errors: list[str] = []
        reader = Thread(target=_collect, args=(process.stderr, errors), daemon=True)
        reader.start()
        said: dict[str, Any] = {}
        for line in process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                self._tell(replace(self._state, log=_with(self._state.log, line.rstrip())))
                continue
            if "name" in said:
                self._event(said)
        code = process.wait()
        reader.join()
        process.stdout.close()
        process.stderr.close()
        with self._lock:
            self._process = None
            self._state = self._ended(code, said, errors)
        self._listener(self._state)

    def _event(self, said: dict[str, Any]) -> None:
        state = self._state
        stage, done, total, detail = str(said["name"]), int(said["done"]), int(said["total"]), str(said["detail"])
        log = state.log if state.stage == stage else _with(state.log, stage)
        if detail and done >= total:
            log = _with(log, f"{stage}: {detail}")
        stopping = state.detail == "stopping"
        self._tell(
            replace(state, stage=stage, done=done, total=total, detail="stopping" if stopping else detail, log=log)
        )

    def _tell(self, state: Training) -> None:
        with self._lock:
            self._state = state
        self._listener(state)

    def _ended(self, code: int, said: dict[str, Any], errors: list[str]) -> Training:
        state = replace(self._state, detail="")
        if code == 0:
            return replace(state, state="done", message=_DONE)
        if code in (INTERRUPTED, -signal.SIGINT):
            return replace(state, state="stopped", message=_STOPPED)
        message = str(said.get("error") or (errors[-1] if errors else f"the process ended with {code}"))
        return replace(state, state="failed", message=message, log=_with(state.log, *errors[-40:]))


def _with(log: tuple[str, ...], *lines: str) -> tuple[str, ...]:
    return (*log, *lines)[-_LINES:]


def _collect(stream: Any, lines: list[str]) -> None:
    for line in stream:
        if line.strip():
            lines.append(line.rstrip())
            del lines[:-_LINES]
