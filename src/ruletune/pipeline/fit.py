"""The order of the stages, from a task to a run folder. Nothing else knows it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ruletune.bad_rows import BadRows
from ruletune.config import TaskSpec, parse_task, skipping_bad_rows, to_yaml, with_seed
from ruletune.engine import Attempt, Engine
from ruletune.engine.local import LocalEngine
from ruletune.errors import Location, UserError
from ruletune.models import checkpoints, memory
from ruletune.pipeline import findings
from ruletune.pipeline.answering import BOTH, LABELS, Answering, Measured, Schooling
from ruletune.pipeline.carding import facts_of
from ruletune.pipeline.clozing import fill_in, take_off_prior
from ruletune.pipeline.extract_answers import ExtractAnswering
from ruletune.pipeline.findings import Curve
from ruletune.pipeline.fits import Fit
from ruletune.pipeline.keeping import keep
from ruletune.pipeline.label_answers import LabelAnswering
from ruletune.pipeline.prepare import Parts, prepare
from ruletune.pipeline.reference import Reference, measure_reference
from ruletune.pipeline.relocate import relocated
from ruletune.pipeline.run import Run, load
from ruletune.pipeline.tag_answers import TagAnswering
from ruletune.pipeline.text_answers import TextAnswering
from ruletune.pipeline.together import team_workspace
from ruletune.pipeline.tracking import Tracking, tracking
from ruletune.pipeline.trust import remember
from ruletune.progress import Event, Listener, silent
from ruletune.report.card import card
from ruletune.report.model import Report
from ruletune.rules.code import code_of
from ruletune.store import FORMAT, Workspace, read_json, write_json, write_text
from ruletune.tasks import Readout
from ruletune.training import team

__all__ = ["Ready", "build", "fit", "identity", "ready"]


_ANSWERING: dict[Readout, Callable[..., Answering]] = {
    "text": LabelAnswering.of,
    "pair": LabelAnswering.of,
    "tokens": TagAnswering.of,
    "extract": ExtractAnswering.of,
    "generate": TextAnswering.of,
}


_SHARES: dict[Readout, tuple[float, ...]] = {"generate": ()}
"""Shares of the gold labels at which the learning curve is measured where the task file names none."""


def fit(
    spec: TaskSpec,
    *,
    out: str | Path,
    resume: bool = False,
    overwrite: bool = False,
    listener: Listener = silent,
    engine: Engine | None = None,
    report_to: Sequence[str] | None = None,
) -> Run:
    """Fine-tune a model from a task's labels, rules and unlabelled text; of a task of intents and slots, two.

    Args:
        out: The run folder. It appears when everything in it is there.
        resume: Go on with an interrupted run of the same task and data.
        overwrite: Replace a run folder that exists.
        listener: Told what is being done, for progress bars.
        engine: Where the work runs; default this process. Where several processes train together, be they an engine's or
            those that ``torchrun`` started, one of them writes.
        report_to: Trackers, in place of the task file's ``training.report_to``.

    Raises:
        UserError: The task, its data or the folder is wrong. Nothing is written then.

    Example:
        >>> run = ruletune.fit(ruletune.load_task("task.yaml"), out="runs/first")  # doctest: +SKIP
    """
    out, engine = Path(out), engine or LocalEngine()
    if out.exists() and not overwrite:
        raise UserError(f"{out} exists already", remedy="name another folder, or say --overwrite")
    names = tuple(spec.file.training.report_to if report_to is None else report_to)
    bad_rows = engine.train(_fit, Order(spec, out.absolute(), resume, overwrite, names), listener=listener)
    if spec.bad_rows is not None and bad_rows is not None and bad_rows is not spec.bad_rows:
        spec.bad_rows.take_over(bad_rows)  # what another process left out
    return load(out, allow_code=tuple(name for half in spec.halves for name in code_of(half.rules, half.folder)))


@dataclass(frozen=True, slots=True)
class Order:
    """A run that is to be made. It goes to another process as the task's source, for functions among the rules do not cross."""

    spec: TaskSpec
    out: Path
    resume: bool
    overwrite: bool
    report_to: tuple[str, ...]

    def __reduce__(self) -> tuple[Callable[..., Order], tuple[Any, ...]]:
        spec = self.spec
        task = (spec.source, spec.path, spec.file.seed, spec.bad_rows is not None)
        return _order, (*task, self.out, self.resume, self.overwrite, self.report_to)


def _order(
    source: str,
    path: Path,
    seed: int,
    skip_bad: bool,
    out: Path,
    resume: bool,
    overwrite: bool,
    report_to: tuple[str, ...],
) -> Order:
    spec = with_seed(parse_task(source, path=path), seed)
    return Order(skipping_bad_rows(spec) if skip_bad else spec, out, resume, overwrite, report_to)


