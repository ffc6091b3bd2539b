"""The numbers of the workbench: what rules do on the texts, what a draft would do, what to label next, and training.

Everything that takes long goes on behind: a thread reads the texts, embeds some of them and works out estimates, and a
process trains. What is asked for is answered from what is known so far, and listeners are told when there is more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from ruletune.config.drafting import with_draft
from ruletune.errors import UserError
from ruletune.labeling.corpus import needs_one_task
from ruletune.types import Example, Label
from ruletune.workbench.behind import EMBEDDED, Behind, Known, Project, direct
from ruletune.workbench.bench import tested
from ruletune.workbench.choosing import next_texts
from ruletune.workbench.predicting import Predicting
from ruletune.workbench.quick import Quick
from ruletune.workbench.rows import row_of
from ruletune.workbench.searching import filtered
from ruletune.workbench.suggesting import Refused, suggestions
from ruletune.workbench.training import TrainingJob
from ruletune.workbench.values import (
    Estimate,
    Filter,
    Next,
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
from ruletune.workbench.vectors import chosen_rows

__all__ = ["Live", "Project"]

_MATCHES = 20
"""Texts on which a draft fires that are shown."""


Listener = Callable[[str, dict[str, Any]], None]
"""Told what there is news about (``state``, ``numbers``, ``training``, ``ready``), and the news as JSON."""


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
        self._listeners: list[Listener] = []
        self._newest, self._trials = 0, Lock()
        self._refused = Refused(self.hidden)
        self._job = TrainingJob(
            runs or spec.folder / "runs", self.hidden, stem=spec.path.stem, listener=self._trained
        )  # fmt: skip
        self._behind = Behind(project, embedded=embedded, tell=self._tell)
        self._predicting = Predicting(self._behind.pause, lambda: self._tell("numbers"))

    # -- life

    def start(self) -> None:
        """Begin to read, embed and estimate."""
        self._behind.start()

    def close(self) -> None:
        """End all work; a training that goes on is stopped, and can be gone on with."""
        self._behind.end()
        self._predicting.close()
        self._job.close()
        self._behind.close()

    def __enter__(self) -> Live:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell a listener of news, from threads of the workbench's own; returns what ends that. It must be quick."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def changed(self) -> None:
        """The project has changed: bring everything up to date, behind."""
        self._behind.changed()

    def _tell(self, what: str, news: dict[str, Any] | None = None) -> None:
        for listener in list(self._listeners):
            listener(what, {"revision": self.project.revision} if news is None else news)

    # -- the state of things

    @property
    def ready(self) -> dict[str, Any]:
        """Whether the texts are read, and what share of those that are to be embedded is."""
        return {"texts": self._behind.known is not None, "embedded": self._behind.done}

    @property
    def counts(self) -> dict[str, int]:
        """How many texts there are, with gold, and labelled by hand; zeros while they are being read."""
        now = self._behind.known
        if now is None:
            return {"texts": 0, "gold": 0, "hand": 0}
        return {"texts": len(now.texts.examples), "gold": int(now.texts.known.sum()), "hand": len(now.texts.hand)}

    def _now(self) -> Known:
        """What is known, brought up to date.

        Raises:
            NotReadyError: The texts are still being read.
            UserError: They cannot be, or a rule is wrong.
        """
        return self._behind.now()

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
            with self._behind.turns.first():
                spec = with_draft(now.spec, written, position=position)
                check()
                found = now.bench.draft(now.look, spec, now.texts, place + 1, check=check)
                tests = tested(spec, place + 1, embed=now.vectors.embed(direct(spec)))
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
        embed = now.vectors.embed(direct(now.spec))
        return {place - 1: tested(now.spec, place, embed=embed) for place in places}

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
        quick = self._behind.quick
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

    def _place(self, now: Known, identity: str) -> int:
        row = now.texts.index.get(identity)
        if row is None:
            raise UserError(f"there is no text {identity[:100]!r}")
        return row

    def _row(self, now: Known, row: int) -> Row:
        return row_of(now.texts, row, now.look, model=self._said(now, row))

    def _said(self, now: Known, row: int) -> Said | None:
        """What the newest run says of a text, or else the quick model."""
        run = self._job.newest()
        if run is not None:
            return self._predicting.said(run, now.texts.examples[row], multi=now.spec.file.multi_label)
        return None if self._behind.quick is None else self._behind.quick[1].said.get(row)

    def next(self, count: int = 10) -> Next:
        """What to label next."""
        now = self._now()
        found = self._behind.quick
        return next_texts(
            now.texts, now.look, now.vectors, None if found is None else found[1],
            count=count, seed=now.spec.file.seed, row=lambda row: self._row(now, row),
        )  # fmt: skip

    # -- numbers

    def numbers(self) -> Numbers:
        """The rule table, and estimates as far as they are known."""
        now = self._now()
        quick = self._behind.quick
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

    def _estimate(self, now: Known, quick: tuple[str, Quick] | None) -> Estimate | None:
        if now.spec.task.answer is not Label:
            return None
        pending = (quick is None or quick[0] != now.revision) and not self._behind.broken
        verdict = None if quick is None else quick[1].verdict
        alternatives = () if verdict is None else verdict.alternatives
        return Estimate(
            pending=pending,
            alternatives=tuple({"name": a.name, "accuracy": a.accuracy, "error": a.error} for a in alternatives),
            metric="accuracy",
            reason=self._behind.broken or ("" if verdict is None else verdict.reason),
            use_rules=verdict.rules if verdict is not None and alternatives else None,
            embedded=self._behind.done,
        )

    # -- suggestions

    def suggestions(self, rule: str | None = None) -> Suggestions:
        """Rules that might be written, or changes to one."""
        now = self._now()
        if now.spec.task.answer is not Label:
            return Suggestions(True, ("Rules are suggested where the answer is a label.",), ())
        rows = now.vectors.rows
        if not len(rows) and not self._behind.broken:
            return Suggestions(False, ("The texts are being read by the model first.",), ())
        if now.vectors.pairs or not len(rows):
            rows = chosen_rows(now.texts, limit=self._embedded, seed=now.spec.file.seed)
            return suggestions(now.spec, self._few(now, rows), rule=rule, embed=None, refused=self._refused)
        embed = now.vectors.embed(direct(now.spec))
        return suggestions(now.spec, self._few(now, rows), rule=rule, embed=embed, refused=self._refused)

    def _few(self, now: Known, rows: Sequence[int] | np.ndarray) -> list[Example]:
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
