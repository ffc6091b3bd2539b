"""A small finished run of every task, and a server of one without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ruletune.config import load_task
from ruletune.pipeline.fit import fit
from ruletune.pipeline.run import Run, load
from ruletune.serve.guarding import Guards
from ruletune.serve.model import OPEN_PATHS, Service, Settings, guarded
from tests.model_fixtures import BAD, GOOD, build_checkpoint, write_task
from tests.pipeline.test_extract_answers import questions
from tests.pipeline.test_relations import pairs
from tests.pipeline.test_tag_answers import sentences
from tests.pipeline.test_text_answers import written
from tests.understanding_fixtures import write_understanding
from tests.writer_fixtures import build_writer

KINDS = ("classification", "relation", "ner", "qa", "translation", "summarization", "dialogue", "understanding")

_QUICK = "training: {guard: false, baselines: false, precision: fp32, learning_rate: 0.003, weak: {epochs: 1}, gold: {epochs: 4}, curve: {shares: []}}\n"


def _classification(folder: Path, checkpoint: Path) -> None:
    task = write_task(folder, checkpoint)
    source = task.read_text("utf-8").replace(
        "  test: test.jsonl", "  test: test.jsonl\n  calibration: calibration.jsonl"
    )
    source = source.replace("train, unlabeled", "train").replace("weak: {epochs: 4}", "weak: {epochs: 2}")
    lines = (folder / "test.jsonl").read_text("utf-8").splitlines(keepends=True)
    (folder / "test.jsonl").write_text("".join(lines[:20]), "utf-8")
    (folder / "calibration.jsonl").write_text("".join(lines[20:]), "utf-8")
    task.write_text(
        source.replace("curve: {shares: [0.5], repeats: 1}", "curve: {shares: []}\n  baselines: false"), "utf-8"
    )


def _relation(folder: Path, checkpoint: Path) -> None:
    _parts(folder, pairs, train=12)
    (folder / "task.yaml").write_text(
        f"""task: relation
labels: [likes, hates, none]
negative: none
data: {{train: train.jsonl, unlabeled: unlabeled.jsonl, test: test.jsonl}}
rules:
- {{name: praise, keywords: [{", ".join(GOOD[:3])}], scope: between, vote: likes}}
- {{name: blame, regex: '{"|".join(BAD[:3])}', scope: between, vote: hates}}
model: {{checkpoint: {checkpoint}, max_length: 32}}
{_QUICK}""",
        encoding="utf-8",
    )


def _ner(folder: Path, checkpoint: Path) -> None:
    _parts(folder, sentences, train=8)
    (folder / "task.yaml").write_text(
        f"""task: ner
labels: [GOOD, BAD]
data: {{train: train.jsonl, unlabeled: unlabeled.jsonl, test: test.jsonl}}
rules:
- {{name: praise, keywords: [{", ".join(GOOD[:3])}], vote: GOOD}}
- {{name: blame, keywords: [{", ".join(BAD[:3])}], vote: BAD}}
model: {{checkpoint: {checkpoint}, max_length: 32}}
{_QUICK}""",
        encoding="utf-8",
    )


def _qa(folder: Path, checkpoint: Path) -> None:
    _parts(folder, questions, train=16)
    (folder / "task.yaml").write_text(
        f"""task: qa
data: {{train: train.jsonl, unlabeled: unlabeled.jsonl, test: test.jsonl}}
model: {{checkpoint: '{checkpoint}', max_length: 16}}
rules:
  - {{name: praise, question: great, pattern: '\\b({"|".join(GOOD)})\\b', vote: answer}}
{_QUICK}""",
        encoding="utf-8",
    )


def _parts(folder: Path, make: Callable[..., str], *, train: int) -> None:
    for name, n, gold in (("train", train, True), ("unlabeled", 40, False), ("test", 12, True)):
        (folder / f"{name}.jsonl").write_text(make(n, seed=len(name), gold=gold), encoding="utf-8")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """The run of a task, trained when it is first asked for."""
    made: dict[str, Path] = {}
    checkpoint = build_checkpoint(tmp_path_factory.mktemp("checkpoint"))

    def run_of(kind: str) -> Run:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            match kind:
                case "classification":
                    _classification(folder, checkpoint)
                case "relation":
                    _relation(folder, checkpoint)
                case "ner":
                    _ner(folder, checkpoint)
                case "qa":
                    _qa(folder, checkpoint)
                case "understanding":
                    write_understanding(folder, checkpoint)
                case _:
                    tiny = build_writer(tmp_path_factory.mktemp("writer"), "t5")
                    written(folder, tiny, task=kind, extra=", baselines: false")
            fit(load_task(folder / "task.yaml"), out=folder / "run")
            made[kind] = folder / "run"
        return load(made[kind])

    return run_of


@pytest.fixture(scope="session")
def classified(runs: Callable[[str], Run]) -> Run:
    return runs("classification")


@contextmanager
def serving(run: Run, settings: Settings | None = None, guards: Guards | None = None) -> Iterator[TestClient]:
    """A client of the run's server."""
    service = Service(run, settings or Settings())
    service.warm()
    guards = guards or Guards(open_paths=OPEN_PATHS, seconds=None)
    with TestClient(guarded(service, guards), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def client(classified: Run) -> Iterator[TestClient]:
    with serving(classified) as made:
        yield made
