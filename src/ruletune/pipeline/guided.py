"""The fits of a run: labels alone, its learning curve, and rules + labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import assert_never

import numpy as np

from ruletune.config import TaskSpec
from ruletune.models import adapters, backbone
from ruletune.models.backbone import Classifier
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import Encoded
from ruletune.models.tagging import tag_names
from ruletune.pipeline.deciding import probabilities
from ruletune.pipeline.fits import Fit, asking, fit
from ruletune.pipeline.inputs import Inputs, LabelInputs
from ruletune.progress import Listener
from ruletune.store import Workspace
from ruletune.training import schedule, self_training
from ruletune.training.loop import Stage

__all__ = ["RATES", "Guided"]

_FOLD = 0.2
"""Share of the gold labels held out for early stopping where there is no validation part."""

_FOLD_FROM = 600
"""Gold labels from which on such a fold is held out. With fewer, what it would teach is worth more than what it tells: training
then runs its full course. On tuning parts of trec it cost 1 to 5 points of accuracy with 10 and 50 labels a class."""

_FOLD_LEAST = 2
"""Texts of the rarest label that such a fold needs."""

_FOLD_LEAST_SPANS = 40
"""The same where words have labels. Most have none, so that the loss on few texts is least before any entity is found."""

RATES = {"full": 5e-5, "head": 5e-5, "lora": 5e-4}
"""Peak learning rates of pretrained weights. MiniLM was distilled at a peak rate of 5e-4; a tenth of it keeps what
pretraining learned, and a hundredth hardly moves in the few dozen updates that a handful of labels allows. Low-rank
updates start from zero and take ten times as much (Hu et al. 2021, appendix D)."""

_HEAD_RATE = 1e-3
"""The output layer starts from nothing and has no pretraining to lose."""

_WORDS_EPOCHS = 3
"""Passes over what rules say of words: entities are rare."""

_WORDS_RATE, _WORDS_HEAD = 2, 10
"""Factors of both rates where words have labels. Every text has many of them, so that gradients vary less; and the output layer
decides alike about words that the encoder, made for whole texts, hardly tells apart."""

_WEAK_WORTH = 60
"""Gold labels that the weak ones are taken to be worth where the models that both made are brought together: a draw of ten gold
labels can be a bad one, of hundreds hardly."""

_MOST_STEPS = 4000
"""Updates in one stage; with more data than that there are fewer epochs."""


class Guided:
    """Everything that the fits of one run share."""

    def __init__(
        self,
        spec: TaskSpec,
        checkpoint: Checkpoint,
        inputs: Inputs,
        *,
        workspace: Workspace,
        listener: Listener,
    ) -> None:
        self.spec, self.checkpoint, self.inputs = spec, checkpoint, inputs
        self._workspace, self._listener = workspace, listener

    def untrained(self, *, taught_by_rules: bool, score_on: tuple[str, ...]) -> dict[str, Fit]:
        """Nothing: a new output layer knows nothing."""
        return {}

    def labels_alone(self, name: str, rows: list[int], *, seed: int, keep: bool, score_on: tuple[str, ...]) -> Fit:
        """Fine-tune on the gold labels in ``rows`` and nothing else."""
        courses = [*self._contrast_courses(rows, rules=False), self._gold_course(rows, plain=True, seed=seed)]
        return self._fit(name, courses, self.inputs.plain, seed, keep, score_on)

    def rules_and_labels(self, name: str, *, seed: int, keep: bool, score_on: tuple[str, ...]) -> Fit:
        """Fine-tune on pairs of gold labels, the rules' weak labels, gold, and once more on what model and rules say."""
        inputs = self.inputs
        gold = list(range(len(inputs.kinds)))
        courses = self._contrast_courses(gold, rules=True)
        if (inputs.evidence > 0).any():
            courses.append(self._weak_course(seed))
        if gold:
            course = self._gold_course(gold, plain=False, seed=seed)
            courses.append(replace(course, stage=replace(course.stage, kept=self._kept(len(gold)))))
        again = self.spec.file.training.self_training.use and len(inputs.encoded["unlabeled"])
        if not again or not isinstance(inputs, LabelInputs):
            return self._fit(name, courses, inputs.encoded, seed, keep, score_on)
        first = self._fit(f"{name}, first pass", courses, inputs.encoded, seed, True, ("unlabeled",))
        return self._second_pass(name, inputs, first, seed=seed, keep=keep, score_on=score_on)

    def _kept(self, gold: int) -> float:
        """Share of what the weak labels taught that outlives the stage on so many gold labels."""
        if not isinstance(self.inputs, LabelInputs) or not (self.inputs.evidence > 0).any():
            return 0.0
        kept = self.spec.file.training.gold.kept
        return _WEAK_WORTH / (_WEAK_WORTH + gold) if kept is None else kept

    def _second_pass(
        self, name: str, inputs: LabelInputs, first: Fit, *, seed: int, keep: bool, score_on: tuple[str, ...]
    ) -> Fit:
        """Go on from the model of the first pass, with what it believes and the rules say as weak labels."""
        training, logits = self.spec.file.training, first.outputs["unlabeled"]
        assert isinstance(logits, np.ndarray)
        gold = list(range(len(inputs.gold_labels)))
        beliefs, weights = self_training.beliefs(
            probabilities(logits, multi=self.spec.file.multi_label),
            inputs.votes,
            inputs.label_model,
            trust=training.self_training.trust,
        )
        rows = self_training.chosen(
            beliefs, weights, most=training.self_training.max_texts, rng=np.random.default_rng([seed, 11])
        )
        data = schedule.weak_supervision(inputs.encoded["unlabeled"].take(rows), beliefs[rows], weights[rows])
        anchor = inputs.gold(gold, plain=False) if gold else None
        stage = self._stage("self-training", epochs=1, patience=training.patience, checks=4, examples=len(data))
        stage = replace(stage, anchors=training.self_training.anchors, consistency=training.self_training.consistency)
        courses = [schedule.Course(stage, data, inputs.validation(plain=False), anchor)]
        if gold:
            again = self._gold_course(gold, plain=False, seed=seed + 1)
            courses.append(replace(again, stage=replace(again.stage, epochs=max(1, again.stage.epochs // 2))))
        model = first.model
        assert model is not None
        return self._fit(name, courses, inputs.encoded, seed, keep, score_on, start=model)

    def _fit(
        self,
        name: str,
        courses: list[schedule.Course],
        encoded: dict[str, Encoded],
        seed: int,
        keep: bool,
        score_on: tuple[str, ...],
        start: Path | None = None,
    ) -> Fit:
        return fit(
            name,
            make=self._maker(seed) if start is None else self._reader(start, seed),
            courses=courses,
            score_on={part: encoded[part] for part in score_on},
            workspace=self._workspace,
            listener=self._listener,
            seed=seed,
            keep=keep,
            ask=asking(self.spec.file.training.precision),
        )

    def _reader(self, folder: Path, seed: int) -> Callable[[], Classifier]:
        """The model of an earlier fit, adapter attached anew."""
        settings = self.spec.file.model

        def read() -> Classifier:
            classifier = backbone.load(folder, max_length=settings.max_length, readout=self.spec.task.readout)
            adapters.attach(classifier, settings.adapter, seed=seed, rank=settings.lora.rank, alpha=settings.lora.alpha)
            return classifier

        return read

    def _maker(self, seed: int) -> Callable[[], Classifier]:
        settings = self.spec.file.model

        def make() -> Classifier:
            classifier = backbone.new(
                self.checkpoint,
                labels=self._outputs(),
                multi=self.spec.file.multi_label,
                max_length=settings.max_length,
                dropout=settings.dropout,
                seed=seed,
                readout=self.spec.task.readout,
            )
            adapters.attach(classifier, settings.adapter, seed=seed, rank=settings.lora.rank, alpha=settings.lora.alpha)
            return classifier

        return make

    def _outputs(self) -> tuple[str, ...]:
        """Names of what the model chooses from."""
        labels = self.spec.labels
        match self.spec.task.readout:
            case "text" | "pair":
                return labels
            case "tokens":
                return tag_names(labels)
            case "extract" | "generate":
                return ()
            case _:
                assert_never(self.spec.task.readout)

    def _contrast_courses(self, rows: list[int], *, rules: bool) -> list[schedule.Course]:
        """The warm-up on pairs of gold labels; none where there is no pair to tell apart.

        Where rules teach afterwards it lowered accuracy on tuning parts of two public sets of three, so that is not the
        default. A cloze has no output layer whose input could be moved.
        """
        settings, inputs = self.spec.file.training.contrast, self.inputs
        wanted = settings.use == "always" or (settings.use == "labels" and not rules)
        if not wanted or not isinstance(inputs, LabelInputs) or self.checkpoint.cloze or self.spec.file.multi_label:
            return []
        if self.spec.task.readout == "pair" and self.spec.file.model.adapter == "head":
            return []  # nothing below the output layer learns
        if len(np.unique(inputs.kinds[rows])) < 2:
            return []
        data = inputs.gold(rows, plain=not rules)
        stage = self._stage("contrast", epochs=1, patience=1, checks=1, examples=1)
        batch = max(settings.batch_size, 2 * inputs.gold_labels.shape[1])
        # The loop counts epochs of one batch each here: how many steps are worth it hardly depends on the labels.
        per_epoch = -(-len(rows) // batch)
        epochs = max(1, settings.steps // per_epoch)
        # The output layer takes no part, and what stands below it has pretraining to lose.
        rate = stage.learning_rate
        stage = replace(stage, objective="contrast", batch_size=batch, epochs=epochs, head_learning_rate=rate)
        return [schedule.Course(stage, data, None)]

    def _stage(self, name: str, *, epochs: int, patience: int, checks: int, examples: int) -> Stage:
        training = self.spec.file.training
        factor = 1 if isinstance(self.inputs, LabelInputs) else _WORDS_RATE
        stage = Stage(
            name=name,
            epochs=epochs,
            batch_size=training.batch_size,
            learning_rate=training.learning_rate or RATES[self.spec.file.model.adapter] * factor,
            head_learning_rate=training.head_learning_rate or _HEAD_RATE * (1 if factor == 1 else _WORDS_HEAD),
            optimizer=training.optimizer,
            weight_decay=training.weight_decay,
            warmup=training.warmup,
            schedule=training.schedule,
            clip=training.clip,
            patience=patience,
            checks=checks,
            precision=training.precision,
        )
        return schedule.scaled(stage, examples, most_steps=_MOST_STEPS)

    def _gold_course(self, rows: list[int], *, plain: bool, seed: int) -> schedule.Course:
        training, inputs = self.spec.file.training, self.inputs
        validation = inputs.validation(plain=plain)
        if validation is None:
            rng = np.random.default_rng([seed, len(rows)])
            labels = isinstance(inputs, LabelInputs)
            least = _FOLD_LEAST if labels else _FOLD_LEAST_SPANS
            share = _FOLD if len(rows) >= _FOLD_FROM or not labels else 0.0
            learn, held = schedule.hold_out(inputs.kinds[rows], share=share, least=least, rng=rng)
            if held:
                validation = inputs.gold([rows[row] for row in held], plain=plain)
                rows = [rows[row] for row in learn]
        data = inputs.gold(rows, plain=plain)
        epochs = training.gold.epochs
        stage = self._stage("gold", epochs=epochs, patience=training.patience, checks=1, examples=len(data))
        return schedule.Course(stage, data, validation)

    def _weak_course(self, seed: int) -> schedule.Course:
        """Weak labels, checked on gold: on the validation part, else on the gold labels that come after."""
        training, inputs = self.spec.file.training, self.inputs
        rows = self._weak_rows(np.random.default_rng([seed, 7]))
        data, gold = inputs.weak(rows), list(range(len(inputs.kinds)))
        validation = inputs.validation(plain=False)
        if validation is None and gold and not training.weak.anchors:
            # Gold labels that come later can tell when to stop, but not where they take part.
            validation = inputs.gold(gold, plain=False)
        epochs = training.weak.epochs or (1 if isinstance(inputs, LabelInputs) else _WORDS_EPOCHS)
        stage = self._stage("weak", epochs=epochs, patience=training.patience, checks=4, examples=len(data))
        anchor = inputs.gold(gold, plain=False) if gold else None
        return schedule.Course(replace(stage, anchors=training.weak.anchors), data, validation, anchor)

    def _weak_rows(self, rng: np.random.Generator) -> list[int]:
        """Texts with evidence, at most ``weak.max_texts`` of them, drawn at random."""
        rows = np.flatnonzero(self.inputs.evidence > 0)
        most = self.spec.file.training.weak.max_texts
        if most is not None and len(rows) > most:
            rows = np.sort(rng.permutation(rows)[:most])
        return [int(row) for row in rows]
