"""Suggestions for a task file: its texts read, its rules applied, the chosen suggestions written into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.config import TaskSpec
from ruletune.config.edit import add_rules, change_rule
from ruletune.data.sampling import sample
from ruletune.data.split import remove_leaks
from ruletune.errors import Location, UserError, nearest
from ruletune.labeling.apply import RuleSet, needs_embedding
from ruletune.labeling.corpus import divided, gold_matrix, needs_label
from ruletune.labeling.evaluate import Embed
from ruletune.labeling.suggest.proposals import Pool, propose, study
from ruletune.labeling.suggest.repairs import repair
from ruletune.labeling.suggest.saving import save_task
from ruletune.labeling.suggest.suggestion import Suggestion, of_proposals, of_repairs
from ruletune.labeling.table import covered, fit_label_model
from ruletune.progress import Event, Listener, silent
from ruletune.rules import Pattern, Rule, Terms, Vote
from ruletune.types import Example, Label

__all__ = ["Suggestions", "accept", "suggest_rules"]

_LISTED = 5


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What was suggested, and what the reader should know about it.

    Attributes:
        texts, gold: Texts looked at, and gold labels among them.
        covered: Share of the texts that an existing rule speaks about.
        accuracy: Share of left-out gold labels that the classifier behind the expected precisions predicts.
    """

    suggestions: tuple[Suggestion, ...]
    texts: int
    gold: int
    covered: float
    accuracy: float
    notes: tuple[str, ...]


def suggest_rules(
    spec: TaskSpec,
    *,
    embed: Embed | None = None,
    rule: str | None = None,
    count: int = 20,
    labels: Sequence[str] = (),
    min_precision: float = 0.7,
    limit: int = 5000,
    examples: Sequence[Example] | None = None,
    listener: Listener = silent,
) -> Suggestions:
    """Suggest rules for a task, or changes to one of its rules.

    The same task, data and seed give the same suggestions.

    Args:
        embed: Makes sentence embeddings; without it the texts' own words must do.
        rule: Name of a rule to change; default: suggest new ones.
        labels: Only rules for these.
        min_precision: Expected precision of a new rule, at least.
        limit: Unlabelled texts looked at, at most; a random sample of them.
        examples: The texts to look at, where the caller has read them; default those of the task's files.
        listener: Told what is being done.

    Raises:
        UserError: There is nothing to learn from, or no such rule or label.
    """
    needs_label(spec, "suggesting rules")
    target = _rule(spec, rule) if rule is not None else None
    for label in labels:
        if label not in spec.labels:
            raise UserError(
                f"there is no label {label!r}", where=Location(str(spec.path)), remedy=nearest(label, spec.labels)
            )
    if embed is None and needs_embedding(spec.rules):
        message = "a rule of the task compares embeddings, and there is no model to make them"
        raise UserError(message, where=Location(str(spec.path)), remedy="leave out --fast")
    notes: list[str] = []
    if examples is None:
        listener(Event("reading data", 0, 1))
        examples = _examples(spec, embed, limit, notes)
        listener(Event("reading data", 1, 1))
    elif all(example.answer is None for example in examples):
        raise UserError("no text has a label", where=Location(str(spec.path)), remedy="label some texts")
    pool, fired = _pool(spec, examples, embed, listener, alone=target is not None)
    notes += _gold_notes(spec, pool)
    listener(Event("looking for rules", 0, 2))
    found = study(pool)
    listener(Event("looking for rules", 1, 2))
    if target is None:
        wanted = [spec.labels.index(label) for label in labels] or None
        proposals = propose(pool, found, count=count, min_precision=min_precision, labels=wanted)
        made = of_proposals(proposals, pool, labels=spec.labels, taken=[r.name for r in spec.rules])
    else:
        when, says = target.when, target.says
        assert isinstance(when, Pattern | Terms) and isinstance(says, Vote)
        held = fired[:, [r.name for r in spec.rules].index(target.name)]
        repairs = repair(when, spec.labels.index(says.label), pool=pool, found=found, held=held, count=count)
        made = of_repairs(repairs, pool, name=target.name, labels=spec.labels)
    listener(Event("looking for rules", 2, 2))
    judged = int((~np.isnan(pool.gold).any(axis=1)).sum())
    return Suggestions(tuple(made), len(pool.texts), judged, float(pool.covered.mean()), found.accuracy, tuple(notes))


def accept(spec: TaskSpec, chosen: Sequence[Suggestion]) -> TaskSpec:
    """Write suggestions into the task file; everything else in it stays as it is.

    Returns:
        The task as it is now.

    Raises:
        UserError: Changes contradict each other, the file was changed meanwhile, or cannot be changed in place.
    """
    file = str(spec.path)
    source = add_rules(spec.source, [one.entry for one in chosen if one.entry], file=file)
    changes = [one for one in chosen if not one.entry]
    replaced = [key for one in changes for key in one.replace]
    if len(set(replaced)) < len(replaced):
        raise UserError("two of the suggestions rewrite the same expression", remedy="accept one, and ask again")
    for one in changes:
        position = _position(spec, one.name)
        source = change_rule(source, position, file=file, extend=one.extend, replace=one.replace)
    return save_task(spec, source)


