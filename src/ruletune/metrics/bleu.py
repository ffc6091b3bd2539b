"""BLEU and chrF of texts against their references, as sacreBLEU has them.

Sources: Papineni et al. 2002, *BLEU: a method for automatic evaluation of machine translation*; Post 2018, *A call for
clarity in reporting BLEU scores* (the signature); Popović 2015, *chrF: character n-gram F-score for automatic MT
evaluation*.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ruletune.errors import MissingExtraError
from ruletune.metrics.intervals import interval
from ruletune.rules.scripts import NO_SPACES

__all__ = ["bleu", "bleu_counts", "bleu_interval", "bleu_of_sums", "chrf", "chrf_each", "signatures", "tokenizer_of"]

References = Sequence[Sequence[str]]
"""Of each text the texts that are right: one at least."""

_NO_SPACES = re.compile(NO_SPACES)
_KANA_OR_SOUTHERN = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f]")
_SHARE = 0.2
"""Share of such characters from which on references are taken to be written without spaces: names and numbers need none."""

_ORDER = 4


def bleu(answers: Sequence[str], references: References) -> float:
    """Corpus BLEU in [0, 1]: n-grams up to 4, exponential smoothing, case kept; 0 where there are no texts.

    Texts are cut into words by the tokenizer that :func:`tokenizer_of` names.

    Raises:
        UserError: sacreBLEU is not installed.

    >>> bleu(["A small house by the sea."], [["A small house by the sea.", "The house by the sea."]])
    1.0
    """
    if not answers:
        return 0.0
    return float(bleu_of_sums(bleu_counts(answers, references).sum(axis=0, keepdims=True))[0])


def bleu_counts(answers: Sequence[str], references: References) -> np.ndarray:
    """What BLEU is computed from, of each text: (texts, 10) numbers whose sums are all that the corpus counts.

    Columns are the matching n-grams of 1 to 4 words, all n-grams of the answer likewise, and the words of the answer and
    of the reference nearest in length.
    """
    metric = _bleu(tokenizer_of(references))
    rows = []
    for answer, right in zip(answers, references, strict=True):
        found = metric.sentence_score(answer, list(right))
        rows.append([*found.counts, *found.totals, found.sys_len, found.ref_len])
    return np.array(rows, dtype=np.float64).reshape(-1, 2 * _ORDER + 2)


def bleu_of_sums(sums: np.ndarray) -> np.ndarray:
    """BLEU of corpora, (corpora,) in [0, 1], from the sums of :func:`bleu_counts` over each of them."""
    metric = _bleu("13a")
    found = []
    for row in sums.astype(np.int64).tolist():
        score = metric.compute_bleu(
            row[:_ORDER], row[_ORDER : 2 * _ORDER], sys_len=row[-2], ref_len=row[-1], smooth_method="exp"
        )
        found.append(score.score / 100)
    return np.asarray(np.minimum(found, 1.0))  # floating point may put a perfect score a hair above


def bleu_interval(answers: Sequence[str], references: References, *, seed: int) -> tuple[float, float]:
    """95% percentile interval of corpus BLEU when texts are drawn again with replacement.

    Source: Koehn 2004, *Statistical significance tests for machine translation evaluation*.
    """
    return interval(bleu_counts(answers, references), bleu_of_sums, seed=seed)


def chrf(answers: Sequence[str], references: References) -> float:
    """Corpus chrF2 in [0, 1]: F-score of character n-grams up to 6, recall counting double; 0 where there are no texts.

    >>> round(chrf(["A house."], [["A mouse."]]), 2)
    0.49
    """
    if not answers:
        return 0.0
    return min(float(_chrf().corpus_score(list(answers), _streams(references)).score) / 100, 1.0)


def chrf_each(answers: Sequence[str], references: References) -> np.ndarray:
    """chrF2 of each text by itself, (texts,) in [0, 1]: unlike BLEU it says something of a single sentence."""
    metric = _chrf()
    scores = [
        metric.sentence_score(answer, list(right)).score for answer, right in zip(answers, references, strict=True)
    ]
    return np.minimum(np.array(scores, dtype=np.float64) / 100, 1.0)


def signatures(references: References) -> dict[str, str]:
    """sacreBLEU's description of how ``bleu`` and ``chrf`` are computed, to be printed beside the scores.

    >>> signatures([["A house."]])["bleu"].partition("|version")[0]
    'nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp'
    """
    if not references:
        return {}
    found = {}
    metrics: dict[str, Any] = {"bleu": _bleu(tokenizer_of(references), effective=False), "chrf": _chrf()}
    for name, metric in metrics.items():
        metric.corpus_score(["" for _ in references], _streams(references))
        found[name] = str(metric.get_signature())
    return found


def tokenizer_of(references: References) -> str:
    """sacreBLEU's tokenizer for the script of the references.

    ``13a``, that of the WMT campaigns, for scripts with spaces; ``zh`` for Chinese; ``char`` for Japanese, Thai and
    others, which would need a dictionary to be cut into words.

    >>> tokenizer_of([["A house."]]), tokenizer_of([["一座房子。"]]), tokenizer_of([["家があります。"]])
    ('13a', 'zh', 'char')
    """
    text = "".join(right[0] for right in references if right)
    found = len(_NO_SPACES.findall(text))
    if found <= _SHARE * len(text):
        return "13a"
    return "char" if len(_KANA_OR_SOUTHERN.findall(text)) > 0.05 * found else "zh"


def _streams(references: References) -> list[list[str | None]]:
    """References the way sacreBLEU has them: the first of all texts, the second of all texts, and so on."""
    most = max(map(len, references))
    return [[right[n] if n < len(right) else None for right in references] for n in range(most)]


def _bleu(tokenizer: str, *, effective: bool = True) -> Any:
    try:
        from sacrebleu.metrics import BLEU
    except ImportError:
        raise MissingExtraError("BLEU", "text") from None
    return BLEU(tokenize=tokenizer, effective_order=effective, force=True)  # force: texts may be cut into words already


def _chrf() -> Any:
    try:
        from sacrebleu.metrics import CHRF
    except ImportError:
        raise MissingExtraError("chrF", "text") from None
    return CHRF()
