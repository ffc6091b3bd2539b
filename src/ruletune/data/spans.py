"""Entities as the data has them: ranges of characters, tags of words, or ranges of words."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from ruletune.data.cells import json_of
from ruletune.data.columns import Columns, Parsed
from ruletune.data.tags import joined, spans_of_tags
from ruletune.errors import nearest
from ruletune.types import Span, Spans

__all__ = ["SpanLabels"]

_WORDS = ("tokens", "str_words", "words")
_TAGS = ("tags", "ner_tags", "labels", "slots")
_NAMES = ("tag_to_id.json", "labels.json", "label2id.json")
"""Files beside the data that say which tag a number stands for."""

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class SpanLabels:
    """The labels of a task whose answers are entities, and how to read them in data.

    A row is a text with a column of spans, each ``{start, end, label}`` or ``[start, end, label]`` in characters; or words
    with tags of whatever scheme; or words with spans ``[first word, word behind the last, label]``, as WRENCH has them.
    Words become a text with a space between them. Null spans say that nobody looked; an empty list, that there are none.

    Attributes:
        names: In the order of the task file.
        labelled: Whether to read answers, where there are any.
    """

    names: tuple[str, ...]
    labelled: bool = True

    def missing(self, known: Collection[str], columns: Columns) -> list[tuple[str, str]]:
        if columns.text in known or any(name in known for name in (columns.tokens, *_WORDS)):
            return []
        return [("text", columns.text)]

    def parse_row(self, values: Mapping[str, object], columns: Columns, *, file: str) -> Parsed:
        words = _first_list(values, (columns.tokens, *_WORDS, columns.text))
        if words is None:
            return self._with_text(values, columns)
        name, tokens = words
        empty = next((n for n, token in enumerate(tokens) if not token or token != "".join(token.split())), None)
        if empty is not None:
            raise ValueError(f"word {empty + 1} in column {name!r} is empty or has white space in it")
        text, ranges = joined(tokens)
        answer, used = self._of_words(values, columns, ranges, file) if self.labelled else (None, ())
        fields = {key: _in_characters(value, ranges) for key, value in values.items() if _are_votes(value)}
        return Parsed(text, answer=answer, used=(name, columns.text, *used), fields=fields)

    def _with_text(self, values: Mapping[str, object], columns: Columns) -> Parsed:
        text = values.get(columns.text)
        if not self.labelled or values.get(columns.spans) is None or not isinstance(text, str):
            return Parsed(text, used=(columns.text, columns.spans))
        spans = [self._span(value) for value in _listed(values[columns.spans], columns.spans)]
        return Parsed(text, answer=self._answer(spans, text), used=(columns.text, columns.spans))

    def _of_words(
        self, values: Mapping[str, object], columns: Columns, ranges: Sequence[tuple[int, int]], file: str
    ) -> tuple[Spans | None, tuple[str, ...]]:
        """The answer that stands beside words, and the columns that it was read from."""
        for name in (columns.tags, *_TAGS):
            tags = values.get(name)
            if isinstance(tags, list | tuple) and (tags or not ranges) and not any(isinstance(t, list) for t in tags):
                return self._checked(spans_of_tags(_named(tags, file), ranges)), (name,)
        for name in (columns.spans, columns.label or "label", "label"):
            value = values.get(name)
            if isinstance(value, list | tuple):
                return self._answer([self._in_characters(self._span(one), ranges) for one in value], None), (name,)
        return None, ()

    def _span(self, value: object) -> Span:
        if isinstance(value, dict):
            value = [value.get(key) for key in ("start", "end", "label")]
        if not isinstance(value, list | tuple) or len(value) != 3:
            raise ValueError(f"{str(value)[:_SHOWN]} is no span; write [start, end, label]")
        start, end, label = value
        if not _whole(start) or not _whole(end) or not 0 <= start < end:
            raise ValueError(f"{str(value)[:_SHOWN]} is no span: start and end must be whole numbers that go up")
        return Span(start, end, self._label(label))

    def _label(self, label: object) -> str:
        if label in self.names:
            return str(label)
        shown = str(label)[:_SHOWN]
        raise ValueError(f"unknown label {shown!r}; {nearest(shown, self.names)}")

    def _in_characters(self, span: Span, ranges: Sequence[tuple[int, int]]) -> Span:
        if span.end > len(ranges):
            raise ValueError(f"a span ends behind word {span.end}, and there are {len(ranges)}")
        return Span(ranges[span.start][0], ranges[span.end - 1][1], span.label)

    def _checked(self, answer: Spans) -> Spans:
        for span in answer.spans:
            self._label(span.label)
        return answer

    def _answer(self, spans: list[Span], text: str | None) -> Spans:
        ordered = sorted(set(spans), key=lambda span: (span.start, span.end, span.label))
        for before, span in pairwise(ordered):
            if span.start < before.end:
                raise ValueError(
                    f"the spans {_shown(before)} and {_shown(span)} overlap; an entity cannot lie in another"
                )
        if text is not None and ordered and ordered[-1].end > len(text):
            raise ValueError(f"the span {_shown(ordered[-1])} ends behind the text, which has {len(text)} characters")
        for span in ordered if text is not None else ():
            if not text[span.start : span.end].strip():  # type: ignore[index]
                raise ValueError(f"the span {_shown(span)} holds nothing but white space")
        return Spans(tuple(ordered))


def _shown(span: Span) -> str:
    return f"[{span.start}, {span.end}, {span.label}]"


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _listed(value: object, column: str) -> Sequence[object]:
    if isinstance(value, str):  # a table has no lists, but it may have JSON
        try:
            value = json_of(value)
        except ValueError:
            raise ValueError(f"column {column!r} holds no list of spans; write [[start, end, label], ...]") from None
    if not isinstance(value, list | tuple):
        raise ValueError(f"column {column!r} holds {type(value).__name__}, not a list of spans")
    return value


def _first_list(values: Mapping[str, object], names: Sequence[str]) -> tuple[str, list[str]] | None:
    for name in names:
        value = values.get(name)
        if isinstance(value, list | tuple) and value and all(isinstance(token, str) for token in value):
            return name, list(value)
    return None


def _are_votes(value: object) -> bool:
    """Whether a column holds for each rule a list of spans."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(rule, list) and all(map(_is_vote, rule)) for rule in value)
    )


