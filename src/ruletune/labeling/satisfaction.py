"""How well answers keep what rules demand: by rule, by entry of a glossary, and all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ruletune.labeling.analysis import kind_name
from ruletune.labeling.demanding import Demanded
from ruletune.labeling.evaluate import NOT_TRIED
from ruletune.labeling.held import failure
from ruletune.rules.base import Copy, Fault, Glossary, Reply, Rule, Say, Says, Slots
from ruletune.rules.demands import Demand, met, words_of
from ruletune.rules.matching import GIVE_UP, MatchTimeoutError
from ruletune.types import Example, Span

__all__ = ["Broken", "Kept", "Satisfaction", "satisfaction"]


@dataclass(frozen=True, slots=True)
class Broken:
    """An answer that does not meet a demand.

    Attributes:
        spans: The characters of the source that the demand follows from.
        demanded: What was demanded, in words.
    """

    id: str
    source: str
    spans: tuple[Span, ...]
    answer: str
    demanded: str


@dataclass(frozen=True, slots=True)
class Kept:
    """How well one rule is kept, or one entry of it.

    Attributes:
        entry: The term, slot or thing that this is about; empty for the whole rule.
        demands: What is demanded, in words.
        demanded: Demands that could be judged.
        met: Those that were met.
        broken: The first answers that do not meet one.
    """

    rule: str
    kind: str
    entry: str
    demands: str
    demanded: int
    met: int
    broken: tuple[Broken, ...] = ()

    @property
    def share(self) -> float:
        """Share of the demands that were met; 1 where there were none."""
        return self.met / self.demanded if self.demanded else 1.0


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """How well answers keep the rules.

    Attributes:
        rows: By rule, in the order of the task file; replies demand nothing and have none.
        entries: By entry of the rules that have several, those that were broken most often first.
        answers, whole: Answers that were judged, and those that meet every demand.
        faults: Rules that could not judge some answers, which count as not met.
    """

    rows: tuple[Kept, ...]
    entries: tuple[Kept, ...]
    answers: int
    whole: int
    term_accuracy: float | None
    slot_error_rate: float | None
    copied: float | None
    faults: tuple[Fault, ...] = ()

    @property
    def share(self) -> float:
        """Share of all demands that were met; 1 where there were none."""
        demanded = sum(row.demanded for row in self.rows)
        return sum(row.met for row in self.rows) / demanded if demanded else 1.0


@dataclass(slots=True)
class _Count:
    demands: str
    demanded: int = 0
    met: int = 0
    broken: list[Broken] = field(default_factory=list)

    def add(self, kept: bool, broken: Broken, shown: int) -> None:
        self.demanded += 1
        self.met += kept
        if not kept and len(self.broken) < shown:
            self.broken.append(broken)

    def kept(self, rule: Rule, entry: str) -> Kept:
        name, kind = rule.name, kind_name(rule)
        return Kept(name, kind, entry, self.demands, self.demanded, self.met, tuple(self.broken))


def satisfaction(
    demanded: Demanded, examples: Sequence[Example], answers: Sequence[Sequence[str]], *, shown: int = 3
) -> Satisfaction:
    """Judge answers by what rules demand.

    Args:
        answers: For each example, its answer; or several, of which one must meet a demand; or none: it is not judged.
        shown: Broken answers that are kept for each rule and entry.

    >>> from ruletune.labeling.demanding import Demanding
    >>> from ruletune.rules.base import Terms
    >>> rules = Demanding((Rule("dogs", Terms(("dog",)), Say(("Hund",))),))
    >>> texts = [Example("1", "a dog"), Example("2", "a big dog")]
    >>> found = satisfaction(rules.demands(texts), texts, [["ein Hund"], ["eine Katze"]])
    >>> found.rows[0].demanded, found.rows[0].met, found.term_accuracy, found.whole
    (2, 1, 0.5, 1)
    """
    by_name = {rule.name: rule for rule in demanded.rules}
    rows = {
        name: _Count(words_of(rule.says))
        for name, rule in by_name.items()
        if rule.says and not isinstance(rule.says, Reply)
    }
    entries: dict[tuple[str, str], _Count] = {}
    faults: dict[str, Fault] = {}
    tired = Counter[str]()
    judged = whole = 0
    for example, demands, given in zip(examples, demanded.by_example, answers, strict=True):
        if not given:
            continue
        verdicts = [_judged(demand, example, given, faults, tired) for demand in demands]
        judged, whole = judged + 1, whole + all(verdicts)
        for demand, kept in zip(demands, verdicts, strict=True):
            broken = Broken(example.id, example.text, demand.spans, given[0], words_of(demand.what))
            rows[demand.rule].add(kept, broken, shown)
            if demand.entry:
                entries.setdefault((demand.rule, demand.entry), _Count(broken.demanded)).add(kept, broken, shown)
    ordered = sorted(entries.items(), key=lambda item: (item[1].met - item[1].demanded, item[0]))
    return Satisfaction(
        rows=tuple(count.kept(by_name[name], "") for name, count in rows.items()),
        entries=tuple(count.kept(by_name[rule], entry) for (rule, entry), count in ordered),
        answers=judged,
        whole=whole,
        term_accuracy=_share(by_name, rows, (Say, Glossary)),
        slot_error_rate=None if (said := _share(by_name, rows, (Slots,))) is None else 1.0 - said,
        copied=_share(by_name, rows, (Copy,)),
        faults=tuple(faults.values()),
    )


def _judged(
    demand: Demand, example: Example, answers: Sequence[str], faults: dict[str, Fault], tired: Counter[str]
) -> bool:
    kept = False
    for answer in answers:
        try:
            if tired[demand.rule] >= GIVE_UP:
                raise TimeoutError(NOT_TRIED)
            kept = kept or met(demand, example, answer)
        except Exception as error:  # a user's function may raise anything
            tired[demand.rule] += isinstance(error, MatchTimeoutError)
            first = faults.get(demand.rule)
            reason = failure(error, whole=True) if first is None else first.traceback
            first_id, count = (first.example_id, first.count) if first else (example.id, 0)
            faults[demand.rule] = Fault(demand.rule, count + 1, first_id, reason)
    return kept


def _share(rules: dict[str, Rule], rows: dict[str, _Count], kinds: tuple[type[Says], ...]) -> float | None:
    """Share of the demands of some kinds of rule that were met; ``None`` where there were none."""
    counts = [count for name, count in rows.items() if isinstance(rules[name].says, kinds)]
    demanded = sum(count.demanded for count in counts)
    return sum(count.met for count in counts) / demanded if demanded else None
