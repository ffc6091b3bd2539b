"""Patterns as spaCy's entity ruler and Prodigy keep them: JSON lines with a label and a phrase or some tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from ruletune.errors import Location, Problem, UserError, nearest
from ruletune.rules import tokens
from ruletune.rules.base import AnyOf, Condition, Pattern, Rule, Terms, Vote
from ruletune.rules.entry import RuleContext, RuleEntry, read_text
from ruletune.rules.scripts import NO_SPACES
from ruletune.rules.span import repeats
from ruletune.rules.token_regex import searched

__all__ = ["PatternsEntry", "spacy_token"]


class PatternsEntry(RuleEntry):
    """``patterns: patterns.jsonl``: a rule for each label of a file of spaCy's or Prodigy's patterns."""

    kind: ClassVar[str] = "patterns"
    files: ClassVar[tuple[str, ...]] = ("patterns",)

    patterns: str = Field(
        min_length=1,
        description='A file of JSON lines, relative to the task file: {"label": ..., "pattern": a phrase or a list of tokens}.',
    )
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="The file's spelling of a label, and the task's label that it means.",
    )
    per: Literal["label", "id"] = Field(
        default="label", description="One rule for each label, or for each label and id of the file."
    )
    ignore_case: bool = Field(default=False, description="Match phrases without regard to case.")

    def lasting_name(self) -> str:
        return Path(self.patterns).stem

    def rules(self, context: RuleContext) -> list[Rule]:
        """One rule a label (or label and id), called ``name:label`` (``name:label:id``), at its first line.

        Raises:
            UserError: Every line that is wrong, together.
        """
        path = context.folder / self.patterns
        exceptions = self.exceptions(context)
        prefix = self.name or self.lasting_name()
        for label in dict.fromkeys(self.labels.values()):
            context.label(label)
        groups: dict[tuple[str, str], _Group] = {}
        problems: list[Problem] = []
        for number, line in enumerate(read_text(path, where=context.where).split("\n"), start=1):
            if line.strip():
                where = Location(str(path), number)
                try:
                    self._add(_parsed(line), groups, context, where)
                except UserError as error:
                    problems += [replace(problem, where=problem.where or where) for problem in error.problems]
                except ValueError as error:
                    problems.append(Problem(str(error), where))
        if not groups and not problems:
            remedy = 'write {"label": "...", "pattern": "..."} lines'
            problems.append(Problem("the file has no patterns", Location(str(path)), remedy))
        if problems:
            raise UserError.of(problems)
        return [
            Rule(
                ":".join(part for part in (prefix, label, identity) if part),
                group.condition(),
                Vote(label, self.weight),
                where=group.where,
                kind=self.kind,
                unless=exceptions,
                priority=self.priority,
            )
            for (label, identity), group in groups.items()
        ]

    def _add(
        self, line: dict[str, Any], groups: dict[tuple[str, str], _Group], context: RuleContext, where: Location
    ) -> None:
        label = _label(line, self.labels, context, where)
        identity = str(line.get("id") or "") if self.per == "id" else ""
        group = groups.get((label, identity)) or _Group(where)
        pattern = line.get("pattern")
        if isinstance(pattern, str):
            phrase = " ".join(pattern.split())
            if not phrase:
                raise ValueError("the phrase is blank")
            group.terms.setdefault(self.ignore_case, {})[phrase] = None
        elif isinstance(pattern, list) and pattern:
            plain = _plain(pattern)
            if plain is not None:
                group.terms.setdefault(plain[1], {})[plain[0]] = None
            else:
                several = [spacy_token(token) for token in pattern]
                group.patterns[Pattern(tokens.compile_tokens(several))] = None
        else:
            raise ValueError("'pattern' must be a phrase or a list of tokens")
        groups[label, identity] = group


@dataclass(slots=True)
class _Group:
    """What one rule is made of: phrases by whether case matters, and token patterns, each once."""

    where: Location
    terms: dict[bool, dict[str, None]] = field(default_factory=dict)
    patterns: dict[Pattern, None] = field(default_factory=dict)

    def condition(self) -> Condition:
        gazetteers = [Terms(tuple(terms), ignore_case=ignore) for ignore, terms in self.terms.items()]
        parts: tuple[Condition, ...] = (*gazetteers, *self.patterns)
        return parts[0] if len(parts) == 1 else AnyOf(parts)


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        raise ValueError(f"not valid JSON: {reason}") from None
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, found {type(value).__name__}")
    missing = [key for key in ("label", "pattern") if key not in value]
    if missing:
        raise ValueError(f"the key {missing[0]!r} is missing")
    return value


def _label(line: Mapping[str, Any], spelling: Mapping[str, str], context: RuleContext, where: Location) -> str:
    """By the entry's own table first, then as written, then without regard to case."""
    written = line["label"]
    if not isinstance(written, str):
        raise ValueError("'label' must be text")
    if written in spelling:
        return context.label(spelling[written])
    folded = {label.casefold(): label for label in context.labels}
    return context.label(written if written in context.labels else folded.get(written.casefold(), written), where=where)


