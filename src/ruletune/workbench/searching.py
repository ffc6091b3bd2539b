"""Which texts are shown: by what is known of them, by rule, by label, and by what stands in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

import numpy as np

from ruletune.errors import Location, UserError
from ruletune.labeling.held import overrun_reason
from ruletune.rules.matching import Matcher
from ruletune.rules.matching.guard import nested
from ruletune.rules.regex import pattern
from ruletune.types import Example
from ruletune.workbench.bench import BUDGET, Look
from ruletune.workbench.texts import Texts
from ruletune.workbench.values import Filter

__all__ = ["filtered", "found_in"]

_WHERE = Location("search")


def filtered(
    texts: Texts,
    look: Look,
    *,
    which: Filter = "all",
    rule: str = "",
    label: str = "",
    query: str = "",
    model: Mapping[int, object] | None = None,
) -> np.ndarray:
    """Rows of the texts that pass all filters, in order.

    Args:
        rule: Only texts on which this one fires.
        label: Only texts whose answer has this one.
        query: Only texts in which this stands: a piece of text, without regard to case, or a regular expression between slashes.
        model: What a model says, by row; ``disagree`` leaves the texts that it answers otherwise than gold, or than the rules.

    Raises:
        UserError: The expression is wrong, or would work without end.
    """
    kept = _which(texts, look, which, model or {})
    if rule:
        kept = kept & look.fires(rule)
    if label:
        kept = kept & look.has(label)
    rows = np.flatnonzero(kept)
    return rows[found_in([texts.examples[row] for row in rows], query)] if query else rows


def _which(texts: Texts, look: Look, which: Filter, model: Mapping[int, object]) -> np.ndarray:
    match which:
        case "all":
            return np.ones(len(texts.examples), dtype=bool)
        case "covered":
            return look.covered
        case "uncovered":
            return np.asarray(~look.covered)
        case "conflict":
            return look.conflict
        case "labelled":
            return texts.known
        case "unlabelled":
            return np.asarray(~texts.known)
        case "wrong":
            return look.wrong
        case "disagree":
            return _disagreeing(texts, look, model)
        case _:
            assert_never(which)


def _disagreeing(texts: Texts, look: Look, model: Mapping[int, object]) -> np.ndarray:
    found = np.zeros(len(texts.examples), dtype=bool)
    for row, answer in model.items():
        gold = texts.examples[row].answer
        other = look.answer(row) if gold is None else gold
        found[row] = other is not None and other != answer
    return found


def found_in(examples: Sequence[Example], query: str) -> np.ndarray:
    """In which of some examples a query is found, (examples,) bool; second texts are searched, too.

    Raises:
        UserError: The expression is wrong, or would work without end.

    >>> found_in([Example("1", "A Prize"), Example("2", "none")], "prize").tolist()
    [True, False]
    >>> found_in([Example("1", "A Prize"), Example("2", "none")], "/^n/").tolist()
    [False, True]
    """
    whole = [e.text if e.text_pair is None else f"{e.text}\n{e.text_pair}" for e in examples]
    if len(query) > 2 and query.startswith("/") and query.endswith("/"):
        return _matching(whole, query[1:-1])
    wanted = query.casefold()
    return np.array([wanted in text.casefold() for text in whole], dtype=bool)


def _matching(texts: Sequence[str], source: str) -> np.ndarray:
    expression = pattern(source, ignore_case=True, where=_WHERE)
    matcher = Matcher([expression], budget=BUDGET)
    if nested(expression) and matcher.plans[0].engine != "automaton":
        message = f"this expression might work without end: {matcher.plans[0].reason}"
        raise UserError(message, where=_WHERE, remedy="write it without repetitions inside repetitions")
    matches = matcher.match(texts)
    for overrun in matches.overruns:
        raise UserError(overrun_reason(overrun.seconds, len(texts[overrun.row])), where=_WHERE)
    found = np.zeros(len(texts), dtype=bool)
    found[matches.rows] = True
    return found
