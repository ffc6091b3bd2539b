"""What is shown of rules beside their table: the texts behind a number, and the effect of a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ruletune.report.model import RuleRow

__all__ = ["ChangedText", "Diff", "RuleChange", "Shown", "ShownText", "View"]

View = Literal["fires", "conflicts", "overlaps", "alone", "right", "wrong", "faults", "uncovered"]


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text with what is said of it.

    Attributes:
        spans: What of it made the rule fire, as (start, end).
        says: What the rule says, a label or empty.
        others: What other rules say: (rule, what).
        gold: The gold answer, empty where unknown.
        asked: The question, or the two entities whose relation is meant; empty elsewhere.
    """

    id: str
    text: str
    spans: tuple[tuple[int, int], ...]
    says: str
    others: tuple[tuple[str, str], ...]
    gold: str
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A rule, and texts of one kind.

    Attributes:
        written: The rule as it stands in its file; empty for one made in Python.
        found: How many such texts there are; ``texts`` may be fewer.
        failure: Traceback of the rule's first failure, empty without one.
    """

    row: RuleRow
    written: str
    view: View
    found: int
    texts: tuple[ShownText, ...]
    failure: str


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule in the old and the new set, over the texts.

    Attributes:
        kind: ``added``, ``removed``, ``changed``, or ``same`` where only what surrounds it changed (a rule that it refers
            to, a priority).
        parts: What is written otherwise: condition, says, weight, unless, priority.
        gained, lost, turned: Texts on which it speaks only now, spoke only before, or says something else.
    """

    name: str
    kind: str
    parts: tuple[str, ...]
    gained: int
    lost: int
    turned: int


@dataclass(frozen=True, slots=True)
class ChangedText:
    """A text whose votes or label change. Labels are names, or ``nothing`` where no rule speaks; or entities in words.

    Attributes:
        gold: The gold label, empty where unknown.
        votes: The rules that say something else: (rule, before, after). Where there are none, the label model weighs the
            same votes otherwise.
        asked: The question, or the two entities whose relation is meant; empty elsewhere.
    """

    id: str
    text: str
    before: str
    after: str
    gold: str
    votes: tuple[tuple[str, str, str], ...]
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Diff:
    """A comparison of two sets of rules.

    Attributes:
        texts: Number of texts compared.
        votes: Texts on which some rule says something else than before.
        labels: How often a label turned into another: (before, after, texts), most often first; of spans, how often
            an entity did, ``nothing`` where it is not found; of passages, how often there is another, or none.
        covered: Share of texts of which a rule says something, before and after.
        right: Texts with gold that the rules label right, before and after, out of ``judged``. The label model is
            fitted with these gold labels, so that both are a little too good.
        changed: Texts whose label changes, then those of which only votes do.
        shape: ``label``, ``spans`` or ``passage``: what the answers are.
    """

    rules: tuple[RuleChange, ...]
    texts: int
    votes: int
    labels: tuple[tuple[str, str, int], ...]
    covered: tuple[float, float]
    right: tuple[int, int]
    judged: int
    changed: tuple[ChangedText, ...]
    shape: str = "label"
