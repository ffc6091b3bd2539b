"""What the workbench knows of the task, and the thread that keeps it up to date behind.

The thread reads the texts, embeds some of them and works out estimates. Whoever asks meanwhile is answered from what is known so
far; whoever tries a draft goes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Condition, Event, Lock, RLock, Thread
from typing import Any, Protocol

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location
from ruletune.labeling.apply import needs_embedding
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.hand_labels import HandLabels
from ruletune.training.quick import Pool
from ruletune.types import Answer, Label, Text
from ruletune.workbench.bench import Bench, Look
from ruletune.workbench.benches import bench_of
from ruletune.workbench.label_bench import LabelLook
from ruletune.workbench.quick import Quick, quick_look
from ruletune.workbench.texts import Texts, read_texts
from ruletune.workbench.values import NotReadyError
from ruletune.workbench.vectors import Vectors, chosen_rows

__all__ = ["EMBEDDED", "Behind", "Known", "Project", "direct"]

EMBEDDED = 2000
"""Texts with gold, and texts without, that are embedded at most."""

_SOON = 256
"""Texts without gold that are embedded first, so that there is an estimate soon."""

_PATIENCE = 30.0
"""Seconds that a question waits for the texts to be read."""

_ALMOST = 0.99
"""Share of the texts that is said to be embedded before all are."""

_HURRY = 2.0
"""Seconds that work behind waits at most for a draft that is tried."""


class Project(Protocol):
    """The task as it is now."""

    @property
    def spec(self) -> TaskSpec: ...

    @property
    def revision(self) -> str: ...

    def hand_labels(self) -> HandLabels | Mapping[str, Answer]: ...


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one revision."""

    revision: str
    spec: TaskSpec
    texts: Texts
    bench: Bench
    look: Look
    vectors: Vectors


class _InVainError(Exception):
    """The task was changed, or everything ends: nobody wants what is being worked out."""


class Tell(Protocol):
    """Is told what there is news about, and the news as JSON; default the revision."""

    def __call__(self, what: str, news: dict[str, Any] | None = None, /) -> None: ...


class Turns:
    """While a draft is tried, work behind waits a little."""

    def __init__(self) -> None:
        self._lock, self._hurrying = Lock(), 0
        self._calm = Event()
        self._calm.set()

    @contextmanager
    def first(self) -> Iterator[None]:
        """What is done inside goes first."""
        with self._lock:
            self._hurrying += 1
            self._calm.clear()
        try:
            yield
        finally:
            with self._lock:
                self._hurrying -= 1
                if not self._hurrying:
                    self._calm.set()

    def wait(self) -> None:
        """Let those go first who are in a hurry, but not for ever."""
        self._calm.wait(_HURRY)

    def end(self) -> None:
        """Nobody waits any more."""
        self._calm.set()


