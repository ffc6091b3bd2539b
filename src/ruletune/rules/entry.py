"""What every entry of a task file's ``rules:`` list has in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ruletune.errors import Location, UserError, close_match, nearest
from ruletune.rules.base import Avoid, Condition, Link, Prompt, Reply, Rule, RuleTest, Say, Says, Veto, Vote
from ruletune.rules.filling import fields_in
from ruletune.rules.inflect import inflected

__all__ = [
    "SAYINGS", "ConditionEntry", "Listed", "RuleContext", "RuleEntry", "VotingEntry", "Written", "listed_words", "phrases_of", "read_text",
]  # fmt: skip

SAYINGS = ("vote", "veto", "prompt", "require", "reply", "link")
"""Keys that say what follows from a rule's condition. A rule has one of them at most."""

_OUT = "leave it out"

_SHOWN = 1000
"""Characters of a path that a message repeats."""


@dataclass(frozen=True, slots=True)
class RuleContext:
    """Where an entry stands.

    Attributes:
        folder: The task file's folder; paths in the entry are relative to it.
        labels: The task's labels.
        where: The entry's line in the task file.
        position: Its place in the list, from 1; part of the default name.
        descriptions: The labels' descriptions, where they have one.
        tests: The lines of the rule's tests.
        texts: Whether the task's answers are texts.
        allow: Which code may run (:mod:`ruletune.rules.code`); ``None``: all of it, since the task file is the user's own.
    """

    folder: Path
    labels: tuple[str, ...]
    where: Location
    position: int
    descriptions: Mapping[str, str] = field(default_factory=dict)
    tests: tuple[Location, ...] = ()
    texts: bool = False
    allow: Callable[[str, str, Path], bool] | None = None

    def allows(self, path: str) -> bool:
        """Whether the function that a rule names, ``module:function``, may run."""
        module, _, function = path.rpartition(":")
        return self.allow is None or self.allow(module, function, self.folder)

    def name(self, given: str | None, kind: str) -> str:
        """The rule's own name, or one from its kind and place."""
        return given or f"{kind}_{self.position}"

    def label(self, name: str, *, where: Location | None = None) -> str:
        """A label of the task.

        Raises:
            UserError: There is no such label.
        """
        if name not in self.labels:
            raise UserError(f"unknown label {name!r}", where=where or self.where, remedy=nearest(name, self.labels))
        return name


def _listed(value: object) -> object:
    """One condition as a list of one."""
    return [value] if isinstance(value, str | dict) else value


Written = str | dict[str, Any]
"""A condition inside another rule: the name of a rule, or a mapping with one kind, such as ``{regex: ...}``."""

_Exceptions = Annotated[tuple[Written, ...], BeforeValidator(_listed)]


def _named(value: object) -> object:
    """YAML may read a word as a truth value or a number."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _texts(value: object) -> object:
    """One text as a list of one; numbers as they are written."""
    if value is None:
        return None
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(str(v) if isinstance(v, int | float) and not isinstance(v, bool) else v for v in values)


Listed = Annotated[tuple[str, ...], BeforeValidator(_texts)]
"""A text, or a list of texts."""


def phrases_of(written: tuple[str, ...], *, what: str, where: Location, inflections: bool = False) -> tuple[str, ...]:
    """Phrases as an answer is searched for them, each once, with their inflections where they are wanted.

    Raises:
        UserError: One of them is empty.

    >>> phrases_of(("dog", "dog "), what="require", where=Location("task.yaml", 3), inflections=True)
    ('dog', 'dogs', 'dogged', 'dogging')
    """
    phrases = tuple(dict.fromkeys(" ".join(phrase.split()) for phrase in written))
    if not phrases or any(not phrase.strip("* ") for phrase in phrases):
        raise UserError(f"{what!r} has an empty phrase", where=where, remedy="write the words that it is about")
    return inflected(phrases) if inflections else phrases


def listed_words(value: object) -> object:
    """Words by label, with one word as a list of one."""
    if not isinstance(value, dict):
        return value
    return {
        _named(label): [_named(word) for word in (words if isinstance(words, list | tuple) else [words])]
        for label, words in value.items()
    }


def _expected(value: object) -> object:
    """``null`` expects silence; a number is a label's name."""
    if value is None:
        return False
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class TestEntry(BaseModel):
    """A text, and what a rule must do with it."""

    __test__: ClassVar[bool] = False  # pytest would collect it for its name

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    text: str = Field(description="The text.")
    expect: Annotated[bool | str, BeforeValidator(_expected)] = Field(
        default=True,
        description="The label that the rule must speak about; or true: it fires; false or null: it does not.",
    )
    fields: dict[str, Any] = Field(default_factory=dict, description="Other columns of the data that the rule reads.")
    answer: str | None = Field(
        default=None,
        description="An answer to the text, where answers are texts: expect then says whether it keeps what the rule demands.",
    )


