"""What a rule is: how it is written (a condition) and what it says (a vote, a veto, a prompt, a demand).

A condition is data wherever it can be, because data can be compiled together, checked, shown
and moved to another machine; only :class:`Call` is opaque. A rule that has nothing to say about
a text abstains. A rule that fails is a fault, never an abstain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from ruletune.errors import Location
from ruletune.types import Example

__all__ = [
    "AllOf", "AnyOf", "Call", "Casing", "Column", "Condition", "Fault", "Length", "Link", "Metadata", "Named", "Near",
    "NearQuestion", "Not", "Ordered", "Pattern", "Prompt", "Require", "Rule", "RuleTest", "Says", "Scope", "Sentences", "Similar",
    "Terms", "Typed", "Veto", "Vote", "Within", "called", "names_label", "parts", "references",
]  # fmt: skip

Scope = Literal["before", "between", "after", "pair"]
"""A part of a text with two entities, as :mod:`ruletune.rules.scopes` has them."""


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
            that is a character of one needs none. :mod:`ruletune.rules.matching.terms` says it exactly.
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


@dataclass(frozen=True, slots=True)
class Metadata:
    """A test of another column of the data. A row where the column is empty does not pass it.

    Attributes:
        field: The column; ``text_pair`` is the second text.
        equals: Values that pass, compared as text.
        at_least, at_most: Bounds that the value, read as a number, must keep.
        matches: A regular expression that the value, as text, must match somewhere.
    """

    field: str
    equals: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    matches: Pattern | None = None


@dataclass(frozen=True, slots=True)
class Length:
    """How long the text is: in characters, in words, or in lines that are not blank.

    A character of a script written without spaces (Chinese, Japanese, Thai, ...) counts as a word.
    """

    unit: Literal["characters", "words", "lines"]
    at_least: int = 0
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class Casing:
    """How the text is capitalized.

    Attributes:
        style: ``upper``: share of the letters that are capitals, of those that have a case. ``title``: share
            of the words that begin with a capital, of those that begin with a letter that has a case.
            ``lower``: share of the letters that are small.
        at_least, at_most: Bounds of the share, in [0, 1]. A text without such letters passes neither.
    """

    style: Literal["upper", "lower", "title"]
    at_least: float = 0.0
    at_most: float = 1.0


@dataclass(frozen=True, slots=True)
class Similar:
    """The text resembles a label's description: cosine similarity of their sentence embeddings.

    Attributes:
        label: Whose description; ``None`` for the label whose description is nearest.
        at_least: The similarity from which it counts, in [-1, 1].
        descriptions: (label, description) of the task.
    """

    label: str | None
    at_least: float
    descriptions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Near:
    """Something stands near a trigger: what of the text between triggers meets ``target`` within a few tokens of one.

    Attributes:
        trigger, target: What is looked for. A target never reaches into a trigger.
        left, right: It ends among so many tokens left of a trigger, or begins among so many right of one.
    """

    trigger: Pattern | Terms
    target: Pattern | Terms
    left: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class Within:
    """A condition on the text that must hold in a part of it: before, between or behind its two entities, or in all of it
    with signs in the entities' places. The part is a text of its own; a text without two entities has none, and nothing
    holds in it.
    """

    scope: Scope
    part: Pattern | Terms | Length | Casing


@dataclass(frozen=True, slots=True)
class Typed:
    """Of what types the two entities are.

    Attributes:
        subject, object: Types, of which the entity must have one; ``""`` is an entity whose type the data does not name. None
            at all: any entity will do.
        unknown: Also where the data does not name a type.
    """

    subject: tuple[str, ...] = ()
    object: tuple[str, ...] = ()
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Ordered:
    """Which of the two entities begins first."""

    first: Literal["subject", "object"]


@dataclass(frozen=True, slots=True)
class NearQuestion:
    """Matches of an expression in whose sentence stand words of the question.

    Attributes:
        least: How many different ones, little words aside.
    """

    pattern: Pattern
    least: int


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences of the text that resemble the question most.

    Attributes:
        by: What is compared: words (:func:`ruletune.rules.reading.likeness`), or sentence embeddings.
        at_least: The likeness from which a sentence counts, in [0, 1]; at 0 it must still be more than none.
        top: How many sentences count.
    """

    by: Literal["words", "meaning"]
    at_least: float = 0.0
    top: int = 1


@dataclass(frozen=True, slots=True)
class Named:
    """Another rule fires, by its name. Where that rule fails, whether it fires is unknown."""

    rule: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition = (
    Pattern
    | Terms
    | Call
    | Column
    | Metadata
    | Length
    | Casing
    | Similar
    | Near
    | Within
    | Typed
    | Ordered
    | NearQuestion
    | Sentences
    | Named
    | AllOf
    | AnyOf
    | Not
)


def parts(condition: Condition) -> Iterator[Condition]:
    """A condition and everything that it is made of.

    >>> len(list(parts(Not(AllOf((Named("a"), Pattern("b")))))))
    4
    """
    yield condition
    match condition:
        case AllOf(parts=inner) | AnyOf(parts=inner):
            for part in inner:
                yield from parts(part)
        case Not(part=part) | NearQuestion(pattern=part):
            yield from parts(part)
        case Near(trigger=trigger, target=target):
            yield from (trigger, target)


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
class Require:
    """The answer must contain the phrase. For tasks whose answer is a text."""

    phrase: str


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


Says = Vote | Veto | Prompt | Require | Link


@dataclass(frozen=True, slots=True)
class RuleTest:
    """What a rule must do with a text, written beside it.

    Attributes:
        expect: Whether it fires, or the label that it must vote for (or veto).
        fields: Other columns of the data that it reads.
    """

    text: str
    expect: bool | str
    fields: tuple[tuple[str, object], ...] = ()
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A named condition and what follows from it.

    Attributes:
        name: Unique in its task.
        when: What must hold.
        says: What follows where it holds; ``None`` where the condition itself names the label voted for
            (:func:`names_label`), and for a helper, which says nothing itself and is there for others to refer to.
        weight: Weight of the vote where ``says`` is ``None``.
        where: The line that the rule was read from.
        kind: The key that it was written with in a task file; empty for a rule made in Python.
        unless: Exceptions: where one of them holds, the rule does not fire.
        priority: Where rules of different priority speak about a text, only those of the highest are heard.
        tests: What it must do with given texts.
    """

    name: str
    when: Condition
    says: Says | None = None
    weight: float = 1.0
    where: Location | None = None
    kind: str = ""
    unless: tuple[Condition, ...] = ()
    priority: int = 0
    tests: tuple[RuleTest, ...] = ()

    @property
    def label(self) -> str | None:
        """The label that it always speaks about; ``None`` where there is no one such label."""
        return self.says.label if isinstance(self.says, Vote | Veto) else None

    @property
    def sign(self) -> int:
        """What its firing is to a label: 1 evidence for it, -1 a veto, 0 nothing."""
        match self.says:
            case Vote():
                return 1
            case Veto():
                return -1
            case None:
                return 1 if names_label(self.when) else 0
            case _:
                return 0


def names_label(condition: Condition) -> bool:
    """Whether a condition that holds tells which label it speaks for."""
    match condition:
        case Column() | Call():
            return True
        case Similar(label=label):
            return label is None
        case _:
            return False


def references(rule: Rule) -> list[str]:
    """Names of the other rules that a rule's condition and exceptions refer to, each once."""
    found = [part for condition in (rule.when, *rule.unless) for part in parts(condition)]
    return list(dict.fromkeys(part.rule for part in found if isinstance(part, Named)))


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
