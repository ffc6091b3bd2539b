"""A text as it is shown, with all that is known of it."""

from __future__ import annotations

from dataclasses import replace

from ruletune.labeling.span_show import asked
from ruletune.metrics.texts import references_of
from ruletune.types import Answer, Example, Span, Spans
from ruletune.workbench.bench import Look
from ruletune.workbench.texts import Texts
from ruletune.workbench.values import Fired, Row, Said, answer_json

__all__ = ["LONGEST", "row_of"]

LONGEST = 2000
"""Characters of a text that are shown."""

_BEFORE = 200
"""Characters before the first firing that are shown of a long text."""


def row_of(texts: Texts, row: int, look: Look, *, model: Said | None = None) -> Row:
    """One text, by its number.

    Args:
        model: What a model says of it.
    """
    example = texts.examples[row]
    firings = look.firings(row)
    start, end = _piece(example, firings)
    references = references_of(example)
    return Row(
        id=example.id,
        part=texts.parts[row],
        text=example.text[start:end],
        cut=end - start < len(example.text),
        offset=start,
        asked=_asked(example),
        entities=_spans_json(Spans(example.entities), start, end),
        gold=_answer(example.answer, start, end, multi=look.spec.file.multi_label),
        hand=row in texts.hand,
        weak=_moved(look.weak(row), start, end),
        model=_moved(model, start, end),
        firings=tuple(replace(each, spans=_shifted(each.spans, start, end)) for each in firings),
        demands=look.demands(row),
        target=references[0] if references else None,
    )


def _piece(example: Example, firings: tuple[Fired, ...]) -> tuple[int, int]:
    """The characters that are shown: all, or a piece around the first that made a rule fire, or around an entity."""
    size = len(example.text)
    if size <= LONGEST:
        return 0, size
    places = [start for each in firings for start, _ in each.spans] or [span.start for span in example.entities]
    start = max(0, min(min(places, default=0) - _BEFORE, size - LONGEST))
    return start, start + LONGEST


def _asked(example: Example) -> str:
    said = [str(example.fields[key]) for key in ("history", "act", "facts") if example.fields.get(key)]
    return ("" if example.entities else asked(example)) or "\n".join(each for each in said if each != example.text)


def _shifted(spans: tuple[tuple[int, int], ...], start: int, end: int) -> tuple[tuple[int, int], ...]:
    """Ranges as they are in a piece of the text, cut at its edges; those outside left out."""
    cut = ((max(low, start) - start, min(high, end) - start) for low, high in spans)
    return tuple((low, high) for low, high in cut if low < high)


def _spans_json(answer: Spans, start: int, end: int) -> list[object]:
    kept = [
        Span(*edges, span.label) for span in answer.spans for edges in _shifted(((span.start, span.end),), start, end)
    ]
    return list(answer_json(Spans(tuple(kept))))


def _answer(answer: Answer | None, start: int, end: int, *, multi: bool) -> object:
    return _spans_json(answer, start, end) if isinstance(answer, Spans) else answer_json(answer, multi=multi)


def _moved(said: Said | None, start: int, end: int) -> Said | None:
    """What was said of the whole text, as it is in a piece of it."""
    if said is None or not start or not isinstance(said.answer, list):
        return said
    spans = tuple(Span(s["start"], s["end"], s["label"]) for s in said.answer if isinstance(s, dict))
    return replace(said, answer=_spans_json(Spans(spans), start, end)) if spans else said
