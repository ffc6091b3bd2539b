r"""Rules about two entities of a text: words around them, of what types they are, which stands first.

**What a pattern matches.** ``SUBJ was born in OBJ`` is matched against the text with a sign in the place of each entity, as
:mod:`ruletune.rules.scopes` shows it, anywhere in it. A pattern is made of words with white space between them:

- ``SUBJ`` and ``OBJ``, once each and in whichever order, are the two entities. ``SUBJ-PERSON`` is an entity of the type PERSON;
  ``SUBJ-O`` one whose type the data does not name. A type that is asked for must be there: where the data names no types,
  ``SUBJ-PERSON`` matches nothing.
- ``*`` is one word: characters without white space, and no entity.
- ``...`` is whatever stands there, nothing too, but no entity.
- Every other word is itself, whatever its case unless ``ignore_case`` is false, and as a whole: ``in`` is not in *into*.

Between two words there must be white space where both meet with a letter, digit, underscore or entity, and there may be some where
one meets with another sign, so that ``SUBJ , the OBJ`` matches *Acme, the maker* and *Acme , the maker* alike. Scripts that are
written without spaces need none. All of this becomes one regular expression (:func:`expression`), compiled with those of the
other rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ruletune.errors import Location, Problem, UserError
from ruletune.rules.base import AllOf, AnyOf, Condition, Not, Ordered, Rule, Typed, Veto, Vote, Within
from ruletune.rules.entry import RuleContext, RuleEntry, VotingEntry, read_text
from ruletune.rules.regex import pattern
from ruletune.rules.scopes import OBJECT, SUBJECT
from ruletune.rules.scripts import NO_SPACES

__all__ = [
    "ArgumentsEntry",
    "OrderEntry",
    "PatternEntry",
    "PatternFileEntry",
    "TypesEntry",
    "expression",
    "read_pattern",
]

_ENTITY = re.compile(r"(SUBJ|OBJ)(?:-(\S+))?")
_GAP = "..."
_NO_TYPE = "O"
"""How a pattern writes that an entity has no type, as tags of words do."""

_SHOWN = 80


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


class PatternEntry(VotingEntry):
    """``pattern: SUBJ was founded by OBJ-PERSON``: votes where the words stand so around the two entities."""

    kind: ClassVar[str] = "pattern"

    pattern: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(
        min_length=1,
        description="A pattern, or several of which one must match: words, with SUBJ and OBJ for the entities (SUBJ-TYPE for one of "
        "a type), * for any word and ... for any words.",
    )
    ignore_case: bool = Field(default=True, description="Match without regard to case.")

    def condition(self, context: RuleContext) -> Condition:
        found = [read_pattern(each, ignore_case=self.ignore_case, where=context.where) for each in self.pattern]
        return found[0] if len(found) == 1 else AnyOf(tuple(found))


class PatternFileEntry(RuleEntry):
    """``pattern_file: pattern.json``: many patterns in one file, a rule each: a JSON list of [label, pattern]."""

    kind: ClassVar[str] = "pattern_file"
    files: ClassVar[tuple[str, ...]] = ("pattern_file",)

    pattern_file: str = Field(
        min_length=1, description="A JSON file, relative to the task file: a list of [label, pattern]."
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="The file's spelling of a label, and the task's label that it means."
    )
    ignore_case: bool = Field(default=True, description="Match without regard to case.")

    def rules(self, context: RuleContext) -> list[Rule]:
        path = context.folder / self.pattern_file
        exceptions, prefix = self.exceptions(context), self.name or self.lasting_name()
        rules: list[Rule] = []
        problems: list[Problem] = []
        for number, row in enumerate(_listed(read_text(path, where=context.where), path), start=1):
            where = Location(f"{path}[{number}]")
            try:
                rule = self._rule(f"{prefix}:{number}", row, context, where)
                rules.append(replace(rule, unless=exceptions, priority=self.priority))
            except UserError as error:
                problems += error.problems
        if not rules and not problems:
            problems.append(Problem("the file has no patterns", Location(str(path)), "write [label, pattern]"))
        if problems:
            raise UserError.of(problems)
        return rules

    def lasting_name(self) -> str:
        return Path(self.pattern_file).stem

    def _rule(self, name: str, row: object, context: RuleContext, where: Location) -> Rule:
        match row:
            case [str(written), str(source)]:
                label = context.label(self.labels.get(written, written), where=where)
                condition = read_pattern(source, ignore_case=self.ignore_case, where=where)
            case _:
                raise UserError(f"{str(row)[:_SHOWN]} is no pattern", where=where, remedy="write [label, pattern]")
        return Rule(name, condition, Vote(label, self.weight), where=where, kind=self.kind)


class _Arguments(BaseModel):
    """Types of the two entities, one or several each; any where nothing is said."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    subject: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(
        default=(), description="The subject's type, or several of which it may have one."
    )
    object: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(default=(), description="The object's.")

    @model_validator(mode="after")
    def _says_something(self) -> _Arguments:
        if not self.subject and not self.object:
            raise ValueError("say of which types the entities are: subject, object or both")
        return self


