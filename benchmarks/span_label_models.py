"""Label models for named entities on public span votes: with no, few and more gold sentences.

Run: ``python -m benchmarks.span_label_models``. Models are fitted on the votes of the training part of laptop_ner, with
the entities of so many sentences known, and measured on the validation part, which nothing here chooses by. Entities
count where both ends are right (strict). In wikigold_ner one dictionary speaks about the training part alone, whose
entities nobody knows, and none about the validation part: a label model has nothing to weigh there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.record import shared_data, write
from ruletune.labeling.sequence_model import SEQUENCE_MODELS, tags_of
from ruletune.labeling.span_votes import SpanVotes
from ruletune.rules.base import Pattern, Rule, Vote
from ruletune.types import Span, Spans

LABELS = ("TERM",)
MODELS = {"majority": "majority vote", "hmm": "hidden Markov model"}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the data set: votes, where the words are, and the entities of every sentence."""

    votes: SpanVotes
    words: list[list[tuple[int, int]]]
    gold: list[Spans]


def read(name: str, rules: str) -> Part:
    """A part, with the votes of the rules that the set's description lists under ``rules``."""
    folder = shared_data() / "laptop_ner"
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    columns = [meta["lf"].index(rule) for rule in meta[rules]]
    words, gold, cells = [], [], []
    for row, sentence in enumerate(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")).values()):
        tokens = sentence["data"]["text"]
        starts = np.cumsum([0, *[len(token) + 1 for token in tokens[:-1]]]).tolist()
        ranges = [(start, start + len(token)) for start, token in zip(starts, tokens, strict=True)]
        words.append(ranges)
        gold.append(Spans(tuple(Span(ranges[s][0], ranges[e - 1][1], label) for s, e, label in sentence["label"])))
        cells += [
            (row, ranges[s][0], ranges[e - 1][1], number, LABELS.index(label))
            for number, column in enumerate(columns)
            for s, e, label in sentence["weak_labels"][column]
        ]
    row, start, end, rule, label = np.array(sorted(cells), dtype=np.int32).T
    named = tuple(Rule(rule_name, Pattern("."), Vote(LABELS[0])) for rule_name in meta[rules])
    return Part(SpanVotes(named, LABELS, len(words), row, rule, start, end, label), words, gold)


def entity_scores(found: list[Spans], gold: list[Spans]) -> tuple[float, float, float]:
    """Precision, recall and F1 of entities in characters, both ends and the label right."""
    right = sum(len(set(a.spans) & set(b.spans)) for a, b in zip(found, gold, strict=True))
    precision = right / max(sum(len(answer.spans) for answer in found), 1)
    recall = right / max(sum(len(answer.spans) for answer in gold), 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-12)


def log_loss(beliefs: list[np.ndarray], part: Part) -> float:
    """Mean over words of the negative logarithm of the right tag's belief, which counts as 0.001 at least."""
    right = [
        table[np.arange(len(table)), tags_of(answer, ranges, LABELS)]
        for table, answer, ranges in zip(beliefs, part.gold, part.words, strict=True)
    ]
    return float(-np.log(np.maximum(np.concatenate(right), 1e-3)).mean())


def measure(rules: str, *, known: int, seeds: int) -> list[dict[str, Any]]:
    """A row for each label model, mean over draws of the gold sentences."""
    train, valid = read("train", rules), read("valid", rules)
    rows = []
    for kind, name in MODELS.items():
        values, seconds = [], []
        for seed in range(seeds if known and kind == "hmm" else 1):  # a majority learns nothing from gold
            drawn = set(np.random.default_rng([seed, known]).permutation(len(train.words))[:known].tolist())
            gold = [answer if n in drawn else None for n, answer in enumerate(train.gold)]
            begun = time.perf_counter()
            model = SEQUENCE_MODELS[kind](train.votes, train.words, gold=gold)
            seconds.append(time.perf_counter() - begun)
            found = entity_scores(model.decode(valid.votes, valid.words), valid.gold)
            values.append((*found, log_loss(model.posterior(valid.votes, valid.words), valid)))
        precision, recall, f1, loss = (statistics.mean(column) for column in zip(*values, strict=True))
        rows.append(
            {
                "data": "laptop_ner",
                "rules": len(train.votes.rules),
                "model": name,
                "gold sentences": known,
                "seeds": len(values),
                "precision": round(precision, 4),
                "recall": round(recall, 4),
                "F1": round(f1, 4),
                "deviation of F1": round(statistics.stdev(v[2] for v in values), 4) if len(values) > 1 else None,
                "log loss of words": round(loss, 4),
                "seconds to fit": round(statistics.mean(seconds), 2),
            }
        )
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    print(f"{'rules':>5}{'gold':>6}  {'model':20}{'precision':>10}{'recall':>8}{'F1':>7}{'log loss':>10}")
    for row in rows:
        print(
            f"{row['rules']:>5}{row['gold sentences']:>6}  {row['model']:20}{row['precision']:>10.3f}"
            f"{row['recall']:>8.3f}{row['F1']:>7.3f}{row['log loss of words']:>10.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", nargs="+", default=["lf_rec", "lf"], choices=["lf_rec", "lf"])
    parser.add_argument("--gold", nargs="+", type=int, default=[0, 50, 200])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    rows = [
        row
        for rules in arguments.rules
        for known in arguments.gold
        for row in measure(rules, known=known, seeds=arguments.seeds)
    ]
    show(rows)
    write(
        "span_label_models",
        command="python -m benchmarks.span_label_models",
        rows=rows,
        notes=[
            "fitted on the training part's votes, measured on the validation part; means over draws of gold sentences",
            "entities count where both ends are right; 3 rules are those that the set recommends, 16 all of them",
            "majority vote: word by word, the longer entity where B and I have equal votes; gold changes nothing about it",
        ],
    )


if __name__ == "__main__":
    main()
