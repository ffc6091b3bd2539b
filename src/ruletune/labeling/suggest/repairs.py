"""What would make a rule better: words to add, an expression loosened, exceptions to make.

A word to add is expected to be about as precise as the rule; one that is an inflection of its words, or occurs in texts
like those that the rule matches, goes before others. An exception is a word whose presence, among the texts that the rule matches, makes
another label the likelier one.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ruletune.labeling.suggest.candidates import least_support
from ruletune.labeling.suggest.proposals import Pool, Proposal, Study, centres, holds, proposal_of
from ruletune.labeling.suggest.scoring import score
from ruletune.rules.base import Pattern, Terms

__all__ = ["Repair", "repair"]

_NEAR = 0.35
_SLACK = 0.08
"""How much less precise than the rule an addition may be expected to be."""

_LEAST = 0.6
"""Expected precision that an addition must have even where the rule's own interval reaches lower."""

_WRONG = 0.4
"""Expected precision below which a part of a rule's matches is better left out."""

_SAME = 0.7
"""Share of texts in common from which two changes are one."""

_BETTER = 0.01
"""What an exception must add to the expected precision."""

_WORD = re.compile(r"(?<![\\\w])([a-z]{3,})(?![\w?*+{|)])", re.IGNORECASE)
_ENDINGS = ("s", "es", "d", "ed", "ing", "er", "ly", "'s")


@dataclass(frozen=True, slots=True)
class Repair:
    """A change to a rule.

    Attributes:
        reason: In a few words, what the change is.
        before, after: The rule as it is and as it would be.
        rows: Texts that show the difference.
        shown: What to mark in them.
        extend, replace: The change as keys of the rule's entry, as :func:`ruletune.config.edit.change_rule` takes it.
        likeness: How much it stays within what the rule is about, in [0, 1].
    """

    reason: str
    before: Proposal
    after: Proposal
    rows: np.ndarray
    shown: Pattern | Terms
    extend: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    replace: Mapping[str, Any] = field(default_factory=dict)
    likeness: float = 1.0


def repair(
    condition: Pattern | Terms, label: int, *, pool: Pool, found: Study, held: np.ndarray | None = None, count: int
) -> list[Repair]:
    """Changes that make a rule wider or more precise, the most useful first.

    Args:
        condition: The rule's.
        label: Position of the label that it votes for.
        held: (texts,) where the rule fires, where it has exceptions already; default where the condition holds.
    """
    fires = holds(condition, pool.texts) if held is None else held
    before = _judged(condition, fires, label, pool, found)
    changes = [
        *_additions(condition, fires, before, pool, found),
        *_loosened(condition, fires, before, pool, found),
        *_exceptions(condition, fires, before, pool, found),
    ]
    ranked = sorted(changes, key=lambda change: (-_usefulness(change), change.reason))
    kept: list[Repair] = []
    seen: list[set[int]] = []
    for change in ranked:
        rows = set(change.rows.tolist())
        # "new york" and "york" are one exception: of changes to the same texts the first is enough.
        if all(len(rows & other) <= _SAME * min(len(rows), len(other)) for other in seen):
            kept.append(change)
            seen.append(rows)
        if len(kept) == count:
            break
    return kept


def _judged(condition: Pattern | Terms, fires: np.ndarray, label: int, pool: Pool, found: Study) -> Proposal:
    return proposal_of(condition, label, fires, ~pool.covered, found)


def _usefulness(change: Repair) -> float:
    """Texts expected to be right that are won, and wrong ones that are lost; less where it says something new."""
    before, after = change.before, change.after
    right = after.coverage * after.precision - before.coverage * before.precision
    wrong = after.coverage * (1 - after.precision) - before.coverage * (1 - before.precision)
    return (right - wrong) * (0.25 + 0.75 * change.likeness)


