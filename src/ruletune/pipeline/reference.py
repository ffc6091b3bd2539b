"""What texts were like when a model was trained: how often each rule fired, and how often the model gave each answer.

A run folder keeps it (``reference`` in ``ruletune.json``), so that a server can tell when texts have become different ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from ruletune.pipeline.prepare import Parts
from ruletune.pipeline.run import Run
from ruletune.types import Answer, Example, Label, Prediction, Spans, Text

__all__ = ["NOTHING", "Reference", "answers_of", "measure_reference"]

FORMAT = 1
"""Version of what the run folder keeps."""

NOTHING = "(nothing)"
"""An answer without a label: an empty set of labels, no entity, no passage."""

_TEXTS = 2000
"""Texts on which rules are counted at most."""

_ANSWERED = 500
"""Texts that the model is asked about at most,"""

_CHARACTERS = 60_000
"""and so many characters of them, but for the first hundred: that takes seconds."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Counts on texts that taught the model or are like them.

    Attributes:
        part: Of the data, where the texts are from.
        texts: On how many rules were counted. rules: On how many of them each rule fired.
        answered: On how many the model was asked. answers: How many have each label in their answer.
    """

    part: str
    texts: int
    rules: Mapping[str, int] = field(default_factory=dict)
    answered: int = 0
    answers: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "part": self.part,
            "texts": self.texts,
            "rules": dict(self.rules),
            "answered": self.answered,
            "answers": dict(self.answers),
        }

    @classmethod
    def from_json(cls, value: object) -> Reference | None:
        """What :meth:`to_json` wrote; ``None`` where there is none, or of a later version."""
        if not isinstance(value, Mapping) or value.get("format") != FORMAT:
            return None
        return cls(
            str(value["part"]),
            int(value["texts"]),
            {str(name): int(count) for name, count in value["rules"].items()},
            int(value["answered"]),
            {str(name): int(count) for name, count in value["answers"].items()},
        )


def measure_reference(run: Run, parts: Parts) -> Reference | None:
    """Ask a finished run about texts of its data: those without a label, which are as they come, else those held out.

    Returns:
        ``None`` where there are none.
    """
    part = next((name for name in ("unlabeled", "test", "calibration", "validation") if getattr(parts, name)), None)
    if part is None:
        return None
    examples = _evenly(getattr(parts, part), _TEXTS)
    fired = Counter(name for firings in run.firings(examples) for name in {firing.rule for firing in firings})
    names = [rule.name for rule in run.spec.rules]
    counted = Reference(part, len(examples), {name: fired[name] for name in names})
    if run.task.readout == "generate":  # a text has no label, and takes long to write
        return counted
    asked = _short(_evenly(examples, _ANSWERED))
    found = Counter(_answered(run.predict(asked, with_rules=False)))
    known = run.labels if run.task.readout != "extract" else ()
    answers = {name: found[name] for name in dict.fromkeys((*known, *sorted(found)))}
    return Reference(part, len(examples), counted.rules, len(asked), answers)


def answers_of(answer: Answer) -> tuple[str, ...]:
    """The labels of an answer, each once; of a passage ``answered``. A text has none.

    >>> answers_of(Label.of("spam")), answers_of(Spans(())), answers_of(Text("Ja."))
    (('spam',), ('(nothing)',), ())
    """
    match answer:
        case Label(names=names):
            return names or (NOTHING,)
        case Spans(spans=spans):
            return tuple(sorted({span.label or "answered" for span in spans})) or (NOTHING,)
        case Text():
            return ()
        case _:
            assert_never(answer)


def _answered(predictions: Iterable[Prediction]) -> list[str]:
    return [name for each in predictions if each.answer is not None for name in answers_of(each.answer)]


def _evenly(examples: Sequence[Example], most: int) -> list[Example]:
    """So many of them at most, from beginning to end."""
    count = min(most, len(examples))
    return [examples[position * len(examples) // count] for position in range(count)]


def _short(examples: Sequence[Example]) -> list[Example]:
    """The first ones, as long as they are not too many characters together."""
    kept: list[Example] = []
    length = 0
    for example in examples:
        length += len(example.text)
        if len(kept) >= 100 and length > _CHARACTERS:
            break
        kept.append(example)
    return kept
