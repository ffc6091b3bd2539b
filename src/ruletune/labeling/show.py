"""The texts behind a rule's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location, UserError, nearest
from ruletune.labeling.analysis import tally
from ruletune.labeling.apply import FAULT, RuleSet, Votes
from ruletune.labeling.corpus import corpus, gold_matrix
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.table import fit_label_model, rule_rows
from ruletune.progress import Listener, counted, silent
from ruletune.report.rules import Shown, ShownText, View
from ruletune.types import Example, Label

__all__ = ["show"]


def show(
    spec: TaskSpec,
    name: str,
    *,
    view: View = "fires",
    count: int = 10,
    examples: Sequence[Example] | None = None,
    embed: Embed | None = None,
    listener: Listener = silent,
) -> Shown:
    """Texts on which a rule fires, contradicts others, is wrong, speaks alone or fails.

    Args:
        examples: The texts; default what the task's data files hold, but for the test file.

    Raises:
        UserError: There is no such rule, or the data is wrong.
    """
    names = [rule.name for rule in spec.rules]
    if name not in names:
        raise UserError(f"there is no rule {name!r}", where=Location(str(spec.path)), remedy=nearest(name, names))
    position = names.index(name)
    texts = corpus(spec) if examples is None else list(examples)
    rules = RuleSet(spec.rules, labels=spec.labels, embed=embed)
    votes = rules.apply(texts, progress=counted(listener, "applying rules", len(texts)), strict=view != "faults")
    gold = gold_matrix(texts, spec.labels)
    rows = _rows(votes, position, gold, view, multi=spec.file.multi_label)
    table = rule_rows(
        votes, gold=gold, label_model=fit_label_model(spec, votes.matrix, gold), multi=spec.file.multi_label
    )
    failure = next((fault.traceback for fault in votes.faults if fault.rule == name), "")
    shown = tuple(_text(rules, votes, position, texts[row], row) for row in rows[:count])
    return Shown(table[position], view, len(rows), shown, failure)


def _rows(votes: Votes, position: int, gold: np.ndarray, view: View, *, multi: bool) -> list[int]:
    column = votes.matrix[:, position]
    said = tally(votes, multi=multi)
    mine = said.cells.rules == position
    rows, labels = said.cells.rows[mine], said.cells.labels[mine]
    speakers = np.bincount(said.cells.rows, minlength=len(column))
    match view:
        case "fires":
            kept = np.flatnonzero(column >= 0)
        case "faults":
            kept = np.flatnonzero(column == FAULT)
        case "conflicts":
            kept = rows[said.conflicts[mine]]
        case "overlaps":
            kept = rows[speakers[rows] > 1]
        case "alone":
            kept = rows[speakers[rows] == 1]
        case "wrong":
            truth = gold[rows, labels]
            kept = rows[truth == (0 if votes.rules[position].sign > 0 else 1)]
        case _:
            assert_never(view)
    return [int(row) for row in kept]


def _text(rules: RuleSet, votes: Votes, position: int, example: Example, row: int) -> ShownText:
    firings = {firing.rule: firing for firing in rules.firings(example)}
    name = votes.rules[position].name

    def words(rule: str) -> str:
        firing = firings[rule]
        return f"{'not ' if firing.veto else ''}{firing.answer}" if firing.answer is not None else ""

    own = firings.get(name)
    return ShownText(
        id=example.id,
        text=example.text,
        spans=tuple((span.start, span.end) for span in own.spans) if own else (),
        says=words(name) if own else "",
        others=tuple((rule, words(rule)) for rule in firings if rule != name),
        gold=str(example.answer) if isinstance(example.answer, Label) else "",
    )
