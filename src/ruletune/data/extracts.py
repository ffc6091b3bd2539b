"""Questions, the texts that answer them, and where the answers stand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ruletune.data.columns import Columns, Parsed
from ruletune.types import Span, Spans

__all__ = ["Extracts"]

_CONTEXT = "context"
_SLIP = 2
"""Characters by which a start may be wrong: counted in bytes, or before white space was taken off."""

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Extracts:
    """How a task that asks for a passage of a text reads its data.

    A row has the text (in the text's column, or in ``context``), a question, and answers: a list of ``{text, start}``
    (or ``answer_start``), Hugging Face's ``{text: [...], answer_start: [...]}``, or in ``answer`` one text that stands in
    the context. Null says that nobody answered; an empty list, or ``is_impossible``, that the text does not.

    Attributes:
        labelled: Whether to read answers, where there are any.
    """

    labelled: bool = True

    def missing(self, known: Collection[str], columns: Columns) -> list[tuple[str, str]]:
        missing = [] if columns.question in known else [("question", columns.question)]
        return missing if columns.text in known or _CONTEXT in known else [("text", columns.text), *missing]

    def parse_row(self, values: Mapping[str, object], columns: Columns, *, file: str) -> Parsed:
        name = columns.text if columns.text in values else _CONTEXT
        context, question = values.get(name), values.get(columns.question)
        used = (name, columns.question, columns.answers, "answer", "is_impossible")
        if question is None:
            raise ValueError(f"no text in column {columns.question!r}")
        spans = self._spans(values, columns, context) if self.labelled and isinstance(context, str) else None
        if spans is None:
            return Parsed(context, question, used=used)
        answers = tuple(dict.fromkeys(Spans((span,)) for span in spans)) or (Spans(()),)
        return Parsed(context, question, answer=answers[0], alternatives=answers[1:], used=used)

    def _spans(self, values: Mapping[str, object], columns: Columns, context: str) -> list[Span] | None:
        """Where the answers stand; ``None`` where nobody answered."""
        if values.get("is_impossible") is True:
            return []
        given = values.get(columns.answers)
        if given is None:
            given = values.get("answer")
        if given is None or given == "":
            return None
        if isinstance(given, dict) and isinstance(given.get("text"), list):
            given = _columns(given["text"], given.get("answer_start") or given.get("start"))
        if isinstance(given, str | dict):
            given = [given]
        if not isinstance(given, list | tuple):
            raise ValueError(f"column {columns.answers!r} holds {type(given).__name__}, not a list of answers")
        return [_found(one, context) for one in given]


def _columns(texts: list[object], starts: object) -> list[dict[str, object]]:
    """Answers whose texts and starts are two lists, as Hugging Face has them."""
    if not starts:
        return [{"text": text} for text in texts]
    if not isinstance(starts, list | tuple) or len(starts) != len(texts):
        raise ValueError(f"{len(texts)} answers, and another number of places where they start")
    return [{"text": text, "start": start} for text, start in zip(texts, starts, strict=True)]


def _found(value: object, context: str) -> Span:
    """Where one answer stands in the context."""
    if isinstance(value, str):
        value = {"text": value}
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise ValueError(f"{str(value)[:_SHOWN]!r} is no answer; write {{text: ..., start: ...}}")
    text = value["text"].strip()
    start = value.get("start", value.get("answer_start"))
    shown = f"{text[:_SHOWN]!r}"
    if not text:
        raise ValueError("an answer is blank; where the text does not answer, write an empty list")
    if start is None:
        return _anywhere(text, context)
    if not isinstance(start, int) or isinstance(start, bool) or start < 0:
        raise ValueError(f"the answer {shown} starts at {start!r}, which is no place in the text")
    for slip in sorted(range(-_SLIP, _SLIP + 1), key=abs):
        if start + slip >= 0 and context.startswith(text, start + slip):
            return Span(start + slip, start + slip + len(text))
    raise ValueError(f"the answer {shown} does not stand at character {start} of the text")


def _anywhere(text: str, context: str) -> Span:
    """The first place of an answer that is given by its words only: as written, else whatever its capitals."""
    place = context.find(text)
    if place < 0:
        folded, sought = context.lower(), text.lower()
        place = folded.find(sought) if len(folded) == len(context) and len(sought) == len(text) else -1
    if place < 0:
        raise ValueError(f"the answer {text[:_SHOWN]!r} does not stand in the text")
    return Span(place, place + len(text))
