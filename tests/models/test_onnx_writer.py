"""Every family of models that write, as graphs: the same texts as in PyTorch, with constraints and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruletune.errors import RuletuneError
from ruletune.models import backbone
from ruletune.models.generating import Constraint, encode_texts, generate, stream
from tests.writer_fixtures import FAMILIES, Family, build_writer

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip install 'ruletune[onnx]')")
pytest.importorskip("onnxscript", reason="onnxscript is not installed (pip install 'ruletune[onnx]')")

SOURCES = ["Ein Hund", "Eine Katze und ein Haus.", "x"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "family", [family if family == "bart" else pytest.param(family, marks=pytest.mark.long) for family in FAMILIES]
)
def test_graphs_write_what_the_model_writes(tmp_path: Path, family: Family) -> None:
    from ruletune.models.onnx_graphs import write_graphs
    from ruletune.models.onnx_writer import open_exported

    model = backbone.load(build_writer(tmp_path / "model", family), max_length=64, readout="generate")
    assert write_graphs(model, tmp_path / "model" / "onnx") == ("encoder", "cross", "decoder")
    exported = open_exported(tmp_path / "model", precision="fp32", max_length=64)
    sources = encode_texts(SOURCES, None, tokenizer=model.tokenizer, max_length=64, max_target=12)
    demands = [Constraint((("haus",),)), Constraint(avoid=("hund",)), Constraint()]
    for constraints, beams, candidates in ((None, 1, 1), (None, 4, 3), (demands, 3, 1)):
        asked = {"constraints": constraints, "beams": beams, "candidates": candidates, "max_target": 12}
        expected = generate(model, sources, precision="fp32", **asked)  # type: ignore[arg-type]
        found = generate(exported, sources, precision="fp32", **asked)  # type: ignore[arg-type]
        assert [[c.text for c in row] for row in found] == [[c.text for c in row] for row in expected]
        for row, other in zip(found, expected, strict=True):
            assert [c.score for c in row] == pytest.approx([c.score for c in other], abs=1e-4)
    streamed = ["".join(stream(each, SOURCES[0], max_target=12, precision="fp32")) for each in (model, exported)]
    assert streamed[0] == streamed[1]
    with pytest.raises(RuletuneError, match="no weights"):
        exported.model.parameters()


@pytest.mark.slow
def test_eight_bits_bear_values_that_stand_out(tmp_path: Path) -> None:
    """As behind the gated units of T5, where one scale for all values leaves nothing of the others."""
    import torch

    from ruletune.models.onnx_graphs import WRITER, graph_file, quantize, write_graphs
    from ruletune.models.onnx_writer import open_exported

    model = backbone.load(build_writer(tmp_path / "model", "t5", wide=1024), max_length=64, readout="generate")
    with torch.no_grad():
        for name, weights in model.model.named_parameters():
            if name.endswith("wi_1.weight"):
                weights[0] *= 1000
            elif name.endswith("wo.weight") and "Dense" in name:
                weights[:, 0] /= 1000
    graphs = write_graphs(model, tmp_path / "model" / "onnx")
    quantize(tmp_path / "model" / "onnx", graphs)
    sources = torch.randint(3, 40, (4, 12))
    exact, small = (
        open_exported(tmp_path / "model", precision=precision, max_length=64)
        .model.get_encoder()(input_ids=sources, attention_mask=torch.ones_like(sources))
        .last_hidden_state
        for precision in ("fp32", "int8")
    )
    assert torch.cosine_similarity(exact, small, dim=-1).mean() > 0.99  # .32 with one scale for all
    sizes = [
        sum((tmp_path / "model" / "onnx" / graph_file(graph, precision)).stat().st_size for graph in WRITER)
        for precision in ("fp32", "int8")
    ]
    assert sizes[1] < sizes[0]
