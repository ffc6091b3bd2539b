"""Why a model gives a text, or a pair of entities, its label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ruletune.errors import UserError, nearest
from ruletune.labeling.values import answer_value
from ruletune.labeling.votes import Votes
from ruletune.models.encoding import encode
from ruletune.models.explained import label_score
from ruletune.models.origins import of_text
from ruletune.pipeline.calibrating import served
from ruletune.pipeline.deciding import answers, probabilities
from ruletune.pipeline.explaining import Asked, attributed, neighbours, said, surroundings
from ruletune.pipeline.shaping import templates
from ruletune.pipeline.word_weights import ANSWERS, View, weighed
from ruletune.progress import silent
from ruletune.report.explanation import Attribution, Belief, Explanation, Without
from ruletune.rules import Prompt
from ruletune.types import Example, Label

if TYPE_CHECKING:
    from ruletune.pipeline.run import Run

__all__ = ["explain_label"]


@dataclass(frozen=True, slots=True)
class _Answered:
    """What model and rules say of one text.

    Attributes:
        logits: (1, labels). votes: of rules that act when the model answers; ``None`` where none does.
        unmuted: (1, rules) what all rules say, before those of lower priority are silenced. heard: after it.
    """

    logits: np.ndarray
    votes: Votes | None
    unmuted: np.ndarray
    heard: np.ndarray


def explain_label(run: Run, example: Example, asked: Asked) -> Explanation:
    """Why the run gives a text its label.

    Raises:
        UserError: The label asked for is none of the run's.
    """
    if asked.label is not None and asked.label not in run.labels:
        raise UserError(f"unknown label {asked.label!r}", remedy=nearest(asked.label, run.labels))
    logits, votes = run.logits([example], listener=silent)
    found = _Answered(logits, votes, run.rules.apply_one(example, mute=False), run.rules.apply_one(example))
    probability = _served(run, logits, votes)
    [(answer, score)] = answers(probability, run.labels, multi=run.multi)
    firings = run.rules.firings(example)
    believed = run.label_model.posterior(found.heard)[0] if firings else None
    report, effects = surroundings(run)
    position = {rule.name: n for n, rule in enumerate(run.rules.rules)}
    gone = {f.rule: _without(run, example, found, position[f.rule], effects, answer) for f in firings}
    reliability = {rule.name: float(a) for rule, a in zip(run.rules.rules, run.label_model.accuracy, strict=True)}
    words, missing = attributed(asked, lambda: _words(run, example, found, asked, answer, probability[0]))
    near, alone = neighbours(run, example, asked)
    return Explanation(
        "label",
        example.text,
        answer_value(answer),
        score,
        pair=example.text_pair,
        entities=tuple((entity.start, entity.end) for entity in example.entities),
        label_model=None if believed is None else _by_label(run, believed),
        beliefs=_beliefs(run, logits, believed, probability[0]),
        rules=said(firings, reliability, report, gone),
        attributions=words,
        examples=near,
        notes=(*missing, *alone),
    )


def _served(run: Run, logits: np.ndarray, votes: Votes | None) -> np.ndarray:
    return served(run.calibration.temper(logits), votes, multi=run.multi)


def _by_label(run: Run, values: np.ndarray) -> dict[str, float]:
    return {label: float(values[k]) for k, label in enumerate(run.labels)}


def _beliefs(run: Run, logits: np.ndarray, believed: np.ndarray | None, answer: np.ndarray) -> tuple[Belief, ...]:
    alone = probabilities(logits, multi=run.multi)[0]
    calibrated = _served(run, logits, None)[0]
    return tuple(
        Belief(
            label,
            None if believed is None else float(believed[k]),
            float(alone[k]),
            float(calibrated[k]),
            float(answer[k]),
        )
        for k, label in enumerate(run.labels)
    )


def _without(
    run: Run, example: Example, found: _Answered, position: int, effects: dict[str, float], answer: Label
) -> Without:
    """What if one rule said nothing: of the label model, and of the answer where the rule acts on it."""
    rules = run.rules
    left = rules.without(found.unmuted, position)
    believed: Any = None
    if (left[0, run.label_model.signs != 0] >= 0).any():
        believed = _by_label(run, run.label_model.posterior(left)[0])
    logits, votes, rule = found.logits, found.votes, rules.rules[position]
    if votes is not None:
        votes = Votes(votes.rules, votes.labels, left, votes.faults)
        if isinstance(rule.says, Prompt):
            logits, _ = run.logits([example], votes=votes, listener=silent)
    [(other, score)] = answers(_served(run, logits, votes), run.labels, multi=run.multi)
    return Without(believed, answer_value(other), score, other != answer, effects.get(rule.name))


def _words(
    run: Run, example: Example, found: _Answered, asked: Asked, answer: Label, probability: np.ndarray
) -> list[Attribution]:
    """Which words mattered for the label asked for, or for those of the answer; where it is none, for the likeliest."""
    names: Sequence[str] = (asked.label,) if asked.label is not None else answer.names
    names = names or (run.labels[int(probability.argmax())],)
    likely = sorted(names, key=lambda name: -probability[run.labels.index(name)])[:ANSWERS]
    classifier = run.classifier
    own = None if found.votes is None else templates(found.votes)[0]
    encoded = encode(
        [example],
        rendering=run.rendering,
        tokenizer=classifier.tokenizer,
        max_length=classifier.max_length,
        templates=None if own is None else [own],
        cloze=run.cloze,
    )
    views, seen = [], np.zeros(len(example.text), dtype=bool)
    for view, template in zip(encoded.each(), run.rendering.templates, strict=True):
        origins, part = of_text(
            example,
            rendering=run.rendering,
            tokenizer=classifier.tokenizer,
            max_length=classifier.max_length,
            template=own or template,
            cloze=run.cloze,
        )
        views.append(View(view, 0, origins))
        for start, end in part.pieces:
            seen[start:end] = True
    cut = _unseen(seen)
    return [
        weighed(
            classifier,
            example,
            views,
            label_score(run.labels.index(name), multi=run.multi),
            answer=name,
            measure="log-odds",
            cut=cut,
        )
        for name in likely
    ]


def _unseen(seen: np.ndarray) -> list[tuple[int, int]]:
    """Half-open runs of characters that are in no input."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ~seen, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