def _plain(pattern: list[Any]) -> tuple[str, bool] | None:
    """A pattern of nothing but words is a phrase, found with the others: its words with a space between."""
    words, attributes = [], set()
    for token in pattern:
        if not isinstance(token, dict) or len(token) != 1:
            return None
        ((attribute, value),) = token.items()
        attribute = str(attribute).upper()
        if attribute not in ("LOWER", "TEXT", "ORTH") or not isinstance(value, str) or not value.isalpha():
            return None
        if len(tokens.tokens(value)) != 1 or (len(pattern) > 1 and re.search(NO_SPACES, value)):
            return None
        if attribute == "LOWER" and value != value.lower():
            return None
        words.append(value)
        attributes.add(attribute == "LOWER")
    return (" ".join(words), attributes.pop()) if len(attributes) == 1 else None


_FLAGS: dict[str, Callable[[], str]] = {
    "IS_DIGIT": tokens.digits,
    "IS_ALPHA": tokens.alphabetic,
    "IS_ASCII": lambda: tokens.only(r"[!-~]"),
    "IS_TITLE": tokens.title,
    "IS_UPPER": tokens.upper,
    "IS_LOWER": tokens.lower,
    "IS_PUNCT": tokens.punctuation,
    "IS_BRACKET": lambda: tokens.only(r"[\[\](){}<>]"),
    "IS_QUOTE": lambda: tokens.only("[\"'`\u00ab\u00bb\u2018-\u201f\u2039\u203a]"),
    "IS_CURRENCY": lambda: tokens.only("[$\u00a2-\u00a5\u20a0-\u20bf]"),
    "LIKE_NUM": tokens.number,
    "LIKE_URL": lambda: tokens.URL,
    "LIKE_EMAIL": lambda: tokens.EMAIL,
}

_MODEL = "use TEXT, LOWER, SHAPE or REGEX, which need no model; or list the forms with IN"
_ELSEWHERE = {
    "POS": _MODEL,
    "TAG": _MODEL,
    "MORPH": _MODEL,
    "DEP": _MODEL,
    "LEMMA": "list the forms with LOWER and IN, or write a keywords rule with inflect: true",
    "NORM": "use LOWER, with IN for the spellings",
    "ENT_TYPE": "write a rule for the entities, and all: [...] of both",
    "ENT_IOB": _MODEL,
    "ENT_ID": _MODEL,
    "ENT_KB_ID": _MODEL,
    "IS_STOP": "list the words with LOWER and IN",
    "IS_OOV": _MODEL,
    "IS_SPACE": "leave it out: white space between tokens is ignored",
    "SPACY": "leave it out: white space between tokens is ignored",
    "IS_SENT_START": "write a regex rule",
    "PREFIX": "use REGEX with ^",
    "SUFFIX": "use REGEX with $",
    "_": "write a function rule",
}


def spacy_token(written: object) -> tokens.Token:
    """One token of spaCy's matcher. Attributes are read without regard to case, as Prodigy writes them.

    Raises:
        ValueError: It is no token, or asks for what only a trained pipeline knows.
    """
    if not isinstance(written, dict):
        raise ValueError(f"a token must be an object of attributes, found {type(written).__name__}")
    bodies: list[str] = []
    checks: list[str] = []
    low, high, negated = 1, 1, False
    for key, value in written.items():
        attribute = key.upper()
        match attribute:
            case "OP":
                low, high, negated = repeats(str(value), most=None)
            case "TEXT" | "ORTH" | "LOWER":
                _text(attribute, value, bodies, checks)
            case "REGEX":
                checks.append(_regex(value, lower=False))
            case "SHAPE":
                checks.append(_shapes(value))
            case "LENGTH":
                checks.append(_length(value))
            case _ if attribute in _FLAGS:
                if not isinstance(value, bool):
                    raise ValueError(f"{attribute} must be true or false")
                expression = _FLAGS[attribute]()
                checks.append(f"(?={expression})" if value else f"(?!{expression})")
                if value and attribute in ("LIKE_URL", "LIKE_EMAIL"):
                    bodies.append(expression)
            case _:
                raise UserError(f"cannot match by {attribute}", remedy=_instead(attribute))
    checks += [f"(?={body})" for body in bodies[1:]]
    return tokens.Token(tuple(checks), bodies[0] if bodies else "", low, high, negated)


