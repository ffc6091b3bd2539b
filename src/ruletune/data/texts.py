"""Texts to be written: a source with its target, and in dialogue what was said before and what the reply must say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ruletune.data.acts import read_acts, written
from ruletune.data.cells import check_characters, json_of, text_of
from ruletune.data.columns import Columns, Parsed
from ruletune.errors import nearest
from ruletune.types import Text

__all__ = ["Texts"]

_SPEAKERS = ("speaker", "role")
_SAID = ("text", "content", "utterance")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Texts:
    """How a task whose answer is a text reads its data.

    A row has a source, one text or a list of sentences, and a target: one text, or a list of texts that are as right as
    each other. Null, or no such column, says that nobody wrote one; a blank target is an error. Sentences are put
    together with a space between them and stand one by one, blank ones left out, in the field ``sentences``.

    In dialogue the source is the last turn, and a row may have

    - a history: turns, each a text or ``{speaker, text}`` (also ``role``; ``content``, ``utterance``), or one text;
    - a dialogue act, in any notation of :mod:`ruletune.data.acts`; where there is no last turn it is the source;
    - facts: sentences, an object of names and values, or one text.

    They are the fields ``history`` (a turn a line, ``speaker: text`` or ``- text``), ``act`` (in one notation) and ``facts``
    (empty where there is none); ``intent`` and ``slots``, (name, value) in turn, are what the act says.

    Attributes:
        dialogue: Whether the source is a turn of a dialogue.
        labelled: Whether to read targets, where there are any.
    """

    dialogue: bool = False
    labelled: bool = True

    def missing(self, known: Collection[str], columns: Columns) -> list[tuple[str, str]]:
        if columns.text in known or (self.dialogue and columns.act in known):
            return []
        return [("text", columns.text)]

    def parse_row(self, values: Mapping[str, object], columns: Columns, *, file: str) -> Parsed:
        source = values.get(columns.text)
        used: tuple[str, ...] = (columns.text, columns.target)
        fields: dict[str, object] = {}
        if self.dialogue:
            fields = _dialogue(values, columns)
            used += (columns.history, columns.act, columns.facts)
            if _absent(source) or source == "":
                source = fields["act"] or None
                if source is None:
                    raise ValueError(
                        f"the row has no last turn in column {columns.text!r} and no act in {columns.act!r}"
                    )
        if isinstance(source, list | tuple):
            sentences = _sentences(source, columns.text)
            source, fields = " ".join(sentences), fields | {"sentences": sentences}
        target = values.get(columns.target) if self.labelled else None
        answers = _targets(target, columns.target)
        return Parsed(
            source, answer=answers[0] if answers else None, alternatives=answers[1:], used=used, fields=fields
        )


def _absent(value: object) -> bool:
    """Null, or what stands for it in a column of numbers."""
    return value is None or value != value


def _targets(value: object, column: str) -> tuple[Text, ...]:
    """The texts that answer, each once; none where nobody wrote one."""
    if _absent(value):
        return ()
    if isinstance(value, list | tuple) and not value:
        raise ValueError(f"column {column!r} holds an empty list; where nobody wrote a target, write null")
    several = value if isinstance(value, list | tuple) else [value]
    return tuple(dict.fromkeys(Text(text_of(one, column).strip()) for one in several))


def _sentences(values: Sequence[object], column: str) -> tuple[str, ...]:
    """The sentences of a source without the blanks around them."""
    wrong = next((n for n, one in enumerate(values, start=1) if not isinstance(one, str)), None)
    if wrong is not None:
        raise ValueError(f"sentence {wrong} in column {column!r} is {type(values[wrong - 1]).__name__}, not text")
    return tuple(one.strip() for one in values if isinstance(one, str) and one.strip())


def _dialogue(values: Mapping[str, object], columns: Columns) -> dict[str, object]:
    try:
        acts = () if _absent(values.get(columns.act)) else read_acts(values[columns.act])
    except ValueError as error:
        raise ValueError(f"column {columns.act!r}: {error}") from None
    check_characters(written(acts), f"the act in column {columns.act!r}")
    return {
        "history": _history(values.get(columns.history), columns.history),
        "act": written(acts),
        "facts": _facts(values.get(columns.facts), columns.facts),
        "intent": " & ".join(act.intent for act in acts),
        "slots": tuple(slot for act in acts for slot in act.slots),
    }


def _history(value: object, column: str) -> str:
    """What was said before: one text as it is, turns a line each."""
    turns = _listed(value)
    if turns is None:
        return "" if _blank(value) else text_of(value, column).strip()
    return "\n".join(_turn(turn, n, column) for n, turn in enumerate(turns, start=1))


def _turn(turn: object, number: int, column: str) -> str:
    where = f"turn {number} in column {column!r}"
    if isinstance(turn, str):
        speaker, said = "", turn
    elif isinstance(turn, dict):
        name, text = (next((turn[key] for key in keys if turn.get(key)), None) for keys in (_SPEAKERS, _SAID))
        unread = [str(key) for key in turn if key not in (*_SPEAKERS, *_SAID)]
        if text is None and unread:
            raise ValueError(f"{where} has no text; {nearest(unread[0][:_SHOWN], _SAID)}")
        speaker, said = str(name or ""), text if isinstance(text, str) else ""
    else:
        raise ValueError(f"{where} is {type(turn).__name__}; write a text, or {{speaker: ..., text: ...}}")
    said = " ".join(said.split())
    if not said:
        raise ValueError(f"{where} is blank")
    turn = f"{speaker.strip()}: {said}" if speaker.strip() else f"- {said}"
    check_characters(turn, where)
    return turn


def _facts(value: object, column: str) -> str:
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        value = _json(value)
    if isinstance(value, dict):
        facts = [f"{name}: {', '.join(map(str, v)) if isinstance(v, list) else v}" for name, v in value.items()]
    else:
        listed = _listed(value)
        if listed is None:
            return "" if _blank(value) else text_of(value, column).strip()
        facts = list(_sentences(listed, column))
    return "\n".join(text_of(fact, column) for fact in facts)


def _listed(value: object) -> list[object] | None:
    """The list that a cell holds, in a table as JSON; ``None`` where it holds none."""
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        value = _json(value)
    return list(value) if isinstance(value, list | tuple) else None


def _json(value: str) -> object:
    """What a cell of a table says as JSON; the text itself where it only looks like it."""
    try:
        return json_of(value)
    except ValueError:
        return value


def _blank(value: object) -> bool:
    return _absent(value) or (isinstance(value, str) and not value.strip())
