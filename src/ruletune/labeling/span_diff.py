"""What a change of the rules changes, where answers are spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ruletune.config import TaskSpec
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_show import asked, shown_gold, shown_spans
from ruletune.labeling.span_table import rules_answers
from ruletune.labeling.span_votes import SpanVotes
from ruletune.report.rules import ChangedText, Diff, RuleChange
from ruletune.rules.base import Rule
from ruletune.types import Example, Span, Spans

__all__ = ["diff_spans"]

_NOTHING = "nothing"

_Said = dict[str, dict[int, tuple[Span, ...]]]
"""What each rule says of each text that it speaks of."""


def diff_spans(
    old: TaskSpec,
    new: TaskSpec,
    texts: Sequence[Example],
    *,
    differences: Callable[[Rule, Rule], tuple[str, ...]],
    count: int,
    embed: Embed | None = None,
    progress: Callable[[int], None] | None = None,
) -> Diff:
    """As :func:`ruletune.labeling.diff.diff`; what changes are entities, and a text is right where all of its are.

    Args:
        differences: What two rules differ in as they are written, in words.
    """
    before, after = (
        SpanRules(spec.rules, labels=spec.labels, embed=embed).apply(texts, progress=progress) for spec in (old, new)
    )
    was, now = (rules_answers(spec, votes, texts) for spec, votes in ((old, before), (new, after)))
    said_before, said_after = _said(before), _said(after)
    changes = _changes(old, new, said_before, said_after, differences)
    names = [change.name for change in changes]
    turned = {row: _turned(row, names, said_before, said_after) for row in range(len(texts))}
    touched = [row for row, rules in turned.items() if rules]
    moved = [row for row in range(len(texts)) if was[row] != now[row]]
    first = [*moved, *(row for row in touched if was[row] == now[row])][:count]
    passage = new.task.readout == "extract"
    judged = [row for row, text in enumerate(texts) if text.answer is not None]
    return Diff(
        rules=tuple(changes),
        texts=len(texts),
        votes=len(touched),
        labels=tuple((a, b, n) for (a, b), n in (_passages(was, now) if passage else _moves(was, now)).most_common()),
        covered=(_share(before), _share(after)),
        right=(sum(_right(was[r], texts[r]) for r in judged), sum(_right(now[r], texts[r]) for r in judged)),
        judged=len(judged),
        changed=tuple(
            _changed(texts[row], was[row], now[row], turned[row], row, said_before, said_after) for row in first
        ),
        shape="passage" if passage else "spans",
    )


def _right(found: Spans, example: Example) -> bool:
    """Whether exactly the gold spans were found, or another answer that is as right."""
    return found == example.answer or found in example.alternatives


def _said(votes: SpanVotes) -> _Said:
    """Vetoes speak of ``not LABEL``, links of no label."""
    found: dict[str, dict[int, list[Span]]] = {rule.name: {} for rule in votes.rules}
    for row, number, start, end, label in zip(
        *(column.tolist() for column in (votes.row, votes.rule, votes.start, votes.end, votes.label)), strict=True
    ):
        rule = votes.rules[number]
        named = {1: votes.labels[label], -1: f"not {votes.labels[label]}", 0: ""}[rule.sign]
        found[rule.name].setdefault(row, []).append(Span(start, end, named))
    return {name: {row: tuple(spans) for row, spans in rows.items()} for name, rows in found.items()}


def _changes(
    old: TaskSpec, new: TaskSpec, before: _Said, after: _Said, differences: Callable[[Rule, Rule], tuple[str, ...]]
) -> list[RuleChange]:
    """Every rule that is written otherwise, or says something else of some text."""
    there, here = ({rule.name: rule for rule in spec.rules} for spec in (old, new))
    found = []
    for name in dict.fromkeys([*here, *there]):
        parts: tuple[str, ...] = ()
        kind = "added" if name not in there else "removed" if name not in here else "same"
        if kind == "same" and (parts := differences(there[name], here[name])):
            kind = "changed"
        was, now = before.get(name, {}), after.get(name, {})
        gained, lost = len(now.keys() - was.keys()), len(was.keys() - now.keys())
        turned = sum(was[row] != now[row] for row in was.keys() & now.keys())
        if kind != "same" or gained or lost or turned:
            found.append(RuleChange(name, kind, parts, gained, lost, turned))
    return found


def _turned(row: int, names: Sequence[str], before: _Said, after: _Said) -> list[str]:
    """The rules that say something else of a text."""
    return [name for name in names if before.get(name, {}).get(row) != after.get(name, {}).get(row)]


def _moves(was: Sequence[Spans], now: Sequence[Spans]) -> Counter[tuple[str, str]]:
    """How often an entity is found only now, is found no more, or is of another label."""
    found: Counter[tuple[str, str]] = Counter()
    for old, new in zip(was, now, strict=True):
        first, second = ({(span.start, span.end): span.label for span in answer.spans} for answer in (old, new))
        for place in first.keys() | second.keys():
            pair = first.get(place, _NOTHING), second.get(place, _NOTHING)
            if pair[0] != pair[1]:
                found[pair] += 1
    return found


def _passages(was: Sequence[Spans], now: Sequence[Spans]) -> Counter[tuple[str, str]]:
    """How often there is another answer, or one only now, or none any more."""
    pairs = ((old.spans, new.spans) for old, new in zip(was, now, strict=True) if old != new)
    return Counter(
        ("an answer" if old else "no answer", "another" if old and new else "an answer" if new else "no answer")
        for old, new in pairs
    )


def _changed(
    example: Example, was: Spans, now: Spans, rules: Sequence[str], row: int, before: _Said, after: _Said
) -> ChangedText:
    def said(of: _Said, name: str) -> str:
        spans = of.get(name, {}).get(row)
        return shown_spans(example, Spans(spans)) if spans else _NOTHING

    return ChangedText(
        id=example.id,
        text=example.text,
        before=shown_spans(example, was),
        after=shown_spans(example, now),
        gold=shown_gold(example),
        votes=tuple((name, said(before, name), said(after, name)) for name in rules),
        asked=asked(example),
    )


def _share(votes: SpanVotes) -> float:
    return float(votes.covered.mean()) if votes.texts else 0.0
