"""What each rule does where answers are texts, and the sources behind its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location, UserError
from ruletune.labeling.analysis import kind_name
from ruletune.labeling.corpus import corpus
from ruletune.labeling.demanding import Demanded, Demanding
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.satisfaction import Satisfaction, satisfaction
from ruletune.metrics.texts import references_of
from ruletune.progress import Listener, counted, silent
from ruletune.report.demands import DemandRow, DemandTable, ShownDemand, ShownDemands
from ruletune.report.rules import View
from ruletune.rules.base import Reply
from ruletune.rules.demands import unmet, words_of
from ruletune.types import Example

__all__ = ["demand_table", "show_demands"]


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rules applied to sources, and their references judged by them."""

    examples: list[Example]
    demanded: Demanded
    found: Satisfaction


def _judge(
    spec: TaskSpec,
    examples: Sequence[Example] | None,
    *,
    strict: bool = True,
    listener: Listener = silent,
    embed: Embed | None = None,
) -> _Judged:
    texts = corpus(spec) if examples is None else list(examples)
    progress = counted(listener, "applying rules", len(texts))
    demanded = Demanding(spec.rules, embed=embed).demands(texts, strict=strict, progress=progress)
    return _Judged(texts, demanded, satisfaction(demanded, texts, [references_of(text) for text in texts]))


def demand_table(
    spec: TaskSpec,
    examples: Sequence[Example] | None = None,
    *,
    listener: Listener = silent,
    embed: Embed | None = None,
) -> DemandTable:
    """Apply a task's rules and say what each of them demands, and how often references keep it.

    A rule that references break often asks for what is wrong, or more than it should: so a wrong line of a glossary is seen.

    Args:
        examples: The sources; default what the task's data files hold, but for the test file.

    Raises:
        UserError: The data or a rule is wrong.
    """
    judged = _judge(spec, examples, listener=listener, embed=embed)
    count = len(judged.examples)
    return DemandTable(
        rows=_rows(judged),
        entries=_entries(judged),
        texts=count,
        references=judged.found.answers,
        coverage=float(judged.demanded.fired.any(axis=1).mean()) if count else 0.0,
        whole=judged.found.whole,
    )


def _rows(judged: _Judged) -> tuple[DemandRow, ...]:
    kept = {row.rule: row for row in judged.found.rows}
    faults = {fault.rule: fault for fault in (*judged.found.faults, *judged.demanded.faults)}
    rows = []
    for position, rule in enumerate(judged.demanded.rules):
        row, fault = kept.get(rule.name), faults.get(rule.name)
        fired = judged.demanded.fired[:, position]
        rows.append(
            DemandRow(
                name=rule.name,
                where=str(rule.where or ""),
                kind=kind_name(rule),
                demands="helps others" if rule.says is None else words_of(rule.says),
                coverage=float(fired.mean()) if len(fired) else 0.0,
                kept=row.met if row else 0,
                judged=row.demanded if row else 0,
                faults=fault.count if fault else 0,
                failure=fault.traceback.strip().splitlines()[-1] if fault else "",
            )
        )
    return tuple(rows)


def _entries(judged: _Judged) -> tuple[DemandRow, ...]:
    """The entries that references break, most often first."""
    where = {rule.name: str(rule.where or "") for rule in judged.demanded.rules}
    return tuple(
        DemandRow(
            name=entry.rule,
            where=where[entry.rule],
            kind=entry.kind,
            demands=entry.demands,
            coverage=entry.demanded / len(judged.examples),
            kept=entry.met,
            judged=entry.demanded,
            entry=entry.entry,
        )
        for entry in judged.found.entries
        if entry.met < entry.demanded
    )


def show_demands(
    spec: TaskSpec,
    position: int,
    *,
    written: str,
    view: View = "fires",
    count: int = 10,
    examples: Sequence[Example] | None = None,
    embed: Embed | None = None,
    listener: Listener = silent,
) -> ShownDemands:
    """A rule, by its position in the task, as written, its numbers, and the sources behind one of them.

    Args:
        written: The rule as it stands in its file.
        view: Which sources: where the rule fires (``fires``), where a reference keeps it or none does (``right``, ``wrong``),
            where it fails, or where no rule fires (``uncovered``).
        count: Sources in the answer at most.

    Raises:
        UserError: The view makes no sense where answers are texts, or the data is wrong.
    """
    if view not in ("fires", "right", "wrong", "faults", "uncovered"):
        message = f"demands have no {view}, and the task {spec.task.name!r} has no labels"
        raise UserError(
            message, where=Location(str(spec.path)), remedy="ask for --right, --wrong, --faults or --uncovered"
        )
    judged = _judge(spec, examples, strict=view != "faults", listener=listener, embed=embed)
    name = spec.rules[position].name
    given = [references_of(example) for example in judged.examples]
    kept = [_kept(judged, row, name, given[row]) for row in range(len(judged.examples))]
    fired = judged.demanded.fired
    match view:
        case "uncovered":
            rows = np.flatnonzero(~fired.any(axis=1)).tolist()
        case "right" | "wrong":
            rows = [row for row, held in enumerate(kept) if held is (view == "right") and fired[row, position]]
        case "faults":
            failing = [
                fault.example_id for fault in (*judged.demanded.faults, *judged.found.faults) if fault.rule == name
            ]
            rows = [row for row, example in enumerate(judged.examples) if example.id in failing]
        case _:
            rows = np.flatnonzero(fired[:, position]).tolist()
    faults = [fault for fault in (*judged.demanded.faults, *judged.found.faults) if fault.rule == name]
    return ShownDemands(
        row=_rows(judged)[position],
        written=written,
        view=view,
        found=len(rows),
        texts=tuple(_shown(judged, row, position, given[row], kept[row]) for row in rows[:count]),
        failure=faults[0].traceback if faults else "",
    )


def _kept(judged: _Judged, row: int, name: str, given: Sequence[str]) -> bool | None:
    """Whether a reference keeps all that a rule demands of one answer; ``None`` where there is nothing to judge."""
    demands = [demand for demand in judged.demanded.by_example[row] if demand.rule == name]
    if not demands or not given:
        return None
    return any(not unmet(demands, judged.examples[row], each) for each in given)


def _shown(judged: _Judged, row: int, position: int, given: tuple[str, ...], kept: bool | None) -> ShownDemand:
    example, rule = judged.examples[row], judged.demanded.rules[position]
    demands = [demand for demand in judged.demanded.by_example[row] if demand.rule == rule.name]
    spans = {(span.start, span.end) for demand in demands for span in demand.spans}
    words = [words_of(demand.what) for demand in demands]
    if isinstance(rule.says, Reply) and judged.demanded.fired[row, position]:
        words = [f"replies {reply!r}" for reply in judged.demanded.replies[row]]
    return ShownDemand(example.id, example.text, tuple(sorted(spans)), tuple(dict.fromkeys(words)), given, kept)
