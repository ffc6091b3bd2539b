"""The rule table of a task: every rule on every text that the task names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.config import TaskSpec
from ruletune.labeling.analysis import Tallies, analyse, kind_name, polarity, tally
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.corpus import corpus, gold_matrix, needs_one_task
from ruletune.labeling.distinct import Distinct
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.label_model import LABEL_MODELS, LabelModel
from ruletune.labeling.votes import Votes
from ruletune.progress import counted, silent
from ruletune.report.model import RuleRow
from ruletune.rules import Vote
from ruletune.tasks import Task
from ruletune.types import Example, Spans

__all__ = ["RuleTable", "covered", "fit_label_model", "rule_rows", "rule_table", "table_of"]


@dataclass(frozen=True, slots=True)
class RuleTable:
    """What each rule does, and all of them together. It shows itself in a notebook.

    Attributes:
        texts, gold: Number of texts, and of those with a gold label.
        coverage, overlap, conflict: Share of texts of which a rule says something, several do, and of which they
            contradict each other.
    """

    rows: tuple[RuleRow, ...]
    texts: int
    gold: int
    coverage: float
    overlap: float
    conflict: float

    def _repr_html_(self) -> str:
        from ruletune.report.page import rule_table_html

        return rule_table_html(self.rows)


def rule_table(
    spec: TaskSpec,
    examples: Sequence[Example] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    embed: Embed | None = None,
) -> RuleTable:
    """Apply a task's rules and say what each of them does.

    Args:
        examples: The texts; default what the task's data files hold, but for the test file.
        progress: Told the number of texts done, and of all.
        embed: Makes sentence embeddings, for rules that compare them.

    Raises:
        UserError: The data or a rule is wrong.
    """
    needs_one_task(spec, "a table of rules")
    texts = corpus(spec) if examples is None else list(examples)
    listener = (lambda event: progress(event.done, event.total)) if progress else silent
    advance = counted(listener, "applying rules", len(texts))
    if spec.task.answer is Spans:
        from ruletune.labeling.span_table import span_rule_table  # it shows the same table

        return span_rule_table(spec, texts, progress=advance, embed=embed)
    votes = RuleSet(spec.rules, labels=spec.labels, embed=embed).apply(texts, progress=advance)
    return table_of(spec, votes, gold_matrix(texts, spec.labels))


def table_of(
    spec: TaskSpec, votes: Votes, gold: np.ndarray, *, model: LabelModel | None = None, said: Tallies | None = None
) -> RuleTable:
    """The table of votes that are known: of a task's rules on some texts.

    Args:
        gold: (texts, labels) in {0, 1}, NaN rows where unknown.
        model, said: The label model and the tally of the votes, where they are known already.
    """
    multi = spec.file.multi_label
    model = model or fit_label_model(spec, votes.matrix, gold)
    said = said or tally(votes, multi=multi)
    contradicted = np.zeros(len(votes.matrix), dtype=bool)
    contradicted[said.cells.rows[said.conflicts]] = True
    return RuleTable(
        rows=rule_rows(votes, gold=gold, label_model=model, multi=multi, said=said),
        texts=len(votes.matrix),
        gold=int((~np.isnan(gold).any(axis=1)).sum()),
        coverage=_mean(said.speakers > 0),
        overlap=_mean(said.speakers > 1),
        conflict=_mean(contradicted),
    )


def covered(task: Task, votes: Votes) -> np.ndarray:
    """Texts that count as covered by a task's rules, (texts,) bool.

    Of nearly every pair of entities the types rule out some relation: there vetoes count only where they leave a single one.
    """
    return votes.named if task.readout == "pair" else votes.covered


def fit_label_model(
    spec: TaskSpec, matrix: np.ndarray, gold: np.ndarray, *, different: Distinct | None = None
) -> LabelModel:
    """The task's label model, fitted on votes and what gold there is.

    Args:
        different: The different rows of votes and gold, where they are known already.
    """
    weights = [rule.says.weight if isinstance(rule.says, Vote) else rule.weight for rule in spec.rules]
    fitted = LABEL_MODELS[spec.file.training.label_model]
    return fitted(
        matrix,
        classes=len(spec.labels),
        weights=weights,
        gold=gold,
        multi=spec.file.multi_label,
        signs=[rule.sign for rule in spec.rules],
        different=different,
    )


def rule_rows(
    votes: Votes,
    *,
    gold: np.ndarray | None,
    label_model: LabelModel | None,
    multi: bool = False,
    said: Tallies | None = None,
) -> tuple[RuleRow, ...]:
    """Rows of the rule table: shares over the texts of ``votes``, accuracy against gold where there is any."""
    reasons = {fault.rule: fault.traceback.strip().splitlines()[-1] for fault in votes.faults}
    return tuple(
        RuleRow(
            name=stats.rule.name,
            where=str(stats.rule.where or ""),
            kind=kind_name(stats.rule),
            labels=stats.labels,
            coverage=stats.coverage,
            overlap=stats.overlap,
            conflict=stats.conflict,
            correct=stats.correct,
            judged=stats.judged,
            estimated=stats.estimated,
            faults=stats.faults,
            failure=reasons.get(stats.rule.name, ""),
            says=polarity(stats.rule, stats.labels),
            new=stats.new,
            redundant=stats.redundant,
            echo=stats.echo,
            echo_share=stats.echo_share,
        )
        for stats in analyse(votes, gold=gold, label_model=label_model, multi=multi, said=said)
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
