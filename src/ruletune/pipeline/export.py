"""From a run to a folder that answers without PyTorch's kernels: graphs for ONNX Runtime, checked against the model.

The folder is a run folder, too: ``predict``, ``evaluate`` and ``explain`` open it as any other. In place of the weights it has
``model/onnx/``, and ``export.json`` says what was checked.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from ruletune.errors import RuletuneError, UserError
from ruletune.models.backbone import Classifier
from ruletune.models.onnx_graphs import OPSET, graph_file, needs_onnx, quantize, write_graphs
from ruletune.pipeline.export_check import AGREEMENT, TOLERANCE, Check, Reference
from ruletune.pipeline.run import Run, load
from ruletune.progress import Event, Listener, silent
from ruletune.store import Workspace, open_workspace, read_json, write_json
from ruletune.tasks import UNDERSTANDING

__all__ = ["Export", "Precision", "export"]

Precision = Literal["fp32", "int8", "both"]

_LEFT = ("*.safetensors", "*.safetensors.index.json", "*.bin", "onnx", "examples.jsonl")
"""What an export does not take over from a run's folders: weights, and the gold examples that only they can compare with."""

_HALVES = ("intent", "slots")


@dataclass(frozen=True, slots=True)
class Export:
    """An export that was written.

    Attributes:
        checks: One for each precision that is in it, and each half of a task of intents and slots.
        warnings: What the reader must not miss.
    """

    folder: Path
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]


def export(
    run: str | Path | Run,
    *,
    out: str | Path,
    precision: Precision = "fp32",
    overwrite: bool = False,
    listener: Listener = silent,
) -> Export:
    """Write a run's model as ONNX graphs, and compare their answers with the model's.

    Args:
        out: The folder; whole or absent.
        precision: ``fp32``: as the model is; ``int8``: weights as 8-bit integers; ``both``, of which fp32 is run.
        overwrite: Replace a folder that exists.

    Raises:
        UserError: The folder exists, the run is an export itself, or a package is missing.
        RuletuneError: The model cannot be exported, or the graph's logits differ from the model's by more than 0.001.

    Example:
        >>> export("runs/reviews", out="exports/reviews").checks[0].equal  # doctest: +SKIP
        1.0
    """
    needs_onnx("onnx", "onnxscript", "onnxruntime")
    opened, target = run if isinstance(run, Run) else load(run), Path(out)
    if opened.exported is not None:
        raise UserError(f"{opened.folder} is an export already", remedy="name the run that it was exported from")
    if target.exists() and not overwrite:
        raise UserError(f"{target} exists already", remedy="name another folder, or say --overwrite")
    if target.resolve() == opened.folder.resolve():
        raise UserError("the export would replace the run", remedy="name another folder with --out")
    with _workspace(target, opened) as workspace:
        files = workspace.files
        shutil.copytree(opened.folder, files, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_LEFT))
        halves = {half: load(opened.folder / half) for half in _HALVES} if _of_two(opened) else {"": opened}
        made = {half: _exported(half, each, files / half, precision, listener) for half, each in halves.items()}
        if "" not in made:
            settings = read_json(files / "ruletune.json")
            write_json(files / "ruletune.json", settings | {"onnx": {"precision": _run_at(precision)}})
        checks = tuple(check for each in made.values() for check in each)
        warnings = tuple(warning for check in checks if (warning := check.warning))
        write_json(files / "export.json", _record(opened, files, precision, checks, warnings))
        folder = workspace.publish()
    return Export(folder, checks, warnings)


@contextmanager
def _workspace(target: Path, run: Run) -> Iterator[Workspace]:
    """Where an export is put together; nothing is left of one that fails, since it is quickly done again."""
    with open_workspace(target, identity={"run": str(run.folder)}, resume=False, overwrite=True) as workspace:
        try:
            yield workspace
        except BaseException:
            workspace.discard()
            raise


def _of_two(run: Run) -> bool:
    return bool(run.settings["task"] == UNDERSTANDING)


def _run_at(precision: Precision) -> str:
    return "int8" if precision == "int8" else "fp32"


def _exported(half: str, run: Run, folder: Path, precision: Precision, listener: Listener) -> list[Check]:
    """Write and check the graphs of one model; what ``folder`` is opened as then is the export."""
    what = f"{half}: " if half else ""
    kept = ("fp32", "int8") if precision == "both" else (precision,)
    graphs_folder = folder / "model" / "onnx"
    listener(Event(f"{what}exporting", 0, 1))
    graphs = write_graphs(run.classifier, graphs_folder)
    if "int8" in kept:
        quantize(graphs_folder, graphs)
    _settle(run.classifier, run, folder, _run_at(precision))
    listener(Event(f"{what}exporting", 1, 1))
    reference = Reference.of(run, listener=listener)
    exact = reference.check(load(folder), "fp32", half=half, size=_size(graphs_folder, graphs, "fp32"))
    if not exact.largest_difference <= TOLERANCE:
        raise RuletuneError(
            f"the exported graph answers differently: logits differ by up to {exact.largest_difference:.2g}, "
            f"where {TOLERANCE:g} is allowed; nothing was written"
        )
    checks = [exact] if "fp32" in kept else []
    if "int8" in kept:
        size = _size(graphs_folder, graphs, "int8")
        checks.append(reference.check(load(folder), "int8", half=half, size=size))
    if "fp32" not in kept:
        for graph in graphs:
            (graphs_folder / graph_file(graph, "fp32")).unlink()
    return checks


def _settle(classifier: Classifier, run: Run, folder: Path, precision: str) -> None:
    """Say in the settings how the export is run."""
    onnx = {
        "precision": precision,
        "outputs": list(classifier.labels),
        "max_length": classifier.max_length,
        "opset": OPSET,
    }
    write_json(folder / "ruletune.json", {**run.settings, "onnx": onnx})


def _size(folder: Path, graphs: tuple[str, ...], precision: str) -> int:
    """Bytes of a model's graphs."""
    files = [folder / graph_file(graph, precision) for graph in graphs]
    beside = [file.with_name(f"{file.name}.data") for file in files]  # weights of what is too large for one file
    return sum(file.stat().st_size for file in (*files, *beside) if file.is_file())


def _record(
    run: Run, folder: Path, precision: Precision, checks: tuple[Check, ...], warnings: tuple[str, ...]
) -> dict[str, Any]:
    """What ``export.json`` says."""
    packages = ("ruletune", "onnx", "onnxscript", "onnxruntime", "torch", "transformers")
    files = sorted(file for file in folder.rglob("onnx/*") if file.is_file())
    return {
        "run": run.name,
        "runtime": "onnxruntime",
        "opset": OPSET,
        "precision": _run_at(precision),
        "tolerance": TOLERANCE,
        "agreement": AGREEMENT,
        "checks": [asdict(check) | {"speed": check.speed} for check in checks],
        "warnings": list(warnings),
        "files": {file.relative_to(folder).as_posix(): _digest(file) for file in files},
        "versions": {package: version(package) for package in packages},
    }


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
