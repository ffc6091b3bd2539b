"""Whether conditions hold: all of a task's conditions on a batch of texts, in three values.

A condition holds, does not hold, or is unknown because something failed: a function raised, an
expression used up its time, a number was none. Unknown follows Kleene's logic through ``all``,
``any`` and ``not``: a conjunction with a part that does not hold does not hold, whatever the unknown part is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, assert_never

import numpy as np

from ruletune.errors import Problem, UserError, nearest
from ruletune.labeling.held import Held, all_of, failure, negated, overrun_reason
from ruletune.labeling.words import words
from ruletune.rules.base import (
    AllOf,
    Always,
    AnyOf,
    Call,
    Casing,
    Column,
    Condition,
    Length,
    Metadata,
    Named,
    Near,
    NearQuestion,
    Not,
    Ordered,
    Pattern,
    Rule,
    Scope,
    Sentences,
    Similar,
    Terms,
    Typed,
    Within,
    called,
    parts,
)
from ruletune.rules.matching import GIVE_UP, Matcher, MatchTimeoutError, Plan
from ruletune.rules.near import near_spans
from ruletune.rules.reading import content, likeness, sentences
from ruletune.rules.scopes import View, in_order, is_typed, stretch, view
from ruletune.rules.structure import casing_holds, length_holds, metadata_holds, value_of
from ruletune.types import Example

__all__ = ["NOT_TRIED", "Conditions", "Embed", "Holding"]

NOT_TRIED = f"not tried any more: it worked too long on {GIVE_UP} texts before"

Embed = Callable[[Sequence[str]], np.ndarray]
"""Sentence embeddings of texts, (texts, size), of unit length."""


@dataclass(slots=True)
class Scoped:
    """Expressions and terms that are matched in one part of texts with two entities.

    Attributes:
        numbers: Each with its place in ``matcher``.
        first: How many other matched conditions are counted before these.
    """

    numbers: dict[Pattern | Terms, int]
    first: int = 0
    matcher: Matcher = field(default_factory=lambda: Matcher([]))


class Conditions:
    """The conditions of a set of rules, compiled once.

    Equal conditions are matched once, however many rules share them.
    """

    def __init__(
        self, rules: Sequence[Rule], *, embed: Embed | None = None, budget: Callable[[int], float] | None = None
    ) -> None:
        self.by_name = {rule.name: rule for rule in rules}
        self.matched: dict[Pattern | Terms, int] = {}
        self.scoped: dict[Scope, Scoped] = {}
        self._embed = embed
        self._descriptions: dict[str, np.ndarray] = {}
        self._values: dict[Pattern, Matcher] = {}
        problems = []
        for rule in rules:
            for condition in (rule.when, *rule.unless):
                for part in parts(condition):
                    match part:
                        case Pattern() | Terms():
                            self.matched.setdefault(part, len(self.matched))
                        case Within(scope=scope, part=Pattern() | Terms() as inner):
                            numbers = self.scoped.setdefault(scope, Scoped({})).numbers
                            numbers.setdefault(inner, len(numbers))
                        case Metadata(matches=Pattern() as pattern) if pattern not in self._values:
                            self._values[pattern] = Matcher([pattern], budget=budget)
                        case Named(rule=name) if name not in self.by_name:
                            remedy = nearest(name, self.by_name)
                            problems.append(
                                Problem(f"rule {rule.name!r}: there is no rule {name!r}", rule.where, remedy)
                            )
                        case Similar() | Sentences(by="meaning") if embed is None:
                            message = f"rule {rule.name!r} compares embeddings, and there is no model to make them"
                            problems.append(Problem(message, rule.where, "pass embed="))
        if problems:
            raise UserError.of(problems)
        self.matcher = Matcher(list(self.matched), budget=budget)
        first = len(self.matched)
        for scoped in self.scoped.values():
            scoped.first, scoped.matcher = first, Matcher(list(scoped.numbers), budget=budget)
            first += len(scoped.numbers)

    def on(self, examples: Sequence[Example], tired: Counter[int] | None = None) -> Holding:
        """The conditions on a batch of texts.

        Args:
            tired: How often each matched condition used up its time; kept by the caller from batch to batch.
        """
        return Holding(self, examples, Counter() if tired is None else tired)

    def similarities(self, condition: Similar, texts: np.ndarray) -> np.ndarray:
        """Cosine similarity of embedded texts to each description, (texts, descriptions)."""
        assert self._embed is not None
        new = [description for _, description in condition.descriptions if description not in self._descriptions]
        if new:
            self._descriptions |= dict(zip(new, self._embed(new), strict=True))
        against = np.stack([self._descriptions[description] for _, description in condition.descriptions])
        return np.asarray(texts @ against.T)

    def slow(self) -> dict[str, str]:
        """Rules that cannot be matched along with all others, by name, and why."""
        plans: dict[Condition, Plan] = dict(zip(self.matched, self.matcher.plans, strict=True))
        for scope, scoped in self.scoped.items():
            inner = zip(scoped.numbers, scoped.matcher.plans, strict=True)
            plans |= {Within(scope, part): plan for part, plan in inner}
        found: dict[str, str] = {}
        for rule in self.by_name.values():
            for part in (part for condition in (rule.when, *rule.unless) for part in parts(condition)):
                plan = plans.get(part) if isinstance(part, Pattern | Terms | Within) else None
                if isinstance(part, Call):
                    found.setdefault(rule.name, f"{part.path} is called for one text at a time")
                elif plan is not None and plan.engine == "plain":
                    found.setdefault(rule.name, f"its expression is searched for alone: {plan.reason}")
                elif plan is not None and plan.engine == "prefilter":
                    found.setdefault(rule.name, f"what is found must be confirmed: {plan.reason}")
        return found

    def spans(self, condition: Pattern | Terms, text: str) -> list[tuple[int, int]]:
        """Where in a text an expression or a term matches, in reading order.

        Raises:
            MatchTimeoutError: The expression used up its time.
        """
        number = self.matched[condition]
        if isinstance(condition, Pattern):
            return self.matcher.pattern_spans(number, text)
        return [(span.start, span.end) for span in self.matcher.term_spans(text)[number]]

    def near(self, condition: Near, text: str) -> list[tuple[int, int]]:
        """What stands near a trigger, in reading order.

        Raises:
            MatchTimeoutError: An expression used up its time.
        """
        triggers = [(start, end) for start, end in self.spans(condition.trigger, text) if end > start]
        return near_spans(condition, text, triggers, words(text), lambda part: self.spans(condition.target, part))

    def embedded(self, examples: Sequence[Example]) -> np.ndarray:
        assert self._embed is not None
        return self._embed([stretch(example) for example in examples])

    def near_question(self, condition: NearQuestion, example: Example) -> list[tuple[int, int]]:
        """The matches that count.

        Raises:
            MatchTimeoutError: The expression used up its time.
        """
        spans = self.matcher.pattern_spans(self.matched[condition.pattern], example.text)
        asked = content(example.text_pair or "")
        about = [
            (start, end)
            for start, end in sentences(example.text)
            if len(asked & content(example.text[start:end])) >= condition.least
        ]
        return [span for span in spans if any(start < span[1] and span[0] < end for start, end in about)]

    def likenesses(self, by: Literal["words", "meaning"], examples: Sequence[Example]) -> list[np.ndarray]:
        """How far each sentence of each text resembles the text's question, by example (sentences,); of meaning, the cosine."""
        passages = [[example.text[start:end] for start, end in sentences(example.text)] for example in examples]
        questions = [example.text_pair or "" for example in examples]
        if by == "words":
            return [likeness(question, several) for question, several in zip(questions, passages, strict=True)]
        assert self._embed is not None
        texts = list(dict.fromkeys([*questions, *(passage for several in passages for passage in several)]))
        row = {text: position for position, text in enumerate(texts)}
        vectors = self._embed(texts)
        return [
            np.asarray(vectors[[row[passage] for passage in several]] @ vectors[row[question]])
            for question, several in zip(questions, passages, strict=True)
        ]

    def value_matcher(self, pattern: Pattern) -> Matcher:
        return self._values[pattern]


