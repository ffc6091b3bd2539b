"""Both servers under a short attack; ``make faults`` attacks them for long. A failure prints the seed that makes it again."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import attacks, hostile, servers, soak
from tests.faults.fuzzing import BrokenPromiseError
from tests.faults.hostile import Tally, complaint
from tests.faults.servers import CANARY, Attack, Heard, Target

KINDS = ("serve", "workbench")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("world")
    servers.write_world(base)
    return base


@pytest.fixture(scope="module", params=KINDS)
def target(request: pytest.FixtureRequest, world: Path) -> Iterator[Target]:
    with servers.thread(request.param, world) as running:
        yield running


def test_hostile_requests(target: Target, world: Path, caplog: pytest.LogCaptureFixture) -> None:
    tallies: dict[str, Tally] = {}
    with caplog.at_level(logging.ERROR):
        hostile.attacked(target, world, tallies, count=250, seed=3, slow=0)
    assert set(tallies) == {*attacks.REFUSED, *attacks.WRITTEN}
    assert not {name: tally.failures for name, tally in tallies.items() if tally.failed}
    assert not caplog.records


def test_they_answer_what_they_describe(target: Target, world: Path) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis makes these requests: pip install 'ruletune[dev]'")
    from tests.faults import openapi

    found = openapi.explore(target, openapi.described(target, world), cases=4, seed=3)
    assert not {name: each.failures for name, each in found.items() if each.failures}
    assert sum(each.cases for each in found.values()) > 20


def test_a_short_soak(target: Target) -> None:
    watched = soak.Watched()
    here = replace(target, pid=os.getpid())
    asyncio.run(soak.soak(here, watched, seconds=0.5, seed=3, every=0.2))
    assert watched.latencies and watched.samples and not watched.bad
    assert not any(tally.failed for tally in watched.tallies.values())


def test_growth_is_a_verdict() -> None:
    flat = {"memory_mb": 400.0, "descriptors": 10.0, "threads": 9.0}
    assert soak.verdict(soak.Watched(samples=[flat] * 20)) == []
    growing = [flat | {"memory_mb": 400.0 + 10 * number, "descriptors": 10.0 * number} for number in range(20)]
    assert len(soak.verdict(soak.Watched(samples=growing))) == 2


def heard(status: str, *lines: str, body: str = "", ended: bool = True) -> Heard:
    head = "\r\n".join([f"HTTP/1.1 {status}", *lines, f"content-length: {len(body)}", "", ""])
    return Heard(bytearray(f"{head}{body}".encode()), ended)


SAFE = [
    f"{name}: x" for name in ("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy")
]
WHY = '{"problems": [{"message": "no"}]}'


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (heard("200 OK", *SAFE), None),
        (heard("422 x", *SAFE, "content-type: application/json", body=WHY), None),
        (heard("422 x", *SAFE, "content-type: text/plain", body=WHY), "does not say why"),
        (heard("422 x", *SAFE, "content-type: application/json", body="{}"), "does not say why"),
        (heard("503 x", *SAFE, "content-type: application/json", body=WHY), None),
        (heard("500 x", *SAFE, "content-type: application/json", body=WHY), "500"),
        (heard("200 OK"), "200 without content-security-policy"),
        (heard("200 OK", *SAFE, body=CANARY), "gave away"),
        (heard("200 OK", *SAFE, body="Traceback (most recent call last)"), "traceback"),
        (heard("200 OK", *SAFE, ended=False), "not ended"),
        (Heard(bytearray(), ended=True), "no answer"),
    ],
)
def test_what_is_wrong_with_an_answer_is_noticed(answer: Heard, said: str | None) -> None:
    found = complaint(Attack((b"",)), answer)
    assert found is None if said is None else said in (found or "")


def test_what_must_be_refused_and_what_nobody_asked_for_are_noticed() -> None:
    assert "must be refused" in (complaint(Attack((b"",), refused=True), heard("200 OK", *SAFE)) or "")
    two = Heard(heard("200 OK", *SAFE).data * 2, ended=True)
    assert complaint(Attack((b"",)), two) == "2 answers to 1 requests"
    with pytest.raises(BrokenPromiseError):
        servers.answers_of(b"what?\r\n\r\n")


def test_a_touched_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("1")
    before = servers.tree(tmp_path)
    (tmp_path / "a" / "b").write_text("2")
    assert servers.difference(before, servers.tree(tmp_path)) == ["a/b"]
    assert servers.tree(tmp_path, without="a") == {}


def test_every_kind_makes_requests_again_from_its_seed() -> None:
    import random

    for kind in KINDS:
        target = Target(kind, 8000)
        for name, maker in (attacks.REFUSED | attacks.WRITTEN | {"slow": attacks.slow}).items():
            assert maker(random.Random(5), target) == maker(random.Random(5), target), name
