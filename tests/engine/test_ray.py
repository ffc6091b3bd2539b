"""The two verbs on Ray: as on this machine, and when workers die."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ruletune.config import TaskSpec, load_task, skipping_bad_rows
from ruletune.engine.local import LocalEngine
from ruletune.engine.ray import RayEngine
from ruletune.errors import Location, MissingExtraError, UserError
from ruletune.labeling.stream import label_file
from ruletune.progress import Event
from tests.engine import tasks
from tests.engine.test_local import Unbuilt, odd, picky, square
from tests.engine.training_work import Work, train, without_dropout

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'ruletune[ray]'")

CPUS = 3


@pytest.fixture(scope="module")
def session() -> Iterator[None]:
    """One Ray for all tests; what joins it leaves it running."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    ray.init("local", num_cpus=CPUS, include_dashboard=False, object_store_memory=200_000_000,
             logging_level="error", log_to_driver=False)  # fmt: skip
    yield
    ray.shutdown()


@pytest.fixture
def engine(session: None) -> Iterator[RayEngine]:
    with RayEngine(2) as engine:
        yield engine


def label(spec: TaskSpec, data: Path, out: Path, map: Any = map) -> bytes:
    """Labels of a file of texts."""
    label_file(spec, str(data), out, map=map, rows=3)
    return out.read_bytes()


def test_results_come_in_order_and_errors_in_their_turn(engine: RayEngine) -> None:
    assert list(engine.map(square, range(12))) == [number * number for number in range(12)]
    assert list(engine.map(square, [])) == []
    done = []
    with pytest.raises(UserError) as caught:
        for number in engine.map(picky, range(20)):
            done.append(number)
    assert done == [0, 1, 2, 3, 4]
    assert caught.value.problems[0].where == Location("numbers.txt", 5)
    with pytest.raises(ZeroDivisionError, match="six") as other:
        list(engine.map(picky, [6]))
    assert "in picky" in "".join(other.value.__notes__)
    with pytest.raises(RuntimeError, match="OddError"):
        list(engine.map(odd, [1]))
    with pytest.raises(UserError, match="no such rule"):
        list(engine.map(Unbuilt(), range(3)))


def test_items_are_taken_as_they_are_needed(engine: RayEngine) -> None:
    taken = count()
    results = engine.map(square, taken)
    assert [next(results) for _ in range(20)] == [number * number for number in range(20)]
    assert next(taken) <= 20 + 4 * 2 + 1
    results.close()  # type: ignore[attr-defined]
    assert list(engine.map(square, range(3))) == [0, 1, 4]


def test_too_many_workers_are_refused_at_once(session: None) -> None:
    with pytest.raises(UserError, match=rf"99 processor cores, and Ray has {CPUS}; ask for --workers {CPUS} at most"):
        list(RayEngine(99).map(square, [1]))
    with RayEngine() as engine:
        assert engine.workers == CPUS


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ruletune\[ray\]'"):
        list(RayEngine(2).map(square, [1]))


@pytest.mark.parametrize("kind", tasks.TASKS)
def test_labels_are_those_of_one_machine(engine: RayEngine, tmp_path: Path, kind: str) -> None:
    spec = load_task(tasks.write(tmp_path, kind))
    data = tasks.write_rows(tmp_path / "texts.jsonl", tasks.texts(kind, 40))
    expected = label(spec, data, tmp_path / "local.jsonl")
    assert any(row["label"] for row in map(json.loads, expected.splitlines()))
    assert label(spec, data, tmp_path / "ray.jsonl", engine.map) == expected
    with LocalEngine(2, patience=-1) as several:
        assert label(spec, data, tmp_path / "several.jsonl", several.map) == expected


def test_shards_become_shards(engine: RayEngine, tmp_path: Path) -> None:
    spec = load_task(tasks.write(tmp_path, "one label"))
    rows = tasks.texts("one label", 60)
    for n in range(4):
        tasks.write_rows(tmp_path / "in" / f"part-{n}.jsonl", rows[15 * n : 15 * n + 15])
    label_file(spec, str(tmp_path / "in"), f"{tmp_path}/local/", rows=4)
    found = label_file(spec, str(tmp_path / "in" / "part-*.jsonl"), f"{tmp_path}/ray/", rows=4, map=engine.map)
    assert found.texts == 60
    for n in range(4):
        name = f"part-{n}.jsonl"
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()


def test_a_rule_that_kills_a_worker_once_leaves_no_trace(engine: RayEngine, tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(tasks.DEADLY, encoding="utf-8")
    (tmp_path / "driver").write_text(str(os.getpid()), encoding="utf-8")
    spec = load_task(tasks.write(tmp_path, "one label", "  - {function: 'deadly.py:deadly', vote: ham}\n"))
    data = tasks.write_rows(tmp_path / "texts.jsonl", tasks.texts("one label", 40))
    expected = label(spec, data, tmp_path / "local.jsonl")
    assert not (tmp_path / "died").exists()
    assert label(spec, data, tmp_path / "ray.jsonl", engine.map) == expected
    assert (tmp_path / "died").exists()


def test_a_text_that_kills_every_worker_is_found_and_can_be_left_out(engine: RayEngine, tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(tasks.DEADLY, encoding="utf-8")
    (tmp_path / "driver").write_text(str(os.getpid()), encoding="utf-8")
    (tmp_path / "always").touch()
    spec = load_task(tasks.write(tmp_path, "one label", "  - {function: 'deadly.py:deadly', vote: ham}\n"))
    data = tasks.write_rows(tmp_path / "texts.jsonl", tasks.texts("one label", 40))
    with pytest.raises(UserError) as caught:
        label(spec, data, tmp_path / "ray.jsonl", engine.map)
    [problem] = caught.value.problems
    assert problem.where == Location(str(data), 18) and "text '18' dies" in problem.message
    skipping = skipping_bad_rows(spec)
    # All in one piece, the first, which nobody but a worker touches either.
    label_file(skipping, str(data), tmp_path / "ray.jsonl", map=engine.map, rows=40, overwrite=True)
    assert skipping.bad_rows is not None and skipping.bad_rows.count == 1
    found = [json.loads(line)["id"] for line in (tmp_path / "ray.jsonl").read_text(encoding="utf-8").splitlines()]
    assert found == [str(n) for n in range(1, 41) if n != 18]


def test_two_workers_train_as_one_does_and_begin_again_where_one_dies(
    engine: RayEngine, tmp_path: Path, checkpoint: Path
) -> None:
    work = Work(without_dropout(checkpoint, tmp_path / "checkpoint"))
    alone = LocalEngine().train(train, work)
    assert alone[2] == 1
    heard: list[Event] = []
    together = engine.train(train, replace(work, deadly=tmp_path / "died"), listener=heard.append)
    assert together[2] == 2 and (tmp_path / "died").exists()
    assert together[0] == pytest.approx(alone[0], rel=1e-4)
    assert together[1] == pytest.approx(alone[1], rel=1e-4)
    assert heard[-1] == Event("training", len(alone[0]), len(alone[0]))


@pytest.mark.long
def test_one_worker_trains_bit_for_bit_as_this_process_and_errors_come_back_whole(
    session: None, tmp_path: Path, checkpoint: Path
) -> None:
    work = Work(without_dropout(checkpoint, tmp_path / "checkpoint"), wrong=True)
    with pytest.raises(UserError) as here:
        LocalEngine().train(train, work)
    with RayEngine(1) as engine, pytest.raises(UserError) as there:
        engine.train(train, work)
    assert str(there.value) == str(here.value)
    assert there.value.problems == here.value.problems
