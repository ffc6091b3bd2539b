"""Dialogue acts: what a reply must say, as an intent with slots, in the notations that data sets have.

``inform(name='Eiji';food=sushi)`` and ``inform ( name = Eiji ; food = sushi )`` are the same act. A slot without a value,
or whose value is ``?``, is asked for: ``request(area)``. Several acts stand beside each other, with ``|``, ``&``, ``+``
or nothing between them. A ``?`` before the intent, with which some sets mark acts that ask, says nothing more than the
intent does and is left out.

Sources of the notations: Wen et al. 2015, *Semantically conditioned LSTM-based natural language generation for spoken
dialogue systems* (``inform(name='x';food=y)``); Peng et al. 2020, *Few-shot natural language generation for
task-oriented dialog* (``inform ( name = x ; food = y )``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ruletune.data.cells import json_of
from ruletune.errors import nearest

__all__ = ["Act", "Slot", "read_acts", "written"]

Slot = tuple[str, str]
"""Name and value; the value is empty where the slot is asked for."""

_BETWEEN = re.compile(r"[\s|&+;,]*")
_INTENT = re.compile(r"\??\s*([^\s()|&+;,?][^()|&+;,]*?)\s*(?=[(|&+;,]|$)")
_QUOTED = re.compile(r"\s*(['\"])(.*?)\1\s*(?=[;,)]|$)", re.DOTALL)
"""A value in quotes; one inside it, as in ``'Joe's Bar'``, does not end it."""

_NEXT_SLOT = re.compile(r",(?=\s*\w+\s*=)")

_ASKED = "?"
_KEYS = ("intent", "slots")
_SHOWN = 60
_LONGEST = 10_000
"""Characters of an act; beyond it the column holds something else."""


@dataclass(frozen=True, slots=True)
class Act:
    """What is done, and about which slots, in the order of the data; a name may occur twice, with two values."""

    intent: str
    slots: tuple[Slot, ...] = ()


def read_acts(value: object) -> tuple[Act, ...]:
    """The acts that a cell holds: text, an object of ``intent`` and ``slots``, or a list of either. None for a blank.

    Slots of an object are an object of names and values (several: a list; asked for: null), or a list of pairs.

    Raises:
        ValueError: It is no act; the message is for people.

    >>> read_acts("inform(name='Joe's Bar';food=thai)")
    (Act(intent='inform', slots=(('name', "Joe's Bar"), ('food', 'thai'))),)
    >>> read_acts("request ( area = ? ) & goodbye (  = ? )")
    (Act(intent='request', slots=(('area', ''),)), Act(intent='goodbye', slots=()))
    >>> read_acts({"intent": "inform", "slots": {"food": ["thai", "lao"], "area": None}})
    (Act(intent='inform', slots=(('food', 'thai'), ('food', 'lao'), ('area', ''))),)
    >>> read_acts("inform(name=Eiji")
    Traceback (most recent call last):
    ValueError: the dialogue act 'inform(name=Eiji' has no ) to its (
    """
    if isinstance(value, str):
        if len(value) > _LONGEST:
            raise ValueError(f"{_shown(value)} has {len(value)} characters; that is no dialogue act")
        if value.lstrip()[:1] not in ("{", "["):
            return tuple(_written_acts(value))
        try:
            value = json_of(value)
        except ValueError:
            raise ValueError(f"{_shown(value)} begins like JSON, and is none") from None
    if value is None:
        return ()
    if isinstance(value, dict):
        return (_of_object(value),)
    if isinstance(value, list | tuple):
        return tuple(act for one in value for act in read_acts(one))
    raise ValueError(f"{_shown(value)} is no dialogue act; {_EXAMPLE}")


_EXAMPLE = "write inform(name=Eiji; food=sushi), or {intent: inform, slots: {name: Eiji}}"


def written(acts: Sequence[Act]) -> str:
    """The acts in one notation, whatever theirs was, as :func:`read_acts` reads it.

    >>> written(read_acts("?request ( area = ? )|inform(name='Eiji';count='2')"))
    'request(area) & inform(name = Eiji; count = 2)'
    """
    return " & ".join(f"{act.intent}({'; '.join(_written_slot(*slot) for slot in act.slots)})" for act in acts)


