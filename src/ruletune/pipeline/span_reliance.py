"""How far a finished model leans on its rules where answers are spans.

What rules match is mostly the answer itself, so that hiding it would hide the answer. Instead the words that votes hold are
replaced by words that nobody has seen, of the same length and shape: ``Paris`` by ``Tovel``. An entity stays where it was,
and only what stands around it, and how it is written, can tell. For comparison as many other words of the same text are
replaced, drawn at random. A model that knows names and nothing else loses much more by the first. Beside it stands what it
finds where its rules are not heard when it answers.

Source: Lin et al. 2020, *A rigorous study on named entity recognition: can fine-tuning pretrained model lead to the
promised land?* (names replaced by random strings).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ruletune.labeling.span_apply import SpanRules
from ruletune.metrics.spans import counts
from ruletune.pipeline.hiding import split_words
from ruletune.report.model import Reliance
from ruletune.rules.base import Column
from ruletune.types import Example, Spans

__all__ = ["Letters", "measure_span_reliance"]

_TEXTS, _DRAWS, _RESAMPLES = 400, 3, 1000
_VOWELS = frozenset("aeiouyAEIOUY")

_Words = list[tuple[int, int]]


def measure_span_reliance(
    rules: SpanRules,
    examples: Sequence[Example],
    answer: Callable[[Sequence[Example], bool], Sequence[Spans]],
    *,
    seed: int,
) -> Reliance | None:
    """F1 with the words in place, with those of votes replaced, with others replaced, and without rules at prediction.

    Args:
        examples: Held-out texts with gold answers; of those that qualify at most 400 are used.
        answer: The model, and whether it hears its rules.

    Returns:
        ``None`` where no rule votes on a held-out text that has other words.
    """
    rng = np.random.default_rng([seed, 41])
    letters = Letters.of(example.text for example in examples)
    intact: list[Example] = []
    changed: list[Example] = []
    others: list[list[Example]] = [[] for _ in range(_DRAWS)]
    for position in rng.permutation(len(examples)).tolist():
        example = examples[position]
        voted = [(s.start, s.end) for f in rules.firings(example) if f.answer and not f.veto for s in f.spans]
        held, free = split_words(example.text, voted)
        free = [word for word in free if letters.changes(example.text[slice(*word)])]
        if not held or not free:
            continue
        intact.append(example)
        changed.append(_replaced(example, held, letters, rules, rng))
        for draw in others:
            chosen = [free[n] for n in rng.permutation(len(free))[: len(held)].tolist()]
            draw.append(_replaced(example, chosen, letters, rules, rng))
        if len(intact) == _TEXTS:
            break
    if not intact:
        return None
    gold = [example.answer if isinstance(example.answer, Spans) else Spans(()) for example in intact]
    without, known = counts(gold, answer(changed, True)), counts(gold, answer(intact, True))
    random = np.sum([counts(gold, answer(draw, True)) for draw in others], axis=0)
    draws = rng.integers(len(gold), size=(_RESAMPLES, len(gold)))
    low, high = np.quantile([_f1(random[draw]) - _f1(without[draw]) for draw in draws], (0.025, 0.975))
    return Reliance(
        texts=len(gold),
        intact=_f1(known),
        triggers_hidden=_f1(without),
        random_hidden=_f1(random),
        interval=(float(low), float(high)),
        unheard=_f1(counts(gold, answer(intact, False))),
    )


def _f1(table: np.ndarray) -> float:
    right, predicted, gold = (float(value) for value in table.sum(axis=0))
    return 2 * right / (predicted + gold) if predicted + gold else 0.0


class Letters:
    """Letters and digits by kind, as texts have them: what may stand in the place of another.

    >>> letters = Letters.of(["Paris Rome 12 Ann"])
    >>> word = letters.unseen("Pa-1", np.random.default_rng(0))
    >>> word[0].isupper(), word[1].islower(), word[2], word[3].isdigit()
    (True, True, '-', True)
    """

    def __init__(self, kinds: Mapping[tuple[str, int, bool], Sequence[str]]) -> None:
        self._kinds = kinds

    @classmethod
    def of(cls, texts: Iterable[str]) -> Letters:
        """Letters and digits that occur in some texts."""
        characters = sorted({character for text in texts for character in text})
        kinds: dict[tuple[str, int, bool], list[str]] = {}
        for character in characters:
            if character.isalnum():
                kinds.setdefault(_kind(character), []).append(character)
        return cls(kinds)

    def changes(self, word: str) -> bool:
        """Whether a word has a letter or a digit that another can replace."""
        return any(len(self._kinds.get(_kind(character), ())) > 1 for character in word)

    def unseen(self, word: str, rng: np.random.Generator) -> str:
        """A word of the same shape, letter by letter: vowels for vowels, capitals for capitals, signs as they are."""
        made = []
        for character in word:
            choices = [other for other in self._kinds.get(_kind(character), ()) if other != character]
            made.append(choices[int(rng.integers(len(choices)))] if choices else character)
        return "".join(made)


def _kind(character: str) -> tuple[str, int, bool]:
    """Category, block of 256 code points, and whether it is a vowel."""
    return unicodedata.category(character), ord(character) >> 8, character in _VOWELS


def _replaced(
    example: Example, chosen: _Words, letters: Letters, rules: SpanRules, rng: np.random.Generator
) -> Example:
    """The example with some words replaced by unseen ones; votes that the data carries for them are taken out."""
    text = example.text
    for start, end in chosen:
        text = text[:start] + letters.unseen(text[start:end], rng) + text[end:]
    fields = dict(example.fields)
    for column in {rule.when for rule in rules.rules if isinstance(rule.when, Column)}:
        several = fields.get(column.field)
        if isinstance(several, list) and column.position < len(several) and several[column.position]:
            left = [span for span in several[column.position] if not _meets(span, chosen)]
            fields[column.field] = [left if n == column.position else each for n, each in enumerate(several)]
    return replace(example, text=text, fields=fields)


def _meets(span: Sequence[int] | Mapping[str, int], chosen: _Words) -> bool:
    start, end = (span["start"], span["end"]) if isinstance(span, Mapping) else span[:2]
    return any(start < stop and begin < end for begin, stop in chosen)
