"""Two entities of a text and how they are related, as the data has them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ruletune.data.cells import check_characters, json_of
from ruletune.data.columns import Columns, Parsed
from ruletune.data.labels import Labels
from ruletune.data.tags import joined
from ruletune.errors import Location, UserError
from ruletune.types import Example, Span

__all__ = ["Pairs", "marked_example", "pair_columns", "read_marked", "written_marked"]

_WORDS = ("tokens", "token", "words", "str_words")
_SUBJECT = ("subject", "h", "head", "subj", "e1")
_OBJECT = ("object", "t", "tail", "obj", "e2")
_LABEL = ("relation",)
"""Names that columns go by, beside those that the task gives them."""

_TAG = re.compile(r"<(/?)e([12])(?::([^<>\s]+))?>")
_NO_TYPE = "O"

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Pairs:
    """How a task that asks for the relation of two entities reads its data.

    A row is a text with a subject and an object, in characters; or words with both, in words: ``{start, end, type}``, ``{pos:
    [start, end], type}``, ``[start, end]`` or ``[start, end, type]``, half-open. Or words with ``subj_start``, ``subj_end`` and
    ``subj_type``, and the same of ``obj``, whose ends are the last words themselves, as TACRED has them. Or a text in which
    both are marked: ``<e1>Ann</e1> works for <e2>Acme</e2>``, with types ``<e1:PERSON>Ann</e1>``. Words become a text with a
    space between them. A line of plain text that is a JSON object is that row.

    Attributes:
        labels: The relations.
        labelled: Whether to read answers, where there are any.
    """

    labels: Labels
    labelled: bool = True

    def missing(self, known: Collection[str], columns: Columns) -> list[tuple[str, str]]:
        if columns.text in known or any(name in known for name in (columns.tokens, *_WORDS)):
            return []
        return [("text", columns.text)]

    def parse_row(self, values: Mapping[str, object], columns: Columns, *, file: str) -> Parsed:
        values = _unpacked(values, columns)
        words = _words(values, columns)
        used = [columns.text]
        if words is not None:
            name, tokens = words
            text, ranges = _joined(tokens, name)
            used.append(name)
        else:
            found = values.get(columns.text)
            if not isinstance(found, str):
                return Parsed(found)  # the reader says what is wrong with it
            text, ranges = found, None
        entities, columns_of_both = _both(values, columns, text, ranges)
        if not entities:
            text, entities = _marked(text, columns)
        answer, label = None, _first(values, (columns.label or "", *_LABEL))
        if self.labelled and label is not None:
            answer = self.labels.parse(values[label])
        return Parsed(
            text, answer=answer, entities=entities, used=(*used, *columns_of_both, *((label,) if label else ()))
        )


def _unpacked(values: Mapping[str, object], columns: Columns) -> Mapping[str, object]:
    """The row that a line of plain text holds, where it is a JSON object: such files are often called .txt."""
    text = values.get(columns.text)
    if len(values) != 1 or not isinstance(text, str) or not text.lstrip().startswith("{"):
        return values
    try:
        found = json_of(text)
    except ValueError:
        return values
    return found if isinstance(found, dict) else values


def pair_columns(values: Mapping[str, object]) -> tuple[str, str | None] | None:
    """The columns of a row's text, or words, and of its relation; ``None`` where the row holds no two entities."""
    columns = Columns()
    try:
        Pairs(Labels(()), labelled=False).parse_row(values, columns, file="")
    except ValueError:
        return None
    words = _words(values, columns)
    if words is None and not isinstance(values.get(columns.text), str):
        return None
    return (columns.text if words is None else words[0]), _first(values, (*_LABEL, columns.label or ""))


def _words(values: Mapping[str, object], columns: Columns) -> tuple[str, list[str]] | None:
    for name in (columns.tokens, *_WORDS, columns.text):
        value = values.get(name)
        if isinstance(value, list | tuple) and value and all(isinstance(token, str) for token in value):
            return name, list(value)
    return None


