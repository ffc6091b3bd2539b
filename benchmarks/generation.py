"""Texts from rules, from few gold answers, and from both: translation, summarization, replies in a dialogue.

Run: ``python -m benchmarks.generation``. Ruletune with its defaults on the packaged flan-t5-small, one draw, and budgets that
fit two cores: at most ``--scored`` examples of each report part are answered (the first ones of a seeded draw). The ways: the
pretrained model as it is, the same under the rules, fine-tuning on the labels alone, and rules + labels.

- multi30k en-de, 50 and 500 pairs; the rules are a glossary of 100 nouns, derived from training pairs that the draws do not have
  (``benchmarks/glossary.py``), and that numbers are copied.
- SciTLDR, 50 and 200 papers; the rules: what an abbreviation in the title stands for must be mentioned (a list of 30), no
  number is invented, the length; of unlabelled papers that sentence is learned from that breaks the fewest of them.
- FewShotWOZ restaurant and hotel, the 50 replies that are given: every slot is said, also those of yes and no; two acts have templates.

``--tune`` answers a part of the training data instead and writes nothing; defaults were chosen on it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import ruletune
from benchmarks import text_data
from benchmarks.glossary import written
from benchmarks.record import RESULTS, write
from benchmarks.text_data import TextData
from ruletune.config import load_task
from ruletune.metrics.rouge import lead, oracle
from ruletune.metrics.texts import TextScoring, references_of, sentences_of
from ruletune.types import Example

Rules = list[dict[str, Any]]

_ASKED = {
    "kidsallowed": ["child*", "kid*"],
    "dogsallowed": ["dog*"],
    "hasinternet": ["internet"],
    "acceptscreditcards": ["card*"],
}
"""How slots whose values nobody says are said, by the training replies."""

_SAY = {name: dict.fromkeys(("yes", "no", "none", "dont_care"), words) for name, words in _ASKED.items()}

DIALOGUE: Rules = [
    {"slots": "all", "say": _SAY, "name": "slots"},
    {"field": "intent", "equals": "goodbye", "reply": ["goodbye", "good bye"], "name": "goodbye"},
    {"field": "intent", "equals": "reqmore", "reply": "is there anything else i can do for you", "name": "more"},
    {"always": True, "veto": ["none", "dont_care", "inform*"], "name": "no words of the act"},
]


_TERMS = {
    "GAN": ["generative adversarial*", "adversarial*"], "VAE": ["variational auto*", "autoencoder*", "auto-encoder*"],
    "RNN": ["recurrent*"], "LSTM": ["recurrent*", "long short*"], "CNN": ["convolution*"], "GNN": ["graph*"], "MDP": ["Markov*"],
    "RL": ["reinforcement*"], "SGD": ["stochastic gradient*", "gradient descent"], "NLP": ["natural language*", "language*"],
    "Reinforcement": ["reinforcement*", "RL", "polic*"], "Adversarial": ["adversar*", "GAN*", "attack*", "robust*"],
    "Graph": ["graph*", "GNN*"], "Translation": ["translat*"], "Transformer": ["attention*"], "Quantization": ["quanti*", "low-precision", "bit*"],
    "Pruning": ["prun*", "spars*", "compress*"], "Meta": ["meta*", "few-shot"], "Exploration": ["explor*"], "Generalization": ["generaliz*"],
    "Bayesian": ["Bayes*", "posterior*", "uncertain*"], "Variational": ["variational*", "posterior*", "inference"], "Imitation": ["imitat*", "demonstrat*"],
    "Attention": ["attent*"], "Embedding": ["embed*", "represent*"], "Hierarchical": ["hierarch*"], "Continual": ["continual*", "catastrophic*", "lifelong"],
    "Privacy": ["priva*"], "Speech": ["speech*", "audio*", "voice*"], "Video": ["video*"],
}  # fmt: skip
"""Words of titles, and other ways in which a summary may name what they stand for."""


def translation(pairs: int, folder: Path) -> tuple[TextData, Rules]:
    data = text_data.multi30k(pairs, seed=0)
    entries = text_data.multi30k_glossary(pairs=pairs, seed=0)
    (folder / "terms.tsv").write_text(written(entries), encoding="utf-8")
    return data, [{"glossary": "terms.tsv", "name": "glossary"}, {"copy": "numbers", "name": "numbers"}]


def summarization(papers: int, folder: Path) -> tuple[TextData, Rules]:
    data = text_data.scitldr(papers, seed=0, unlabeled=200)
    named = [
        {"field": "title", "matches": rf"\b{term}s?\b", "require": [f"{term}*", *others], "name": f"names {term}"}
        for term, others in _TERMS.items()
    ]
    return data, [
        *named,
        {"invented": "numbers", "name": "no invented numbers"},
        {"answer_length": "words", "at_least": 6, "at_most": 45, "name": "length"},
    ]


def dialogue(domain: str, folder: Path) -> tuple[TextData, Rules]:
    return text_data.fewshotwoz(domain), DIALOGUE


SETS: dict[str, tuple[Callable[[Any, Path], tuple[TextData, Rules]], tuple[Any, ...], dict[str, Any]]] = {
    "multi30k": (translation, (50, 500), {"max_length": 64, "max_target": 64}),
    "scitldr": (summarization, (50, 200), {"max_length": 256, "max_target": 48, "too_long": "cut"}),
    "fewshotwoz": (dialogue, ("restaurant", "hotel"), {"max_length": 128, "max_target": 64}),
}


_TRAINING: dict[str, dict[str, Any]] = {"scitldr": {"gold": {"epochs": 10}}}
"""Of long sources fewer passes fit the budget."""


def bounds(papers: list[Example]) -> dict[str, dict[str, float]]:
    """ROUGE of the first sentence, and of the sentence that does best."""
    ways = {
        "lead": [lead(sentences_of(paper), count=1) for paper in papers],
        "oracle": [oracle(sentences_of(paper), references_of(paper), count=1) for paper in papers],
    }
    return {name: TextScoring("summarization").score(papers, answers) for name, answers in ways.items()}


def run(
    name: str, size: Any, *, scored: int, tune: bool, settings: dict[str, Any], keep: Path | None = None
) -> dict[str, Any]:
    """Scores by way, and how the rules are kept."""
    make, _, model = SETS[name]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data, rules = make(size, folder)
        report = data.tune if tune and data.tune else data.report
        order = np.sort(np.random.default_rng(5).permutation(len(report))[:scored])
        data = replace(data, tune=[], report=[report[n] for n in order])
        task = text_data.write_rows(data, folder)
        task |= {"rules": settings.pop("rules", rules), "model": model | settings.pop("model", {})}
        task |= {"training": _TRAINING.get(name, {})} | settings
        (folder / "task.yaml").write_text(json.dumps(task), encoding="utf-8")
        began = time.perf_counter()
        made = ruletune.fit(load_task(folder / "task.yaml"), out=keep or folder / "run", overwrite=True)
        kept = {row.rule: {"demanded": row.demanded} | row.kept for row in made.report.kept}
        return {
            "scores": made.metrics["scores"]
            | (bounds(made.read(str(folder / "test.jsonl"))) if name == "scitldr" else {}),
            "kept": kept,
            "seconds": round(time.perf_counter() - began),
            "guard": made.metrics["guard"],
            "scored": len(data.report),
        }


def _others(sets: list[str]) -> list[dict[str, Any]]:
    """What an earlier run has found on the other sets."""
    path = RESULTS / "generation.json"
    if not path.exists():
        return []
    return [row for row in json.loads(path.read_text(encoding="utf-8"))["rows"] if row["data"] not in sets]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--sizes", nargs="+", help="Of these only, such as 50 or hotel.")
    parser.add_argument("--scored", type=int, default=200, help="Examples that are answered, at most.")
    parser.add_argument("--tune", action="store_true", help="Answer a part of the training data; write nothing.")
    parser.add_argument("--settings", type=json.loads, default={}, help="More of the task file, as JSON.")
    parser.add_argument("--keep", type=Path, help="Run folder to keep.")
    options = parser.parse_args()
    rows = [] if options.tune else _others(options.sets)
    for name in options.sets:
        for size in SETS[name][1]:
            if options.sizes and str(size) not in options.sizes:
                continue
            found = run(
                name,
                size,
                scored=options.scored,
                tune=options.tune,
                settings=json.loads(json.dumps(options.settings)),
                keep=options.keep,
            )
            for way, scores in found["scores"].items():
                figures = {
                    key: round(value, 4)
                    for key, value in scores.items()
                    if isinstance(value, float) and key not in ("covered", "uncovered")
                }
                rows.append({"data": name, "size": size, "scored": found["scored"], "way": way, **figures})
                print(json.dumps(rows[-1]), flush=True)
            print(
                json.dumps(
                    {"kept": found["kept"], "seconds": found["seconds"], "guard": (found["guard"] or {}).get("reason")}
                ),
                flush=True,
            )
            if not options.tune:
                write(
                    "generation",
                    command="python -m benchmarks.generation",
                    rows=rows,
                    notes=[
                        "flan-t5-small as packaged, defaults, one draw; scored: examples of the report part that were answered.",
                        "scitldr: sources cut at 256 tokens, 10 passes over the gold summaries.",
                        "term_accuracy: of the phrases that rules demand, the share that stands in the answers. rules_kept: "
                        "of all demands.",
                        "multi30k: the glossary holds of 91% of the reference's own terms, so term accuracy beyond that contradicts it.",
                    ],
                )


if __name__ == "__main__":
    main()
