"""The numbers of the workbench: what rules do on the texts, what a draft would do, what to label next, and training.

Everything that takes long goes on behind: a thread reads the texts, embeds some of them and works out estimates, and a
process trains. What is asked for is answered from what is known so far, and listeners are told when there is more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Condition, Event, Lock, RLock, Thread
from typing import Any, Protocol

import numpy as np

from ruletune.config import TaskSpec
from ruletune.config.drafting import with_draft
from ruletune.errors import Location, UserError
from ruletune.labeling.apply import needs_embedding
from ruletune.labeling.corpus import needs_one_task
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.hand_labels import HandLabels
from ruletune.training.quick import Pool
from ruletune.types import Answer, Example, Label, Text
from ruletune.workbench.bench import Bench, Look, tested
from ruletune.workbench.benches import bench_of
from ruletune.workbench.choosing import next_texts
from ruletune.workbench.label_bench import LabelLook
from ruletune.workbench.predicting import Predicting
from ruletune.workbench.quick import Quick, quick_look
from ruletune.workbench.rows import row_of
from ruletune.workbench.searching import filtered
from ruletune.workbench.suggesting import Refused, suggestions
from ruletune.workbench.texts import Texts, read_texts
from ruletune.workbench.training import TrainingJob
from ruletune.workbench.values import (
    Estimate,
    Filter,
    Next,
    NotReadyError,
    Numbers,
    Page,
    Row,
    Said,
    Suggestions,
    SupersededError,
    TestResult,
    Training,
    Trial,
    to_json,
)
from ruletune.workbench.vectors import Vectors, chosen_rows

__all__ = ["Live", "Project"]

EMBEDDED = 2000
"""Texts with gold, and texts without, that are embedded at most."""

_SOON = 256
"""Texts without gold that are embedded first, so that there is an estimate soon."""

_MATCHES = 20
"""Texts on which a draft fires that are shown."""

_PATIENCE = 30.0
"""Seconds that a question waits for the texts to be read."""

_ALMOST = 0.99
"""Share of the texts that is said to be embedded before all are."""

_HURRY = 2.0
"""Seconds that work behind waits at most for a draft that is tried."""

Listener = Callable[[str, dict[str, Any]], None]
"""Told what there is news about (``state``, ``numbers``, ``training``, ``ready``), and the news as JSON."""


class Project(Protocol):
    """The task as it is now."""

    @property
    def spec(self) -> TaskSpec: ...

    @property
    def revision(self) -> str: ...

    def hand_labels(self) -> HandLabels | Mapping[str, Answer]: ...


@dataclass(frozen=True, slots=True)
class _Now:
    """What is known of one revision."""

    revision: str
    spec: TaskSpec
    texts: Texts
    bench: Bench
    look: Look
    vectors: Vectors


class _InVainError(Exception):
    """The task was changed, or everything ends: nobody wants what is being worked out."""


class Live:
    """What the workbench computes; safe to be asked from several threads.

    Args:
        project: The task as it is now; its revision changes whenever the rules or the labels do.
        runs: Where runs go; default a folder ``runs`` beside the task file.
        embedded: Texts with gold, and texts without, that are embedded at most.

    Raises:
        UserError: The task is one of two tasks.
    """

    def __init__(self, project: Project, *, runs: Path | None = None, embedded: int = EMBEDDED) -> None:
        self.project = project
        spec = project.spec
        needs_one_task(spec, "the workbench")
        self.hidden = spec.folder / f".{spec.path.name}.workbench"
        self._embedded = embedded
        self._lock = RLock()
        self._listeners: list[Listener] = []
        self._now_known: _Now | None = None
        self._quick: tuple[str, Quick] | None = None
        self._quick_broken = ""
        self._done = 0.0
        self._wake = Condition()
        self._asked, self._closed = False, False
        self._calm = Event()
        self._calm.set()
        self._newest, self._hurrying, self._trials = 0, 0, Lock()
        self._refused = Refused(self.hidden)
        self._job = TrainingJob(
            runs or spec.folder / "runs", self.hidden, stem=spec.path.stem, listener=self._trained
        )  # fmt: skip
        self._predicting = Predicting(self._hurried, lambda: self._tell("numbers"))
        self._thread = Thread(target=self._work, name="workbench", daemon=True)

    # -- life

    def start(self) -> None:
        """Begin to read, embed and estimate."""
        self._thread.start()
        self.changed()

    def close(self) -> None:
        """End all work; a training that goes on is stopped, and can be gone on with."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._calm.set()
        self._predicting.close()
        self._job.close()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Live:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell a listener of news, from threads of the workbench's own; returns what ends that. It must be quick."""
        with self._lock:
            self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def changed(self) -> None:
        """The project has changed: bring everything up to date, behind."""
        with self._wake:
            self._asked = True
            self._wake.notify_all()

    def _tell(self, what: str, news: dict[str, Any] | None = None) -> None:
        for listener in list(self._listeners):
            listener(what, {"revision": self.project.revision} if news is None else news)

    # -- the state of things

    @property
    def ready(self) -> dict[str, Any]:
        """Whether the texts are read, and what share of those that are to be embedded is."""
        return {"texts": self._now_known is not None, "embedded": self._done}

    @property
    def counts(self) -> dict[str, int]:
        """How many texts there are, with gold, and labelled by hand; zeros while they are being read."""
        now = self._now_known
        if now is None:
            return {"texts": 0, "gold": 0, "hand": 0}
        return {"texts": len(now.texts.examples), "gold": int(now.texts.known.sum()), "hand": len(now.texts.hand)}

    def _now(self, *, behind: bool = False) -> _Now:
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
            revision, spec, hand = self._project()
            now = self._now_known
            if now is None or now.revision != revision:
                now = self._now_known = self._advanced(now, revision, spec, hand)
                if not behind:
                    self.changed()
            return now
        finally:
            self._lock.release()

    def _project(self) -> tuple[str, TaskSpec, HandLabels | Mapping[str, Answer]]:
        """The project's parts, all of one revision."""
        while True:
            revision, spec, hand = self.project.revision, self.project.spec, self.project.hand_labels()
            if revision == self.project.revision:
                return revision, spec, hand

    def _advanced(self, old: _Now | None, revision: str, spec: TaskSpec, hand: Any) -> _Now:
        if old is None or _source(old.spec) != _source(spec):
            texts, vectors = read_texts(spec), Vectors(spec)
            bench = bench_of(spec, texts, embed=vectors.embed(_direct(spec)))
            self._quick, self._quick_broken, self._done = None, "", 0.0
        else:
            texts, vectors, bench = old.texts, old.vectors, old.bench
        texts = texts.with_hand(hand)
        return _Now(revision, spec, texts, bench, bench.look(spec, texts), vectors)

    # -- drafts

    def trial(self, written: str | Mapping[str, Any], position: int | None = None) -> Trial:
        """Try a draft of an entry, which is not saved.

        Args:
            written: As YAML, or as a value.
            position: Of the entry that it takes the place of, from 0; default it is a further one.

        Raises:
            NotReadyError: The texts are still being read.
            SupersededError: A newer draft came meanwhile.
        """
        began = time.perf_counter()
        with self._trials:
            self._newest += 1
            ticket = self._newest

        def check() -> None:
            if ticket != self._newest:
                raise SupersededError("a newer draft is being tried")

        try:
            now = self._now()
            place = len(now.spec.file.rules) if position is None else position
            with self._hurry():
                spec = with_draft(now.spec, written, position=position)
                check()
                found = now.bench.draft(now.look, spec, now.texts, place + 1, check=check)
                tests = tested(spec, place + 1, embed=now.vectors.embed(_direct(spec)))
                matches = np.flatnonzero(found.matched)[:_MATCHES].tolist()
                rows = tuple(row_of(now.texts, row, found.look, model=self._said(now, row)) for row in matches)
        except UserError as error:
            return Trial(problems=error.problems, seconds=time.perf_counter() - began)
        return Trial(
            rows=found.rows,
            before=found.before,
            after=found.after,
            gained=found.gained,
            lost=found.lost,
            turned=found.turned,
            tests=tests,
            matched=int(found.matched.sum()),
            matches=rows,
            seconds=time.perf_counter() - began,
            approximate=found.approximate,
        )

    def tests(self) -> Mapping[int, tuple[TestResult, ...]]:
        """How the tests beside the rules go, by the position of the entry."""
        now = self._now()
        places = dict.fromkeys(rule.entry for rule in now.spec.rules if rule.tests)
        embed = now.vectors.embed(_direct(now.spec))
        return {place - 1: tested(now.spec, place, embed=embed) for place in places}

    @contextmanager
    def _hurry(self) -> Iterator[None]:
        """While a draft is tried, work behind waits."""
        with self._trials:
            self._hurrying += 1
            self._calm.clear()
        try:
            yield
        finally:
            with self._trials:
                self._hurrying -= 1
                if not self._hurrying:
                    self._calm.set()

    # -- texts

    def texts(
        self,
        *,
        which: Filter = "all",
        rule: str = "",
        label: str = "",
        query: str = "",
        offset: int = 0,
        limit: int = 50,
    ) -> Page:
        """Some of the texts that pass all filters; see :func:`ruletune.workbench.searching.filtered`.

        Raises:
            UserError: The query is a wrong expression.
        """
        now = self._now()
        quick = self._quick
        model = quick[1].answers if quick is not None and which == "disagree" else {}
        rows = filtered(now.texts, now.look, which=which, rule=rule, label=label, query=query, model=model)
        shown = rows[max(offset, 0) :][: max(limit, 0)].tolist()
        return Page(len(rows), tuple(self._row(now, row) for row in shown))

    def text(self, identity: str) -> Row:
        """One text.

        Raises:
            UserError: There is none of that id.
        """
        now = self._now()
        return self._row(now, self._place(now, identity))

    def example(self, identity: str) -> Example:
        """One text as the data has it, with its gold answer.

        Raises:
            UserError: There is none of that id.
        """
        now = self._now()
        return now.texts.examples[self._place(now, identity)]

    def _place(self, now: _Now, identity: str) -> int:
        row = now.texts.index.get(identity)
        if row is None:
            raise UserError(f"there is no text {identity[:100]!r}")
        return row

    def _row(self, now: _Now, row: int) -> Row:
        return row_of(now.texts, row, now.look, model=self._said(now, row))

    def _said(self, now: _Now, row: int) -> Said | None:
        """What the newest run says of a text, or else the quick model."""
        run = self._job.newest()
        if run is not None:
            return self._predicting.said(run, now.texts.examples[row], multi=now.spec.file.multi_label)
        return None if self._quick is None else self._quick[1].said.get(row)

    def next(self, count: int = 10) -> Next:
        """What to label next."""
        now = self._now()
        found = self._quick
        return next_texts(
            now.texts, now.look, now.vectors, None if found is None else found[1],
            count=count, seed=now.spec.file.seed, row=lambda row: self._row(now, row),
        )  # fmt: skip

    # -- numbers

    def numbers(self) -> Numbers:
        """The rule table, and estimates as far as they are known."""
        now = self._now()
        quick = self._quick
        known = None if quick is None else quick[1]
        return Numbers(
            revision=now.revision,
            table=now.look.table,
            totals=now.look.totals,
            estimate=self._estimate(now, quick),
            curve=known.curve if known else (),
            confusion=known.confusion if known else None,
            shares=now.look.shares,
        )

    def _estimate(self, now: _Now, quick: tuple[str, Quick] | None) -> Estimate | None:
        if now.spec.task.answer is not Label:
            return None
        pending = (quick is None or quick[0] != now.revision) and not self._quick_broken
        verdict = None if quick is None else quick[1].verdict
        alternatives = () if verdict is None else verdict.alternatives
        return Estimate(
            pending=pending,
            alternatives=tuple({"name": a.name, "accuracy": a.accuracy, "error": a.error} for a in alternatives),
            metric="accuracy",
            reason=self._quick_broken or ("" if verdict is None else verdict.reason),
            use_rules=verdict.rules if verdict is not None and alternatives else None,
            embedded=self._done,
        )

    # -- suggestions

    def suggestions(self, rule: str | None = None) -> Suggestions:
        """Rules that might be written, or changes to one."""
        now = self._now()
        if now.spec.task.answer is not Label:
            return Suggestions(True, ("Rules are suggested where the answer is a label.",), ())
        rows = now.vectors.rows
        if not len(rows) and not self._quick_broken:
            return Suggestions(False, ("The texts are being read by the model first.",), ())
        if now.vectors.pairs or not len(rows):
            rows = chosen_rows(now.texts, limit=self._embedded, seed=now.spec.file.seed)
            return suggestions(now.spec, self._few(now, rows), rule=rule, embed=None, refused=self._refused)
        embed = now.vectors.embed(_direct(now.spec))
        return suggestions(now.spec, self._few(now, rows), rule=rule, embed=embed, refused=self._refused)

    def _few(self, now: _Now, rows: Sequence[int] | np.ndarray) -> list[Example]:
        """Gold texts first, as suggestions want them."""
        several = [now.texts.examples[int(row)] for row in rows]
        return sorted(several, key=lambda example: example.answer is None)

    def refuse(self, title: str) -> None:
        """Suggest something of this title no more."""
        self._refused.add(title)

    # -- training

    @property
    def training(self) -> Training:
        return self._job.state

    def train(self) -> Training:
        """Train the task as it is now.

        Raises:
            UserError: It trains already.
        """
        return self._job.start(self.project.spec)

    def stop_training(self) -> Training:
        return self._job.stop()

    @property
    def report(self) -> Path | None:
        """The report of the newest finished run."""
        run = self._job.newest()
        return None if run is None or not (run / "report.html").is_file() else run / "report.html"

    def _trained(self, state: Training) -> None:
        self._tell("training", to_json(state))
        if state.state == "done":
            self._tell("state")
            self._tell("numbers")

    # -- work behind

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
                self._quick_broken = str(error) or type(error).__name__
                self._tell("numbers")

    def _refresh(self) -> None:
        """Read, embed, and estimate, as far as that is not done."""
        first = self._now_known is None
        now = self._now(behind=True)
        if first:
            self._tell("ready", {"embedded": self._done})
        self._tell("numbers", {"revision": now.revision})
        if now.spec.task.answer is Text:  # nothing is embedded: what writes texts has no embeddings
            self._done = 1.0
            self._tell("ready", {"embedded": self._done})
            return
        rows = chosen_rows(now.texts, limit=self._embedded, seed=now.spec.file.seed)
        few = int(now.texts.known[rows].sum()) + _SOON
        for part in (rows[:few], rows):
            self._embed(now, part, len(rows))
            if now.spec.task.answer is Label:
                self._look_quickly(now, part)

    def _embed(self, now: _Now, rows: np.ndarray, wanted: int) -> None:
        there = set(now.vectors.rows.tolist())
        fresh = [row for row in rows.tolist() if row not in there]
        done = len(rows) - len(fresh)

        def progress(count: int) -> None:
            nonlocal done
            self._hurried()
            done += count
            self._done = min(done / max(wanted, 1), _ALMOST)
            self._tell("ready", {"embedded": self._done})

        now.vectors.add(now.texts, fresh, progress=progress)
        self._done = len(rows) / max(wanted, 1)
        self._tell("ready", {"embedded": self._done})
        if fresh and needs_embedding(now.spec.rules):
            now.bench.forget()
            with self._lock:
                if self._now_known is now:
                    self._now_known = replace(now, look=now.bench.look(now.spec, now.texts))

    def _look_quickly(self, now: _Now, rows: np.ndarray) -> None:
        look = now.look
        assert isinstance(look, LabelLook)
        pool = Pool(now.vectors.features(rows), look.gold[rows], look.votes.matrix[rows])

        def pause() -> None:
            self._hurried()
            if self.project.revision != now.revision:
                raise _InVainError

        self._quick = (now.revision, quick_look(now.spec, rows, pool, pause=pause))
        self._quick_broken = ""
        self._tell("numbers", {"revision": now.revision})

    def _hurried(self) -> None:
        """Let a draft that is tried go first."""
        self._calm.wait(_HURRY)
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


def _direct(spec: TaskSpec) -> Embed:
    """Embeds with the task's checkpoint, which is not looked for before it is needed."""

    def embed(texts: Sequence[str]) -> np.ndarray:
        from ruletune.models import checkpoints
        from ruletune.models.embeddings import embeddings

        checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder, where=Location(str(spec.path)))
        return embeddings(checkpoint, list(texts), max_length=spec.file.model.max_length)

    return embed