def _written_slot(name: str, value: str) -> str:
    if not value:
        return name
    plain = not re.search(r"[;,()=]|\A['\"]|\A\?\Z", value)
    quote = '"' if "'" in value else "'"
    return f"{name} = {value if plain else quote + value + quote}"


def _written_acts(text: str) -> Iterator[Act]:
    position = _end(_BETWEEN, text, 0)
    while position < len(text):
        found = _INTENT.match(text, position)
        if found is None:
            raise ValueError(f"there is no intent before {_shown(text[position:])}; {_EXAMPLE}")
        intent, position = found[1], found.end()
        slots: tuple[Slot, ...] = ()
        if text[position : position + 1] == "(":
            end, items = _items(text, position + 1)
            slots, position = tuple(_slots(items)), end
        elif len(intent.split()) > 1:
            raise ValueError(f"{_shown(intent)} is no dialogue act; {_EXAMPLE}")
        yield Act(intent, slots)
        position = _end(_BETWEEN, text, position)


def _items(text: str, position: int) -> tuple[int, list[str]]:
    """The place behind the closing parenthesis, and what stands between semicolons before it."""
    items, start, depth, begin = [], position, 0, position
    while position < len(text):
        character = text[position]
        if character == "=" and (quoted := _QUOTED.match(text, position + 1)):
            position = quoted.end()
            continue
        if character == ")" and depth == 0:
            items.append(text[start:position])
            return position + 1, items
        if character == ";":
            items.append(text[start:position])
            start = position + 1
        depth += (character == "(") - (character == ")")
        position += 1
    raise ValueError(f"the dialogue act {_shown(text[text.rfind(' ', 0, begin) + 1 :])} has no ) to its (")


def _slots(items: Sequence[str]) -> Iterator[Slot]:
    for item in items:
        for part in _at_commas(item):
            name, _, value = part.partition("=")
            name = name.strip()
            quoted = _QUOTED.fullmatch(value)
            value = quoted[2].strip() if quoted else value.strip()
            value = "" if value == _ASKED and not quoted else value
            if name:
                yield name, value
            elif value:
                raise ValueError(f"the slot {_shown(part.strip())} has no name; write name = value")


def _at_commas(item: str) -> list[str]:
    """Slots that commas divide: where each has a value of its own, or none has. Other commas are in values."""
    if "=" not in item:
        return item.split(",")
    parts, start, position = [], 0, 0
    while position < len(item):
        if item[position] == "=" and (quoted := _QUOTED.match(item, position + 1)):
            position = quoted.end()
            continue
        if _NEXT_SLOT.match(item, position):
            parts.append(item[start:position])
            start = position + 1
        position += 1
    return [*parts, item[start:]]


def _of_object(value: Mapping[object, object]) -> Act:
    unknown = next((key for key in value if key not in _KEYS), None)
    if unknown is not None:
        raise ValueError(f"unknown key {_shown(unknown)} in a dialogue act; {nearest(str(unknown)[:_SHOWN], _KEYS)}")
    intent, given = value.get("intent"), value.get("slots")
    if not isinstance(intent, str) or not intent.strip():
        raise ValueError(f"a dialogue act has no intent; {_EXAMPLE}")
    pairs: Sequence[object]
    if isinstance(given, dict):
        pairs = [[name, several] for name, several in given.items()]
    elif given is None or isinstance(given, list | tuple):
        pairs = given or []
    else:
        raise ValueError(f"{_shown(given)} are no slots; write {{name: value}}")
    return Act(intent.strip().lstrip("?").strip(), tuple(slot for pair in pairs for slot in _of_pair(pair)))


def _of_pair(pair: object) -> Iterator[Slot]:
    if isinstance(pair, dict):
        pair = [pair.get("name", pair.get("slot")), pair.get("value")]
    if isinstance(pair, str):
        pair = [pair, None]
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str) or not pair[0].strip():
        raise ValueError(f"{_shown(pair)} is no slot; write {{name: value}}")
    name, value = pair
    for one in value if isinstance(value, list | tuple) else [value]:
        yield name.strip(), _value(one)


def _value(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        text = " ".join(str(value).split())
        return "" if text == _ASKED else text
    raise ValueError(f"{_shown(value)} is no value of a slot; write a text")


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
