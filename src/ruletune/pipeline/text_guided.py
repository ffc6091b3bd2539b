"""The fits of a run whose model writes: as it is, on labels alone, and on rules + labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ruletune.config import TaskSpec
from ruletune.models import adapters, backbone
from ruletune.models.backbone import Classifier
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import Encoded
from ruletune.models.seq2seq import family
from ruletune.pipeline.answering import RULES, ZERO
from ruletune.pipeline.drafts import Drafts
from ruletune.pipeline.fits import Ask, Fit, fit
from ruletune.pipeline.text_inputs import TextInputs, taught
from ruletune.pipeline.writing import Writing, write
from ruletune.progress import Listener
from ruletune.rules.demands import Demand
from ruletune.store import Workspace
from ruletune.training import schedule
from ruletune.training.loop import Stage, Supervision
from ruletune.types import Example

__all__ = ["TextGuided"]

_T5_RATES = {"full": 5e-4, "head": 5e-4, "lora": 1e-3}
"""Peak learning rates of T5's family, which was pretrained at a rate that falls from 1e-2 to 1e-3 (Raffel et al. 2020, section
3.1.2). From 3e-4 to 1e-3 it made half a point of BLEU on pairs of multi30k that were kept for tuning."""

_RATES = {"full": 5e-5, "head": 5e-5, "lora": 5e-4}
"""The same of others: BART was pretrained at 4e-4 (Lewis et al. 2020), Marian's models at 3e-4."""

_FOLD = 0.2
"""Share of the gold answers held out for early stopping where there is no validation part."""

_FOLD_LEAST = 8
"""Answers that such a fold needs."""

_MOST_STEPS = 400
"""Updates in one stage: each takes a second or so on a laptop."""


