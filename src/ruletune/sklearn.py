"""A scikit-learn estimator: rules and a few labels in a pipeline, a grid search, a cross-validation."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from ruamel.yaml import YAML
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ruletune.config.load import TaskSpec, parse_task
from ruletune.errors import UserError
from ruletune.pipeline.fit import build, identity, ready
from ruletune.pipeline.prepare import Parts
from ruletune.pipeline.run import Run, load
from ruletune.progress import silent
from ruletune.store import open_workspace
from ruletune.types import Example, Label

__all__ = ["RuleGuidedClassifier"]

_UNLABELED = -1
"""The label of a text without one, as in scikit-learn's semi-supervised estimators."""


class RuleGuidedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Fine-tunes a pretrained encoder on labelled texts, unlabelled texts, and rules.

    Texts without a label are those whose ``y`` is ``None``, NaN or, unless it is a class that a rule votes for or that
    ``labels`` name, ``-1``. Classes may be strings, integers or truth values; a rule votes for one by its name, ``str(label)``.

    Args:
        rules: As a task file writes them, a mapping each: ``{"keywords": ["free", "prize"], "vote": "spam"}``.
        labels: Classes with a sentence about each, or a list of classes. Default: those in ``y`` and in the rules' votes.
        description: What the classes are about, in a sentence.
        checkpoint: A short name, a folder or a hub id.
        training: Settings of a task file's ``training:`` that differ from the default.
        templates: How texts are shown, as in a task file.
        folder: What paths in ``rules`` are relative to.
        out: The run folder to write. Default: a temporary one, which goes with the estimator.
        random_state: Everything random follows from it.

    Attributes:
        classes_: The classes, sorted; columns of :meth:`predict_proba`.
        run_: The finished run, with which answers can be explained.

    Example:
        >>> from ruletune.sklearn import RuleGuidedClassifier
        >>> rules = [{"keywords": ["free", "prize"], "vote": "spam"}]
        >>> model = RuleGuidedClassifier(rules, labels=["ham", "spam"])
        >>> model.fit(texts, y).predict(["Free prize!"])  # doctest: +SKIP
        array(['spam'], dtype='<U4')
    """

    def __init__(
        self,
        rules: Sequence[Mapping[str, Any]] = (),
        *,
        labels: Sequence[Any] | Mapping[Any, str] | None = None,
        description: str = "",
        checkpoint: str = "minilm",
        training: Mapping[str, Any] | None = None,
        templates: Sequence[str] = (),
        folder: str | os.PathLike[str] = ".",
        out: str | os.PathLike[str] | None = None,
        random_state: int = 0,
    ) -> None:
        self.rules = rules
        self.labels = labels
        self.description = description
        self.checkpoint = checkpoint
        self.training = training
        self.templates = templates
        self.folder = folder
        self.out = out
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803  # scikit-learn's name
        """Train on texts.

        Args:
            X: (texts,) strings.
            y: (texts,) classes; ``None``, NaN or -1 for a text without one.

        Raises:
            UserError: A rule or a setting is wrong, or there is nothing to learn from.
            ValueError: Texts and labels are not of one length, or are no texts.
        """
        texts, given = _texts(X), list(y)
        if len(texts) != len(given):
            raise ValueError(f"there are {len(texts)} texts and {len(given)} labels")
        known = self._named()
        answers = [None if _missing(value, known) else _plain(value) for value in given]
        classes = _sorted({*known.values(), *(a for a in answers if a is not None)})
        names = list(dict.fromkeys(map(str, classes)))
        if len(names) < len(classes):
            raise ValueError("two classes have the same name")
        spec = self._spec(names)
        examples = [
            Example(str(n), text, answer=None if answer is None else Label.of(str(answer)))
            for n, (text, answer) in enumerate(zip(texts, answers, strict=True), start=1)
        ]
        gold = tuple(example for example in examples if example.answer is not None)
        rest = tuple(example for example in examples if example.answer is None)
        self.run_ = _trained(spec, Parts(gold, rest, (), (), ()), self._target())
        self.classes_ = np.array(classes)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The likeliest class of each text, (texts,)."""
        probability = self.predict_proba(X)
        return np.asarray(self.classes_[probability.argmax(axis=1)])

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """The probability of each class, (texts, classes), in the order of ``classes_``."""
        check_is_fitted(self, "run_")
        examples = [Example(str(n), text) for n, text in enumerate(_texts(X), start=1)]
        if not examples:
            return np.zeros((0, len(self.classes_)))
        found = self.run_.probabilities(examples)
        order = [self.run_.labels.index(str(value)) for value in self.classes_.tolist()]
        return np.asarray(found[:, order])

    def _target(self) -> Path:
        if self.out is not None:
            return Path(self.out)
        folder = tempfile.mkdtemp(prefix="ruletune-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder) / "run"

    def _named(self) -> dict[str, Any]:
        """Classes that the settings name, by their names."""
        found = {str(_plain(value)): _plain(value) for value in self.labels or ()}
        for rule in self.rules:
            for key in ("vote", "veto"):
                if rule.get(key) is not None:
                    value = _plain(rule[key])
                    found.setdefault(str(value), value)
        return found

    def _spec(self, names: list[str]) -> TaskSpec:
        described = self.labels if isinstance(self.labels, Mapping) else {}
        sentences = {str(_plain(label)): sentence for label, sentence in described.items()}
        task = {
            "task": "classification",
            "description": self.description,
            "labels": {name: sentences.get(name, "") for name in names},
            "data": {"train": "texts given to fit"},
            "rules": [{key: _named_vote(key, value) for key, value in rule.items()} for rule in self.rules],
            "templates": list(self.templates),
            "model": {"checkpoint": self.checkpoint},
            "training": {"baselines": False, **(self.training or {})},
            "seed": self.random_state,
        }
        stream = io.StringIO()
        YAML().dump(task, stream)
        try:
            return parse_task(stream.getvalue(), path=Path(self.folder) / "task.yaml", check_data=False)
        except UserError as error:  # lines of a file that nobody wrote help nobody
            raise UserError.of([replace(problem, where=None) for problem in error.problems]) from None

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "run_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        if hasattr(self, "run_"):
            raise UserError(
                "a fitted classifier is not pickled",
                remedy="fit with out=FOLDER and open it with ruletune.load(FOLDER)",
            )
        return dict(super().__getstate__())


def _trained(spec: TaskSpec, parts: Parts, target: Path) -> Run:
    made = ready(spec, parts=parts, listener=silent)
    with open_workspace(target, identity=identity(spec, parts), resume=False, overwrite=False) as workspace:
        build(made, workspace, listener=silent)
        return load(workspace.publish())


def _texts(values: Any) -> list[str]:
    if isinstance(values, str):
        raise ValueError("one text was given where a list of texts is wanted")
    found = np.asarray(values, dtype=object)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]  # a column of a data frame
    texts: list[str] = found.tolist()
    if found.ndim != 1 or not all(isinstance(text, str) for text in texts):
        raise ValueError("texts are wanted: a list of strings")
    return texts


def _plain(value: Any) -> Any:
    """NumPy's scalars as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def _missing(value: Any, known: Mapping[str, Any]) -> bool:
    value = _plain(value)
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return True
    return bool(value == _UNLABELED and not isinstance(value, str) and str(value) not in known)


def _named_vote(key: str, value: Any) -> Any:
    return str(_plain(value)) if key in ("vote", "veto") else value


def _sorted(classes: set[Any]) -> list[Any]:
    try:
        return sorted(classes)
    except TypeError as error:
        raise ValueError("classes of different types cannot be put in order; make all of them strings") from error
