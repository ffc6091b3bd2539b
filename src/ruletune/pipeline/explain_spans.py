"""Why a model finds the entities that it finds in a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ruletune.errors import UserError, nearest
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.values import answer_value
from ruletune.labeling.words import words
from ruletune.models.explained import tags_score
from ruletune.models.origins import of_window
from ruletune.models.windows import Windows
from ruletune.pipeline.explaining import Asked, attributed, neighbours, said, surroundings
from ruletune.pipeline.word_weights import ANSWERS, View, outside, weighed
from ruletune.report.explanation import Attribution, Explanation, Without
from ruletune.types import Example, Span, Spans

if TYPE_CHECKING:
    from ruletune.pipeline.span_run import TagRun

__all__ = ["explain_spans"]


def explain_spans(run: TagRun, example: Example, asked: Asked) -> Explanation:
    """Why the run finds the entities that it finds.

    Raises:
        UserError: The label asked for is none of the run's.
    """
    if asked.label is not None and asked.label not in run.labels:
        raise UserError(f"unknown label {asked.label!r}", remedy=nearest(asked.label, run.labels))
    shown, logits = run.read_windows([example])
    votes = run.span_rules.apply([example], strict=False)
    [firings] = votes.firings()
    [found] = run.decoded(shown, run.heard(shown, logits, [example], votes), [example])
    [alone] = run.decoded(shown, logits, [example])
    ranges = [words(example.text)]
    believed = run.sequence_model.decode(votes, ranges)[0] if firings else None
    report, effects = surroundings(run)
    position = {rule.name: n for n, rule in enumerate(run.span_rules.rules)}
    gone = {
        f.rule: _without(run, example, shown, logits, votes, position[f.rule], effects, found.spans) for f in firings
    }
    reliability = {
        rule.name: float(a) for rule, a in zip(run.span_rules.rules, run.sequence_model.accuracy, strict=True)
    }
    wanted = [s for s in found.spans.spans if asked.label in (None, s.label)]
    weights, missing = attributed(
        asked, lambda: [each for span in wanted[:ANSWERS] if (each := _words(run, example, shown, span)) is not None]
    )
    near, lonely = neighbours(run, example, asked)
    return Explanation(
        "spans",
        example.text,
        answer_value(found.spans),
        found.certainty,
        scores=tuple(float(score) for score in found.scores),
        alone=answer_value(alone.spans),
        label_model=None if believed is None else answer_value(believed),
        rules=said(firings, reliability, report, gone),
        attributions=weights,
        examples=near,
        notes=(*missing, *_left_out(asked, wanted), *lonely),
    )


def _left_out(asked: Asked, wanted: list[Span]) -> tuple[str, ...]:
    if not asked.words:
        return ()
    if not wanted:
        what = "entity" if asked.label is None else asked.label
        return (f"Words are weighed for what was found, and no {what} was.",)
    more = len(wanted) - ANSWERS
    return (f"Words are weighed for the first {ANSWERS} entities; {more} more were found.",) if more > 0 else ()


def _without(
    run: TagRun,
    example: Example,
    shown: Windows,
    logits: list[np.ndarray],
    votes: SpanVotes,
    position: int,
    effects: dict[str, float],
    answer: Spans,
) -> Without:
    """What if there were no such rule: of the label model, and of the answer where rules are heard."""
    left = run.span_rules.without([example], votes, position)
    model = run.sequence_model.without(position)
    believed = model.decode(left, [words(example.text)])[0] if len(left.rule) else None
    [found] = run.decoded(shown, run.heard(shown, logits, [example], left, model), [example])
    name = run.span_rules.rules[position].name
    return Without(
        None if believed is None else answer_value(believed),
        answer_value(found.spans),
        found.certainty,
        found.spans != answer,
        effects.get(name),
    )


def _words(run: TagRun, example: Example, shown: Windows, span: Span) -> Attribution | None:
    """Which words mattered for one entity, in the window that decides about its beginning; ``None`` where it has no token."""
    deciding = [w for w, (first, last) in enumerate(shown.decides.tolist()) if first <= span.start < last]
    window = deciding[0] if deciding else 0
    offsets = shown.offsets[window]
    inside = np.flatnonzero((offsets[:, 0] >= 0) & (offsets[:, 1] > span.start) & (offsets[:, 0] < span.end)).tolist()
    if not inside:
        return None
    first = 1 + 2 * run.labels.index(span.label)
    tags = [first + (n > 0) for n in range(len(inside))]
    classifier = run.classifier
    origins = of_window(example, shown, window, rendering=run.rendering, tokenizer=classifier.tokenizer)
    start, end, _ = map(int, shown.shown[window])
    return weighed(
        classifier,
        example,
        [View(shown.encoded, window, origins)],
        tags_score(inside, tags),
        answer={"start": span.start, "end": span.end, "label": span.label},
        measure="log-odds",
        cut=outside(start, end, len(example.text)),
    )
