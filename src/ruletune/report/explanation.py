"""What an explanation says, as plain values. Terminal and page are drawn from these and from nothing else.

:meth:`Explanation.to_json` is the form that the command line prints, servers send and files keep; an explanation can also be read
like that mapping. ``docs/explaining.md`` has what every key means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = [
    "Attribution", "Belief", "Evidence", "Explanation", "Neighbour", "Other", "Pair", "RuleSaid", "Without", "Word",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text and how much it mattered: half-open characters, and its share of what is explained."""

    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class Other:
    """What the model was shown beside the texts, in the input's order.

    Attributes:
        part: ``template``, ``knowledge``, ``description``, ``labels``, ``markers``, ``rules`` (what rules put into it), ...
    """

    part: str
    words: str
    weight: float


@dataclass(frozen=True, slots=True)
class Attribution:
    """Which words mattered for one answer.

    Attributes:
        answer: As JSON: a label, a span, a text.
        measure: What the weights are shares of: ``log-odds`` or ``log-probability`` of the answer, in nats.
        words: Of the text. pair: of the second text, or the question. others: of what was shown beside them.
        hidden, shown: What is explained with all words hidden, and as it is; the weights add up to their difference.
        delta: By how much their sum is larger than it.
        points: Of the integral.
        cut: Half-open characters of the text that the model was not shown for this answer.
    """

    answer: Any
    measure: str
    words: tuple[Word, ...]
    pair: tuple[Word, ...]
    others: tuple[Other, ...]
    hidden: float
    shown: float
    delta: float
    points: int
    cut: tuple[tuple[int, int], ...] = ()

    def totals(self) -> dict[str, float]:
        """The sum of weights by part of the input: ``text``, ``text_pair``, ``template`` ..."""
        found = {"text": sum(word.weight for word in self.words)}
        if self.pair:
            found["text_pair"] = sum(word.weight for word in self.pair)
        for other in self.others:
            found[other.part] = found.get(other.part, 0.0) + other.weight
        return found

    def to_json(self, text: str, pair: str | None) -> dict[str, Any]:
        return {
            "answer": self.answer,
            "measure": self.measure,
            "words": [_word(word, text) for word in self.words],
            **({"pair": [_word(word, pair) for word in self.pair]} if pair is not None else {}),
            "others": [{"part": o.part, "words": o.words, "weight": o.weight} for o in self.others],
            "totals": self.totals(),
            "hidden": self.hidden,
            "shown": self.shown,
            "delta": self.delta,
            "points": self.points,
            "cut": [list(part) for part in self.cut],
        }


def _word(word: Word, text: str) -> dict[str, Any]:
    return {"text": text[word.start : word.end], "start": word.start, "end": word.end, "weight": word.weight}


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of one label, by whom: probabilities.

    Attributes:
        rules: By the label model; ``None`` where no rule spoke.
        model: By the model alone, as trained. calibrated: at the calibration's temperature. answer: as answered, vetoes held.
    """

    label: str
    rules: float | None
    model: float
    calibrated: float
    answer: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a rule's reliability is based on, beside the prior: how it did when the run was made.

    Attributes:
        correct, judged: What it said that agrees with gold labels, of what could be compared; of a demand, answers that kept it.
        interval: 95% interval of that share; ``None`` where nothing could be compared.
        coverage, conflict: Share of the texts where it fires; where another rule says the contrary.
        faults: Texts on which it failed.
    """

    correct: int
    judged: int
    interval: tuple[float, float] | None
    coverage: float | None = None
    conflict: float | None = None
    faults: int = 0


@dataclass(frozen=True, slots=True)
class Without:
    """What if a rule were gone, on this text. Nothing is trained again: the model still knows what the rule taught it.

    Attributes:
        label_model: What the label model would believe, as in the explanation.
        answer, score: What would be answered; changes: whether that differs.
        overall: What dropping it does to the log-loss on held-out gold, in nats, as the run's report has it; above 0: the rule
            helps. ``None`` where that was not measured.
    """

    label_model: Any
    answer: Any
    score: float
    changes: bool
    overall: float | None = None


@dataclass(frozen=True, slots=True)
class RuleSaid:
    """A rule that fired.

    Attributes:
        answer: As JSON. spans: half-open characters that triggered it. says: what it does, in words.
        reliability: Probability that it is right when it fires, by the label model; ``None`` for demands.
    """

    rule: str
    answer: Any
    spans: tuple[tuple[int, int], ...]
    says: str
    veto: bool = False
    reliability: float | None = None
    kind: str = ""
    where: str = ""
    evidence: Evidence | None = None
    without: Without | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "answer": self.answer,
            "spans": [list(span) for span in self.spans],
            **({"veto": True} if self.veto else {}),
            "says": self.says,
            **({"reliability": self.reliability} if self.reliability is not None else {}),
            "kind": self.kind,
            "where": self.where,
            "evidence": None if self.evidence is None else _plain(self.evidence),
            "without": None if self.without is None else _plain(self.without),
        }


