"""Metrics of answers read off a text, as the Stanford Question Answering Dataset (SQuAD) measures them.

Texts are compared after normalization: lower case, without punctuation and English articles, blanks as one space. What
the official scorer, version 2.0, does with ASCII and blanks is done here to the digit. In two points scripts without
spaces get more, and only texts with such characters score differently: their punctuation, CJK and full-width, is taken
off, too; and F1 counts each of their characters as a word, since the official scorer splits on blanks only and would
count a Chinese answer as one word, all right or all wrong (as MLQA does for Chinese).

Sources: Rajpurkar et al. 2016, *SQuAD: 100,000+ questions for machine comprehension of text*; Rajpurkar et al. 2018,
*Know what you don't know: unanswerable questions for SQuAD* (no answer); Lewis et al. 2020, *MLQA: evaluating
cross-lingual extractive question answering* (words of mixed scripts).
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ruletune.rules.scripts import NO_SPACES

__all__ = ["exact_match", "f1", "normalized", "per_example", "score"]

_CJK_PUNCTUATION = "\u3001-\u3003\u3008-\u3011\u3014-\u301f\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}{_CJK_PUNCTUATION}]")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_WORD = re.compile(rf"{NO_SPACES}|(?:(?!{NO_SPACES})\S)+")


def normalized(text: str) -> str:
    """A text as it is compared: lower case, without punctuation, articles and blanks that say nothing.

    >>> normalized(" The  Eiffel-Tower, (Paris)!")
    'eiffeltower paris'
    """
    return " ".join(_ARTICLE.sub(" ", _PUNCTUATION.sub("", text.lower())).split())


def exact_match(references: Sequence[str], predicted: str) -> float:
    """1.0 where the answer equals one of the references after normalization, else 0.0.

    Args:
        references: Answers that are as right as each other; none where the text has no answer. One of which
            normalization leaves nothing is only compared where it leaves nothing of all.
        predicted: The answer; empty: there is none in the text.

    >>> exact_match(["Paris", "the city of Paris"], "paris."), exact_match([], ""), exact_match([], "Paris")
    (1.0, 1.0, 0.0)
    """
    return float(normalized(predicted) in _answers(references))


def f1(references: Sequence[str], predicted: str) -> float:
    """Harmonic mean of word precision and recall after normalization, for the reference with which it is highest.

    Words are counted as often as they occur. Where the reference or the answer is empty, both must be.

    Args:
        references: As for :func:`exact_match`.
        predicted: The answer; empty: there is none in the text.

    >>> f1(["Paris", "the city of Paris"], "city of London")
    0.6666666666666666
    >>> f1(["长江大桥"], "长江")
    0.6666666666666666
    """
    found = _WORD.findall(normalized(predicted))
    return max(_overlap(_WORD.findall(answer), found) for answer in _answers(references))


def per_example(references: Sequence[Sequence[str]], predicted: Sequence[str]) -> np.ndarray:
    """Exact match and F1 of each question, (questions, 2) in [0, 1].

    Args:
        references: The references of each question, as for :func:`exact_match`.
        predicted: The answer to each question.

    >>> per_example([["the sea"], []], ["deep sea", ""]).round(3).tolist()
    [[0.0, 0.667], [1.0, 1.0]]
    """
    pairs = zip(references, predicted, strict=True)
    return np.array([(exact_match(right, text), f1(right, text)) for right, text in pairs]).reshape(-1, 2)


def score(references: Sequence[Sequence[str]], predicted: Sequence[str]) -> dict[str, float]:
    """Metrics of predicted answers against their references.

    Args:
        references: The references of each question, as for :func:`exact_match`.
        predicted: The answer to each question.

    Returns:
        Mean ``exact_match`` and ``f1`` over questions, in [0, 1]; where some questions have an answer and some have
        none, also ``has_answer_f1``, the mean F1 of the former, and ``no_answer_accuracy``, the share of the latter
        for which none was given. Zeros where nothing was asked.

    >>> score([["the sea"], []], ["sea", "sea"])
    {'exact_match': 0.5, 'f1': 0.5, 'has_answer_f1': 1.0, 'no_answer_accuracy': 0.0}
    """
    table = per_example(references, predicted)
    if not len(table):
        return {"exact_match": 0.0, "f1": 0.0}
    result = {"exact_match": float(table[:, 0].mean()), "f1": float(table[:, 1].mean())}
    answerable = np.array([any(right) for right in references])
    if answerable.any() and not answerable.all():
        result["has_answer_f1"] = float(table[answerable, 1].mean())
        result["no_answer_accuracy"] = float(table[~answerable, 0].mean())
    return result


def _answers(references: Sequence[str]) -> list[str]:
    """The references after normalization; the empty text alone where it leaves nothing of any."""
    return [answer for answer in map(normalized, references) if answer] or [""]


def _overlap(reference: list[str], found: list[str]) -> float:
    if not reference or not found:
        return float(reference == found)
    common = sum((Counter(reference) & Counter(found)).values())
    if not common:
        return 0.0
    precision, recall = common / len(found), common / len(reference)
    return 2 * precision * recall / (precision + recall)
