"""Answers without a model: reply templates, and for summaries the sentences that rules prefer, or the first ones, the baseline
that summaries of news are measured against (Nenkova 2005).
"""

from __future__ import annotations

from collections.abc import Sequence

from ruletune.config import TaskSpec
from ruletune.labeling.demanding import Demanded
from ruletune.metrics.rouge import lead
from ruletune.metrics.texts import sentences_of
from ruletune.rules.demands import Demand, Sized, unmet
from ruletune.tasks import SUMMARIZATION
from ruletune.types import Example

__all__ = ["by_rules", "extract", "sound", "weak_answers"]


def extract(example: Example, demands: Sequence[Demand]) -> str | None:
    """The sentence of the source that breaks the fewest demands on the answer, the first of them; ``None`` where rules prefer none.

    >>> from ruletune.rules import Pattern
    >>> from ruletune.rules.demands import Matching
    >>> shows = Demand("shows", Matching(Pattern("we show")))
    >>> extract(Example("1", "It rains. Here we show that it rains."), [shows])
    'Here we show that it rains.'
    """
    parts = sentences_of(example)
    broken = [len(unmet(demands, example, part)) for part in parts] if demands else []
    if not broken or min(broken) == max(broken):
        return None
    return parts[broken.index(min(broken))]


def weak_answers(spec: TaskSpec, examples: Sequence[Example], demanded: Demanded) -> list[str | None]:
    """What rules answer to each source: a reply template that applies, or for summaries the sentence that they prefer."""
    found: list[str | None] = []
    for example, replies, demands in zip(examples, demanded.replies, demanded.by_example, strict=True):
        preferred = extract(example, demands) if spec.task is SUMMARIZATION else None
        found.append(replies[0] if replies else preferred)
    return found


def sound(
    examples: Sequence[Example], weak: Sequence[str | None], demands: Sequence[Sequence[Demand]]
) -> list[str | None]:
    """The answers that break no rule, which are those that are worth learning; ``None`` in the place of others."""
    return [
        None if text is None or unmet(mine, example, text) else text
        for example, text, mine in zip(examples, weak, demands, strict=True)
    ]


def by_rules(
    spec: TaskSpec,
    examples: Sequence[Example],
    weak: Sequence[str | None],
    demands: Sequence[Sequence[Demand]],
    written: Sequence[str],
) -> list[str]:
    """Rules alone: what they answer; for summaries else the first sentences; else what the pretrained model writes under them.

    Args:
        written: By the pretrained model.
    """
    answers = []
    for example, ready, mine, text in zip(examples, weak, demands, written, strict=True):
        if ready is None and spec.task is SUMMARIZATION:
            ready = _fitting_lead(example, mine)
        answers.append(text if ready is None else ready)
    return answers


def _fitting_lead(example: Example, demands: Sequence[Demand]) -> str:
    """As few of the first sentences as keep what rules say about the length, one at least."""
    measures = [demand for demand in demands if isinstance(demand.what, Sized)]
    for count in range(1, len(sentences_of(example)) + 1):
        if not unmet(measures, example, lead(sentences_of(example), count=count)):
            return lead(sentences_of(example), count=count)
    return lead(sentences_of(example), count=1)
