"""Snorkel on the texts and rules of benchmarks/rules.py. Runs under the interpreter that has Snorkel; prints JSON.

Arguments: a folder with ``texts.json`` and ``rules.json`` (pairs of expression and label position), ``votes.npy`` and, for
the label model, ``parts.json`` with votes and gold of public data sets. It leaves its votes there as ``snorkel.npy``.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import snorkel
from snorkel.labeling import LabelingFunction, PandasLFApplier
from snorkel.labeling.model import LabelModel


def function(position: int, source: str, label: int) -> LabelingFunction:
    compiled = re.compile(source, re.IGNORECASE)
    return LabelingFunction(f"rule_{position}", lambda row: label if compiled.search(row.text) else -1)


def main(folder: Path) -> None:
    texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    rules = json.loads((folder / "rules.json").read_text(encoding="utf-8"))
    applier = PandasLFApplier([function(n, source, label) for n, (source, label) in enumerate(rules)])
    frame = pd.DataFrame({"text": texts})
    began = time.process_time()
    votes = applier.apply(frame, progress_bar=False)
    applied = time.process_time() - began
    np.save(folder / "snorkel.npy", votes.astype(np.int16), allow_pickle=False)

    matrix = np.load(folder / "votes.npy", allow_pickle=False).astype(np.int64)
    classes = max(label for _, label in rules) + 1
    model = LabelModel(cardinality=classes, verbose=False)
    began = time.process_time()
    model.fit(matrix, n_epochs=500, seed=0, progress_bar=False)
    fitted = time.process_time() - began

    accuracy = {}
    for name, part in json.loads((folder / "parts.json").read_text(encoding="utf-8")).items():
        model = LabelModel(cardinality=part["classes"], verbose=False)
        model.fit(np.array(part["train"]), n_epochs=500, seed=0, progress_bar=False)
        held, gold = np.array(part["held"]), np.array(part["gold"])
        covered = (held >= 0).any(axis=1)
        found = model.predict_proba(held[covered]).argmax(axis=1)
        accuracy[name] = float((found == gold[covered]).mean())
    version = snorkel.__version__
    print(
        json.dumps(
            {"version": version, "texts": len(texts), "applied": applied, "fitted": fitted, "accuracy": accuracy}
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
