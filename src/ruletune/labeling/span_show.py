"""The texts behind a rule's numbers, where answers are spans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_table import gold_answers, meetings, rows_of, verdict_on
from ruletune.labeling.span_votes import SpanVotes
from ruletune.report.rules import Shown, ShownText, View
from ruletune.types import Example, Firing, Spans

__all__ = ["asked", "firing_words", "show_spans", "shown_gold", "shown_spans"]


def show_spans(
    spec: TaskSpec,
    position: int,
    texts: Sequence[Example],
    *,
    written: str,
    view: View,
    count: int,
    embed: Embed | None = None,
    progress: Callable[[int], None] | None = None,
) -> Shown:
    """As :func:`ruletune.labeling.show.show`, for the rule at a position in the task.

    A text stands behind a number where one vote of the rule does; those votes are what is underlined.

    Args:
        written: The rule as it stands in its file.
    """
    rules = SpanRules(spec.rules, labels=spec.labels, embed=embed)
    # A rule that fails on every text is an error elsewhere; here is where to look at why.
    votes = rules.apply(texts, progress=progress, strict=view != "faults")
    gold = gold_answers(texts)
    row = rows_of(spec, votes, texts)[position]
    name = spec.rules[position].name
    mine: dict[int, list[tuple[int, int]]] = {}
    if view == "uncovered":
        rows = _missed(votes, position, gold)
    elif view == "faults":
        rows = [number for number, text in enumerate(texts) if _fails(rules, name, text)]
    else:
        for vote in np.flatnonzero(_behind(votes, position, verdict_on(spec, votes, texts), view)).tolist():
            mine.setdefault(int(votes.row[vote]), []).append((int(votes.start[vote]), int(votes.end[vote])))
        rows = sorted(mine)
    shown = tuple(_text(rules, name, texts[r], mine.get(r, [])) for r in rows[:count])
    failure = next((fault.traceback for fault in votes.faults if fault.rule == name), "")
    return Shown(row, written, view, len(rows), shown, failure)


def _behind(votes: SpanVotes, position: int, verdict: tuple[np.ndarray, np.ndarray], view: View) -> np.ndarray:
    """Which of the votes are the rule's and stand behind a number, (votes,) bool."""
    overlaps, conflicts = meetings(votes)
    right, judged = verdict
    everything = np.ones(len(votes.row), dtype=bool)
    match view:
        case "fires":
            which = everything
        case "conflicts":
            which = conflicts
        case "overlaps":
            which = overlaps
        case "alone":
            which = ~overlaps
        case "right":
            which = judged & right
        case "wrong":
            which = judged & ~right
        case "faults" | "uncovered":
            which = ~everything
        case _:
            assert_never(view)
    return np.asarray(which & (votes.rule == position))


def _missed(votes: SpanVotes, position: int, gold: Sequence[Spans | None]) -> list[int]:
    """Texts in which no rule finds anything, first those that have an entity of the rule's label, or an answer."""
    label = votes.rules[position].label if votes.rules[position].sign > 0 else None
    silent = np.flatnonzero(~votes.covered).tolist()
    has = {row for row in silent if any(span.label in (label, "") for span in (gold[row] or Spans(())).spans)}
    return sorted(silent, key=lambda row: (row not in has, row))


def _fails(rules: SpanRules, name: str, example: Example) -> bool:
    return any(fault.rule == name for fault in rules.apply([example], strict=False).faults)


def _text(rules: SpanRules, name: str, example: Example, spans: list[tuple[int, int]]) -> ShownText:
    firings = {firing.rule: firing for firing in rules.firings(example)}
    own = firings.get(name)
    return ShownText(
        id=example.id,
        text=example.text,
        spans=tuple(spans),
        says=firing_words(example, own) if own else "",
        others=tuple((rule, firing_words(example, firing)) for rule, firing in firings.items() if rule != name),
        gold=shown_gold(example),
        asked=asked(example),
    )


def firing_words(example: Example, firing: Firing) -> str:
    """What a rule says of a text, in words."""
    if isinstance(firing.answer, Spans):
        return f"{'not ' if firing.veto else ''}{shown_spans(example, firing.answer)}"
    return shown_spans(example, Spans(firing.spans))


def asked(example: Example) -> str:
    """What is asked about a text, in words: its question, or which two entities are meant.

    >>> from ruletune.types import Span
    >>> asked(Example("1", "Ann met Bo", entities=(Span(0, 3, "PER"), Span(8, 10))))
    'Ann (PER), Bo'
    """
    return shown_spans(example, Spans(example.entities)) if example.entities else example.text_pair or ""


def shown_gold(example: Example) -> str:
    """Gold spans in words, empty where nobody gave any; of a question all that are right."""
    if not isinstance(example.answer, Spans):
        return ""
    several = dict.fromkeys(
        shown_spans(example, a) for a in (example.answer, *example.alternatives) if isinstance(a, Spans)
    )
    return " or ".join(several)


def shown_spans(example: Example, answer: Spans) -> str:
    """Spans in words.

    >>> from ruletune.types import Span
    >>> shown_spans(Example("1", "Ann met Bo"), Spans((Span(0, 3, "PER"), Span(8, 10, "PER"))))
    'Ann (PER), Bo (PER)'
    """
    texts = [example.text[span.start : span.end] + (f" ({span.label})" if span.label else "") for span in answer.spans]
    return ", ".join(texts) or "none"
