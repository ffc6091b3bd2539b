"""The values that everything else passes around: examples, answers, predictions.

Every answer that a task can give is one of three shapes: :class:`Label`, :class:`Spans` or
:class:`Text`. Code that treats them differently matches on the type and ends in
``assert_never``, so that the type checker finds every place a new shape would touch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Answer", "Example", "Firing", "Label", "Prediction", "Span", "Spans", "Text"]


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of characters, ``text[span.start:span.end]``, with an optional label.

    >>> span = Span(4, 9, "PLACE")
    >>> "See Paris soon"[span.start:span.end]
    'Paris'
    """

    start: int
    end: int
    label: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a half-open range: {self.start}..{self.end}")


@dataclass(frozen=True, slots=True)
class Label:
    """One label of a text, or a set of labels where the task is multi-label.

    Names are kept sorted and unique, so that equal sets are equal values. An empty set is a
    valid multi-label answer: none of the labels applies.

    >>> Label.of("spam")
    Label(names=('spam',))
    >>> Label.of("b", "a") == Label.of("a", "b", "a")
    True
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, *names: str) -> Label:
        return cls(tuple(sorted(set(names))))

    def __str__(self) -> str:
        return ", ".join(self.names)


@dataclass(frozen=True, slots=True)
class Spans:
    """Labelled character ranges in a text, in reading order."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A generated or reference text."""

    text: str

    def __str__(self) -> str:
        return self.text


Answer = Label | Spans | Text


@dataclass(frozen=True, slots=True)
class Example:
    """One text of the data, with the answer where somebody gave it.

    Attributes:
        id: Unique within its file; the row's number (from 1) where the data has no id column.
        text: The text that rules read and the model is shown.
        text_pair: The second text where the task compares two, else ``None``.
        answer: The gold answer, ``None`` for unlabelled text.
        fields: All other columns of the row, for rules that read them.
        entities: The two entities whose relation is asked for, subject and object; their labels are their types.
        alternatives: Further answers that are as right as ``answer``.
    """

    id: str
    text: str
    text_pair: str | None = None
    answer: Answer | None = None
    fields: Mapping[str, object] = field(default_factory=dict, hash=False)
    entities: tuple[Span, ...] = ()
    alternatives: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Firing:
    """One rule that had something to say about a text: what, and which characters triggered it.

    Attributes:
        answer: What it speaks about; ``None`` for a rule that only chose how the text was shown.
        veto: It says that the answer does not hold.
    """

    rule: str
    answer: Answer | None
    spans: tuple[Span, ...] = ()
    veto: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer to one example.

    Attributes:
        answer: ``None`` where the model abstains.
        score: Probability of the answer, also of one held back, in [0, 1]. For a multi-label answer, the mean over
            labels of the probability of the decision taken on each.
        probabilities: Probability of every label, in the task's order; empty where the answer is no label.
        rules: The rules that fired on the text.
        scores: Probability of each span of the answer; empty where the answer is a label.
        ranked: Answers to choose from, the likeliest first, and the probability of each, where a passage or a text is asked for.
        broken: Names of rules that the answer does not keep, where it is a text.
        slots: What was found in the text beside its intent, where both are asked for.
    """

    id: str
    answer: Answer | None
    score: float
    probabilities: Mapping[str, float]
    rules: tuple[Firing, ...] = ()
    scores: tuple[float, ...] = ()
    ranked: tuple[tuple[Answer, float], ...] = ()
    broken: tuple[str, ...] = ()
    slots: Prediction | None = None

    @property
    def abstained(self) -> bool:
        """Whether an answer was held back, since it might be wrong too often."""
        return self.answer is None