def _instead(attribute: str) -> str:
    known = [*_FLAGS, "TEXT", "ORTH", "LOWER", "REGEX", "SHAPE", "LENGTH", "OP"]
    return _ELSEWHERE.get(attribute) or nearest(attribute, known)


def _text(attribute: str, value: object, bodies: list[str], checks: list[str]) -> None:
    ignore_case = attribute == "LOWER"
    if isinstance(value, str):
        bodies.append(_equal([value], lower=ignore_case))
        return
    if not isinstance(value, dict) or not value:
        raise ValueError(f"{attribute} must be text, or an object with IN, NOT_IN or REGEX")
    for test, wanted in value.items():
        match str(test).upper():
            case "IN":
                bodies.append(_equal(_texts(wanted, f"{attribute} IN"), lower=ignore_case))
            case "NOT_IN":
                checks.append(f"(?!{_equal(_texts(wanted, f'{attribute} NOT_IN'), lower=ignore_case)})")
            case "REGEX" if isinstance(wanted, dict):
                for inner, expressions in wanted.items():
                    several = [_regex(e, lower=ignore_case) for e in _texts(expressions, "REGEX")]
                    if inner not in ("IN", "NOT_IN"):
                        raise ValueError(f"REGEX has no {inner!r}; write IN or NOT_IN")
                    checks.append(f"({'?:' if inner == 'IN' else '?!'}{'|'.join(several)})")
            case "REGEX":
                checks.append(_regex(wanted, lower=ignore_case))
            case other:
                raise UserError(f"{attribute} has no {other}", remedy=nearest(other, ("IN", "NOT_IN", "REGEX")))


def _equal(values: list[str], *, lower: bool) -> str:
    """LOWER is compared with the token's lower case: a value with a capital equals nothing."""
    kept = [value for value in values if not lower or value == value.lower()]
    if values and not kept:
        raise ValueError(
            f"LOWER {values[0][:60]!r} has a capital, so that no token equals it; write {values[0].lower()[:60]!r}"
        )
    return tokens.equals(kept, ignore_case=lower) if kept else "(?!)"


def _texts(value: object, what: str) -> list[str]:
    if not isinstance(value, list) or not value or any(not isinstance(entry, str) for entry in value):
        raise ValueError(f"{what} must be a list of texts")
    return value


def _regex(value: object, *, lower: bool) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("REGEX must be a regular expression")
    return searched(f"(?i){value}" if lower and value == value.lower() else value)


def _shapes(value: object) -> str:
    if isinstance(value, dict) and len(value) == 1:
        ((test, wanted),) = value.items()
        if str(test).upper() in ("IN", "NOT_IN"):
            several = "|".join(tokens.shape(shape) for shape in _texts(wanted, f"SHAPE {test}"))
            return f"({'?:' if str(test).upper() == 'IN' else '?!'}{several})"
    if not isinstance(value, str):
        raise ValueError("SHAPE must be text such as 'Xxxx', or an object with IN or NOT_IN")
    return tokens.shape(value)


def _length(value: object) -> str:
    tests = value if isinstance(value, dict) else {"==": value}
    low, high = 1, None
    unequal = ""
    for test, number in tests.items():
        if not isinstance(number, int) or isinstance(number, bool):
            raise ValueError('LENGTH must be a whole number, or an object such as {">=": 10}')
        match test:
            case "==":
                low, high = max(low, number), number if high is None else min(high, number)
            case ">=" | ">":
                low = max(low, number + (test == ">"))
            case "<=" | "<":
                most = number - (test == "<")
                high = most if high is None else min(high, most)
            case "!=":
                unequal += f"(?!{tokens.length(number, number)})"
            case _:
                raise UserError(f"LENGTH has no {test!r}", remedy="write one of ==, !=, >=, <=, >, <")
    return tokens.length(low, high) + unequal
