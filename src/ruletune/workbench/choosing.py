"""What to label next, from what is known so far."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ruletune.data.sampling import next_to_label
from ruletune.types import Text
from ruletune.workbench.bench import Look
from ruletune.workbench.quick import Quick
from ruletune.workbench.texts import Texts
from ruletune.workbench.values import Next, Row
from ruletune.workbench.vectors import Vectors

__all__ = ["next_texts"]

_WAITING = "The model is still reading the texts: what to label next is chosen among those that it has read."
_NONE = "Every text has an answer."


def next_texts(
    texts: Texts,
    look: Look,
    vectors: Vectors,
    quick: Quick | None,
    *,
    count: int,
    seed: int,
    row: Callable[[int], Row],
) -> Next:
    """Texts worth a label: unlike those that have one, and unsure to a quick model, or covered by no rule.

    Args:
        row: Shows one.
    """
    # What is given to validation chooses when training stops: it is not for sale.
    open_ = ~texts.known & np.array([part != "validation" for part in texts.parts], dtype=bool)
    if not open_.any():
        return Next(True, (), _NONE)
    if look.spec.task.answer is Text:
        order = np.random.default_rng(seed).permutation(len(open_))
        order = order[open_[order]]
        chosen = order[np.argsort(look.covered[order], kind="stable")][:count].tolist()
        return Next(True, tuple(map(row, chosen)), "Texts of whose answer no rule demands anything come first.")
    rows = vectors.rows
    free, labelled = rows[open_[rows]], rows[texts.known[rows]]
    if not len(free):
        return Next(False, (), _WAITING)
    places = next_to_label(
        vectors.meanings(free),
        count=count,
        labelled=vectors.meanings(labelled) if len(labelled) else None,
        probabilities=_beliefs(look, quick, free),
        seed=seed,
    )
    return Next(True, tuple(row(int(free[place])) for place in places), _note(quick))


def _beliefs(look: Look, quick: Quick | None, rows: np.ndarray) -> np.ndarray:
    """What is believed of each text, (texts, answers): by the quick model; where it knows nothing, what no rule covers is
    as unsure as can be.
    """
    by_rules = np.where(look.covered[rows], 1.0, 0.5)
    unsure = np.stack([by_rules, 1 - by_rules], axis=1)
    if quick is None or quick.beliefs is None:
        return unsure
    place = {int(known): n for n, known in enumerate(quick.rows)}
    if not all(int(one) in place for one in rows):
        return unsure
    return np.asarray(quick.beliefs[[place[int(one)] for one in rows]])


def _note(quick: Quick | None) -> str:
    if quick is None or quick.beliefs is None:
        return "Unlike each other and what has a label; those that no rule covers first."
    return "Unlike each other and what has a label; those that a quick model is unsure of first."
