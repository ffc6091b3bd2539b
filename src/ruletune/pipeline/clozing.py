"""Make a checkpoint answer by label words, with what it finds likely in the blank anyway taken off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ruletune.config import TaskSpec
from ruletune.models import backbone
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.cloze import with_prior
from ruletune.models.encoding import encode
from ruletune.models.filling import cloze_of
from ruletune.progress import Event, Listener, silent
from ruletune.types import Example

__all__ = ["fill_in", "take_off_prior"]

_TEXTS = 200
"""Texts that a prior is estimated on: enough for a mean, and read in seconds."""


def fill_in(spec: TaskSpec, checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint, answering as the task's templates ask: by words in a blank where they have one.

    Raises:
        UserError: It cannot fill in blanks, or cannot write a label word.
    """
    return replace(checkpoint, cloze=cloze_of(spec, checkpoint))


def take_off_prior(
    spec: TaskSpec, checkpoint: Checkpoint, examples: Sequence[Example], *, listener: Listener = silent
) -> Checkpoint:
    """The checkpoint with the prior of its label words estimated on texts whose labels are not looked at.

    A frequent word is likely in any blank; what speaks for a label is that its words are likelier than that.
    Without a cloze or without texts, the checkpoint as it was.
    """
    if checkpoint.cloze is None or not examples:
        return checkpoint
    rng = np.random.default_rng([spec.file.seed, len(examples)])
    rows = np.sort(rng.permutation(len(examples))[:_TEXTS])
    texts = [examples[row] for row in rows]
    settings = spec.file.model
    made = backbone.new(
        checkpoint,
        labels=spec.labels,
        multi=spec.file.multi_label,
        max_length=settings.max_length,
        dropout=None,
        seed=spec.file.seed,
    )
    cloze = checkpoint.cloze
    for position, prompt in enumerate(checkpoint.cloze.prompts):
        listener(Event("asking for label words", position, len(checkpoint.cloze.prompts)))
        encoded = encode(
            texts,
            rendering=replace(spec.rendering, template=prompt.template, others=()),
            tokenizer=made.tokenizer,
            max_length=made.max_length,
            cloze=checkpoint.cloze,
        )
        cloze = with_prior(cloze, position, backbone.word_scores(made, encoded, precision=spec.file.training.precision))
    listener(Event("asking for label words", len(cloze.prompts), len(cloze.prompts)))
    return replace(checkpoint, cloze=cloze)
