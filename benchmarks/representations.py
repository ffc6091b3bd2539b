"""What a linear head finds in a frozen encoder, and what rules add when they are weighed against it text by text.

Run: ``python -m benchmarks.representations``. Draws as in ``benchmarks/draws.py``, accuracy on the report part, which nothing was
chosen by. Heads learn the gold labels alone, from the mean of the encoder's last layer or from several layers and the first word
(`ruletune.models.frozen`). `weighed` is the head that learns what rules and gold labels say together, with the rules as
evidence on top: what previews show, and what weakly labelled texts are taught with. `votes alone` is the label model that has
seen the gold labels; a text that no rule covers gets its first label.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.draws import LABELS, draw
from benchmarks.guard import fitted
from benchmarks.record import write
from ruletune.models import checkpoints
from ruletune.models.embeddings import View, embeddings
from ruletune.training.quick import Pool, guided_beliefs, guided_head, labels_head, reduced


def accuracies(name: str, *, shots: int, seed: int) -> dict[str, float]:
    drawn = draw(name, shots=shots, seed=seed)
    rows, classes = [*drawn.gold, *drawn.pool], len(LABELS[name])
    gold = np.full((len(rows), classes), np.nan)
    gold[: len(drawn.gold)] = np.eye(classes)[[row["label"] for row in drawn.gold]]
    votes = np.array([row["votes"] for row in (*rows, *drawn.report)], dtype=np.int16)
    truth = np.array([row["label"] for row in drawn.report])
    model = fitted(votes[: len(rows)], gold, classes=classes)

    def share(beliefs: np.ndarray) -> float:
        return float((beliefs.argmax(axis=1) == truth).mean())

    def features(view: View) -> np.ndarray:
        checkpoint = checkpoints.resolve("minilm", folder=Path())
        return embeddings(checkpoint, [row["text"] for row in (*rows, *drawn.report)], view=view)

    found = {"votes alone": share(model.posterior(votes[len(rows) :]))}
    views = {"last layer": features("sentence"), "several layers": features("layers")}
    views["several layers, reduced"] = reduced(views["several layers"], seed=seed)
    for what, vectors in views.items():
        pool = Pool(vectors[: len(rows)], gold, votes[: len(rows)])
        found[what] = share(labels_head(pool, multi=False).probabilities(vectors[len(rows) :]))
    for what in ("last layer", "several layers, reduced"):
        vectors = views[what]
        head = guided_head(Pool(vectors[: len(rows)], gold, votes[: len(rows)]), model)
        beliefs = guided_beliefs(head, model, vectors[len(rows) :], votes[len(rows) :])
        found[f"weighed: {what}"] = share(beliefs)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=int, nargs="+", default=[5, 10, 50])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in LABELS:
        for shots in arguments.shots:
            each = [accuracies(name, shots=shots, seed=seed) for seed in range(arguments.seeds)]
            means = {what: round(statistics.mean(found[what] for found in each), 4) for what in each[0]}
            rows.append({"data": name, "labels a class": shots, "seeds": arguments.seeds} | means)
            print(json.dumps(rows[-1]), flush=True)
            write("representations", command="python -m benchmarks.representations", rows=rows)


if __name__ == "__main__":
    main()
