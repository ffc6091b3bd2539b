"""What a rule is: how it is written (a condition) and what it says (a vote).

A condition is data wherever it can be, because data can be compiled together, checked, shown
and moved to another machine; only :class:`Call` is opaque. A rule that has nothing to say about
a text abstains. A rule that fails is a fault, never an abstain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ruletune.errors import Location
from ruletune.types import Example

__all__ = ["Call", "Column", "Condition", "Fault", "Pattern", "Rule", "Terms", "Vote", "called"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression with the meaning of Python's ``re.search`` on the text.

    Attributes:
        regex: Source in the syntax of :mod:`re`.
        flags: Flags of :mod:`re`, or-ed together.
    """

    regex: str
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """Any of several literal terms: a keyword list or a gazetteer.

    Attributes:
        terms: Not empty, none of them blank.
        ignore_case: Compare without regard to case.
        whole_words: A term counts only where it is not part of a longer word. Scripts written
            without spaces (Chinese, Japanese, Thai, ...) have no such boundary: a term's edge
            that is a character of one needs none. :mod:`ruletune.rules.matcher` says it exactly.
    """

    terms: tuple[str, ...]
    ignore_case: bool = True
    whole_words: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """A Python function of the user's.

    Attributes:
        path: As written in the task file, ``module:function`` or ``file.py:function``.
        function: Takes the text, or the whole :class:`Example` where its parameter is called
            ``example``. Returns a truth value where the rule says the label, else a label's
            name or ``None``.
    """

    path: str
    function: Callable[..., object]
    takes_example: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A vote that the data already carries: entry ``position`` of the list in column ``field``.

    The entry is a label's name or its position in ``labels``; -1 and null abstain.

    Attributes:
        size: Number of entries that every list must have; ``None`` where longer lists are welcome.
    """

    field: str
    position: int
    labels: tuple[str, ...]
    size: int | None = None


Condition = Pattern | Terms | Call | Column


@dataclass(frozen=True, slots=True)
class Vote:
    """Evidence for a label. ``weight`` scales its say among the rules; 1 is an ordinary vote."""

    label: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A named condition and what follows from it.

    Attributes:
        name: Unique in its task.
        when: What must hold.
        says: The vote cast where it holds; ``None`` where the condition itself names the label
            (:class:`Column`, or a :class:`Call` that returns one).
        weight: Weight of the vote where ``says`` is ``None``.
        where: The line that the rule was read from.
        kind: The key that it was written with in a task file; empty for a rule made in Python.
    """

    name: str
    when: Condition
    says: Vote | None = None
    weight: float = 1.0
    where: Location | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that failed on some texts: how often, where first, and the first traceback."""

    rule: str
    count: int
    example_id: str
    traceback: str


def called(condition: Call, example: Example) -> object:
    """The raw result of a function rule on one example; whatever it raises goes through."""
    return condition.function(example if condition.takes_example else example.text)
