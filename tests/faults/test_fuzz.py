"""The fuzzers in short; ``make faults`` runs them for long. A failure prints the seed that makes it again."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.faults.fuzz import CASES, SHARES
from tests.faults.fuzzing import BrokenPromiseError, Outcome, one, run, show

CASE_COUNTS = {
    name: {"task text": 30, "edits of rules": 30, "task values": 80}.get(name, 12 * SHARES[name]) for name in CASES
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_nothing_but_user_errors(name: str) -> None:
    found = run(CASES[name], itertools.islice(itertools.count(1), CASE_COUNTS[name]))
    show(name, found)
    assert found.cases == CASE_COUNTS[name] and not found.failed
    assert found.accepted, "nothing got through: the fuzzer tests only the first check"


def test_the_long_form_runs_all_of_them() -> None:
    assert set(SHARES) == set(CASES)


def test_a_broken_promise_is_noticed() -> None:
    def crashes(rng: random.Random) -> str:
        raise KeyError(rng.random())

    def rambles(rng: random.Random) -> str:
        from ruletune.errors import UserError

        raise UserError(" ")

    for case in (crashes, rambles):
        found = Outcome()
        one(case, 7, found)
        assert found.failed == 1 and next(iter(found.failures.values()))[0] == 7
    assert issubclass(BrokenPromiseError, Exception)
