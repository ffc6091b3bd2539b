#!/usr/bin/env python
"""Run the fuzzers for long: python -m tests.faults.fuzz [--cases N] [--seed S] [--only NAME] [--seconds T] [--engine atheris].

Every fuzzer gets its share of the cases: cheap ones many, expensive ones few. Results go to
``benchmarks/results/faults/fuzzing.json``, failures to stderr with the seed that makes them again; any is exit code 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator

from tests.faults import fuzz_data, fuzz_rules, fuzz_tasks
from tests.faults.fuzzing import Case, Outcome, one, peak, show

CASES: dict[str, Case] = {**fuzz_tasks.CASES, **fuzz_rules.CASES, **fuzz_data.CASES}

SHARES = {
    "task values": 6, "task text": 2, "edits of rules": 2, "files of rules": 15, "rules on odd texts": 3, "templates": 60, "rendered inputs": 20,
    "files of knowledge": 15, "braces": 30, "rows": 60, "data files": 10, "Parquet files": 1,
}  # fmt: skip
"""Cases of each in a round."""


def rounds(seed: int) -> Iterator[tuple[str, int]]:
    """Fuzzers and seeds, by turns, without end."""
    number = seed
    while True:
        for name, share in SHARES.items():
            for _ in range(share):
                number += 1
                yield name, number


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(CASES))
    parser.add_argument("--engine", choices=("random", "atheris"), default="random")
    parser.add_argument("--no-record", action="store_true", help="Write no results.")
    asked = parser.parse_args()
    if asked.engine == "atheris":
        return guided(asked.only or "rows", asked.cases)
    outcomes = {name: Outcome() for name in CASES if asked.only in (None, name)}
    done = 0
    try:
        for name, seed in rounds(asked.seed):
            if name not in outcomes:
                continue
            began, before = time.process_time(), peak()
            known = len(outcomes[name].failures)
            one(CASES[name], seed, outcomes[name])
            if len(outcomes[name].failures) > known:
                sys.stderr.write(f"{name}, seed {seed}: {list(outcomes[name].failures)[-1]}\n")
            outcomes[name].seconds += time.process_time() - began
            outcomes[name].memory += peak() - before
            done += 1
            if done % 20_000 == 0:
                _record(asked, outcomes)
            if done >= asked.cases:
                break
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
    for name, outcome in outcomes.items():
        show(name, outcome)
    _record(asked, outcomes)
    return 1 if any(outcome.failed for outcome in outcomes.values()) else 0


def _record(asked: argparse.Namespace, outcomes: dict[str, Outcome]) -> None:
    if asked.no_record or asked.only:
        return
    from benchmarks import record

    (record.RESULTS / "faults").mkdir(parents=True, exist_ok=True)
    rows = [{"fuzzer": name, **outcome.to_json()} for name, outcome in outcomes.items()]
    rows.append(
        {
            "fuzzer": "all",
            "cases": sum(o.cases for o in outcomes.values()),
            "failed": sum(o.failed for o in outcomes.values()),
        }
    )
    record.write(
        "faults/fuzzing", command=f"python -m tests.faults.fuzz --cases {asked.cases} --seed {asked.seed}", rows=rows
    )


def guided(name: str, cases: int) -> int:
    """Let atheris choose the chances, led by what code they reach."""
    import atheris

    atheris.instrument_all()
    outcome = Outcome()

    def test(data: bytes) -> None:
        one(lambda _: CASES[name](random.Random(data)), 0, outcome)
        if outcome.failed:
            show(name, outcome)
            raise SystemExit(1)

    atheris.Setup([sys.argv[0], f"-runs={cases}", "-verbosity=0"], test)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
