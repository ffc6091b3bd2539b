"""Marking entities in short sentences, against the Transformers pipeline on the same model, processor and threads.

Run: ``python -m benchmarks.ner_prediction``. One tagger, trained on 200 sentences of laptop reviews, marks 2,000 others. The pipeline
groups tokens by its strategy ``simple``; Ruletune takes the best valid sequence of tags. All take turns in one process. In 32 bits answers
can differ by their decoding alone: where the pipeline's tags, the likeliest of each token, are no valid sequence. Ruletune's default is
bf16 where the processor has it; the pipeline's is 32 bits, and it is asked in bf16, too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import pipeline
from transformers.utils import logging

import ruletune
from benchmarks.ner import spans
from benchmarks.record import default_precision, shared_data, write
from ruletune import Example
from ruletune.data.readers import Columns, read_all
from ruletune.data.spans import SpanLabels
from ruletune.types import Spans

TURNS = 2
LEARNED = 200

Found = list[list[tuple[int, int]]]


def train(folder: Path, examples: list[Example]) -> ruletune.Run:
    lines = [json.dumps({"text": example.text, "spans": spans(example)}) + "\n" for example in examples]
    (folder / "train.jsonl").write_text("".join(lines), encoding="utf-8")
    task = {
        "task": "ner",
        "labels": ["TERM"],
        "data": {"train": "train.jsonl", "split": {"test": 0.1}},
        "training": {"curve": {"shares": []}, "precision": "fp32"},
    }
    (folder / "task.yaml").write_text(json.dumps(task), encoding="utf-8")
    return ruletune.fit(ruletune.load_task(folder / "task.yaml"), out=folder / "run")


def is_valid(tokens: list[dict[str, object]]) -> bool:
    """Whether an entity goes on only where it has begun, by the tags of the tokens that are not O."""
    before: tuple[int, str] = (-1, "")
    for token in tokens:
        position, (edge, label) = int(str(token["index"])), str(token["entity"]).split("-", 1)
        if edge == "I" and before != (position - 1, label):
            return False
        before = (position, label)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=2000)
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    everything = read_all(str(shared_data() / "laptop_ner" / "train.json"), Columns(), labels=SpanLabels(("TERM",)))
    asked = everything[LEARNED : LEARNED + options.texts]
    texts = [example.text for example in asked]
    with tempfile.TemporaryDirectory() as place:
        run = train(Path(place), everything[:LEARNED])
        model = str(run.folder / "model")
        ask = pipeline(
            "token-classification", model=model, tokenizer=model, device="cpu", aggregation_strategy="simple"
        )

        faster = pipeline(
            "token-classification",
            model=model,
            tokenizer=model,
            device="cpu",
            aggregation_strategy="simple",
            dtype=torch.bfloat16,
        )
        by_default = type(run)(run.folder, {**run.settings, "precision": "auto"})

        def ours(opened: ruletune.Run) -> Found:
            predictions = opened.predict(asked, with_rules=False)
            return [
                [(span.start, span.end) for span in prediction.answer.spans]
                for prediction in predictions
                if isinstance(prediction.answer, Spans)
            ]

        def theirs(asks: Callable[..., list[list[dict[str, int]]]], batch: int) -> Found:
            return [[(int(e["start"]), int(e["end"])) for e in found] for found in asks(texts, batch_size=batch)]

        methods: dict[str, Callable[[], Found]] = {
            "pipeline": lambda: theirs(ask, 1),
            "pipeline, batches of 64": lambda: theirs(ask, 64),
            "pipeline, batches of 64, bf16": lambda: theirs(faster, 64),
            "Ruletune, 32 bits": lambda: ours(run),
            "Ruletune, its default": lambda: ours(by_default),
        }
        seconds: dict[str, list[float]] = {name: [] for name in methods}
        answers: dict[str, Found] = {}
        for opened in (run, by_default):
            ours(opened)  # what is loaded at the first call is loaded
        for turn in range(TURNS):
            for name, method in methods.items():
                began = time.process_time()
                answers[name] = method()
                seconds[name].append(time.process_time() - began)
                print(f"turn {turn + 1}: {name}: {seconds[name][-1]:.1f} s", flush=True)
        tags = pipeline("token-classification", model=model, tokenizer=model, device="cpu", aggregation_strategy="none")
        valid = [is_valid(found) for found in tags(texts, batch_size=64)]
    rows = []
    for name in methods:
        agreed = sum(a == b for a, b in zip(answers[name], answers["pipeline"], strict=True))
        ratios = {
            f"times the {other}": round(
                statistics.median(a / b for a, b in zip(seconds[other], seconds[name], strict=True)), 2
            )
            for other in list(methods)[:3]
        }
        rows.append(
            {
                "method": name,
                "texts": len(asked),
                "seconds": round(statistics.median(seconds[name]), 2),
                **ratios,
                "same answers": round(agreed / len(asked), 4),
                "same answers where the pipeline's tags are valid": round(
                    sum(a == b for a, b, ok in zip(answers[name], answers["pipeline"], valid, strict=True) if ok)
                    / max(sum(valid), 1),
                    4,
                ),
            }
        )
    notes = [
        f"processor seconds of the process; median of {TURNS} turns; {torch.get_num_threads()} threads; ratios are medians of the turns' ratios",
        f"Ruletune's default computes in {default_precision()} here; the pipeline in 32 bits unless said otherwise",
        f"the pipeline's tags, in 32 bits, are a valid sequence in {sum(valid)} of {len(asked)} texts",
    ]
    for example, mine, other, ok in zip(asked, answers["Ruletune, 32 bits"], answers["pipeline"], valid, strict=True):
        if ok and mine != other:
            print(f"differs: {example.text!r}: {mine} against {other}")
    print(
        write("ner_prediction", command="python -m benchmarks.ner_prediction", rows=rows, notes=notes).read_text(
            "utf-8"
        )
    )


if __name__ == "__main__":
    main()
