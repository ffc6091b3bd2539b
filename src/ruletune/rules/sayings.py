"""What a rule says: what follows where its condition holds.

Where answers are labels or spans it is a vote, a veto, a prompt or a link. Where they are texts it is a *demand* on the
answer. :class:`Say`, :class:`Avoid`, :class:`Matching`, :class:`Sized`, :class:`Scored` and :class:`Invented` demand the same
of every answer; what :class:`Copy`, :class:`Slots` and :class:`Glossary` demand stands in the source, and becomes a
:class:`Say` for each thing that is found there (:mod:`ruletune.rules.unfolding`). :class:`Reply` demands nothing: it gives
an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ruletune.errors import Location
from ruletune.rules.conditions import Call, Pattern

__all__ = [
    "UNSAID", "Avoid", "Copy", "Entry", "Glossary", "Invented", "Link", "Matching", "Prompt", "Reply", "Say", "Says", "Scored",
    "Sized", "Slots", "Thing", "Unit", "Veto", "Vote",
]  # fmt: skip

Thing = Literal["numbers", "names", "urls", "emails", "code", "pattern"]
"""What can be found in a text and looked for in another; :mod:`ruletune.rules.things` says what each of them is."""

UNSAID = frozenset(
    {"", "?", "yes", "no", "none", "true", "false", "dont_care", "dontcare", "don't care", "do n't care"}
)
"""Values of slots that a reply says in other words ("allows dogs"), so that their absence tells nothing."""

Unit = Literal["words", "sentences", "characters"]
"""What a text's length is counted in."""


@dataclass(frozen=True, slots=True)
class Vote:
    """Evidence for a label. ``weight`` scales its say among the rules; 1 is an ordinary vote."""

    label: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Veto:
    """The label does not hold. No evidence outweighs it: neither other rules nor the model can give the label."""

    label: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The text is shown to the model through this template in place of the task's own.

    Attributes:
        words: (label, its words) for the template's blank, in place of the task's verbalizer.
    """

    template: str
    words: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """The words belong to one entity, if they belong to any; or they do not. For tasks whose answer is spans.

    It moves the chance that an entity goes on from word to word and says nothing of whether there is one. Words are
    those that the match touches, and where it touches a single one, those beside it as well.

    Attributes:
        together: They do; else no entity holds both the first and the last of them.
    """

    together: bool
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Say:
    """One of the alternatives must stand in the answer.

    Attributes:
        alternatives: Phrases, as :mod:`ruletune.rules.demands` looks for them: whole words, but for a side with a ``*``, where
            the word may go on. The first is the one that is meant.
        ignore_case: Compare without regard to case.
    """

    alternatives: tuple[str, ...]
    ignore_case: bool = True

    @property
    def plain(self) -> tuple[str, ...]:
        """The alternatives without their ``*``, as they can be written.

        >>> Say(("*hund*", "Köter")).plain
        ('hund', 'Köter')
        """
        return tuple(phrase.strip("*") for phrase in self.alternatives)


@dataclass(frozen=True, slots=True)
class Avoid:
    """None of the phrases may stand in the answer; they are found as those of :class:`Say` are."""

    phrases: tuple[str, ...]
    ignore_case: bool = True


@dataclass(frozen=True, slots=True)
class Matching:
    """A regular expression must be found in the answer; or, where it is not wanted, must not."""

    pattern: Pattern
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Sized:
    """How long the answer must be. A character of a script written without spaces counts as a word."""

    unit: Unit
    at_least: int = 0
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """What a function of the user's gives for source and answer must lie within bounds.

    Attributes:
        call: Takes the source's text, or the whole example where its first parameter is called ``example``, and the answer.
    """

    call: Call
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Invented:
    """Nothing of these kinds may stand in the answer that does not stand in the source.

    Attributes:
        pattern: What counts as a thing where ``things`` has ``pattern``.
        ignore: Things that may.
    """

    things: tuple[Thing, ...]
    pattern: Pattern | None = None
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """Everything of these kinds that stands in the source must stand in the answer.

    Attributes:
        pattern, ignore: As in :class:`Invented`.
        most: So many of them are enough, the first in the source; ``None`` for all.
        exact: A number counts only as it is written in the source.
    """

    things: tuple[Thing, ...]
    pattern: Pattern | None = None
    ignore: tuple[str, ...] = ()
    most: int | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Slots:
    """The value of every slot of the dialogue act must stand in the answer.

    Attributes:
        only: Names of the slots that count; empty for all.
        ignore: Names of slots that do not.
        say: Slot name to value to what counts as saying it, in place of the value itself; ``{value}`` in it is the value. ``""``
            stands for a slot without a value, ``"*"`` for all that are not named.
    """

    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    say: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a glossary: where a term stands in the source, one of the targets must stand in the answer."""

    term: str
    targets: tuple[str, ...]
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Glossary:
    """Terms and what they must become. Where terms overlap in the source, the leftmost counts, and of those the longest.

    Attributes:
        forms: Every form in which a term is looked for in the source, as the rule's condition has it, to the number of
            its entry.
        ignore_case: Of the targets.
    """

    entries: tuple[Entry, ...]
    forms: Mapping[str, int] = field(hash=False)
    ignore_case: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """Templates of an answer; fields in braces are slots of the dialogue act, or columns of the data."""

    templates: tuple[str, ...]


Says = (
    Vote | Veto | Prompt | Link | Say | Avoid | Matching | Sized | Scored | Invented | Copy | Slots | Glossary | Reply
)
"""All that a rule can say."""