def _joined(tokens: list[str], name: str) -> tuple[str, Sequence[tuple[int, int]]]:
    """Words as a text. White space in a word would be two words, and an empty one none."""
    empty = next((n for n, token in enumerate(tokens, start=1) if not token.strip()), None)
    if empty is not None:
        raise ValueError(f"word {empty} in column {name!r} is empty")
    return joined(["".join(token.split()) for token in tokens])


def _both(
    values: Mapping[str, object], columns: Columns, text: str, ranges: Sequence[tuple[int, int]] | None
) -> tuple[tuple[Span, ...], tuple[str, ...]]:
    """Subject and object as columns of the row have them, and those columns; nothing where there are none."""
    names = _first(values, (columns.subject, *_SUBJECT)), _first(values, (columns.object, *_OBJECT))
    if None not in names:
        entities = [_entity(values[str(name)], str(name)) for name in names]
        used: tuple[str, ...] = (str(names[0]), str(names[1]))
    elif all(values.get(f"{entity}_{edge}") is not None for entity in ("subj", "obj") for edge in ("start", "end")):
        entities = [_flat(values, entity) for entity in ("subj", "obj")]
        used = tuple(f"{entity}_{part}" for entity in ("subj", "obj") for part in ("start", "end", "type"))
    elif names != (None, None):
        there, lacking = ("subject", "object") if names[1] is None else ("object", "subject")
        raise ValueError(f"the row has a {there} and no {lacking}; name its column: data.columns.{lacking}")
    else:
        return (), ()
    spans = tuple(_in_text(span, text, ranges) for span in entities)
    _check(spans, text)
    return spans, used


def _first(values: Mapping[str, object], names: Sequence[str]) -> str | None:
    return next((name for name in names if values.get(name) is not None), None)


def _entity(value: object, column: str) -> Span:
    if isinstance(value, str):  # a table has no lists, but it may have JSON
        try:
            value = json_of(value)
        except ValueError:
            raise ValueError(f"column {column!r} holds no place of an entity; write [start, end, type]") from None
    kind: object = None
    if isinstance(value, dict):
        kind = value.get("type", value.get("label"))
        place = value.get("pos")
        value = [value.get("start"), value.get("end")] if place is None else place
    if isinstance(value, list | tuple) and len(value) == 3:
        *value, kind = value
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(map(_whole, value)):
        raise ValueError(
            f"column {column!r} holds no place of an entity; write [start, end, type], or without the type"
        )
    return _span(value[0], value[1], kind, column)


def _flat(values: Mapping[str, object], entity: str) -> Span:
    start, last = values[f"{entity}_start"], values[f"{entity}_end"]
    if not _whole(start) or not _whole(last):
        raise ValueError(f"{entity}_start and {entity}_end must be whole numbers")
    return _span(start, last + 1, values.get(f"{entity}_type"), entity)  # type: ignore[operator]


def _span(start: object, end: object, kind: object, column: str) -> Span:
    assert isinstance(start, int)
    assert isinstance(end, int)
    if not 0 <= start < end:
        raise ValueError(f"the entity in column {column!r} begins at {start} and ends at {end}")
    if kind is not None and not isinstance(kind, str):
        raise ValueError(f"the type of the entity in column {column!r} is {type(kind).__name__}, not text")
    check_characters(kind or "", f"the type of the entity in column {column!r}")
    return Span(start, end, "" if kind in (None, _NO_TYPE) else str(kind).strip())


def _in_text(span: Span, text: str, ranges: Sequence[tuple[int, int]] | None) -> Span:
    """An entity in characters."""
    if ranges is None:
        if span.end > len(text):
            raise ValueError(f"an entity ends behind the text: at {span.end}, and there are {len(text)} characters")
        return span
    if span.end > len(ranges):
        raise ValueError(f"an entity ends behind word {span.end}, and there are {len(ranges)}")
    return Span(ranges[span.start][0], ranges[span.end - 1][1], span.label)


