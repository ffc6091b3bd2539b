"""A task of intents and slots: two runs over the same texts, each as ever, and how often both of their answers are right."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ruletune.config import TaskSpec, to_yaml
from ruletune.data import understood
from ruletune.labeling.values import answer_value
from ruletune.metrics.calibration import wilson_interval
from ruletune.metrics.understanding import JOINT, Understood, both_right, score
from ruletune.pipeline import findings
from ruletune.pipeline.answering import BOTH, LABELS, RULES
from ruletune.pipeline.fit import Ready, build, identity, ready
from ruletune.pipeline.prepare import Parts, prepare
from ruletune.pipeline.relocate import relocated
from ruletune.pipeline.run import Run, load
from ruletune.pipeline.together import team_workspace
from ruletune.progress import Event, Listener, about
from ruletune.report.model import Report, Score
from ruletune.report.page import render_joint, to_json
from ruletune.rules.code import code_of
from ruletune.store import FORMAT, Workspace, write_json, write_text
from ruletune.tasks import UNDERSTANDING
from ruletune.training import team
from ruletune.types import Label, Span, Spans

__all__ = ["HALVES", "fit_both"]

HALVES = {"intent": "intents", "slots": "slots"}
"""Folder of each half in the run folder, and what it finds."""


def fit_both(
    spec: TaskSpec, *, out: Path, resume: bool, overwrite: bool, listener: Listener, notes: Sequence[str] = ()
) -> None:
    """As :func:`ruletune.pipeline.fit.fit`, of a task that has slots beside its intents.

    The data is read and divided once, so that both halves learn from the same texts and are measured on the same.
    """
    parts = team.agreed(lambda: prepare(spec, listener=listener))
    halves = dict(zip(HALVES, zip(spec.halves, _halved(parts), strict=True), strict=True))
    tellers = {name: about(listener, what) for name, what in HALVES.items()}
    made = team.agreed(
        lambda: {name: ready(half, parts=own, listener=tellers[name]) for name, (half, own) in halves.items()}
    )
    with team_workspace(out, identity=_identity(made), resume=resume, overwrite=overwrite) as workspace:
        answers = {name: _finished(name, half, workspace, listener=tellers[name]) for name, half in made.items()}
        if not team.leads():
            return
        for name in HALVES:
            shutil.copytree(workspace.path(name), workspace.files / name)
        _write(workspace, spec, parts, made, answers, notes)
        workspace.publish()


def _code(spec: TaskSpec) -> tuple[str, ...]:
    """The modules that the rules of both halves call."""
    return tuple(name for half in spec.halves for name in code_of(half.rules, half.folder))


def _halved(parts: Parts) -> tuple[Parts, Parts]:
    """The same texts with their intents, and with their slots."""
    both = {name: [understood.halves(example) for example in getattr(parts, name)] for name in parts.names}
    intents, slots = ({name: tuple(pair[half] for pair in pairs) for name, pairs in both.items()} for half in (0, 1))
    return replace(parts, **intents), replace(parts, **slots)  # type: ignore[arg-type]


def _identity(made: Mapping[str, Ready]) -> dict[str, object]:
    return {
        f"{what} of {HALVES[name]}": value
        for name, half in made.items()
        for what, value in identity(half.spec, half.parts).items()
    }


def _finished(name: str, made: Ready, workspace: Workspace, *, listener: Listener) -> dict[str, Any]:
    """Answers of a half to the test part, by way; its run folder is then among the workspace's parts, whole.

    Only the leader of a team knows the answers.
    """
    place = workspace.path(name)
    if not (workspace.has(name) and place.is_dir()):
        own = identity(made.spec, made.parts)
        with team_workspace(place, identity=own, resume=True, overwrite=False) as half:
            measured = build(made, half, listener=listener)
            if measured is None:
                return {}
            values = {way: [answer_value(answer) for answer in given] for way, given in measured.answers.items()}
            workspace.put(name, values)  # before the folder is there: where both are, the half is done
            half.publish()
        listener(Event("writing the report", 1, 1))
    return dict(workspace.get(name))


@dataclass(frozen=True, slots=True)
class _Ways:
    """Answers of both halves by way of answering."""

    intents: Mapping[str, Sequence[Label]]
    slots: Mapping[str, Sequence[Spans]]

    @classmethod
    def of(cls, answers: Mapping[str, dict[str, Any]]) -> _Ways:
        return cls(
            {way: [_label(value) for value in given] for way, given in answers["intent"].items()},
            {way: [_spans(value) for value in given] for way, given in answers["slots"].items()},
        )

    def together(self) -> dict[str, Understood]:
        """Ways that both halves know; where only one listened to its rules, the other's labels stand beside them."""
        ways = {
            way: (self.intents[way], self.slots[way])
            for way in (RULES, LABELS)
            if way in self.intents and way in self.slots
        }
        if BOTH in self.intents or BOTH in self.slots:
            ways[BOTH] = (list(self.intents.values())[-1], list(self.slots.values())[-1])
        return ways