class Behind:
    """What is known of a project, brought up to date by a thread; safe to be asked from several.

    Args:
        embedded: Texts with gold, and texts without, that are embedded at most.
        tell: Told when there is more.

    Attributes:
        quick: What the quick model makes of the texts, and the revision that it was made for; ``None`` before there is one.
        broken: Why there is none, or no newer one.
        done: Share of the texts that are to be embedded which is, in [0, 1].
    """

    def __init__(self, project: Project, *, embedded: int, tell: Tell) -> None:
        self.turns = Turns()
        self.quick: tuple[str, Quick] | None = None
        self.broken = ""
        self.done = 0.0
        self._project, self._embedded, self._tell = project, embedded, tell
        self._lock = RLock()
        self._known: Known | None = None
        self._wake = Condition()
        self._asked, self._closed = False, False
        self._thread = Thread(target=self._work, name="workbench", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self.changed()

    def end(self) -> None:
        """Begin nothing more."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self.turns.end()

    def close(self) -> None:
        """End, and wait for what is under way."""
        self.end()
        if self._thread.is_alive():
            self._thread.join()

    def changed(self) -> None:
        """The project has changed: bring everything up to date."""
        with self._wake:
            self._asked = True
            self._wake.notify_all()

    @property
    def known(self) -> Known | None:
        """What is known already, of whatever revision; ``None`` while the texts are read for the first time."""
        return self._known

    def now(self, *, behind: bool = False) -> Known:
        """What is known, brought up to date.

        Args:
            behind: The work behind asks, and need not be told that there is something to do.

        Raises:
            NotReadyError: The texts are still being read.
            UserError: They cannot be, or a rule is wrong.
        """
        if not self._lock.acquire(timeout=_PATIENCE):
            raise NotReadyError("the texts are still being read")
        try:
            revision, spec, hand = self._parts()
            now = self._known
            if now is None or now.revision != revision:
                now = self._known = self._advanced(now, revision, spec, hand)
                if not behind:
                    self.changed()
            return now
        finally:
            self._lock.release()

    def _parts(self) -> tuple[str, TaskSpec, HandLabels | Mapping[str, Answer]]:
        """The project's parts, all of one revision."""
        while True:
            revision, spec, hand = self._project.revision, self._project.spec, self._project.hand_labels()
            if revision == self._project.revision:
                return revision, spec, hand

    def _advanced(self, old: Known | None, revision: str, spec: TaskSpec, hand: Any) -> Known:
        if old is None or _source(old.spec) != _source(spec):
            texts, vectors = read_texts(spec), Vectors(spec)
            bench = bench_of(spec, texts, embed=vectors.embed(direct(spec)))
            self.quick, self.broken, self.done = None, "", 0.0
        else:
            texts, vectors, bench = old.texts, old.vectors, old.bench
        texts = texts.with_hand(hand)
        return Known(revision, spec, texts, bench, bench.look(spec, texts), vectors)

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._asked or self._closed)
                if self._closed:
                    return
                self._asked = False
            try:
                self._refresh()
            except _InVainError:
                self.changed()
            except Exception as error:  # whatever went wrong, the rest of the workbench goes on
                self.broken = str(error) or type(error).__name__
                self._tell("numbers")

    def _refresh(self) -> None:
        """Read, embed, and estimate, as far as that is not done."""
        first = self._known is None
        now = self.now(behind=True)
        if first:
            self._tell("ready", {"embedded": self.done})
        self._tell("numbers", {"revision": now.revision})
        if now.spec.task.answer is Text:  # nothing is embedded: what writes texts has no embeddings
            self.done = 1.0
            self._tell("ready", {"embedded": self.done})
            return
        rows = chosen_rows(now.texts, limit=self._embedded, seed=now.spec.file.seed)
        few = int(now.texts.known[rows].sum()) + _SOON
        for part in (rows[:few], rows):
            self._embed(now, part, len(rows))
            if now.spec.task.answer is Label:
                self._look_quickly(now, part)

    def _embed(self, now: Known, rows: np.ndarray, wanted: int) -> None:
        there = set(now.vectors.rows.tolist())
        fresh = [row for row in rows.tolist() if row not in there]
        done = len(rows) - len(fresh)

        def progress(count: int) -> None:
            nonlocal done
            self.pause()
            done += count
            self.done = min(done / max(wanted, 1), _ALMOST)
            self._tell("ready", {"embedded": self.done})

        now.vectors.add(now.texts, fresh, progress=progress)
        self.done = len(rows) / max(wanted, 1)
        self._tell("ready", {"embedded": self.done})
        if fresh and needs_embedding(now.spec.rules):
            now.bench.forget()
            with self._lock:
                if self._known is now:
                    self._known = replace(now, look=now.bench.look(now.spec, now.texts))

    def _look_quickly(self, now: Known, rows: np.ndarray) -> None:
        look = now.look
        assert isinstance(look, LabelLook)
        pool = Pool(now.vectors.features(rows), look.gold[rows], look.votes.matrix[rows])

        def pause() -> None:
            self.pause()
            if self._project.revision != now.revision:
                raise _InVainError

        self.quick = (now.revision, quick_look(now.spec, rows, pool, pause=pause))
        self.broken = ""
        self._tell("numbers", {"revision": now.revision})

    def pause(self) -> None:
        """Between two pieces of work: let drafts that are tried go first.

        Raises:
            Exception: Everything ends, and nobody wants the rest.
        """
        self.turns.wait()
        if self._closed:
            raise _InVainError


def _source(spec: TaskSpec) -> object:
    """What the texts and their vectors follow from; the files' times of change among it."""
    data = spec.file.data
    times = []
    for name in (data.train, data.unlabeled, data.validation):
        with suppress(OSError):
            times.append((spec.folder / name).stat().st_mtime_ns if name else 0)
    shown = data.model_dump(exclude={"labels", "split", "sample", "limit_unlabeled", "test", "calibration"})
    return (
        spec.task,
        spec.labels,
        spec.file.multi_label,
        shown,
        times,
        spec.file.model.checkpoint,
        spec.file.model.max_length,
    )


def direct(spec: TaskSpec) -> Embed:
    """Embeds with the task's checkpoint, which is not looked for before it is needed."""

    def embed(texts: Sequence[str]) -> np.ndarray:
        from ruletune.models import checkpoints
        from ruletune.models.embeddings import embeddings

        checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder, where=Location(str(spec.path)))
        return embeddings(checkpoint, list(texts), max_length=spec.file.model.max_length)

    return embed