class RuleEntry(BaseModel):
    """One entry of ``rules:``. Its kind is the key that names what it matches."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    kind: ClassVar[str] = ""

    files: ClassVar[tuple[str, ...]] = ()
    """Keys that name files of data, relative to the task file; a run keeps copies of them."""

    code: ClassVar[tuple[str, ...]] = ()
    """Keys that name Python files, relative to the task file; a run names them where they are."""

    name: str | None = Field(
        default=None,
        min_length=1,
        description="Name in tables and reports; default: the kind and the place in the list.",
    )
    weight: float = Field(
        default=1.0,
        gt=0,
        le=100,
        description="How much the vote counts among the rules; 1 is an ordinary vote.",
    )
    priority: Annotated[int, Field(strict=True)] = Field(
        default=0,
        ge=-1000,
        le=1000,
        description="Where rules of different priority speak about a text, only those of the highest are heard.",
    )
    unless: _Exceptions = Field(
        default=(),
        description="Exceptions: the name of another rule, a condition such as {regex: ...}, or a list of these. "
        "Where one of them holds, the rule does not fire.",
    )
    muted: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="Checked, but not heard: it says nothing, and only rules that refer to it still do so.",
    )

    def rules(self, context: RuleContext) -> list[Rule]:
        """The rules that this entry stands for.

        Raises:
            UserError: The entry, or a file that it names, is wrong.
        """
        raise NotImplementedError

    def lasting_name(self) -> str | None:
        """The default name where it comes from a file's name, which changes when the file is copied."""
        return None

    def exceptions(self, context: RuleContext) -> tuple[Condition, ...]:
        from ruletune.rules.composed import written  # a condition may be of any kind, composed ones too

        return tuple(written(condition, context) for condition in self.unless)


class ConditionEntry(RuleEntry):
    """An entry that stands for one rule."""

    tests: tuple[TestEntry, ...] = Field(default=(), description="Texts, and what the rule must do with them.")

    def condition(self, context: RuleContext) -> Condition:
        """What must hold.

        Raises:
            UserError: The entry, or a file that it names, is wrong.
        """
        raise NotImplementedError

    def says(self, context: RuleContext) -> Says | None:
        """What follows; ``None`` where the condition names the label, or nothing follows."""
        raise NotImplementedError

    def rules(self, context: RuleContext) -> list[Rule]:
        return [
            Rule(
                self.default_name(context),
                self.condition(context),
                self.says(context),
                weight=self.weight,
                where=context.where,
                kind=self.kind,
                unless=self.exceptions(context),
                priority=self.priority,
                tests=self._tests(context),
            )
        ]

    def default_name(self, context: RuleContext) -> str:
        return context.name(self.name, self.kind)

    def _tests(self, context: RuleContext) -> tuple[RuleTest, ...]:
        tests = []
        for position, test in enumerate(self.tests):
            where = context.tests[position] if position < len(context.tests) else context.where
            if test.answer is not None and not context.texts:
                raise UserError("the test has an answer, and the task's answers are no texts", where=where, remedy=_OUT)
            if isinstance(test.expect, str) and context.texts:
                raise UserError(f"the test expects {test.expect!r}", where=where, remedy="write true or false")
            expect = context.label(test.expect, where=where) if isinstance(test.expect, str) else test.expect
            tests.append(RuleTest(test.text, expect, tuple(test.fields.items()), where, test.answer))
        return tuple(tests)


