"""What the model is taught from: what rules say of every part, and the parts as the model sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location, UserError
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.corpus import gold_matrix
from ruletune.labeling.label_model import LabelModel
from ruletune.labeling.table import covered, fit_label_model
from ruletune.labeling.votes import Votes
from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.encoding import Encoded, encode
from ruletune.models.markers import marking
from ruletune.pipeline.embedding import embedder
from ruletune.pipeline.inputs import LabelInputs
from ruletune.pipeline.judging import weak_beliefs
from ruletune.pipeline.prepare import Parts
from ruletune.pipeline.shaping import templates
from ruletune.progress import Event, Listener
from ruletune.templates import Template

__all__ = ["Weak", "check_teachable", "encode_parts", "label_parts"]


@dataclass(frozen=True, slots=True)
class Weak:
    """What the rules say about every part, and the label model that weighs it."""

    votes: dict[str, Votes]
    model: LabelModel

    def posterior(self, part: str) -> np.ndarray:
        return self.model.posterior(self.votes[part].matrix)

    @property
    def acts(self) -> bool:
        """Whether the rules have a part in the model: they label texts, or choose how texts are shown."""
        parts = self.votes.values()
        return bool(self.votes["unlabeled"].covered.any()) or any(any(templates(votes)) for votes in parts)


def label_parts(spec: TaskSpec, parts: Parts, *, listener: Listener) -> Weak:
    """Apply the rules to every part; fit the label model on what may be learned from."""
    rules = RuleSet(spec.rules, labels=spec.labels, embed=embedder(spec))
    total = sum(parts.sizes().values())
    done = 0

    def progress(count: int) -> None:
        nonlocal done
        done += count
        listener(Event("applying rules", done, total))

    votes = {name: rules.apply(getattr(parts, name), progress=progress) for name in parts.names}
    matrix = np.concatenate([votes["gold"].matrix, votes["unlabeled"].matrix])
    gold = gold_matrix([*parts.gold, *parts.unlabeled], spec.labels)
    return Weak(votes, fit_label_model(spec, matrix, gold))


def check_teachable(spec: TaskSpec, parts: Parts, weak: Weak) -> None:
    """There must be something to learn: gold labels, or rules that fire on unlabelled text.

    Raises:
        UserError: There is neither, or all of it has one label.
    """
    where = Location(str(spec.path))
    if not parts.gold and not covered(spec.task, weak.votes["unlabeled"]).any():
        what = "no rule fires on any text" if spec.rules else "there are no rules"
        raise UserError(f"there are no gold labels and {what}", where=where, remedy="label a few texts, or add rules")
    used = {name for example in parts.gold for name in getattr(example.answer, "names", ())}
    unlabeled = weak.votes["unlabeled"]
    voted = {spec.labels[k] for k in np.unique(unlabeled.matrix[:, unlabeled.signs > 0]) if k >= 0}
    if not spec.file.multi_label and len(used | voted) < 2:
        only = ", ".join(map(repr, sorted(used | voted)))
        remedy = "add a labelled text or a rule for another label"
        raise UserError(f"everything there is to learn from has the one label {only}", where=where, remedy=remedy)


def encode_parts(
    spec: TaskSpec, parts: Parts, weak: Weak, checkpoint: Checkpoint, *, listener: Listener
) -> LabelInputs:
    """What the model gets to see of every part, and what is known about it."""
    tokenizer = load_tokenizer(checkpoint)
    if spec.task.readout == "pair" and checkpoint.cloze is None:
        tokenizer = marking(tokenizer)
    encoded: dict[str, Encoded] = {}
    plain: dict[str, Encoded] = {}
    names = parts.names
    for position, name in enumerate(names):
        listener(Event("tokenizing", position, len(names)))

        def shown(templates: list[Template | None] | None, part: str = name) -> Encoded:
            return encode(
                getattr(parts, part),
                rendering=spec.rendering,
                tokenizer=tokenizer,
                max_length=spec.file.model.max_length,
                templates=templates,
                cloze=checkpoint.cloze,
            )

        plain[name] = shown(None)
        chosen = templates(weak.votes[name])
        encoded[name] = shown(chosen) if any(chosen) else plain[name]
    listener(Event("tokenizing", len(names), len(names)))
    beliefs, weights = weak_beliefs(spec, parts, weak.votes, weak.model, checkpoint, listener=listener)
    return LabelInputs(
        encoded=encoded,
        plain=plain,
        gold_labels=gold_matrix(parts.gold, spec.labels),
        validation_labels=gold_matrix(parts.validation, spec.labels),
        posterior=beliefs,
        weights=weights,
        votes=weak.votes["unlabeled"].matrix,
        label_model=weak.model,
    )
