"""Span patterns: a few tokens that follow each other, as spaCy's matcher has them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ruletune.errors import Problem, UserError
from ruletune.rules import tokens
from ruletune.rules.base import Condition, Pattern
from ruletune.rules.entry import RuleContext, VotingEntry
from ruletune.rules.token_regex import searched

__all__ = ["SpanEntry", "TokenEntry", "repeats"]

DEFAULT_MOST = 10
"""Tokens that ``*`` and ``+`` stand for at most, where nothing else is said."""


def _listed(value: object) -> object:
    """One value as a list of one; a number is text."""
    values = value if isinstance(value, list | tuple) else [value]
    return [str(v) if isinstance(v, int | float) and not isinstance(v, bool) else v for v in values]


Values = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0)]


class TokenEntry(BaseModel):
    """One token of a span pattern. Everything that is said of it must hold; ``{}`` is any token."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    text: Values | None = Field(default=None, description="The token, or several of which one must be it.")
    lower: Values | None = Field(default=None, description="As text, without regard to case.")
    in_: Values | None = Field(default=None, alias="in", description="The same as lower.")
    not_in: Values | None = Field(default=None, description="What it must not be, without regard to case.")
    regex: str | None = Field(default=None, min_length=1, description="An expression that matches in the token.")
    shape: str | None = Field(
        default=None, min_length=1, description="X a capital, x a small letter, d a digit; four are four or more."
    )
    is_digit: Flag | None = Field(default=None, description="Digits only.")
    is_alpha: Flag | None = Field(default=None, description="Letters only.")
    is_title: Flag | None = Field(default=None, description="A capital, then small letters.")
    is_upper: Flag | None = Field(default=None, description="Capitals, and no small letters.")
    is_lower: Flag | None = Field(default=None, description="Small letters, and no capitals.")
    is_punct: Flag | None = Field(default=None, description="A punctuation mark.")
    like_num: Flag | None = Field(default=None, description="A number, in digits or as an English word.")
    like_url: Flag | None = Field(default=None, description="A web address; it may be many tokens.")
    at_least: Count | None = Field(default=None, description="Fewest characters.")
    at_most: Count | None = Field(default=None, description="Most characters.")
    op: str = Field(default="1", description="How often: 1, ?, *, +, {n}, {n,m}; or ! for any token but this.")
    max: Annotated[int, Field(strict=True, ge=1, le=tokens.MOST_REPEATS)] | None = Field(
        default=None, description=f"Most tokens for * and +; default {DEFAULT_MOST}."
    )

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        self.token()
        return self

    def token(self) -> tokens.Token:
        """The token as the compiler has it.

        Raises:
            ValueError: Something that is said of it is wrong; the message is for people.
        """
        low, high, negated = repeats(self.op, most=self.max)
        bodies = []
        checks = []
        if self.text is not None:
            bodies.append(tokens.equals(self.text, ignore_case=False))
        for values in (self.lower, self.in_):
            if values is not None:
                bodies.append(tokens.equals(values, ignore_case=True))
        if self.like_url:
            bodies.append(tokens.URL)
        if self.like_url is False:
            checks.append(f"(?!{tokens.URL})")
        if self.not_in is not None:
            checks.append(f"(?!{tokens.equals(self.not_in, ignore_case=True)})")
        if self.regex is not None:
            checks.append(searched(self.regex))
        if self.shape is not None:
            checks.append(tokens.shape(self.shape))
        if self.at_least is not None or self.at_most is not None:
            checks.append(tokens.length(self.at_least or 1, self.at_most))
        checks += [
            written() if wanted else f"(?!{written()})"
            for wanted, written in (
                (self.is_digit, tokens.digits),
                (self.is_alpha, tokens.alphabetic),
                (self.is_title, tokens.title),
                (self.is_upper, tokens.upper),
                (self.is_lower, tokens.lower),
                (self.is_punct, tokens.punctuation),
                (self.like_num, tokens.number),
            )
            if wanted is not None
        ]
        checks += [f"(?={body})" for body in bodies[1:]]
        return tokens.Token(tuple(checks), bodies[0] if bodies else "", low, high, negated)


def repeats(op: str, *, most: int | None) -> tuple[int, int, bool]:
    """Fewest and most repetitions, and whether the token is negated.

    Raises:
        ValueError: It is no such operator.

    >>> repeats("+", most=None), repeats("{2,4}", most=None), repeats("!", most=None)
    ((1, 10, False), (2, 4, False), (1, 1, True))
    """
    if most is not None and op not in ("*", "+"):
        raise ValueError("max goes with op: '*' or op: '+'")
    high = DEFAULT_MOST if most is None else most
    match op:
        case "1" | "":
            return 1, 1, False
        case "!":
            return 1, 1, True
        case "?":
            return 0, 1, False
        case "*":
            return 0, high, False
        case "+":
            return 1, high, False
    found = tokens.BRACES.fullmatch(op)
    if found is None or not (found["low"] or found["high"]):
        raise ValueError(f"unknown op {op[:20]!r}; write '1', '?', '*', '+', '!', '{{n}}' or '{{n,m}}'")
    low = int(found["low"] or 0)
    last = low if found["comma"] is None else int(found["high"]) if found["high"] else max(low, DEFAULT_MOST)
    if not low <= last <= tokens.MOST_REPEATS or last == 0:
        raise ValueError(f"op {op[:20]!r} must go up, from 0 to {tokens.MOST_REPEATS} at most")
    return low, last, False


class SpanEntry(VotingEntry):
    """``span: [{lower: not}, {in: [very, so], op: '?'}, {lower: good}]``: votes where such tokens follow each other."""

    kind: ClassVar[str] = "span"

    span: tuple[TokenEntry, ...] = Field(min_length=1, description="What the tokens must be, one after the other.")

    def condition(self, context: RuleContext) -> Condition:
        try:
            return Pattern(tokens.compile_tokens([token.token() for token in self.span]))
        except ValueError as error:
            raise UserError.of([Problem(f"span: {error}", context.where)]) from None