def _is_vote(value: object) -> bool:
    """Whether a value is a span of words with a label."""
    return isinstance(value, list) and len(value) == 3 and _whole(value[0]) and _whole(value[1])


def _in_characters(votes: object, ranges: Sequence[tuple[int, int]]) -> list[list[list[object]]]:
    """Votes for ranges of words as votes for ranges of characters."""
    assert isinstance(votes, list)
    return [
        [[ranges[start][0], ranges[end - 1][1], label] for start, end, label in rule if 0 <= start < end <= len(ranges)]
        for rule in votes
    ]


def _named(tags: Sequence[object], file: str) -> list[str]:
    """Tags by name; numbers by what a file beside the data says of them."""
    if all(isinstance(tag, str) for tag in tags):
        return [str(tag) for tag in tags]
    names = _beside(str(Path(file).parent))
    found = [names.get(tag) if _whole(tag) else None for tag in tags]  # type: ignore[call-overload]
    if None in found:
        wrong = tags[found.index(None)]
        remedy = f"put {_NAMES[0]}, one object of tag to number, beside the data" if not names else "it has no name"
        raise ValueError(f"the tag {str(wrong)[:_SHOWN]!r} is a number; {remedy}")
    return [str(name) for name in found]


@lru_cache(maxsize=16)
def _beside(folder: str) -> dict[int, str]:
    for name in _NAMES:
        try:
            value = json.loads((Path(folder) / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(value, dict) and all(_whole(number) for number in value.values()):
            return {number: tag for tag, number in value.items()}
        if isinstance(value, list):
            return {number: str(tag) for number, tag in enumerate(value)}
    return {}
