"""A finished run: predict, evaluate, explain. Reading one executes nothing that it contains."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ruletune.bad_rows import BadRows
from ruletune.config import TaskSpec, load_task
from ruletune.data.pairs import marked_example
from ruletune.data.readers import Labels
from ruletune.errors import Location, Problem, UserError
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.corpus import columns_of, labels_of, read_rows
from ruletune.labeling.label_model import LabelModel
from ruletune.labeling.table import covered as covered_by
from ruletune.labeling.votes import Votes
from ruletune.metrics.selective import Threshold
from ruletune.models import backbone, scoring
from ruletune.models.backbone import Classifier, TorchScorer
from ruletune.models.encoding import encode
from ruletune.models.scoring import Scorer
from ruletune.models.verbalizer import Cloze
from ruletune.pipeline.calibrating import Calibration, abstention, served
from ruletune.pipeline.deciding import answers
from ruletune.pipeline.embedding import embedder
from ruletune.pipeline.scoring import LabelScoring
from ruletune.pipeline.shaping import templates
from ruletune.pipeline.trust import allowing
from ruletune.progress import Event, Listener, silent
from ruletune.report.model import Report
from ruletune.rules.code import withheld
from ruletune.store import FORMAT, read_json
from ruletune.tasks import TASKS, UNDERSTANDING, Task
from ruletune.templates import Rendering
from ruletune.types import Answer, Example, Firing, Label, Prediction

if TYPE_CHECKING:
    from ruletune.pipeline.explaining import Asked
    from ruletune.pipeline.keeping import Kept
    from ruletune.report.explanation import Explanation

__all__ = ["Run", "load", "needs_gold"]


@dataclass(frozen=True)
class Run:
    """A run folder, opened.

    Example:
        >>> run = ruletune.load("runs/reviews")                     # doctest: +SKIP
        >>> run.predict([Example("1", "A quiet triumph.")])[0].answer   # doctest: +SKIP
        Label(names=('positive',))
    """

    folder: Path
    settings: dict[str, Any]
    given: Scorer | None = field(default=None, repr=False, compare=False)
    """What makes logits in place of the folder's own model, such as one that watches it."""
    allow_code: tuple[str, ...] = ()
    """Modules and files whose functions its rules may call."""

    @property
    def task(self) -> Task:
        """The kind of task."""
        return TASKS[self.settings["task"]]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.settings["labels"])

    @property
    def multi(self) -> bool:
        return bool(self.settings["multi_label"])

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """What ``metrics.json`` says."""
        return dict(read_json(self.folder / "metrics.json"))

    @cached_property
    def report(self) -> Report:
        """Everything that the report page shows."""
        from ruletune.report.page import from_json

        return from_json(read_json(self.folder / "report.json"))

    @cached_property
    def spec(self) -> TaskSpec:
        """The task as resolved. Of the code that its rules name, only what is allowed is imported.

        Raises:
            UserError: Code that is not allowed takes part in answering; a file outside of the run folder is named.
        """
        spec = load_task(self.folder / "task.yaml", check_data=False, allow=allowing(self.allow_code))
        acts = self.settings.get("rules_act") or TASKS[spec.file.task].readout == "generate"
        missing = withheld(rule for half in spec.halves for rule in half.rules)
        if acts and missing:
            where, remedy = Location(str(spec.path)), "look at it, and allow it: --allow-code FILE_OR_MODULE"
            raise UserError.of(
                Problem(f"the rules take part in answering, and {module} is code that is not allowed", where, remedy)
                for module in missing
            )
        return spec

    @property
    def withheld(self) -> dict[str, list[str]]:
        """Modules whose code is not allowed to run, and the rules that therefore say nothing."""
        return withheld(rule for half in self.spec.halves for rule in half.rules)

    @property
    def model_folder(self) -> Path:
        """The model's own folder: ``model``, or in a copy of a repository of the hub all of it."""
        within = self.folder / "model"
        return within if within.is_dir() or self.folder.name != _BESIDE_MODEL else self.folder.parent

    @property
    def exported(self) -> dict[str, Any] | None:
        """How an exported model is run: ``precision``, and what its ``outputs`` are called; ``None`` for a trained one."""
        found: dict[str, Any] | None = self.settings.get("onnx")
        return found

    @cached_property
    def classifier(self) -> Classifier:
        """The model, to be run by PyTorch; of an exported one that writes, its stand-in.

        Raises:
            UserError: The folder is an export, which has no PyTorch model.
        """
        length, folder = int(self.settings["max_length"]), self.model_folder
        if self.exported is None:
            return backbone.load(folder, max_length=length, cloze=self.cloze, readout=self.task.readout)
        if self.task.readout == "generate":
            from ruletune.models.onnx_writer import open_exported

            return open_exported(folder, precision=str(self.exported["precision"]), max_length=length)
        message = f"{self.folder} is an export for ONNX Runtime and has no PyTorch model"
        raise UserError(message, remedy="name the run that it was exported from")

    @cached_property
    def scorer(self) -> Scorer:
        """What makes logits of encoded texts: the model, in the runtime that the folder is for."""
        if self.given is not None:
            return self.given
        if self.exported is None:
            return TorchScorer(self.classifier, str(self.settings["precision"]))
        from ruletune.models.onnx_scorer import OnnxScorer

        return OnnxScorer.open(
            self.model_folder,
            precision=str(self.exported["precision"]),
            labels=self.exported["outputs"],
            max_length=int(self.exported["max_length"]),
            readout=self.task.readout,
        )

    @cached_property
    def cloze(self) -> Cloze | None:
        """How the model answers, where it is a masked language model."""
        cloze = self.settings.get("cloze")
        return None if cloze is None else Cloze.from_json(cloze)

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        return self.scorer.tokenizer

    @cached_property
    def rendering(self) -> Rendering:
        """How texts are shown to the model."""
        return Rendering.from_json(self.settings["rendering"])

    @cached_property
    def rules(self) -> RuleSet:
        """The rules, compiled."""
        return RuleSet(self.spec.rules, labels=self.labels, embed=embedder(self.spec))

    @cached_property
    def calibration(self) -> Calibration:
        """What held-out gold labels say about how far the model can be believed."""
        return Calibration.from_json(self.settings.get("calibration"))

    @cached_property
    def kept(self) -> Kept | None:
        """Gold examples that the run has kept; ``None`` where it has none."""
        from ruletune.pipeline.keeping import load_kept

        return load_kept(self.folder)

    @property
    def name(self) -> str:
        return str(self.settings["name"] or self.folder.name)

    @property
    def metric(self) -> str:
        """The main metric's name."""
        return self.task.metric

    @cached_property
    def label_model(self) -> LabelModel:
        """How far each rule is believed."""
        return LabelModel.from_json(self.settings["label_model"])

    def read(self, source: str, *, labelled: bool = True, bad_rows: BadRows | None = None) -> list[Example]:
        """Examples of a data source, in the columns that the task's data has; paths are relative to the working folder.

        Plain text files have a column ``text`` only.

        Args:
            labelled: Whether a label column is read.
            bad_rows: Takes bad rows, which are then left out; without it they are an error, whatever the task file says of
                its own data.
        """
        columns, answers = columns_of(self.spec, source), labels_of(self.spec, labelled=labelled)
        wanted = answers if labelled or not isinstance(answers, Labels) else None
        return read_rows(source, columns, labels=wanted, bad_rows=bad_rows)

    def example(self, text: str, text_pair: str | None = None, *, identity: str = "1") -> Example:
        """A text as an example of the run's task; where a relation is asked for, its entities are marked in it.

        Raises:
            UserError: They are not.
        """
        if self.task.readout == "pair":
            return marked_example(identity, text)
        return Example(identity, text, text_pair)

    def firings(self, examples: Sequence[Example]) -> list[tuple[Firing, ...]]:
        """The rules that fire on each example, without asking the model."""
        return self.rules.firings_of(self.rules.apply(examples, strict=False), examples)

    def predict(
        self,
        examples: Sequence[Example],
        *,
        with_rules: bool = True,
        max_error: float | None = None,
        confidence: float = 0.9,
        listener: Listener = silent,
    ) -> list[Prediction]:
        """Answers to examples, in their order, with the rules that fired on each.

        Args:
            max_error: Share of the given answers that may be wrong, in (0, 1). Texts beyond what the calibration
                labels allow get the answer ``None``; see :meth:`threshold`.
            confidence: Probability, over the draw of calibration labels, that the promise holds.

        Raises:
            UserError: A promise is asked for, and is out of range or the run can make none.
        """
        limit = None if max_error is None else self.threshold(max_error, confidence=confidence)
        logits, votes = self.logits(examples, listener=listener)
        said = self.rules.apply(examples, strict=False) if with_rules and votes is None else votes
        firings = self.rules.firings_of(said, examples) if with_rules and said else [()] * len(examples)
        probability = served(self.calibration.temper(logits), votes, multi=self.multi)
        chosen = answers(probability, self.labels, multi=self.multi)
        given = np.ones(len(examples), bool) if limit is None else self._passes(limit, logits, votes)
        predictions = []
        for row, (example, (label, certainty), fired) in enumerate(zip(examples, chosen, firings, strict=True)):
            by_label = {name: float(probability[row, k]) for k, name in enumerate(self.labels)}
            answer: Answer | None = label if given[row] else None
            predictions.append(Prediction(example.id, answer, certainty, by_label, fired))
        return predictions

    def threshold(self, max_error: float, *, confidence: float = 0.9) -> Threshold:
        """From which score on the model may answer, so that at most ``max_error`` of its answers are wrong.

        Raises:
            UserError: A share is not in (0, 1), or the run has no calibration labels.
        """
        return self.calibration.threshold(max_error, confidence=confidence)

    def _passes(self, limit: Threshold, logits: np.ndarray, votes: Votes | None) -> np.ndarray:
        """Which answers are given. Scores before temperature count, as they did when the threshold was found."""
        decided = answers(served(logits, votes, multi=self.multi), self.labels, multi=self.multi)
        return limit.passes(np.array([score for _, score in decided], dtype=np.float64))

    def probabilities(self, examples: Sequence[Example], *, listener: Listener = silent) -> np.ndarray:
        """Probability of every label, (examples, labels)."""
        logits, votes = self.logits(examples, listener=listener)
        return served(self.calibration.temper(logits), votes, multi=self.multi)

    def logits(
        self, examples: Sequence[Example], *, votes: Votes | None = None, listener: Listener = silent
    ) -> tuple[np.ndarray, Votes | None]:
        """What the model says, (examples, labels), and the votes of rules that act on it; ``None`` where none does.

        Args:
            votes: What the rules say of the examples, where that is known.
        """
        scorer = self.scorer
        # Only rules that veto or prompt are heard here; without one the rules need not even be loaded.
        if not self.settings.get("rules_act"):
            votes = None
        elif votes is None:
            votes = self.rules.apply(examples, strict=False)
        encoded = encode(
            examples,
            rendering=self.rendering,
            tokenizer=scorer.tokenizer,
            max_length=scorer.max_length,
            templates=None if votes is None else templates(votes),
            cloze=self.cloze,
        )
        loss = encoded.loss
        if loss.truncated:
            listener(Event("texts cut to fit", loss.truncated, loss.texts, f"{loss.tokens_lost} tokens left out"))
        done = 0

        def progress(count: int) -> None:
            nonlocal done
            done += count
            listener(Event("predicting", done, len(examples)))

        return scoring.logits(scorer, encoded, progress=progress), votes

    def evaluate(
        self,
        examples: Sequence[Example],
        *,
        max_error: float | None = None,
        confidence: float = 0.9,
        listener: Listener = silent,
    ) -> dict[str, Any]:
        """The task's metrics on labelled examples, with ``n``, and apart for the texts that rules cover or not.

        With ``max_error`` also what abstention would do: ``abstention`` has ``answered``, ``wrong``, ``coverage``
        and ``error``, the last ``None`` where nothing is answered.

        Raises:
            UserError: Some example has no label, or the run cannot promise what is asked.
        """
        limit = None if max_error is None else self.threshold(max_error, confidence=confidence)
        needs_gold(examples, "texts have no label")
        logits, acting = self.logits(examples, listener=listener)
        probability = served(self.calibration.temper(logits), acting, multi=self.multi)
        decided = [label for label, _ in answers(probability, self.labels, multi=self.multi)]
        votes = self.rules.apply(examples, strict=not self.withheld)
        gold = [example.answer for example in examples if isinstance(example.answer, Label)]
        task = self.task
        scoring = LabelScoring(task, self.labels, self.multi, self.settings.get("negative"))
        covered = covered_by(task, votes)

        def part(rows: Sequence[int]) -> dict[str, Any]:
            found = scoring.score([gold[r] for r in rows], [decided[r] for r in rows])
            return {**found, "n": len(rows)}

        everything = part(range(len(examples)))
        everything["faults"] = {fault.rule: fault.count for fault in votes.faults}
        for name, mask in (("covered", covered), ("uncovered", ~covered)):
            rows = [int(row) for row in np.flatnonzero(mask)]
            everything[name] = {k: v for k, v in part(rows).items() if isinstance(v, float | int)}
        if limit is not None:
            wrong = np.array([g != d for g, d in zip(gold, decided, strict=True)], dtype=bool)
            everything["abstention"] = abstention(limit, self._passes(limit, logits, acting), wrong)
        return everything

    def explain(
        self, example: Example, *, words: bool = True, examples: int = 3, label: str | None = None
    ) -> Explanation:
        """Why the run answers as it does: rules and how far they are believed, words that mattered, the nearest gold examples.

        It reads like the mapping that ``ruletune explain --json`` prints; several threads may ask at once.

        Args:
            words: Whether to find out which words mattered; that takes most of the time.
            examples: So many of the nearest gold examples.
            label: The label whose words are looked for, in place of the answer's.

        Raises:
            UserError: There is no such label, or the example is none of the run's task.
        """
        from ruletune.pipeline.explaining import Asked

        return self._explained(example, Asked(words, examples, label))

    def _explained(self, example: Example, asked: Asked) -> Explanation:
        from ruletune.pipeline.explain_labels import explain_label

        return explain_label(self, example, asked)

    def _repr_html_(self) -> str:
        """The headline of the report, for notebooks."""
        from ruletune.report.page import run_html

        return run_html(self.report) + f"<p>{html.escape(str(self.folder))}</p>"