class Holding:
    """Conditions on one batch. What is asked for is worked out once; patterns all together, at the start."""

    def __init__(self, conditions: Conditions, examples: Sequence[Example], tired: Counter[int]) -> None:
        self.conditions = conditions
        self.examples = examples
        self._known: dict[Condition, Held] = {}
        self._rules: dict[str, Held] = {}
        self._near: dict[Near, dict[int, list[tuple[int, int]]]] = {}
        self._vectors: np.ndarray | None = None
        self._views: dict[Scope, list[View | None]] = {}
        self._alike: dict[str, list[np.ndarray]] = {}
        self._tired = tired
        first_scoped = len(conditions.matched)
        without = frozenset(c for c, times in tired.items() if times >= GIVE_UP and c < first_scoped)
        matches = conditions.matcher.match([example.text for example in examples], without=without)
        order = np.argsort(matches.conditions, kind="stable")
        self._rows = matches.rows[order]
        self._bounds = np.searchsorted(matches.conditions[order], np.arange(len(conditions.matched) + 1))
        self.failed: dict[int, dict[int, str]] = {c: dict.fromkeys(range(len(examples)), NOT_TRIED) for c in without}
        for overrun in matches.overruns:
            tired[overrun.condition] += 1
            characters = len(examples[overrun.row].text)
            reason = overrun_reason(overrun.seconds, characters) if overrun.seconds else NOT_TRIED
            self.failed.setdefault(overrun.condition, {})[overrun.row] = reason

    def rows(self, condition: int) -> np.ndarray:
        """Texts on which a matched condition holds, by its number, sorted."""
        return self._rows[self._bounds[condition] : self._bounds[condition + 1]]

    def rule(self, name: str) -> Held:
        """Whether a rule fires: its condition holds, and none of its exceptions."""
        if name not in self._rules:
            rule = self.conditions.by_name[name]
            self._rules[name] = self.excepted(self.of(rule.when), rule)
        return self._rules[name]

    def excepted(self, held: Held, rule: Rule) -> Held:
        """A rule's condition, less its exceptions."""
        if not rule.unless:
            return held
        return all_of([held, *(negated(self.of(condition)) for condition in rule.unless)])

    def of(self, condition: Condition) -> Held:
        """Whether a condition holds. One that names a label holds where it names one."""
        match condition:
            case Named(rule=name):
                return self.rule(name)
            case Pattern() | Terms():
                number = self.conditions.matched[condition]
                holds = np.zeros(len(self.examples), dtype=bool)
                holds[self.rows(number)] = True
                return Held(holds, self.failed.get(number, {}))
        if condition not in self._known:
            self._known[condition] = self._worked_out(condition)
        return self._known[condition]

    def _worked_out(self, condition: Condition) -> Held:
        match condition:
            case Always():
                return Held(np.ones(len(self.examples), dtype=bool))
            case AllOf(parts=several):
                return all_of([self.of(part) for part in several])
            case AnyOf(parts=several):
                return negated(all_of([negated(self.of(part)) for part in several]))
            case Not(part=part):
                return negated(self.of(part))
            case Call():
                return self._tried(lambda example: bool(called(condition, example)))
            case Length():
                return self._tried(lambda example: length_holds(condition, example.text))
            case Casing():
                return self._tried(lambda example: casing_holds(condition, example.text))
            case Metadata():
                return self._metadata(condition)
            case Near():
                return self._nearby(condition)
            case Similar(label=label):
                labels = self.nearest(condition)
                return Held(labels >= 0 if label is None else labels == _position(condition, label))
            case Within():
                return self._within(condition)
            case Typed():
                return self._tried(lambda example: is_typed(condition, example))
            case Ordered():
                return self._tried(lambda example: in_order(condition, example))
            case NearQuestion():
                return self._tried(lambda example: bool(self.conditions.near_question(condition, example)))
            case Sentences():
                return Held(np.array([bool(found) for found in self.sentences(condition)], dtype=bool))
            case Column():
                raise UserError("a column of votes cannot be part of a condition")
            case Pattern() | Terms() | Named():
                raise AssertionError("answered before")
            case _:
                assert_never(condition)

    def nearest(self, condition: Similar) -> np.ndarray:
        """Position in ``condition.descriptions`` that each text is similar enough to, -1 where none, (texts,).

        With a label it is that label's position or -1, whether or not another description is nearer.
        """
        if self._vectors is None:
            self._vectors = self.conditions.embedded(self.examples)
        similar = self.conditions.similarities(condition, self._vectors)
        if condition.label is None:
            best = similar.argmax(axis=1)
        else:
            best = np.full(len(similar), _position(condition, condition.label))
        return np.where(similar[np.arange(len(similar)), best] >= condition.at_least, best, -1)

    def near(self, condition: Near, row: int) -> list[tuple[int, int]]:
        """The characters of a text for which the condition holds; none where it was not asked whether it does."""
        return self._near.get(condition, {}).get(row, [])

    def _nearby(self, condition: Near) -> Held:
        """Only texts in which both the trigger and the target are found are looked at word by word."""
        both = all_of([self.of(condition.trigger), self.of(condition.target)])
        unknown = dict(both.unknown)
        found: dict[int, list[tuple[int, int]]] = {}
        for row in np.flatnonzero(both.holds).tolist():
            text = self.examples[row].text
            try:
                if spans := self.conditions.near(condition, text):
                    found[row] = spans
            except MatchTimeoutError as error:
                unknown[row] = overrun_reason(error.seconds, len(text))
        self._near[condition] = found
        holds = np.zeros(len(self.examples), dtype=bool)
        holds[list(found)] = True
        return Held(holds, unknown)

    def _seen(self, scope: Scope) -> list[View | None]:
        """A part of every text."""
        if scope not in self._views:
            self._views[scope] = [view(example, scope) for example in self.examples]
        return self._views[scope]

    def _within(self, condition: Within) -> Held:
        views = self._seen(condition.scope)
        match condition.part:
            case Pattern() | Terms():
                self._match_scope(condition.scope, views)
                return self._known[condition]
            case Length() as length:
                return Held(
                    np.array([seen is not None and length_holds(length, seen.text) for seen in views], dtype=bool)
                )
            case Casing() as casing:
                return Held(
                    np.array([seen is not None and casing_holds(casing, seen.text) for seen in views], dtype=bool)
                )
            case _:
                assert_never(condition.part)

    def _match_scope(self, scope: Scope, views: Sequence[View | None]) -> None:
        """Everything that is matched in one part of the texts, all together."""
        scoped = self.conditions.scoped[scope]
        tired = {number - scoped.first for number, times in self._tired.items() if times >= GIVE_UP}
        without = frozenset(number for number in tired if 0 <= number < len(scoped.numbers))
        rows = [row for row, seen in enumerate(views) if seen is not None]
        texts = [seen.text for seen in views if seen is not None]
        matches = scoped.matcher.match(texts, without=without)
        holds = np.zeros((len(scoped.numbers), len(views)), dtype=bool)
        holds[matches.conditions, np.asarray(rows, dtype=np.int64)[matches.rows]] = True
        failed: dict[int, dict[int, str]] = {number: dict.fromkeys(rows, NOT_TRIED) for number in without}
        for overrun in matches.overruns:
            self._tired[overrun.condition + scoped.first] += 1
            reason = overrun_reason(overrun.seconds, len(texts[overrun.row])) if overrun.seconds else NOT_TRIED
            failed.setdefault(overrun.condition, {})[rows[overrun.row]] = reason
        for part, number in scoped.numbers.items():
            self._known[Within(scope, part)] = Held(holds[number], failed.get(number, {}))

    def sentences(self, condition: Sentences) -> list[list[tuple[int, int]]]:
        """The sentences of each text that resemble its question most, in reading order; none where there is no question."""
        if condition.by not in self._alike:
            self._alike[condition.by] = self.conditions.likenesses(condition.by, self.examples)
        found = []
        for example, alike in zip(self.examples, self._alike[condition.by], strict=True):
            counting = np.flatnonzero((alike >= condition.at_least) & (alike > 0)).tolist() if example.text_pair else []
            best = sorted(counting, key=lambda place: (-alike[place], place))[: condition.top]
            ranges = sentences(example.text)
            found.append([ranges[place] for place in sorted(best)])
        return found

    def _metadata(self, condition: Metadata) -> Held:
        held = self._tried(lambda example: metadata_holds(condition, example))
        if condition.matches is None:
            return held
        rows = [row for row, e in enumerate(self.examples) if value_of(condition, e) is not None and held.holds[row]]
        values = [str(value_of(condition, self.examples[row])) for row in rows]
        matches = self.conditions.value_matcher(condition.matches).match(values)
        holds = np.zeros(len(self.examples), dtype=bool)
        holds[np.asarray(rows, dtype=np.int64)[matches.rows]] = True
        late = {rows[o.row]: overrun_reason(o.seconds, len(values[o.row])) for o in matches.overruns}
        return Held(holds, held.unknown | late)

    def _tried(self, test: Callable[[Example], bool]) -> Held:
        """A test of one example at a time; whatever it raises makes that one unknown."""
        holds = np.zeros(len(self.examples), dtype=bool)
        unknown: dict[int, str] = {}
        for row, example in enumerate(self.examples):
            try:
                holds[row] = test(example)
            except Exception as error:  # a user's function may raise anything, a truth value too
                unknown[row] = failure(error, whole=not unknown)
        return Held(holds, unknown)


def _position(condition: Similar, label: str) -> int:
    return [name for name, _ in condition.descriptions].index(label)
