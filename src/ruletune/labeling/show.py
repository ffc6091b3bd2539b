"""The texts behind a rule's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import assert_never

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location, UserError, nearest
from ruletune.labeling.analysis import Tallies, tally
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.corpus import corpus, gold_matrix, needs_label
from ruletune.labeling.demand_table import show_demands
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.span_show import asked, show_spans
from ruletune.labeling.table import fit_label_model, rule_rows
from ruletune.labeling.votes import ABSTAIN, FAULT, Votes
from ruletune.progress import Listener, counted, silent
from ruletune.report.demands import ShownDemands
from ruletune.report.rules import Shown, ShownText, View
from ruletune.rules.base import Rule
from ruletune.rules.entry import read_text
from ruletune.types import Example, Label, Spans, Text

__all__ = ["show", "written"]

_LINES = 40
"""Lines of a rule as written that are shown."""


def show(
    spec: TaskSpec,
    name: str,
    *,
    view: View = "fires",
    count: int = 10,
    examples: Sequence[Example] | None = None,
    embed: Embed | None = None,
    listener: Listener = silent,
) -> Shown | ShownDemands:
    """A rule as written, its numbers, and the texts behind one of them.

    Args:
        view: Which texts: where the rule fires, is contradicted, is joined by others, is right or wrong, speaks alone
            or fails; or, of those where no rule speaks, first the ones whose gold label is the rule's.
        count: Texts in the answer at most.
        examples: The texts; default what the task's data files hold, but for the test file.

    Raises:
        UserError: There is no such rule, or the data is wrong.
    """
    names = [rule.name for rule in spec.rules]
    if name not in names:
        remedy = nearest(name, names) if names else "write rules under rules:"
        raise UserError(f"there is no rule {name!r}", where=Location(str(spec.path)), remedy=remedy)
    position = names.index(name)
    texts = corpus(spec) if examples is None else list(examples)
    source = written(spec, spec.rules[position])
    if spec.task.answer is Text:
        return show_demands(
            spec, position, written=source, view=view, count=count, examples=texts, embed=embed, listener=listener
        )
    progress = counted(listener, "applying rules", len(texts))
    if spec.task.answer is Spans:
        return show_spans(spec, position, texts, written=source, view=view, count=count, embed=embed, progress=progress)
    needs_label(spec, "a list of a rule's texts")
    rules = RuleSet(spec.rules, labels=spec.labels, embed=embed)
    # A rule that fails on every text is an error elsewhere; here is where to look at why.
    votes = rules.apply(texts, progress=progress, strict=view != "faults")
    gold = gold_matrix(texts, spec.labels)
    multi = spec.file.multi_label
    said = tally(votes, multi=multi)
    model = fit_label_model(spec, votes.matrix, gold)
    table = rule_rows(votes, gold=gold, label_model=model, multi=multi, said=said)
    rows = _rows(votes, said, position, gold, view)
    failure = next((fault.traceback for fault in votes.faults if fault.rule == name), "")
    shown = tuple(_text(rules, position, texts[row]) for row in rows[:count].tolist())
    return Shown(table[position], source, view, len(rows), shown, failure)


def _rows(votes: Votes, said: Tallies, position: int, gold: np.ndarray, view: View) -> np.ndarray:
    """The texts behind a number, (texts,), in the order they are shown in."""
    column, rule = votes.matrix[:, position], votes.rules[position]
    if view == "fires":
        return np.flatnonzero(column >= 0)
    if view == "faults":
        return np.flatnonzero(column == FAULT)
    if view == "uncovered":
        silence = np.flatnonzero((said.speakers == 0) & (column == ABSTAIN))
        if rule.label is None or rule.sign < 0:
            return silence
        missed = gold[silence, votes.labels.index(rule.label)] == 1
        return np.concatenate([silence[missed], silence[~missed]])
    mine = np.flatnonzero(said.cells.rules == position)
    rows = said.cells.rows[mine]
    truth = gold[rows, said.cells.labels[mine]]
    match view:
        case "conflicts":
            kept = said.conflicts[mine]
        case "overlaps":
            kept = said.speakers[rows] > 1
        case "alone":
            kept = said.speakers[rows] == 1
        case "right":
            kept = truth == (1 if rule.sign > 0 else 0)
        case "wrong":
            kept = truth == (0 if rule.sign > 0 else 1)
        case _:
            assert_never(view)
    return np.asarray(rows[kept])


def _text(rules: RuleSet, position: int, example: Example) -> ShownText:
    firings = {firing.rule: firing for firing in rules.firings(example)}
    name = rules.rules[position].name

    def words(rule: str) -> str:
        firing = firings[rule]
        return f"{'not ' if firing.veto else ''}{firing.answer}" if firing.answer is not None else ""

    own = firings.get(name)
    return ShownText(
        id=example.id,
        text=example.text,
        spans=tuple((span.start, span.end) for span in (own.spans if own else rules.spans(name, example))),
        says=words(name) if own else "",
        others=tuple((rule, words(rule)) for rule in firings if rule != name),
        gold=str(example.answer) or "(none)" if isinstance(example.answer, Label) else "",
        asked=asked(example),
    )


def written(spec: TaskSpec, rule: Rule) -> str:
    """A rule as it stands in its file: the lines of its entry, or its line in a table; empty for one made in Python."""
    where = rule.where
    if where is None or where.line is None:
        return ""
    if where.file != str(spec.path):
        lines = _lines_of(where.file)
        return lines[where.line - 1] if where.line <= len(lines) else ""
    first, *rest = spec.source.splitlines()[where.line - 1 :][:_LINES] or [""]
    indent = len(first) - len(first.lstrip())
    inside = takewhile(lambda line: not line.strip() or len(line) - len(line.lstrip()) > indent, rest)
    lines = [first, *inside]
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return "\n".join(line[indent:] for line in lines)


def _lines_of(path: str) -> list[str]:
    try:
        return read_text(Path(path), where=Location(path)).splitlines()
    except UserError:  # it was there when the task file was read; the rule can be shown without it
        return []