def _label(value: Any) -> Label:
    return Label.of(*([value] if isinstance(value, str) else value))


def _spans(value: Any) -> Spans:
    return Spans(tuple(Span(span["start"], span["end"], span["label"]) for span in value))


def _write(
    workspace: Workspace,
    spec: TaskSpec,
    parts: Parts,
    made: Mapping[str, Ready],
    answers: Mapping[str, dict[str, Any]],
    notes: Sequence[str],
) -> None:
    """What stands beside the two run folders."""
    folder = workspace.files
    runs = {name: load(folder / name, allow_code=_code(spec)) for name in HALVES}
    report = _report(spec, parts, _gold(made), _Ways.of(answers), runs)
    report = replace(report, warnings=(*report.warnings, *notes))
    write_text(folder / "task.yaml", to_yaml(relocated(spec, folder)))
    write_json(folder / "report.json", to_json(report))
    pages = {HALVES[name]: (f"{name}/report.html", run.report) for name, run in runs.items()}
    write_text(folder / "report.html", render_joint(report, pages))
    known = findings.metrics(report)
    kept = {key: known[key] for key in ("metric", "scores", "parts", "warnings")}
    write_json(folder / "metrics.json", kept | {name: run.metrics for name, run in runs.items()})
    settings = {
        "format": FORMAT,
        "task": UNDERSTANDING,
        "name": spec.file.name,
        "labels": list(spec.labels),
        "slots": list(made["slots"].spec.labels),
        "multi_label": spec.file.multi_label,
        "seed": spec.file.seed,
        "data": {name: run.settings["data"] for name, run in runs.items()},
        "versions": report.versions,
    }
    write_json(folder / "ruletune.json", settings)


def _gold(made: Mapping[str, Ready]) -> Understood:
    intents = [example.answer for example in made["intent"].parts.test]
    slots = [example.answer for example in made["slots"].parts.test]
    return (
        [answer for answer in intents if isinstance(answer, Label)],
        [answer for answer in slots if isinstance(answer, Spans)],
    )


def _report(spec: TaskSpec, parts: Parts, gold: Understood, ways: _Ways, runs: Mapping[str, Run]) -> Report:
    """The joint report: scores, and nothing that is about one half only."""
    used = len(parts.gold) + len(parts.validation) + len(parts.calibration)
    scores = tuple(
        _score(way, gold, found, labels=len(parts.gold) if way == RULES else used)
        for way, found in ways.together().items()
        if parts.test
    )
    return Report(
        title=spec.file.name or spec.path.stem,
        description=spec.file.description,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        metric=JOINT,
        scores=scores,
        labels=spec.labels,
        parts=parts.sizes(),
        rules=(),
        rule_coverage=0.0,
        labels_saved=None,
        curve=(),
        losses=(),
        confusion=(),
        per_label={},
        calibration=(),
        calibration_error=None,
        truncation=(),
        disagreements=(),
        uncovered=(),
        warnings=_warnings({HALVES[name]: run.report.warnings for name, run in runs.items()}),
        settings={},
        versions=next(iter(runs.values())).report.versions,
    )


def _score(way: str, gold: Understood, found: Understood, *, labels: int) -> Score:
    right = both_right(gold, found)
    return Score(way, score(gold, found), wilson_interval(int(right.sum()), len(right)), labels)


def _warnings(by_half: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """What both reports warn of once, and what one does with its name."""
    said = dict.fromkeys(warning for warnings in by_half.values() for warning in warnings)
    owners = {warning: [what for what, warnings in by_half.items() if warning in warnings] for warning in said}
    return tuple(
        warning if len(whose) == len(by_half) else f"{whose[0].capitalize()}: {warning}"
        for warning, whose in owners.items()
    )