def needs_gold(examples: Sequence[Example], what: str, *, remedy: str | None = None) -> None:
    """Refuse to measure on examples without a gold answer.

    Args:
        what: What is wrong with them, such as ``texts have no label``.

    Raises:
        UserError: There are such, with their number and the first ids.
    """
    bare = [example.id for example in examples if example.answer is None]
    if bare:
        shown = ", ".join(map(repr, bare[:5]))
        raise UserError(f"{len(bare)} {what} (ids {shown}{', ...' if len(bare) > 5 else ''})", remedy=remedy)


_BESIDE_MODEL = "ruletune"
"""Where ``ruletune push`` puts a run's files beside the model."""


def load(folder: str | Path, *, allow_code: Sequence[str] = ()) -> Run:
    """Open a run folder, an export, or a copy of what ``ruletune push`` uploaded.

    No code that it names is run but that which the user trained with, or allows here.

    Args:
        allow_code: Modules, or Python files relative to the working folder, whose functions rules may call.

    Raises:
        UserError: It is none, or was written by a later version.
    """
    path, allowed = Path(folder), tuple(allow_code)
    if not (path / "ruletune.json").is_file() and (path / _BESIDE_MODEL / "ruletune.json").is_file():
        path = path / _BESIDE_MODEL
    settings = read_json(path / "ruletune.json")
    if not isinstance(settings, dict) or settings.get("format", 0) > FORMAT:
        raise UserError(f"{path} was written by a later version of ruletune", remedy="upgrade ruletune")
    if settings.get("task") == UNDERSTANDING:
        from ruletune.pipeline.understanding_run import UnderstandingRun  # it is a run, too

        return UnderstandingRun(path, settings, allow_code=allowed)
    task = TASKS.get(str(settings.get("task")))
    if task is not None and task.readout == "tokens":
        from ruletune.pipeline.span_run import TagRun

        return TagRun(path, settings, allow_code=allowed)
    if task is not None and task.readout == "extract":
        from ruletune.pipeline.extract_run import ExtractRun

        return ExtractRun(path, settings, allow_code=allowed)
    if task is not None and task.readout == "generate":
        from ruletune.pipeline.text_run import TextRun

        return TextRun(path, settings, allow_code=allowed)
    return Run(path, settings, allow_code=allowed)
