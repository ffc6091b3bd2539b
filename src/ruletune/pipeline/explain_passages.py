"""Why a model answers a question about a text as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ruletune.labeling.answer_model import Proposals
from ruletune.labeling.span_votes import SpanVotes
from ruletune.labeling.values import answer_value
from ruletune.models.explained import edges_score
from ruletune.models.extracting import Reading, edges_of
from ruletune.models.origins import of_window
from ruletune.models.windows import Windows
from ruletune.pipeline.explaining import Asked, attributed, neighbours, no_label, said, surroundings
from ruletune.pipeline.extract_deciding import Ranked, ranked
from ruletune.pipeline.word_weights import View, outside, weighed
from ruletune.report.explanation import Attribution, Explanation, Without
from ruletune.types import Example, Spans

if TYPE_CHECKING:
    from ruletune.pipeline.extract_run import ExtractRun

__all__ = ["explain_passage"]


def explain_passage(run: ExtractRun, example: Example, asked: Asked) -> Explanation:
    """Why the run gives the answer that it gives.

    Raises:
        UserError: There is no question, or a label is asked for.
    """
    no_label(asked)
    shown, [read] = run.readings([example])
    votes = run.span_rules.apply([example], strict=False)
    [firings] = votes.firings()
    [proposals] = run.answer_model.proposals(votes, [example])
    found = _ranked(run, read, proposals)
    answer, certain = found[0]
    [(believed, _)] = run.answer_model.answers([proposals])
    report, effects = surroundings(run)
    position = {rule.name: n for n, rule in enumerate(run.span_rules.rules)}
    gone = {f.rule: _without(run, example, read, votes, position[f.rule], effects, answer) for f in firings}
    reliability = {rule.name: float(a) for rule, a in zip(run.span_rules.rules, run.answer_model.accuracy, strict=True)}
    weights, missing = attributed(asked, lambda: [_words(run, example, shown, read, answer)])
    near, lonely = neighbours(run, example, asked)
    return Explanation(
        "passage",
        example.text,
        answer_value(answer),
        certain,
        pair=example.text_pair,
        scores=(certain,) * len(answer.spans),
        alone=answer_value(ranked(read, None, run.deciding)[0][0]),
        label_model=answer_value(believed) if firings else None,
        rules=said(firings, reliability, report, gone),
        attributions=weights,
        examples=near,
        notes=(*missing, *lonely),
    )


def _ranked(run: ExtractRun, read: Reading, proposals: Proposals) -> Ranked:
    """The likely answers, rules heard where the run hears them."""
    return ranked(read, proposals if run.deciding.weight else None, run.deciding)


def _without(
    run: ExtractRun,
    example: Example,
    read: Reading,
    votes: SpanVotes,
    position: int,
    effects: dict[str, float],
    answer: Spans,
) -> Without:
    """What if one rule said nothing: of the label model, and of the answer where rules are heard."""
    left = run.span_rules.without([example], votes, position)
    [proposals] = run.answer_model.proposals(left, [example])
    [(believed, _)] = run.answer_model.answers([proposals])
    other, certain = _ranked(run, read, proposals)[0]
    return Without(
        answer_value(believed) if len(left.rule) else None,
        answer_value(other),
        certain,
        other != answer,
        effects.get(run.span_rules.rules[position].name),
    )


def _words(run: ExtractRun, example: Example, shown: Windows, read: Reading, answer: Spans) -> Attribution:
    """Which words mattered for the answer, in the window where it is likeliest; or where "no answer" is least likely."""
    window, first, last = _place(read, answer)
    allowed = shown.offsets[window][:, 0] >= 0
    allowed[0] = True
    classifier = run.classifier
    origins = of_window(example, shown, window, rendering=run.rendering, tokenizer=classifier.tokenizer)
    start, end, _ = map(int, shown.shown[window])
    return weighed(
        classifier,
        example,
        [View(shown.encoded, window, origins)],
        edges_score(first, last, allowed),
        answer=answer_value(answer),
        measure="log-probability",
        cut=outside(start, end, len(example.text)),
    )


def _place(read: Reading, answer: Spans) -> tuple[int, int, int]:
    """The window that an answer is read in, and the tokens at its edges."""
    found: list[tuple[float, int, int, int]] = []
    for window, (ranges, likely) in enumerate(read.edges):
        if not answer.spans:
            found.append((-float(likely[:, 0].sum()), window, 0, 0))
        elif (edges := edges_of(answer.spans[0], ranges)) is not None:
            found.append((float(likely[0, edges[0]] + likely[1, edges[1]]), window, *edges))
    best = max(found, key=lambda each: (each[0], -each[1])) if found else (0.0, 0, 0, 0)
    return best[1], best[2], best[3]
