"""Rules about texts that cannot hold together, found before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from ruletune.errors import Location, Problem
from ruletune.rules.base import Always, Reply, Rule, Terms, names_label, references
from ruletune.rules.demands import occurs
from ruletune.rules.filling import pieces
from ruletune.rules.matching import fold
from ruletune.rules.sayings import Avoid, Glossary, Matching, Say, Sized

__all__ = ["text_problems"]

_SHOWN = 80


def text_problems(rules: Sequence[Rule]) -> Iterator[Problem]:
    """What is wrong with the rules of a task whose answer is a text, beyond each entry alone.

    Contradictions are looked for where two rules are sure to meet: one of them always holds, both have the same condition, or
    their conditions share a term.
    """
    for rule in rules:
        yield from _out_of_place(rule, rules)
    yield from _vetoed(rules)
    for first, second in combinations([rule for rule in rules if isinstance(rule.says, Matching | Sized)], 2):
        if _meet(first, second) and (why := _impossible(first, second)):
            yield Problem(
                f"rule {second.name!r} {why} rule {first.name!r}{_at(first.where)}", second.where, "keep one of them"
            )


def _out_of_place(rule: Rule, rules: Sequence[Rule]) -> Iterator[Problem]:
    if rule.weight != 1:
        yield Problem(f"rule {rule.name!r} has a weight, and demands have none", rule.where, "leave it out")
    if rule.priority and not isinstance(rule.says, Reply):
        message = f"rule {rule.name!r} has a priority, and demands all count"
        yield Problem(message, rule.where, "leave it out; replies have priorities")
    helps = any(rule.name in references(other) for other in rules)
    if rule.says is None and names_label(rule.when) and not helps:
        yield Problem(f"the rule {rule.name!r} says nothing", rule.where, "add require, veto or reply; or see score")


@dataclass(frozen=True, slots=True)
class _Wish:
    """Phrases of which one must be said, and where that is written."""

    rule: Rule
    alternatives: tuple[str, ...]
    where: Location | None
    term: str = ""

    def __str__(self) -> str:
        said = " or ".join(map(repr, self.alternatives))
        about = f" for {self.term!r}" if self.term else ""
        return f"requires {said[:_SHOWN]}{about}"


def _wishes(rule: Rule) -> Iterator[_Wish]:
    match rule.says:
        case Say(alternatives=alternatives):
            yield _Wish(rule, alternatives, rule.where)
        case Glossary(entries=entries):
            for entry in entries:
                yield _Wish(rule, entry.targets, entry.where or rule.where, entry.term)
        case Reply(templates=templates):
            for template in templates:
                literal = "".join("…" if is_field else text for is_field, text in pieces(template))
                yield _Wish(rule, (literal,), rule.where)


def _vetoed(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Requirements that vetoes leave no way to meet, and replies that no answer may give."""
    vetoes = [rule for rule in rules if isinstance(rule.says, Avoid)]
    for rule in rules:
        for wish in _wishes(rule) if vetoes else ():
            against = [veto for veto in vetoes if _meet(rule, veto, wish.term)]
            blocking = [_blocking(alternative, against) for alternative in wish.alternatives]
            if all(blocking):
                veto, phrase = blocking[0] or (rule, "")
                what = f"replies {wish.alternatives[0][:_SHOWN]!r}" if isinstance(rule.says, Reply) else str(wish)
                message = f"rule {rule.name!r} {what}, and rule {veto.name!r}{_at(veto.where)} vetoes {phrase!r}"
                yield Problem(message, wish.where, "change one of them: no answer can keep both")


def _blocking(alternative: str, vetoes: Sequence[Rule]) -> tuple[Rule, str] | None:
    """A veto of something that is said whenever the alternative is, and the phrase that it is about."""
    plain = alternative.strip("* ")
    begin, end = ("x" if alternative.startswith("*") else ""), ("x" if alternative.endswith("*") else "")
    ways = {plain, f"{begin}{plain}{end}"}  # where words may go on, a veto of the bare word leaves a way out
    folded = fold(plain)
    for veto in vetoes:
        assert isinstance(veto.says, Avoid)
        for phrase in veto.says.phrases:
            if fold(phrase.strip("* ").split()[0]) not in folded:
                continue  # a quick look: glossaries are long
            if all(occurs(phrase, way, ignore_case=veto.says.ignore_case) for way in ways):
                return veto, phrase
    return None


def _meet(first: Rule, second: Rule, term: str = "") -> bool:
    """Whether there is sure to be a source for which both rules hold.

    Args:
        term: The term of the first rule, a glossary, that must stand in the source.
    """
    for one, other in ((first, second), (second, first)):
        if isinstance(one.when, Always) and set(one.unless) <= set(other.unless):
            return True
    if first.unless or second.unless:
        return first.when == second.when and set(first.unless) == set(second.unless)
    if isinstance(first.when, Terms) and isinstance(second.when, Terms):
        terms = {fold(term)} if term else set(map(fold, first.when.terms))
        return not terms.isdisjoint(map(fold, second.when.terms))
    return first.when == second.when


def _impossible(first: Rule, second: Rule) -> str:
    match first.says, second.says:
        case Matching() as one, Matching() as other if one.pattern == other.pattern and one.wanted != other.wanted:
            return "demands the contrary of"
        case Sized() as one, Sized() as other if one.unit == other.unit:
            for least, most in ((one.at_least, other.at_most), (other.at_least, one.at_most)):
                if most is not None and least > most:
                    return f"cannot be kept together with the length ({least} {one.unit} or more, {most} at most) of"
    return ""


def _at(where: Location | None) -> str:
    return f" ({where})" if where else ""
