"""Search for settings: schedule, templates and learning rate, compared on gold labels that are held out in turn.

Every setting is trained on all gold labels but a fold and judged by the log loss on that fold, a number that moves with
every answer where accuracy on a few labels hardly does. The first setting is the task file's own. Those that follow are
proposed by a tree-structured Parzen estimator (Bergstra et al. 2011) and given up after a fold where they are worse, text by
text, than the best so far (Wilcoxon's signed-rank test). The validation part does what it does in training: it says when
a stage stops. The calibration part and the test part are not looked at.

The best of many is better than it will prove to be, and a handful of labels decides little. So the task file's own setting is
kept unless another one is better by two standard errors, text by text.
"""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ruletune.config import TaskSpec, to_yaml
from ruletune.errors import Location, MissingExtraError, UserError
from ruletune.labeling.corpus import gold_matrix, needs_label
from ruletune.metrics.temperature import losses
from ruletune.models import checkpoints
from ruletune.models.checkpoints import Checkpoint
from ruletune.pipeline.clozing import fill_in, take_off_prior
from ruletune.pipeline.deciding import answers, probabilities
from ruletune.pipeline.guided import RATES, Guided
from ruletune.pipeline.judging import judge_rules
from ruletune.pipeline.prepare import Parts, prepare
from ruletune.pipeline.relocate import relocated
from ruletune.pipeline.teaching import Weak, check_teachable, encode_parts, label_parts
from ruletune.progress import Event, Listener, silent
from ruletune.store import Workspace, open_workspace, write_json, write_text
from ruletune.training.guard import folds

if TYPE_CHECKING:
    import optuna

__all__ = ["FOLDS", "Search", "Trial", "search"]

FOLDS = 3
"""Folds of the gold labels unless it is said otherwise."""

_LEAST = 4
"""Gold labels without which nothing can be compared."""

_ERRORS = 2.0
"""Standard errors by which another setting must be better than the task file's own."""