def _check(entities: Sequence[Span], text: str) -> None:
    for span in entities:
        if not text[span.start : span.end].strip():
            raise ValueError(f"the entity [{span.start}, {span.end}] holds nothing but white space")
    first, second = entities
    if (first.start, first.end) == (second.start, second.end):
        raise ValueError("subject and object are the same words")


def _marked(text: str, columns: Columns) -> tuple[str, tuple[Span, ...]]:
    found = read_marked(text)
    if found is None:
        raise ValueError(
            "the row has no two entities; give the columns "
            f"{columns.subject!r} and {columns.object!r}, or mark them in the text: <e1>Ann</e1> works for <e2>Acme</e2>"
        )
    return found


def read_marked(text: str) -> tuple[str, tuple[Span, ...]] | None:
    """The text without the marks of its two entities, and where these are; ``None`` where nothing is marked.

    Raises:
        ValueError: Only one entity is marked, marks are missing or stand twice, or a type has what is no character.

    >>> read_marked("<e1:PERSON>Ann</e1> works for <e2>Acme</e2>.")
    ('Ann works for Acme.', (Span(start=0, end=3, label='PERSON'), Span(start=14, end=18, label='')))
    """
    plain, last = "", 0
    places: dict[tuple[str, str], int] = {}
    types = {"1": "", "2": ""}
    for found in _TAG.finditer(text):
        closing, number, kind = found.groups()
        plain, last = plain + text[last : found.start()], found.end()
        if (closing, number) in places:
            raise ValueError(f"the mark {found[0]} stands twice")
        check_characters(kind or "", f"the type in the mark of e{number}")
        places[closing, number] = len(plain)
        types[number] = types[number] if closing or kind in (None, _NO_TYPE) else kind
    if not places:
        return None
    plain += text[last:]
    missing = [f"<{closing}e{number}>" for number in "12" for closing in ("", "/") if (closing, number) not in places]
    if missing:
        raise ValueError(f"the mark {missing[0]} is missing; both entities are marked: <e1>...</e1> and <e2>...</e2>")
    backward = next((number for number in "12" if places["/", number] <= places["", number]), None)
    if backward is not None:
        raise ValueError(f"the marks <e{backward}> and </e{backward}> hold nothing between them")
    entities = tuple(Span(places["", number], places["/", number], types[number]) for number in "12")
    _check(entities, plain)
    return plain, entities


def marked_example(
    identity: str, text: str, *, fields: Mapping[str, object] | None = None, where: Location | None = None
) -> Example:
    """An example from a text in which both entities are marked.

    Raises:
        UserError: They are not.
    """
    try:
        found = read_marked(text)
    except ValueError as error:
        raise UserError(str(error), where=where) from None
    if found is None:
        remedy = "mark them: <e1>Ann</e1> works for <e2>Acme</e2>, with types <e1:PERSON>Ann</e1>"
        raise UserError(f"the text has no two entities: {text[:_SHOWN]!r}", where=where, remedy=remedy)
    plain, entities = found
    return Example(identity, plain, fields=dict(fields or {}), entities=entities)


def written_marked(text: str, entities: Sequence[Span]) -> str:
    """The text with its two entities marked, as :func:`read_marked` reads it.

    >>> written_marked("Ann works for Acme.", (Span(0, 3, "PERSON"), Span(14, 18)))
    '<e1:PERSON>Ann</e1> works for <e2>Acme</e2>.'
    """
    marks = []
    for number, span in enumerate(entities, start=1):
        kind = f":{span.label}" if span.label and not re.search(r"[<>\s]", span.label) else ""
        # Where marks meet, what ends comes before what begins, and of two entities in each other the longer one is outside.
        marks.append((span.end, 0, -span.start, f"</e{number}>"))
        marks.append((span.start, 1, -span.end, f"<e{number}{kind}>"))
    for place, _, _, mark in sorted(marks, reverse=True):
        text = text[:place] + mark + text[place:]
    return text


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
