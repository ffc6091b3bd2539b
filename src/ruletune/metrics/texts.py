"""How answers that are texts are scored, task by task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.metrics.bleu import bleu, bleu_interval, chrf, chrf_each, signatures
from ruletune.metrics.dialogue import distinct, slot_error_rate, slot_errors
from ruletune.metrics.intervals import mean_interval
from ruletune.metrics.rouge import NAMES, lead, oracle, rouge, rouge_each
from ruletune.rules.reading import sentences
from ruletune.types import Example, Text

__all__ = [
    "TextScoring", "bleu", "chrf", "distinct", "lead", "oracle", "references_of", "rouge", "sentences_of", "slot_error_rate",
    "slot_errors",
]  # fmt: skip


def references_of(example: Example) -> tuple[str, ...]:
    """The texts that are right; none where nobody wrote one.

    >>> references_of(Example("1", "a", answer=Text("b"), alternatives=(Text("c"),)))
    ('b', 'c')
    """
    return tuple(answer.text for answer in (example.answer, *example.alternatives) if isinstance(answer, Text))


def sentences_of(example: Example) -> tuple[str, ...]:
    """The sentences of a source: as the data gave them, else cut where they seem to end.

    >>> sentences_of(Example("1", "One here. Two there."))
    ('One here.', 'Two there.')
    """
    given = example.fields.get("sentences")
    if isinstance(given, tuple):
        return tuple(map(str, given))
    found = (example.text[start:end].strip() for start, end in sentences(example.text))
    return tuple(sentence for sentence in found if sentence)


@dataclass(frozen=True, slots=True)
class TextScoring:
    """The metrics of a task whose answers are texts.

    Attributes:
        task: ``translation``: BLEU and chrF; ``summarization``: ROUGE-1, 2 and L; ``dialogue``: BLEU, distinct-1 and 2, and
            the slot error rate where examples have slots to be said.
    """

    task: str

    def score(self, examples: Sequence[Example], answers: Sequence[str]) -> dict[str, float]:
        """Every metric by name, in [0, 1], but for the slot error rate, which may pass 1 and is better the lower it is.

        Args:
            examples: With a reference each.
            answers: What was written for each.

        Raises:
            UserError: What measures them is not installed.

        >>> asked = [Example("1", "a house", answer=Text("ein Haus am Meer"))]
        >>> TextScoring("translation").score(asked, ["ein Haus am Meer"])
        {'bleu': 1.0, 'chrf': 1.0}
        """
        right = [references_of(example) for example in examples]
        match self.task:
            case "summarization":
                return rouge(answers, right)
            case "dialogue":
                found = {"bleu": bleu(answers, right)}
                found |= {f"distinct_{n}": distinct(answers, n=n) for n in (1, 2)}
                slots = [_slots(example) for example in examples]
                errs = {"slot_error_rate": slot_error_rate(slots, answers)} if any(slots) else {}
                return found | errs
            case _:
                return {"bleu": bleu(answers, right), "chrf": chrf(answers, right)}

    def interval(self, examples: Sequence[Example], answers: Sequence[str], *, seed: int) -> tuple[float, float]:
        """95% bootstrap interval of the main metric over examples: BLEU, of summaries ROUGE-L."""
        right = [references_of(example) for example in examples]
        if self.task == "summarization":
            return mean_interval(rouge_each(answers, right)[:, NAMES.index("rouge_l")], seed=seed)
        return bleu_interval(answers, right, seed=seed)

    def right(self, examples: Sequence[Example], answers: Sequence[str]) -> np.ndarray:
        """How good each answer is by itself, (examples,) in [0, 1]: chrF, of summaries ROUGE-L."""
        right = [references_of(example) for example in examples]
        if self.task == "summarization":
            return np.asarray(rouge_each(answers, right)[:, NAMES.index("rouge_l")])
        return chrf_each(answers, right)

    def signatures(self, examples: Sequence[Example]) -> dict[str, str]:
        """How the metrics are computed, by name, for the report."""
        if self.task == "summarization":
            return dict.fromkeys(NAMES, "rouge-score, Porter's stemmer, F1, best of the references")
        found = signatures([references_of(example) for example in examples])
        return found if self.task == "translation" else {"bleu": found["bleu"]}


def _slots(example: Example) -> tuple[tuple[str, str], ...]:
    given = example.fields.get("slots")
    return given if isinstance(given, tuple) else ()
