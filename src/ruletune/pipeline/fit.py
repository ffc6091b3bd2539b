"""The order of the stages, from a task to a run folder. Nothing else knows it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ruletune.config import TaskSpec, to_yaml
from ruletune.engine import Engine
from ruletune.engine.local import LocalEngine
from ruletune.errors import Location, UserError
from ruletune.labeling.corpus import gold_matrix
from ruletune.models import checkpoints
from ruletune.pipeline import findings
from ruletune.pipeline.calibrating import Calibration, before_and_after, calibrate, served
from ruletune.pipeline.clozing import fill_in, take_off_prior
from ruletune.pipeline.deciding import answers, probabilities
from ruletune.pipeline.findings import Curve
from ruletune.pipeline.fits import Fit
from ruletune.pipeline.guided import Guided, Inputs
from ruletune.pipeline.judging import judge_rules, rule_effects
from ruletune.pipeline.prepare import Parts, prepare
from ruletune.pipeline.reliance import measure_reliance
from ruletune.pipeline.relocate import relocated
from ruletune.pipeline.run import Run, load
from ruletune.pipeline.shaping import acts
from ruletune.pipeline.teaching import Weak, check_teachable, encode_parts, label_parts
from ruletune.progress import Event, Listener, silent
from ruletune.report.model import Reliance, Report
from ruletune.store import FORMAT, Workspace, open_workspace, write_json, write_text
from ruletune.types import Example, Label

__all__ = ["fit"]

RULES, LABELS, BOTH = "rules alone", "labels alone", "rules + labels"
"""Names of the ways of answering, in tables and reports."""


def fit(
    spec: TaskSpec,
    *,
    out: str | Path,
    resume: bool = False,
    overwrite: bool = False,
    listener: Listener = silent,
    engine: Engine | None = None,
) -> Run:
    """Fine-tune a model from a task's labels, rules and unlabelled text.

    Args:
        out: The run folder. It appears when everything in it is there.
        resume: Go on with an interrupted run of the same task and data.
        overwrite: Replace a run folder that exists.
        listener: Told what is being done, for progress bars.
        engine: Where the work runs; default this process.

    Raises:
        UserError: The task, its data or the folder is wrong. Nothing is written then.

    Example:
        >>> run = ruletune.fit(ruletune.load_task("task.yaml"), out="runs/first")  # doctest: +SKIP
    """
    out, engine = Path(out), engine or LocalEngine()
    if out.exists() and not overwrite:
        raise UserError(f"{out} exists already", remedy="name another folder, or say --overwrite")
    checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder, where=Location(str(spec.path)))
    checkpoint = fill_in(spec, checkpoint)
    parts = prepare(spec, listener=listener)
    weak = label_parts(spec, parts, listener=listener)
    check_teachable(spec, parts, weak)
    checkpoint = take_off_prior(spec, checkpoint, parts.unlabeled or parts.gold, listener=listener)
    with open_workspace(out, identity=_identity(spec, parts), resume=resume, overwrite=overwrite) as workspace:
        inputs = encode_parts(spec, parts, weak, checkpoint, listener=listener)
        guided = Guided(spec, checkpoint, inputs, workspace=workspace, listener=listener)
        guard = judge_rules(spec, parts, weak.votes, checkpoint, listener=listener)
        heard = weak.acts and (guard is None or guard.rules)
        fits, curve = engine.train(lambda g: _train(g, spec, parts, heard), guided)
        listener(Event("writing the report", 0, 1))
        calibration = _calibrate(spec, parts, weak, fits)
        report = _report(spec, parts, weak, inputs, fits, curve, calibration)
        delivered = next(f.model for f in reversed(fits.values()) if f.model is not None)
        _write_model(workspace, spec, parts, weak, report, delivered, calibration, checkpoint, heard)
        effects = rule_effects(spec, parts, weak.votes, checkpoint)
        reliance = _reliance(load(workspace.files), parts)
        _write_report(workspace, weak, replace(report, guard=guard, reliance=reliance, effects=effects))
        folder = workspace.publish()
        listener(Event("writing the report", 1, 1))
    return load(folder)


def _identity(spec: TaskSpec, parts: Parts) -> dict[str, object]:
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


def _train(guided: Guided, spec: TaskSpec, parts: Parts, taught_by_rules: bool) -> tuple[dict[str, Fit], list[Curve]]:
    """Labels alone and its learning curve, then rules + labels; the last one is delivered."""
    seed, everything = spec.file.seed, list(range(len(parts.gold)))
    held_out = ("test", parts.calibrated_on) if parts.calibrated_on else ("test",)
    fits: dict[str, Fit] = {}
    curve: list[Curve] = []
    if parts.gold and (spec.file.training.baselines or not taught_by_rules):
        fits[LABELS] = guided.labels_alone(LABELS, everything, seed=seed, keep=not taught_by_rules, score_on=held_out)
        if spec.file.training.baselines and parts.test:
            curve = _curve(guided, spec, parts, fits[LABELS])
    if taught_by_rules:
        fits[BOTH] = guided.rules_and_labels(BOTH, seed=seed, keep=True, score_on=held_out)
    return fits, curve


def _curve(guided: Guided, spec: TaskSpec, parts: Parts, full: Fit) -> list[Curve]:
    """Labels alone at smaller numbers of labels, each drawn several times."""
    settings = spec.file.training.curve
    gold = gold_matrix(parts.gold, spec.labels)
    points = [Curve(len(parts.gold), full.logits["test"])]
    for share in settings.shares:
        for repeat in range(settings.repeats):
            rows = _draw(gold, share, np.random.default_rng([spec.file.seed, repeat, round(share * 1000)]))
            if len(rows) < len(gold):
                name = f"learning curve, {len(rows)} labels, draw {repeat + 1}"
                fitted = guided.labels_alone(name, rows, seed=spec.file.seed + repeat, keep=False, score_on=("test",))
                points.append(Curve(len(rows), fitted.logits["test"]))
    return points


def _draw(gold: np.ndarray, share: float, rng: np.random.Generator) -> list[int]:
    """So large a share of every label's texts, at least one of each."""
    keys = np.unique(gold, axis=0, return_inverse=True)[1].reshape(-1)
    rows: set[int] = set()
    for key in range(int(keys.max()) + 1):
        group = rng.permutation(np.flatnonzero(keys == key))
        rows.update(int(row) for row in group[: max(1, round(len(group) * share))])
    return sorted(rows)


