"""A glossary from pairs of sentences, the way a person who reads them would write one: which noun stands for which.

Word alignments are those of IBM model 1 (Brown et al. 1993, *The mathematics of statistical machine translation*), in both
directions, in plain numpy. German writes nouns with a capital: a target word that is written so within sentences is one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Entry", "glossary", "written"]

Pair = tuple[str, str]

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ROUNDS = 5
_STEM = 4
"""Letters at least that two forms of a noun begin with alike; shorter nouns share all of theirs."""

_COMMON = 20
"""Sentences in which a source word must stand."""

_SURE = 0.8
"""Share of these whose target has one of the entry's forms."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A source word and forms of one noun that stand for it, the most frequent first.

    Attributes:
        kept: Share of the source word's sentences whose target has one of the forms.
        count: Sentences in which the source word stands.
    """

    source: str
    targets: tuple[str, ...]
    kept: float
    count: int


def written(entries: Sequence[Entry]) -> str:
    """Lines of a glossary file.

    >>> written([Entry("dog", ("Hund", "Hunde"), 0.9, 30)])
    'dog\\tHund | Hunde\\n'
    """
    return "".join(f"{entry.source}\t{' | '.join(entry.targets)}\n" for entry in entries)


def glossary(pairs: Sequence[Pair], *, size: int = 100) -> list[Entry]:
    """The commonest source words whose translation is one noun, with the forms of it that occur.

    Forms of a noun are the target words that begin alike and are aligned with the source word in a hundredth of the
    cases at least.
    """
    sources = [[word.lower() for word in _WORD.findall(source)] for source, _ in pairs]
    targets = [_WORD.findall(target) for _, target in pairs]
    nouns = _nouns(targets)
    forward, back = _aligned(sources, targets), _aligned(targets, sources)
    where: dict[str, list[int]] = defaultdict(list)
    for number, words in enumerate(sources):
        for word in set(words):
            where[word].append(number)
    has = [set(words) for words in targets]
    entries = []
    for source, numbers in where.items():
        if len(numbers) < _COMMON or len(source) < 3:
            continue
        likely = {target: p for target, p in forward[source].items() if target in nouns and p >= 0.01}
        if not likely:
            continue
        best = max(likely, key=lambda target: (likely[target] * back[target].get(source, 0.0), target))
        forms = sorted((t for t in likely if _alike(t, best)), key=lambda t: (-likely[t], t))
        kept = sum(not has[number].isdisjoint(forms) for number in numbers) / len(numbers)
        if kept >= _SURE and back[best].get(source, 0.0) > 0.1:
            entries.append(Entry(source, tuple(forms), kept, len(numbers)))
    entries.sort(key=lambda entry: (-entry.count, entry.source))
    return entries[:size]


def _nouns(targets: Sequence[Sequence[str]]) -> set[str]:
    """Words that are written with a capital where they do not begin a sentence."""
    within = Counter(word for words in targets for word in words[1:])
    return {word for word, count in within.items() if word[0].isupper() and count > 9 * within[word.lower()]}


def _alike(one: str, other: str) -> bool:
    """Whether two words may be forms of one noun: endings, and umlauts, apart."""
    plain = [word.lower().translate(str.maketrans("äöü", "aou")) for word in (one, other)]
    shorter = min(map(len, plain))
    shared = next((n for n, (a, b) in enumerate(zip(*plain, strict=False)) if a != b), shorter)
    return shared >= min(_STEM, shorter) and shorter - shared <= 2 and max(map(len, plain)) - shared <= 3


def _aligned(ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]]) -> dict[str, dict[str, float]]:
    """Probability of each of their words given one of ours, by IBM model 1 with an empty word."""
    our_ids, their_ids = _ids(ours), _ids(theirs)
    left, right, group = [], [], []
    slot = 0
    for a, b in zip(ours, theirs, strict=True):
        mine = [0, *(our_ids[word] for word in a)]
        for word in b:
            left += mine
            right += [their_ids[word]] * len(mine)
            group += [slot] * len(mine)
            slot += 1
    size = len(their_ids) + 1
    cells, link = np.unique(np.array(left, dtype=np.int64) * size + np.array(right), return_inverse=True)
    groups, rows = np.array(group), cells // size
    chance = np.full(len(cells), 1.0)
    for _ in range(_ROUNDS):
        share = chance[link]
        share /= np.bincount(groups, weights=share)[groups]
        counts = np.bincount(link, weights=share)
        chance = counts / np.bincount(rows, weights=counts)[rows]
    our_names, their_names = ({n: word for word, n in ids.items()} for ids in (our_ids, their_ids))
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for cell, p in zip(cells.tolist(), chance.tolist(), strict=True):
        if cell >= size and p > 0.001:
            found[our_names[cell // size]][their_names[cell % size]] = p
    return found


def _ids(texts: Sequence[Sequence[str]]) -> dict[str, int]:
    """Words by number, from 1."""
    return {word: n for n, word in enumerate(dict.fromkeys(word for words in texts for word in words), start=1)}