def _rule(spec: TaskSpec, name: str) -> Rule:
    found = next((rule for rule in spec.rules if rule.name == name), None)
    if found is None:
        remedy = nearest(name, [rule.name for rule in spec.rules])
        raise UserError(f"there is no rule {name!r}", where=Location(str(spec.path)), remedy=remedy)
    if (
        not isinstance(found.when, Pattern | Terms)
        or not isinstance(found.says, Vote)
        or found.kind not in ("regex", "keywords")
    ):
        remedy = "name a rule of kind regex or keywords that votes"
        raise UserError(f"no changes can be suggested for {name!r}", where=found.where, remedy=remedy)
    return found


def _position(spec: TaskSpec, name: str) -> int:
    """Of the entry that a rule was read from."""
    for position, entry in enumerate(spec.file.rules):
        if (entry.name or f"{entry.kind}_{position + 1}") == name:
            return position
    raise UserError(f"there is no entry for the rule {name!r}", where=Location(str(spec.path)))


def _examples(spec: TaskSpec, embed: Embed | None, limit: int, notes: list[str]) -> list[Example]:
    """Gold, then texts without a label, as training would have them; none that stands in the test or calibration part."""
    data = spec.file.data
    parts = divided(spec)
    # Rules that were written from labels would make them look easier than others: neither test nor calibration labels.
    held = [*parts.test, *parts.calibration]
    known = parts.train if data.validation else [*parts.train, *parts.validation]
    kept, _ = remove_leaks(known, held)
    unlabeled, _ = remove_leaks(parts.unlabeled, held)
    gold = [example for example in kept if example.answer is not None]
    if not gold:
        remedy = f"label some texts; choose them with: ruletune sample {spec.path} -o to_label.jsonl"
        raise UserError("no text of the training part has a label", where=Location(str(spec.path)), remedy=remedy)
    if data.sample is not None:
        vectors = None
        method = data.sample.method if embed is not None else "random"
        if embed is not None and method == "diverse":
            vectors = embed([_input(example) for example in gold])
        rows = sample(gold, shots=data.sample.shots, method=method, seed=spec.file.seed, embeddings=vectors).rows
        taken = set(rows)
        unlabeled += [example for row, example in enumerate(gold) if row not in taken]
        gold = [gold[row] for row in rows]
    unlabeled = [_unanswered(e) for e in (*unlabeled, *(e for e in kept if e.answer is None))]
    if len(unlabeled) > limit:
        notes.append(f"{limit} of {len(unlabeled)} unlabelled texts were looked at, drawn at random.")
        drawn = sorted(np.random.default_rng(spec.file.seed).permutation(len(unlabeled))[:limit])
        unlabeled = [unlabeled[row] for row in drawn]
    if not unlabeled:
        notes.append("There are no unlabelled texts: precision and coverage are those on the labelled ones.")
    return [*gold, *unlabeled]


def _pool(
    spec: TaskSpec, examples: Sequence[Example], embed: Embed | None, listener: Listener, *, alone: bool
) -> tuple[Pool, np.ndarray]:
    """The pool, and where each rule fires. ``alone``: what other rules say is no evidence."""
    done = 0

    def advance(number: int) -> None:
        nonlocal done
        done += number
        listener(Event("applying rules", done, len(examples)))

    votes = RuleSet(spec.rules, labels=spec.labels, embed=embed).apply(
        examples, progress=advance if spec.rules else None
    )
    gold = gold_matrix(examples, spec.labels)
    rules_say = None
    if spec.rules and not alone:
        rules_say = fit_label_model(spec, votes.matrix, gold).posterior(votes.matrix)
    pool = Pool(
        texts=tuple(example.text for example in examples),
        gold=gold,
        covered=covered(spec.task, votes),
        vectors=embed([_input(example) for example in examples]) if embed else None,
        rules_say=rules_say,
        multi=spec.file.multi_label,
        seed=spec.file.seed,
    )
    return pool, votes.matrix >= 0


def _gold_notes(spec: TaskSpec, pool: Pool) -> list[str]:
    """What the gold labels cannot tell."""
    judged = pool.gold[~np.isnan(pool.gold).any(axis=1)]
    silent_labels = [label for label, total in zip(spec.labels, judged.sum(axis=0), strict=True) if not total]
    if not pool.multi and len(spec.labels) - len(silent_labels) < 2:
        seen = next(label for label in spec.labels if label not in silent_labels)
        remedy = f"label texts of others too; choose them with: ruletune sample {spec.path} -o to_label.jsonl"
        raise UserError(f"every gold label is {seen!r}", where=Location(str(spec.path)), remedy=remedy)
    if not silent_labels:
        return []
    listed = ", ".join(map(repr, silent_labels[:_LISTED])) + (", ..." if len(silent_labels) > _LISTED else "")
    return [f"No gold label is {listed}: no rules can be suggested for it."]


def _input(example: Example) -> str:
    return example.text if example.text_pair is None else f"{example.text} {example.text_pair}"


def _unanswered(example: Example) -> Example:
    from dataclasses import replace

    return replace(example, answer=None) if isinstance(example.answer, Label) else example
