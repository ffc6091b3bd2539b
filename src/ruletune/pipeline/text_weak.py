"""Answers without a model: reply templates, and for summaries the sentences that rules point to, or the first ones."""

from __future__ import annotations

from collections.abc import Sequence

from ruletune.config import TaskSpec
from ruletune.labeling.demanding import Demanded
from ruletune.rules.demands import Demand, Sized, unmet
from ruletune.rules.reading import sentences
from ruletune.tasks import SUMMARIZATION
from ruletune.types import Example

__all__ = ["by_rules", "extract", "lead", "weak_answers"]


def sentences_of(example: Example) -> tuple[str, ...]:
    """Of a source: as the data has them, else where the text divides."""
    given = example.fields.get("sentences")
    if isinstance(given, tuple) and given:
        return tuple(str(sentence) for sentence in given)
    return tuple(example.text[start:end] for start, end in sentences(example.text))


def lead(example: Example, count: int = 1) -> str:
    """The first sentences: the baseline that summaries of news are measured against (Nenkova 2005)."""
    return " ".join(sentences_of(example)[:count])


def extract(example: Example, salient: Sequence[float]) -> str | None:
    """The sentence that rules point to most, the first of them; ``None`` where they point to none.

    Args:
        salient: (sentences,) what rules say of each.

    >>> extract(Example("1", "It rains. We show that it rains."), [0.0, 1.0])
    'We show that it rains.'
    """
    parts = sentences_of(example)
    if not any(salient) or len(salient) != len(parts):
        return None
    return parts[max(range(len(parts)), key=lambda n: (salient[n], -n))]


def weak_answers(spec: TaskSpec, examples: Sequence[Example], demanded: Demanded) -> list[str | None]:
    """What rules answer to each source: a reply template that applies, or the sentence that they point to."""
    found: list[str | None] = []
    for example, replies, salient in zip(examples, demanded.replies, demanded.salient, strict=True):
        pointed = extract(example, salient) if spec.task is SUMMARIZATION else None
        found.append(replies[0] if replies else pointed)
    return found


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
        if not unmet(measures, example, lead(example, count)):
            return lead(example, count)
    return lead(example)
