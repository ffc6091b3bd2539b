"""What a change of the rules changes: which texts get other votes, and another label, before anything is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ruletune.config import TaskSpec
from ruletune.errors import Location, UserError
from ruletune.labeling.apply import ABSTAIN, RuleSet, Votes
from ruletune.labeling.corpus import corpus, gold_matrix
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.table import fit_label_model
from ruletune.progress import Listener, counted, silent
from ruletune.report.rules import ChangedText, Diff, RuleChange
from ruletune.rules import Rule
from ruletune.types import Example, Label

__all__ = ["diff"]

_NOTHING = "nothing"


def diff(
    old: TaskSpec,
    new: TaskSpec,
    *,
    count: int = 10,
    examples: Sequence[Example] | None = None,
    embed: Embed | None = None,
    listener: Listener = silent,
) -> Diff:
    """Compare the rules of two tasks on the same texts.

    Args:
        count: Changed texts in the answer at most.
        examples: The texts; default those of the new task, but for its test file.

    Raises:
        UserError: The tasks have different labels, or the data is wrong.
    """
    if old.labels != new.labels:
        remedy = "compare rules for the same labels, in the same order"
        raise UserError(f"{old.path} has other labels", where=Location(str(new.path)), remedy=remedy)
    texts = corpus(new) if examples is None else list(examples)
    total = 2 * len(texts)
    progress = counted(listener, "applying rules", total)
    before, after = (
        RuleSet(spec.rules, labels=spec.labels, embed=embed).apply(texts, progress=progress) for spec in (old, new)
    )
    gold = gold_matrix(texts, new.labels)
    was, now = (_labels(spec, votes, gold) for spec, votes in ((old, before), (new, after)))
    moved = [row for row in range(len(texts)) if was[row] != now[row]]
    rules, touched = _rules(before, after)
    judged = [row for row, example in enumerate(texts) if isinstance(example.answer, Label)]
    return Diff(
        rules=rules,
        texts=len(texts),
        votes=int(np.count_nonzero(touched.any(axis=1))),
        labels=tuple((a, b, n) for (a, b), n in Counter((was[row], now[row]) for row in moved).most_common()),
        covered=(_share(before.covered), _share(after.covered)),
        right=(
            sum(was[row] == str(texts[row].answer) for row in judged),
            sum(now[row] == str(texts[row].answer) for row in judged),
        ),
        judged=len(judged),
        changed=tuple(
            ChangedText(
                texts[row].id,
                texts[row].text,
                was[row],
                now[row],
                str(texts[row].answer or ""),
                tuple(rules[n].name for n in np.flatnonzero(touched[row])),
            )
            for row in moved[:count]
        ),
    )


def _labels(spec: TaskSpec, votes: Votes, gold: np.ndarray) -> list[str]:
    """What the rules and the label model make of each text."""
    posterior = fit_label_model(spec, votes.matrix, gold).posterior(votes.matrix)
    covered = votes.covered
    if spec.file.multi_label:
        chosen = [str(Label.of(*(spec.labels[k] for k in np.flatnonzero(row > 0.5)))) for row in posterior]
    else:
        chosen = [spec.labels[k] for k in posterior.argmax(axis=1)]
    return [label if spoke else _NOTHING for label, spoke in zip(chosen, covered, strict=True)]


def _rules(before: Votes, after: Votes) -> tuple[tuple[RuleChange, ...], np.ndarray]:
    """Every rule whose say changes on some text or that is written otherwise; and which texts each touches."""
    old = {rule.name: n for n, rule in enumerate(before.rules)}
    new = {rule.name: n for n, rule in enumerate(after.rules)}
    silent_column = np.full(len(after.matrix), ABSTAIN, dtype=np.int16)
    changes: list[RuleChange] = []
    touched: list[np.ndarray] = []
    for name in dict.fromkeys([*new, *old]):
        was = _column(before, old.get(name), silent_column)
        now = _column(after, new.get(name), silent_column)
        if name not in old:
            kind = "added"
        elif name not in new:
            kind = "removed"
        else:
            kind = "same" if _same(before.rules[old[name]], after.rules[new[name]]) else "changed"
        differs = was != now
        if kind == "same" and not differs.any():
            continue
        gained, lost = int((differs & (was < 0) & (now >= 0)).sum()), int((differs & (was >= 0) & (now < 0)).sum())
        changes.append(RuleChange(name, kind, gained, lost, int((differs & (was >= 0) & (now >= 0)).sum())))
        touched.append(differs)
    return tuple(changes), np.stack(touched, axis=1) if touched else np.zeros((len(after.matrix), 0), dtype=bool)


def _column(votes: Votes, position: int | None, nothing: np.ndarray) -> np.ndarray:
    """What a rule says, vetoes told apart from votes for the same label."""
    if position is None:
        return nothing
    column = votes.matrix[:, position]
    return np.where((column >= 0) & (votes.signs[position] < 0), column + len(votes.labels), column)


def _same(first: Rule, second: Rule) -> bool:
    """Whether two rules say the same on the same condition; where they are written is no matter."""
    return replace(first, where=None, tests=()) == replace(second, where=None, tests=())


def _share(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
