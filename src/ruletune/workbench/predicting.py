"""What a trained run says of the texts that are shown: worked out behind, and only for these."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Condition, Thread
from typing import TYPE_CHECKING

from ruletune.types import Example, Prediction
from ruletune.workbench.values import Said, answer_json

if TYPE_CHECKING:
    from ruletune.pipeline.run import Run

__all__ = ["Predicting"]

_AT_ONCE = 50
"""Texts that a model is asked about at once; of more that wait, the last ones asked for come first."""


class Predicting:
    """Answers of one run at a time.

    Args:
        pause: Called before each piece of work; raises where the work is in vain.
        told: Called when there are new answers.
    """

    def __init__(self, pause: Callable[[], None], told: Callable[[], None]) -> None:
        self._pause, self._told = pause, told
        self._run: Path | None = None
        self._known: dict[str, Said | None] = {}
        self._waiting: dict[str, tuple[Example, bool]] = {}
        self._wake = Condition()
        self._thread: Thread | None = None
        self._closed = False

    def said(self, run: Path, example: Example, *, multi: bool) -> Said | None:
        """What a run says of a text; ``None`` while that is not known yet."""
        with self._wake:
            if run != self._run:
                self._run = run
                self._known.clear()
                self._waiting.clear()
            if example.id in self._known:
                return self._known[example.id]
            self._waiting.pop(example.id, None)
            self._waiting[example.id] = (example, multi)
            if self._thread is None and not self._closed:
                self._thread = Thread(target=self._work, name="predicting", daemon=True)
                self._thread.start()
            self._wake.notify()
        return None

    def close(self) -> None:
        """End the work."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        opened: tuple[Path, Run] | None = None
        while True:
            with self._wake:
                self._wake.wait_for(lambda: bool(self._waiting) or self._closed)
                if self._closed:
                    return
                path, several = self._run, list(self._waiting.values())[-_AT_ONCE:]
            assert path is not None
            try:
                self._pause()
                if opened is None or opened[0] != path:
                    from ruletune.pipeline.run import load  # with torch, which the page does not wait for

                    opened = path, load(path)
                found = opened[1].predict([example for example, _ in several], with_rules=False)
            except Exception:  # a run that somebody deletes meanwhile, say: nothing is said then
                found = [None] * len(several)  # type: ignore[list-item]
            with self._wake:
                for (example, multi), prediction in zip(several, found, strict=True):
                    self._waiting.pop(example.id, None)
                    if path == self._run:
                        self._known[example.id] = _said(prediction, multi=multi)
            if not self._closed:
                self._told()


def _said(prediction: Prediction | None, *, multi: bool) -> Said | None:
    if prediction is None or prediction.answer is None:
        return None
    return Said(answer_json(prediction.answer, multi=multi), prediction.score)
