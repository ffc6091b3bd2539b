"""What a rule demands of the answer to one source: what stands in the source becomes phrases that the answer must say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import assert_never

from ruletune.rules.base import Rule
from ruletune.rules.conditions import Pattern
from ruletune.rules.demands import Demand, found, occurs
from ruletune.rules.matching import fold
from ruletune.rules.sayings import (
    UNSAID,
    Avoid,
    Copy,
    Glossary,
    Invented,
    Link,
    Matching,
    Prompt,
    Reply,
    Say,
    Scored,
    Sized,
    Slots,
    Veto,
    Vote,
)
from ruletune.rules.things import readings, things
from ruletune.types import Example, Span

__all__ = ["demands_of"]


def demands_of(rule: Rule, example: Example, spans: Sequence[Span]) -> tuple[Demand, ...]:
    """What a rule that fires demands of the answer to an example; nothing where it only votes, or replies.

    Args:
        spans: What of the example's text made it fire.

    Raises:
        MatchTimeoutError: The rule's pattern works without end on the source.

    >>> from ruletune.rules.base import Always
    >>> [demand] = demands_of(Rule("numbers", Always(), Copy(("numbers",), exact=True)), Example("1", "4 dogs"), ())
    >>> demand.what.alternatives, demand.spans
    (('4',), (Span(start=0, end=1, label=''),))
    """
    match rule.says:
        case Say() | Avoid() | Matching() | Sized() | Scored() | Invented() as what:
            return (Demand(rule.name, what, tuple(spans)),)
        case Glossary() as glossary:
            return tuple(_terms(rule.name, glossary, example.text, spans))
        case Copy() as copy:
            return tuple(_copies(rule.name, copy, example.text))
        case Slots() as slots:
            return tuple(_slots(rule.name, slots, example))
        case Vote() | Veto() | Prompt() | Link() | Reply() | None:
            return ()
        case _:
            assert_never(rule.says)


def _terms(rule: str, glossary: Glossary, text: str, spans: Sequence[Span]) -> Iterator[Demand]:
    """A demand for each entry whose term stands in the source, however often it does."""
    places: dict[int, list[Span]] = {}
    for span in spans:
        term = text[span.start : span.end]
        number = glossary.forms.get(term)
        places.setdefault(glossary.forms[fold(term)] if number is None else number, []).append(span)
    for number, found_there in places.items():
        entry = glossary.entries[number]
        yield Demand(rule, Say(entry.targets, glossary.ignore_case), tuple(found_there), entry.term)


def _copies(rule: str, copy: Copy, text: str) -> Iterator[Demand]:
    """A demand for each thing in the source; one that stands there twice is to be said once."""
    places: dict[str, list[Span]] = {}
    kinds = {}
    for kind, span in things(text, copy.things, copy.pattern):
        written = text[span.start : span.end]
        if _sayable(written) and not any(occurs(written, ignored) for ignored in copy.ignore):
            places.setdefault(written, []).append(span)
            kinds[written] = kind
    for written, found_there in list(places.items())[: copy.most]:
        free = kinds[written] == "numbers" and not copy.exact
        # A name may stand at the beginning of a sentence or in a heading, an address in other capitals; code may not.
        exact = kinds[written] == "code" or (kinds[written] == "pattern" and not _folds(copy.pattern))
        yield Demand(rule, Say(readings(written) if free else (written,), not exact), tuple(found_there), written)


def _folds(pattern: Pattern | None) -> bool:
    """Whether an expression is looked for without regard to case; then what it finds is copied without regard to it, too."""
    return pattern is not None and bool(pattern.flags & re.IGNORECASE)


def _slots(rule: str, slots: Slots, example: Example) -> Iterator[Demand]:
    say = {name: dict(values) for name, values in slots.say}
    there = example.fields.get("slots") or ()
    assert isinstance(there, tuple | list)
    for name, written in there:
        if name in slots.ignore or (slots.only and name not in slots.only):
            continue
        value = " ".join(str(written).split())
        named = say.get(name, {})
        key = "" if value == "?" else value
        plain = value.casefold() not in UNSAID and _sayable(value)
        phrases = named.get(key) or (named.get("*", _itself(value)) if plain else ())
        said = tuple(phrase.replace("{value}", value) for phrase in phrases)
        if said:
            places = tuple(found(value, example.text)) if plain else ()
            yield Demand(rule, Say(said), places, f"{name}={value}" if value else name)


def _itself(value: str) -> tuple[str, ...]:
    """A value says itself, a number however it is written."""
    return readings(value) if value.replace(",", "").replace(".", "").isdecimal() else (value.strip("*"),)


def _sayable(written: str) -> bool:
    """Whether there is more to be said than the signs that have a meaning in phrases."""
    return bool(written.strip("* "))
