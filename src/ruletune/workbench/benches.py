"""Which bench the rules of a task are tried on."""

from __future__ import annotations

from ruletune.config import TaskSpec
from ruletune.labeling.evaluate import Embed
from ruletune.types import Label, Spans
from ruletune.workbench.bench import Bench
from ruletune.workbench.label_bench import LabelBench
from ruletune.workbench.span_bench import SpanBench
from ruletune.workbench.text_bench import TextBench
from ruletune.workbench.texts import Texts

__all__ = ["bench_of"]


def bench_of(spec: TaskSpec, texts: Texts, *, embed: Embed | None = None) -> Bench:
    """The bench for the shape of a task's answers."""
    if spec.task.answer is Label:
        return LabelBench(texts, spec.labels, embed=embed)
    if spec.task.answer is Spans:
        return SpanBench(texts, spec.labels, seed=spec.file.seed, embed=embed)
    return TextBench(texts, embed=embed)
