"""The peers of benchmarks/label_efficiency.py on one draw of labels. Runs under the interpreter that has them.

Arguments: a JSON file with a draw (``gold``, ``pool``, ``report``), the folder of the encoder, the number of labels, the
seed, and which peers to run. Prints a JSON line a peer: its name, the answers on the report part, seconds of wall time and
of processor time.

* majority vote, Snorkel's label model: votes only; a text without votes gets the commonest answer.
* fine-tuning, on gold; on Snorkel's soft labels; and on those, then on gold: mean pooling and a linear layer, AdamW.
* SetFit, as its trainer does by default, logistic regression on top; at 50 labels a class with 20 pairs of each kind a
  text (the paper's setting), since all pairs would take hours.
* frozen embeddings and logistic regression.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

warnings.filterwarnings("ignore")


def votes_of(rows: list[dict[str, Any]]) -> np.ndarray:
    return np.array([row["votes"] for row in rows], dtype=np.int64)


def majority(votes: np.ndarray, classes: int) -> np.ndarray:
    counts = np.stack([(votes == k).sum(axis=1) for k in range(classes)], axis=1).astype(float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    common = share.sum(axis=0)
    return np.asarray(share + 1e-6 * common / common.sum())


def snorkel_model(pool: np.ndarray, classes: int, seed: int) -> Any:
    from snorkel.labeling.model import LabelModel

    model = LabelModel(cardinality=classes, verbose=False)
    model.fit(pool, n_epochs=500, seed=seed, progress_bar=False)
    return model


class FineTuned:
    """Mean pooling and a linear layer on the encoder; all of it learns."""

    def __init__(self, folder: str, classes: int, seed: int) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.manual_seed(seed)
        self.torch = torch
        self.body = SentenceTransformer(folder, device="cpu")
        self.body.max_seq_length = 128
        self.head = torch.nn.Linear(self.body.get_sentence_embedding_dimension() or 384, classes)
        self.seed = seed

    def _logits(self, texts: list[str]) -> Any:
        tokens = self.body.tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
        return self.head(self.body(dict(tokens))["sentence_embedding"])

    def fit(self, texts: list[str], targets: np.ndarray, *, epochs: int) -> None:
        torch = self.torch
        steps = epochs * -(-len(texts) // 16)
        groups = [{"params": self.body.parameters(), "lr": 5e-5}, {"params": self.head.parameters(), "lr": 1e-3}]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / (0.1 * steps + 1), 1 - s / steps))
        rng = np.random.default_rng(self.seed)
        self.body.train()
        for _ in range(epochs):
            order = rng.permutation(len(texts))
            for start in range(0, len(order), 16):
                rows = order[start : start + 16]
                loss = torch.nn.functional.cross_entropy(
                    self._logits([texts[r] for r in rows]), torch.tensor(targets[rows], dtype=torch.float32)
                )
                loss.backward()
                torch.nn.utils.clip_grad_norm_([*self.body.parameters(), *self.head.parameters()], 1.0)
                optimizer.step()
                rate.step()
                optimizer.zero_grad()

    def answers(self, texts: list[str]) -> np.ndarray:
        torch = self.torch
        self.body.eval()
        with torch.inference_mode():
            return np.concatenate(
                [self._logits(texts[s : s + 64]).argmax(dim=1).numpy() for s in range(0, len(texts), 64)]
            )


def main(path: str, folder: str, classes: int, shots: int, seed: int, wanted: list[str]) -> None:
    rows = json.loads(Path(path).read_text(encoding="utf-8"))
    texts = {part: [row["text"] for row in rows[part]] for part in rows}
    gold = np.array([row["label"] for row in rows["gold"]])
    votes = {part: votes_of(rows[part]) for part in rows}
    one_hot = np.eye(classes)[gold]
    soft: dict[str, Any] = {}

    def label_model() -> Any:
        if "model" not in soft:
            soft["model"] = snorkel_model(np.concatenate([votes["gold"], votes["pool"]]), classes, seed)
        return soft["model"]

    def by_majority() -> np.ndarray:
        return np.asarray(majority(votes["report"], classes).argmax(axis=1))

    def by_label_model() -> np.ndarray:
        return np.asarray(label_model().predict_proba(votes["report"]).argmax(axis=1))

    def frozen() -> np.ndarray:
        from sentence_transformers import SentenceTransformer
        from sklearn.linear_model import LogisticRegression

        body = SentenceTransformer(folder, device="cpu")
        model = LogisticRegression(max_iter=1000).fit(body.encode(texts["gold"], show_progress_bar=False), gold)
        return np.asarray(model.predict(body.encode(texts["report"], show_progress_bar=False)))

    def on_gold() -> np.ndarray:
        model = FineTuned(folder, classes, seed)
        model.fit(texts["gold"], one_hot, epochs=30)
        return model.answers(texts["report"])

    def weak(then_gold: bool) -> np.ndarray:
        covered = np.flatnonzero((votes["pool"] >= 0).any(axis=1))
        covered = np.random.default_rng(seed).permutation(covered)[:2000]
        model = FineTuned(folder, classes, seed)
        beliefs = np.asarray(label_model().predict_proba(votes["pool"][covered]))
        model.fit([texts["pool"][r] for r in covered], beliefs, epochs=2)
        if then_gold:
            soft["weak answers"] = model.answers(texts["report"])
            model.fit(texts["gold"], one_hot, epochs=30)
        return model.answers(texts["report"])

    def setfit() -> np.ndarray:
        import logging
        import tempfile

        from datasets import Dataset
        from setfit import SetFitModel, Trainer, TrainingArguments

        logging.disable(logging.WARNING)
        model = SetFitModel.from_pretrained(folder, local_files_only=True)
        pairs = {"num_iterations": 20} if shots >= 50 else {}
        with tempfile.TemporaryDirectory() as place:
            arguments = TrainingArguments(
                output_dir=place, seed=seed, show_progress_bar=False, report_to="none", save_strategy="no", **pairs
            )
            data = Dataset.from_dict({"text": texts["gold"], "label": gold.tolist()})
            Trainer(model=model, args=arguments, train_dataset=data).train()
        return np.asarray(model.predict(texts["report"], show_progress_bar=False))

    methods: dict[str, Callable[[], np.ndarray]] = {
        "majority vote": by_majority,
        "Snorkel label model": by_label_model,
        "frozen + logistic regression": frozen,
        "fine-tuning": on_gold,
        "SetFit": setfit,
        "Snorkel, fine-tuning": lambda: weak(False),
        "Snorkel, fine-tuning, gold": lambda: weak(True),
    }
    for name in wanted:
        wall, processor = time.perf_counter(), time.process_time()
        answers = methods[name]()
        line = {
            "peer": name,
            "answers": [int(a) for a in answers],
            "wall": time.perf_counter() - wall,
            "processor": time.process_time() - processor,
        }
        print("RESULT " + json.dumps(line), flush=True)
        if name == "Snorkel, fine-tuning, gold":
            weak_line = {"peer": "Snorkel, fine-tuning", "answers": [int(a) for a in soft["weak answers"]]}
            print("RESULT " + json.dumps(weak_line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6:])
