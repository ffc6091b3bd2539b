"""What the workbench says, as its page reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ruletune.config import TaskSpec
from ruletune.tasks import Readout
from ruletune.types import Example
from ruletune.workbench.project import Project
from ruletune.workbench.snapshot import Snapshot
from ruletune.workbench.values import (
    NotReadyError,
    Row,
    TestResult,
    to_json,
)
from ruletune.workbench.viewing import EntryView

__all__ = ["LiveView", "Piece", "entry_value", "row_value", "rows_value", "state_value"]

_SHAPES: dict[Readout, str] = {
    "text": "label",
    "pair": "label",
    "tokens": "spans",
    "extract": "passage",
    "generate": "text",
}

_SPANS = ("spans", "passage")


class LiveView(Protocol):
    """What of the numbers' side is asked for here."""

    @property
    def ready(self) -> Mapping[str, Any]: ...

    @property
    def counts(self) -> Mapping[str, int]: ...

    @property
    def training(self) -> Any: ...

    @property
    def report(self) -> Any: ...

    def tests(self) -> Mapping[int, Sequence[TestResult]]: ...

    def text(self, identity: str) -> Row: ...

    def example(self, identity: str) -> Example: ...


def state_value(project: Project, live: LiveView) -> dict[str, Any]:
    """All that the page shows of the files."""
    now = project.snapshot
    tests = _tests(now, live)
    entries = [entry_value(view, tests.get(view.position, ())) for view in now.views]
    return {
        "revision": now.revision,
        "task": _task(now.spec),
        "rules": entries,
        "problems": to_json(now.problems),
        "undo": project.undoable,
        "redo": project.redoable,
        "labels_file": str(project.labels_path),
        "counts": {**live.counts, "hand": len(now.labels)},
        "training": to_json(live.training),
        "ready": dict(live.ready),
        "report": None if live.report is None else "/report/",
    }


def _task(spec: TaskSpec) -> dict[str, Any]:
    return {
        "kind": spec.task.name,
        "name": spec.file.name,
        "description": spec.file.description,
        "path": str(spec.path),
        "readout": "label" if spec.task.readout == "text" else spec.task.readout,
        "shape": _SHAPES[spec.task.readout],
        "labels": [{"name": name, "description": text} for name, text in spec.file.labels.items()],
        "multi_label": spec.file.multi_label,
        "negative": spec.file.negative,
    }


def _tests(now: Snapshot, live: LiveView) -> Mapping[int, Sequence[TestResult]]:
    """How the tests go; those that need the model as soon as it is there."""
    found = now.tests
    if not any(test.ok is None and "model" in test.got for several in found.values() for test in several):
        return found
    if not live.ready.get("texts"):
        return found
    try:
        known = live.tests()
    except NotReadyError:
        return found
    return {
        place: known.get(place, several) if any("model" in test.got for test in several) else several
        for place, several in found.items()
    }


def entry_value(view: EntryView, tests: Sequence[TestResult] = ()) -> dict[str, Any]:
    """An entry of the rules."""
    return {**to_json(view), "tests": to_json(tests)}


def row_value(row: Row) -> dict[str, Any]:
    """A text with all that is known of it."""
    value: dict[str, Any] = to_json(row)
    if row.weak is not None:
        value["weak"] = {"answer": row.weak.answer, "probability": row.weak.score}
    return value


def rows_value(value: Any) -> dict[str, Any]:
    """What has rows, such as a page of texts."""
    found: dict[str, Any] = to_json(value)
    for name in ("rows", "matches"):
        several = getattr(value, name, ())
        if several and all(isinstance(row, Row) for row in several):
            found[name] = [row_value(row) for row in several]
    return found


class Piece:
    """The piece of a long text that the page shows, and answers as they look in it. Ranges count in the piece.

    >>> piece = Piece("spans", 10, 20)
    >>> whole = [{"start": 2, "end": 4, "label": "A"}, {"start": 8, "end": 12, "label": "A"}]
    >>> piece.shown(whole)
    [{'start': 0, 'end': 2, 'label': 'A'}]
    >>> piece.whole([{"start": 0, "end": 2, "label": "A"}, {"start": 5, "end": 6, "label": "B"}], whole)[1:]
    [{'start': 8, 'end': 12, 'label': 'A'}, {'start': 15, 'end': 16, 'label': 'B'}]
    """

    def __init__(self, shape: str, start: int, end: int) -> None:
        self.shape, self.start, self.end = shape, start, end

    @classmethod
    def of(cls, spec: TaskSpec, row: Row) -> Piece:
        return cls(_SHAPES[spec.task.readout], row.offset, row.offset + len(row.text))

    def shown(self, answer: Any) -> Any:
        """A whole answer as the page shows it: of several passages the first."""
        if self.shape not in _SPANS or not isinstance(answer, list):
            return answer
        several = answer[:1] if self.shape == "passage" else answer
        return [shown for span in several if (shown := self._cut(span)) is not None]

    def whole(self, answer: Any, before: Any) -> Any:
        """The whole answer that an answer of the page's means.

        Args:
            before: The whole answer until now: what of it lies outside the piece stays.
        """
        if self.shape not in _SPANS or not isinstance(answer, list):
            return answer
        known = before if isinstance(before, list) and self.shape == "spans" else []
        kept = [span for span in known if self._cut(span) is None]
        old = {_edges(shown): span for span in known if (shown := self._cut(span)) is not None}
        return kept + [old.get(_edges(span)) or self._moved(span) for span in answer]

    def _cut(self, span: Mapping[str, Any]) -> dict[str, Any] | None:
        """What is seen of a span, if any is."""
        start, end = max(span["start"], self.start), min(span["end"], self.end)
        if start >= end:
            return None
        return {"start": start - self.start, "end": end - self.start, "label": span["label"]}

    def _moved(self, span: Any) -> Any:
        if not isinstance(span, dict) or type(span.get("start")) is not int or type(span.get("end")) is not int:
            return span  # what is wrong with it is said elsewhere
        return {**span, "start": span["start"] + self.start, "end": span["end"] + self.start}


def _edges(span: Any) -> tuple[Any, ...]:
    if not isinstance(span, Mapping):
        return ()
    return tuple(repr(span.get(key, "")) for key in ("start", "end", "label"))
