"""What rules demand of texts, and how often references keep it, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from ruletune.metrics.calibration import wilson_interval

__all__ = ["DemandRow", "DemandTable", "ShownDemand", "ShownDemands"]


@dataclass(frozen=True, slots=True)
class DemandRow:
    """One rule, or one entry of it.

    Attributes:
        demands: In words.
        coverage: Share of the sources where it demands or replies something.
        kept, judged: Demands that a reference keeps, of those where there is one.
        faults, failure: Sources or references on which it failed, and the last line of the first failure.
    """

    name: str
    where: str
    kind: str
    demands: str
    coverage: float
    kept: int
    judged: int
    faults: int = 0
    failure: str = ""
    entry: str = ""

    @property
    def interval(self) -> tuple[float, float] | None:
        """95% interval of the share that is kept (Wilson score); ``None`` where nothing could be compared."""
        return wilson_interval(self.kept, self.judged) if self.judged else None


@dataclass(frozen=True, slots=True)
class DemandTable:
    """What each rule of a task demands, and all of them together.

    Attributes:
        entries: Entries of glossaries, slots and things to copy that references break, most often first.
        texts, references: Number of sources, and of those with a reference.
        coverage: Share of the sources of whose answer some rule demands something.
        whole: References that keep all rules.
    """

    rows: tuple[DemandRow, ...]
    entries: tuple[DemandRow, ...]
    texts: int
    references: int
    coverage: float
    whole: int


@dataclass(frozen=True, slots=True)
class ShownDemand:
    """A source, what follows for its answer, and its references.

    Attributes:
        spans: The characters of the source that it follows from.
        demands: What is demanded, or replied.
        kept: Whether a reference keeps it all; ``None`` where there is none.
    """

    id: str
    text: str
    spans: tuple[tuple[int, int], ...]
    demands: tuple[str, ...]
    references: tuple[str, ...]
    kept: bool | None


@dataclass(frozen=True, slots=True)
class ShownDemands:
    """A rule and sources behind one of its numbers."""

    row: DemandRow
    written: str
    view: str
    found: int
    texts: tuple[ShownDemand, ...]
    failure: str = ""
