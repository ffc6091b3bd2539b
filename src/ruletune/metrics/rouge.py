"""ROUGE of summaries, the baseline that takes the first sentences, and the best that whole sentences can do.

ROUGE-1, ROUGE-2 and ROUGE-L are those of the package ``rouge-score`` with Porter's stemmer. ROUGE-L is the longest common
subsequence of the whole summary, not summed over its sentences (ROUGE-Lsum); of summaries of one sentence they are the
same. The package drops every character that is not ASCII, so that a Chinese summary would have no words at all. Here
texts with such characters are cut into words by :func:`ruletune.metrics.words.words`; of all others the scores are the
package's.

Sources: Lin 2004, *ROUGE: a package for automatic evaluation of summaries*; Nallapati et al. 2017, *SummaRuNNer* (the
greedy oracle).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ruletune.errors import MissingExtraError
from ruletune.metrics.words import words

__all__ = ["NAMES", "lead", "oracle", "rouge", "rouge_each"]

NAMES = ("rouge_1", "rouge_2", "rouge_l")

_KINDS = ("rouge1", "rouge2", "rougeL")


def rouge(answers: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Mean F1 over texts of ``rouge_1``, ``rouge_2`` and ``rouge_l``, in [0, 1]; zeros where there are no texts.

    Raises:
        UserError: rouge-score is not installed.

    >>> rouge(["the cat sat"], [["the cats sat down", "a dog ran"]])["rouge_1"]
    0.8571428571428571
    """
    table = rouge_each(answers, references)
    means = table.mean(axis=0).tolist() if len(table) else [0.0] * len(NAMES)
    return dict(zip(NAMES, means, strict=True))


def rouge_each(answers: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """F1 of each text, (texts, 3) in [0, 1], columns as :data:`NAMES`; of each the reference with which it is highest."""
    scorer = _scorer()
    rows = []
    for answer, right in zip(answers, references, strict=True):
        found = scorer.score_multi(list(right), answer)
        rows.append([found[kind].fmeasure for kind in _KINDS])
    return np.array(rows, dtype=np.float64).reshape(-1, len(NAMES))


def lead(sentences: Sequence[str], *, count: int) -> str:
    """The first sentences: a summary that needs no rules, no labels and no model, and is hard to beat in news.

    >>> lead(["One.", "Two.", "Three."], count=2)
    'One. Two.'
    """
    return " ".join(sentences[:count])


def oracle(sentences: Sequence[str], references: Sequence[str], *, count: int) -> str:
    """About the best summary that can be made of whole sentences: it looks at the references.

    Each next sentence is the one that adds most to the sum of ROUGE-1 and ROUGE-2, while one adds anything; they keep
    the order of the text.

    Args:
        count: Most sentences.

    >>> oracle(["Dogs ran.", "The cat sat.", "It rained."], ["The cat sat."], count=2)
    'The cat sat.'
    """
    scorer = _scorer(_KINDS[:2])
    chosen: list[int] = []
    best = 0.0
    while len(chosen) < min(count, len(sentences)):
        tries = []
        for n in range(len(sentences)):
            if n not in chosen:
                text = " ".join(sentences[m] for m in sorted([*chosen, n]))
                score = scorer.score_multi(list(references), text)
                tries.append((sum(score[kind].fmeasure for kind in _KINDS[:2]), -n))
        score, place = max(tries)
        if score <= best:
            break
        best = score
        chosen.append(-place)
    return " ".join(sentences[n] for n in sorted(chosen))


class _Words:
    """The package's tokenizer, and ours for texts that it would drop letters of."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def tokenize(self, text: str) -> list[str]:
        if text.isascii():
            found: list[str] = self._plain.tokenize(text)
            return found
        return [stem for word in words(text) for stem in (self._plain.tokenize(word) if word.isascii() else [word])]


@lru_cache(maxsize=2)
def _scorer(kinds: tuple[str, ...] = _KINDS) -> Any:
    try:
        from rouge_score import rouge_scorer, tokenizers
    except ImportError:
        raise MissingExtraError("ROUGE", "text") from None
    return rouge_scorer.RougeScorer(list(kinds), tokenizer=_Words(tokenizers.DefaultTokenizer(use_stemmer=True)))
