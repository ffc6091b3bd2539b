"""Suggestions as people read them: a name, the rule as YAML, figures, and texts that show it at work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ruletune.labeling.suggest.candidates import entry_of
from ruletune.labeling.suggest.proposals import Pool, Proposal
from ruletune.labeling.suggest.repairs import Repair
from ruletune.rules.base import Pattern, Terms
from ruletune.rules.matching import Matcher

__all__ = ["Figures", "Shown", "Suggestion", "of_proposals", "of_repairs"]

_NAME = 40
_TEXT = 300


@dataclass(frozen=True, slots=True)
class Figures:
    """What is expected of a rule. Coverages are shares of the texts; the interval is a 90% one."""

    precision: float
    low: float
    high: float
    coverage: float
    new_coverage: float
    correct: int
    judged: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A text that a suggestion is about, and the words in it that made it match."""

    text: str
    matched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rule to add, or a change to one.

    Attributes:
        number: From 1, in the order of usefulness; what ``--accept`` takes.
        name: Of the rule.
        label: What it votes for.
        reason: For a change, what it does.
        entry: The new rule as the task file writes it; empty for a change.
        extend, replace: For a change, what is added to lists of the rule's entry and what its keys become.
        figures: What is expected of the rule (after the change).
        before: Of the rule as it is; ``None`` for a new one.
        examples: Texts that it matches; for a change, texts that show the difference.
    """

    number: int
    name: str
    label: str
    figures: Figures
    examples: tuple[Shown, ...]
    entry: Mapping[str, Any] = field(default_factory=dict)
    before: Figures | None = None
    reason: str = ""
    extend: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    replace: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def of_proposals(
    proposals: Sequence[Proposal], pool: Pool, *, labels: Sequence[str], taken: Sequence[str], examples: int = 3
) -> list[Suggestion]:
    """Proposals with names that no rule has yet."""
    names = set(taken)
    found = []
    for number, proposal in enumerate(proposals, start=1):
        label = labels[proposal.label]
        name = _unique(f"{label}: {_title(proposal.condition)}", names)
        names.add(name)
        entry = {"name": name, **entry_of(proposal.condition), "vote": label}
        shown = _examples(proposal.rows, proposal.condition, pool, examples, number)
        found.append(Suggestion(number, name, label, _figures(proposal), shown, entry))
    return found


def of_repairs(
    repairs: Sequence[Repair], pool: Pool, *, name: str, labels: Sequence[str], examples: int = 3
) -> list[Suggestion]:
    """Changes to the rule ``name``."""
    return [
        Suggestion(
            number,
            name,
            labels[change.after.label],
            _figures(change.after),
            _examples(change.rows, change.shown, pool, examples, number),
            before=_figures(change.before),
            reason=change.reason,
            extend=change.extend,
            replace=change.replace,
        )
        for number, change in enumerate(repairs, start=1)
    ]


def _figures(proposal: Proposal) -> Figures:
    return Figures(
        proposal.precision, proposal.low, proposal.high, proposal.coverage, proposal.new_coverage, proposal.correct, proposal.judged
    )  # fmt: skip


def _title(condition: Pattern | Terms) -> str:
    """A name that says what matches.

    >>> _title(Terms(("prize", "winner", "won")))
    'prize, winner, won'
    """
    from ruletune.labeling.suggest.candidates import SHAPES, plain_words

    if isinstance(condition, Terms):
        whole = ", ".join(condition.terms)
        return whole if len(whole) <= _NAME else f"{condition.terms[0]} and {len(condition.terms) - 1} more"
    shape = next((name for name, regex in SHAPES.items() if regex == condition.regex), None)
    return shape or plain_words(condition.regex)[:_NAME].strip()


def _unique(name: str, taken: set[str]) -> str:
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name} ({number})"
    return unique


def _examples(rows: np.ndarray, condition: Pattern | Terms, pool: Pool, count: int, number: int) -> tuple[Shown, ...]:
    """Some of the texts, short ones preferred; each wording once."""
    if not len(rows):
        return ()
    rng = np.random.default_rng([pool.seed, number])
    drawn = rng.permutation(rows)[: 8 * count]
    texts = sorted(dict.fromkeys(pool.texts[row] for row in drawn), key=len)[:count]
    matcher = Matcher([condition])
    shown = []
    for text in texts:
        words = dict.fromkeys(text[span.start : span.end].strip() for span in matcher.spans(text)[0])
        shown.append(Shown(text if len(text) <= _TEXT else f"{text[:_TEXT]}…", tuple(words)[:5]))
    return tuple(shown)
