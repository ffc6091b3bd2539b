#!/usr/bin/env python
"""Try every catastrophic expression as a rule: python -m tests.faults.run_regexes [COUNT] [--record].

Each is a rule of its own, on a text that it runs away on and on one that it does not, with the time budget that `label`, `rules` and
prediction use (:mod:`ruletune.rules.matching.guard`). It must end within the budget, and a rule beside it must say what it says.
"""

from __future__ import annotations

import re
import sys
import time
import warnings
from collections import Counter

from ruletune.labeling.apply import RuleSet
from ruletune.labeling.span_apply import SpanRules
from ruletune.rules.base import Pattern, Rule, Terms, Vote
from ruletune.rules.matching.guard import default_budget
from ruletune.types import Example
from tests.faults.regexes import CASES, Catastrophe

SLACK = 1.5
"""Seconds of processor time beyond the budget: the watchdog looks four times a second, and compiling takes some."""


def tried(case: Catastrophe, *, spans: bool, budget: float | None = None) -> tuple[str, float]:
    """What became of a rule, and seconds of processor time."""
    rules = (Rule("bad", Pattern(case.regex), Vote("x")), Rule("good", Terms(("free",)), Vote("y")))
    examples = [Example("1", case.text), Example("2", "free at last")]
    limit = default_budget(len(case.text)) if budget is None else budget
    began = time.process_time()
    compiled = SpanRules if spans else RuleSet
    made = compiled(rules, labels=("x", "y"), budget=lambda characters: limit)
    found = made.apply(examples, strict=False)
    seconds = time.process_time() - began
    fired = (
        {firing.rule for one in found.firings() for firing in one}
        if spans
        else {"good"}
        if found.matrix[1, 1] == 1
        else set()
    )
    if "good" not in fired:
        raise AssertionError(f"{case.regex}: the rule beside it was not heard")
    if seconds > limit + SLACK:
        raise AssertionError(f"{case.regex}: {seconds:.1f} s, and the budget is {limit:.1f} s")
    return ("stopped" if any(fault.rule == "bad" for fault in found.faults) else "ended by itself"), seconds


def main() -> int:
    warnings.simplefilter("ignore")
    count = next((int(a) for a in sys.argv[1:] if a.isdecimal()), len(CASES))
    outcomes: dict[str, Counter[str]] = {}
    slowest = 0.0
    for number, case in enumerate(CASES[:count]):
        re.compile(case.regex)
        what, seconds = tried(case, spans=number % 2 == 1)
        outcomes.setdefault(case.kind, Counter())[what] += 1
        slowest = max(slowest, seconds)
    rows = [{"kind": kind, **dict(counts)} for kind, counts in outcomes.items()]
    print(rows, f"slowest {slowest:.1f} s")
    if "--record" in sys.argv:
        from benchmarks import record

        total = sum((Counter(counts) for counts in outcomes.values()), Counter[str]())
        rows.append({"kind": "all", **total, "slowest_seconds": round(slowest, 1)})
        (record.RESULTS / "faults").mkdir(parents=True, exist_ok=True)
        record.write("faults/regexes", command="python -m tests.faults.run_regexes --record", rows=rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