class TextGuided:
    """Everything that the fits of one run share."""

    def __init__(
        self,
        spec: TaskSpec,
        checkpoint: Checkpoint,
        inputs: TextInputs,
        parts: Mapping[str, Sequence[Example]],
        demands: Mapping[str, Sequence[tuple[Demand, ...]]],
        *,
        workspace: Workspace,
        listener: Listener,
    ) -> None:
        self.spec, self.checkpoint, self.inputs = spec, checkpoint, inputs
        self._parts, self._demands = parts, demands
        self._writing, self._family = Writing.of(spec), family(checkpoint)
        self._unheard = self._writing.unheard()
        self._workspace, self._listener = workspace, listener

    def untrained(self, *, taught_by_rules: bool, score_on: tuple[str, ...]) -> dict[str, Fit]:
        """The pretrained model as it is, and the same where rules are heard while it writes."""
        seed = self.spec.file.seed
        fits = {ZERO: self._fit(ZERO, [], seed, False, score_on, self._unheard)}
        if taught_by_rules and self._writing.held:
            untold = replace(self._writing, told=False)  # it has not learned what words in brackets mean
            fits[RULES] = self._fit(RULES, [], seed, False, score_on, untold)
        return fits

    def labels_alone(self, name: str, rows: list[int], *, seed: int, keep: bool, score_on: tuple[str, ...]) -> Fit:
        """Fine-tune on the gold answers in ``rows`` and nothing else."""
        return self._fit(name, [self._gold_course(rows, plain=True, seed=seed)], seed, keep, score_on, self._unheard)

    def rules_and_labels(self, name: str, *, seed: int, keep: bool, score_on: tuple[str, ...]) -> Fit:
        """Fine-tune on what rules write, on gold answers, and once more on answers of the model's own that keep the rules."""
        inputs, training = self.inputs, self.spec.file.training
        gold = list(range(len(inputs.kinds)))
        courses = []
        if training.guidance.training and inputs.evidence.any():
            courses.append(self._weak_course(seed))
        if gold:
            courses.append(self._gold_course(gold, plain=False, seed=seed))
        again = training.guidance.training and training.self_training.use and len(self._parts["unlabeled"])
        if not again:
            return self._fit(name, courses, seed, keep, score_on, self._writing)
        rows = self._drawn(np.arange(len(self._parts["unlabeled"])), training.self_training.max_texts, seed)
        first = self._fit(f"{name}, first pass", courses, seed, False, ("unlabeled",), self._writing, only=rows)
        drafts = first.outputs["unlabeled"]
        assert isinstance(drafts, Drafts)
        written = {row: draft.text for row, draft in zip(rows, drafts, strict=True) if draft.text and not draft.broken}
        if written:
            courses = [self._own_course(written, seed), *courses[-1:]] if gold else [self._own_course(written, seed)]
        return self._fit(name, courses, seed, keep, score_on, self._writing)

    def _fit(
        self,
        name: str,
        courses: list[schedule.Course],
        seed: int,
        keep: bool,
        score_on: tuple[str, ...],
        how: Writing,
        *,
        only: list[int] | None = None,
    ) -> Fit:
        """Train, and answer.

        Args:
            how: How answers are written.
            only: Examples that are answered; default all.
        """
        encoded = {part: self.inputs.encoded[part] for part in score_on}
        return fit(
            name,
            make=self._maker(seed),
            courses=courses,
            score_on={part: found if only is None else found.take(only) for part, found in encoded.items()},
            workspace=self._workspace,
            listener=self._listener,
            seed=seed,
            keep=keep,
            ask=self._asking(how, only),
        )

    def _asking(self, how: Writing, only: list[int] | None) -> Ask:
        """Asks for texts."""
        made = {id(self._writing): self.inputs.shown, id(self._unheard): self.inputs.bare}.get(id(how))

        def ask(classifier: Classifier, part: str, encoded: Encoded, progress: Callable[[int], None]) -> Drafts:
            rows = range(len(self._parts[part])) if only is None else only
            examples = [self._parts[part][row] for row in rows]
            demands = [self._demands[part][row] for row in rows]
            shown = made[part] if made is not None and only is None else None
            return write(classifier, examples, demands, how, shown=shown, progress=progress)

        return ask

    def _maker(self, seed: int) -> Callable[[], Classifier]:
        settings = self.spec.file.model

        def make() -> Classifier:
            classifier = backbone.new(
                self.checkpoint,
                labels=(),
                multi=False,
                max_length=settings.max_length,
                dropout=settings.dropout,
                seed=seed,
                readout="generate",
            )
            adapters.attach(classifier, settings.adapter, seed=seed, rank=settings.lora.rank, alpha=settings.lora.alpha)
            return classifier

        return make

    def _stage(self, name: str, *, epochs: int, checks: int, examples: int) -> Stage:
        training = self.spec.file.training
        usual = _T5_RATES if "t5" in self._family else _RATES
        rate = training.learning_rate or usual[self.spec.file.model.adapter]
        stage = Stage(
            name=name,
            epochs=epochs,
            batch_size=training.batch_size,
            learning_rate=rate,
            head_learning_rate=training.head_learning_rate or rate,
            optimizer=training.optimizer,
            weight_decay=training.weight_decay,
            warmup=training.warmup,
            schedule=training.schedule,
            clip=training.clip,
            patience=training.patience,
            checks=checks,
            precision=training.precision,
            label_smoothing=training.label_smoothing,
        )
        return schedule.scaled(stage, examples, most_steps=_MOST_STEPS)

    def _gold_course(self, rows: list[int], *, plain: bool, seed: int) -> schedule.Course:
        inputs = self.inputs
        validation = inputs.validation(plain=plain)
        if validation is None:
            rng = np.random.default_rng([seed, len(rows)])
            learn, held = schedule.hold_out(inputs.kinds[rows], share=_FOLD, least=_FOLD_LEAST, rng=rng)
            if held:
                validation = inputs.gold([rows[row] for row in held], plain=plain)
                rows = [rows[row] for row in learn]
        data = inputs.gold(rows, plain=plain)
        stage = self._stage("gold", epochs=self.spec.file.training.gold.epochs, checks=1, examples=len(data))
        return schedule.Course(stage, data, validation)

    def _weak_course(self, seed: int) -> schedule.Course:
        """What rules write for sources without a gold answer."""
        training, inputs = self.spec.file.training, self.inputs
        rows = self._drawn(np.flatnonzero(inputs.evidence > 0), training.weak.max_texts, seed)
        return self._course("weak", inputs.weak(rows), epochs=training.weak.epochs or 1)

    def _own_course(self, written: Mapping[int, str], seed: int) -> schedule.Course:
        """What the model of the first pass wrote, and rules have no fault to find with."""
        unlabeled = self._parts["unlabeled"]
        made = taught(
            unlabeled,
            self._demands["unlabeled"],
            [(written[row],) if row in written else () for row in range(len(unlabeled))],
            self._writing,
            backbone.load_tokenizer(self.checkpoint),
        )
        return self._course("self-training", made.take(sorted(written)), epochs=1)

    def _course(self, name: str, data: Supervision, *, epochs: int) -> schedule.Course:
        gold = list(range(len(self.inputs.kinds)))
        validation = self.inputs.validation(plain=False)
        if validation is None and gold:
            validation = self.inputs.gold(gold, plain=False)
        return schedule.Course(self._stage(name, epochs=epochs, checks=4, examples=len(data)), data, validation)

    def _drawn(self, rows: np.ndarray, most: int | None, seed: int) -> list[int]:
        """At most so many of them, drawn at random."""
        if most is not None and len(rows) > most:
            rows = np.sort(np.random.default_rng([seed, 7]).permutation(rows)[:most])
        return [int(row) for row in rows]
