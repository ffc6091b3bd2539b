"""Why a model writes the answer that it writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ruletune.labeling.demanding import Demanded
from ruletune.models.encoding import Encoded
from ruletune.models.explained import written_score
from ruletune.models.origins import origin_of, trace
from ruletune.models.seq2seq import encode_texts
from ruletune.pipeline.drafts import Draft
from ruletune.pipeline.explaining import Asked, attributed, neighbours, no_label, said, surroundings
from ruletune.pipeline.text_judging import without
from ruletune.pipeline.word_weights import ANSWERS, View, weighed
from ruletune.pipeline.writing import Shown, show, source_of, source_stretches
from ruletune.report.explanation import Attribution, Explanation, RuleSaid, Without
from ruletune.rules.demands import Demand, unmet, words_of
from ruletune.types import Example, Firing

if TYPE_CHECKING:
    from ruletune.pipeline.text_run import TextRun

__all__ = ["explain_text"]

_RULES = 8
"""Rules without which the answer is written anew, at most."""


def explain_text(run: TextRun, example: Example, asked: Asked) -> Explanation:
    """Why the run writes its answer: with its rules and without them, without each of them, and which words of the source mattered.

    Raises:
        UserError: A label is asked for.
    """
    no_label(asked)
    everything = run.demanding.demands([example], strict=False)
    [demands] = without(everything, run.left_out).by_example
    [firings] = run.demanding.firings_of(everything, [example])
    [draft] = run.written([example], [demands], with_rules=True)
    [unheard] = run.written([example], [demands], with_rules=False)
    broken = unmet(demands, example, draft.text)
    gone, late = _gone(run, example, demands, firings, draft)
    weights, missing = attributed(asked, lambda: _words(run, example, demands, draft))
    near, alone = neighbours(run, example, asked)
    return Explanation(
        "text",
        example.text,
        draft.text,
        math.exp(draft.score),
        without_rules=unheard.text,
        demands=tuple({"rule": d.rule, "demands": words_of(d.what), "kept": d not in broken} for d in demands),
        rules=_rules(run, firings, everything, gone),
        attributions=weights,
        examples=near,
        notes=(*missing, *late, *_left_out(draft, asked), *alone),
    )


def _rules(
    run: TextRun, firings: Sequence[Firing], demanded: Demanded, gone: dict[str, Without]
) -> tuple[RuleSaid, ...]:
    """The rules that fired; what they demand is what they say."""
    report, _ = surroundings(run)
    words = {rule.name: "" if rule.says is None else words_of(rule.says) for rule in demanded.rules}
    return tuple(replace(each, says=words[each.rule]) for each in said(firings, {}, report, gone))


def _gone(
    run: TextRun, example: Example, demands: tuple[Demand, ...], firings: Sequence[Firing], draft: Draft
) -> tuple[dict[str, Without], tuple[str, ...]]:
    """The answer without each rule that demands something of it. A rule that is not heard changes nothing."""
    heard = [f.rule for f in firings if any(d.rule == f.rule for d in demands)]
    if not (run.heard_writing.told or run.heard_writing.held):
        heard = []
    chosen = heard[:_RULES]
    left = [tuple(d for d in demands if d.rule != rule) for rule in chosen]
    written = run.written([example] * len(chosen), left, with_rules=True) if chosen else []
    found = {f.rule: Without(None, draft.text, math.exp(draft.score), False) for f in firings if f.rule not in heard}
    for rule, other in zip(chosen, written, strict=True):
        found[rule] = Without(None, other.text, math.exp(other.score), other.text != draft.text)
    more = len(heard) - len(chosen)
    return found, (
        f"The answer was written anew without {_RULES} rules, one at a time; {more} more fired.",
    ) if more else ()


def _left_out(draft: Draft, asked: Asked) -> tuple[str, ...]:
    more = len(draft.pieces) - ANSWERS
    if not asked.words or more <= 0:
        return ()
    return (f"The source was answered in {len(draft.pieces)} pieces; words are weighed for the first {ANSWERS}.",)


def _words(run: TextRun, example: Example, demands: tuple[Demand, ...], draft: Draft) -> list[Attribution]:
    """Which words of the source mattered for the answer, piece by piece where it was answered so."""
    writing, tokenizer = run.heard_writing, run.classifier.tokenizer
    shown = show([example], [demands], writing, tokenizer)
    found, place = [], 0
    for number, (piece, answer) in enumerate(zip(shown.pieces, draft.pieces, strict=True)):
        start = example.text.index(piece.text, place)
        place = start + len(piece.text)
        if number < ANSWERS:
            found.append(_piece(run, example, shown, number, start, answer))
    return found


def _piece(run: TextRun, example: Example, shown: Shown, number: int, start: int, answer: str) -> Attribution:
    writing, classifier = run.heard_writing, run.classifier
    piece, demands = shown.pieces[number], shown.demands[number]
    encoded: Encoded = encode_texts(
        [source_of(piece, demands, writing)],
        [answer],
        tokenizer=classifier.tokenizer,
        max_length=writing.max_length,
        max_target=writing.max_target,
    )
    stretches, told = source_stretches(piece, demands, writing)
    own = np.arange(start, start + len(piece.text))
    origins = trace(
        classifier.tokenizer, [stretches], moved=origin_of(told, own), added="rules", max_length=writing.max_length
    )
    seen = np.zeros(len(example.text), dtype=bool)
    for first, last in origins.places[origins.places[:, 0] >= 0].tolist():
        seen[first:last] = True
    ends = np.flatnonzero(seen)
    cut = [(0, start), (int(ends[-1]) + 1 if len(ends) else start, len(example.text))]
    return weighed(
        classifier,
        example,
        [View(encoded, 0, origins)],
        written_score(encoded.columns["labels"][0]),
        answer=answer,
        measure="log-probability",
        cut=[(a, b) for a, b in cut if example.text[a:b].strip()],
    )
