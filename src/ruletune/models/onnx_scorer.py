"""Logits by ONNX Runtime, on the processor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ruletune.errors import RuletuneError
from ruletune.models.backbone import load_tokenizer
from ruletune.models.checkpoints import Checkpoint
from ruletune.models.onnx_graphs import graph_file, needs_onnx
from ruletune.models.readout import Readout
from ruletune.models.scoring import Batch

__all__ = ["OnnxScorer", "session"]

_CACHED = 1024
"""Tokens in a batch at most; as for PyTorch on a processor."""

_PADDING = 16
"""Tokens of padding in a batch at most: a call costs less than with PyTorch."""


@dataclass(frozen=True, slots=True)
class OnnxScorer:
    """An exported model as a :class:`~ruletune.models.scoring.Scorer`."""

    session: Any
    tokenizer: Any
    labels: tuple[str, ...]
    max_length: int
    readout: Readout
    most_tokens: int | None = _CACHED
    most_padding: int | None = _PADDING

    @classmethod
    def open(
        cls, folder: Path, *, precision: str, labels: Sequence[str], max_length: int, readout: Readout
    ) -> OnnxScorer:
        """The model that :func:`ruletune.models.onnx_graphs.write_graphs` wrote into ``folder / "onnx"``.

        Args:
            folder: Has the tokenizer.
            labels: Names of the outputs by position.

        Raises:
            UserError: ONNX Runtime is not installed.
            RuletuneError: A file is missing or damaged.
        """
        opened = session(folder / "onnx" / graph_file("model", precision))
        tokenizer = load_tokenizer(Checkpoint(folder.name, str(folder)))
        return cls(opened, tokenizer, tuple(labels), max_length, readout)

    def score(self, batches: Iterable[Batch]) -> Iterator[np.ndarray]:
        names = [each.name for each in self.session.get_inputs()]
        for batch in batches:
            [found] = self.session.run(None, {name: batch[name] for name in names})
            yield np.asarray(found, dtype=np.float32)


def session(file: Path) -> Any:
    """A graph, ready to run on as many threads as PyTorch has.

    Raises:
        UserError: ONNX Runtime is not installed.
        RuletuneError: The file is missing or damaged.
    """
    needs_onnx("onnxruntime")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        reason = str(error).strip().splitlines()
        raise RuletuneError(
            f"cannot load the graph {file.name!r}: {reason[0] if reason else type(error).__name__}"
        ) from error