def _calibrate(spec: TaskSpec, parts: Parts, weak: Weak, fits: dict[str, Fit]) -> Calibration:
    """How far the delivered model can be believed, on the labels that are held out for it or for stopping."""
    name, fitted = list(fits.items())[-1]
    source = parts.calibrated_on
    if not source:
        return Calibration()
    votes = weak.votes[source] if name == BOTH else None
    examples, labels, multi = getattr(parts, source), spec.labels, spec.file.multi_label
    return calibrate(fitted.logits[source], examples, votes, labels=labels, multi=multi, source=source)


def _report(
    spec: TaskSpec,
    parts: Parts,
    weak: Weak,
    inputs: Inputs,
    fits: dict[str, Fit],
    curve: list[Curve],
    calibration: Calibration,
) -> Report:
    multi = spec.file.multi_label
    ways = {RULES: weak.posterior("test")} if spec.rules else {}
    ways |= {name: probabilities(fitted.logits["test"], multi=multi) for name, fitted in fits.items()}
    delivered, logits = next((name, fitted.logits["test"]) for name, fitted in reversed(fits.items()))
    votes = weak.votes["test"] if delivered == BOTH else None
    ways[delivered] = served(calibration.temper(logits), votes, multi=multi)
    held_out = len(parts.validation) + len(parts.calibration)
    used = {RULES: len(parts.gold), LABELS: len(parts.gold) + held_out, BOTH: len(parts.gold) + held_out}
    made = findings.report(
        spec,
        parts,
        votes=weak.votes,
        label_model=weak.model,
        ways=ways,
        labels_used=used,
        curve=curve,
        losses=[point for fitted in fits.values() for point in fitted.losses],
        truncation={name: encoded.loss for name, encoded in inputs.encoded.items()},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    beliefs = before_and_after(calibration, logits, parts.test, votes, labels=spec.labels, multi=multi)
    return replace(made, **beliefs)


def _write_model(
    workspace: Workspace,
    spec: TaskSpec,
    parts: Parts,
    weak: Weak,
    report: Report,
    model: Path,
    calibration: Calibration,
    checkpoint: checkpoints.Checkpoint,
    heard: bool,
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
        "rendering": spec.rendering.to_json(),
        "cloze": checkpoint.cloze.to_json() if checkpoint.cloze else None,
        "max_length": spec.file.model.max_length,
        "precision": spec.file.training.precision,
        "label_model": weak.model.to_json(),
        "calibration": calibration.to_json(),
        "rules_act": heard and acts(spec.rules),
        "seed": spec.file.seed,
        "data": parts.fingerprints(),
        "versions": report.versions,
    }
    write_json(folder / "ruletune.json", settings)


def _reliance(run: Run, parts: Parts) -> Reliance | None:
    """Of the finished model on the test part."""
    tokenizer = run.tokenizer
    mask = str(tokenizer.mask_token or tokenizer.unk_token or "…")

    def answer(examples: Sequence[Example]) -> list[Label]:
        return [label for label, _ in answers(run.probabilities(examples), run.labels, multi=run.multi)]

    return measure_reliance(run.rules, parts.test, answer, mask=mask, seed=int(run.settings["seed"]))


def _write_report(workspace: Workspace, weak: Weak, report: Report) -> None:
    from ruletune.report.page import render, to_json

    folder = workspace.files
    write_json(folder / "report.json", to_json(report))
    write_text(folder / "report.html", render(report))
    write_json(folder / "metrics.json", findings.metrics(report))
    write_json(folder / "rules.json", findings.rules(report, weak.model))
