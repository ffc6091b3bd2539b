"""What the texts of late are like, beside those of training: drift."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ruletune.metrics.drift import Change, changes
from ruletune.pipeline.reference import Reference
from ruletune.serve.answering import Seen

__all__ = ["Drift", "Share", "Watch"]

logger = logging.getLogger("ruletune.serve")

_EVERY = 25
"""Texts after which shares are compared again."""


@dataclass(frozen=True, slots=True)
class Share:
    """How often something is seen.

    Attributes:
        part: ``intent`` or ``slots`` where a run has both, else empty.
        kind: ``rule`` or ``answer``.
        training: Share in training, ``None`` where that is not known.
        now: Share of the last ``texts``.
    """

    part: str
    kind: str
    name: str
    training: float | None
    now: float
    texts: int


@dataclass(frozen=True, slots=True)
class Drift:
    """A share that has changed."""

    part: str
    kind: str
    texts: int
    change: Change

    @property
    def sentence(self) -> str:
        """What has changed, for people."""
        of = f" ({self.part})" if self.part else ""
        who = (
            f"rule {self.change.name!r}{of} fires on"
            if self.kind == "rule"
            else f"{self.change.name!r}{of} is the answer to"
        )
        return f"{who} {_percent(self.change.now)} of the last {self.texts:,} texts; {_percent(self.change.before)} in training"


@dataclass(slots=True)
class _Window:
    """The names that were seen in each of the last texts, and how often each was."""

    size: int
    rows: deque[tuple[str, ...]] = field(default_factory=deque)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, names: tuple[str, ...]) -> None:
        if len(self.rows) == self.size:
            self.counts.subtract(self.rows.popleft())
        self.rows.append(names)
        self.counts.update(names)


class Watch:
    """Windows over the rules that fire and the answers that are given, and what has changed since training.

    Args:
        references: By part, what is known of training.
        window: Texts in a window.
        least: With fewer texts nothing is said.
    """

    def __init__(self, references: Mapping[str, Reference | None], *, window: int = 1000, least: int = 200) -> None:
        self._references = dict(references)
        self._windows = {(part, kind): _Window(window) for part in references for kind in ("rule", "answer")}
        self._least = least
        self._since = 0
        self._found: list[Drift] = []
        self._told: set[tuple[str, str, str]] = set()

    def saw(self, seen: Iterable[Seen]) -> None:
        """Count one text."""
        for each in seen:
            if each.rules is not None:
                self._windows[each.part, "rule"].add(each.rules)
            if each.answers is not None:
                self._windows[each.part, "answer"].add(each.answers)
        self._since += 1
        if self._since >= _EVERY:
            self._since = 0
            self._compare()

    def warm(self) -> None:
        """Load what comparing takes, a fifth of a second, which no request should wait for."""
        if self.known:
            changes(["nothing"], [0], 1, [0], self._least, least=self._least)

    @property
    def drifts(self) -> Sequence[Drift]:
        """What has changed, the surest first."""
        return self._found

    @property
    def known(self) -> bool:
        """Whether there is anything to compare with."""
        return any(reference is not None for reference in self._references.values())

    def shares(self) -> list[Share]:
        """How often everything was seen that is known from training, or of late."""
        found = []
        for (part, kind), window in self._windows.items():
            before, texts = self._before(part, kind)
            now = len(window.rows)
            for name in dict.fromkeys((*before, *(name for name, count in sorted(window.counts.items()) if count))):
                training = before.get(name, 0) / texts if texts else None
                share = window.counts[name] / now if now else 0.0
                found.append(Share(part, kind, name, training, share, now))
        return found

    def _before(self, part: str, kind: str) -> tuple[Mapping[str, int], int]:
        reference = self._references[part]
        if reference is None:
            return {}, 0
        return (reference.rules, reference.texts) if kind == "rule" else (reference.answers, reference.answered)

    def _compare(self) -> None:
        found: list[Drift] = []
        for (part, kind), window in self._windows.items():
            before, texts = self._before(part, kind)
            names = list(dict.fromkeys((*before, *window.counts)))
            now = len(window.rows)
            changed = changes(
                names,
                [before.get(name, 0) for name in names],
                texts,
                [window.counts[name] for name in names],
                now,
                least=self._least,
            )
            found += [Drift(part, kind, now, change) for change in changed]
        self._found = sorted(found, key=lambda drift: (drift.change.p, drift.part, drift.kind, drift.change.name))
        self._tell()

    def _tell(self) -> None:
        """Say everything once in the log, however long it lasts."""
        for drift in self._found:
            key = (drift.part, drift.kind, drift.change.name)
            if key not in self._told:
                self._told.add(key)
                logger.warning("drift: %s", drift.sentence)


def _percent(share: float) -> str:
    """A share in words that are not longer than they are sure.

    >>> _percent(0.31), _percent(0.004), _percent(0.0)
    ('31%', '0.4%', '0%')
    """
    return f"{share:.0%}" if share == 0 or share >= 0.0995 else f"{share:.1%}"
