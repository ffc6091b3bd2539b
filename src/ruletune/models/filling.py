"""The cloze of a task: every template with a blank that its texts may be shown through, its label words as tokens.

Without torch, for ``ruletune check``: a tokenizer is loaded with Transformers only where the checkpoint has no
``tokenizer.json`` to be read directly.
"""

from __future__ import annotations

from pathlib import Path

from ruletune.config import TaskSpec
from ruletune.errors import Location
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.verbalizer import Cloze, Vocabulary, lacks_masked_head, no_masked_head, verbalize
from ruletune.rules import Prompt
from ruletune.templates import Template

__all__ = ["cloze_of"]


def cloze_of(spec: TaskSpec, checkpoint: Checkpoint, *, load: bool = True) -> Cloze | None:
    """How a checkpoint fills in the task's blanks; ``None`` where the task has none.

    Args:
        load: Whether a tokenizer may be loaded, or looked up on a hub, where it cannot be read directly; without it
            the answer is ``None`` then.

    Raises:
        UserError: The checkpoint cannot fill in blanks, or cannot write a label word.
    """
    if not spec.rendering.template.cloze:
        return None
    where = Location(str(spec.path))
    folder = None if checkpoint.hub else Path(checkpoint.source)
    if folder is not None and lacks_masked_head(folder):
        raise no_masked_head(checkpoint.name, where)
    vocabulary = Vocabulary.read(folder) if folder is not None else None
    if vocabulary is None:
        if not load:
            return None
        from ruletune.models.backbone import load_tokenizer

        vocabulary = Vocabulary.of(load_tokenizer(checkpoint))
    return verbalize(
        _templates(spec),
        labels=spec.file.labels,
        verbalizer=spec.file.verbalizer,
        vocabulary=vocabulary,
        where=where,
    )


def _templates(spec: TaskSpec) -> list[Template]:
    """The task's, then those that rules choose, each once."""
    prompts = [rule.says for rule in spec.rules if isinstance(rule.says, Prompt)]
    chosen = [Template.parse(prompt.template, words=prompt.words) for prompt in prompts]
    return list(dict.fromkeys([*spec.rendering.templates, *chosen]))