def _plain(value: Evidence | Without) -> dict[str, Any]:
    """The fields of a value, tuples as lists."""
    found = {name: getattr(value, name) for name in value.__slots__}
    return {name: list(each) if isinstance(each, tuple) else each for name, each in found.items()}


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A gold example of the training data, and how near it is: cosine of the two vectors."""

    id: str
    text: str
    answer: Any
    similarity: float
    pair: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """The explanations of an intent and of the slots beside it."""

    intent: Explanation
    slots: Explanation


@dataclass(frozen=True)
class Explanation(Mapping[str, Any]):
    """Why a run answers a text as it does. As a mapping it is what :meth:`to_json` gives.

    Attributes:
        shape: What the answer is: ``label``, ``spans``, ``passage``, ``text``; ``intent`` where it stands beside slots.
        pair: The second text, or the question.
        entities: The two entities whose relation is asked for, half-open characters.
        answer: As JSON. score: its probability. scores: of each span.
        alone: Of spans, what the model finds by itself.
        label_model: What the rules alone say: label to probability, or spans; ``None`` where they say nothing.
        beliefs: Label by label who believes what; empty where the answer is no label.
        attributions: Which words mattered, for each answer that was looked at.
        examples: The nearest gold examples, the nearest first.
        notes: What the reader must know: what is missing, and what to do about it.
        without_rules: Of a text, what is written when no rule is heard.
        demands: Of a text, what rules demand of it: ``rule``, ``demands``, ``kept``.
        both: The two parts, where an intent and slots are explained together.
    """

    shape: str
    text: str
    answer: Any
    score: float
    pair: str | None = None
    entities: tuple[tuple[int, int], ...] = ()
    scores: tuple[float, ...] | None = None
    alone: Any = None
    label_model: Any = None
    beliefs: tuple[Belief, ...] = ()
    rules: tuple[RuleSaid, ...] = ()
    attributions: tuple[Attribution, ...] = ()
    examples: tuple[Neighbour, ...] = ()
    notes: tuple[str, ...] = ()
    without_rules: str | None = None
    demands: tuple[dict[str, Any], ...] = ()
    both: Pair | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values that JSON knows."""
        if self.both is not None:
            return {
                "text": self.text,
                "answer": self.answer,
                "score": self.score,
                "intent": self.both.intent.to_json(),
                "slots": self.both.slots.to_json(),
            }
        return {
            "text": self.text,
            **({} if self.pair is None else {"question" if self.shape == "passage" else "text_pair": self.pair}),
            **({"entities": [list(entity) for entity in self.entities]} if self.entities else {}),
            "answer": self.answer,
            "score": self.score,
            **({} if self.scores is None else {"scores": list(self.scores)}),
            **self._beliefs(),
            "rules": [rule.to_json() for rule in self.rules],
            "attributions": [each.to_json(self.text, self.pair) for each in self.attributions],
            "examples": [_neighbour(each) for each in self.examples],
            "notes": list(self.notes),
        }

    def _beliefs(self) -> dict[str, Any]:
        if self.shape == "text":
            return {"without_rules": self.without_rules, "demands": [dict(demand) for demand in self.demands]}
        return {
            "model": {belief.label: belief.answer for belief in self.beliefs},
            **({} if self.alone is None else {"model_alone": self.alone}),
            "label_model": self.label_model,
            **({"beliefs": {b.label: _belief(b) for b in self.beliefs}} if self.beliefs else {}),
        }

    @cached_property
    def _value(self) -> dict[str, Any]:
        return self.to_json()

    def __getitem__(self, key: str) -> Any:
        return self._value[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def _repr_html_(self) -> str:
        """For notebooks."""
        from ruletune.report.explanation_page import fragment

        return fragment(self)


def _belief(belief: Belief) -> dict[str, Any]:
    return {name: getattr(belief, name) for name in ("rules", "model", "calibrated", "answer")}


def _neighbour(each: Neighbour) -> dict[str, Any]:
    found = {"id": each.id, "text": each.text, "answer": each.answer, "similarity": each.similarity}
    return found if each.pair is None else found | {"text_pair": each.pair}