class TypesEntry(VotingEntry):
    """``types: {subject: PERSON, object: [COMPANY, SCHOOL]}``: votes where the entities are of these types."""

    kind: ClassVar[str] = "types"

    types: _Arguments = Field(description="Types of the two entities; an entity whose type is not known is of none.")

    def condition(self, context: RuleContext) -> Condition:
        return Typed(self.types.subject, self.types.object)


class ArgumentsEntry(RuleEntry):
    """``arguments: {works for: {subject: PERSON, object: COMPANY}}``: no pair of other types can have that label.

    A veto for each label. Where an entity's type is not known nothing is ruled out.
    """

    kind: ClassVar[str] = "arguments"

    arguments: dict[str, _Arguments] = Field(
        min_length=1, description="Label to the types that its subject and its object may have."
    )

    def rules(self, context: RuleContext) -> list[Rule]:
        prefix, exceptions = context.name(self.name, self.kind), self.exceptions(context)
        return [
            Rule(
                f"{prefix}: {label}",
                Not(Typed(types.subject, types.object, unknown=True)),
                Veto(context.label(label)),
                where=context.where,
                kind=self.kind,
                unless=exceptions,
                priority=self.priority,
            )
            for label, types in self.arguments.items()
        ]


class OrderEntry(VotingEntry):
    """``order: object first``: votes by which of the two entities begins first in the text."""

    kind: ClassVar[str] = "order"

    order: Literal["subject first", "object first"] = Field(description="Which entity begins first.")

    def condition(self, context: RuleContext) -> Condition:
        return Ordered("subject" if self.order == "subject first" else "object")


def read_pattern(source: str, *, ignore_case: bool, where: Location) -> Condition:
    """What must hold for a pattern to match; see the module's text.

    Raises:
        UserError: An entity is missing or stands twice, or the pattern is nothing but entities and gaps.

    >>> read_pattern("SUBJ-PERSON joined", ignore_case=True, where=Location("task.yaml", 3))
    Traceback (most recent call last):
    ruletune.errors.UserError: task.yaml:3: the pattern 'SUBJ-PERSON joined' has no OBJ; write SUBJ and OBJ once each
    """
    words = source.split()
    shown = source if len(source) <= _SHOWN else f"{source[:_SHOWN]}…"
    types: dict[str, tuple[str, ...]] = {}
    for found in filter(None, map(_ENTITY.fullmatch, words)):
        entity, name = found.groups()
        if entity in types:
            raise UserError(f"the pattern {shown!r} has {entity} twice", where=where, remedy="write it once")
        types[entity] = () if name is None else ("" if name == _NO_TYPE else name,)
    missing = [entity for entity in ("SUBJ", "OBJ") if entity not in types]
    if missing:
        remedy = "write SUBJ and OBJ once each"
        raise UserError(f"the pattern {shown!r} has no {' and no '.join(missing)}", where=where, remedy=remedy)
    near = Within("pair", pattern(expression(words), ignore_case=ignore_case, where=where))
    typed = Typed(types["SUBJ"], types["OBJ"])
    return AllOf((near, typed)) if typed.subject or typed.object else near


def expression(words: list[str]) -> str:
    """The regular expression of a pattern's words, for the scope ``pair``.

    >>> expression("SUBJ , the OBJ-ORG".split()).replace(SUBJECT, "S").replace(OBJECT, "O")
    'S\\\\s*,\\\\s*the\\\\s+O'
    """
    parts = [_begin(words[0])]
    for word, following in pairwise(words):
        parts += [_written(word), _between(word, following)]
    return "".join([*parts, _written(words[-1]), _end(words[-1])])


def _written(word: str) -> str:
    found = _ENTITY.fullmatch(word)
    if found:
        return SUBJECT if found[1] == "SUBJ" else OBJECT
    if word == "*":
        return rf"[^\s{SUBJECT}{OBJECT}]+"
    return f"[^{SUBJECT}{OBJECT}]*" if word == _GAP else re.escape(word)


def _between(word: str, following: str) -> str:
    if word == _GAP or following == _GAP:
        return _end(word) + _begin(following)
    meets = _meets(word, -1) and _meets(following, 0)
    return r"\s+" if meets else r"\s*"


def _begin(word: str) -> str:
    return r"(?<!\w)" if _is_literal(word) and _meets(word, 0) else ""


def _end(word: str) -> str:
    return r"(?!\w)" if _is_literal(word) and _meets(word, -1) else ""


def _is_literal(word: str) -> bool:
    return word not in ("*", _GAP) and not _ENTITY.fullmatch(word)


def _meets(word: str, edge: int) -> bool:
    """Whether a word's first or last character keeps its distance from others of its kind."""
    if not _is_literal(word):
        return True
    return bool(re.match(r"\w", word[edge])) and not re.match(NO_SPACES, word[edge])


def _listed(text: str, path: Path) -> list[object]:
    import json

    try:
        value = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise UserError(
            f"no JSON: {error}", where=Location(str(path), line), remedy="a list of [label, pattern]"
        ) from None
    if isinstance(value, Mapping) or not isinstance(value, list):
        raise UserError("no list of patterns", where=Location(str(path)), remedy="write [[label, pattern], ...]")
    return value
