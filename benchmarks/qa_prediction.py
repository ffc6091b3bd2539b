"""Answering questions about short texts, against a plain loop over the same model, processor and threads.

Run: ``python -m benchmarks.qa_prediction``. Transformers 5.23 has no pipeline for questions any more, so the reference is what its
documentation shows in its place: tokenize a question and its text, ask the model, take the likeliest first and last token of the
text, one question after the other. One reader, trained on the example's 40 questions, without rules. All take turns in one
process. Ruletune's default is bf16 where the processor has it; the loop's is 32 bits, and it is run in bf16, too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

import ruletune
from benchmarks.record import ROOT, default_precision, write
from ruletune import Example
from ruletune.types import Spans

TURNS = 2
LONGEST = 30


def prepared(folder: Path, questions: int) -> ruletune.Run:
    """A reader trained on labels alone, beside ``questions`` questions in ``test.jsonl``."""
    script = ROOT / "examples" / "reading" / "prepare.py"
    subprocess.run([sys.executable, str(script), str(folder), "--test", str(questions)], check=True)
    task = {
        "task": "qa",
        "data": {"train": "train.json", "split": {"test": 0.1}},
        "training": {"curve": {"shares": []}, "gold": {"epochs": 10}},
    }
    (folder / "task.yaml").write_text(json.dumps(task), encoding="utf-8")
    return ruletune.fit(ruletune.load_task(folder / "task.yaml"), out=folder / "run")


def loop(model_folder: str, dtype: torch.dtype) -> Callable[[list[Example]], list[str]]:
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModelForQuestionAnswering.from_pretrained(model_folder, dtype=dtype).eval()

    def answer(example: Example) -> str:
        shown = tokenizer(example.text_pair, example.text, return_tensors="pt", return_offsets_mapping=True)
        ranges = shown.pop("offset_mapping")[0]
        with torch.inference_mode():
            found = model(**shown)
        ours = torch.tensor([number == 1 for number in shown.sequence_ids(0)])
        first = found.start_logits[0].float().log_softmax(-1)
        last = found.end_logits[0].float().log_softmax(-1)
        scores = first[:, None] + last[None, :]
        scores = torch.triu(scores) - torch.triu(torch.full_like(scores, torch.inf), LONGEST * 3)
        allowed = ours[:, None] & ours[None, :] & torch.ones_like(scores, dtype=torch.bool).triu()
        scores = scores.masked_fill(~allowed, -torch.inf)
        start, end = divmod(int(scores.argmax()), scores.shape[1])
        if first[0] + last[0] > scores[start, end]:
            return ""
        return example.text[int(ranges[start, 0]) : int(ranges[end, 1])]

    return lambda examples: [answer(example) for example in examples]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run = prepared(folder, options.questions)
        # The margin of no answer is chosen on gold; the loop knows none.
        settings = run.settings["calibration"]["answers"] | {"margin": 0.0, "none": True}
        run = type(run)(
            run.folder, {**run.settings, "calibration": {**run.settings["calibration"], "answers": settings}}
        )
        exact = type(run)(run.folder, {**run.settings, "precision": "fp32"})
        asked = run.read(str(folder / "test.jsonl"), labelled=False)

        def ours(opened: ruletune.Run, examples: list[Example]) -> list[str]:
            given = [p.answer for p in opened.predict(examples, with_rules=False)]
            return [
                example.text[answer.spans[0].start : answer.spans[0].end]
                if isinstance(answer, Spans) and answer.spans
                else ""
                for example, answer in zip(examples, given, strict=True)
            ]

        model = str(run.folder / "model")
        methods: dict[str, Callable[[list[Example]], list[str]]] = {
            "a loop, one by one": loop(model, torch.float32),
            "a loop, one by one, bf16": loop(model, torch.bfloat16),
            "Ruletune, 32 bits": lambda examples: ours(exact, examples),
            "Ruletune, its default": lambda examples: ours(run, examples),
        }
        seconds: dict[str, list[float]] = {name: [] for name in methods}
        answers: dict[str, list[str]] = {}
        for method in methods.values():
            method(asked[:8])  # what is loaded at the first call is loaded
        for turn in range(TURNS):
            for name, method in methods.items():
                began = time.process_time()
                answers[name] = method(asked)
                seconds[name].append(time.process_time() - began)
                print(f"turn {turn + 1}: {name}: {seconds[name][-1]:.1f} s", flush=True)
    reference = next(iter(methods))
    rows = [
        {
            "method": name,
            "questions": len(asked),
            "seconds": round(statistics.median(seconds[name]), 2),
            "times the loop": round(
                statistics.median(a / b for a, b in zip(seconds[reference], seconds[name], strict=True)), 2
            ),
            "same answers": round(
                sum(a == b for a, b in zip(answers[name], answers[reference], strict=True)) / len(asked), 4
            ),
        }
        for name in methods
    ]
    notes = [
        f"processor seconds of the process, which a busy machine does not change much; median of {TURNS} turns; {torch.get_num_threads()} threads; "
        "ratios are medians of the turns' ratios",
        f"Ruletune's default computes in {default_precision()} here; the loop in 32 bits unless said otherwise",
        "Transformers 5.23 has no question-answering pipeline; where answers differed, those once looked at were the loop's of more than 30 words, which Ruletune does not give",
    ]
    path = write("qa_prediction", command="python -m benchmarks.qa_prediction", rows=rows, notes=notes)
    print(path.read_text("utf-8"))


if __name__ == "__main__":
    main()