def _fit(order: Order, attempt: Attempt) -> BadRows | None:
    """Make a run, as the only process or as one of a team, of which the leader tells trackers and whoever listens.

    Returns:
        The bad rows that were left out.
    """
    spec, out = order.spec, order.out
    with team.joined():
        names, listener = (order.report_to, attempt.listener) if team.leads() else ((), silent)
        resume = order.resume or attempt.again
        with tracking(spec, names, out=out, listener=listener) as tracked, memory.telling(tracked.warn):
            if spec.slots is not None:
                from ruletune.pipeline.understanding import fit_both  # it builds both as is done here

                fit_both(
                    spec, out=out, resume=resume, overwrite=order.overwrite, listener=tracked.listen, notes=tracked.warnings
                )  # fmt: skip
            else:
                _fit_one(spec, out, resume, order.overwrite, tracked)
            if team.leads():
                run = load(out)
                tracked.finish(run.report, [run.folder / "report.html", run.folder / "metrics.json"])
        team.wait()  # nobody looks for the run before it is there
    return spec.bad_rows


def _fit_one(spec: TaskSpec, out: Path, resume: bool, overwrite: bool, tracked: Tracking) -> None:
    listener = tracked.listen
    made = team.agreed(lambda: ready(spec, listener=listener))
    with team_workspace(out, identity=identity(spec, made.parts), resume=resume, overwrite=overwrite) as workspace:
        if build(made, workspace, listener=listener, notes=tracked.warnings) is not None:
            workspace.publish()
            listener(Event("writing the report", 1, 1))


@dataclass(frozen=True, slots=True)
class Ready:
    """A task whose data is read and whose rules are applied: nothing in it is wrong, and nothing is written yet."""

    spec: TaskSpec
    checkpoint: checkpoints.Checkpoint
    parts: Parts
    answering: Answering


def ready(spec: TaskSpec, *, parts: Parts | None = None, listener: Listener) -> Ready:
    """Read a task's data, unless that is done, and apply its rules.

    Raises:
        UserError: The task or its data is wrong.
    """
    checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder, where=Location(str(spec.path)))
    checkpoint = fill_in(spec, checkpoint)
    parts = prepare(spec, listener=listener) if parts is None else parts
    answering = _ANSWERING[spec.task.readout](spec, parts, listener=listener)
    checkpoint = take_off_prior(spec, checkpoint, parts.unlabeled or parts.gold, listener=listener)
    return Ready(spec, checkpoint, parts, answering)


def build(made: Ready, workspace: Workspace, *, listener: Listener, notes: Sequence[str] = ()) -> Measured | None:
    """Train, measure, and put together everything that the run folder holds; only the leader of a team measures.

    Args:
        notes: Warnings for the report; it may grow until the report is written.
    """
    spec, checkpoint, parts, answering = made.spec, made.checkpoint, made.parts, made.answering
    inputs = answering.inputs(checkpoint, listener=listener)
    schooling = answering.schooling(checkpoint, inputs, workspace=workspace, listener=listener)
    guard = answering.guard(checkpoint, listener=listener) if team.leads() else None
    heard = team.told(answering.acts and (guard is None or guard.rules))
    fits, curve = _train(schooling, spec, parts, heard)
    if not team.leads():
        return None
    listener(Event("writing the report", 0, 1))
    measured = answering.measure(fits, curve, inputs, guard)
    delivered = next(f.model for f in reversed(fits.values()) if f.model is not None)
    _write_model(
        workspace, spec, parts, measured, delivered, checkpoint, rules_act=heard and answering.held_at_prediction
    )
    remember(spec)
    run = load(workspace.files, allow_code=code_of(spec.rules, spec.folder))
    _write_reference(workspace, measure_reference(run, parts))
    effects = answering.effects(checkpoint)
    reliance = answering.reliance(run)
    if spec.file.training.keep_examples and parts.gold:
        keep(run, parts.gold, workspace.files, listener=listener)
    warnings = (*measured.report.warnings, *notes)
    report = replace(measured.report, guard=guard, reliance=reliance, effects=effects, warnings=warnings)
    _write_report(workspace, report, measured.label_model)
    return measured


def identity(spec: TaskSpec, parts: Parts) -> dict[str, object]:
    """What a run is made from; a resumed run must be made from the same."""
    rules = hashlib.sha256(repr([(r.name, r.when, r.says) for r in _without_functions(spec)]).encode()).hexdigest()
    return {
        "task file": hashlib.sha256(to_yaml(spec).encode()).hexdigest(),
        "set of rules": rules,
        **{f"{name} data": digest for name, digest in parts.fingerprints().items()},
        "version of ruletune": version("ruletune"),
    }


def _without_functions(spec: TaskSpec) -> list[Any]:
    """Rules by value; a function has no value, but the task file names it."""
    return [rule for rule in spec.rules if not hasattr(rule.when, "function")]


