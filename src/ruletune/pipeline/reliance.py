"""How far a finished model leans on the words that trigger its rules.

On held-out texts on which a rule with known words voted, those words are replaced by the mask token (by ``[UNK]`` where there
is none), and, for comparison, as many other words of the same text drawn at random. A model that has learned past its rules loses
about the same either way; one that has only learned the rules loses much more by the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from ruletune.labeling.apply import RuleSet
from ruletune.pipeline.hiding import split_words, triggers_of, with_words_hidden, without_words
from ruletune.report.model import Reliance
from ruletune.rules.base import Metadata, Rule, parts
from ruletune.types import Example, Label

__all__ = ["compared", "measure_reliance", "question_reliance"]

_TEXTS, _QUESTIONS, _DRAWS, _RESAMPLES = 300, 100, 3, 1000


def measure_reliance(
    rules: RuleSet,
    examples: Sequence[Example],
    answer: Callable[[Sequence[Example]], Sequence[Label]],
    *,
    mask: str,
    seed: int,
) -> Reliance | None:
    """Accuracy with the words in place, with the triggers hidden, and with random words hidden.

    Args:
        examples: Held-out texts with gold answers; of those that qualify at most 300 are used.
        answer: The model.
        mask: What stands in the place of a hidden word.

    Returns:
        ``None`` where no vote on a held-out text has words, or no text has other words to hide.
    """
    rng = np.random.default_rng([seed, 31])
    rows: list[tuple[Example, Example, list[Example]]] = []
    for position in rng.permutation(len(examples)):
        example = examples[int(position)]
        triggers, others = triggers_of(example, rules.firings(example))
        if triggers and others:
            number = min(len(triggers), len(others))
            drawn = [[others[int(n)] for n in rng.permutation(len(others))[:number]] for _ in range(_DRAWS)]
            hidden = with_words_hidden(example, triggers, mask=mask)
            rows.append((example, hidden, [with_words_hidden(example, words, mask=mask) for words in drawn]))
        if len(rows) == _TEXTS:
            break

    def right(shown: Sequence[Example]) -> np.ndarray:
        return np.array([e.answer == given for e, given in zip(shown, answer(shown), strict=True)], dtype=float)

    return compared(rows, right, rng)


def question_reliance(
    rules: Sequence[Rule],
    fired: Sequence[Collection[str]],
    examples: Sequence[Example],
    right: Callable[[Sequence[Example]], np.ndarray],
    *,
    mask: str,
    seed: int,
) -> Reliance | None:
    """The same of questions: the words by which rules tell what is asked for are hidden, or other words of the question.

    Args:
        fired: Names of the rules that fired on each example.
        right: Whether a model answers each example rightly, (examples,) in {0, 1}.
    """
    rng = np.random.default_rng([seed, 31])
    asks = {rule.name: _asking(rule) for rule in rules}
    rows: list[tuple[Example, Example, list[Example]]] = []
    for position in map(int, rng.permutation(len(examples))):
        example = examples[position]
        question = example.text_pair or ""
        spans = [m.span() for name in fired[position] for ask in asks.get(name, ()) for m in ask.finditer(question)]
        triggers, others = split_words(question, spans)
        others = [place for place in others if question[place[0]].isalnum()]
        if triggers and others:
            number = min(len(triggers), len(others))
            drawn = [[others[int(n)] for n in rng.permutation(len(others))[:number]] for _ in range(_DRAWS)]
            several = [replace(example, text_pair=without_words(question, words, mask=mask)) for words in drawn]
            rows.append((example, replace(example, text_pair=without_words(question, triggers, mask=mask)), several))
        if len(rows) == _QUESTIONS:
            break
    return compared(rows, right, rng)


def _asking(rule: Rule) -> list[re.Pattern[str]]:
    """The expressions that a rule looks for in questions."""
    return [
        re.compile(part.matches.regex, part.matches.flags)
        for part in parts(rule.when)
        if isinstance(part, Metadata) and part.field in ("question", "text_pair") and part.matches is not None
    ]


def compared(
    rows: Sequence[tuple[Example, Example, Sequence[Example]]],
    right: Callable[[Sequence[Example]], np.ndarray],
    rng: np.random.Generator,
) -> Reliance | None:
    """Accuracy on examples as they are, with triggers hidden, and with other words hidden.

    Args:
        rows: Each example, the same without its triggers, and some without other words.
    """
    if not rows:
        return None
    intact, triggers_hidden = right([example for example, _, _ in rows]), right([hidden for _, hidden, _ in rows])
    random_hidden = np.mean([right([several[n] for _, _, several in rows]) for n in range(_DRAWS)], axis=0)
    lean = random_hidden - triggers_hidden
    means = [float(lean[rng.integers(len(lean), size=len(lean))].mean()) for _ in range(_RESAMPLES)]
    low, high = (float(value) for value in np.quantile(means, (0.025, 0.975)))
    return Reliance(
        texts=len(rows),
        intact=float(intact.mean()),
        triggers_hidden=float(triggers_hidden.mean()),
        random_hidden=float(random_hidden.mean()),
        interval=(low, high),
    )