_STARTUP = 5
"""Settings drawn at random before the estimator proposes."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A setting that was tried.

    Attributes:
        settings: Keys of the task file, ``training.weak.epochs`` for instance, to values.
        log_loss: Mean over the gold labels of the finished folds, in nats.
        accuracy: Share of those that are answered right.
        folds: How many were finished; fewer than all where the setting was given up.
        seconds: Wall time.
    """

    number: int
    settings: dict[str, Any]
    log_loss: float
    accuracy: float
    folds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    Attributes:
        trials: In the order in which they were tried; the first is the task file's own setting.
        best: Number of the one with the lowest log loss on all folds.
        difference: Log loss of the own setting minus that of the best, and its standard error, in nats.
        chosen: Number of the one to train with.
        gold: Gold labels that settings were compared on.
        folder: Has ``task.yaml``, the task under the chosen setting, and ``search.json``.
    """

    trials: tuple[Trial, ...]
    best: int
    difference: tuple[float, float]
    chosen: int
    gold: int
    folder: Path

    def to_json(self) -> dict[str, Any]:
        """The result for programs; settings that are the same in all trials are in the task file only."""
        return {
            "gold": self.gold,
            "best": self.best,
            "chosen": self.chosen,
            "difference": {"log_loss": self.difference[0], "error": self.difference[1]},
            "trials": [{name: getattr(trial, name) for name in Trial.__slots__} for trial in self.trials],
        }


def search(
    spec: TaskSpec,
    *,
    out: str | Path,
    budget: float | None = 600.0,
    trials: int | None = None,
    folds: int = FOLDS,
    resume: bool = False,
    overwrite: bool = False,
    listener: Listener = silent,
) -> Search:
    """Look for better settings of a task.

    Args:
        out: The folder to write; a search that was interrupted goes on from there with ``resume``.
        budget: Seconds after which nothing new is begun and what is under way is dropped. The task file's own setting is
            tried to the end whatever it takes.
        trials: Settings tried at most, the own one included. With it and without a budget the result depends on the seed only.
        folds: Parts of the gold labels, each held out once for every setting.

    Raises:
        UserError: The task, its data or the folder is wrong; there are too few gold labels; Optuna is missing.

    Example:
        >>> found = search(load_task("task.yaml"), out="runs/search", budget=600)  # doctest: +SKIP
    """
    needs_label(spec, "a search for settings")
    if budget is None and trials is None:
        raise UserError("a search without an end", remedy="give it a budget or a number of trials")
    study = _study(spec.file.seed)
    checkpoint = checkpoints.resolve(spec.file.model.checkpoint, folder=spec.folder, where=Location(str(spec.path)))
    # Texts of the held-out parts are taken out of the others, and no more is known of them from here on.
    parts = replace(prepare(spec, listener=listener), test=(), calibration=())
    if len(parts.gold) < _LEAST:
        what = f"settings are compared on gold labels that are held out in turn, and there are {len(parts.gold)}"
        raise UserError(what, where=Location(str(spec.path)), remedy=f"label {_LEAST} texts at least, better 50")
    weak = label_parts(spec, parts, listener=listener)
    check_teachable(spec, parts, weak)
    with open_workspace(
        Path(out), identity=_identity(spec, parts, folds), resume=resume, overwrite=overwrite
    ) as workspace:
        compared = _Comparison(spec, parts, weak, checkpoint, folds, workspace, listener)
        tried, found = compared.run(study, budget=budget, most=trials)
        best = min((t for t in tried if t.folds == compared.count), key=lambda trial: trial.log_loss)
        gain = found[0] - found[best.number]
        error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
        difference = (float(gain.mean()), error)
        chosen = best.number if best.number and difference[0] > _ERRORS * error else 0
        result = Search(tuple(tried), best.number, difference, chosen, len(parts.gold), Path(out))
        task = _applied(spec, tried[chosen].settings) if chosen else spec
        write_text(workspace.files / "task.yaml", to_yaml(relocated(task, workspace.files)))
        write_json(workspace.files / "search.json", result.to_json())
        workspace.publish()
    return result


class _OutOfTimeError(Exception):
    """The budget is used up."""


class _Comparison:
    """Settings tried on the same folds."""

    def __init__(
        self,
        spec: TaskSpec,
        parts: Parts,
        weak: Weak,
        checkpoint: Checkpoint,
        count: int,
        workspace: Workspace,
        listener: Listener,
    ) -> None:
        self._spec, self._parts, self._checkpoint = spec, parts, checkpoint
        self._workspace, self._listener = workspace, listener
        self._gold = gold_matrix(parts.gold, spec.labels)
        self._folds = folds(self._gold, count, np.random.default_rng([spec.file.seed, 41]))
        self.count = len(self._folds)
        self._deadline = float("inf")
        guard = judge_rules(spec, parts, weak.votes, checkpoint, listener=listener)
        self._heard = weak.acts and (guard is None or guard.rules)

    def run(
        self, study: optuna.Study, *, budget: float | None, most: int | None
    ) -> tuple[list[Trial], dict[int, np.ndarray]]:
        """The trials, and the losses by text of those that went through all folds."""
        import optuna

        began = time.monotonic()
        own, suggest = _space(self._spec, rules=self._heard)
        study.enqueue_trial(own)
        tried: list[Trial] = []
        found: dict[int, np.ndarray] = {}
        while most is None or len(tried) < most:
            if tried and budget is not None:
                self._deadline = began + budget
            try:
                trial = study.ask()
                done, values = self._try(trial, suggest(trial), budget)
            except _OutOfTimeError:
                break
            tried.append(done)
            if done.folds == self.count:
                found[done.number] = values
                study.tell(trial, done.log_loss)
            else:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return tried, found

    def _try(self, trial: optuna.Trial, settings: dict[str, Any], budget: float | None) -> tuple[Trial, np.ndarray]:
        began = time.monotonic()
        values = np.full(len(self._gold), np.nan)
        right = np.full(len(self._gold), np.nan)
        task = _applied(self._spec, settings)
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:6]
        number = 0
        for number, fold in enumerate(self._folds, start=1):
            name = f"setting {trial.number + 1} ({digest}), fold {number} of {self.count}"
            values[fold], right[fold] = self._held_out(name, task, fold)
            for row in fold:
                trial.report(float(values[row]), int(row))
            if number < self.count and trial.should_prune():
                break
        seen = ~np.isnan(values)
        seconds = time.monotonic() - began
        loss, accuracy = float(values[seen].mean()), float(right[seen].mean())
        return Trial(trial.number, settings, loss, accuracy, number, round(seconds, 1)), values

    def _held_out(self, name: str, task: TaskSpec, fold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Loss on the fold's texts, and whether the answers are right, of a model that learned from the others."""
        held = set(fold.tolist())
        parts = replace(
            self._parts,
            gold=tuple(example for row, example in enumerate(self._parts.gold) if row not in held),
            test=tuple(self._parts.gold[row] for row in fold),
        )
        quiet: Listener = self._timed(silent)
        weak = label_parts(task, parts, listener=quiet)
        checkpoint = take_off_prior(
            task, fill_in(task, self._checkpoint), parts.unlabeled or parts.gold, listener=quiet
        )
        inputs = encode_parts(task, parts, weak, checkpoint, listener=quiet)
        guided = Guided(task, checkpoint, inputs, workspace=self._workspace, listener=self._timed(self._listener))
        seed, multi = task.file.seed, task.file.multi_label
        if self._heard:
            fitted = guided.rules_and_labels(name, seed=seed, keep=False, score_on=("test",))
        else:
            everything = list(range(len(parts.gold)))
            fitted = guided.labels_alone(name, everything, seed=seed, keep=False, score_on=("test",))
        logits = np.asarray(fitted.outputs["test"], dtype=np.float64)
        loss = losses(logits, self._gold[fold], multi=multi)
        decided = answers(probabilities(logits, multi=multi), task.labels, multi=multi)
        right = [label == example.answer for (label, _), example in zip(decided, parts.test, strict=True)]
        return (loss.mean(axis=1) if multi else loss), np.array(right, dtype=float)

    def _timed(self, listener: Listener) -> Listener:
        def tell(event: Event) -> None:
            if time.monotonic() > self._deadline:
                raise _OutOfTimeError
            listener(event)

        return tell


