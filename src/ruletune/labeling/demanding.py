"""The rules of a task whose answer is a text: what they demand of the answer to each source, and the answers that they give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ruletune.errors import Problem, UserError
from ruletune.labeling.apply import RuleSet, check_faults
from ruletune.labeling.evaluate import NOT_TRIED, Embed
from ruletune.labeling.held import failure, overrun_reason
from ruletune.rules.base import Fault, Link, Prompt, Reply, Rule, Slots, Veto, Vote, references
from ruletune.rules.demands import Demand, unmet
from ruletune.rules.filling import filled, values_of
from ruletune.rules.matching import GIVE_UP, MatchTimeoutError
from ruletune.rules.unfolding import demands_of
from ruletune.types import Example, Firing, Span

__all__ = ["Demanded", "Demanding"]


@dataclass(frozen=True, slots=True)
class Demanded:
    """What rules demand of the answers to some sources.

    Attributes:
        by_example: The demands on each answer, in the order of the rules.
        replies: The answers that rules give to each source, filled in: first those that meet all demands, and in the order
            of the rules. Of rules of different priority only the highest reply.
        fired: (examples, rules) bool: the rule demands or replies something there.
        faults: Rules that failed, with the number of sources they failed on.
    """

    rules: tuple[Rule, ...]
    by_example: list[tuple[Demand, ...]]
    replies: list[tuple[str, ...]]
    fired: np.ndarray
    faults: tuple[Fault, ...] = ()


class Demanding:
    """The rules of a task whose answer is a text, compiled once.

    Args:
        embed: Makes sentence embeddings, for rules that compare them.

    Raises:
        UserError: A rule speaks of labels, or says nothing.

    >>> from ruletune.rules.base import Say, Terms
    >>> rules = Demanding((Rule("dogs", Terms(("dog", "dogs")), Say(("Hund", "Hunde"))),))
    >>> found = rules.demands([Example("1", "Two dogs run."), Example("2", "A cat.")])
    >>> [demand.what.alternatives for demand in found.by_example[0]], found.by_example[1], found.fired.tolist()
    ([('Hund', 'Hunde')], (), [[True], [False]])
    """

    def __init__(self, rules: Sequence[Rule], *, embed: Embed | None = None) -> None:
        self.rules = tuple(rules)
        problems = [problem for rule in self.rules for problem in self._wrong(rule)]
        if problems:
            raise UserError.of(problems)
        self._tired = Counter[str]()
        self._set = RuleSet([replace(rule, priority=0) for rule in self.rules], labels=(), embed=embed)

    def _wrong(self, rule: Rule) -> Iterator[Problem]:
        if isinstance(rule.says, Vote | Veto | Prompt | Link):
            yield Problem(f"rule {rule.name!r} speaks of labels, and the answer is a text", rule.where, _SAYINGS)
        if rule.says is None and not any(rule.name in references(other) for other in self.rules):
            yield Problem(f"rule {rule.name!r} demands nothing", rule.where, _SAYINGS)

    def demands(
        self,
        examples: Sequence[Example],
        *,
        strict: bool = True,
        progress: Callable[[int], None] | None = None,
    ) -> Demanded:
        """What all rules demand of the answers to all examples.

        Args:
            strict: Without it, columns that are not there demand nothing, and no rule's failing is an error.
            progress: Told how many examples were done since it was last told.

        Raises:
            UserError: A column is missing, or the dialogue acts; a rule fails on every source.
        """
        if strict and examples:
            self._check_slots(examples)
        self._tired = Counter[str]()
        votes = self._set.apply(examples, progress=progress, strict=strict)
        fired = votes.matrix >= 0
        faults = {fault.rule: fault for fault in votes.faults}
        by_example, replies = [], []
        for row, example in enumerate(examples):
            demanded, given = self._of(example, fired[row], faults)
            by_example.append(demanded)
            replies.append(given)
        if strict:
            check_faults(self.rules, tuple(faults.values()), texts=len(examples))
        return Demanded(self.rules, by_example, replies, fired, tuple(faults.values()))

    def _check_slots(self, examples: Sequence[Example]) -> None:
        """A rule about slots where no example has any is a mistake in the task file."""
        about = [rule for rule in self.rules if isinstance(rule.says, Slots)]
        if about and not any("slots" in example.fields for example in examples):
            message = f"rule {about[0].name!r} is about slots, and the data has no dialogue acts"
            raise UserError(message, where=about[0].where, remedy="name their column: data.columns.act")

    def _of(
        self, example: Example, fired: np.ndarray, faults: dict[str, Fault]
    ) -> tuple[tuple[Demand, ...], tuple[str, ...]]:
        """Demands and replies for one example. What turns out to say nothing is taken out of ``fired``."""
        positions = [n for n in np.flatnonzero(fired).tolist() if self.rules[n].says is not None]
        fired[[n for n in np.flatnonzero(fired).tolist() if self.rules[n].says is None]] = False
        demanded: list[Demand] = []
        replying: list[tuple[Rule, tuple[str, ...]]] = []
        for position, spans in zip(positions, self._set.triggers(example, positions), strict=True):
            rule = self.rules[position]
            if isinstance(rule.says, Reply):
                values = values_of(example)
                answers = (filled(template, values) for template in rule.says.templates)
                given = tuple(answer for answer in answers if answer is not None)
                replying.append((rule, given))
                fired[position] = bool(given)
                continue
            try:
                if self._tired[rule.name] >= GIVE_UP:
                    raise TimeoutError(NOT_TRIED)
                found = demands_of(rule, example, spans)
            except Exception as error:  # a pattern that works without end; a rule that fails is a fault, never silence
                self._tired[rule.name] += isinstance(error, MatchTimeoutError)
                _fault(faults, rule.name, example, error)
                fired[position] = False
                continue
            demanded += found
            fired[position] = bool(found)
        return tuple(demanded), _ranked(replying, demanded, example)

    def firings(self, example: Example) -> tuple[Firing, ...]:
        """The rules that demand or reply something, with the characters of the source that this follows from."""
        [fired] = self.firings_of(self.demands([example], strict=False), [example])
        return fired

    def firings_of(self, demanded: Demanded, examples: Sequence[Example]) -> list[tuple[Firing, ...]]:
        """The same for each example, from what was found about all of them."""
        rows = zip(demanded.by_example, demanded.fired, examples, strict=True)
        return [self._firings(demands, np.flatnonzero(fired).tolist(), example) for demands, fired, example in rows]

    def _firings(self, demands: Sequence[Demand], fired: Sequence[int], example: Example) -> tuple[Firing, ...]:
        spans: dict[str, set[tuple[int, int]]] = {}
        for demand in demands:
            spans.setdefault(demand.rule, set()).update((span.start, span.end) for span in demand.spans)
        replies = [n for n in fired if isinstance(self.rules[n].says, Reply)]
        for position, triggers in zip(replies, self._set.triggers(example, replies), strict=True):
            spans[self.rules[position].name] = {(span.start, span.end) for span in triggers}
        names = [self.rules[position].name for position in fired]
        return tuple(Firing(name, None, tuple(Span(*edges) for edges in sorted(spans.get(name, ())))) for name in names)

    def slow(self) -> dict[str, str]:
        """Rules that cannot be matched along with all others, by name, and why."""
        return self._set.slow()


_SAYINGS = "it can require, veto or reply"


def _ranked(
    replying: Sequence[tuple[Rule, tuple[str, ...]]], demanded: Sequence[Demand], example: Example
) -> tuple[str, ...]:
    """The replies of the highest priority, each once, those with the fewest unmet demands first."""
    highest = max((rule.priority for rule, given in replying if given), default=0)
    answers = dict.fromkeys(answer for rule, given in replying if rule.priority == highest for answer in given)
    return tuple(sorted(answers, key=lambda answer: len(unmet(demanded, example, answer))))


def _fault(faults: dict[str, Fault], rule: str, example: Example, error: Exception) -> None:
    first = faults.get(rule)
    if first is not None:
        faults[rule] = replace(first, count=first.count + 1)
        return
    if isinstance(error, MatchTimeoutError):
        reason = overrun_reason(error.seconds, len(example.text))
    else:
        reason = failure(error, whole=True)
    faults[rule] = Fault(rule, 1, example.id, reason)
