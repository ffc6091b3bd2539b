"""A run exported for ONNX Runtime answers as the run does; what cannot be exported leaves nothing behind."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ruletune
from ruletune.cli import main
from ruletune.errors import MissingExtraError, RuletuneError, UserError
from ruletune.models import onnx_graphs
from ruletune.pipeline import export_check
from ruletune.pipeline.export import Export, export
from ruletune.progress import silent
from ruletune.types import Example
from tests.tiny_runs import KINDS, tiny_run
from tests.writer_fixtures import build_writer

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip install 'ruletune[onnx]')")
pytest.importorskip("onnxscript", reason="onnxscript is not installed (pip install 'ruletune[onnx]')")

ODD = ("a superb film 这很好 😀", "dull", "the film " * 40, "\u200b", "story of 好")

Runs = Callable[[str], ruletune.Run]

LONG = ("multi", "cloze", "understanding")
"""Kinds whose graphs are those of other kinds."""


def command(*arguments: object) -> int:
    """The command in this process; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ruletune", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, masked: Path) -> Runs:
    """Runs by kind, each trained once."""
    root = tmp_path_factory.mktemp("runs")
    writer = build_writer(root / "writer", "t5")
    made: dict[str, ruletune.Run] = {}

    def run_of(kind: str) -> ruletune.Run:
        if kind not in made:
            made[kind] = tiny_run(kind, root / kind, checkpoint=checkpoint, masked=masked, writer=writer)
        return made[kind]

    return run_of


@pytest.fixture(scope="module")
def exports(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Export]:
    """Exports by kind in both precisions, each made once: tracing takes seconds."""
    root = tmp_path_factory.mktemp("exports")
    made: dict[str, Export] = {}

    def export_of(kind: str) -> Export:
        if kind not in made:
            made[kind] = export(runs(kind), out=root / kind, precision="both")
        return made[kind]

    return export_of


