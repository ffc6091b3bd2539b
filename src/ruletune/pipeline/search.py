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
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ruletune.config import TaskSpec, to_yaml
from ruletune.engine import Engine
from ruletune.engine.local import LocalEngine
from ruletune.errors import Location, MissingExtraError, UserError
from ruletune.labeling.corpus import gold_matrix, needs_label
from ruletune.models import checkpoints
from ruletune.models.checkpoints import Checkpoint
from ruletune.pipeline.guided import RATES
from ruletune.pipeline.judging import judge_rules
from ruletune.pipeline.prepare import Parts, prepare
from ruletune.pipeline.relocate import relocated
from ruletune.pipeline.teaching import Weak, check_teachable, label_parts
from ruletune.pipeline.trying import Held, HeldOut, OutOfTimeError, applied
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
    engine: Engine | None = None,
) -> Search:
    """Look for better settings of a task.

    Several workers train on the folds of a setting at once, and find what one would find for the same seed. Where there are twice
    as many workers as folds, or more, several settings are tried together: those that follow on each other are then proposed
    without what the first of them came to, and the result depends on the seed and on the number of workers.

    Args:
        out: The folder to write; a search that was interrupted goes on from there with ``resume``.
        budget: Seconds after which nothing new is begun and what is under way is dropped. The task file's own setting is
            tried to the end whatever it takes.
        trials: Settings tried at most, the own one included. With it and without a budget the result depends on the seed only.
        folds: Parts of the gold labels, each held out once for every setting.
        engine: Where settings are tried; default this process, one after the other.

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
        compared = _Comparison(spec, parts, weak, checkpoint, folds, workspace, listener, engine or LocalEngine(1))
        tried, found = compared.run(study, budget=budget, most=trials)
        best = min((t for t in tried if t.folds == compared.count), key=lambda trial: trial.log_loss)
        gain = found[0] - found[best.number]
        error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
        difference = (float(gain.mean()), error)
        chosen = best.number if best.number and difference[0] > _ERRORS * error else 0
        result = Search(tuple(tried), best.number, difference, chosen, len(parts.gold), Path(out))
        task = applied(spec, tried[chosen].settings) if chosen else spec
        write_text(workspace.files / "task.yaml", to_yaml(relocated(task, workspace.files)))
        write_json(workspace.files / "search.json", result.to_json())
        workspace.publish()
    return result


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
        engine: Engine,
    ) -> None:
        self._spec, self._engine = spec, engine
        gold = gold_matrix(parts.gold, spec.labels)
        self._folds = folds(gold, count, np.random.default_rng([spec.file.seed, 41]))
        self.count, self._gold = len(self._folds), len(gold)
        guard = judge_rules(spec, parts, weak.votes, checkpoint, listener=listener)
        self._heard = weak.acts and (guard is None or guard.rules)
        self._work = HeldOut(spec, parts, checkpoint, workspace, heard=self._heard, listener=listener)
        self._listener = listener

    def run(
        self, study: optuna.Study, *, budget: float | None, most: int | None
    ) -> tuple[list[Trial], dict[int, np.ndarray]]:
        """The trials, and the losses by text of those that went through all folds."""
        own, suggest = _space(self._spec, rules=self._heard)
        study.enqueue_trial(own)
        tried: list[Trial] = []
        found: dict[int, np.ndarray] = {}
        until: float | None = None
        # What workers there are beyond one for each fold try settings that are proposed together.
        together = max(1, self._engine.workers // self.count)
        try:
            while most is None or len(tried) < most:
                asked = [study.ask() for _ in range(together if most is None else min(together, most - len(tried)))]
                began = time.time()
                until = until or (None if budget is None else began + budget)
                self._wave(study, [(trial, suggest(trial)) for trial in asked], until, tried, found)
        except OutOfTimeError:
            pass
        return tried, found

    def _wave(
        self,
        study: optuna.Study,
        wave: list[tuple[optuna.Trial, dict[str, Any]]],
        until: float | None,
        tried: list[Trial],
        found: dict[int, np.ndarray],
    ) -> None:
        """Try settings, all folds of each, and tell the study what came of them in their order.

        Raises:
            OutOfTimeError: The budget is used up; what was told before it is in ``tried`` and ``found``.
        """
        import optuna

        jobs = [
            Held(self._name(trial, settings, number), settings, fold, until if trial.number else None)
            for trial, settings in wave
            for number, fold in enumerate(self._folds, start=1)
        ]
        results = self._engine.map(self._work, jobs)
        with closing(results):  # type: ignore[type-var]
            for trial, settings in wave:
                last = trial is wave[-1][0]
                done, values = self._judged(trial, settings, results, whole=not last)
                tried.append(done)
                if self._engine.workers > 1:
                    self._listener(Event("settings tried", len(tried), len(tried) + 1))
                if done.folds == self.count:
                    found[done.number] = values
                    study.tell(trial, done.log_loss)
                else:
                    study.tell(trial, state=optuna.trial.TrialState.PRUNED)

    def _name(self, trial: optuna.Trial, settings: dict[str, Any], fold: int) -> str:
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:6]
        return f"setting {trial.number + 1} ({digest}), fold {fold} of {self.count}"

    def _judged(
        self,
        trial: optuna.Trial,
        settings: dict[str, Any],
        results: Iterator[tuple[np.ndarray, np.ndarray]],
        *,
        whole: bool,
    ) -> tuple[Trial, np.ndarray]:
        """A trial and its losses by text, fold by fold, as far as it is worth it.

        Args:
            whole: Take the results of all its folds in any case, for another trial's come behind them.
        """
        began = time.monotonic()
        values, right = (np.full(self._gold, np.nan) for _ in range(2))
        number = 0
        for number, fold in enumerate(self._folds, start=1):
            values[fold], right[fold] = next(results)
            for row in fold:
                trial.report(float(values[row]), int(row))
            if number < self.count and trial.should_prune():
                if whole:
                    deque(islice(results, self.count - number), maxlen=0)
                break
        seen = ~np.isnan(values)
        seconds = time.monotonic() - began
        loss, accuracy = float(values[seen].mean()), float(right[seen].mean())
        return Trial(trial.number, settings, loss, accuracy, number, round(seconds, 1)), values


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