class VotingEntry(ConditionEntry):
    """An entry whose rule says one thing: a vote, a veto, a prompt, a demand or a link."""

    vote: str | None = Field(default=None, description="The label that the rule votes for where it matches.")
    veto: Listed | None = Field(
        default=None,
        description="The label that cannot hold where the rule matches, whatever else speaks for it; where answers are texts, a "
        "phrase that must not stand in the answer, or several.",
    )
    prompt: str | None = Field(
        default=None, description="A template through which the model is shown the texts that the rule matches."
    )
    verbalizer: Annotated[dict[str, tuple[str, ...]], BeforeValidator(listed_words)] = Field(
        default={}, description="Label to the words that mean it in the prompt's {mask}; default: the task's."
    )
    require: Listed | None = Field(
        default=None,
        description="A phrase that must stand in the answer, or several of which one must (tasks whose answer is a text). A * at "
        "its edge: the word may go on there.",
    )
    reply: Listed | None = Field(
        default=None,
        description="An answer with fields in braces, or several (tasks whose answer is a text): {name} is a slot or a column.",
    )
    inflections: bool = Field(
        default=False, description="Of a phrase of require or veto, its English inflections count as well."
    )
    exact_case: bool = Field(default=False, description="A phrase of require or veto counts only in these capitals.")
    link: Literal["together", "apart"] | None = Field(
        default=None,
        description="Whether the words that the rule matches belong to one entity (tasks whose answer is spans).",
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = [key for key in SAYINGS if getattr(self, key) is not None]
        if len(said) > 1:
            raise ValueError(f"a rule says one thing, this one has {' and '.join(map(repr, said))}; write two rules")
        if self.verbalizer and self.prompt is None:
            raise ValueError("a verbalizer says what fills the {mask} of a rule's prompt, and this rule has no prompt")
        if self.weight != 1 and said and said[0] not in ("vote", "link"):
            raise ValueError(f"only a vote and a link have a weight, not a {said[0]}")
        for key in ("inflections", "exact_case"):
            if getattr(self, key) and said not in (["require"], ["veto"]):
                raise ValueError(f"{key} is about the phrases of require or veto, and this rule has neither")
        return self

    def says(self, context: RuleContext) -> Says | None:
        if context.texts:
            return self._demand(context)
        if self.vote is not None:
            return Vote(context.label(self.vote), self.weight)
        if self.veto is not None:
            return self._veto(context, self.veto)
        if self.prompt is not None:
            for label, words in self.verbalizer.items():
                context.label(label)
                if not words or not all(word.strip() for word in words):
                    raise UserError(f"the label {label!r} has no word", where=context.where, remedy="name one at least")
            return Prompt(self.prompt, tuple(self.verbalizer.items()))
        if self.link is not None:
            return Link(self.link == "together", self.weight)
        return None

    def _veto(self, context: RuleContext, labels: tuple[str, ...]) -> Veto:
        if len(labels) != 1:
            message = f"the rule vetoes {len(labels)} labels"
            raise UserError(message, where=context.where, remedy="write a rule for each of them")
        if self.inflections or self.exact_case:
            raise UserError("a label has no inflections and no other case", where=context.where, remedy=_OUT)
        return Veto(context.label(labels[0]))

    def _demand(self, context: RuleContext) -> Says | None:
        """What follows where answers are texts."""
        if self.reply is not None:
            for template in self.reply or ("",):
                fields_in(template, where=context.where)
            return Reply(self.reply)
        what, written = ("require", self.require) if self.require is not None else ("veto", self.veto)
        if written is None:
            return None
        phrases = phrases_of(written, what=what, where=context.where, inflections=self.inflections)
        return (Say if what == "require" else Avoid)(phrases, ignore_case=not self.exact_case)


def read_text(path: Path, *, where: Location) -> str:
    """A UTF-8 file that a rule names, with or without a byte order mark.

    Raises:
        UserError: It is missing, unreadable, or not UTF-8 (with the line of the first bad byte).
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # a NUL in the name is a ValueError
        missing = isinstance(error, FileNotFoundError) and path.parent.is_dir()
        remedy = close_match(path.name, [entry.name for entry in path.parent.iterdir()]) if missing else None
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"cannot read {str(path)[-_SHOWN:]!r}: {reason}", where=where, remedy=remedy) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(
            f"not UTF-8: byte 0x{data[error.start]:02x}",
            where=Location(str(path), line),
            remedy="save the file as UTF-8",
        ) from error
