"""The rule engine: how fast, how it grows, and against Snorkel, a loop over compiled expressions, and a bare automaton.

Run: ``python -m benchmarks.rules --peers PYTHON``, where PYTHON is the interpreter of an environment with
``benchmarks/peers/requirements.txt``; without it the rows about Snorkel are left out. Texts are those of trec and sms (training
parts), drawn with replacement; rules are the 141 expressions of their tables. Times are processor seconds of one thread in
one run, the best of several; a slow peer works on a sample, and its speed per text is what counts. ``ratio`` is what the
target is about.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import label_models
from benchmarks.record import ROOT, shared_data, write
from ruletune.labeling.analysis import analyse
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.incremental import RulePool
from ruletune.labeling.label_model import fit_dawid_skene
from ruletune.rules import Pattern, Rule, Terms, Vote
from ruletune.rules.matching import Matcher, automaton
from ruletune.types import Example

LABELS = ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM", "ham", "spam")
Row = dict[str, Any]

_PEAK = """
def peak():
    lines = open("/proc/self/status", encoding="ascii").read().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
"""
"""Source of a function that tells a process's own peak memory; the usual counter also has that of whoever started it."""


def seconds(work: Callable[[], object], *, times: int = 3) -> float:
    """Processor time of the fastest of several runs."""
    found = []
    for _ in range(times):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def sources() -> list[tuple[str, int]]:
    """(expression, label position) of both tables."""
    pairs = []
    for name in ("trec", "sms"):
        for line in (shared_data() / name / "rules.tsv").read_text(encoding="utf-8").splitlines():
            label, source, *_ = line.split("\t")
            pairs.append((source, label))
    known = sorted({label for _, label in pairs})
    return [(source, known.index(label)) for source, label in pairs]