@pytest.fixture
def traced(exports: Callable[[str], Export], monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs of the classifier are copied, and not traced again."""
    graphs = exports("text").folder / "model" / "onnx"

    def copy(classifier: object, folder: Path) -> tuple[str, ...]:
        folder.mkdir()
        shutil.copyfile(graphs / "model.onnx", folder / "model.onnx")
        return ("model",)

    monkeypatch.setattr("ruletune.pipeline.export.write_graphs", copy)


def asked(run: ruletune.Run) -> list[Example]:
    match run.task.readout:
        case "pair":
            return [run.example(f"<e1>film</e1> {text} <e2>cast</e2>", identity=str(n)) for n, text in enumerate(ODD)]
        case "extract":
            return [Example(str(n), text, "is the film great ?") for n, text in enumerate(ODD)]
        case "generate":
            return [
                run.example(text, identity=str(n)) for n, text in enumerate(("ein hund", "haus 😀 3", "katze " * 40))
            ]
        case _:
            return [run.example(text, identity=str(n)) for n, text in enumerate(ODD)]


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.long if kind in LONG else ()) for kind in KINDS])
def test_an_export_answers_as_its_run_does(runs: Runs, exports: Callable[[str], Export], kind: str) -> None:
    run, made = runs(kind), exports(kind)
    exact = [check for check in made.checks if check.precision == "fp32"]
    assert len(made.checks) == 2 * len(exact) == (4 if kind == "understanding" else 2)
    for check in exact:
        assert check.equal == 1.0
        assert check.largest_difference < 1e-4
        assert check.source == "held-out texts"
        assert check.seconds > 0 and check.torch_seconds > 0
    opened = ruletune.load(made.folder)
    for expected, found in zip(run.predict(asked(run)), opened.predict(asked(run)), strict=True):
        assert found.answer == expected.answer
        assert found.score == pytest.approx(expected.score, abs=1e-4)
        assert found.rules == expected.rules
        assert found.broken == expected.broken
    data = str(run.folder.parent / "test.jsonl")
    assert opened.evaluate(opened.read(data))[run.metric] == pytest.approx(run.evaluate(run.read(data))[run.metric])
    assert not list(made.folder.rglob("*.safetensors"))


@pytest.mark.usefixtures("traced")
def test_what_was_checked_is_written_down(runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = runs("text")
    assert command("export", run.folder, "-o", tmp_path / "out", "--precision", "int8", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    written = json.loads((tmp_path / "out" / "export.json").read_text("utf-8"))
    assert [check["precision"] for check in written["checks"]] == ["int8"]
    assert written["checks"] == said["checks"]
    assert (written["opset"], written["precision"]) == (18, "int8")
    assert [Path(name).name for name in written["files"]] == ["model_int8.onnx"]
    assert {"onnxruntime", "torch", "ruletune"} <= set(written["versions"])
    # An export is a run folder: the commands open it.
    (tmp_path / "texts.txt").write_text("a superb film\n", "utf-8")
    assert command("predict", tmp_path / "out", tmp_path / "texts.txt", "--json") == 0
    assert json.loads(capsys.readouterr().out)["predictions"][0]["answer"] in ("good", "bad")
    assert command("explain", tmp_path / "out", "a dull film") == 0
    assert command("export", run.folder, "-o", tmp_path / "shown", "--precision", "both") == 0
    assert "equal answers" in capsys.readouterr().out


def test_int8_is_smaller_and_close(exports: Callable[[str], Export]) -> None:
    exact, small = exports("text").checks
    assert small.bytes < exact.bytes
    assert 0 < small.mean_difference < 1.0


@pytest.mark.usefixtures("traced")
def test_a_folder_is_not_replaced_unless_told(runs: Runs, tmp_path: Path) -> None:
    run = runs("text")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(UserError, match="exists already"):
        export(run, out=tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").is_file()
    export(run, out=tmp_path / "out", overwrite=True)
    assert not (tmp_path / "out" / "mine.txt").exists()
    with pytest.raises(UserError, match="is an export already"):
        export(tmp_path / "out", out=tmp_path / "again")
    with pytest.raises(UserError, match="would replace the run"):
        export(run, out=run.folder, overwrite=True)
    with pytest.raises(UserError, match="not a run folder"):
        export(tmp_path, out=tmp_path / "again")
    with pytest.raises(UserError, match="has no PyTorch model"):
        _ = ruletune.load(tmp_path / "out").classifier


@pytest.mark.usefixtures("traced")
def test_a_graph_that_answers_differently_is_not_kept(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ruletune.pipeline.export.TOLERANCE", -1.0)
    assert command("export", runs("text").folder, "-o", tmp_path / "out") == 1
    assert "answers differently" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [".out.lock"]


@pytest.mark.usefixtures("traced")
def test_a_failure_leaves_the_old_export(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(runs("text"), out=tmp_path / "out")
    before = (tmp_path / "out" / "export.json").read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise RuletuneError("no")

    monkeypatch.setattr("ruletune.pipeline.export.quantize", fail)
    with pytest.raises(RuletuneError, match="no"):
        export(runs("text"), out=tmp_path / "out", overwrite=True, precision="int8")
    assert (tmp_path / "out" / "export.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.lock", "out"]


@pytest.mark.parametrize(
    "kind", ["text", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("pair", "extract", "tokens"))]
)
@pytest.mark.parametrize(("kept", "source"), [(True, "gold texts of the run"), (False, "built-in sentences")])
def test_without_its_data_a_run_is_checked_on_other_texts(
    runs: Runs, exports: Callable[[str], Export], tmp_path: Path, kind: str, kept: bool, source: str
) -> None:
    folder = tmp_path / "moved"
    ignored = shutil.ignore_patterns("examples.*") if not kept else None
    shutil.copytree(runs(kind).folder, folder, ignore=ignored)
    task = folder / "task.yaml"
    task.write_text(task.read_text("utf-8").replace(str(runs(kind).folder.parent), "/nowhere"), "utf-8")
    reference = export_check.Reference.of(ruletune.load(folder), listener=silent)
    assert reference.source == source
    assert reference.check(ruletune.load(exports(kind).folder), "fp32", half="", size=1).equal == 1.0


def test_an_export_explains_what_it_can(exports: Callable[[str], Export]) -> None:
    opened = ruletune.load(exports("text").folder)
    found = opened.explain(asked(opened)[0])
    assert found["answer"] in ("good", "bad") and any("exported from" in note for note in found.notes)
    writing = ruletune.load(exports("generate").folder)
    written = writing.explain(asked(writing)[0])
    assert isinstance(written["answer"], str) and any("exported from" in note for note in written.notes)


@pytest.mark.usefixtures("traced")
def test_answers_that_differ_are_warned_of(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_check, "AGREEMENT", 1.1)
    made = export(runs("text"), out=tmp_path / "out")
    assert len(made.warnings) == 1
    assert "ruletune evaluate" in made.warnings[0]


def test_missing_packages_are_named(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_graphs, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ruletune\[onnx\]"):
        export(runs("text"), out=tmp_path / "out")


@pytest.mark.usefixtures("traced")
def test_a_damaged_graph_is_one_sentence(runs: Runs, tmp_path: Path) -> None:
    export(runs("text"), out=tmp_path / "out")
    (tmp_path / "out" / "model" / "onnx" / "model.onnx").write_bytes(b"\x00broken")
    with pytest.raises(RuletuneError, match=r"cannot load the graph 'model.onnx'"):
        ruletune.load(tmp_path / "out").predict([Example("1", "a film")])


def test_one_by_one_is_as_in_a_batch(exports: Callable[[str], Export]) -> None:
    opened = ruletune.load(exports("text").folder)
    together = opened.probabilities(asked(opened))
    alone = np.concatenate([opened.probabilities([example]) for example in asked(opened)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert opened.predict([]) == []
