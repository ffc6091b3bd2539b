"""Suggested rules on three public data sets: how precise they are, and whether they are as precise as expected.

Run: ``python -m benchmarks.suggestions``. Ten gold labels of each class are drawn from the training part; the rest of it
is unlabelled text, and there are no rules. Of each method the first 20 rules are judged on the validation part, which
nothing was chosen by (the settings of the method were chosen on parts of the training part). Precision by rule is the mean
over rules that match there at all; pooled, each match counts alike. An interval is right where the
rule's precision on the validation part lies within, among rules that match ten texts there or more; with so few, chance
alone puts some outside. How wide intervals are was chosen on the training part, so they are not judged there.

The baselines: the words and phrases with the highest share of one label among gold, Laplace-smoothed; and those that a
linear classifier on TF-IDF of the gold texts weighs most.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import shared_data, write
from ruletune.data.sampling import sample
from ruletune.labeling.corpus import gold_matrix
from ruletune.labeling.suggest import Pool, propose, study
from ruletune.labeling.suggest.proposals import holds
from ruletune.rules.base import Pattern, Terms
from ruletune.types import Example, Label

SETS = ("trec", "sms", "youtube")
COUNT, SHOTS, SEEDS = 20, 10, 3
ENOUGH = 10
"""Validation texts that a rule must match for its interval to be judged."""


@dataclass(frozen=True, slots=True)
class Found:
    """A rule: its condition and label, and its interval where the method gives one."""

    condition: Pattern | Terms
    label: int
    interval: tuple[float, float] | None = None
    expected: float | None = None


Method = Callable[[Pool], list[Found]]


def suggested(pool: Pool) -> list[Found]:
    proposals = propose(pool, study(pool), count=COUNT, min_precision=0.7)
    return [Found(one.condition, one.label, (one.low, one.high), one.precision) for one in proposals]


def without_embeddings(pool: Pool) -> list[Found]:
    return suggested(Pool(pool.texts, pool.gold, pool.covered, seed=pool.seed))


def by_gold_counts(pool: Pool) -> list[Found]:
    """N-grams by their smoothed share of one label among gold, ties by frequency; labels in turn."""
    from sklearn.feature_extraction.text import CountVectorizer

    texts, target = _gold(pool)
    vectorizer = CountVectorizer(ngram_range=(1, 3), binary=True, stop_words="english")
    counts = vectorizer.fit_transform(texts)
    labels = pool.gold.shape[1]
    by_label = np.stack([np.asarray(counts[target == label].sum(axis=0)).ravel() for label in range(labels)])
    share = (by_label + 1) / (by_label.sum(axis=0) + labels)
    return _in_turn(share, vectorizer.get_feature_names_out())


def by_weights(pool: Pool) -> list[Found]:
    """N-grams by their weight in a linear classifier on TF-IDF of the gold texts; labels in turn."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts, target = _gold(pool)
    vectorizer = TfidfVectorizer(ngram_range=(1, 3), sublinear_tf=True)
    weights = LogisticRegression(C=10, max_iter=500).fit(vectorizer.fit_transform(texts), target).coef_
    return _in_turn(
        np.vstack([-weights, weights]) if len(weights) == 1 else weights, vectorizer.get_feature_names_out()
    )


METHODS: dict[str, Method] = {
    "suggested": suggested,
    "suggested, --fast": without_embeddings,
    "n-grams by gold counts": by_gold_counts,
    "n-grams by TF-IDF weight": by_weights,
}


def _gold(pool: Pool) -> tuple[list[str], np.ndarray]:
    rows = np.flatnonzero(~np.isnan(pool.gold).any(axis=1))
    return [pool.texts[row] for row in rows], pool.gold[rows].argmax(axis=1)


def _in_turn(scores: np.ndarray, names: Sequence[str]) -> list[Found]:
    ranked = [sorted(range(len(names)), key=lambda n: (-row[n], names[n])) for row in scores]
    rounds = [
        Found(Terms((names[order[place]],)), label) for place in range(COUNT) for label, order in enumerate(ranked)
    ]
    return rounds[:COUNT]


def read(path: Path) -> list[Example]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Example(str(n), row["text"], answer=Label.of(str(row["label"]))) for n, row in enumerate(rows)]


def embeddings(texts: list[str]) -> np.ndarray:
    from ruletune.models import checkpoints
    from ruletune.models.frozen import embed

    return embed(checkpoints.resolve("minilm", folder=Path()), texts)


def judged(
    rules: Sequence[Found], texts: Sequence[str], truth: np.ndarray
) -> tuple[list[float | None], np.ndarray, np.ndarray]:
    """Each rule's precision (none where it never matches), and of all texts how many matches, and right ones."""
    precision: list[float | None] = []
    matches, right = np.zeros(len(texts)), np.zeros(len(texts))
    for rule in rules:
        held = holds(rule.condition, texts)
        correct = held & (truth == rule.label)
        precision.append(float(correct.sum() / held.sum()) if held.any() else None)
        matches += held
        right += correct
    return precision, matches, right


def measure(name: str, *, seeds: int) -> list[dict[str, Any]]:
    folder = shared_data() / name
    train, valid = read(folder / "train.jsonl"), read(folder / "valid.jsonl")
    labels = [str(n) for n in range(len(json.loads((folder / "labels.jsonl").read_text("utf-8"))))]
    vectors = embeddings([example.text for example in train])
    truth, hidden = gold_matrix(valid, labels).argmax(axis=1), gold_matrix(train, labels)
    rows = []
    for method, find in METHODS.items():
        runs = []
        for seed in range(seeds):
            gold = np.full_like(hidden, np.nan)
            known = list(sample(train, shots=SHOTS, method="random", seed=seed).rows)
            gold[known] = hidden[known]
            pool = Pool(tuple(e.text for e in train), gold, np.zeros(len(train), dtype=bool), vectors, seed=seed)
            began = time.process_time()
            rules = find(pool)
            seconds = time.process_time() - began
            runs.append(figures(rules, valid, truth) | {"processor seconds": seconds})
        rows.append({"data": name, "method": method} | {key: mean([run[key] for run in runs]) for key in runs[0]})
        print(rows[-1])
    return rows


def figures(rules: Sequence[Found], valid: Sequence[Example], truth: np.ndarray) -> dict[str, Any]:
    texts = [example.text for example in valid]
    precision, matches, right = judged(rules, texts, truth)
    within = [
        rule.interval[0] <= found <= rule.interval[1]
        for rule, found in zip(rules, precision, strict=True)
        if rule.interval and found is not None and holds(rule.condition, texts).sum() >= ENOUGH
    ]
    return {
        "rules": len(rules),
        "precision by rule": mean([value for value in precision if value is not None]),
        "precision pooled": float(right.sum() / max(matches.sum(), 1)),
        "coverage": float((matches > 0).mean()),
        "expected": mean([rule.expected for rule in rules if rule.expected is not None]),
        "intervals judged": len(within) if rules and rules[0].interval else None,
        "intervals right": mean([float(value) for value in within]),
    }


def mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.mean(known), 4) if known else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    arguments = parser.parse_args()
    rows = [row for name in arguments.sets for row in measure(name, seeds=arguments.seeds)]
    write(
        "suggestions",
        command="python -m benchmarks.suggestions",
        rows=rows,
        notes=[
            f"{SHOTS} gold labels a class, means over {arguments.seeds} draws; the first {COUNT} rules at most",
            "intervals are 90% ones; processor seconds leave out the sentence embeddings",
        ],
    )


if __name__ == "__main__":
    main()