def _additions(
    condition: Pattern | Terms, fires: np.ndarray, before: Proposal, pool: Pool, found: Study
) -> Iterator[Repair]:
    """Words and phrases that tell of the rule's label too."""
    if not fires.any():
        return
    scores = score(found.candidates.matrix, found.evidence, label=before.label)
    centre = found.vectors[fires].mean(axis=0) - found.vectors.mean(axis=0)
    near = centres(found) @ (centre / max(float(np.linalg.norm(centre)), 1e-9))
    fresh = np.asarray(found.candidates.matrix.T @ (~fires).astype(np.float32))
    floor = min(before.precision - _SLACK, max(_LEAST, before.low))
    own = set(condition.terms) if isinstance(condition, Terms) else set(map(str.lower, _WORD.findall(condition.regex)))
    for position in np.flatnonzero((fresh >= least_support(len(pool.texts))) & (scores.precision >= floor)):
        candidate = found.candidates.conditions[position]
        if not isinstance(candidate, Terms) or candidate.terms[0] in own:
            continue
        term = candidate.terms[0]
        inflected = any(_inflects(term, word) for word in own)
        if not inflected and scores.bound[position] <= found.evidence.prior[before.label]:
            continue
        extra = holds(candidate, pool.texts)
        kind = "an inflection" if inflected else "found in contexts alike" if near[position] >= _NEAR else "as telling"
        reason = f"add {term!r}, {kind}"
        if isinstance(condition, Terms):
            wider: Pattern | Terms = dataclasses.replace(condition, terms=(*condition.terms, term))
            extend, replace = {"keywords": [term]}, {}
        else:
            regex = _alternative(condition, term)
            wider = Pattern(regex, condition.flags)
            extend, replace = {}, {"regex": regex}
            extra = holds(wider, pool.texts)
        after = _judged(wider, fires | extra, before.label, pool, found)
        if after.coverage > before.coverage:
            likeness = 1.0 if inflected else float(np.clip(near[position], 0.0, 1.0))
            won = np.flatnonzero(extra & ~fires)
            yield Repair(reason, before, after, won, candidate, extend, replace, likeness)


def _alternative(condition: Pattern, term: str) -> str:
    literal = re.escape(term).replace(r"\ ", " ")
    return rf"{condition.regex}|\b{literal}\b"


def _inflects(first: str, second: str) -> bool:
    """Whether one is the other with an ending.

    >>> _inflects("cities", "city"), _inflects("prizes", "prize"), _inflects("prizefight", "prize")
    (True, True, False)
    """
    short, long = sorted((first.lower(), second.lower()), key=len)
    if len(short) < 3 or short == long:
        return False
    stems = {short, short.removesuffix("e"), short.removesuffix("y") + "i" if short.endswith("y") else short}
    return any(long == stem + ending for stem in stems for ending in _ENDINGS)


def _loosened(
    condition: Pattern | Terms, fires: np.ndarray, before: Proposal, pool: Pool, found: Study
) -> Iterator[Repair]:
    """The same without regard to case, with other endings, anywhere in the text."""
    changes: list[tuple[str, Pattern | Terms, dict[str, Any]]] = []
    if isinstance(condition, Terms):
        if not condition.ignore_case:
            changes.append(("ignore case", dataclasses.replace(condition, ignore_case=True), {"ignore_case": True}))
    else:
        flags, regex = condition.flags, condition.regex
        if not flags & re.IGNORECASE:
            changes.append(("ignore case", Pattern(regex, flags | re.IGNORECASE), {"ignore_case": True}))
        if regex.startswith("^"):
            free = regex.removeprefix("^").removeprefix(r"\s*")
            free = free if free.startswith(r"\b") or not free[:1].isalnum() else rf"\b{free}"
            changes.append(("match anywhere, not only at the start", Pattern(free, flags), {"regex": free}))
        for match in _WORD.finditer(regex):
            plural = f"{regex[: match.end()]}(?:s|es)?{regex[match.end() :]}"
            changes.append((f"allow a plural of {match.group()!r}", Pattern(plural, flags), {"regex": plural}))
    for reason, wider, replace in changes:
        try:
            held = holds(wider, pool.texts) if not isinstance(wider, Pattern) or re.compile(wider.regex) else fires
        except re.error:
            continue
        after = _judged(wider, fires | held, before.label, pool, found)
        won = np.flatnonzero(held & ~fires)
        if len(won) and after.precision >= before.precision - _SLACK:
            yield Repair(reason, before, after, won, wider, {}, replace)


def _exceptions(
    condition: Pattern | Terms, fires: np.ndarray, before: Proposal, pool: Pool, found: Study
) -> Iterator[Repair]:
    """Words whose presence makes the rule wrong."""
    rows = np.flatnonzero(fires)
    if len(rows) < 6:
        return
    inside = found.candidates.matrix[rows]
    evidence = found.evidence
    scores = score(inside, evidence.of(rows), label=before.label)
    least = max(2, least_support(len(pool.texts)) // 2)
    wrong = (scores.precision < _WRONG) & (scores.matched >= least) & (scores.matched < 0.8 * len(rows))
    for position in np.flatnonzero(wrong):
        exception = found.candidates.conditions[position]
        if not isinstance(exception, Terms):
            continue
        excepted = holds(exception, pool.texts)
        after = _judged(condition, fires & ~excepted, before.label, pool, found)
        if after.precision > before.precision + _BETTER:
            term = exception.terms[0]
            entry = {"unless": [{"keywords": [term]}]}
            yield Repair(
                f"except where {term!r} occurs", before, after, np.flatnonzero(fires & excepted), exception, entry
            )