def _space(spec: TaskSpec, *, rules: bool) -> tuple[dict[str, Any], Callable[[optuna.Trial], dict[str, Any]]]:
    """The task file's own values, and what draws others: keys of the task file to values."""
    training = spec.file.training
    rate = training.learning_rate or RATES[spec.file.model.adapter]
    choices: dict[str, tuple[Any, Sequence[Any]]] = {"training.gold.epochs": (training.gold.epochs, (10, 30, 60))}
    if rules:
        weak = training.weak
        choices |= {
            "training.label_model": (training.label_model, ("dawid_skene", "majority")),
            "training.weak.epochs": (weak.epochs or 1, (1, 2)),
            "training.weak.max_texts": (weak.max_texts, (300, 600, 1200)),
            "training.self_training.use": (training.self_training.use, (False, True)),
        }
    if not spec.file.multi_label:
        uses = ("labels", "always") if rules else ("never", "labels")
        choices["training.contrast.use"] = (training.contrast.use, uses)
    if len(spec.file.templates) > 1:
        # All of them or one: an optimizer that keeps no pickles names them by position.
        choices["templates"] = ("all", tuple(range(len(spec.file.templates))))
    own = {"training.learning_rate": rate} | {name: value for name, (value, _) in choices.items()}
    listed = {name: list(dict.fromkeys([value, *others])) for name, (value, others) in choices.items()}

    def suggest(trial: optuna.Trial) -> dict[str, Any]:
        found: dict[str, Any] = {
            "training.learning_rate": trial.suggest_float("training.learning_rate", rate / 4, rate * 4, log=True)
        }
        return found | {name: trial.suggest_categorical(name, values) for name, values in listed.items()}

    return own, suggest


def _applied(spec: TaskSpec, settings: dict[str, Any]) -> TaskSpec:
    """The task under other settings."""
    file = spec.file
    training: Any = file.training
    rendering = spec.rendering
    for name, value in settings.items():
        path = name.split(".")
        if path[0] == "templates":
            if value != "all":
                file = file.model_copy(update={"templates": (file.templates[value],)})
                rendering = replace(rendering, template=rendering.templates[value], others=())
        elif len(path) == 2:
            training = training.model_copy(update={path[1]: value})
        else:
            part = getattr(training, path[1]).model_copy(update={path[2]: value})
            training = training.model_copy(update={path[1]: part})
    return replace(spec, file=file.model_copy(update={"training": training}), rendering=rendering)


def _study(seed: int) -> optuna.Study:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("the search for settings", "search") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        pruner = optuna.pruners.WilcoxonPruner()
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP)
    return optuna.create_study(sampler=sampler, pruner=pruner, direction="minimize")


def _identity(spec: TaskSpec, parts: Parts, count: int) -> dict[str, object]:
    """What a search is made from; one that goes on must be made from the same."""
    return {
        "task file": hashlib.sha256(to_yaml(spec).encode()).hexdigest(),
        "number of folds": count,
        **{f"{name} data": digest for name, digest in parts.fingerprints().items()},
        "version of ruletune": version("ruletune"),
    }
