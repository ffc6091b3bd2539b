"""What quick heads should see of two entities: frozen representations of a pair, under a linear classifier.

Run: ``python -m benchmarks.pair_states``. Training part of SemEval-2010 task 8 only; the packaged encoder, nothing fine-tuned.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.record import shared_data, write
from ruletune.data.columns import Columns
from ruletune.data.labels import Labels
from ruletune.data.pairs import Pairs
from ruletune.data.readers import read_all
from ruletune.labeling.corpus import gold_matrix
from ruletune.models import checkpoints
from ruletune.models.embeddings import embeddings
from ruletune.models.pair_states import pair_states
from ruletune.rules.scopes import stretch
from ruletune.training.quick import fit_head

_TEXTS, _DRAWS, _SHOTS = 2000, 3, (5, 20)


def main() -> None:
    folder = shared_data() / "semeval_re"
    labels = tuple(sorted(json.loads((folder / "rel2id.json").read_text("utf-8"))))
    everything = read_all(str(folder / "train.txt"), Columns(label=None), labels=Pairs(Labels(labels)))
    examples = [everything[row] for row in np.random.default_rng(0).permutation(len(everything))[:_TEXTS]]
    gold = gold_matrix(examples, labels)
    checkpoint = checkpoints.resolve("minilm", folder=Path())
    states = pair_states(checkpoint, examples, max_length=128)
    width = states.shape[1] // 3
    entities = states[:, : 2 * width]
    shown = {
        "embedding of the text": embeddings(checkpoint, [example.text for example in examples]),
        "embedding of the text from the first entity to the second": embeddings(
            checkpoint, list(map(stretch, examples))
        ),
        "states of subject and object": entities / np.linalg.norm(entities, axis=1, keepdims=True).clip(1e-6),
        "states of subject, object and what is between": states,
    }
    rows = []
    for name, features in shown.items():
        row: dict[str, object] = {"representation": name}
        for shots in _SHOTS:
            row[f"accuracy, {shots} labels a class"] = round(_accuracy(features, gold, shots), 3)
        rows.append(row)
        print(json.dumps(row), flush=True)
    write(
        "pair_states",
        command="python -m benchmarks.pair_states",
        rows=rows,
        notes=[
            f"Mean of {_DRAWS} draws; {_TEXTS} texts of the training part, those that were not drawn are scored. Other counts."
        ],
    )


def _accuracy(features: np.ndarray, gold: np.ndarray, shots: int) -> float:
    truth = gold.argmax(axis=1)
    found = []
    for draw in range(_DRAWS):
        order = np.random.default_rng(draw).permutation(len(truth))
        taken = np.concatenate([order[truth[order] == label][:shots] for label in range(gold.shape[1])])
        rest = np.setdiff1d(order, taken)
        head = fit_head(features[taken], gold[taken], np.ones(len(taken)))
        found.append((head.logits(features[rest]).argmax(axis=1) == truth[rest]).mean())
    return float(np.mean(found))


if __name__ == "__main__":
    main()
