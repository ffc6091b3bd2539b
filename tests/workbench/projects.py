"""A project that is nothing but values, for what the workbench computes."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruletune.config import TaskSpec, parse_task
from ruletune.types import Answer
from ruletune.workbench.live import Live

__all__ = ["LABELS_TASK", "Fixed", "News", "nowhere", "write_rows"]

LABELS_TASK = """task: classification
labels: {ham: wanted, spam: unwanted}
data: {train: train.jsonl, unlabeled: more.jsonl, split: {validation: 0, test: 0}}
rules:
  - {name: prize, keywords: [prize, win], vote: spam}
  - {name: hello, regex: '\\bhello\\b', ignore_case: true, vote: ham}
  - {name: cash, regex: cash, vote: spam}
"""


class Fixed:
    """A task that changes when the test says so."""

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.hand, self.number = path, dict[str, Answer](), 0
        self.write(source)

    def write(self, source: str) -> None:
        self.path.write_text(source, encoding="utf-8")
        self.spec: TaskSpec = parse_task(source, path=self.path)
        self.number += 1

    def label(self, identity: str, answer: Answer | None) -> None:
        self.hand = {name: given for name, given in self.hand.items() if name != identity}
        if answer is not None:
            self.hand[identity] = answer
        self.number += 1

    @property
    def revision(self) -> str:
        return str(self.number)

    def hand_labels(self) -> Mapping[str, Answer]:
        return self.hand


class News:
    """Collects what a workbench tells, and waits for it."""

    def __init__(self, live: Live) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self._more = threading.Condition()
        live.subscribe(self.hear)

    def hear(self, what: str, news: dict[str, Any]) -> None:
        with self._more:
            self.told.append((what, news))
            self._more.notify_all()

    def wait(self, test: Any, *, seconds: float = 120.0) -> None:
        """Until a test of nothing holds; looked at again at every piece of news."""
        with self._more:
            assert self._more.wait_for(test, timeout=seconds), self.told[-3:]


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def nowhere(rows: Sequence[Any]) -> list[Any]:
    """Rows of a table without the lines of the rules: a draft's are its own."""
    return [replace(row, where="") for row in rows]