def _train(
    schooling: Schooling, spec: TaskSpec, parts: Parts, taught_by_rules: bool
) -> tuple[dict[str, Fit], list[Curve]]:
    """Labels alone and its learning curve, then rules + labels; the last one is delivered."""
    seed, everything = spec.file.seed, list(range(len(parts.gold)))
    # From which score on there is no answer is chosen on questions that have one or none, gold ones if there are no others.
    chosen_on = parts.calibrated_on or ("gold" if spec.task.readout == "extract" and parts.gold else "")
    held_out = ("test", chosen_on) if chosen_on else ("test",)
    fits: dict[str, Fit] = {}
    curve: list[Curve] = []
    if spec.file.training.baselines and parts.test:
        fits |= schooling.untrained(taught_by_rules=taught_by_rules, score_on=("test",))
    if parts.gold and (spec.file.training.baselines or not taught_by_rules):
        fits[LABELS] = schooling.labels_alone(
            LABELS, everything, seed=seed, keep=not taught_by_rules, score_on=held_out
        )
        if spec.file.training.baselines and parts.test:
            curve = _curve(schooling, spec, parts, fits[LABELS])
    if taught_by_rules:
        fits[BOTH] = schooling.rules_and_labels(BOTH, seed=seed, keep=True, score_on=held_out)
    return fits, curve


def _curve(schooling: Schooling, spec: TaskSpec, parts: Parts, full: Fit) -> list[Curve]:
    """Labels alone at smaller numbers of labels, each drawn several times."""
    settings = spec.file.training.curve
    kinds = schooling.inputs.kinds
    points = [Curve(len(parts.gold), full.outputs["test"])]
    shares = settings.shares if settings.shares is not None else _SHARES.get(spec.task.readout, (0.25, 0.5))
    for share in shares:
        for repeat in range(settings.repeats):
            rows = _draw(kinds, share, np.random.default_rng([spec.file.seed, repeat, round(share * 1000)]))
            if len(rows) < len(kinds):
                name = f"learning curve, {len(rows)} labels, draw {repeat + 1}"
                fitted = schooling.labels_alone(
                    name, rows, seed=spec.file.seed + repeat, keep=False, score_on=("test",)
                )
                points.append(Curve(len(rows), fitted.outputs["test"]))
    return points


def _draw(kinds: np.ndarray, share: float, rng: np.random.Generator) -> list[int]:
    """So large a share of every kind of text, at least one of each."""
    rows: set[int] = set()
    for kind in np.unique(kinds):
        group = rng.permutation(np.flatnonzero(kinds == kind))
        rows.update(int(row) for row in group[: max(1, round(len(group) * share))])
    return sorted(rows)


def _write_model(
    workspace: Workspace,
    spec: TaskSpec,
    parts: Parts,
    measured: Measured,
    model: Path,
    checkpoint: checkpoints.Checkpoint,
    *,
    rules_act: bool,
) -> None:
    """What a run folder needs to answer."""
    folder = workspace.files
    if (folder / "model").exists():
        shutil.rmtree(folder / "model")
    shutil.copytree(model, folder / "model")
    write_text(folder / "task.yaml", to_yaml(relocated(spec, folder)))
    settings: dict[str, object] = {
        "format": FORMAT,
        "task": spec.task.name,
        "name": spec.file.name,
        "labels": list(spec.labels),
        "multi_label": spec.file.multi_label,
        "negative": spec.file.negative,
        "rendering": spec.rendering.to_json(),
        "cloze": checkpoint.cloze.to_json() if checkpoint.cloze else None,
        "max_length": spec.file.model.max_length,
        "precision": spec.file.training.precision,
        "label_model": measured.label_model,
        "calibration": measured.calibration,
        "rules_act": rules_act,
        "rule_weight": measured.rule_weight,
        "silence_weight": measured.silence_weight,
        "seed": spec.file.seed,
        "data": parts.fingerprints(),
        "versions": measured.report.versions,
    }
    write_json(folder / "ruletune.json", settings)


def _write_reference(workspace: Workspace, reference: Reference | None) -> None:
    """What a server compares texts with."""
    path = workspace.files / "ruletune.json"
    write_json(path, read_json(path) | {"reference": None if reference is None else reference.to_json()})


def _write_report(workspace: Workspace, report: Report, label_model: dict[str, Any]) -> None:
    from ruletune.report.page import render, to_json

    folder = workspace.files
    write_json(folder / "report.json", to_json(report))
    write_text(folder / "report.html", render(report))
    write_json(folder / "metrics.json", findings.metrics(report))
    write_json(folder / "rules.json", findings.rules(report, label_model))
    write_text(folder / "model" / "README.md", card(report, facts_of(read_json(folder / "ruletune.json"), report)))