def texts(count: int) -> list[str]:
    lines = [
        json.loads(line)["text"]
        for name in ("trec", "sms")
        for line in (shared_data() / name / "train.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return [lines[n] for n in np.random.default_rng(0).integers(len(lines), size=count)]


def rules_of(pairs: list[tuple[str, int]]) -> list[Rule]:
    names = [f"label {n}" for n in range(max(label for _, label in pairs) + 1)]
    return [
        Rule(f"r{n}", Pattern(source, int(re.IGNORECASE)), Vote(names[label]))
        for n, (source, label) in enumerate(pairs)
    ]


def labels_of(pairs: list[tuple[str, int]]) -> list[str]:
    return [f"label {n}" for n in range(max(label for _, label in pairs) + 1)]


def loop(pairs: list[tuple[str, int]], examples: list[str]) -> np.ndarray:
    """The votes, by a loop over compiled expressions."""
    compiled = [(re.compile(source, re.IGNORECASE).search, label) for source, label in pairs]
    matrix = np.full((len(examples), len(pairs)), -1, dtype=np.int16)
    for row, text in enumerate(examples):
        for column, (search, label) in enumerate(compiled):
            if search(text):
                matrix[row, column] = label
    return matrix


def applying(peers: Path | None) -> Iterator[Row]:
    pairs, several = sources(), texts(200_000)
    examples = [Example(str(n), text) for n, text in enumerate(several)]
    rules = RuleSet(rules_of(pairs), labels=labels_of(pairs))
    rules.apply(examples[:1000])  # compiled once, before the clock
    ours = len(several) / seconds(lambda: rules.apply(examples))
    matrix = rules.apply(examples).matrix
    sample = several[:5000]
    looped = loop(pairs, sample)
    plain = len(sample) / seconds(lambda: loop(pairs, sample), times=2)
    bare = len(several) / seconds(lambda: bare_scan(pairs, several))
    same = bool((matrix[: len(sample)] == looped).all())
    compiled = seconds(lambda: Matcher([rule.when for rule in rules_of(pairs) if isinstance(rule.when, Pattern)]).plans)
    yield {"what": "Ruletune, vote matrix included", "texts a second": round(ours), "same votes": same}
    yield {"what": "one Hyperscan call a text, matches counted", "texts a second": round(bare), "ratio": ours / bare}
    row = {"what": "loop over compiled re", "texts a second": round(plain), "ratio": ours / plain, "target": ">= 80"}
    yield row | {"bare scan / re": bare / plain}
    yield {"what": "compiling 141 expressions", "seconds": compiled}
    if peers is not None:
        found = snorkel(peers, pairs, sample[:1500], matrix[:5000])
        speed = found["texts"] / found["applied"]
        same = bool((found["votes"] == matrix[: found["texts"]]).all())
        row = {
            "what": f"Snorkel {found['version']} PandasLFApplier",
            "texts a second": round(speed),
            "ratio": ours / speed,
        }
        yield row | {"target": ">= 500", "same votes": same, "bare scan / Snorkel": bare / speed}
        yield from models(found, matrix)


def bare_scan(pairs: list[tuple[str, int]], several: list[str]) -> int:
    """What Hyperscan does by itself: one call a text in bytes mode, no matrix, no Unicode."""
    import hyperscan

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[source.encode() for source, _ in pairs],
        ids=list(range(len(pairs))),
        elements=len(pairs),
        flags=[hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH] * len(pairs),
    )
    count = 0

    def on_match(number: int, begin: int, end: int, flags: int, context: object) -> None:
        nonlocal count
        count += 1

    for text in several:
        database.scan(text.encode(), match_event_handler=on_match)
    return count


def snorkel(peers: Path, pairs: list[tuple[str, int]], sample: list[str], matrix: np.ndarray) -> dict[str, Any]:
    """Snorkel's times and votes, from its own interpreter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "texts.json").write_text(json.dumps(sample), encoding="utf-8")
        (folder / "rules.json").write_text(json.dumps(pairs), encoding="utf-8")
        (folder / "parts.json").write_text(json.dumps(public_parts()), encoding="utf-8")
        np.save(folder / "votes.npy", matrix, allow_pickle=False)
        script = ROOT / "benchmarks" / "peers" / "snorkel_rules.py"
        done = subprocess.run([str(peers), str(script), name], capture_output=True, text=True, check=True)
        votes = np.load(folder / "snorkel.npy", allow_pickle=False)
        return {**json.loads(done.stdout.splitlines()[-1]), "votes": votes}


def public_parts() -> dict[str, Any]:
    """Votes of the training part, votes and gold of the validation part."""
    parts = {}
    for name in label_models.SETS:
        train = label_models.read(shared_data() / name / "train.jsonl")
        held = label_models.read(shared_data() / name / "valid.jsonl")
        parts[name] = {
            "classes": int(held.gold.max()) + 1,
            "train": train.votes.tolist(),
            "held": held.votes.tolist(),
            "gold": held.gold.tolist(),
        }
    return parts


def models(found: dict[str, Any], matrix: np.ndarray) -> Iterator[Row]:
    part = matrix[:5000]
    classes = int(matrix.max()) + 1
    ours = seconds(lambda: fit_dawid_skene(part, classes=classes, weights=[1.0] * part.shape[1]))
    row = {"what": "label model on 5,000 x 141: Snorkel, 500 epochs", "seconds": found["fitted"]}
    yield row | {"seconds here": ours, "ratio": found["fitted"] / ours, "target": ">= 10"}
    for name, public in public_parts().items():
        train, held, gold = (np.array(public[key], dtype=np.int16) for key in ("train", "held", "gold"))
        model = fit_dawid_skene(train, classes=public["classes"], weights=[1.0] * train.shape[1])
        covered = (held >= 0).any(axis=1)
        right = float((model.posterior(held[covered]).argmax(axis=1) == gold[covered]).mean())
        row = {"what": f"label model on {name}, accuracy where rules fire, no gold"}
        yield row | {"Snorkel": found["accuracy"][name], "here": right, "target": ">= Snorkel"}


def million() -> Iterator[Row]:
    """In a process of its own, so that its peak memory is its own."""
    code = (
        "import json, time, numpy as np\n"
        f"{_PEAK}"
        "from ruletune.labeling.label_model import fit_dawid_skene\n"
        "rng = np.random.default_rng(0)\n"
        "matrix = np.full((1_000_000, 141), -1, dtype=np.int16)\n"
        "for rule in range(141):\n"
        "    rows = rng.integers(1_000_000, size=50_000)\n"
        "    matrix[rows, rule] = rng.integers(6, size=len(rows))\n"
        "began = time.process_time()\n"
        "fit_dawid_skene(matrix, classes=6, weights=[1.0] * 141).posterior(matrix)\n"
        "print(json.dumps([time.process_time() - began, peak() / 1e9]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    taken, peak = json.loads(done.stdout)
    yield {"what": "label model on 1,000,000 x 141", "seconds": taken, "peak GB": peak, "target": "< 2 GB"}


def growth() -> Iterator[Row]:
    several = texts(50_000)
    words = sorted({word for text in several for word in re.findall("[a-z]{3,}", text.lower())})
    rng = np.random.default_rng(0)
    times = {}
    for count in (10, 100, 1000):
        patterns = [Pattern(rf"\b({'|'.join(rng.choice(words, 3))})\b", int(re.IGNORECASE)) for _ in range(count)]
        matcher = Matcher(patterns)
        matcher.match(several)
        times[count] = seconds(lambda matcher=matcher: matcher.match(several))  # type: ignore[misc]
        yield {"what": f"{count} expressions of three words", "texts a second": round(len(several) / times[count])}
    yield {"what": "1,000 expressions against 10", "ratio": times[1000] / times[10], "target": "<= 4"}
    sample = several[:20_000]
    for kind, least in (("of two or three words", 2), ("of one to three words, so that most words are terms", 1)):
        lists = {}
        for count in (1, 1000, 1_000_000):
            matcher, built = gazetteer(words, count, least, rng)
            lists[count] = seconds(lambda matcher=matcher: matcher.match(sample))  # type: ignore[misc]
            speed = round(len(sample) / lists[count])
            yield {"what": f"gazetteer of {count:,} terms {kind}", "texts a second": speed, "seconds to build": built}
        ratio = lists[1_000_000] / lists[1]
        yield {"what": f"1,000,000 terms {kind}, against 1", "ratio": ratio, "target": "<= 3"}


def gazetteer(words: list[str], count: int, least: int, rng: np.random.Generator) -> tuple[Matcher, float]:
    """A matcher of one list of so many terms, and the seconds that it took to build."""
    terms: dict[str, None] = {}
    while len(terms) < count:
        drawn = rng.integers(len(words), size=(count, 3)).tolist()
        lengths = rng.integers(least, 4, size=count).tolist()
        terms |= dict.fromkeys(" ".join([words[k] for k in row[:n]]) for row, n in zip(drawn, lengths, strict=True))
    began = time.process_time()
    matcher = Matcher([Terms(tuple(terms)[:count])])
    return matcher, time.process_time() - began


def incremental() -> Iterator[Row]:
    pairs = sources()
    examples = [Example(str(n), text) for n, text in enumerate(texts(100_000))]
    rules, labels = rules_of(pairs), labels_of(pairs)
    pool = RulePool(examples, labels=labels)
    whole = seconds(lambda: look(pool, rules, labels), times=1)
    taken = []
    for turn in range(5):
        changed = list(rules)
        changed[turn] = replace(
            rules[turn], when=Pattern(rf"\b(what|who)\b.{{0,{turn + 5}}}\bis\b", int(re.IGNORECASE))
        )
        began = time.perf_counter()
        look(pool, changed, labels)
        taken.append(time.perf_counter() - began)
    yield {"what": "100,000 texts x 141 rules, first look", "seconds": whole}
    row = {
        "what": "one rule changed: coverage, conflict, estimated accuracy (wall seconds)",
        "seconds": float(np.median(taken)),
    }
    yield row | {"target": "< 1 s"}


def look(pool: RulePool, rules: list[Rule], labels: list[str]) -> object:
    votes = pool.update(rules)
    model = fit_dawid_skene(votes.matrix, classes=len(labels), weights=[1.0] * len(rules))
    return analyse(votes, label_model=model)


def processes() -> Iterator[Row]:
    """The command, end to end, with one worker and with two; and its memory over ten times the texts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = "".join(f"label {label}\t{source}\n" for source, label in sources())
        (folder / "rules.tsv").write_text(table, encoding="utf-8")
        task = f"task: classification\nlabels: {json.dumps(labels_of(sources()))}\ndata: {{train: few.jsonl}}\nrules: [{{table: rules.tsv}}]\n"
        (folder / "task.yaml").write_text(task, encoding="utf-8")
        several = texts(2_000_000)
        for count, file in ((1000, "few"), (200_000, "some"), (2_000_000, "many")):
            lines = (json.dumps({"text": text}) + "\n" for text in several[:count])
            (folder / f"{file}.jsonl").write_text("".join(lines), encoding="utf-8")
        one, _ = labelled(folder, "many", 1)
        two, peak = labelled(folder, "many", 2)
        _, least = labelled(folder, "some", 2)
        yield {"what": "ruletune label, 2,000,000 texts, one process", "wall seconds": one}
        yield {"what": "the same, two processes", "wall seconds": two, "ratio": one / two, "target": ">= 1.7"}
        yield {"what": "peak memory, 200,000 texts, largest process", "peak GB": least}
        yield {
            "what": "peak memory, 2,000,000 texts, largest process",
            "peak GB": peak,
            "ratio": peak / least,
            "target": "flat",
        }


def labelled(folder: Path, name: str, jobs: int) -> tuple[float, float]:
    code = (
        "import json, resource, sys, time\n"
        f"{_PEAK}"
        "from ruletune.cli import main\n"
        "began = time.perf_counter()\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024\n"
        "print(json.dumps([time.perf_counter() - began, max(peak(), workers) / 1e9]))\n"
    )
    arguments = ["label", "task.yaml", f"{name}.jsonl", "-o", f"{name}-{jobs}.out.jsonl", "--jobs", str(jobs)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=folder
    )
    taken, peak = json.loads(done.stdout.splitlines()[-1])
    return taken, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--peers", type=Path, help="interpreter of an environment that has the peers")
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "apply": lambda: applying(arguments.peers),
        "growth": growth,
        "million": million,
        "incremental": incremental,
        "processes": processes,
    }
    parser.add_argument("--part", choices=parts, action="append", help="only this part; nothing is written then")
    arguments = parser.parse_args()
    if not automaton.available():
        sys.exit("this benchmark needs hyperscan")
    rows: list[Row] = []
    for name in arguments.part or parts:
        for row in parts[name]():
            shown = {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}
            print(json.dumps(shown), flush=True)
            rows.append(shown)
    if not arguments.part:
        peers = " --peers PYTHON" if arguments.peers else ""
        write("rules", command=f"python -m benchmarks.rules{peers}", rows=rows)


if __name__ == "__main__":
    main()
